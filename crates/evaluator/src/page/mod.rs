//! The page that shows how things stand ([`fluo_report`]): what it says, of one look at spans, and of a state.
//!
//! | module | does |
//! | --- | --- |
//! | [`look`] | rules, stored spans → a page |
//! | `kept` | a state, what evaluations found → a page |
//! | `history` | evaluations → their values and violations, as far back as the page shows them |
//! | `rules` | a rule → what the page says of it |
//! | `trace` | violations → the traces that are read for them; the spans of a trace → a waterfall |
//!
//! The evaluator keeps the page beside its state:
//!
//! ```text
//! report/index.html        the page
//! report/history.json.zst  values, violations and traces of earlier evaluations, for the next one in another process
//! ```
//!
//! Nothing depends on them, and both may be deleted at any time. That they could not be written is told, and is no failure.

mod history;
mod kept;
pub mod look;
mod rules;
pub(crate) mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::reading::gauge::Track;
use fluo_engine::{SoughtTrace, WholeTrace};
use fluo_report::model::Trace;
use fluo_store::guard::locked;
use fluo_store::{DataFile, Root, StoreError, read_if_present, replace};
use object_store::path::Path;

use crate::chain;
use crate::page::history::History;
use crate::page::kept::{Content, content};
use crate::page::trace::Sought;
use crate::report::Report;
use crate::rule_set::RuleSet;
use crate::state::State;

/// The page.
pub const LOCATION: &str = "report/index.html";
/// The values and violations of earlier evaluations.
const HISTORY: &str = "report/history.json.zst";
/// The longest time that an evaluation waits for its page.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The length of time of which a rule's closest value is kept, in nanoseconds.
pub(crate) const MARK_STEP: i64 = fluo_time::Nanos::MINUTE.0;

/// A page that is kept beside the state.
#[derive(Debug, Default)]
pub(crate) struct KeptPage(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// It is kept: of looks at the past, it is not.
    is_open: bool,
    /// True if the history holds what earlier evaluations found, or there was nothing to hold.
    is_fetched: bool,
    history: History,
    /// The traces of what was found since some were read.
    fresh: BTreeSet<String>,
    /// The files that hold them, by their places.
    files: BTreeMap<Path, DataFile>,
    /// The content of the page in the store, where this process wrote it.
    written: Option<Content>,
    error: Option<String>,
}

impl KeptPage {
    /// Returns whether a page is kept.
    pub(crate) fn is_open(&self) -> bool {
        self.inner().is_open
    }

    /// Returns the reason why the last page could not be written, or what it begins with could not be read.
    pub(crate) fn error(&self) -> Option<String> {
        self.inner().error.clone()
    }

    /// Fetches what earlier evaluations found, until that has succeeded once in a process.
    pub(crate) async fn open(&self, root: &Root) {
        {
            let mut inner = self.inner();
            inner.is_open = true;
            if inner.is_fetched {
                return;
            }
        }
        let path = root.at(&Path::from(HISTORY));
        let read = read_if_present(root.store.as_ref(), &path);
        let got = tokio::time::timeout(PATIENCE, read).await;
        let mut inner = self.inner();
        let earlier = match got {
            // What is no history is written anew, and the page begins with what is found from now on.
            Ok(Ok(bytes)) => bytes.and_then(|bytes| History::decode(&bytes)).unwrap_or_default(),
            Ok(Err(error)) => {
                inner.error = Some(chain(&error));
                return;
            }
            Err(_) => {
                inner.error = Some(too_slow("read"));
                return;
            }
        };
        let known = std::mem::take(&mut inner.history);
        inner.history = known.behind(earlier);
        inner.is_fetched = true;
    }

