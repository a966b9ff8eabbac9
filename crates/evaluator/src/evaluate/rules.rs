//! The rules of an evaluation: which are new, changed or gone, which files do not load, and which could not be judged.

use fluo_alerts::escape::plain;
use fluo_alerts::life_cycle::RuleState;
use fluo_alerts::life_cycle::transition::{rule_changed, rule_removed};
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_engine::EngineError;
use fluo_plan::{RulePlan, missing_can_make_true};
use fluo_rules::decisive::decide_alike;
use fluo_rules::{SourceFile, load};

use super::evaluator::Evaluator;
use super::files::Files;
use super::inputs::Inputs;
use crate::rule_set::{Known, RuleSet};
use crate::span_data::Holes;
use crate::state::{Former, State};

/// Remembers good texts, and finds files that do not load or that lost their rules.
pub(super) fn rule_files(state: &mut State, inputs: Inputs<'_>) -> Vec<Wrong> {
    let rules = inputs.rules;
    let mut wrong: Vec<Wrong> = rules
        .errors
        .iter()
        .map(|(file, reason)| {
            let goes_on = if rules.goes_on(file) {
                "its rules go on at their last good text"
            } else {
                "none of its rules is judged"
            };
            Wrong::new(Subject::RuleFile(file.clone()), format!("{reason}; {goes_on}"))
        })
        .collect();
    for file in &rules.without_rules {
        let subject = Subject::EmptiedFile(file.clone());
        let known = state.troubles.of(&subject).map(|trouble| trouble.reason.clone());
        let lost = || {
            let text = state.rule_files.get(file)?;
            let had = load(&[SourceFile::new(file.as_str(), text.as_str())]).rules;
            let names: Vec<_> = had.iter().map(|rule| plain(&rule.name).into_owned()).collect();
            (!names.is_empty()).then(|| format!("it had: {}", names.join(", ")))
        };
        wrong.extend(known.or_else(lost).map(|reason| Wrong::new(subject, reason)));
    }
    state.rule_files.clone_from(&rules.texts);
    wrong
}

impl Evaluator {
    /// New, changed and removed rules.
    pub(super) fn rule_states(&self, state: &mut State, inputs: Inputs<'_>, first: bool, files: &Files) {
        let ends = files.arrived.first().map(|ends| ends.from).filter(|&from| from > i64::MIN);
        let earliest = ends.unwrap_or(inputs.eval_time);
        // The rules as they were, read once they are needed.
        let mut before: Option<RuleSet> = None;
        for (name, known) in &inputs.rules.rules {
            let times = self.times(state, inputs.eval_time, Some(&known.rule));
            let delay = times.eval_time - times.watermark;
            // A new rule starts after the previous watermark; before any evaluation there is none but its own.
            let mut from = if first { times.watermark } else { state.eval_time.saturating_sub(delay) };
            if first && !self.settings.always_alive && missing_can_make_true(&known.rule) {
                // The edge of the data is not to be taken for silence: its first window begins where the data does.
                from = from.max(earliest.saturating_add(known.rule.window.0));
            }
            let from = from.max(inputs.skip_to.map_or(i64::MIN, |to| to.saturating_sub(delay)));
            let Some(mut old) = state.rules.remove(name) else {
                // One that was there a short time ago does not find again what it had found.
                let from = state.removed.remove(name).map_or(from, |judged_to| from.max(judged_to));
                state.rules.insert(name.clone(), RuleState::new(known.hash.clone(), from));
                continue;
            };
            if old.hash != known.hash {
                let was = before.get_or_insert_with(|| RuleSet::of_texts(&state.rule_files)).rules.get(name);
                if was.is_some_and(|was| was.hash == known.hash || decide_alike(&was.rule, &known.rule)) {
                    known.hash.clone_into(&mut old.hash);
                } else {
                    // What was judged stays judged by the text that judged it.
                    let until = from.max(old.judged_to);
                    let (former, changed) = rule_changed(old, &known.rule, &known.hash, until, times);
                    let rule = was.map(|was| was.rule.as_ref());
                    let delay = rule.and_then(|rule| rule.eval_delay).unwrap_or(self.settings.eval_delay).0;
                    state.former.entry(name.clone()).or_default().push(Former {
                        text: was.map(|was| was.text.clone()),
                        until,
                        reach: delay.saturating_add(self.lateness(rule)),
                        waits: rule.map_or(0, |rule| rule.waits().0),
                        state: former,
                    });
                    state.rules.insert(name.clone(), changed);
                    continue;
                }
            }
            if inputs.skip_to.is_some() {
                old.judged_to = old.judged_to.max(from);
            }
            state.rules.insert(name.clone(), old);
        }
        if inputs.rules.whole {
            let removed: Vec<String> =
                state.rules.keys().filter(|name| !inputs.rules.rules.contains_key(*name)).cloned().collect();
            for name in removed {
                if let Some(old) = state.rules.remove(&name) {
                    let times = self.times(state, inputs.eval_time, None);
                    state.removed.insert(name.clone(), old.judged_to);
                    state.former.remove(&name);
                    state.rules.insert(name, rule_removed(old, times));
                }
            }
        }
    }

    /// Remembers which moments a rule that failed has yet to judge. Where it is over a limit for the second time in a row,
    /// it begins anew behind them: it would never come to an end with moments that are too many for it.
    pub(super) fn owe(
        &self,
        state: &mut State,
        known: &Known,
        plan: &RulePlan,
        files: &Files,
        error: &EngineError,
        eval_time: i64,
    ) {
        let failed_before = state.troubles.of(&Subject::Rule(known.rule.name.clone())).is_some();
        if !failed_before || !is_limit(error) {
            return self.reopen(state, known, plan, files, eval_time);
        }
        let holes = Holes::of(state);
        let due = self.due(state, &known.rule, plan, files, &holes, eval_time);
        if let Some(of_rule) = state.rules.get_mut(&known.rule.name) {
            of_rule.judged_to = due.moments(of_rule).judged_to;
        }
    }

    /// Has moments judged again that late files reach back to: no file arrives twice.
    pub(super) fn reopen(
        &self,
        state: &mut State,
        known: &Known,
        plan: &RulePlan,
        files: &Files,
        eval_time: i64,
    ) {
        let holes = Holes::of(state);
        let due = self.due(state, &known.rule, plan, files, &holes, eval_time);
        if let Some(of_rule) = state.rules.get_mut(&known.rule.name)
            && let Some(reopened) = due.reopened(of_rule)
        {
            of_rule.judged_to = reopened.saturating_sub(1).max(of_rule.from);
        }
    }
}

/// Returns whether a rule asks for more than it may have: the same again would ask for as much.
fn is_limit(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Memory(_)
            | EngineError::GroupOverflow { .. }
            | EngineError::TooManyWindows { .. }
            | EngineError::TooManyMoments { .. }
    )
}
