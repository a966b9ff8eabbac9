//! The parents and children of spans, for the rules of a pass that ask for them.
//!
//! ```text
//! sought    one scan: the keys of the parents, and of the spans themselves, that rules may ask for
//! found     one more, of the times around: of each parent what rules read of it, of each child when it ran
//! beside    a batch, before rules look at it ─▶ the same with a column for each thing that is known of its spans' kin
//! ```
//!
//! A parent is looked up by trace and id, whatever file it lies in, among the spans that ended less than the rule's
//! `max_trace_duration` before the child, and at most that after it. Of several with its id, the one that ended first is
//! the parent; of its copies, the one whose content hash is smallest. What comes of it depends on the spans alone.

mod beside;
mod children;
mod found;
mod parents;
mod sought;

use std::collections::BTreeMap;

use datafusion::prelude::SessionContext;
use fluo_plan::RulePlan;
use fluo_plan::kin::{KinColumn, KinValue};
use fluo_spans::layout::Layout;
use fluo_time::TimeRange;
use fluo_time::range::joined;

use crate::error::EngineError;
use crate::pass::Want;
use crate::source::SpanSource;
use children::Children;
use parents::Parents;
use sought::Keys;

/// The parents and children of spans, as far as they are known.
#[derive(Default)]
pub(crate) struct Kin {
    /// By name.
    columns: BTreeMap<String, Column>,
    parents: Parents,
    children: Children,
}

/// A column that stands beside those of spans.
#[derive(Debug, Clone, Copy)]
struct Column {
    within: i64,
    of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The text of the parent with this number.
    Text(usize),
    Duration,
    SelfTime,
}

/// Of all rules together, the columns of kin: by name, as of one layout.
fn columns_of(plans: &[&RulePlan], layout: &Layout) -> Result<BTreeMap<String, KinColumn>, EngineError> {
    let mut all = BTreeMap::new();
    for plan in plans {
        for column in &plan.projection(layout)?.kin {
            all.insert(column.name.clone(), column.clone());
        }
    }
    Ok(all)
}

/// The texts of parents that columns are of, each once, in an order that is the same in all layouts.
fn texts_of(columns: &BTreeMap<String, KinColumn>) -> Vec<(&str, &datafusion::logical_expr::Expr)> {
    let texts = columns.values().filter_map(|column| match &column.of {
        KinValue::Text(expr) => Some((column.name.as_str(), expr)),
        KinValue::Duration | KinValue::SelfTime => None,
    });
    texts.collect()
}

impl Kin {
    /// Finds the parents and children of the spans that rules may select. None where no rule asks for any.
    pub(crate) async fn find(
        session: &SessionContext,
        source: &SpanSource,
        wants: &[Want<'_>],
    ) -> Result<Option<Self>, EngineError> {
        let wants: Vec<&Want<'_>> =
            wants.iter().filter(|want| want.plan.rule().kin.is_some() && !want.ranges.is_empty()).collect();
        if wants.is_empty() {
            return Ok(None);
        }
        let plans: Vec<&RulePlan> = wants.iter().map(|want| want.plan).collect();
        let of_builtin = columns_of(&plans, &Layout::builtin())?;
        let mut texts = 0;
        let columns: BTreeMap<String, Column> = of_builtin
            .iter()
            .map(|(name, column)| {
                let of = match column.of {
                    KinValue::Text(_) => {
                        texts += 1;
                        Of::Text(texts - 1)
                    }
                    KinValue::Duration => Of::Duration,
                    KinValue::SelfTime => Of::SelfTime,
                };
                (name.clone(), Column { within: column.within, of })
            })
            .collect();
        let asks_children = columns.values().any(|column| column.of == Of::SelfTime);
        let asks_parents = columns.values().any(|column| column.of != Of::SelfTime);
        let sought = Keys::of(session, source, &wants, asks_parents, asks_children).await?;
        if sought.is_empty() {
            return Ok(Some(Self { columns, ..Self::default() }));
        }
        let ranges = around(&wants);
        let (parents, children) = found::found(session, source, &plans, sought, &ranges).await?;
        Ok(Some(Self { columns, parents, children }))
    }
}

/// The times in which the parents and children of spans ended.
fn around(wants: &[&Want<'_>]) -> Vec<TimeRange> {
    joined(wants.iter().flat_map(|want| want.around()))
}
