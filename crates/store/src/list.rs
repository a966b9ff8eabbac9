//! Lists data files.
//!
//! Listing reports whatever lies among the data files and is none, so that a file that was put there by
//! mistake, or half uploaded by another tool, is seen and not silently passed over. Of an hour that was compacted, the
//! files are those that were replaced, each within its compacted file ([`crate::compaction`]).
//!
//! | asked for | is listed | from it comes |
//! | --- | --- | --- |
//! | [`list`]: all there is | the root, in one listing | every file |
//! | [`list_hours`]: some hours | their folders, several at a time; of many hours, the days' that exist | every file in them |
//! | [`list_range`]: spans that ended in a range | the same | files whose names do not say that they hold none |

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use futures::StreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use crate::data_file::{DataFile, Foreign, Listing};
use crate::error::StoreError;
use crate::folder::BrokenObject;
use crate::found::{Found, found, is_parquet, listed};
use crate::names::{Hour, hours_of};

/// The folder of spans in the root of a store.
const SPANS: &str = "spans";

/// Folders that make a root the root of a whole store, even while no span has arrived: Parquet files in
/// them are not spans.
const EVALUATOR_FOLDERS: [&str; 3] = ["state", "violations", "evaluations"];

/// Returns the folder of a root's data files: its folder `spans/`, where it is the root of a whole store, else the root
/// itself.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn resolve_root(store: &dyn ObjectStore, root: &Path) -> Result<Path, StoreError> {
    // A single file has nothing below it, and a folder of this name, as Spark writes them, is no store.
    if root.filename().is_some_and(is_parquet) {
        return Ok(root.clone());
    }
    for folder in [SPANS].into_iter().chain(EVALUATOR_FOLDERS) {
        let folder = root.clone().join(folder);
        match store.list(Some(&folder)).next().await {
            // A folder in which something cannot be read is there, too.
            Some(Err(error)) if BrokenObject::of(&error).is_some() => return Ok(root.clone().join(SPANS)),
            Some(Ok(_)) => return Ok(root.clone().join(SPANS)),
            Some(Err(source)) => {
                return Err(StoreError::Request { action: "list", location: folder, source });
            }
            None => {}
        }
    }
    Ok(root.clone())
}

/// All data files at or below `root`, which may also be a single file. Give it what [`resolve_root`]
/// returned.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn list(store: &dyn ObjectStore, root: &Path) -> Result<Listing, StoreError> {
    let mut listing = listed(store, root).await?.resolve(store).await?;
    if let Some(broken) = listing.foreign.iter().find(|it| it.may_hide_spans && it.location == *root) {
        // Nothing at all could be listed.
        let source = Error::Generic { store: "folder", source: broken.reason.into() };
        return Err(StoreError::Request { action: "list", location: root.clone(), source });
    }
    if listing.files.is_empty() && listing.foreign.is_empty() && !root.is_root() {
        // A prefix is a folder to a store: a file of that very name is not below it.
        match store.head(root).await {
            // Who names a compacted file alone means it.
            Ok(object) if is_parquet(root.filename().unwrap_or_default()) => {
                listing.files.push(DataFile::of(object));
            }
            Ok(object) => {
                let mut found = Found::default();
                found.add(root, object);
                listing.foreign = found.foreign;
            }
            Err(Error::NotFound { .. }) => {}
            Err(source) => {
                return Err(StoreError::Request { action: "look up", location: root.clone(), source });
            }
        }
    }
    listing.sort();
    Ok(listing)
}

/// Folders that are listed at a time.
const CONCURRENT_LISTINGS: usize = 16;

/// Of more hours than these, whole days are listed, and only those of which there is a folder.
const HOURS_LISTED_SINGLY: i64 = 48;

/// The data files of some hours' partitions below `root`, which is the folder of the `date=` folders.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn list_hours(
    store: &dyn ObjectStore,
    root: &Path,
    hours: RangeInclusive<Hour>,
) -> Result<Listing, StoreError> {
    let (first, last) = hours.into_inner();
    if last < first {
        return Ok(Listing::default());
    }
    let (first_folder, last_folder) = (first.partition(), last.partition());
    let folders = if last.0.saturating_sub(first.0) < HOURS_LISTED_SINGLY {
        (first.0..=last.0).map(|hour| partition(root, Hour(hour))).collect()
    } else {
        folders_of_days(store, root, first..=last).await?
    };
    let mut found = found(store, folders, CONCURRENT_LISTINGS).await?;
    // A day has other hours, too. Partitions sort as the hours they are of.
    let in_range = |partition: &String| (&first_folder..=&last_folder).contains(&partition);
    found.retain(|location| partition_of(root, location).is_some_and(|it| in_range(&it)));
    // What lies beside the hours may be of any.
    let is_elsewhere = |it: &Foreign| {
        partition_of(root, &it.location).is_some_and(|it| it.contains("/hour=") && !in_range(&it))
    };
    found.foreign.retain(|it| !is_elsewhere(it));
    found.resolve(store).await
}

