//! The program of all rules over the spans of one layout: every expression once, in the form in which batches are put
//! to it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Field, Schema, TimestampNanosecondType};
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use fluo_plan::kin::kin_type;
use fluo_plan::project::{Input, Value};
use fluo_plan::{Projection, RulePlan};
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;

use crate::error::EngineError;
use crate::expressions::{Expression, Expressions, OfLayout};
use crate::scan::Columns;

/// The expressions of rules over one layout.
pub(crate) struct Program {
    pub(crate) columns: Columns,
    pub(crate) expressions: Vec<Placed>,
    /// By rule, in the order in which they are asked.
    pub(crate) rules: Vec<RuleProgram>,
    /// Different lists of group keys, each a list of texts.
    pub(crate) groupings: Vec<Vec<usize>>,
    /// The columns of the parents and children of spans, which stand behind those of files.
    pub(crate) kin: Vec<Arc<Field>>,
    /// The place of the spans' ends.
    end: usize,
}

/// An expression, and where it stands.
pub(crate) struct Placed {
    pub(crate) compiled: Arc<Expression>,
    /// The places of the columns that it reads.
    pub(crate) reads: Vec<usize>,
}

/// A rule, by the places of its expressions.
pub(crate) struct RuleProgram {
    /// The cheapest first.
    pub(crate) selector: Vec<usize>,
    pub(crate) grouping: usize,
    pub(crate) inputs: Vec<InputProgram>,
    /// The number of spans that each stands for, of a rule that adjusts for sampling.
    pub(crate) weight: Option<usize>,
    pub(crate) top: Vec<usize>,
    /// It asks for the parents or children of spans.
    pub(crate) asks_kin: bool,
}

/// The input of an aggregate.
pub(crate) struct InputProgram {
    pub(crate) filter: Vec<usize>,
    pub(crate) value: Option<(Kind, usize)>,
}

/// Returns the names of the columns that are read for projections, and `more`. Those of parents and children are among them,
/// which no file has, and with them what parents and children are found by.
pub(crate) fn columns_read<'a>(
    projections: impl Iterator<Item = &'a Projection>,
    more: &[&'a str],
) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::from([columns::END_TIME]);
    names.extend(more);
    for projection in projections {
        for expr in projection.expressions() {
            names.extend(expr.column_refs().into_iter().map(|column| column.name.as_str()));
        }
    }
    if names.iter().any(|name| kin_type(name).is_some()) {
        names.extend([columns::TRACE_ID, columns::PARENT_SPAN_ID, columns::SPAN_ID, columns::START_TIME]);
    }
    names
}

/// The kind of an aggregate's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nanos,
    Number,
    Text,
}

impl Program {
    /// `ids`: whether the ids of spans are read, too.
    pub(crate) fn new(
        session: &SessionContext,
        layout: &Layout,
        plans: &[&RulePlan],
        ids: bool,
    ) -> Result<Self, EngineError> {
        let projections: Vec<Arc<Projection>> =
            plans.iter().map(|plan| plan.projection(layout)).collect::<Result<_, _>>()?;
        let more: &[&str] = if ids { &[columns::TRACE_ID, columns::SPAN_ID] } else { &[] };
        Self::of(session, layout, projections.iter().map(AsRef::as_ref), more)
    }

    /// `more`: columns that are read beside those of the projections.
    pub(crate) fn of<'a>(
        session: &SessionContext,
        layout: &Layout,
        projections: impl Iterator<Item = &'a Projection> + Clone,
        more: &[&'a str],
    ) -> Result<Self, EngineError> {
        let names = columns_read(projections.clone(), more);
        let kin: Vec<Arc<Field>> = names
            .iter()
            .filter_map(|name| Some(Arc::new(Field::new(*name, kin_type(name)?, true))))
            .collect();
        let columns = Columns::named(layout, &names)?;
        let mut writer = Writer {
            session,
            compiled: Expressions::in_session(session).of(layout)?,
            columns: &columns,
            kin: &kin,
            places: HashMap::new(),
            expressions: Vec::new(),
            groupings: Vec::new(),
        };
        let rules = projections.map(|projection| writer.rule(projection)).collect::<Result<_, _>>()?;
        let Writer { expressions, groupings, .. } = writer;
        let end = columns.place(columns::END_TIME)?;
        Ok(Self { columns, expressions, rules, groupings, kin, end })
    }

