//! A world for evaluators: a store with real data files, receivers that remember, a clock that is told what to say, and
//! a gate through which everything goes that changes any of it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::ops::Range;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use fluo_alerts::life_cycle::Mutes;
use fluo_alerts::notification::{Event, Notification};
use fluo_evaluator::TickError;
use fluo_evaluator::arrivals::{Live, Scheduled};
use fluo_evaluator::set_back::{SetBack, SetBackError, set_back};
use fluo_evaluator::span_data::SpanData;
use fluo_evaluator::{Cause, Deployed, Evaluator, Host, Request, Settings, State, Stop, Ticked, tick};
use fluo_rules::SourceFile;
use fluo_sinks::{Filter, Routed, Sink, SinkError};
use fluo_spans::layout::Layout;
use fluo_spans::span::{Attributes, Kind, Resource, Span, Status};
use fluo_store::{
    ConditionalStore, Content, IngestOptions, Packing, Root, StoreError, Swap, Version, Versioned, Written,
    ingest_object, open_root, write_spans,
};
use fluo_tests::span::blank;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tempfile::TempDir;

/// 2026-11-22T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_348_800_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// The fate of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The process is killed before it.
    KilledBefore,
    /// The process is killed after it, and has seen no answer.
    KilledAfter,
    /// It never gets there, and the process sees an error.
    RequestLost,
    /// It happens, and the process sees an error.
    AnswerLost,
    /// It happens, and the process is asked to end.
    AskedToEnd,
}

impl Fate {
    pub(crate) const ALL: [Self; 5] =
        [Self::KilledBefore, Self::KilledAfter, Self::RequestLost, Self::AnswerLost, Self::AskedToEnd];
}

/// Numbers what an evaluator changes, and lets fate befall one of it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    fate: Option<(usize, Fate)>,
    effects: AtomicUsize,
    dead: AtomicBool,
    /// The request that it end.
    pub(crate) stop: Stop,
    /// The evaluator's number and the turns, where evaluators take turns.
    turns: Option<(usize, Arc<Turns>)>,
}

impl Gate {
    pub(crate) fn open() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn with(effect: usize, fate: Fate) -> Arc<Self> {
        Arc::new(Self { fate: Some((effect, fate)), ..Self::default() })
    }

    pub(crate) fn in_turn(evaluator: usize, turns: &Arc<Turns>) -> Arc<Self> {
        Arc::new(Self { turns: Some((evaluator, Arc::clone(turns))), ..Self::default() })
    }

    /// Returns the number of effects so far.
    pub(crate) fn effects(&self) -> usize {
        self.effects.load(Ordering::SeqCst)
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    async fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        pending::<()>().await;
    }

    async fn turn(&self) {
        if let Some((evaluator, turns)) = &self.turns {
            turns.wait(*evaluator).await;
        }
    }

    /// Does an effect as fate will have it; none where the process sees an error instead of its answer.
    async fn pass<T>(&self, effect: impl Future<Output = T>) -> Option<T> {
        self.turn().await;
        if self.is_dead() {
            pending::<()>().await;
        }
        let number = self.effects.fetch_add(1, Ordering::SeqCst);
        let fate = self.fate.filter(|(at, _)| *at == number).map(|(_, fate)| fate);
        match fate {
            None => Some(effect.await),
            Some(Fate::AskedToEnd) => {
                self.stop.ask();
                Some(effect.await)
            }
            Some(Fate::RequestLost) => None,
            Some(Fate::AnswerLost) => {
                effect.await;
                None
            }
            Some(Fate::KilledBefore) => {
                self.die().await;
                None
            }
            Some(Fate::KilledAfter) => {
                effect.await;
                self.die().await;
                None
            }
        }
    }
}

/// The turns of evaluators: a step at a time, chosen by a seed once everybody waits.
#[derive(Debug)]
pub(crate) struct Turns {
    waiting: Mutex<Vec<(usize, usize)>>,
    granted: Mutex<Option<usize>>,
    tickets: AtomicUsize,
    seed: Mutex<u64>,
    /// The evaluator that made each step.
    course: Mutex<Vec<usize>>,
}

