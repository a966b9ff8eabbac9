//! Chooses the rows of a window that are shown, the guiltiest first and of each trace one before any other, and names their
//! traces.

use std::collections::BTreeSet;
use std::ops::Range;

use fluo_alerts::sample::{Sample, SampledSpan};
use fluo_alerts::value::Value;
use fluo_plan::RulePlan;
use fluo_plan::evidence::{Guilt, Part, Question};
use fluo_spans::identity::SpanKey;

use crate::error::EngineError;
use crate::inputs::{Input, inputs};
use crate::rows::{Id, Rows};
use crate::summary::Values;

/// Matched rows, as what they are to the rule's aggregates.
pub(crate) struct Parts<'a> {
    plan: &'a RulePlan,
    rows: &'a Rows,
    by_name: Vec<(&'a str, Input<'a>)>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(plan: &'a RulePlan, rows: &'a Rows) -> Result<Self, EngineError> {
        let names = plan.aggregates().map(|aggregate| aggregate.name.as_str());
        Ok(Self { plan, rows, by_name: names.zip(inputs(plan, &rows.batch)?).collect() })
    }

    fn part(&self, row: usize, name: &str) -> Part {
        let found = self.by_name.iter().find(|(found, _)| *found == name);
        found.map_or(Part::None, |(_, input)| input.part(row))
    }

    /// The rows of a window with these values that show what is wrong there, the guiltiest first.
    pub(crate) fn ranked(&self, window: Range<usize>, values: &Values) -> Vec<usize> {
        let rule = self.plan.rule();
        let number = |name: &str| {
            let found = values.iter().find(|(found, _)| found == name);
            found.and_then(|(_, value)| Value::as_f64(*value))
        };
        let question = Question::of(rule, &number);
        // Newest first, and the sort keeps the order of equals.
        let newest = window.rev();
        let mut found: Vec<(Guilt, usize)> = newest
            .clone()
            .filter_map(|row| Some((question.guilt(&|name| self.part(row, name))?, row)))
            .collect();
        found.sort_by(|left, right| right.0.cmp(&left.0));
        let mut ranked: Vec<usize> = found.into_iter().map(|(_, row)| row).collect();
        if ranked.is_empty() {
            ranked = newest.filter(|row| question.concerns(&|name| self.part(*row, name))).collect();
        }
        ranked
    }

    /// As many of ranked rows as are kept.
    pub(crate) fn guiltiest(&self, ranked: &[usize]) -> Result<Vec<Id>, EngineError> {
        let limit = self.plan.rule().evidence_limit as usize;
        let mut traces = BTreeSet::new();
        let (mut first_of_trace, mut others) = (Vec::new(), Vec::new());
        for row in ranked {
            if first_of_trace.len() == limit {
                break;
            }
            let id = self.rows.id(*row)?;
            if traces.insert(id.key.0) {
                first_of_trace.push(id);
            } else if others.len() < limit {
                others.push(id);
            }
        }
        first_of_trace.extend(others);
        first_of_trace.truncate(limit);
        Ok(first_of_trace)
    }

    /// Some of the traces of ranked rows. Of a rule that keeps no evidence, none.
    pub(crate) fn sample(&self, ranked: &[usize]) -> Result<Sample, EngineError> {
        let keys = self.rows.keys()?;
        if self.plan.rule().evidence_limit == 0 {
            return Ok(Sample::default());
        }
        let keys = ranked.iter().map(|row| keys.key(*row)).collect::<Result<Vec<_>, _>>()?;
        Ok(sample(&keys))
    }
}

/// Some of the traces of some spans.
pub(crate) fn sample(spans: &[SpanKey]) -> Sample {
    let Some(newest) = spans.iter().map(|(_, _, end)| *end).max() else { return Sample::default() };
    Sample::of(
        newest,
        spans.iter().map(|(trace, span, end)| SampledSpan { trace: *trace, span: *span, end: *end }),
    )
}
