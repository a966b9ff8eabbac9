//! Evaluation records: what each evaluation was due for, saw for the first time and did.

use std::ops::RangeInclusive;

use bytes::Bytes;
use fluo_time::Nanos;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::error::StoreError;
use crate::list::folders_of_days;
use crate::names::Hour;
use crate::records::{parse_stem, stem};
use crate::root::Root;

const EVALUATIONS: &str = "evaluations";

/// Days that are listed, and records that are read, at a time.
const CONCURRENT_REQUESTS: usize = 16;

/// The object of an evaluation's record: its path relative to the root, and its bytes.
///
/// `line`: JSON without line breaks. `generation`: of the state that the evaluation committed.
pub fn evaluation_object(line: &str, eval_time_ns: i64, generation: u64) -> (Path, Bytes) {
    let day = Hour::of_ns(eval_time_ns).day();
    let name = format!("{}.ndjson", stem(eval_time_ns, generation));
    let path = Path::from(EVALUATIONS).join(day).join(name);
    (path, Bytes::from(format!("{}\n", line.trim_end())))
}

/// The lines of the records of evaluations from one `eval_time` to another, both ends included, in milliseconds as
/// their names say it: in order of `eval_time`, then generation. Objects of other names are not records.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list or read; [`StoreError::NotText`].
pub async fn read_evaluations(root: &Root, from_ns: i64, to_ns: i64) -> Result<Vec<String>, StoreError> {
    let folder = root.at(&Path::from(EVALUATIONS));
    let (store, days) = (root.store.as_ref(), Hour::of_ns(from_ns)..=Hour::of_ns(to_ns));
    let millis = from_ns.div_euclid(Nanos::MILLISECOND.0)..=to_ns.div_euclid(Nanos::MILLISECOND.0);
    let folders = folders_of_days(store, &folder, days).await?;
    let mut found: Vec<((i64, u64), Path)> = stream::iter(folders)
        .map(|day| records_in(root, day, millis.clone()))
        .buffered(CONCURRENT_REQUESTS)
        .try_concat()
        .await?;
    found.sort();
    stream::iter(found)
        .map(|(_, location)| async move {
            let failed = |source| StoreError::Request { action: "read", location: location.clone(), source };
            let bytes = store.get(&location).await.map_err(failed)?.bytes().await.map_err(failed)?;
            let text =
                str::from_utf8(&bytes).map_err(|_| StoreError::NotText { location: location.clone() })?;
            Ok(text.lines().map(str::to_owned).collect::<Vec<_>>())
        })
        .buffered(CONCURRENT_REQUESTS)
        .try_concat()
        .await
}

/// The `eval_time` of the last record of an evaluation at or before `ns`, in nanoseconds since the epoch as far as its name
/// says it (to the millisecond, rounded down); none where there is none.
///
/// # Errors
///
/// [`StoreError::Request`] where the store cannot list.
pub async fn last_evaluation(root: &Root, ns: i64) -> Result<Option<i64>, StoreError> {
    let folder = root.at(&Path::from(EVALUATIONS));
    let days = Hour::of_ns(0)..=Hour::of_ns(ns);
    let until = i64::MIN..=ns.div_euclid(Nanos::MILLISECOND.0);
    for day in folders_of_days(root.store.as_ref(), &folder, days).await?.into_iter().rev() {
        let records = records_in(root, day, until.clone()).await?;
        if let Some(last) = records.iter().map(|((at, _), _)| *at).max() {
            return Ok(Some(last.saturating_mul(Nanos::MILLISECOND.0)));
        }
    }
    Ok(None)
}