impl Turns {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            granted: Mutex::default(),
            tickets: AtomicUsize::default(),
            seed: Mutex::new(seed),
            course: Mutex::default(),
        })
    }

    /// Returns the evaluator that made each step.
    pub(crate) fn course(&self) -> Vec<usize> {
        self.course.lock().unwrap().clone()
    }

    async fn wait(&self, evaluator: usize) {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        self.waiting.lock().unwrap().push((evaluator, ticket));
        // Whoever grants polls again: no waker is needed.
        poll_fn(|_| {
            let mut granted = self.granted.lock().unwrap();
            if *granted == Some(ticket) {
                *granted = None;
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Runs two processes, interleaved.
    pub(crate) async fn run<T>(
        &self,
        one: impl Future<Output = T>,
        other: impl Future<Output = T>,
    ) -> (T, T) {
        let (mut one, mut other) = (pin!(one), pin!(other));
        let mut done: (Option<T>, Option<T>) = (None, None);
        poll_fn(|context| {
            loop {
                if done.0.is_none()
                    && let Poll::Ready(result) = one.as_mut().poll(context)
                {
                    done.0 = Some(result);
                }
                if done.1.is_none()
                    && let Poll::Ready(result) = other.as_mut().poll(context)
                {
                    done.1 = Some(result);
                }
                if done.0.is_some() && done.1.is_some() {
                    return Poll::Ready(());
                }
                let mut waiting = self.waiting.lock().unwrap();
                let waits = |evaluator| waiting.iter().any(|(waiting, _)| *waiting == evaluator);
                if (done.0.is_none() && !waits(0)) || (done.1.is_none() && !waits(1)) {
                    return Poll::Pending;
                }
                let mut seed = self.seed.lock().unwrap();
                let at = usize::try_from(random(&mut seed) % waiting.len() as u64).unwrap();
                let (evaluator, ticket) = waiting.remove(at);
                self.course.lock().unwrap().push(evaluator);
                *self.granted.lock().unwrap() = Some(ticket);
            }
        })
        .await;
        (done.0.unwrap(), done.1.unwrap())
    }
}

/// `SplitMix64`.
pub(crate) fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The part of the data files that is cut off.
#[derive(Debug, Clone, Default)]
pub(crate) struct CutOff {
    /// No bytes of these.
    pub(crate) reads: Vec<Path>,
    /// No bytes to these.
    pub(crate) writes: Vec<Path>,
    /// Nothing is listed.
    pub(crate) lists: bool,
    /// The part that is cut off may not be read, as the store says.
    pub(crate) denies: bool,
    /// The part that is cut off gives no answer, not even an error.
    pub(crate) hangs: bool,
}

impl CutOff {
    fn error(&self, path: &Path) -> object_store::Error {
        if self.denies {
            let source = "403 Forbidden".into();
            return object_store::Error::PermissionDenied { path: path.to_string(), source };
        }
        lost()
    }
}

/// A store whose writes go through a gate, and of which something may be cut off.
#[derive(Debug)]
struct Gated<T> {
    inner: T,
    gate: Arc<Gate>,
    cut_off: CutOff,
}

impl<T> Gated<T> {
    /// Refuses what is cut off, or gives no answer.
    async fn may_pass(&self, cut_off: &[Path], path: &Path) -> object_store::Result<()> {
        match cut_off.contains(path) {
            false => Ok(()),
            true if self.cut_off.hangs => pending().await,
            true => Err(self.cut_off.error(path)),
        }
    }
}

impl fmt::Display for Gated<Arc<dyn ObjectStore>> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.inner)
    }
}

fn lost() -> object_store::Error {
    object_store::Error::Generic { store: "gate", source: "the connection broke".into() }
}

