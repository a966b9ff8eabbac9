//! The beginning of an evaluation: what has arrived, and whether there is anything to look at.

use fluo_store::StoreError;

use super::files::Files;
use super::{Evaluation, Evaluator, Inputs};
use crate::report::Report;
use crate::state::State;

/// A state that knows what has arrived, and of which nothing has been judged yet.
pub(super) struct Arrived {
    pub(super) state: State,
    /// No evaluation was before.
    pub(super) first: bool,
    pub(super) files: Files,
    pub(super) report: Report,
}

impl Evaluator {
    /// Lists the files, and puts down in the state what has arrived.
    pub(super) async fn arrived(&self, before: State, inputs: Inputs<'_>) -> Result<Arrived, StoreError> {
        let first = before.is_new();
        let mut state = before;
        state.unread.clear();
        let mut report = Report { eval_time: inputs.eval_time, ..Report::default() };
        let files = self.arrive(&mut state, inputs, first, &mut report).await?;
        Ok(Arrived { state, first, files, report })
    }

    /// Evaluates all rules at one time, where there are spans that no evaluation has looked at; `None` where there are
    /// none. Then nothing was read but the listing.
    ///
    /// # Errors
    ///
    /// As for [`evaluate`](Self::evaluate).
    pub async fn evaluate_news(
        &self,
        before: State,
        inputs: Inputs<'_>,
    ) -> Result<Option<Evaluation>, StoreError> {
        // A file may be listed by an evaluation whose time its spans had not ended by: they were left to the next one.
        let is_ahead = before.pipeline.newest_end > before.eval_time;
        let arrived = self.arrived(before, inputs).await?;
        if arrived.files.new.is_empty() && !is_ahead {
            return Ok(None);
        }
        self.evaluate_arrived(arrived, inputs).await.map(Some)
    }
}
