//! Proposals over the past that they were learned from, by the engine that evaluates them later.

use std::sync::Arc;

use fluo_engine::{AsOf, Asked, EngineError, Range, SessionContext, SpanSource, judge, moments};
use fluo_plan::RulePlan;
use fluo_rules::diagnostic::Level;
use fluo_rules::{SourceFile, load};
use fluo_suggest::proposal::Fired;
use fluo_time::TimeRange;

use crate::exit::{Failure, chain};

/// Rules to be judged.
pub(super) struct Backtest(Vec<RulePlan>);

impl Backtest {
    /// Loads and plans proposals.
    pub(super) fn of(files: &[SourceFile]) -> Result<Self, Failure> {
        let loaded = load(files);
        if let Some(finding) = loaded.findings.iter().find(|finding| finding.level() == Level::Error) {
            let reason = format!("{}:{}: {}", finding.place.file, finding.place.start.line, finding.message);
            return Err(Failure::because("a proposal is no sound rule, which is a bug", reason));
        }
        let plan = |rule| {
            RulePlan::new(Arc::new(rule)).map_err(|error| {
                Failure::because("a proposal cannot be planned, which is a bug", chain(&error))
            })
        };
        Ok(Self(loaded.rules.into_iter().map(plan).collect::<Result<_, _>>()?))
    }

    /// The rules and groups that fire over spans that ended in a range.
    pub(super) async fn over(
        &self,
        session: &SessionContext,
        source: &SpanSource,
        within: TimeRange,
    ) -> Result<Fired, EngineError> {
        let edge = source.ends().is_some_and(|ends| ends.from >= within.from);
        let asked = self.0.iter().map(|plan| {
            // Windows that reach further back have spans in them that nothing was learned from.
            let from = (!edge).then_some(within.from.saturating_add(plan.rule().window.0));
            let range = Range { from, to: Some(within.to) };
            let stretches = moments(plan, source, range).into_iter().collect();
            Asked { as_of: AsOf::of(within.to), ..Asked::new(plan, stretches) }
        });
        let asked: Vec<Asked<'_>> = asked.collect();
        let judged = judge(session, source, &asked).await?;
        let mut fired = Fired::new();
        for (plan, violations) in self.0.iter().zip(judged.rules) {
            for violation in violations? {
                fired.insert((plan.rule().name.clone(), violation.group));
            }
        }
        Ok(fired)
    }
}