#[async_trait]
impl ObjectStore for Gated<Arc<dyn ObjectStore>> {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.may_pass(&self.cut_off.writes, path).await?;
        let put = self.inner.put_opts(path, payload, options);
        self.gate.pass(put).await.unwrap_or_else(|| Err(lost()))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Err(object_store::Error::NotImplemented { operation: "multipart".into(), implementer: "gate".into() })
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.may_pass(&self.cut_off.reads, path).await?;
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        self.may_pass(&self.cut_off.reads, path).await?;
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        if self.cut_off.lists {
            let error = self.cut_off.error(prefix.unwrap_or(&Path::default()));
            return Box::pin(futures::stream::once(async { Err(error) }));
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl Versioned for Gated<Arc<dyn Versioned>> {
    async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StoreError> {
        self.gate.turn().await;
        let failed = |source| StoreError::Request { action: "read", location: path.clone(), source };
        self.may_pass(&self.cut_off.reads, path).await.map_err(failed)?;
        self.inner.read(path).await
    }

    async fn swap(&self, path: &Path, expected: Option<&Version>, bytes: Bytes) -> Result<Swap, StoreError> {
        let swapped = self.gate.pass(self.inner.swap(path, expected, bytes)).await;
        swapped.unwrap_or_else(|| {
            Err(StoreError::OutcomeUnknown { location: path.clone(), source: Box::new(lost()) })
        })
    }

    async fn remove(&self, path: &Path) -> Result<(), StoreError> {
        self.inner.remove(path).await
    }
}

/// The refusals of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refuses {
    /// The number that are still to come.
    pub(crate) times: u32,
    /// `true` where the same again would be refused again.
    pub(crate) permanent: bool,
    /// The only event that it refuses; `None`: all.
    pub(crate) only: Option<Event>,
}

/// A notification as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) sink: String,
    pub(crate) at: i64,
    pub(crate) notification: Notification,
}

impl Sent {
    pub(crate) fn payload(&self) -> String {
        serde_json::to_string(&self.notification).unwrap()
    }

    /// Returns what a person would call it: event, rule, group.
    pub(crate) fn short(&self) -> String {
        short(&self.notification)
    }
}

/// Returns what a person would call it: event, rule, group.
pub(crate) fn short(notification: &Notification) -> String {
    let mut text = notification.event.to_string();
    if let Some(rule) = &notification.rule {
        text = format!("{text} {rule}");
    }
    let group = notification.alert.iter().flat_map(|alert| &alert.violation.group);
    for (_, value) in group {
        text = format!("{text} {}", value.as_deref().unwrap_or("(none)"));
    }
    text
}

/// The outside: the receivers, and what they have seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Post {
    /// The notifications that were taken, in order.
    pub(crate) taken: Vec<Sent>,
    /// The notifications that were refused, in order.
    pub(crate) refused: Vec<Sent>,
    pub(crate) refuses: BTreeMap<String, Refuses>,
}

impl Post {
    pub(crate) fn to<'a>(&'a self, sink: &'a str) -> impl Iterator<Item = &'a Sent> {
        self.taken.iter().filter(move |sent| sent.sink == sink)
    }

    /// Returns the notifications that a sink took, in words.
    pub(crate) fn shorts(&self, sink: &str) -> Vec<String> {
        self.to(sink).map(Sent::short).collect()
    }

    fn deliver(&mut self, sink: &str, notification: &Notification, at: i64) -> Result<(), SinkError> {
        let sent = Sent { sink: sink.to_owned(), at, notification: notification.clone() };
        if let Some(refuses) = self.refuses.get_mut(sink)
            && refuses.times > 0
            && refuses.only.is_none_or(|only| only == notification.event)
        {
            refuses.times = refuses.times.saturating_sub(u32::from(refuses.times < u32::MAX));
            let permanent = refuses.permanent;
            self.refused.push(sent);
            return Err(refusal(sink, permanent));
        }
        self.taken.push(sent);
        Ok(())
    }
}

fn refusal(sink: &str, permanent: bool) -> SinkError {
    let (sink, tried, why) = (sink.to_owned(), "send".to_owned(), "it does not want to".to_owned());
    if permanent {
        SinkError::Permanent { sink, tried, why }
    } else {
        SinkError::Retry { sink, tried, why, retry_after: None }
    }
}

/// A sink that hands over to [`Post`].
struct Recorder {
    name: String,
    gate: Arc<Gate>,
    post: Arc<Mutex<Post>>,
}

#[async_trait]
impl Sink for Recorder {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "recorder"
    }

    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError> {
        let deliver = async { self.post.lock().unwrap().deliver(&self.name, notification, at) };
        self.gate.pass(deliver).await.unwrap_or_else(|| Err(refusal(&self.name, false)))
    }
}

/// The storage that objects lie in.
#[derive(Debug)]
enum Ground {
    Memory(Arc<InMemory>),
    Folder(TempDir),
}

