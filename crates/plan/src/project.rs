//! Finds what a rule needs of each span, as expressions over the columns of one layout.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, ident, lit};
use fluo_rules::expr::{Expr as RuleExpr, ExprKind};
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule, Sampling, Selector, Subject};
use fluo_rules::trace::Step;
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;

use crate::error::PlanError;
use crate::fields::Fields;
use crate::form::Form;
use crate::functions::adjusted_count;
use crate::kin::{KinColumn, kin_type};
use crate::reads::keys_read;

/// The expressions that a rule needs of each span.
#[derive(Debug, Clone)]
pub struct Projection {
    /// Of the files.
    pub(crate) layout: Layout,
    /// Booleans that are all true of a selected span. Null counts as false.
    pub selector: Vec<Expr>,
    /// Texts of the group keys; of a step, of the keys that its spans belong together by.
    pub groups: Vec<Expr>,
    /// The inputs of the aggregates, in the order of [`crate::RulePlan::aggregates`].
    pub inputs: Vec<Input>,
    /// The number of spans that each stands for (`Float64`), of a rule that adjusts for sampling.
    pub weight: Option<Expr>,
    /// Texts of the keys of which the commonest values are told.
    pub top: Vec<Expr>,
    /// The columns that it reads beside those of the files: of the parents and children of spans.
    pub kin: Vec<KinColumn>,
    /// Of a rule about traces: the selection of the spans that can be each step.
    pub steps: Vec<Arc<Projection>>,
}

/// The input of an aggregate from each selected span.
#[derive(Debug, Clone)]
pub struct Input {
    /// Booleans that are all true of a span that takes part. Null counts as false.
    pub filter: Vec<Expr>,
    /// Its value, of an aggregate that takes one. A span without one takes no part.
    pub value: Option<Value>,
}

/// The value that an aggregate takes of a span.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nanoseconds (`Int64`).
    Nanos(Expr),
    /// A number (`Float64`).
    Number(Expr),
    /// A text.
    Text(Expr),
}

/// The attribute under which the row of a violation has the value of the key at a place among those of `by`.
pub fn key_of_row(place: usize) -> String {
    // No program writes such a key.
    format!("\u{0}by.{place}")
}

/// The field of a selected span, or of the row of a violation, that a group key is. Where each step has keys of its own, so
/// has the occasion, and the row carries their values apart from its fields.
fn of_row(rule: &Rule, key: &Field) -> Field {
    let by = rule.trace().map_or(&[][..], |trace| &trace.by);
    match by.iter().position(|known| known.field == *key) {
        Some(place) => Field::attribute(Scope::Span, key_of_row(place)),
        None => key.clone(),
    }
}

/// Returns the parts that must all be true for a boolean to be.
fn all(expr: Expr) -> Vec<Expr> {
    split_conjunction_owned(expr).into_iter().filter(|expr| *expr != lit(true)).collect()
}

/// Returns whether an aggregate takes nothing but the span's duration.
pub fn is_duration(measure: &RuleExpr) -> bool {
    matches!(measure.kind, ExprKind::Field(Field::Intrinsic(Intrinsic::Duration)))
}

impl Value {
    pub(crate) fn into_expr(self) -> Expr {
        match self {
            Self::Nanos(expr) | Self::Number(expr) | Self::Text(expr) => expr,
        }
    }

    pub(crate) fn expr(&self) -> &Expr {
        match self {
            Self::Nanos(expr) | Self::Number(expr) | Self::Text(expr) => expr,
        }
    }
}