/// The data files below `root` that may hold a span that ended within these nanoseconds since the epoch, both ends
/// included. Files whose names fluo did not write may hold any.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn list_range(
    store: &dyn ObjectStore,
    root: &Path,
    ends_ns: RangeInclusive<i64>,
) -> Result<Listing, StoreError> {
    let mut listing = list_hours(store, root, hours_of(&ends_ns)).await?;
    listing.files.retain(|file| file.stored().name.as_ref().is_none_or(|name| name.may_hold(&ends_ns)));
    Ok(listing)
}

/// Returns when the first span ended of those files below `root` (the folder of the `date=` folders) that count, as far as
/// their names say: the earliest day that has one is listed. `None` where there is none.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn first_end(
    store: &dyn ObjectStore,
    root: &Path,
    counts: impl Fn(&DataFile) -> bool,
) -> Result<Option<i64>, StoreError> {
    let mut days = folders_of_days(store, root, Hour::of_ns(i64::MIN)..=Hour::of_ns(i64::MAX)).await?;
    days.sort();
    for day in days {
        let files = listed(store, &day).await?.resolve(store).await?.files;
        let with_spans = files.iter().filter(|file| !file.is_without_rows() && counts(file));
        let ends = with_spans.map(|file| *file.ends_ns().start()).filter(|&end| end > i64::MIN);
        if let Some(first) = ends.min() {
            return Ok(Some(first));
        }
    }
    Ok(None)
}

/// The files of a listing that have arrived since `seen` was made of the [`DataFile::arrival_name`]s, by location.
pub fn newly_arrived(listing: &Listing, seen: &BTreeSet<String>) -> Vec<DataFile> {
    let files = listing.files.iter();
    files.filter(|file| !seen.contains(file.arrival_name())).cloned().collect()
}

/// The folders of the days of some hours that there are below `root`.
pub(crate) async fn folders_of_days(
    store: &dyn ObjectStore,
    root: &Path,
    hours: RangeInclusive<Hour>,
) -> Result<Vec<Path>, StoreError> {
    let days = hours.start().day()..=hours.end().day();
    // No prefix at all is how a store wants its root to be named.
    let listed = store.list_with_delimiter((!root.is_root()).then_some(root)).await;
    let folders = listed
        .map_err(|source| StoreError::Request { action: "list", location: root.clone(), source })?
        .common_prefixes;
    let in_range = |folder: &Path| folder.filename().is_some_and(|name| days.contains(&name.to_owned()));
    Ok(folders.into_iter().filter(in_range).collect())
}

/// The first two folders below `root`: `date=2026-11-22/hour=11`.
fn partition_of(root: &Path, location: &Path) -> Option<String> {
    let mut parts = location.prefix_match(root)?;
    Some(format!("{}/{}", parts.next()?.as_ref(), parts.next()?.as_ref()))
}

/// The folder of an hour below `root`.
pub fn partition(root: &Path, hour: Hour) -> Path {
    hour.partition().split('/').fold(root.clone(), Path::join)
}

#[cfg(test)]
mod tests {
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;

    use super::*;
    use crate::names::DataFileName;

    const OURS: &str = "1795345491200-1795345572000-8192-9f86d081884c7d65-l1-d1.parquet";

    async fn store_of(locations: &[&str]) -> InMemory {
        let store = InMemory::new();
        for location in locations {
            store.put(&Path::parse(location).unwrap(), "x".into()).await.unwrap();
        }
        store
    }

    fn locations(listing: &Listing) -> Vec<&str> {
        listing.files.iter().map(|file| file.location.as_ref()).collect()
    }

