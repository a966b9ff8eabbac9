//! One evaluation: the state before, the rules, the files that have arrived, a time → the state after.
//!
//! Live evaluation, replay and rule tests all are calls of [`Evaluator::evaluate`]; they differ in where the files come
//! from and in what becomes of the result. Nothing is written here: reading twice is harmless.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datafusion::execution::runtime_env::RuntimeEnv;
use fluo_alerts::life_cycle::state::ErrorState;
use fluo_alerts::life_cycle::transition::{rule_changed, rule_removed};
use fluo_alerts::life_cycle::{
    Change, Facts, Mutes, RuleState, Stretch, Times, ViolationRecord, announce, joined, transition,
};
use fluo_alerts::notification::{FileRef, Notification};
use fluo_alerts::template::Renderer;
use fluo_engine::{EngineError, SpanSource, observe, record, session_with_memory};
use fluo_plan::{RulePlan, TimeRange, missing_can_make_true};
use fluo_rules::rule::Rule;
use fluo_store::{DataFile, DataFileName, Hour, StoreError};

use crate::arrivals::{Arrivals, By};
use crate::chain;
use crate::due::{Due, Moments};
use crate::notices;
use crate::report::Report;
use crate::rule_set::{Known, RuleSet};
use crate::settings::Settings;
use crate::span_data::{SpanData, ends_of, stretches};
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
}

/// The most listings of older partitions that are kept: three months.
const MOST_OLDER: usize = 24 * 92;

/// A rule while it is evaluated.
struct Judged {
    change: Change,
    /// Moments that were looked at.
    stretches: usize,
}