    /// The expressions of a rule's selector that read columns of files alone.
    pub(crate) fn own(&self, rule: &RuleProgram) -> Vec<usize> {
        let of_files = self.columns.schema.fields().len();
        let is_own = |at: &usize| self.expressions[*at].reads.iter().all(|column| *column < of_files);
        rule.selector.iter().copied().filter(is_own).collect()
    }

    /// Returns the ends of the spans of a batch.
    pub(crate) fn ends<'a>(&self, batch: &'a RecordBatch) -> Result<&'a [i64], EngineError> {
        let column = batch.column(self.end).as_primitive_opt::<TimestampNanosecondType>();
        Ok(column.ok_or_else(|| EngineError::Column(columns::END_TIME.to_owned()))?.values())
    }
}

struct Writer<'a> {
    session: &'a SessionContext,
    compiled: Arc<OfLayout>,
    columns: &'a Columns,
    kin: &'a [Arc<Field>],
    /// By where the expression lies in memory: what is equal lies there once.
    places: HashMap<*const Expression, usize>,
    expressions: Vec<Placed>,
    groupings: Vec<Vec<usize>>,
}

impl Writer<'_> {
    fn rule(&mut self, projection: &Projection) -> Result<RuleProgram, EngineError> {
        let mut selector = self.all(&projection.selector)?;
        selector.sort_by_key(|at| self.cost(*at));
        let keys = self.all(&projection.groups)?;
        let grouping = self.groupings.iter().position(|known| *known == keys).unwrap_or_else(|| {
            self.groupings.push(keys);
            self.groupings.len() - 1
        });
        let inputs = projection.inputs.iter().map(|Input { filter, value }| {
            let mut filter = self.all(filter)?;
            filter.sort_by_key(|at| self.cost(*at));
            let value = value.as_ref().map(|value| {
                let (kind, expr) = match value {
                    Value::Nanos(expr) => (Kind::Nanos, expr),
                    Value::Number(expr) => (Kind::Number, expr),
                    Value::Text(expr) => (Kind::Text, expr),
                };
                Ok::<_, EngineError>((kind, self.one(expr)?))
            });
            Ok(InputProgram { filter, value: value.transpose()? })
        });
        let inputs = inputs.collect::<Result<_, EngineError>>()?;
        let asks_kin = !projection.kin.is_empty();
        let weight = projection.weight.as_ref().map(|weight| self.one(weight)).transpose()?;
        Ok(RuleProgram { selector, grouping, inputs, weight, top: self.all(&projection.top)?, asks_kin })
    }

    fn all(&mut self, exprs: &[Expr]) -> Result<Vec<usize>, EngineError> {
        exprs.iter().map(|expr| self.one(expr)).collect()
    }

    fn one(&mut self, expr: &Expr) -> Result<usize, EngineError> {
        let compiled = self.compiled.one(self.session, expr)?;
        if let Some(known) = self.places.get(&Arc::as_ptr(&compiled)) {
            return Ok(*known);
        }
        let fields = Schema::fields(&compiled.schema).iter();
        let reads = fields.map(|field| self.place(field.name())).collect::<Result<_, _>>()?;
        self.places.insert(Arc::as_ptr(&compiled), self.expressions.len());
        self.expressions.push(Placed { compiled, reads });
        Ok(self.expressions.len() - 1)
    }

    /// The place of a column in a batch, with those of kin behind.
    fn place(&self, name: &str) -> Result<usize, EngineError> {
        match self.kin.iter().position(|field| field.name() == name) {
            Some(at) => Ok(self.columns.schema.fields().len() + at),
            None => self.columns.place(name),
        }
    }

    /// The order in which what must all be true is looked at.
    fn cost(&self, at: usize) -> usize {
        let Placed { compiled, reads } = &self.expressions[at];
        let nested = compiled.schema.fields().iter().filter(|field| field.data_type().is_nested()).count();
        usize::from(!compiled.of_dictionaries) + 100 * nested + reads.len()
    }
}
