//! A state from the future set back: it holds an evaluation of a time that has not come, and so nothing is evaluated.
//!
//! Judged moments stay judged. Evaluation goes on where it last was at a time that has come, and judges moments after
//! it alone: nobody is told anything twice.

use fluo_store::StoreError;
use fluo_store::records::last_evaluation;

use crate::error::TickError;
use crate::future::is_future;
use crate::host::Host;
use crate::rule_set::RuleSet;
use crate::settings::Settings;
use crate::state::{State, StateError};

/// The reason why a state is not set back.
#[derive(Debug, thiserror::Error)]
pub enum SetBackError {
    /// Occurs when there is no state, or its time has come.
    #[error("the state is not from the future: there is nothing to set back")]
    NotFuture,
    /// Occurs when no evaluation of the past is recorded, and no time is given.
    #[error("no evaluation of the past is recorded: say how far evaluation had come, with `--to`")]
    NoRecord,
    /// Occurs when the time that is given lies in the future, too.
    #[error("the time to set it back to has not come either")]
    StillFuture,
    /// Occurs when the store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when the state cannot be read or replaced.
    #[error(transparent)]
    State(#[from] TickError),
}

impl From<StateError> for SetBackError {
    fn from(error: StateError) -> Self {
        Self::State(error.into())
    }
}

/// The times of a state before and after it was set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetBack {
    /// The time that the state held; nanoseconds since the epoch, as the other one.
    pub from: i64,
    /// The time that it holds.
    pub to: i64,
}

/// Sets the state of the host's store back, to the evaluation at `to`, else to the last one that is recorded and whose
/// time has come.
///
/// # Errors
///
/// [`SetBackError`], and nothing is changed then.
pub async fn set_back(host: Host<'_>, settings: &Settings, to: Option<i64>) -> Result<SetBack, SetBackError> {
    let (mut state, version) = host.load().await?;
    let now = (host.clock)();
    let from = state.eval_time;
    if state.is_new() || !is_future(from, now) {
        return Err(SetBackError::NotFuture);
    }
    let to = match to {
        Some(to) => to,
        None => last_evaluation(host.root, now).await?.ok_or(SetBackError::NoRecord)?,
    };
    if is_future(to, now) {
        return Err(SetBackError::StillFuture);
    }
    state.set_back(to, settings);
    if host.swap(&mut state, version.as_ref()).await?.is_none() {
        return Err(TickError::Contended(1).into());
    }
    Ok(SetBack { from, to })
}

impl State {
    fn set_back(&mut self, to: i64, settings: &Settings) {
        self.eval_time = to;
        let pipeline = &mut self.pipeline;
        pipeline.began_at = pipeline.began_at.min(to);
        pipeline.arrived_at = pipeline.arrived_at.min(to);
        pipeline.alive_to = pipeline.alive_to.min(to);
        pipeline.newest_end = pipeline.newest_end.min(to);
        pipeline.looked_at.clear();
        let rules = RuleSet::of_texts(&self.rule_files);
        for (name, state) in &mut self.rules {
            let known = rules.rules.get(name);
            // What cannot be planned was not judged: either moment will do.
            let plan = known.and_then(|known| known.plan.as_ref().ok());
            let exact = plan.is_some_and(|plan| plan.judging().is_exact());
            let delay = known.and_then(|known| known.rule.eval_delay).unwrap_or(settings.eval_delay).0;
            state.set_back(to, if exact { to } else { to.saturating_sub(delay) });
        }
        for former in self.former.values_mut().flatten() {
            former.until = former.until.min(to);
            let judged = former.until;
            former.state.set_back(to, judged);
        }
        self.troubles.set_back(to);
    }
}
