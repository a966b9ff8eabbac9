//! The contract of every store of versioned objects, as scenarios over whatever `open` gives.

use std::sync::Arc;

use bytes::Bytes;
use fluo_store::{Swap, Version, Versioned, probe};
use object_store::path::Path;

/// A store to be tested, and what must live as long as it does.
pub(crate) struct Opened<G> {
    pub(crate) store: Arc<dyn Versioned>,
    /// The folder in it that is the test's own.
    pub(crate) root: Path,
    pub(crate) _guard: G,
}

/// The scenarios as tests of a module, over `fn $open(name: &str) -> Opened<…>`.
macro_rules! contract {
    ($open:path) => {
        $crate::contract::contract!($open;
            an_object_is_created_once
            a_stale_version_loses
            what_was_written_is_read
            what_is_absent_has_no_version
            a_removed_object_can_be_created
            large_objects_are_whole
            names_are_odd
            sixteen_writers_lose_no_increment
            sixteen_creators_have_one_winner
            probing_finds_nothing_wrong_and_leaves_nothing
        );
    };
    ($open:path; $($scenario:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $scenario() {
            let opened = $open(stringify!($scenario));
            $crate::contract::$scenario(&opened.store, &opened.root).await;
        })*
    };
}
pub(crate) use contract;

pub(crate) fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A swap that must win.
pub(crate) async fn win(
    store: &dyn Versioned,
    path: &Path,
    expected: Option<&Version>,
    bytes: Bytes,
) -> Version {
    match store.swap(path, expected, bytes).await.unwrap() {
        Swap::Swapped(version) => version,
        Swap::Lost => panic!("lost against nobody"),
    }
}

pub(crate) async fn an_object_is_created_once(store: &Arc<dyn Versioned>, root: &Path) {
    let path = root.clone().join("state").join("a");
    let version = win(store.as_ref(), &path, None, text("1")).await;
    for again in ["1", "2"] {
        assert_eq!(store.swap(&path, None, text(again)).await.unwrap(), Swap::Lost, "{again}");
    }
    assert_eq!(store.read(&path).await.unwrap(), Some((text("1"), version)));
}

pub(crate) async fn a_stale_version_loses(store: &Arc<dyn Versioned>, root: &Path) {
    let path = root.clone().join("state").join("a");
    let first = win(store.as_ref(), &path, None, text("1")).await;
    let second = win(store.as_ref(), &path, Some(&first), text("2")).await;
    assert_ne!(first, second);
    for stale in [first, Version::from_text("\"neverseen\"")] {
        // A store may be asked by a version of another store's making; what it must not do is to write.
        let swap = store.swap(&path, Some(&stale), text("3")).await;
        assert!(!matches!(swap, Ok(Swap::Swapped(_))), "{stale}: {swap:?}");
    }
    assert_eq!(store.read(&path).await.unwrap(), Some((text("2"), second)));
}

pub(crate) async fn what_was_written_is_read(store: &Arc<dyn Versioned>, root: &Path) {
    let path = root.clone().join("state").join("a");
    let mut version = None;
    for round in 0..50 {
        let bytes = text(&"x".repeat(round * 7));
        let written = win(store.as_ref(), &path, version.as_ref(), bytes.clone()).await;
        assert_eq!(store.read(&path).await.unwrap(), Some((bytes, written.clone())), "{round}");
        // Kept as text, it is the same.
        version = Some(Version::from_text(written.as_str()));
    }
}

pub(crate) async fn what_is_absent_has_no_version(store: &Arc<dyn Versioned>, root: &Path) {
    let path = root.clone().join("state").join("a");
    assert_eq!(store.read(&path).await.unwrap(), None);
    let other = win(store.as_ref(), &root.clone().join("state").join("b"), None, text("1")).await;
    assert_eq!(store.swap(&path, Some(&other), text("2")).await.unwrap(), Swap::Lost);
    assert_eq!(store.read(&path).await.unwrap(), None);
}

pub(crate) async fn a_removed_object_can_be_created(store: &Arc<dyn Versioned>, root: &Path) {
    let path = root.clone().join("state").join("a");
    store.remove(&path).await.unwrap();
    let first = win(store.as_ref(), &path, None, text("1")).await;
    store.remove(&path).await.unwrap();
    assert_eq!(store.read(&path).await.unwrap(), None);
    assert_eq!(store.swap(&path, Some(&first), text("2")).await.unwrap(), Swap::Lost);
    win(store.as_ref(), &path, None, text("3")).await;
}

pub(crate) async fn large_objects_are_whole(store: &Arc<dyn Versioned>, root: &Path) {
    let path = root.clone().join("state").join("large");
    let large =
        |seed: usize| (0..8 << 20).map(|at| u8::try_from(at * seed % 251).unwrap()).collect::<Bytes>();
    let first = win(store.as_ref(), &path, None, large(3)).await;
    assert_eq!(store.read(&path).await.unwrap(), Some((large(3), first.clone())));
    let second = win(store.as_ref(), &path, Some(&first), large(5)).await;
    assert_eq!(store.read(&path).await.unwrap(), Some((large(5), second)));
}

