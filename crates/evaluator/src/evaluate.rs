//! One evaluation: the state before, the rules, the files that have arrived, a time → the state after.
//!
//! Live evaluation, replay and rule tests all are calls of [`Evaluator::evaluate`]; they differ in where the files come
//! from and in what becomes of the result. Nothing is written here: reading twice is harmless.

mod arrive;
mod evaluator;
mod files;
mod fold;
mod former;
mod inputs;
mod lateness;
mod levels;
mod missing;
mod observe;
mod older;
mod rules;
mod set_aside;
mod traces;

use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::life_cycle::{RuleState, ViolationRecord, announce};
use fluo_alerts::notification::Notification;
use fluo_alerts::reading::gauge::Track;
use fluo_alerts::step;
use fluo_alerts::step::{Empty, failed};
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_plan::RulePlan;
use fluo_store::{DataFile, Hour, StoreError};

use arrive::Arrived;
use files::Files;
use former::{FormerText, former_texts};
use missing::{data_files, give_up, names, outage};
use observe::{Asked, Seen};
use rules::rule_files;

pub use evaluator::Evaluator;
pub use inputs::{Inputs, Patience};

use crate::catch_up::unjudged_of;
use crate::chain;
use crate::due::Due;
use crate::report::Report;
use crate::rule_set::Known;
use crate::span_data::Holes;
use crate::state::State;

/// The result of an evaluation.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The state after it, without what it tells and records.
    pub state: State,
    /// Violations that are new or have changed.
    pub records: Vec<ViolationRecord>,
    /// The notifications that it tells.
    pub notifications: Vec<Notification>,
    /// Its record.
    pub report: Report,
    /// The values of rules against their limits, by the rule's name, where a page tells of them.
    pub tracks: BTreeMap<String, Track>,
    /// The files that hold the traces of its records, where a page shows them.
    pub trace_files: Vec<DataFile>,
}