impl Projection {
    /// Of a rule with these aggregates, in files of a layout.
    pub(crate) fn of(rule: &Rule, aggregates: &[Aggregate], layout: &Layout) -> Result<Self, PlanError> {
        let keys: Vec<Field> = rule.group_by.iter().map(|key| of_row(rule, &key.field)).collect();
        let fields = Fields::of(rule, &keys, layout, Form::Functions);
        let inputs = aggregates.iter().map(|aggregate| {
            let filter = aggregate.filter.as_ref().map(|filter| fields.filter(filter)).transpose()?;
            let value = match &aggregate.function {
                AggregateFunction::CountDistinct(field) => Some(Value::Text(fields.text(field))),
                function => function.measure().map(|of| fields.measure(of)).transpose()?,
            };
            Ok(Input { filter: filter.map(all).unwrap_or_default(), value })
        });
        let selected = |selector: &Selector| Ok::<_, PlanError>(all(fields.selector(selector)?));
        let (selector, steps) = match &rule.subject {
            Subject::Spans(selector) => (selected(selector)?, Vec::new()),
            // The query says what it needs.
            Subject::Sql(_) => return Ok(Self::of_selected(Vec::new(), layout)),
            // Rows of traces are made of those that a rule selects already.
            Subject::Traces(trace) => {
                let step = |step: &Step| {
                    let groups = step.by.iter().map(|key| fields.text(&key.field)).collect();
                    let selected = Self::of_selected(selected(&step.selector)?, layout);
                    Ok(Arc::new(Self { groups, ..selected }))
                };
                (Vec::new(), trace.steps.iter().map(step).collect::<Result<_, PlanError>>()?)
            }
        };
        let mut selector = selector;
        selector.extend(fields.has_limits());
        Ok(Self {
            selector,
            groups: keys.iter().map(|key| fields.text(key)).collect(),
            inputs: inputs.collect::<Result<_, PlanError>>()?,
            weight: (rule.sampling == Sampling::Adjusted)
                .then(|| adjusted_count(ident(columns::TRACE_STATE))),
            top: rule.top.iter().map(|key| fields.text(&key.field)).collect(),
            steps,
            kin: if rule.kin.is_some() { kin_columns(rule, &fields) } else { Vec::new() },
            ..Self::of_selected(Vec::new(), layout)
        })
    }

    /// Of spans of which only matters that they are selected.
    fn of_selected(selector: Vec<Expr>, layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            selector,
            groups: Vec::new(),
            inputs: Vec::new(),
            weight: None,
            top: Vec::new(),
            kin: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// The selection of the spans of which parents or children matter: by what they are themselves.
    #[must_use]
    pub fn own(&self) -> Self {
        let is_own =
            |expr: &&Expr| expr.column_refs().into_iter().all(|column| kin_type(&column.name).is_none());
        Self::of_selected(self.selector.iter().filter(is_own).cloned().collect(), &self.layout)
    }

    /// The selection of spans by what they are themselves, with the number of spans that each stands for.
    #[must_use]
    pub fn standing(&self) -> Self {
        Self { weight: Some(adjusted_count(ident(columns::TRACE_STATE))), ..self.own() }
    }

    /// These texts of every span.
    pub fn of_texts(texts: Vec<Expr>, layout: &Layout) -> Self {
        Self { top: texts, ..Self::of_selected(Vec::new(), layout) }
    }

    /// The services of the spans that it selects; `None` where they may be of any.
    pub fn services(&self) -> Option<BTreeSet<String>> {
        self.selector.iter().find_map(|expr| texts_of(columns::SERVICE_NAME, expr))
    }

    /// All of its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let inputs = self
            .inputs
            .iter()
            .flat_map(|Input { filter, value }| filter.iter().chain(value.iter().map(Value::expr)));
        self.selector.iter().chain(&self.groups).chain(inputs).chain(&self.weight).chain(&self.top)
    }
}

/// The columns that a rule needs beside those of spans, each once.
fn kin_columns(rule: &Rule, fields: &Fields<'_>) -> Vec<KinColumn> {
    let mut all: Vec<KinColumn> = Vec::new();
    for column in keys_read(rule).iter().flat_map(|field| fields.kin_columns(field)) {
        if !all.contains(&column) {
            all.push(column);
        }
    }
    all
}

/// The texts of which a column is one where an expression is true; `None` where it may be any.
fn texts_of(column: &str, expr: &Expr) -> Option<BTreeSet<String>> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(found) if found.name == column);
    let text = |expr: &Expr| match expr {
        Expr::Literal(value, _) => value.try_as_str()?.map(str::to_owned),
        _ => None,
    };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if is_column(left) => {
            Some(BTreeSet::from([text(right)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let mut texts = texts_of(column, left)?;
            texts.extend(texts_of(column, right)?);
            Some(texts)
        }
        Expr::InList(list) if !list.negated && is_column(&list.expr) => list.list.iter().map(text).collect(),
        _ => None,
    }
}
