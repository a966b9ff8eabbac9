//! Texts of rules that were edited: they judge the moments before the edit for which spans come late, and nothing else.
//!
//! ```text
//! edit ─▶ former text: what it found, moments up to the edit ─ late spans ─▶ judged again by it
//!     └─▶ present text: moments after it, and the alerts that fire ◀─ those that begin to fire under a former one
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use fluo_alerts::life_cycle::transition::pass_on;
use fluo_alerts::life_cycle::{RuleState, ViolationRecord};
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_plan::RulePlan;
use fluo_rules::SourceFile;

use super::evaluator::Evaluator;
use super::files::Files;
use super::inputs::Inputs;
use super::observe::{Read, Seen};
use crate::chain;
use crate::due::Due;
use crate::rule_set::{Known, RuleSet};
use crate::span_data::Holes;
use crate::state::State;

impl FormerText {
    /// Returns the state of what it found.
    pub(super) fn state<'a>(&self, state: &'a State) -> Option<&'a RuleState> {
        Some(&state.former.get(&self.known.rule.name)?.get(self.at)?.state)
    }
}

/// A former text that can judge.
pub(super) struct FormerText {
    /// The rule as it was.
    pub(super) known: Known,
    pub(super) plan: Arc<RulePlan>,
    /// Its place among the former texts of its rule.
    at: usize,
    /// The last moment that it judges.
    pub(super) until: i64,
}

/// Returns the former texts, and the troubles of those that cannot judge any more.
pub(super) fn former_texts(state: &State) -> (Vec<FormerText>, Vec<Wrong>) {
    let (mut texts, mut wrong) = (Vec::new(), Vec::new());
    for (name, former) in &state.former {
        for (at, former) in former.iter().enumerate() {
            match read(name, former.text.as_deref()) {
                Ok((known, plan)) => texts.push(FormerText { known, plan, at, until: former.until }),
                Err(reason) => wrong.push(Wrong::new(Subject::FormerRule(name.clone()), reason)),
            }
        }
    }
    (texts, wrong)
}

impl Evaluator {
    /// Returns what decides which moments are due of a text that judges up to `until`.
    pub(super) fn due_until<'a>(
        &self,
        state: &State,
        text: &FormerText,
        files: &'a Files,
        holes: &'a Holes,
        eval_time: i64,
    ) -> Due<'a> {
        let FormerText { known, plan, until, .. } = text;
        let due = self.due(state, &known.rule, plan, files, holes, eval_time);
        Due { until: Some(*until), ..due }
    }

    /// Judges what late spans re-open of them, and passes on what begins to fire.
    pub(super) async fn judge_former(
        &self,
        state: &mut State,
        texts: &[FormerText],
        files: &Files,
        inputs: Inputs<'_>,
        read: &mut Read,
    ) -> (Vec<ViolationRecord>, Vec<Wrong>) {
        let (mut records, mut wrong) = (Vec::new(), Vec::new());
        for text in texts {
            let name = &text.known.rule.name;
            let Some(mut former) = state.former.get(name).and_then(|texts| texts.get(text.at)).cloned()
            else {
                continue;
            };
            let until = Some(text.until);
            let before = former.state.clone();
            let asked = self.ask(state, before, &text.known, &text.plan, until, files, inputs);
            let seen = self.observe(state, std::slice::from_ref(&asked), files, inputs, read).await.pop();
            match seen.unwrap_or(Ok(Seen::Nothing { alone: false })) {
                Ok(Seen::Observations { observations, .. }) => {
                    let judged = self.fold(state, asked, observations, files, inputs);
                    records.extend(judged.change.records);
                    former.state = judged.change.state;
                    self.name_files(state, &mut former.state, &text.plan, &judged.change.fired, files).await;
                }
                unjudged => {
                    let holes = Holes::of(state);
                    let due = self.due_until(state, text, files, &holes, inputs.eval_time);
                    if let Some(reopened) = due.reopened(&former.state) {
                        former.state.judged_to = reopened.saturating_sub(1).max(former.state.from);
                    }
                    if let Err(error) = unjudged {
                        wrong.push(Wrong::new(Subject::FormerRule(name.clone()), chain(&error)));
                    }
                }
            }
            let known = inputs.rules.rules.get(name);
            let times = self.times(state, inputs.eval_time, known.map(|known| known.rule.as_ref()));
            if let (Some(present), Some(known)) = (state.rules.get_mut(name), known) {
                pass_on(&mut former.state, present, &known.rule, times);
            }
            if let Some(slot) = state.former.get_mut(name).and_then(|texts| texts.get_mut(text.at)) {
                *slot = former;
            }
        }
        (records, wrong)
    }

    /// Drops former texts that no late span reaches any more.
    pub(super) fn forget_former(&self, state: &mut State, eval_time: i64) {
        for texts in state.former.values_mut() {
            texts.retain(|former| {
                let reach = former.reach.saturating_add(former.waits);
                former.until >= eval_time.saturating_sub(reach) || !former.state.owed.is_empty()
            });
        }
        state.former.retain(|_, texts| !texts.is_empty());
        let lateness = self.settings.eval_delay.0.saturating_add(self.settings.allowed_lateness.0);
        state.removed.retain(|_, judged_to| *judged_to >= eval_time.saturating_sub(lateness));
    }
}

fn read(name: &str, text: Option<&str>) -> Result<(Known, Arc<RulePlan>), String> {
    let text = text.ok_or("this version of fluo did not load it when it was edited")?;
    // Whatever the rule is called, its text is that of a rule file.
    let mut set = RuleSet::load(&[SourceFile::new(format!("{name}.yml"), text)], &BTreeMap::new());
    let known = set.rules.remove(name).ok_or_else(|| {
        let reason = set.errors.into_values().next().unwrap_or_else(|| "it has no rule".to_owned());
        format!("this version of fluo does not load it: {reason}")
    })?;
    let plan = known.plan.clone()?;
    Ok((known, plan))
}