impl Evaluator {
    /// With settings, over the files of a store that `runtime` knows.
    pub fn new(settings: Settings, data: SpanData, runtime: Arc<RuntimeEnv>) -> Self {
        let renderer = Renderer::new(settings.trace_url.as_deref());
        Self { settings, data, runtime, renderer, older: Mutex::default() }
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
        let mut report = Report { eval_time: inputs.eval_time, ..Report::default() };
        let mut notifications = Vec::new();
        let files = self.arrive(&mut state, inputs, first, &mut report).await?;
        notifications.extend(self.stale(&mut state, inputs.eval_time));
        notifications.extend(self.rule_files(&mut state, inputs));
        self.rule_states(&mut state, inputs, first, &files);
        let known_damage = state.damaged.len();
        let mut records = Vec::new();
        let mut due_rules = Vec::new();
        for (name, known) in &inputs.rules.rules {
            let plan = match RulePlan::new(Arc::clone(&known.rule)) {
                Ok(plan) => plan,
                Err(error) => {
                    let reason = chain(&error);
                    notifications.extend(self.rule_failed(&mut state, name, &reason, inputs.eval_time));
                    report.failed_rules.push(name.clone());
                    continue;
                }
            };
            due_rules.push((known, plan));
        }
        let older = self.older_files(&state, &due_rules, &files, inputs).await?;
        let all: Vec<DataFile> = older.into_iter().chain(files.all.iter().cloned()).collect();
        for (known, plan) in &due_rules {
            let name = &known.rule.name;
            match self.rule(&mut state, known, plan, &files, &all, inputs).await {
                Ok(judged) => {
                    report.rules += 1;
                    report.stretches += judged.stretches as u64;
                    records.extend(judged.change.records);
                    if let Some(slot) = state.rules.get_mut(name) {
                        *slot = RuleState { error: None, ..judged.change.state };
                    }
                    self.name_files(&mut state, name, &judged.change.fired, &all).await;
                }
                Err(error) => {
                    self.owe(&mut state, known, plan, &files, &error, inputs.eval_time);
                    let reason = chain(&error);
                    notifications.extend(self.rule_failed(&mut state, name, &reason, inputs.eval_time));
                    report.failed_rules.push(name.clone());
                }
            }
        }
        for damaged in &state.damaged[known_damage..] {
            report.damaged_files.push(damaged.name.clone());
            notifications.push(notices::file_error(damaged, inputs.eval_time));
        }
        self.forget(&mut state, inputs.eval_time);
        let times = self.times(&state, inputs.eval_time, None);
        notifications.extend(announce(&mut state.rules, &inputs.rules.by_name(), inputs.mutes, times));
        state.rules.retain(|name, _| !inputs.rules.whole || inputs.rules.rules.contains_key(name));
        records.sort_by(|left, right| {
            left.violation.in_order(&right.violation).then_with(|| left.id.cmp(&right.id))
        });
        state.eval_time = inputs.eval_time;
        state.generation += 1;
        report.count(&state, &records, &notifications);
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

    /// The partitions in which files still arrive.
    fn arriving(&self, inputs: Inputs<'_>) -> RangeInclusive<Hour> {
        let rules = inputs.rules.rules.values().map(|known| Some(known.rule.as_ref()));
        let reach = rules.chain([None]).map(|rule| {
            let delay = rule.and_then(|rule: &Rule| rule.eval_delay).unwrap_or(self.settings.eval_delay).0;
            delay.saturating_add(self.lateness(rule))
        });
        let from = inputs.eval_time.saturating_sub(reach.max().unwrap_or_default());
        let to = inputs.eval_time.saturating_add(self.settings.max_future.0);
        Hour::of_ns(from)..=Hour::of_ns(to)
    }

    /// Finds out which files are new.
    async fn arrive(
        &self,
        state: &mut State,
        inputs: Inputs<'_>,
        first: bool,
        report: &mut Report,
    ) -> Result<Files, StoreError> {
        let hours = self.arriving(inputs);
        let all = inputs.arrivals.files(hours.clone(), inputs.by).await?;
        let new: Vec<&DataFile> =
            all.iter().filter(|file| !state.seen.contains(file.location.as_ref())).collect();
        report.files_listed = all.len() as u64;
        report.new_files = new.iter().map(|file| self.data.name(file)).collect();
        let arrived: Vec<Stretch> = new.iter().map(|file| ends_of(file)).collect();
        if first || !new.is_empty() {
            state.pipeline.arrived_at = inputs.eval_time;
            state.pipeline.stale = false;
        }
        let newest = arrived.iter().map(|ends| ends.to).filter(|&to| to < i64::MAX).max();
        let newest = newest.unwrap_or_default();
        state.pipeline.newest_end = state.pipeline.newest_end.max(newest);
        if first {
            state.pipeline.alive_to = inputs.eval_time;
        } else if !new.is_empty() {
            // A file that the evaluation before did not see has arrived after it, and after its own spans ended. In the
            // chunks of a catch-up that may be long before this evaluation.
            let alive_to = newest.max(state.eval_time).min(inputs.eval_time);
            state.pipeline.alive_to = state.pipeline.alive_to.max(alive_to);
        }
        state.seen = all.iter().map(|file| file.location.to_string()).collect();
        Ok(Files { hours, arrived: joined(arrived), all })
    }

    /// Says once that nothing arrives.
    fn stale(&self, state: &mut State, eval_time: i64) -> Option<Notification> {
        let pipeline = &mut state.pipeline;
        let silent = eval_time.saturating_sub(pipeline.arrived_at) >= self.settings.stale_after.0;
        if self.settings.always_alive || pipeline.stale || !silent {
            return None;
        }
        pipeline.stale = true;
        pipeline.stale_told += 1;
        Some(notices::pipeline_stale(pipeline, eval_time))
    }

    /// Remembers good texts, and tells of files that do not load.
    fn rule_files(&self, state: &mut State, inputs: Inputs<'_>) -> Vec<Notification> {
        state.rule_files.clone_from(&inputs.rules.texts);
        state.file_errors.retain(|file, _| inputs.rules.errors.contains_key(file));
        let mut told = Vec::new();
        for (file, reason) in &inputs.rules.errors {
            let error = state.file_errors.entry(file.clone()).or_insert_with(|| ErrorState {
                reason: String::new(),
                since: inputs.eval_time,
                told_at: inputs.eval_time,
                told: 0,
            });
            let due = error.told == 0
                || error.reason != *reason
                || inputs.eval_time.saturating_sub(error.told_at) >= self.settings.repeat_errors.0;
            error.reason.clone_from(reason);
            if due {
                let good = inputs.rules.texts.contains_key(file);
                told.push(notices::rule_file_error(file, error, good, inputs.eval_time));
                error.told += 1;
                error.told_at = inputs.eval_time;
            }
        }
        told
    }

    /// New, changed and removed rules.
    fn rule_states(&self, state: &mut State, inputs: Inputs<'_>, first: bool, files: &Files) {
        let ends = files.arrived.first().map(|ends| ends.from).filter(|&from| from > i64::MIN);
        let earliest = ends.unwrap_or(inputs.eval_time);
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
            match state.rules.remove(name) {
                None => {
                    state.rules.insert(name.clone(), RuleState::new(known.hash.clone(), from));
                }
                Some(old) if old.hash != known.hash => {
                    let changed = rule_changed(old, &known.rule, &known.hash, from, times);
                    state.rules.insert(name.clone(), changed);
                }
                Some(mut old) => {
                    if inputs.skip_to.is_some() {
                        old.judged_to = old.judged_to.max(from);
                    }
                    state.rules.insert(name.clone(), old);
                }
            }
        }
        if inputs.rules.whole {
            let removed: Vec<String> =
                state.rules.keys().filter(|name| !inputs.rules.rules.contains_key(*name)).cloned().collect();
            for name in removed {
                if let Some(old) = state.rules.remove(&name) {
                    let times = self.times(state, inputs.eval_time, None);
                    state.rules.insert(name, rule_removed(old, times));
                }
            }
        }
    }