    #[tokio::test]
    async fn a_root_is_a_store_a_folder_of_spans_or_any_folder() {
        let ours = format!("lake/spans/date=2026-11-22/hour=11/{OURS}");
        let cases: &[(&str, &[&str], &str, &[&str])] = &[
            ("a whole store", &[&ours, "lake/violations/v.parquet"], "lake", &[&ours]),
            ("its spans", &[&ours], "lake/spans", &[&ours]),
            ("a store in which no span has arrived", &["lake/violations/v.parquet"], "lake", &[]),
            (
                "a folder of another program's",
                &["x/b.parquet", "x/a/a.parquet"],
                "x",
                &["x/a/a.parquet", "x/b.parquet"],
            ),
            ("one file", &["x/b.parquet", "x/c.parquet"], "x/b.parquet", &["x/b.parquet"]),
            ("everything", &["b.parquet"], "", &["b.parquet"]),
            ("a folder of a like name", &["xy/b.parquet"], "x", &[]),
            ("nothing", &[], "x", &[]),
        ];
        for (scenario, objects, root, expected) in cases {
            let store = store_of(objects).await;
            let root = resolve_root(&store, &Path::from(*root)).await.unwrap();
            let listing = list(&store, &root).await.unwrap();
            assert_eq!(locations(&listing), *expected, "{scenario}");
            assert_eq!(listing.foreign, [], "{scenario}");
        }
    }

    #[tokio::test]
    async fn what_is_no_data_file_is_reported() {
        let store = store_of(&[
            "spans/_SUCCESS",
            "spans/.tmp/a.parquet",
            "spans/a.PARQUET",
            "spans/notes.txt",
            "spans/parquet",
        ])
        .await;
        // No data is in an empty file either, but some may have been meant to be: reading it will tell.
        store.put(&Path::from("spans/empty.parquet"), "".into()).await.unwrap();
        let listing = list(&store, &Path::from("spans")).await.unwrap();
        assert_eq!(locations(&listing), ["spans/a.PARQUET", "spans/empty.parquet"]);
        let foreign: Vec<_> = listing.foreign.iter().map(|it| (it.location.as_ref(), it.reason)).collect();
        assert_eq!(
            foreign,
            [
                ("spans/.tmp/a.parquet", "hidden"),
                ("spans/_SUCCESS", "hidden"),
                ("spans/notes.txt", "not a .parquet file"),
                ("spans/parquet", "not a .parquet file"),
            ]
        );
    }

    #[tokio::test]
    async fn a_root_below_a_hidden_folder_is_not_hidden() {
        let store = store_of(&["home/.cache/spans/a.parquet"]).await;
        let listing = list(&store, &Path::from("home/.cache/spans")).await.unwrap();
        assert_eq!(locations(&listing), ["home/.cache/spans/a.parquet"]);
    }

    #[tokio::test]
    async fn only_the_hours_asked_for_are_listed() {
        let file = |hour| format!("spans/date=2026-11-22/hour={hour}/{OURS}");
        let (ten, eleven, twelve) = (file("10"), file("11"), file("12"));
        let store = store_of(&[&ten, &eleven, &twelve]).await;
        let hour = DataFileName::parse(OURS).unwrap().hour();
        let listing = list_hours(&store, &Path::from("spans"), Hour(hour.0 - 1)..=hour).await.unwrap();
        assert_eq!(locations(&listing), [ten, eleven]);
        assert_eq!(listing.files[0].name, DataFileName::parse(OURS));
    }

    fn file_at(hour: i64, offset_ms: i64, content: &str) -> (String, String) {
        let first = hour * 3_600_000_000_000 + offset_ms * 1_000_000;
        let content = crate::names::Content::of(content.as_bytes());
        let name = DataFileName::new(first..=first + 1_500_000, 1, content, 1, 1).unwrap();
        (format!("spans/{}/{name}", Hour(hour).partition()), name.to_string())
    }

