//! Compaction changes no answer: not while it runs, not where it is cut off, not with two at once, not when files are
//! delivered again.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use fluo_engine::{DataFiles, Observed, Range, SpanSource, evaluate, session};
use fluo_plan::RulePlan;
use fluo_spans::identity::dedupe;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_store::compaction::{Options, Sizes, compact};
use fluo_store::{DataFile, Hour, Root, list};
use fluo_tests::generate::{self, Case, arrival};
use fluo_tests::reference;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::block_on;
use crate::engine::{layouts, same, with_givens, write};

const HOUR: i64 = 3_600_000_000_000;

/// A store of which a client is cut off after some requests. Each request lets others go first.
#[derive(Debug)]
struct CutOff {
    inner: Arc<dyn ObjectStore>,
    left: AtomicI64,
    /// Of the last request: true if it is done, and only its answer is lost.
    done: bool,
}

impl CutOff {
    fn root(root: &Root, left: i64, done: bool) -> Root {
        let mut root = root.clone();
        root.store = Arc::new(Self { inner: Arc::clone(&root.store), left: AtomicI64::new(left), done });
        root
    }

    /// Does a request, or what is left of it.
    async fn request<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::task::yield_now().await;
        let left = self.left.fetch_sub(1, Ordering::Relaxed);
        if left > 0 {
            return request.await;
        }
        if left == 0 && self.done {
            drop(request.await);
        }
        Err(Error::Generic { store: "test", source: "cut off".into() })
    }
}

impl fmt::Display for CutOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CutOff")
    }
}

