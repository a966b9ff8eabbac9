//! One evaluation: the state before, the rules, the files that have arrived, a time → the state after.
//!
//! Live evaluation, replay and rule tests all are calls of [`Evaluator::evaluate`]; they differ in where the files come
//! from and in what becomes of the result. Nothing is written here: reading twice is harmless.

mod files;
mod former;
mod lateness;
mod missing;
mod news;
mod observe;
mod rules;
pub(crate) mod set_aside;

use fluo_alerts::life_cycle::{
    Change, Facts, Mutes, Observation, Stretch, Times, ViolationRecord, announce, transition,
};
use fluo_alerts::notification::Notification;
use fluo_alerts::step;
use fluo_alerts::step::{Empty, failed};
use fluo_alerts::template::Renderer;
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_engine::{SessionContext, session_with_memory};
use fluo_plan::{RulePlan, missing_can_make_true};
use fluo_rules::rule::Rule;
use fluo_store::{Hour, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use files::{Files, Older};
use missing::{data_files, give_up, names, outage};
use news::Arrived;
use observe::{Asked, Seen};
use rules::rule_files;

pub use observe::Patience;

use crate::arrivals::{Arrivals, By};
use crate::catch_up::unjudged_of;
use crate::chain;
use crate::due::{Due, Moments};
use crate::panes::StoredPanes;
use crate::report::Report;
use crate::rule_set::RuleSet;
use crate::settings::Settings;
use crate::span_data::{Holes, SpanData};
use crate::state::State;

/// What an evaluation starts from, beside the state.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// What is silenced.
    pub mutes: Mutes<'a>,
    /// The files.
    pub arrivals: &'a dyn Arrivals,
    /// Which of them have arrived.
    pub by: By,
    /// The evaluation's logical time; nanoseconds since the epoch.
    pub eval_time: i64,
    /// Moments before this one are left unjudged: they lie further back than is caught up.
    pub skip_to: Option<i64>,
    /// By when spans are to be looked at; what is not reached is postponed. `None`: it takes as long as it takes, as in
    /// looks at the past.
    pub patience: Option<Patience<'a>>,
}

/// What an evaluation gives.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The state after it, without what it tells and records.
    pub state: State,
    /// Violations that are new or have changed.
    pub records: Vec<ViolationRecord>,
    /// What is told.
    pub notifications: Vec<Notification>,
    /// What it did.
    pub report: Report,
}

/// Evaluates rules over one store.
pub struct Evaluator {
    settings: Settings,
    data: SpanData,
    /// Made once: it knows hundreds of functions.
    session: SessionContext,
    /// Sums of earlier evaluations.
    pub(crate) panes: StoredPanes,
    renderer: Renderer,
    /// Listings of partitions in which no file arrives any more.
    older: Mutex<BTreeMap<Hour, Older>>,
    /// Time and generation of the evaluation whose records this process has written: its next tick need not again.
    pub(crate) written: Mutex<Option<(i64, u64)>>,
}

/// A rule while it is evaluated.
struct Judged {
    change: Change,
    /// Moments that were looked at.
    stretches: usize,
}

