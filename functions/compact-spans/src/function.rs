//! An invocation → its answer, log and metrics.

use fluo_alerts::escape::{chain, plain};
use fluo_rules::rule::{ALLOWED_LATENESS, EVAL_DELAY};
use fluo_runtime::log::{Level, line};
use fluo_runtime::metrics::{Metric, Unit, emit};
use fluo_runtime::{Environment, EnvironmentError, Invocation};
use fluo_store::compaction::{Compacted, HourReport, Options, Sizes, compact};
use fluo_store::layouts::KnownLayout;
use fluo_store::{Hour, Root, StoreError, open_root};
use fluo_time::Nanos;
use object_store::path::Path;
use serde_json::{Value, json};

/// The end of an invocation in which nothing more is begun, in nanoseconds: one file takes less, and work that is cut off
/// all the same is done again.
const MARGIN: i64 = 3 * Nanos::MINUTE.0;

/// The part of an invocation that the margin takes at most: a function whose time limit is short works, too.
const MARGIN_SHARE: i64 = 4;

/// The reach of a run into the past, in nanoseconds: three days. What an outage of the function leaves further back is
/// for `fluo compact`.
const REACH: i64 = 3 * Nanos::DAY.0;

/// The function, between its invocations.
pub struct CompactSpans {
    root: Root,
    layout: KnownLayout,
    sizes: Sizes,
    /// Hours that ended so long ago are over, in nanoseconds.
    over_after: i64,
    name: String,
    clock: &'static (dyn Fn() -> i64 + Send + Sync),
}

/// The reason for which the function could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Occurs when the environment lacks something.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Occurs when the store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The reason for which an invocation failed. Nothing is lost by it: the next one does what this one did not.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// Occurs when hours cannot be listed.
    #[error("could not list the hours: {}", chain(.0))]
    List(#[from] StoreError),
    /// Occurs when some hours could not be compacted, which the log names.
    #[error("{0} hour(s) could not be compacted: the log says why")]
    Hours(usize),
}

impl CompactSpans {
    /// The function as its environment describes it. `clock`: nanoseconds since the epoch.
    pub fn start(
        environment: &Environment,
        clock: &'static (dyn Fn() -> i64 + Send + Sync),
    ) -> Result<Self, StartError> {
        let uri = environment.required("FLUO_STORE", "where spans are: s3://bucket")?;
        let root = open_root(uri, &environment.lookup())?;
        Ok(Self::new(environment, root, clock)?)
    }

    /// The same over a store that is open.
    pub fn new(
        environment: &Environment,
        root: Root,
        clock: &'static (dyn Fn() -> i64 + Send + Sync),
    ) -> Result<Self, EnvironmentError> {
        let allowed = environment.duration("FLUO_ALLOWED_LATENESS", ALLOWED_LATENESS)?;
        let delay = environment.duration("FLUO_EVAL_DELAY", EVAL_DELAY)?;
        Ok(Self {
            root,
            layout: KnownLayout::default(),
            sizes: environment.memory().map_or_else(Sizes::default, Sizes::within),
            over_after: allowed.0.saturating_add(delay.0),
            name: environment.function_name("compact-spans"),
            clock,
        })
    }

    /// Handles an invocation.
    pub async fn handle(&self, invocation: Invocation) -> Result<Value, InvocationError> {
        let now_ns = (self.clock)();
        let given = invocation.deadline.saturating_sub(now_ns);
        let until = invocation.deadline.saturating_sub(MARGIN.min(given / MARGIN_SHARE));
        let before_ns = now_ns.saturating_sub(self.over_after);
        let hours = Hour::of_ns(before_ns.saturating_sub(REACH))..=Hour::of_ns(before_ns);
        let (layout, unknown) = self.layout.current(&self.root, now_ns).await;
        if let Some(error) = unknown {
            let fields = json!({"reason": plain(&chain(&error))});
            line(
                Level::Warning,
                now_ns,
                "the layout of files is not known: the last one that is counts",
                fields,
            );
        }
        let options = Options { now_ns, before_ns, dry_run: false, sizes: self.sizes, layout };
        let spans = self.root.at(&Path::from("spans"));
        let goes_on = || (self.clock)() < until;
        let compacted = compact(&self.root, &spans, hours, &options, &goes_on).await?;
        self.tell(&compacted);
        self.measure(&compacted);
        if !compacted.failed.is_empty() {
            return Err(InvocationError::Hours(compacted.failed.len()));
        }
        Ok(json!({"hours": compacted.hours.len(), "unfinished": compacted.unfinished}))
    }

    fn tell(&self, compacted: &Compacted) {
        for hour in &compacted.hours {
            let level = if hour.skipped.is_empty() { Level::Info } else { Level::Warning };
            line(level, (self.clock)(), "compacted", json!({"hour": hour}));
        }
        for (hour, error) in &compacted.failed {
            let fields = json!({"hour": hour, "reason": plain(&chain(error))});
            line(Level::Error, (self.clock)(), "not compacted", fields);
        }
    }

    fn measure(&self, compacted: &Compacted) {
        let sum = |of: fn(&HourReport) -> u64| compacted.hours.iter().map(of).sum::<u64>();
        let metrics: [Metric; 9] = [
            ("HoursFailed", Unit::Count, compacted.failed.len() as u64),
            ("HoursUnfinished", Unit::Count, u64::from(compacted.unfinished)),
            ("FilesReplaced", Unit::Count, sum(|hour| hour.files)),
            ("FilesWritten", Unit::Count, sum(|hour| hour.outputs)),
            ("FilesDeleted", Unit::Count, sum(|hour| hour.deleted_files)),
            ("FilesSkipped", Unit::Count, sum(|hour| hour.skipped.len() as u64)),
            ("SpansCompacted", Unit::Count, sum(|hour| hour.spans)),
            ("BytesReplaced", Unit::Bytes, sum(|hour| hour.bytes)),
            ("BytesWritten", Unit::Bytes, sum(|hour| hour.output_bytes)),
        ];
        emit(&self.name, (self.clock)(), &metrics);
    }
}
