//! The severity of alerts at a moment of a test, once everything has arrived.
//!
//! State remembers of an alert how bad it is now and was at its worst, and not when in between. So the engine looks at the
//! rule again, over all spans of the test, up to the moment that is asked for.

use std::collections::BTreeMap;

use fluo_engine::{EngineError, Range, record, session};
use fluo_rules::rule::Severity;

use super::{RuleTestError, Stored};
use crate::rule_set::Known;
use crate::span_data::SpanData;
use crate::state::State;

/// The severity of the alert of each group.
#[derive(Debug)]
pub(super) struct Severities {
    own: Severity,
    by_group: BTreeMap<Vec<(String, Option<String>)>, Severity>,
}

impl Severities {
    /// Those of a rule at a moment: by the highest level that held at the newest moment up to it, from `from` on.
    pub(super) async fn at(
        known: &Known,
        stored: &Stored,
        from: i64,
        at: i64,
    ) -> Result<Self, RuleTestError> {
        let rule = &known.rule;
        let mut severities = Self { own: rule.severity, by_group: BTreeMap::new() };
        let Some(plan) = known.plan.as_ref().ok().filter(|_| rule.condition.has_levels()) else {
            return Ok(severities);
        };
        let mut state = State::new();
        let data = SpanData::new(stored.root.clone());
        let source = data.source(&stored.files, &mut state).await;
        let source = source.ok_or(EngineError::Changed("files of the test"))?;
        let range = Range { from: Some(from), to: Some(at) };
        let outcome = fluo_engine::evaluate(&session(), plan, &source, range).await?;
        let mut violations = outcome.violations;
        violations.sort_by_key(|violation| violation.ends_at);
        for observed in violations {
            let observation = record::observation(rule, observed);
            severities.by_group.extend(observation.segment.severity.map(|now| (observation.group, now)));
        }
        Ok(severities)
    }

    /// That of a group.
    pub(super) fn of(&self, group: &[(String, Option<String>)]) -> Severity {
        self.by_group.get(group).copied().unwrap_or(self.own)
    }
}