    fn due<'a>(
        &self,
        state: &State,
        rule: &Rule,
        plan: &RulePlan,
        arrived: &'a [Stretch],
        damaged: &'a [Stretch],
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
            damaged,
        }
    }

    /// Files of older partitions that windows reach back to.
    async fn older_files(
        &self,
        state: &State,
        rules: &[(&Known, RulePlan)],
        files: &Files,
        inputs: Inputs<'_>,
    ) -> Result<Vec<DataFile>, StoreError> {
        let damaged = stretches(&state.damaged);
        let mut earliest: Option<i64> = None;
        for (known, plan) in rules {
            let Some(of_rule) = state.rules.get(&known.rule.name) else { continue };
            let due = self.due(state, &known.rule, plan, &files.arrived, &damaged, inputs.eval_time);
            if let Some(first) = due.moments(of_rule).stretches.first() {
                let from = first.from.saturating_sub(known.rule.window.0);
                earliest = Some(earliest.map_or(from, |earliest| earliest.min(from)));
            }
        }
        let Some(earliest) = earliest else { return Ok(Vec::new()) };
        let (from, before) = (Hour::of_ns(earliest), *files.hours.start());
        if from >= before {
            return Ok(Vec::new());
        }
        if inputs.by != By::Now {
            return inputs.arrivals.files(from..=Hour(before.0 - 1), inputs.by).await;
        }
        let hours = || (from.0..before.0).map(Hour);
        let unknown: Vec<Hour> = {
            let mut known = self.older();
            if known.len() > MOST_OLDER {
                known.clear();
            }
            hours().filter(|hour| !known.contains_key(hour)).collect()
        };
        if let (Some(&first), Some(&last)) = (unknown.first(), unknown.last()) {
            let listed = inputs.arrivals.files(first..=last, By::Now).await?;
            let mut known = self.older();
            known.extend((first.0..=last.0).map(|hour| (Hour(hour), Vec::new())));
            for file in listed {
                // What another program named lies somewhere among them.
                let hour = file.name.as_ref().map_or(first, DataFileName::hour);
                known.entry(hour).or_default().push(file);
            }
        }
        let known = self.older();
        Ok(hours().filter_map(|hour| known.get(&hour)).flatten().cloned().collect())
    }

    fn older(&self) -> MutexGuard<'_, BTreeMap<Hour, Vec<DataFile>>> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges what is due of a rule, and moves its alerts on.
    async fn rule(
        &self,
        state: &mut State,
        known: &Known,
        plan: &RulePlan,
        files: &Files,
        all: &[DataFile],
        inputs: Inputs<'_>,
    ) -> Result<Judged, EngineError> {
        let rule = &known.rule;
        let times = self.times(state, inputs.eval_time, Some(rule));
        let before = state.rules.get(&rule.name).cloned().unwrap_or_default();
        let damaged = stretches(&state.damaged);
        let due = self.due(state, rule, plan, &files.arrived, &damaged, inputs.eval_time);
        let Moments { stretches: mut judged, judged_to } = due.moments(&before);
        let cell = due.cell();
        let horizon = due.horizon(rule.hold_for.0);
        let mut observations = Vec::new();
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
                    return Ok((Vec::new(), false));
                }
                let known_damage = state.damaged.len();
                let mut source = self.data.source(&needed, &mut state.damaged).await;
                let mut found = self.look(&session, plan, &source, &judged, cell).await;
                if matches!(found, Err(EngineError::Query(_)))
                    && self.data.leave_out_damaged(&session, &mut source, &mut state.damaged).await?
                {
                    found = self.look(&session, plan, &source, &judged, cell).await;
                }
                Ok::<_, EngineError>((found?, state.damaged.len() > known_damage))
            };
            let (found, holed) = tokio::time::timeout(budget, looking)
                .await
                .map_err(|_| EngineError::Time { seconds: budget.as_secs() })??;
            observations = found;
            if holed && due.missing_matters {
                // What was just found to be missing may be what made it true.
                let damaged = stretches(&state.damaged);
                let due = Due { damaged: &damaged, ..due };
                judged = due.moments(&before).stretches;
                observations.retain(|observation: &fluo_alerts::life_cycle::Observation| {
                    judged.iter().any(|stretch| stretch.contains(observation.segment.first))
                });
            }
        }
        let damaged = stretches(&state.damaged);
        let facts = Facts {
            rule,
            hash: &known.hash,
            gap: plan.gap().0,
            horizon,
            damaged: &damaged,
            renderer: &self.renderer,
        };
        let stretches = judged.len();
        let change = transition(before, &facts, &judged, observations, judged_to, times);
        Ok(Judged { change, stretches })
    }

    async fn look(
        &self,
        session: &datafusion::prelude::SessionContext,
        plan: &RulePlan,
        source: &SpanSource,
        stretches: &[Stretch],
        cell: i64,
    ) -> Result<Vec<fluo_alerts::life_cycle::Observation>, EngineError> {
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

    /// Puts the files of its window to what is told of an alert that has just fired.
    async fn name_files(
        &self,
        state: &mut State,
        rule: &str,
        fired: &[(fluo_alerts::fingerprint::Fingerprint, fluo_alerts::notification::Id)],
        all: &[DataFile],
    ) {
        let mut etags: BTreeMap<String, String> = BTreeMap::new();
        let damaged: BTreeSet<&str> = state.damaged.iter().map(|damaged| damaged.name.as_str()).collect();
        let Some(of_rule) = state.rules.get_mut(rule) else { return };
        for (fingerprint, id) in fired {
            let alerts = of_rule.groups.get_mut(fingerprint).map(|group| &mut group.alerts);
            let Some(alert) = alerts.into_iter().flatten().find(|alert| alert.told.id == *id) else {
                continue;
            };
            let violation = &alert.told.violation;
            let window = Stretch {
                from: violation.starts_at.saturating_sub(violation.window.0).saturating_add(1),
                to: violation.starts_at,
            };
            let mut files = Vec::new();
            for file in all.iter().filter(|file| ends_of(file).meets(window)) {
                let name = self.data.name(file);
                if damaged.contains(name.as_str()) {
                    continue;
                }
                let etag = if let Some(etag) = etags.get(&name) {
                    etag.clone()
                } else {
                    // An alert is not held up by a file that has gone meanwhile: verifying will say that it has.
                    let read = fluo_store::etag(self.data.root(), file).await;
                    let etag = read.unwrap_or_else(|error| format!("unknown: {}", chain(&error)));
                    etags.insert(name.clone(), etag.clone());
                    etag
                };
                files.push(FileRef { name, etag });
            }
            alert.told.files = files;
        }
    }

    /// Remembers which moments a rule that failed has yet to judge: those that late files reach back to, too, since no
    /// file arrives twice. Where it is over a limit for the second time in a row, it begins anew behind them: it would
    /// never come to an end with moments that are too many for it.
    fn owe(
        &self,
        state: &mut State,
        known: &Known,
        plan: &RulePlan,
        files: &Files,
        error: &EngineError,
        eval_time: i64,
    ) {
        let damaged = stretches(&state.damaged);
        let due = self.due(state, &known.rule, plan, &files.arrived, &damaged, eval_time);
        let Some(of_rule) = state.rules.get_mut(&known.rule.name) else { return };
        if of_rule.error.is_some() && is_limit(error) {
            of_rule.judged_to = due.moments(of_rule).judged_to;
        } else if let Some(reopened) = due.reopened(of_rule) {
            of_rule.judged_to = reopened.saturating_sub(1).max(of_rule.from);
        }
    }

    /// Keeps a rule's alerts as they are, and says why it was not judged: at once, and every `repeat_errors` after.
    fn rule_failed(
        &self,
        state: &mut State,
        name: &str,
        reason: &str,
        eval_time: i64,
    ) -> Option<Notification> {
        let of_rule = state.rules.get_mut(name)?;
        let error = of_rule.error.get_or_insert_with(|| ErrorState {
            reason: String::new(),
            since: eval_time,
            told_at: eval_time,
            told: 0,
        });
        let due = error.told == 0 || eval_time.saturating_sub(error.told_at) >= self.settings.repeat_errors.0;
        reason.clone_into(&mut error.reason);
        if !due {
            return None;
        }
        let notice = notices::rule_error(name, error, eval_time);
        error.told += 1;
        error.told_at = eval_time;
        Some(notice)
    }

    /// Drops damage that no window reaches any more: a file that is older than what is looked at.
    fn forget(&self, state: &mut State, eval_time: i64) {
        let horizon =
            eval_time.saturating_sub(self.settings.max_catch_up.0).saturating_sub(self.lateness(None));
        state.damaged.retain(|damaged| damaged.ends.to >= horizon);
    }
}

/// Whether a rule asks for more than it may have: the same again would ask for as much.
fn is_limit(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Memory(_)
            | EngineError::Time { .. }
            | EngineError::GroupOverflow { .. }
            | EngineError::TooManyWindows { .. }
            | EngineError::TooManyMoments { .. }
    )
}

/// The files of the partitions in which files still arrive.
struct Files {
    hours: RangeInclusive<Hour>,
    all: Vec<DataFile>,
    /// Ends of the spans of new ones.
    arrived: Vec<Stretch>,
}
