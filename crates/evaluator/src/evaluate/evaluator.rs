//! The evaluator: what it keeps from evaluation to evaluation, and the times that its settings give.

use std::fmt;
use std::sync::Mutex;

use fluo_alerts::life_cycle::Times;
use fluo_alerts::template::Renderer;
use fluo_engine::{SessionContext, session_with_memory};
use fluo_plan::{RulePlan, missing_can_break, missing_can_make_true};
use fluo_rules::rule::Rule;

use super::files::Files;
use super::older::OlderFiles;
use crate::due::Due;
use crate::layout::LayoutKeeper;
use crate::page::KeptPage;
use crate::panes::StoredPanes;
use crate::rule_set::LastLoaded;
use crate::settings::Settings;
use crate::span_data::{Holes, SpanData};
use crate::state::State;

/// Evaluates rules over one store.
pub struct Evaluator {
    pub(super) settings: Settings,
    pub(super) data: SpanData,
    /// Made once: it knows hundreds of functions.
    pub(super) session: SessionContext,
    pub(crate) rules: LastLoaded,
    /// Sums of earlier evaluations.
    pub(crate) panes: StoredPanes,
    /// The layout of the files that are written.
    pub(crate) layout: LayoutKeeper,
    /// The page that is kept beside the state.
    pub(crate) page: KeptPage,
    pub(super) renderer: Renderer,
    /// Listings of partitions in which no file arrives any more.
    pub(super) older: OlderFiles,
    /// Time and generation of the evaluation whose records this process has written: its next tick need not again.
    pub(crate) written: Mutex<Option<(i64, u64)>>,
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
            rules: LastLoaded::default(),
            panes: StoredPanes::default(),
            layout: LayoutKeeper::default(),
            page: KeptPage::default(),
            renderer,
            older: OlderFiles::default(),
            written: Mutex::default(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The times of an evaluation for a rule, or for those that set none of their own. A rule about traces waits for these
    /// to be quiet, across traces for what comes after an occasion, and for the parents and children that a rule asks for:
    /// its watermark lies further back.
    pub(super) fn times(&self, state: &State, eval_time: i64, rule: Option<&Rule>) -> Times {
        let delay = rule.and_then(|rule| rule.eval_delay).unwrap_or(self.settings.eval_delay).0;
        let alive_to = if self.settings.always_alive { i64::MAX } else { state.pipeline.alive_to };
        let waits = rule.map_or(0, |rule| rule.waits().0);
        Times { eval_time, watermark: eval_time.saturating_sub(delay).saturating_sub(waits), alive_to }
    }

    /// Returns how far below the watermark an arriving span still re-opens the windows of a rule, or of those that set none of
    /// their own; nanoseconds.
    pub(super) fn lateness(&self, rule: Option<&Rule>) -> i64 {
        rule.and_then(|rule| rule.allowed_lateness).unwrap_or(self.settings.allowed_lateness).0
    }

    /// Returns what decides which moments of a rule are due.
    pub(super) fn due<'a>(
        &self,
        state: &State,
        rule: &Rule,
        plan: &RulePlan,
        files: &'a Files,
        holes: &'a Holes,
        eval_time: i64,
    ) -> Due<'a> {
        let times = self.times(state, eval_time, Some(rule));
        let reach = plan.reach();
        let exact = plan.judging().is_exact();
        let waits = rule.waits().0;
        // Of what was not known when it was judged, something may be told by now.
        let ahead = if exact { eval_time.saturating_sub(times.watermark) } else { 0 };
        let again = rule.trace().map_or(0, |trace| match (trace.is_across(), missing_can_break(trace)) {
            (false, _) => reach.after.saturating_add(ahead),
            (true, true) if exact => ahead.saturating_add(1),
            // What it finds is known with the last span of it, or when it is judged.
            (true, _) => 0,
        });
        // Where nothing arrives, what is missing is no proof, and is looked for again once something does.
        let sure_to = match rule.trace().is_some_and(missing_can_break) {
            true if exact => times.alive_to.saturating_add(ahead.saturating_sub(waits)),
            true => times.alive_to.saturating_sub(1).saturating_sub(waits),
            false => i64::MAX,
        };
        Due {
            exact,
            missing_matters: missing_can_make_true(rule),
            goes_on: rule.condition.resolve.is_some(),
            reach,
            again,
            sure_to,
            step: rule.grid_step().0,
            gap: plan.gap().0,
            eval_time,
            watermark: times.watermark,
            late_from: times.watermark.saturating_add(waits).saturating_sub(self.lateness(Some(rule))),
            alive_to: times.alive_to,
            arrived: if plan.calls().is_empty() { &files.arrived } else { &files.changed },
            newest_end: state.pipeline.newest_end,
            holes,
            until: None,
        }
    }
}