/// Everything that outlives an evaluator.
#[derive(Debug)]
pub(crate) struct World {
    ground: Ground,
    /// The time at which each data file arrived.
    arrival: BTreeMap<String, i64>,
    pub(crate) post: Arc<Mutex<Post>>,
    pub(crate) settings: Settings,
    pub(crate) sinks: Vec<String>,
    /// The filters of sinks that do not want everything, and whether related alerts are one message there; by name.
    pub(crate) routes: BTreeMap<String, (Filter, bool)>,
    /// The part of the store that evaluators do not get at.
    pub(crate) cut_off: CutOff,
    /// The wall clock. It only goes on.
    pub(crate) clock: i64,
    /// The time by which the clock goes on with every look at it.
    pub(crate) per_look: i64,
    /// Evaluators that there were.
    evaluators: usize,
}

/// A tick that is due.
#[derive(Debug, Clone)]
pub(crate) struct Due<'a> {
    pub(crate) eval_time: i64,
    pub(crate) cause: Cause,
    pub(crate) rules: &'a [SourceFile],
    /// Values of labels that are silenced: `region=b`.
    pub(crate) silenced: &'a [(&'a str, &'a str)],
    pub(crate) deadline: Option<i64>,
}

impl<'a> Due<'a> {
    pub(crate) fn at(eval_time: i64, rules: &'a [SourceFile]) -> Self {
        Self { eval_time, cause: Cause::Schedule, rules, silenced: &[], deadline: None }
    }

    /// One that is asked for because files may have arrived.
    pub(crate) fn by_arrival(eval_time: i64, rules: &'a [SourceFile]) -> Self {
        Self { cause: Cause::Arrival, ..Self::at(eval_time, rules) }
    }
}

impl World {
    pub(crate) fn in_memory() -> Self {
        Self::on(Ground::Memory(Arc::default()))
    }

    pub(crate) fn in_folder() -> Self {
        Self::on(Ground::Folder(tempfile::tempdir().unwrap()))
    }

    fn on(ground: Ground) -> Self {
        Self {
            ground,
            arrival: BTreeMap::new(),
            post: Arc::default(),
            settings: Settings::default(),
            sinks: vec!["mail".to_owned()],
            routes: BTreeMap::new(),
            cut_off: CutOff::default(),
            clock: 0,
            per_look: 0,
            evaluators: 0,
        }
    }

    pub(crate) fn with_sinks(mut self, sinks: &[&str]) -> Self {
        self.sinks = sinks.iter().map(|sink| (*sink).to_owned()).collect();
        self
    }

    /// Another one that is the same now.
    pub(crate) fn fork(&self) -> Self {
        let ground = match &self.ground {
            Ground::Memory(memory) => Ground::Memory(Arc::new(memory.fork())),
            Ground::Folder(folder) => {
                let copy = tempfile::tempdir().unwrap();
                copy_folder(folder.path(), copy.path());
                Ground::Folder(copy)
            }
        };
        Self {
            ground,
            arrival: self.arrival.clone(),
            post: Arc::new(Mutex::new(self.post.lock().unwrap().clone())),
            settings: self.settings.clone(),
            sinks: self.sinks.clone(),
            routes: self.routes.clone(),
            cut_off: self.cut_off.clone(),
            ..*self
        }
    }

    /// The store as it is, past every gate.
    pub(crate) fn root(&self) -> Root {
        match &self.ground {
            Ground::Memory(memory) => {
                let store: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(memory);
                let versioned = Arc::new(ConditionalStore::new(Arc::clone(&store)));
                let mut root = Root::in_memory().unwrap();
                (root.store, root.versioned) = (store, versioned);
                root
            }
            Ground::Folder(folder) => open_root(folder.path().to_str().unwrap(), &|_| None).unwrap(),
        }
    }

    /// The store as evaluators see it.
    pub(crate) fn seen(&self) -> Root {
        self.gated(&Gate::open())
    }

    fn gated(&self, gate: &Arc<Gate>) -> Root {
        let mut root = self.root();
        let (gate, cut_off) = (|| Arc::clone(gate), || self.cut_off.clone());
        root.store = Arc::new(Gated { inner: root.store, gate: gate(), cut_off: cut_off() });
        root.versioned = Arc::new(Gated { inner: root.versioned, gate: gate(), cut_off: cut_off() });
        root
    }