#[async_trait]
impl ObjectStore for CutOff {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.request(self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "multipart".into(), implementer: "test".into() })
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.request(self.inner.get_opts(path, options)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, left, done) = (Arc::clone(&self.inner), self.left.swap(0, Ordering::Relaxed), self.done);
        // What is left goes with the stream: it is the last request of most runs.
        let store = Arc::new(Self { inner, left: AtomicI64::new(left), done });
        paths
            .then(move |path| {
                let store = Arc::clone(&store);
                async move {
                    let path = path?;
                    store.request(store.inner.delete(&path)).await?;
                    Ok(path)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            let error = Error::Generic { store: "test", source: "cut off".into() };
            return Box::pin(futures::stream::once(async { Err(error) }));
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.request(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented { operation: "copy".into(), implementer: "test".into() })
    }
}

fn spans() -> Path {
    Path::from("spans")
}

/// A run at so many hours from now, by the clock of the store in memory.
async fn run(root: &Root, hours: i64, sizes: Sizes, layout: &Layout) -> bool {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now_ns = i64::try_from(now.as_nanos()).unwrap() + hours * HOUR;
    let options = Options { now_ns, before_ns: i64::MAX, dry_run: false, sizes, layout: layout.clone() };
    let all = Hour::of_ns(0)..=Hour::of_ns(i64::MAX);
    match compact(root, &spans(), all, &options, &|| true).await {
        Ok(compacted) => compacted.failed.is_empty() && !compacted.unfinished,
        Err(_) => false,
    }
}

/// The files that readers are told of, and the violations that they find.
#[derive(Debug)]
struct Answers {
    files: Vec<(String, u64, Option<i64>)>,
    all: std::result::Result<Vec<Observed>, String>,
    some: std::result::Result<Vec<Observed>, String>,
}

/// The violations of a case's rule over a range of a source.
pub(crate) async fn observed(
    case: &Case,
    source: &SpanSource,
    range: Range,
) -> std::result::Result<Vec<Observed>, String> {
    let plan = RulePlan::new(Arc::new(case.rule.clone())).unwrap();
    let outcome = evaluate(&session(), &plan, source, range).await;
    outcome.map(|outcome| outcome.violations).map_err(|error| format!("{error}"))
}

/// The answers that a reader gets of all files, and of every other one of them.
async fn answers(root: &Root, case: &Case) -> Answers {
    let data = DataFiles::new(Arc::clone(&root.store));
    let listing = list(root.store.as_ref(), &spans()).await.unwrap();
    let files = fluo_store::names::current(listing.files, |file| file.name.as_ref()).current;
    let some: Vec<DataFile> = files.iter().step_by(2).cloned().collect();
    let mut told = Vec::new();
    for file in &files {
        let written = fluo_store::ingested_at_ms(root.store.as_ref(), file).await.unwrap();
        told.push((file.location.to_string(), file.size, written));
    }
    let (all, some) = (data.source(&files).await, data.source(&some).await);
    assert!(all.faults.is_empty() && some.faults.is_empty(), "{:?} {:?}", all.faults, some.faults);
    let range = Range { from: case.range.from, to: case.range.to };
    // Whoever asks for some files says for which moments: of a part of a merged file nobody knows where its spans end.
    let ends = all.source.ends();
    let of_some =
        Range { from: range.from.or(ends.map(|ends| ends.from)), to: range.to.or(ends.map(|ends| ends.to)) };
    Answers {
        files: told,
        all: observed(case, &all.source, range).await,
        some: observed(case, &some.source, of_some).await,
    }
}

impl Answers {
    fn held(&self, expected: &Self, when: &str) -> std::result::Result<(), TestCaseError> {
        prop_assert_eq!(&self.files, &expected.files, "{}", when);
        prop_assert_eq!(&self.all, &expected.all, "{}", when);
        prop_assert_eq!(&self.some, &expected.some, "{}", when);
        Ok(())
    }
}

async fn names(root: &Root) -> BTreeSet<String> {
    let objects: Vec<ObjectMeta> = root.store.list(Some(&spans())).try_collect().await.unwrap();
    objects.iter().map(|object| object.location.filename().unwrap().to_owned()).collect()
}

/// The operations at which runs are cut off.
#[derive(Debug, Clone, Copy)]
struct Cuts {
    first: i64,
    second: i64,
    deleting: i64,
    done: bool,
    sizes: Sizes,
    /// The layout that those runs are told which are told one: others know the built-in one.
    layout: usize,
}

fn cuts() -> impl Strategy<Value = Cuts> {
    let sizes = (2..20_u64, 1..6_usize, prop_oneof![Just(2_000_usize), Just(8_000), Just(1 << 20)]);
    (0..60_i64, 0..60_i64, 0..20_i64, any::<bool>(), sizes, 0..3_usize).prop_map(
        |(first, second, deleting, done, (rows, run, memory), layout)| Cuts {
            first,
            second,
            deleting,
            done,
            sizes: Sizes { rows, bytes: 1 << 30, run, memory, least: 2, least_again: 2 },
            layout,
        },
    )
}

async fn check(case: &Case, files: &[Vec<Span>], cuts: Cuts) -> std::result::Result<(), TestCaseError> {
    let Cuts { first, second, deleting, done, sizes, layout } = cuts;
    let all: Vec<Span> = files.iter().flatten().cloned().collect();
    let (told, builtin) = (&layouts(&all)[layout], &Layout::builtin());
    let root = Root::in_memory().unwrap();
    write(&root, &spans(), files, 0).await;
    let expected = answers(&root, case).await;
    // One object settles its copies when it is ingested, whatever a rule selects.
    let of_objects: Vec<Span> = files.iter().flat_map(|file| dedupe(file.clone()).spans).collect();
    let by_reference = with_givens(|givens| reference::evaluate(&case.rule, &of_objects, case.range, givens));
    if let (Ok(by_reference), Ok(all)) = (&by_reference, &expected.all) {
        let agree = by_reference.len() == all.len()
            && by_reference.iter().zip(all).all(|(expected, found)| same(expected, found));
        prop_assert!(agree, "the reference finds {by_reference:#?}, and the engine {all:#?}");
    }
    let held = async |when: &str| answers(&root, case).await.held(&expected, when);

    run(&CutOff::root(&root, first, done), 2, sizes, builtin).await;
    held("after a run that was cut off").await?;
    run(&CutOff::root(&root, second, !done), 2, sizes, told).await;
    held("after a second one").await?;
    let (one, other) = (CutOff::root(&root, i64::MAX, done), CutOff::root(&root, i64::MAX, done));
    tokio::join!(run(&one, 2, sizes, told), run(&other, 2, sizes, builtin));
    held("after two at once").await?;
    prop_assert!(run(&root, 2, sizes, told).await);
    held("after a whole run").await?;
    write(&root, &spans(), files, 0).await;
    held("after all was delivered again").await?;
    run(&CutOff::root(&root, deleting, done), 4, sizes, told).await;
    held("after some of what was replaced was deleted").await?;
    run(&CutOff::root(&root, deleting + 5, done), 4, sizes, told).await;
    prop_assert!(run(&root, 4, sizes, told).await);
    held("after all of it was").await?;
    write(&root, &spans(), files, 0).await;
    held("after all was delivered once more").await?;
    prop_assert!(run(&root, 6, sizes, told).await);
    held("after the last run").await?;

    let left = names(&root).await;
    prop_assert!(run(&root, 8, sizes, told).await);
    prop_assert_eq!(&names(&root).await, &left, "there is nothing left to do");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn compaction_changes_no_answer(
        (case, files) in arrival::delivered(generate::case()),
        cuts in cuts(),
    ) {
        block_on(check(&case, &files, cuts))?;
    }
}
