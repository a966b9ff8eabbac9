//! Finds how deep the spans of alerts lie that begin together: which of them is to head their message.
//!
//! Most evaluations have no such alerts, and read nothing. The spans that are read are those of a few traces, in files that
//! were just judged.

use std::time::Duration;

use fluo_alerts::life_cycle::{Levels, together};
use fluo_alerts::step;
use fluo_alerts::step::failed;
use fluo_engine::{Leveling, tried};
use fluo_store::DataFile;

use super::evaluator::Evaluator;
use super::files::Files;
use super::inputs::Inputs;
use super::observe::Read;
use crate::chain;
use crate::span_data::ends_of;
use crate::state::State;

impl Evaluator {
    /// Returns how deep those spans lie of which it matters. Where they cannot be read, or not in time, it is not known: no
    /// alert is held up by the order in which it is named.
    pub(super) async fn levels(
        &self,
        state: &mut State,
        files: &Files,
        inputs: Inputs<'_>,
        read: &mut Read,
    ) -> Levels {
        let spans = together::sought(&state.all_rules(), &inputs.rules.by_name(), inputs.mutes);
        if spans.is_empty() {
            return Levels::new();
        }
        let step = step!("find depths");
        let leveling = Leveling::new(spans, inputs.eval_time);
        let looking = self.leveled(state, &leveling, files, read);
        let leveled = if inputs.patience.is_some() {
            let patience = Duration::from_nanos(self.settings.rule_time.0.max(0).unsigned_abs());
            let leveled = tokio::time::timeout(patience, looking).await;
            leveled.unwrap_or_else(|_| Err("there was no time".to_owned()))
        } else {
            looking.await
        };
        leveled.unwrap_or_else(|reason| {
            failed(&step, reason);
            Levels::new()
        })
    }

    async fn leveled(
        &self,
        state: &mut State,
        leveling: &Leveling,
        files: &Files,
        read: &mut Read,
    ) -> Result<Levels, String> {
        let is_met =
            |file: &&DataFile| leveling.reads().iter().any(|reads| ends_of(file.stored()).meets(*reads));
        let needed: Vec<DataFile> = files.of_windows().filter(is_met).cloned().collect();
        // Each time, at least one file less.
        loop {
            let needed = self.data.not_missing(&needed, state);
            let Some(mut source) = self.opened(state, &needed, leveling.reads(), read).await else {
                continue;
            };
            let leveled = tried(&mut source, async |source| leveling.over(&self.session, source).await).await;
            if let Some(leveled) = self.ended(state, leveled, &needed) {
                return leveled.map_err(|error| chain(&error));
            }
        }
    }
}