    #[tokio::test]
    async fn a_range_gives_the_files_that_may_hold_its_spans() {
        const HOUR: i64 = 3_600_000_000_000;
        const START: i64 = 498_707;
        let at = |hours: i64, ms: i64| file_at(START + hours, ms, &format!("{hours} {ms}")).0;
        let hour = partition(&Path::from("spans"), Hour(START));
        let theirs = format!("{hour}/part-0.parquet");
        let files =
            [at(-1, 3_599_990), at(0, 0), at(0, 5_000), theirs.clone(), at(1, 0), at(60, 0), at(90, 0)];
        let notes = format!("{hour}/notes.txt");
        let mut all: Vec<&str> = files.iter().map(String::as_str).collect();
        all.extend([notes.as_str(), "spans/other/date.parquet", "spans/date=x/y.parquet"]);
        let store = store_of(&all).await;
        let start = START * HOUR;
        let ms = 1_000_000;
        let cases: [(&str, RangeInclusive<i64>, &[usize]); 9] = [
            ("an hour", start..=start + HOUR - 1, &[1, 2, 3]),
            ("its first moment", start..=start, &[1, 3]),
            ("the moment before it", start - 1..=start - 1, &[]),
            ("over its start", start - 10 * ms..=start, &[0, 1, 3]),
            ("between two files", start + 3 * ms..=start + 4_999 * ms, &[3]),
            ("two days and a half", start + HOUR..=start + 60 * HOUR, &[4, 5]),
            ("many hours, from the middle of a day", start + 4_000 * ms..=start + 60 * HOUR, &[2, 3, 4, 5]),
            ("all of time", i64::MIN..=i64::MAX, &[0, 1, 2, 3, 4, 5, 6]),
            ("nothing", start..=start - 1, &[]),
        ];
        for (scenario, range, expected) in cases {
            let listing = list_range(&store, &Path::from("spans"), range.clone()).await.unwrap();
            let mut expected: Vec<&str> = expected.iter().map(|&index| files[index].as_str()).collect();
            expected.sort_unstable();
            assert_eq!(locations(&listing), expected, "{scenario}");
            let is_told = listing.foreign.iter().any(|it| it.location.as_ref() == notes);
            let asked = hours_of(&range);
            assert_eq!(is_told, asked.contains(&Hour(START)), "{scenario}");
        }
    }

    #[tokio::test]
    async fn what_was_not_seen_has_newly_arrived() {
        let (old, old_name) = file_at(498_707, 0, "a");
        let (new, new_name) = file_at(498_707, 0, "b");
        let theirs =
            ["spans/date=2026-11-22/hour=11/part-0.parquet", "spans/date=2026-11-22/hour=12/part-0.parquet"];
        let store = store_of(&[&old, &new, theirs[0], theirs[1]]).await;
        let listing = list(&store, &Path::from("spans")).await.unwrap();
        let names = |files: &[DataFile]| -> Vec<String> {
            files.iter().map(|file| file.arrival_name().to_owned()).collect()
        };
        let arrived = |seen: &[&str]| {
            let seen = seen.iter().map(|&name| name.to_owned()).collect();
            names(&newly_arrived(&listing, &seen))
        };
        let mut all = vec![old_name.as_str(), new_name.as_str(), theirs[0], theirs[1]];
        assert_eq!(arrived(&[]), names(&listing.files));
        assert_eq!(arrived(&[&old_name, theirs[0]]), [&new_name, theirs[1]]);
        assert_eq!(arrived(&all), Vec::<String>::new());
        all.sort_unstable();
        let mut listed = names(&listing.files);
        listed.sort_unstable();
        assert_eq!(listed, all);
    }

    #[tokio::test]
    async fn the_first_span_is_that_of_the_first_file_that_counts() {
        let files = [file_at(498_707, 5_000, "a"), file_at(498_707, 9_000, "b"), file_at(498_760, 0, "c")];
        let mut all: Vec<&str> = files.iter().map(|(place, _)| place.as_str()).collect();
        all.extend(["spans/other/date.parquet", "spans/date=2026-11-01/notes.txt"]);
        let store = store_of(&all).await;
        let first = async |without: &[&str]| {
            let counts = |file: &DataFile| !without.contains(&file.arrival_name());
            first_end(&store, &Path::from("spans"), counts).await.unwrap()
        };
        let at = |hour: i64, ms: i64| Some(hour * 3_600_000_000_000 + ms * 1_000_000);
        let name = |at: usize| files[at].1.as_str();
        assert_eq!(first(&[]).await, at(498_707, 5_000));
        assert_eq!(first(&[name(0)]).await, at(498_707, 9_000));
        assert_eq!(first(&[name(0), name(1)]).await, at(498_760, 0), "of another day");
        assert_eq!(first(&[name(0), name(1), name(2)]).await, None);
    }

    #[tokio::test]
    async fn a_folder_lists_as_a_bucket_does() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let location = Path::from(format!("spans/date=2026-11-22/hour=11/{OURS}"));
        store.put(&location, "spans".into()).await.unwrap();
        for root in ["", "spans", location.as_ref()] {
            let root = resolve_root(&store, &Path::from(root)).await.unwrap();
            let listing = list(&store, &root).await.unwrap();
            assert_eq!(locations(&listing), [location.as_ref()], "{root}");
            let file = &listing.files[0];
            assert_eq!((file.size, file.e_tag.is_some(), file.last_modified_ms > 0), (5, true, true));
        }
        assert_eq!(list(&store, &Path::from("nowhere")).await.unwrap(), Listing::default());
    }
}
