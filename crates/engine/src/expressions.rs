//! Expressions in the form in which batches are put to them, made once for as long as a session lasts.
//!
//! Evaluations follow one another by the second, and the rules ask the same.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, ToDFSchema};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::prelude::SessionContext;
use fluo_plan::kin::kin_type;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use fluo_store::guard::locked;

use crate::error::EngineError;

/// Expressions of a layout that are kept before those that nobody asked for since then are let go of: those of the largest
/// sets of rules.
const MOST: usize = 20_000;

/// Layouts of which expressions are kept.
const MOST_LAYOUTS: usize = 8;

/// An expression over some columns.
pub(crate) struct Expression {
    /// Over a batch of these columns alone, in this order.
    pub(crate) physical: Arc<dyn PhysicalExpr>,
    pub(crate) schema: SchemaRef,
    /// It reads texts that repeat themselves, and nothing else.
    pub(crate) of_dictionaries: bool,
}

/// The expressions of a session, by layout.
#[derive(Default)]
pub(crate) struct Expressions {
    by_layout: Mutex<BTreeMap<Layout, Arc<OfLayout>>>,
}

/// The expressions over one layout.
pub(crate) struct OfLayout {
    schema: DFSchema,
    known: Mutex<Known>,
}

/// Expressions by when they were asked for.
#[derive(Default)]
struct Known {
    /// Since the last ones were let go of.
    lately: HashMap<Expr, Arc<Expression>>,
    /// Before.
    before: HashMap<Expr, Arc<Expression>>,
}

impl Known {
    fn get(&mut self, expr: &Expr) -> Option<Arc<Expression>> {
        if let Some(known) = self.lately.get(expr) {
            return Some(Arc::clone(known));
        }
        let known = self.before.remove(expr)?;
        self.keep(expr, &known);
        Some(known)
    }

    fn keep(&mut self, expr: &Expr, expression: &Arc<Expression>) {
        if self.lately.len() >= MOST {
            self.before = std::mem::take(&mut self.lately);
        }
        self.lately.insert(expr.clone(), Arc::clone(expression));
    }
}

impl Expressions {
    /// Those that a session keeps. One that was made elsewhere keeps none.
    pub(crate) fn in_session(session: &SessionContext) -> Arc<Self> {
        session.state_ref().read().config().get_extension().unwrap_or_default()
    }

    /// Those over a layout.
    pub(crate) fn of(&self, layout: &Layout) -> Result<Arc<OfLayout>, EngineError> {
        let mut by_layout = locked(&self.by_layout);
        if let Some(known) = by_layout.get(layout) {
            return Ok(Arc::clone(known));
        }
        let schema = span_schema(layout).as_ref().clone().to_dfschema()?;
        let of_layout = Arc::new(OfLayout { schema, known: Mutex::default() });
        if by_layout.len() >= MOST_LAYOUTS {
            by_layout.clear();
        }
        by_layout.insert(layout.clone(), Arc::clone(&of_layout));
        Ok(of_layout)
    }
}

impl OfLayout {
    /// An expression as batches are put to it.
    pub(crate) fn one(&self, session: &SessionContext, expr: &Expr) -> Result<Arc<Expression>, EngineError> {
        if let Some(known) = locked(&self.known).get(expr) {
            return Ok(known);
        }
        let of_kin: Vec<Field> = expr
            .column_refs()
            .into_iter()
            .filter_map(|column| Some(Field::new(&column.name, kin_type(&column.name)?, true)))
            .collect();
        let schema = if of_kin.is_empty() {
            Cow::Borrowed(&self.schema)
        } else {
            let of_kin = Schema::new(of_kin).to_dfschema()?;
            Cow::Owned(self.schema.join(&of_kin)?)
        };
        let whole = physical(session, expr.clone(), &schema)?;
        let mut reads: Vec<usize> = collect_columns(&whole).iter().map(Column::index).collect();
        reads.sort_unstable();
        // Behind the values of a dictionary stands none, whatever the column.
        let read = reads.iter().map(|at| schema.field(*at).as_ref().clone().with_nullable(true));
        let schema: SchemaRef = Arc::new(Schema::new(read.collect::<Vec<_>>()));
        let of_dictionaries =
            !reads.is_empty() && Schema::fields(&schema).iter().all(|field| is_dictionary(field.data_type()));
        let physical = reassign_expr_columns(whole, &schema)?;
        let expression = Arc::new(Expression { physical, schema, of_dictionaries });
        locked(&self.known).keep(expr, &expression);
        Ok(expression)
    }
}

/// An expression as batches with these columns are put to it.
fn physical(
    session: &SessionContext,
    expr: Expr,
    schema: &DFSchema,
) -> datafusion::common::Result<Arc<dyn PhysicalExpr>> {
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
    let simplifier = ExprSimplifier::new(context);
    let expr = simplifier.simplify(simplifier.coerce(expr, schema)?)?;
    session.create_physical_expr(expr, schema)
}

/// Returns whether a column's values repeat themselves behind codes.
fn is_dictionary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(key, _) if **key == DataType::Int32)
}
