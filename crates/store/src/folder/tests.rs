//! Folders as people have them: with links, with what may not be read, with odd names.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use object_store::{ObjectStoreExt, PutMode};
use tempfile::TempDir;

use super::*;
use crate::data_file::Listing;
use crate::list::{list, list_hours, resolve_root};
use crate::names::Hour;

/// 2026-11-22T11:00:00Z
const ELEVEN: Hour = Hour(498_707);

const HOUR: &str = "spans/date=2026-11-22/hour=11";

async fn folder_with(files: &[&str]) -> (TempDir, Folder) {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::new(root.path()).unwrap();
    for file in files {
        folder.put(&Path::from(*file), "x".into()).await.unwrap();
    }
    (root, folder)
}

fn told(listing: &Listing) -> Vec<(&str, &str, bool)> {
    listing.foreign.iter().map(|it| (it.location.as_ref(), it.reason, it.may_hide_spans)).collect()
}

#[tokio::test]
async fn one_bad_entry_costs_itself() {
    let file = format!("{HOUR}/a.parquet");
    let (root, folder) = folder_with(&[&file, "elsewhere/b.parquet"]).await;
    let hour = root.path().join(HOUR);
    symlink("nowhere.parquet", hour.join("dangling.parquet")).unwrap();
    symlink("..", hour.join("loop")).unwrap();
    symlink("itself", hour.join("itself")).unwrap();
    symlink(root.path().join("elsewhere"), hour.join("link")).unwrap();
    fs::write(hour.join(std::ffi::OsStr::from_bytes(b"\xff.parquet")), "x").unwrap();

    // The plain store would end here, with nothing.
    let plain = LocalFileSystem::new_with_prefix(root.path()).unwrap();
    list(&plain, &Path::from("spans")).await.unwrap_err();

    let spans = resolve_root(&folder, &Path::default()).await.unwrap();
    assert_eq!(spans.as_ref(), "spans");
    let whole = list(&folder, &spans).await.unwrap();
    let of_hour = list_hours(&folder, &spans, ELEVEN..=ELEVEN).await.unwrap();
    let of_days = list_hours(&folder, &spans, Hour(0)..=Hour(600_000)).await.unwrap();
    for listing in [whole, of_hour, of_days] {
        let files: Vec<_> = listing.files.iter().map(|file| file.location.as_ref()).collect();
        // A link to files is followed.
        assert_eq!(files.first(), Some(&file.as_str()));
        assert!(files.contains(&format!("{HOUR}/link/b.parquet").as_str()), "{files:?}");
        let at = |name: &str| format!("{HOUR}/{name}");
        for (name, reason) in [
            ("dangling.parquet", "a link that leads nowhere"),
            ("itself", "a link that leads nowhere"),
            ("%EF%BF%BD.parquet", "not named in UTF-8"),
        ] {
            assert!(told(&listing).contains(&(at(name).as_str(), reason, true)), "{name}: {listing:?}");
        }
    }
}

#[tokio::test]
async fn a_link_back_is_told_and_not_followed() {
    let (root, folder) = folder_with(&[&format!("{HOUR}/a.parquet")]).await;
    symlink("../..", root.path().join(HOUR).join("loop")).unwrap();
    let listing = list(&folder, &Path::from("spans")).await.unwrap();
    assert_eq!(listing.files.len(), 1);
    assert_eq!(
        told(&listing),
        [(format!("{HOUR}/loop").as_str(), "a link to a folder that it lies in", true)]
    );
}

#[tokio::test]
async fn a_folder_that_may_not_be_read_is_told() {
    let (root, folder) =
        folder_with(&[&format!("{HOUR}/a.parquet"), "spans/date=2026-11-22/b.parquet"]).await;
    let hour = root.path().join(HOUR);
    fs::set_permissions(&hour, fs::Permissions::from_mode(0o000)).unwrap();
    // Nothing keeps the superuser out.
    let is_readable = fs::read_dir(&hour).is_ok();
    let whole = list(&folder, &Path::from("spans")).await.unwrap();
    let of_hour = list_hours(&folder, &Path::from("spans"), ELEVEN..=ELEVEN).await.unwrap();
    let alone = list(&folder, &Path::from(HOUR)).await;
    fs::set_permissions(&hour, fs::Permissions::from_mode(0o700)).unwrap();
    if is_readable {
        assert_eq!((whole.files.len(), of_hour.files.len(), alone.unwrap().files.len()), (2, 1, 1));
    } else {
        assert_eq!((whole.files.len(), of_hour.files.len()), (1, 0));
        assert_eq!(told(&whole), [(HOUR, "not readable: permission denied", true)]);
        assert_eq!(told(&whole), told(&of_hour));
        // Where nothing else was asked for, there is nothing to go on with.
        assert!(alone.unwrap_err().to_string().contains(HOUR));
    }
}

#[tokio::test]
async fn what_is_listed_can_be_read() {
    let names =
        ["a.parquet", "with space", "état", "a%20b", "a+b", "q?x", "date=2026-11-22/hour=11/x", "semi;,"];
    let (root, folder) = folder_with(&names).await;
    // In the midst of being written.
    fs::write(root.path().join("a.parquet#1"), "x").unwrap();
    let listed: Vec<ObjectMeta> = folder.list(None).map(|object| object.unwrap()).collect::<Vec<_>>().await;
    let mut found: Vec<&str> = listed.iter().map(|object| object.location.as_ref()).collect();
    let mut expected: Vec<String> = names.iter().map(|name| Path::from(*name).to_string()).collect();
    expected.sort();
    found.sort_unstable();
    assert_eq!(found, expected);
    for object in &listed {
        assert_eq!(folder.get(&object.location).await.unwrap().bytes().await.unwrap(), "x");
        assert_eq!(object.size, 1);
    }
    let plain = LocalFileSystem::new_with_prefix(root.path()).unwrap();
    let (ours, theirs) =
        (folder.list_with_delimiter(None).await.unwrap(), plain.list_with_delimiter(None).await.unwrap());
    assert_eq!(ours.common_prefixes, theirs.common_prefixes);
    let mut theirs: Vec<_> =
        theirs.objects.into_iter().map(|object| (object.location, object.last_modified)).collect();
    theirs.sort();
    let ours: Vec<_> =
        ours.objects.into_iter().map(|object| (object.location, object.last_modified)).collect();
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn writing_keeps_the_modes_of_the_store() {
    let (_root, folder) = folder_with(&["new/folder/a"]).await;
    let path = Path::from("new/folder/a");
    let error = folder.put_opts(&path, "y".into(), PutMode::Create.into()).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    folder.put(&path, "z".into()).await.unwrap();
    assert_eq!(folder.get(&path).await.unwrap().bytes().await.unwrap(), "z");
    folder.delete(&path).await.unwrap();
    assert!(matches!(folder.get(&path).await.unwrap_err(), Error::NotFound { .. }));
    assert_eq!(folder.list(Some(&Path::from("nowhere"))).count().await, 0);
}

#[tokio::test]
async fn a_listing_of_many_goes_on_behind_a_bad_entry() {
    let (root, folder) = folder_with(&["spans/a/0.parquet"]).await;
    for at in 1..3_000 {
        fs::write(root.path().join(format!("spans/a/{at}.parquet")), "x").unwrap();
        if at % 500 == 0 {
            symlink("nowhere", root.path().join(format!("spans/a/{at}-link"))).unwrap();
        }
    }
    let listing = list(&folder, &Path::from("spans")).await.unwrap();
    assert_eq!((listing.files.len(), listing.foreign.len()), (3_000, 5));
}
