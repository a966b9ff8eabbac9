//! A folder: the contract, and what only a folder can meet with.

use std::fs;
use std::sync::Arc;

use fluo_store::error::Class;
use fluo_store::{StoreError, Swap, Versioned, VersionedFolder};
use object_store::path::Path;
use tempfile::TempDir;

use crate::contract::{Opened, contract, text, win};

fn open(name: &str) -> Opened<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(VersionedFolder::new(folder.path()).unwrap());
    Opened { store, root: Path::from(name), _guard: folder }
}

contract!(open);

fn at_the_root() -> (TempDir, VersionedFolder, Path) {
    let folder = tempfile::tempdir().unwrap();
    let store = VersionedFolder::new(folder.path()).unwrap();
    (folder, store, Path::from("state/s.json"))
}

#[tokio::test]
async fn a_version_does_not_return_with_the_bytes() {
    let (_folder, store, path) = at_the_root();
    let first = win(&store, &path, None, text("A")).await;
    let second = win(&store, &path, Some(&first), text("B")).await;
    let third = win(&store, &path, Some(&second), text("A")).await;
    assert_ne!(first, third);
    assert_eq!(store.swap(&path, Some(&first), text("C")).await.unwrap(), Swap::Lost);
    // Nor where nothing changed at all.
    let fourth = win(&store, &path, Some(&third), text("A")).await;
    assert_eq!(store.swap(&path, Some(&third), text("C")).await.unwrap(), Swap::Lost);
    win(&store, &path, Some(&fourth), text("C")).await;
}

#[tokio::test]
async fn the_object_is_a_plain_file_that_people_may_edit() {
    let (folder, store, path) = at_the_root();
    let file = folder.path().join("state/s.json");
    let first = win(&store, &path, None, text("{}")).await;
    assert_eq!(fs::read(&file).unwrap(), b"{}");
    fs::write(&file, "{ }").unwrap();
    assert_eq!(store.swap(&path, Some(&first), text("lost")).await.unwrap(), Swap::Lost);
    let (bytes, edited) = store.read(&path).await.unwrap().unwrap();
    assert_eq!(bytes, "{ }");
    win(&store, &path, Some(&edited), text("won")).await;
}

#[tokio::test]
async fn a_file_that_was_copied_here_is_an_object() {
    let (folder, store, path) = at_the_root();
    fs::create_dir(folder.path().join("state")).unwrap();
    fs::write(folder.path().join("state/s.json"), "copied").unwrap();
    assert_eq!(store.swap(&path, None, text("lost")).await.unwrap(), Swap::Lost);
    let (bytes, version) = store.read(&path).await.unwrap().unwrap();
    assert_eq!(bytes, "copied");
    win(&store, &path, Some(&version), text("won")).await;
}

/// Every state in which a killed swap can leave the files.
#[tokio::test]
async fn what_a_killed_swap_left_is_harmless() {
    for (scenario, generation, object, expect) in [
        ("while it wrote the next generation", "1", "old", "old"),
        ("before it wrote the object", "2", "old", "old"),
        ("after it renamed the object", "2", "new", "new"),
    ] {
        let (folder, store, path) = at_the_root();
        let before = win(&store, &path, None, text("old")).await;
        let state = folder.path().join("state");
        fs::write(state.join(".s.json.tmp"), "ne").unwrap();
        fs::write(state.join(".s.json.generation"), generation).unwrap();
        fs::write(state.join("s.json"), object).unwrap();

        let (bytes, version) = store.read(&path).await.unwrap().unwrap();
        assert_eq!(bytes, expect, "{scenario}");
        let changed = (generation, object) != ("1", "old");
        assert_eq!(version != before, changed, "{scenario}");
        if changed {
            assert_eq!(store.swap(&path, Some(&before), text("x")).await.unwrap(), Swap::Lost, "{scenario}");
        }
        win(&store, &path, Some(&version), text("next")).await;
        assert!(!state.join(".s.json.tmp").exists(), "{scenario}");
    }
}

#[tokio::test]
async fn a_damaged_generation_is_told_and_nothing_is_overwritten() {
    let (folder, store, path) = at_the_root();
    let version = win(&store, &path, None, text("A")).await;
    for damaged in ["", "one", "-1", "18446744073709551615", "99999999999999999999"] {
        fs::write(folder.path().join("state/.s.json.generation"), damaged).unwrap();
        let error = match store.read(&path).await {
            Err(error) => error,
            // The last number that fits can be read, but has no next one.
            Ok(read) => {
                let current = read.map(|(_, version)| version);
                store.swap(&path, current.as_ref(), text("B")).await.unwrap_err()
            }
        };
        assert!(matches!(error, StoreError::Generation { .. }), "{damaged}: {error}");
        assert_eq!(error.class(), Class::Configuration, "{damaged}");
        assert!(
            !matches!(store.swap(&path, Some(&version), text("B")).await, Ok(Swap::Swapped(_))),
            "{damaged}"
        );
        assert_eq!(fs::read(folder.path().join("state/s.json")).unwrap(), b"A", "{damaged}");
    }
}

#[tokio::test]
async fn names_that_the_folder_needs_itself_are_refused() {
    let (_folder, store, _) = at_the_root();
    for name in ["state/.lock", "state/.s.json.generation", "state/...", ""] {
        let error = store.swap(&Path::from(name), None, text("A")).await.unwrap_err();
        assert_eq!(error.class(), Class::Bug, "{name}: {error}");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let error = VersionedFolder::new(&folder.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, StoreError::Request { .. }), "{error}");
}
