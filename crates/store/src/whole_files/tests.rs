//! Tests that the cache keeps what the store has; that it is kept is seen by taking the store's away.

use futures::future::join_all;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;

use super::*;

const FILE: &str = "spans/date=2026-11-22/hour=11/a.parquet";

async fn over(bound: u64, files: &[(&str, usize)]) -> (Arc<InMemory>, WholeFiles) {
    let store = Arc::new(InMemory::new());
    for (path, length) in files {
        let bytes: Vec<u8> = (0..=255).cycle().take(*length).collect();
        store.put(&Path::from(*path), bytes.into()).await.unwrap();
    }
    let kept = WholeFiles::new(Arc::clone(&store) as Arc<dyn ObjectStore>, bound);
    (store, kept)
}

async fn range(store: &dyn ObjectStore, path: &str, range: Option<GetRange>) -> Result<(Range<u64>, Bytes)> {
    let answer = store.get_opts(&Path::from(path), GetOptions { range, ..GetOptions::default() }).await?;
    Ok((answer.range.clone(), answer.bytes().await?))
}

#[tokio::test]
async fn every_part_is_the_stores() {
    let (store, kept) = over(10_000, &[(FILE, 1_000)]).await;
    for wanted in [
        None,
        Some(GetRange::Bounded(0..1)),
        Some(GetRange::Bounded(10..600)),
        Some(GetRange::Bounded(990..2_000)),
        Some(GetRange::Bounded(2_000..3_000)),
        Some(GetRange::Offset(700)),
        Some(GetRange::Suffix(8)),
        Some(GetRange::Suffix(5_000)),
    ] {
        let expected = range(store.as_ref(), FILE, wanted.clone()).await.ok();
        assert_eq!(range(&kept, FILE, wanted.clone()).await.ok(), expected, "{wanted:?}");
    }
    let ranges = [0..4, 100..101, 996..1_000];
    let path = Path::from(FILE);
    assert_eq!(
        kept.get_ranges(&path, &ranges).await.unwrap(),
        store.get_ranges(&path, &ranges).await.unwrap()
    );
    assert_eq!(kept.head(&path).await.unwrap(), store.head(&path).await.unwrap());
}

#[tokio::test]
async fn a_file_is_fetched_once_whatever_part_was_asked_for() {
    let (store, kept) = over(10_000, &[(FILE, 1_000)]).await;
    let path = Path::from(FILE);
    let ranges: Vec<_> = (0..8).map(|part| [part..part + 1, 500..501]).collect();
    let first = join_all(ranges.iter().map(|ranges| kept.get_ranges(&path, ranges))).await;
    assert!(first.iter().all(Result::is_ok));
    store.delete(&path).await.unwrap();
    assert_eq!(range(&kept, FILE, Some(GetRange::Suffix(2))).await.unwrap().1.len(), 2);
    assert_eq!(kept.get_ranges(&path, &[900..1_000, 0..1]).await.unwrap()[0].len(), 100);
}

#[tokio::test]
async fn what_is_no_data_file_is_asked_for_every_time() {
    let (store, kept) = over(10_000, &[("state/evaluator.json.zst", 10)]).await;
    assert!(range(&kept, "state/evaluator.json.zst", None).await.is_ok());
    store.delete(&Path::from("state/evaluator.json.zst")).await.unwrap();
    assert!(range(&kept, "state/evaluator.json.zst", None).await.is_err());
}

#[tokio::test]
async fn the_bound_holds_and_what_was_used_last_stays() {
    let (store, kept) = over(
        1_000,
        &[
            ("a.parquet", 250),
            ("b.parquet", 250),
            ("c.parquet", 250),
            ("d.parquet", 250),
            ("e.parquet", 250),
            ("large.parquet", 251),
        ],
    )
    .await;
    for path in
        ["a.parquet", "b.parquet", "c.parquet", "d.parquet", "a.parquet", "e.parquet", "large.parquet"]
    {
        assert!(range(&kept, path, None).await.is_ok(), "{path}");
    }
    assert_eq!(kept.kept().bytes, 1_000);
    for path in ["a.parquet", "b.parquet", "c.parquet", "d.parquet", "e.parquet", "large.parquet"] {
        store.delete(&Path::from(path)).await.unwrap();
        let stays = !matches!(path, "b.parquet" | "large.parquet");
        assert_eq!(range(&kept, path, None).await.is_ok(), stays, "{path}");
    }
}

#[tokio::test]
async fn a_file_that_could_not_be_fetched_is_asked_for_again() {
    let (store, kept) = over(10_000, &[]).await;
    assert!(range(&kept, FILE, None).await.is_err());
    store.put(&Path::from(FILE), Bytes::from_static(b"now").into()).await.unwrap();
    assert_eq!(range(&kept, FILE, None).await.unwrap().1, &b"now"[..]);
}