    /// A file of spans arrives.
    pub(crate) async fn arrive(&mut self, at: i64, spans: Vec<Span>) -> Vec<Path> {
        let mut object = at.to_le_bytes().to_vec();
        object.extend(spans.iter().flat_map(|span| span.span_id));
        let content = Content::of(&object);
        let root = self.root();
        let spans_folder = Path::from("spans");
        let layout = Layout::builtin();
        let (store, at_ms) = (root.store.as_ref(), at / 1_000_000);
        let written = write_spans(store, &spans_folder, spans, content, at_ms, &layout, Packing::Small).await;
        let locations: Vec<Path> = written.unwrap().into_iter().map(|file| file.location).collect();
        self.arrival.extend(locations.iter().map(|location| (location.to_string(), at)));
        locations
    }

    /// An object arrives, and is ingested as it is.
    pub(crate) async fn ingest(&mut self, at: i64, object: String) {
        let (root, layout) = (self.root(), Layout::builtin());
        let (folder, written) = (Path::from("spans"), Written::At(at / 1_000_000));
        let options = IngestOptions::default();
        let ingesting =
            ingest_object(root.store.as_ref(), &folder, object.into(), written, &layout, &options);
        let files = ingesting.await.unwrap().files;
        self.arrival.extend(files.iter().map(|file| (file.location.to_string(), at)));
    }

    /// Puts other bytes in the place of a data file.
    pub(crate) async fn overwrite(&mut self, location: &Path, bytes: Vec<u8>) {
        self.root().store.put(location, bytes.into()).await.unwrap();
    }

    /// The folder that everything lies in.
    pub(crate) fn folder(&self) -> &std::path::Path {
        match &self.ground {
            Ground::Memory(_) => panic!("there is no folder"),
            Ground::Folder(folder) => folder.path(),
        }
    }

    /// Takes a file away.
    pub(crate) async fn delete(&mut self, location: &Path) {
        self.root().store.delete(location).await.unwrap();
    }

    pub(crate) async fn read(&self, location: &Path) -> Vec<u8> {
        self.root().store.get(location).await.unwrap().bytes().await.unwrap().to_vec()
    }

    /// All objects below a folder.
    pub(crate) async fn objects(&self, below: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.root();
        let found: Vec<ObjectMeta> = root.store.list(Some(&Path::from(below))).try_collect().await.unwrap();
        let mut objects = BTreeMap::new();
        for meta in found {
            objects.insert(meta.location.to_string(), self.read(&meta.location).await);
        }
        objects
    }

    pub(crate) async fn state(&self) -> State {
        State::decode(&self.read(&Path::from(fluo_evaluator::state::LOCATION)).await).unwrap()
    }

    /// Returns what was delivered so far.
    pub(crate) fn post(&self) -> Post {
        self.post.lock().unwrap().clone()
    }

    /// Returns the notifications that `mail` took since the last time it was asked, in words.
    pub(crate) fn news(&self) -> Vec<String> {
        let mut post = self.post.lock().unwrap();
        let news = post.shorts("mail");
        post.taken.clear();
        news
    }

    /// A new process makes a tick, two seconds after it was due or as late as the clock is. None where it was killed.
    pub(crate) async fn try_tick(
        &mut self,
        due: Due<'_>,
        gate: &Arc<Gate>,
    ) -> Option<Result<Ticked, TickError>> {
        self.clock = self.clock.max(due.eval_time + 2 * SECOND);
        self.evaluators += 1;
        let nonce = format!("process-{}", self.evaluators);
        let clock = AtomicI64::new(self.clock);
        let result = self.process(due, gate, &nonce, &clock).await;
        self.clock = clock.into_inner();
        result
    }

    /// The same, of several processes at one time.
    pub(crate) async fn process(
        &self,
        due: Due<'_>,
        gate: &Arc<Gate>,
        nonce: &str,
        clock: &AtomicI64,
    ) -> Option<Result<Ticked, TickError>> {
        let evaluator = Evaluator::new(self.settings.clone(), SpanData::new(self.gated(gate)));
        self.process_of(&evaluator, due, gate, nonce, clock).await
    }

    /// An evaluator that makes several ticks. It reads spans past every gate.
    pub(crate) fn evaluator(&self) -> Evaluator {
        Evaluator::new(self.settings.clone(), SpanData::new(self.root()))
    }