impl Evaluator {
    /// Evaluates all rules at one time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where files cannot be listed. What is wrong with one rule or one file is no error: it is told of.
    pub async fn evaluate(&self, before: State, inputs: Inputs<'_>) -> Result<Evaluation, StoreError> {
        let arrived = self.arrived(before, inputs).await?;
        self.evaluate_arrived(arrived, inputs).await
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

    async fn evaluate_arrived(&self, arrived: Arrived, inputs: Inputs<'_>) -> Result<Evaluation, StoreError> {
        let Arrived { mut state, first, mut files, mut report } = arrived;
        let mut notifications = Vec::new();
        let mut wrong: Vec<Wrong> = self.stale(&state, inputs.eval_time).into_iter().collect();
        wrong.extend(self.too_late(&mut state, inputs, &files, first).await?);
        self.rule_states(&mut state, inputs, first, &files);
        wrong.extend(rule_files(&mut state, inputs));
        let (former, unread) = former_texts(&state);
        wrong.extend(unread);
        let looks_back = inputs.rules.rules.values().filter_map(|known| known.plan.as_ref().ok());
        let mut looks_back = looks_back.chain(former.iter().map(|text| &text.plan));
        if looks_back.any(|plan| !plan.calls().is_empty()) {
            self.begin_of_store(&mut state, &mut files, inputs).await?;
        }
        let known_damage: BTreeSet<String> = names(&state.damaged);
        wrong.extend(self.set_aside(&mut state, inputs, &files, first, &mut report).await);
        let (mut records, mut tracks) = (Vec::new(), BTreeMap::new());
        let mut due_rules = Vec::new();
        for (name, known) in &inputs.rules.rules {
            let plan = match &known.plan {
                Ok(plan) => plan.as_ref(),
                Err(reason) => {
                    wrong.push(Wrong::new(Subject::Rule(name.clone()), reason.clone()));
                    report.failed_rules.push(name.clone());
                    continue;
                }
            };
            due_rules.push((known, plan));
        }
        if let Some(earliest) = self.earliest_read(&state, &due_rules, &former, &files, inputs.eval_time) {
            files.older = self.older.of(Hour::of_ns(earliest)..*files.hours.start(), inputs).await?;
        }
        let hashes = due_rules.iter().map(|(known, _)| *known).chain(former.iter().map(|text| &text.known));
        self.panes.known().begin(&hashes.map(|known| known.hash.as_str()).collect());
        let mut read = BTreeMap::new();
        let (late_records, late_wrong) =
            self.judge_former(&mut state, &former, &files, inputs, &mut read).await;
        records.extend(late_records);
        wrong.extend(late_wrong);
        let mut asked = Vec::new();
        for (known, plan) in &due_rules {
            let mut before = state.rules.get(&known.rule.name).cloned().unwrap_or_default();
            let given_up = give_up(&mut before.owed, inputs.eval_time, self.settings.max_catch_up.0);
            notifications.extend(given_up.map(|moments| unjudged_of(&known.rule, moments, inputs.eval_time)));
            asked.push(self.ask(&state, before, known, plan, None, &files, inputs));
        }
        let seen = self.observe(&mut state, &asked, &files, inputs, &mut read).await;
        for file in read.values() {
            report.read(file);
        }
        for (asked, seen) in asked.into_iter().zip(seen) {
            let Asked { known, plan, .. } = asked;
            let name = &known.rule.name;
            let step =
                step!("judge rule", fluo.rule = name.as_str(), fluo.files = Empty, fluo.violations = Empty);
            step.record("fluo.files", asked.files);
            match seen {
                Ok(Seen::Observations { observations, track }) => {
                    report.rules += 1;
                    tracks.extend(track.map(|track| (name.clone(), track)));
                    let judged = step.in_scope(|| self.fold(&state, asked, observations, &files, inputs));
                    step.record("fluo.violations", judged.change.records.len());
                    report.stretches += judged.stretches as u64;
                    records.extend(judged.change.records);
                    let mut after = judged.change.state;
                    self.name_files(&state, &mut after, plan, &judged.change.fired, &files).await;
                    after.tries = 0;
                    state.rules.insert(name.clone(), after);
                }
                Ok(Seen::Nothing { alone }) => {
                    report.postponed_rules.push(name.clone());
                    wrong.extend(self.postpone(&mut state, known, plan, &files, alone, inputs.eval_time));
                }
                Err(error) => {
                    failed(&step, chain(&error));
                    self.owe(&mut state, known, plan, &files, &error, inputs.eval_time);
                    wrong.push(Wrong::new(Subject::Rule(name.clone()), chain(&error)));
                    report.failed_rules.push(name.clone());
                }
            }
        }
        let mut read_again = BTreeMap::new();
        let levels = self.levels(&mut state, &files, inputs, &mut read_again).await;
        for (_, file) in read_again.iter().filter(|(location, _)| !read.contains_key(*location)) {
            report.read(file);
        }
        report.damaged_files.extend(names(&state.damaged).difference(&known_damage).cloned());
        let reach = due_rules.iter().map(|(_, plan)| plan.reach().before).max().unwrap_or_default();
        self.forget(&mut state, inputs.eval_time, reach);
        wrong.extend(data_files(&state.damaged));
        wrong.extend(outage(&state.unread));
        // Sinks are the outbox's matter.
        let of_evaluations = |subject: &Subject| !matches!(subject, Subject::Sink(_));
        let telling = self.settings.telling();
        notifications.extend(state.troubles.settle(wrong, of_evaluations, inputs.eval_time, &telling));
        let times = self.times(&state, inputs.eval_time, None);
        notifications.extend(announce(
            &mut state.all_rules(),
            &inputs.rules.by_name(),
            inputs.mutes,
            &self.renderer,
            times,
            &levels,
        ));
        self.forget_former(&mut state, inputs.eval_time);
        state.rules.retain(|name, _| !inputs.rules.whole || inputs.rules.rules.contains_key(name));
        records.sort_by(|left, right| {
            left.violation.in_order(&right.violation).then_with(|| left.id.cmp(&right.id))
        });
        state.eval_time = inputs.eval_time;
        state.generation += 1;
        report.panes_error = self.panes.error();
        report.page_error = self.page.error();
        state.page_error.clone_from(&report.page_error);
        report.count(&state, inputs.rules, &records, &notifications);
        let trace_files = self.trace_files(&records, &files);
        Ok(Evaluation { state, records, notifications, report, tracks, trace_files })
    }

    /// Returns the earliest moment that windows reach back to, where anything is due.
    fn earliest_read(
        &self,
        state: &State,
        rules: &[(&Known, &RulePlan)],
        former: &[FormerText],
        files: &Files,
        eval_time: i64,
    ) -> Option<i64> {
        let holes = Holes::of(state);
        let of_rule = |(known, plan): &(&Known, &RulePlan)| {
            let due = self.due(state, &known.rule, plan, files, &holes, eval_time);
            first_read(&due, state.rules.get(&known.rule.name)?)
        };
        let of_former = |text: &FormerText| {
            let due = self.due_until(state, text, files, &holes, eval_time);
            first_read(&due, text.state(state)?)
        };
        rules.iter().filter_map(of_rule).chain(former.iter().filter_map(of_former)).min()
    }
}

/// Returns the earliest moment that matters to what is due.
fn first_read(due: &Due<'_>, of_rule: &RuleState) -> Option<i64> {
    Some(due.moments(of_rule).stretches.first()?.from.saturating_sub(due.reach.before))
}