/// The records of a day's folder that are of these milliseconds.
async fn records_in(
    root: &Root,
    day: Path,
    millis: RangeInclusive<i64>,
) -> Result<Vec<((i64, u64), Path)>, StoreError> {
    let failed = |source| StoreError::Request { action: "list", location: day.clone(), source };
    let objects: Vec<_> = root.store.list(Some(&day)).try_collect().await.map_err(failed)?;
    let name = |location: &Path| parse_stem(location.filename()?.strip_suffix(".ndjson")?);
    let named = objects.into_iter().filter_map(|object| Some((name(&object.location)?, object.location)));
    Ok(named.filter(|((at, _), _)| millis.contains(at)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::put::put_if_absent;

    /// 2026-11-22T11:06:00Z
    const AT: i64 = 1_795_345_560_000_000_000;
    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn a_record_lies_by_the_day_of_its_time() {
        let (path, bytes) = evaluation_object("{\"a\":1}", AT, 42);
        assert_eq!(path.as_ref(), "evaluations/date=2026-11-22/1795345560000-42.ndjson");
        assert_eq!(bytes, "{\"a\":1}\n");
        assert_eq!(evaluation_object("{\"a\":1}\n", AT, 42), (path, bytes));
    }

    #[tokio::test]
    async fn records_of_a_range_are_read_in_order() {
        let root = Root::in_memory().unwrap();
        let times = [AT + 60_000_000_000, AT, AT + DAY, AT - DAY, AT + 3 * DAY, AT - 200 * DAY];
        for (generation, at) in (1..).zip(times) {
            let (path, bytes) = evaluation_object(&format!("at {at}"), at, generation);
            put_if_absent(root.store.as_ref(), &root.at(&path), bytes).await.unwrap();
        }
        for generation in [9, 10] {
            // Two of one time, as after a lost swap: the generation says which was first.
            let (path, bytes) = evaluation_object(&format!("generation {generation}"), AT, generation);
            put_if_absent(root.store.as_ref(), &root.at(&path), bytes).await.unwrap();
        }
        let foreign = Path::from("evaluations/date=2026-11-22/notes.txt");
        put_if_absent(root.store.as_ref(), &foreign, Bytes::from_static(b"x")).await.unwrap();

        let at = |at: i64| format!("at {at}");
        let same = ["generation 9".to_owned(), "generation 10".to_owned()];
        let around: Vec<String> =
            [vec![at(AT - DAY), at(AT)], same.to_vec(), vec![at(AT + 60_000_000_000), at(AT + DAY)]].concat();
        let cases = [
            ("one moment", AT..=AT, around[1..4].to_vec()),
            ("before it", AT - 60_000_000_000..=AT - 1_000_000, vec![]),
            ("days", AT - DAY..=AT + DAY, around.clone()),
            ("more", AT - DAY..=AT + 3 * DAY, [around.clone(), vec![at(AT + 3 * DAY)]].concat()),
            ("all", i64::MIN..=i64::MAX, [vec![at(AT - 200 * DAY)], around, vec![at(AT + 3 * DAY)]].concat()),
            ("none", RangeInclusive::new(AT, AT - DAY), vec![]),
        ];
        for (scenario, range, expected) in cases {
            let read = read_evaluations(&root, *range.start(), *range.end()).await.unwrap();
            assert_eq!(read, expected, "{scenario}");
        }
    }

    #[tokio::test]
    async fn the_last_record_before_a_moment() {
        let root = Root::in_memory().unwrap();
        for at in [AT - DAY, AT, AT + 365 * DAY] {
            let (path, bytes) = evaluation_object("", at, 1);
            put_if_absent(root.store.as_ref(), &root.at(&path), bytes).await.unwrap();
        }
        for (moment, expected) in [(AT + 9 * DAY, Some(AT)), (AT - 1, Some(AT - DAY)), (AT - 2 * DAY, None)] {
            assert_eq!(last_evaluation(&root, moment).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_record_that_is_no_text_is_told() {
        let root = Root::in_memory().unwrap();
        let (path, _) = evaluation_object("", AT, 1);
        root.store.put(&path, vec![0xff].into()).await.unwrap();
        let error = read_evaluations(&root, AT, AT).await.unwrap_err();
        assert!(matches!(error, StoreError::NotText { .. }), "{error}");
    }
}