    /// A tick of an evaluator that has made others.
    async fn process_of(
        &self,
        evaluator: &Evaluator,
        due: Due<'_>,
        gate: &Arc<Gate>,
        nonce: &str,
        clock: &AtomicI64,
    ) -> Option<Result<Ticked, TickError>> {
        let root = self.gated(gate);
        let live = Live { store: Arc::clone(&root.store), spans: Path::from("spans") };
        let arrivals = Scheduled { live, arrival: self.arrival.clone() };
        let sinks: Vec<Routed> = self
            .sinks
            .iter()
            .map(|name| Recorder { name: name.clone(), gate: Arc::clone(gate), post: Arc::clone(&self.post) })
            .map(|sink| {
                let (filter, together) =
                    self.routes.get(&sink.name).cloned().unwrap_or((Filter::default(), true));
                Routed { sink: Box::new(sink), filter, together }
            })
            .collect();
        let silenced = |labels: &BTreeMap<String, String>| {
            let covers = |(key, value): &&(&str, &str)| labels.get(*key).is_some_and(|label| label == value);
            due.silenced.iter().find(covers).map(|(key, value)| format!("{key}={value}"))
        };
        let now = || clock.fetch_add(self.per_look, Ordering::SeqCst);
        let (deadline, stop) = (due.deadline, &gate.stop);
        let host =
            Host { root: &root, sinks: &sinks, clock: &now, nonce, deadline, stop, evaluated: &|_| {} };
        let deployed = Deployed { rules: due.rules, mutes: Mutes { silenced: &silenced } };
        let request = Request { eval_time: due.eval_time, cause: due.cause };
        let mut ticking = pin!(tick(evaluator, &arrivals, deployed, host, request));
        poll_fn(|context| match ticking.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if gate.is_dead() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Sets back a state from the future.
    pub(crate) async fn set_back(&self) -> Result<SetBack, SetBackError> {
        let (root, clock, stop) = (self.root(), || self.clock, Stop::default());
        let (sinks, nonce, deadline) = (&[][..], "set-back", None);
        let host =
            Host { root: &root, sinks, clock: &clock, nonce, deadline, stop: &stop, evaluated: &|_| {} };
        set_back(host, &self.settings, None).await
    }

    /// A tick that nothing befalls.
    pub(crate) async fn tick(&mut self, due: Due<'_>) -> Ticked {
        self.try_tick(due, &Gate::open()).await.unwrap().unwrap()
    }
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// Rule files by name and text.
pub(crate) fn files(files: &[(&str, &str)]) -> Vec<SourceFile> {
    files.iter().map(|(name, text)| SourceFile::new(*name, *text)).collect()
}

macro_rules! checkout_errors {
    () => {
        "
- name: checkout-errors
  span: {service_name: checkout}
  aggregation:
    total: count
    errors: {count: {where: 'status = error'}}
  condition: errors / total > 0.5
"
    };
}

/// A rule of the grid.
pub(crate) const CHECKOUT_ERRORS: &str = checkout_errors!();

/// An exact rule, and one of the grid.
pub(crate) const FAILING: &str = concat!(
    "
- name: auth-failures
  span: {service_name: auth, status: error}
  group_by: [region]
  condition: count > 5",
    checkout_errors!()
);

/// A rule about absence.
const SILENT: &str = "
- name: heartbeat-missing
  span: {service_name: heartbeat}
  window: 2m
  condition: count < 1
";

/// A rule about traces.
pub(crate) const UNCHECKED: &str = "
- name: unchecked
  trace: {when: {name: pay}, always: [{name: check}], never: [{name: bypass}]}
";

/// A rule across traces.
pub(crate) const UNCONFIRMED: &str = "
- name: unconfirmed
  trace:
    by: [region]
    when: {name: order, as: order}
    always: [{name: confirm, after: 90s}]
    never: [{name: cancel, before: 3m}, {sequence: [order, {name: refund, at_least: 2}], within: 5m}]
";

/// A rule about the callers of spans.
pub(crate) const FAR_AWAY: &str = "
- name: far-away
  span: {name: serve, where: 'parent.name = \"call\"'}
  group_by: [parent.service_name]
  aggregation: {gap: {max: parent.duration - duration}}
  condition: gap > 1s
";

/// Rules of all kinds, in one file.
pub(crate) fn rules_of_all_kinds() -> Vec<SourceFile> {
    files(&[(
        "rules.yml",
        &format!("{FAILING}{SILENT}{UNCHECKED}{UNCONFIRMED}{FAR_AWAY}{}", crate::queries::FAILED_REGIONS),
    )])
}

/// A span of this name, alone in its trace.
pub(crate) fn named(region: &str, name: &str, end: i64) -> Span {
    Span { name: name.to_owned(), ..span(name, region, Status::Ok, end) }
}

/// A span of a trace, which lasted two seconds. Its name is its id; without a parent it is a root.
pub(crate) fn step(trace: u8, name: &str, parent: Option<&str>, end: i64) -> Span {
    let id = |name: &str| {
        let mut id = [0; 8];
        id[..name.len()].copy_from_slice(name.as_bytes());
        id
    };
    Span {
        trace_id: [trace; 16],
        span_id: id(name),
        parent_span_id: parent.map(id),
        name: name.to_owned(),
        start_ns: end - 2 * SECOND,
        ..span("shop", "t", Status::Ok, end)
    }
}

/// A span of a service that ended at a moment; of one service, region and moment there is one.
pub(crate) fn span(service: &str, region: &str, status: Status, end: i64) -> Span {
    let mut id = end.unsigned_abs();
    for byte in service.bytes().chain(region.bytes()) {
        id = id.wrapping_mul(31).wrapping_add(u64::from(byte));
    }
    let id = random(&mut id).max(1);
    let mut trace_id = [0; 16];
    trace_id[..8].copy_from_slice(&id.to_be_bytes());
    let mut attributes = vec![("region".to_owned(), region.to_owned())];
    if status == Status::Error {
        attributes.push(("http.status_code".to_owned(), "401".to_owned()));
        attributes.push(("error.type".to_owned(), "AuthenticationError".to_owned()));
    }
    Span {
        trace_id,
        span_id: id.to_be_bytes(),
        flags: 1,
        name: "handle".to_owned(),
        kind: Kind::Server,
        status,
        start_ns: end - 20_000_000,
        end_ns: end,
        attributes: Attributes::new(attributes),
        resource: Arc::new(Resource {
            service_name: Some(service.to_owned()),
            attributes: Attributes::default(),
        }),
        ..blank()
    }
}

/// Failed spans, one every few seconds.
pub(crate) fn failures(service: &str, region: &str, from: i64, count: i64) -> Vec<Span> {
    (0..count).map(|nth| span(service, region, Status::Error, from + nth * 4 * SECOND)).collect()
}

/// Good spans, one every few seconds.
pub(crate) fn good(service: &str, from: i64, count: i64) -> Vec<Span> {
    (0..count).map(|nth| span(service, "z", Status::Ok, from + SECOND + nth * 4 * SECOND)).collect()
}

/// A minute after noon.
pub(crate) fn minute(minute: i64) -> i64 {
    NOON + minute * MINUTE
}

/// Returns the time of the first evaluation of the spans of the minute that ends at `end`.
pub(crate) fn evaluated(end: i64) -> i64 {
    minute(end) + 10 * SECOND
}

impl World {
    /// The spans of a minute arrive at its end, and a tick follows.
    pub(crate) async fn minute(&mut self, end: i64, spans: Vec<Span>, rules: &[SourceFile]) -> Ticked {
        self.arrive(minute(end) + SECOND, spans).await;
        self.tick(Due::at(evaluated(end), rules)).await
    }

    /// The same, by an evaluator that has made other ticks.
    pub(crate) async fn minute_of(
        &mut self,
        evaluator: &Evaluator,
        end: i64,
        spans: Vec<Span>,
        rules: &[SourceFile],
    ) -> Ticked {
        self.arrive(minute(end) + SECOND, spans).await;
        let due = Due::at(evaluated(end), rules);
        self.clock = self.clock.max(due.eval_time + 2 * SECOND);
        let clock = AtomicI64::new(self.clock);
        let ticked = self.process_of(evaluator, due, &Gate::open(), "process", &clock).await;
        self.clock = clock.into_inner();
        ticked.unwrap().unwrap()
    }

    /// A tick without anything that arrived.
    pub(crate) async fn quiet(&mut self, end: i64, rules: &[SourceFile]) -> Ticked {
        self.tick(Due::at(evaluated(end), rules)).await
    }
}
