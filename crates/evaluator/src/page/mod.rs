//! The page that shows how things stand ([`fluo_report`]): what it says, of one look at spans, and of a state.
//!
//! | module | does |
//! | --- | --- |
//! | [`look`] | rules, stored spans → a page |
//! | `kept` | a state, what evaluations found → a page |
//! | `history` | evaluations → their values and violations, as far back as the page shows them |
//! | `rules` | a rule → what the page says of it |
//! | `trace` | the spans of a trace → a waterfall |
//!
//! The evaluator keeps the page beside its state:
//!
//! ```text
//! report/index.html        the page
//! report/history.json.zst  values and violations of earlier evaluations, for the next one in another process
//! ```
//!
//! Nothing depends on them, and both may be deleted at any time. That they could not be written is told, and is no failure.

mod history;
mod kept;
pub mod look;
mod rules;
mod trace;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::reading::gauge::Track;
use fluo_store::guard::locked;
use fluo_store::{Root, StoreError, read_if_present, replace};
use object_store::path::Path;

use crate::chain;
use crate::page::history::History;
use crate::page::kept::{Content, content};
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
    /// What earlier evaluations found is part of the history, or there is none.
    is_fetched: bool,
    history: History,
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

    /// Takes in what a committed evaluation found.
    pub(crate) fn add<'a>(
        &self,
        records: impl IntoIterator<Item = &'a ViolationRecord>,
        tracks: &BTreeMap<String, Track>,
        rules: &RuleSet,
        eval_time: i64,
    ) {
        let mut inner = self.inner();
        inner.history.add(records, tracks, rules, eval_time);
        if inner.is_fetched {
            inner.history.forget_withdrawn();
        }
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

fn too_slow(done: &str) -> String {
    format!("it was not {done} within {} seconds", PATIENCE.as_secs())
}

#[cfg(test)]
mod tests;