pub(crate) async fn names_are_odd(store: &Arc<dyn Versioned>, root: &Path) {
    let folders =
        ["plain", "with space", "date=2026-11-22", "ü-ñ-日本", "a+b&c", "100%", "%2F", "..", "it's"];
    let names = ["a", "a b", "état.json.zst", "a%20b", "a+b", "q?x=1", "quote\"d", "semi;colon,", "..."];
    let mut paths = Vec::new();
    for (folder, name) in
        folders.into_iter().zip(names).chain([("plain", "a.tmp"), ("plain", "a.generation")])
    {
        // Other characters than stores can have are percent-encoded by the path.
        paths.push(root.clone().join(folder).join(name));
    }
    for path in &paths {
        // The name "..." begins with a dot, which a folder refuses and says so.
        if path.filename() == Some("...") {
            continue;
        }
        let version = win(store.as_ref(), path, None, text(path.as_ref())).await;
        let read = store.read(path).await.unwrap();
        assert_eq!(read, Some((text(path.as_ref()), version.clone())), "{path}");
        win(store.as_ref(), path, Some(&version), text(&path.as_ref().to_uppercase())).await;
    }
    for path in paths.iter().filter(|path| path.filename() != Some("...")) {
        let (bytes, _) = store.read(path).await.unwrap().unwrap();
        assert_eq!(bytes, text(&path.as_ref().to_uppercase()), "{path}");
    }
}

/// Adds one, and says how often it lost.
pub(crate) async fn increment(store: &dyn Versioned, path: &Path) -> u64 {
    let mut lost = 0;
    loop {
        let read = store.read(path).await.unwrap();
        let (count, version) = match read {
            Some((bytes, version)) => {
                (str::from_utf8(&bytes).unwrap().parse::<u64>().unwrap(), Some(version))
            }
            None => (0, None),
        };
        match store.swap(path, version.as_ref(), text(&(count + 1).to_string())).await.unwrap() {
            Swap::Swapped(_) => return lost,
            Swap::Lost => lost += 1,
        }
    }
}

pub(crate) async fn sixteen_writers_lose_no_increment(store: &Arc<dyn Versioned>, root: &Path) {
    const WRITERS: u64 = 16;
    const ROUNDS: u64 = 8;
    let path = root.clone().join("state").join("counter");
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, path) = (Arc::clone(store), path.clone());
            tokio::spawn(async move {
                let mut lost = 0;
                for _ in 0..ROUNDS {
                    lost += increment(store.as_ref(), &path).await;
                }
                lost
            })
        })
        .collect();
    let mut lost = 0;
    for writer in writers {
        lost += writer.await.unwrap();
    }
    let (bytes, _) = store.read(&path).await.unwrap().unwrap();
    assert_eq!(bytes, text(&(WRITERS * ROUNDS).to_string()), "{lost} lost swaps");
}

pub(crate) async fn sixteen_creators_have_one_winner(store: &Arc<dyn Versioned>, root: &Path) {
    for round in 0..20 {
        let path = root.clone().join("state").join(format!("round-{round}"));
        let mut expected = None;
        // All create it; then all replace the version that won.
        for step in ["create", "update"] {
            let writers: Vec<_> = (0..16)
                .map(|writer| {
                    let (store, path, expected) = (Arc::clone(store), path.clone(), expected.clone());
                    tokio::spawn(async move {
                        let bytes = text(&format!("{step} {writer}"));
                        (bytes.clone(), store.swap(&path, expected.as_ref(), bytes).await.unwrap())
                    })
                })
                .collect();
            let mut winners = Vec::new();
            for writer in writers {
                if let (bytes, Swap::Swapped(version)) = writer.await.unwrap() {
                    winners.push((bytes, version));
                }
            }
            assert_eq!(winners.len(), 1, "{step} in round {round}: {winners:?}");
            assert_eq!(store.read(&path).await.unwrap(), winners.first().cloned(), "{step} in round {round}");
            expected = winners.pop().map(|(_, version)| version);
        }
    }
}

pub(crate) async fn probing_finds_nothing_wrong_and_leaves_nothing(store: &Arc<dyn Versioned>, root: &Path) {
    // Two at a time, as evaluators may start.
    for round in 0..3 {
        let (left, right) = (format!("{round}-left"), format!("{round}-right"));
        let (left_found, right_found) =
            tokio::join!(probe(store.as_ref(), root, &left), probe(store.as_ref(), root, &right));
        left_found.unwrap();
        right_found.unwrap();
        let path = root.clone().join("state").join(format!("probe-{left}"));
        assert_eq!(store.read(&path).await.unwrap(), None);
    }
}