    /// Takes in what a committed evaluation found; `trace_files` hold the traces of its records.
    pub(crate) fn add<'a>(
        &self,
        records: impl IntoIterator<Item = &'a ViolationRecord>,
        tracks: &BTreeMap<String, Track>,
        rules: &RuleSet,
        eval_time: i64,
        trace_files: Vec<DataFile>,
    ) {
        let records: Vec<&ViolationRecord> = records.into_iter().collect();
        let mut inner = self.inner();
        let evidence = records.iter().flat_map(|record| &record.violation.evidence);
        inner.fresh.extend(evidence.map(|span| span.trace_id.clone()));
        inner.files.extend(trace_files.into_iter().map(|file| (file.location.clone(), file)));
        inner.history.add(records, tracks, rules, eval_time);
        if inner.is_fetched {
            inner.history.forget_withdrawn();
        }
    }

    /// Returns the traces of what was found lately that the page shows and does not know, and the files that hold them. They
    /// are asked for once, and forgotten where violations do not need them any more.
    pub(crate) fn to_read(&self, state: &State, rules: &RuleSet) -> (Sought, Vec<DataFile>) {
        let mut inner = self.inner();
        let (fresh, files) = (std::mem::take(&mut inner.fresh), std::mem::take(&mut inner.files));
        if fresh.is_empty() {
            return (Sought::default(), Vec::new());
        }
        let mut sought = Sought::of(&kept::episodes(state, rules, &inner.history));
        let known = &mut inner.history.traces;
        known.retain(|id, _| sought.contains(id));
        sought.retain(|id, sought| fresh.contains(id) && !known.get(id).is_some_and(|it| has(it, sought)));
        (sought, files.into_values().collect())
    }

    /// Takes in traces that were read.
    pub(crate) fn add_traces(&self, whole: BTreeMap<[u8; 16], WholeTrace>, state: &State, rules: &RuleSet) {
        let mut inner = self.inner();
        let mut traces = trace::of_whole(whole);
        traces.retain(|_, trace| !trace.spans.is_empty());
        trace::mask(&mut traces, &kept::episodes(state, rules, &inner.history), |name| rules.rule(name));
        inner.history.traces.extend(traces);
    }

    /// Writes the page of a committed evaluation, where it says something else than the one that this process wrote last.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where it cannot be written. It is remembered, too.
    pub(crate) async fn keep(
        &self,
        root: &Root,
        state: &State,
        rules: &RuleSet,
        report: &Report,
    ) -> Result<(), StoreError> {
        let (page, content, history, is_fetched) = {
            let inner = self.inner();
            let page = kept::page(state, rules, report, &inner.history);
            let content = content(&page, state);
            if inner.written.as_ref() == Some(&content) && inner.error.is_none() {
                return Ok(());
            }
            (page, content, inner.history.encode(), inner.is_fetched)
        };
        let html = fluo_report::html(&page);
        let written = async {
            replace(root, &Path::from(LOCATION), html.into(), fluo_report::MEDIA_TYPE).await?;
            // A history that could not be read is not overwritten.
            if is_fetched {
                replace(root, &Path::from(HISTORY), history.into(), "application/zstd").await?;
            }
            Ok(())
        }
        .await;
        let mut inner = self.inner();
        match &written {
            Ok(()) => {
                inner.written = Some(content);
                if is_fetched {
                    inner.error = None;
                }
            }
            Err(error) => inner.error = Some(chain(error)),
        }
        drop(inner);
        written
    }

    /// Remembers that the page was not written in time. Returns what is told of it.
    pub(crate) fn gave_up(&self) -> String {
        let reason = too_slow("written");
        self.inner().error = Some(reason.clone());
        reason
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        locked(&self.0)
    }
}

/// Returns whether a trace that was read has the spans that are sought of it. Where more were read than are kept, it is as
/// it was chosen.
fn has(trace: &Trace, sought: &SoughtTrace) -> bool {
    let has = |id: &[u8; 8]| trace.spans.iter().any(|span| span.span_id == hex::encode(id));
    trace.left_out > 0 || sought.spans.iter().all(has)
}

fn too_slow(done: &str) -> String {
    format!("it was not {done} within {} seconds", PATIENCE.as_secs())
}

#[cfg(test)]
mod tests;
