//! Observations of a rule, folded into its state.

use fluo_alerts::life_cycle::{Change, Facts, Observation, transition};

use super::evaluator::Evaluator;
use super::files::Files;
use super::inputs::Inputs;
use super::observe::Asked;
use crate::due::{Due, Moments};
use crate::span_data::Holes;
use crate::state::State;

/// A rule while it is evaluated.
pub(super) struct Judged {
    pub(super) change: Change,
    /// Moments that were looked at.
    pub(super) stretches: usize,
}

impl Evaluator {
    /// Moves a rule's alerts on, by what was seen.
    pub(super) fn fold(
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
        let due = Due { until, ..self.due(state, rule, plan, files, &holes, inputs.eval_time) };
        if holes != known_holes {
            // What was just found to be missing may be what made it true.
            Moments { stretches: judged, owed, .. } = due.moments(&before);
            observations.retain(|observation: &Observation| {
                judged.iter().any(|stretch| stretch.contains(observation.segment.first))
            });
        }
        let damaged = holes.all();
        let holed = due.touched_by(&damaged, due.reach.sums);
        let facts = Facts {
            rule,
            hash: &known.hash,
            gap: plan.gap().0,
            step: (!plan.judging().is_exact()).then(|| rule.grid_step().0),
            horizon: due.horizon(rule.hold_for.0, &owed, judged_to),
            since: before.from,
            until,
            damaged: &damaged,
            holed: &holed,
            patience: rule
                .trace()
                .map(|trace| trace.max_duration)
                .or(rule.kin.map(|kin| kin.within))
                .unwrap_or_default()
                .0,
            renderer: &self.renderer,
        };
        let stretches = judged.len();
        let mut change = transition(before, &facts, &judged, observations, judged_to, times);
        change.state.owed = owed;
        Judged { change, stretches }
    }
}