impl fmt::Debug for Evaluator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Evaluator").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Evaluator {
    /// With settings, over the files of a store.
    pub fn new(settings: Settings, data: SpanData) -> Self {
        let renderer = Renderer::new(settings.trace_url.as_deref());
        let session = session_with_memory(settings.rule_memory);
        Self {
            settings,
            data,
            session,
            panes: StoredPanes::default(),
            renderer,
            older: Mutex::default(),
            written: Mutex::default(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Evaluates all rules at one time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where files cannot be listed. What is wrong with one rule or one file is no error: it is told of.
    pub async fn evaluate(&self, before: State, inputs: Inputs<'_>) -> Result<Evaluation, StoreError> {
        let arrived = self.arrived(before, inputs).await?;
        self.evaluate_arrived(arrived, inputs).await
    }

    async fn evaluate_arrived(&self, arrived: Arrived, inputs: Inputs<'_>) -> Result<Evaluation, StoreError> {
        let Arrived { mut state, first, mut files, mut report } = arrived;
        let mut notifications = Vec::new();
        let mut wrong: Vec<Wrong> = self.stale(&state, inputs.eval_time).into_iter().collect();
        wrong.extend(self.too_late(&mut state, inputs, &files, first).await?);
        self.rule_states(&mut state, inputs, first, &files);
        wrong.extend(rule_files(&mut state, inputs));
        let (former, unread) = former::former_texts(&state);
        wrong.extend(unread);
        let known_damage: BTreeSet<String> = names(&state.damaged);
        wrong.extend(self.set_aside(&mut state, inputs, &files, first, &mut report).await);
        let mut records = Vec::new();
        let mut due_rules = Vec::new();
        for (name, known) in &inputs.rules.rules {
            let plan = match RulePlan::new(Arc::clone(&known.rule)) {
                Ok(plan) => plan,
                Err(error) => {
                    wrong.push(Wrong::new(Subject::Rule(name.clone()), chain(&error)));
                    report.failed_rules.push(name.clone());
                    continue;
                }
            };
            due_rules.push((known, plan));
        }
        files.older = self.older_files(&state, &due_rules, &former, &files, inputs).await?;
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
                Ok(Seen::Observations(observations)) => {
                    report.rules += 1;
                    let judged = step.in_scope(|| self.fold(&state, asked, observations, &files, inputs));
                    step.record("fluo.violations", judged.change.records.len());
                    report.stretches += judged.stretches as u64;
                    records.extend(judged.change.records);
                    let mut after = judged.change.state;
                    self.name_files(&state, &mut after, &judged.change.fired, &files).await;
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
        report.damaged_files.extend(names(&state.damaged).difference(&known_damage).cloned());
        self.forget(&mut state, inputs.eval_time);
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
        ));
        self.forget_former(&mut state, inputs.eval_time);
        state.rules.retain(|name, _| !inputs.rules.whole || inputs.rules.rules.contains_key(name));
        records.sort_by(|left, right| {
            left.violation.in_order(&right.violation).then_with(|| left.id.cmp(&right.id))
        });
        state.eval_time = inputs.eval_time;
        state.generation += 1;
        report.panes_error = self.panes.error();
        report.count(&state, inputs.rules, &records, &notifications);
        Ok(Evaluation { state, records, notifications, report })
    }

    /// The times of an evaluation for a rule, or for those that set none of their own.
    fn times(&self, state: &State, eval_time: i64, rule: Option<&Rule>) -> Times {
        let delay = rule.and_then(|rule| rule.eval_delay).unwrap_or(self.settings.eval_delay).0;
        let alive_to = if self.settings.always_alive { i64::MAX } else { state.pipeline.alive_to };
        Times { eval_time, watermark: eval_time.saturating_sub(delay), alive_to }
    }

    fn lateness(&self, rule: Option<&Rule>) -> i64 {
        rule.and_then(|rule| rule.allowed_lateness).unwrap_or(self.settings.allowed_lateness).0
    }

    fn due<'a>(
        &self,
        state: &State,
        rule: &Rule,
        plan: &RulePlan,
        arrived: &'a [Stretch],
        holes: &'a Holes,
        eval_time: i64,
    ) -> Due<'a> {
        let times = self.times(state, eval_time, Some(rule));
        Due {
            exact: plan.judging().is_exact(),
            missing_matters: missing_can_make_true(rule),
            window: rule.window.0,
            step: rule.grid_step().0,
            gap: plan.gap().0,
            eval_time,
            watermark: times.watermark,
            late_from: times.watermark.saturating_sub(self.lateness(Some(rule))),
            alive_to: times.alive_to,
            arrived,
            newest_end: state.pipeline.newest_end,
            holes,
            until: None,
        }
    }

    /// Moves a rule's alerts on, by what was seen.
    fn fold(
        &self,
        state: &State,
        asked: Asked<'_>,
        mut observations: Vec<Observation>,
        files: &Files,
        inputs: Inputs<'_>,
    ) -> Judged {
        let Asked { known, plan, until, before, moments, holes: known_holes, .. } = asked;
        let Moments { stretches: mut judged, mut owed, judged_to } = moments;
        let rule = &known.rule;
        let times = self.times(state, inputs.eval_time, Some(rule));
        let holes = Holes::of(state);
        let due = Due { until, ..self.due(state, rule, plan, &files.arrived, &holes, inputs.eval_time) };
        if holes != known_holes {
            // What was just found to be missing may be what made it true.
            Moments { stretches: judged, owed, .. } = due.moments(&before);
            observations.retain(|observation: &Observation| {
                judged.iter().any(|stretch| stretch.contains(observation.segment.first))
            });
        }
        let damaged = holes.all();
        let holed = due.touched_by(&damaged);
        let facts = Facts {
            rule,
            hash: &known.hash,
            gap: plan.gap().0,
            step: (!plan.judging().is_exact()).then(|| rule.grid_step().0),
            horizon: due.horizon(rule.hold_for.0, &owed),
            since: before.from,
            until,
            damaged: &damaged,
            holed: &holed,
            renderer: &self.renderer,
        };
        let stretches = judged.len();
        let mut change = transition(before, &facts, &judged, observations, judged_to, times);
        change.state.owed = owed;
        Judged { change, stretches }
    }
}
