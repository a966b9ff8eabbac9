//! One evaluation: the state before, the rules, the files that have arrived, a time → the state after.
//!
//! Live evaluation, replay and rule tests all are calls of [`Evaluator::evaluate`]; they differ in where the files come
//! from and in what becomes of the result. Nothing is written here: reading twice is harmless.

mod files;
mod former;
mod lateness;
mod missing;
mod rules;
pub(crate) mod set_aside;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use datafusion::execution::runtime_env::RuntimeEnv;
use fluo_alerts::life_cycle::{
    Change, Facts, Mutes, Observation, RuleState, Stretch, Times, ViolationRecord, announce, transition,
};
use fluo_alerts::notification::Notification;
use fluo_alerts::step;
use fluo_alerts::step::{Empty, traced};
use fluo_alerts::template::Renderer;
use fluo_alerts::trouble::{Subject, Wrong};
use fluo_engine::{EngineError, SpanSource, observe, record, session_with_memory, without_faulty};
use fluo_plan::{RulePlan, TimeRange, missing_can_make_true};
use fluo_rules::rule::Rule;
use fluo_store::{DataFile, Hour, StoreError};

use files::Files;
use missing::{data_files, give_up, names, outage};
use rules::rule_files;

use crate::arrivals::{Arrivals, By};
use crate::catch_up::unjudged_of;
use crate::chain;
use crate::due::{Due, Moments};
use crate::report::Report;
use crate::rule_set::{Known, RuleSet};
use crate::settings::Settings;
use crate::span_data::{Holes, SpanData, ends_of};
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
#[derive(Debug)]
pub struct Evaluator {
    settings: Settings,
    data: SpanData,
    runtime: Arc<RuntimeEnv>,
    renderer: Renderer,
    /// Listings of partitions in which no file arrives any more.
    older: Mutex<BTreeMap<Hour, Vec<DataFile>>>,
    /// Time and generation of the evaluation whose records this process has written: its next tick need not again.
    pub(crate) written: Mutex<Option<(i64, u64)>>,
}

/// A rule while it is evaluated.
struct Judged {
    change: Change,
    /// Moments that were looked at.
    stretches: usize,
    /// Files that were read for it.
    files: Vec<DataFile>,
}

impl Evaluator {
    /// With settings, over the files of a store that `runtime` knows.
    pub fn new(settings: Settings, data: SpanData, runtime: Arc<RuntimeEnv>) -> Self {
        let renderer = Renderer::new(settings.trace_url.as_deref());
        Self { settings, data, runtime, renderer, older: Mutex::default(), written: Mutex::default() }
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
        let first = before.is_new();
        let mut state = before;
        state.unread.clear();
        let mut report = Report { eval_time: inputs.eval_time, ..Report::default() };
        let mut notifications = Vec::new();
        let files = self.arrive(&mut state, inputs, first, &mut report).await?;
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
        let older = self.older_files(&state, &due_rules, &former, &files, inputs).await?;
        let all: Vec<DataFile> = older.into_iter().chain(files.all.iter().cloned()).collect();
        let (late_records, late_wrong) = self.judge_former(&mut state, &former, &files, &all, inputs).await;
        records.extend(late_records);
        wrong.extend(late_wrong);
        let mut read = BTreeSet::new();
        for (known, plan) in &due_rules {
            let name = &known.rule.name;
            let step =
                step!("judge rule", fluo.rule = name.as_str(), fluo.files = Empty, fluo.violations = Empty);
            let mut before = state.rules.get(name).cloned().unwrap_or_default();
            let given_up = give_up(&mut before.owed, inputs.eval_time, self.settings.max_catch_up.0);
            notifications.extend(given_up.map(|moments| unjudged_of(&known.rule, moments, inputs.eval_time)));
            let judging = self.rule(&mut state, before, known, plan, None, &files, &all, inputs);
            match traced(step.clone(), judging).await {
                Ok(judged) => {
                    step.record("fluo.files", judged.files.len());
                    step.record("fluo.violations", judged.change.records.len());
                    report.rules += 1;
                    report.stretches += judged.stretches as u64;
                    for file in judged.files {
                        if read.insert(file.location.clone()) {
                            report.read(&file);
                        }
                    }
                    records.extend(judged.change.records);
                    let mut after = judged.change.state;
                    self.name_files(&state, &mut after, &judged.change.fired, &all).await;
                    state.rules.insert(name.clone(), after);
                }
                Err(error) => {
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

    /// Judges what is due of a rule, and moves its alerts on. `until`: of a former text, the last moment that it judges.
    #[expect(clippy::too_many_arguments, reason = "a rule, what is known of it, and where it is judged")]
    async fn rule(
        &self,
        state: &mut State,
        before: RuleState,
        known: &Known,
        plan: &RulePlan,
        until: Option<i64>,
        files: &Files,
        all: &[DataFile],
        inputs: Inputs<'_>,
    ) -> Result<Judged, EngineError> {
        let rule = &known.rule;
        let times = self.times(state, inputs.eval_time, Some(rule));
        let known_holes = Holes::of(state);
        let due =
            Due { until, ..self.due(state, rule, plan, &files.arrived, &known_holes, inputs.eval_time) };
        let Moments { stretches: mut judged, mut owed, judged_to } = due.moments(&before);
        let cell = due.cell();
        let mut observations = Vec::new();
        let mut read_files = Vec::new();
        if let (Some(first), Some(last)) = (judged.first().copied(), judged.last().copied()) {
            let read = Stretch { from: first.from.saturating_sub(rule.window.0), to: last.to };
            let needed: Vec<DataFile> =
                all.iter().filter(|file| ends_of(file).meets(read)).cloned().collect();
            // Without a span there is no group, unless one is expected, and no moment of an exact rule.
            let standing =
                !plan.judging().is_exact() && (rule.group_by.is_empty() || !rule.expect.is_empty());
            let look = standing || !needed.is_empty();
            let session = session_with_memory(&self.runtime, self.settings.rule_memory);
            let budget = Duration::from_nanos(self.settings.rule_time.0.unsigned_abs());
            let looking = async {
                if !look {
                    return Ok(Vec::new());
                }
                let mut source = Box::pin(self.data.source(&needed, state)).await;
                let mut left_out = Vec::new();
                let found = without_faulty(&mut source, &mut left_out, async |source: &SpanSource| {
                    self.look(&session, plan, source, &judged, cell).await
                })
                .await;
                self.data.left_out(left_out, &needed, state);
                found
            };
            if let Ok(found) = tokio::time::timeout(budget, looking).await {
                observations = found?;
            } else {
                let unanswered = self.data.unanswered(&needed).await;
                if unanswered.is_empty() {
                    return Err(EngineError::Time { seconds: budget.as_secs() });
                }
                self.data.unreachable(&unanswered, state);
            }
            read_files = needed;
        }
        let holes = Holes::of(state);
        let due = Due { holes: &holes, ..due };
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
        Ok(Judged { change, stretches, files: read_files })
    }

    async fn look(
        &self,
        session: &datafusion::prelude::SessionContext,
        plan: &RulePlan,
        source: &SpanSource,
        stretches: &[Stretch],
        cell: i64,
    ) -> Result<Vec<Observation>, EngineError> {
        let mut observations = Vec::new();
        for stretch in stretches {
            let moments = TimeRange { from: stretch.from, to: stretch.to };
            let outcome = observe(session, plan, source, moments, cell).await?;
            let rule = plan.rule();
            observations
                .extend(outcome.violations.into_iter().map(|observed| record::observation(rule, observed)));
        }
        Ok(observations)
    }
}
