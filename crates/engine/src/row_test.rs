//! Tests of rows by a few of their columns, before the others are read: ids take most of a file, and differ in every row.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::Column;
use datafusion::prelude::SessionContext;
use fluo_plan::Projection;
use fluo_spans::layout::Layout;
use fluo_spans::schema::span_schema;
use fluo_time::TimeRange;
use fluo_time::range::contain;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicate, ArrowPredicateFn, RowFilter};
use parquet::schema::types::SchemaDescriptor;

use crate::error::EngineError;
use crate::pass::frame::{Frame, Memory};
use crate::pass::program::Program;
use crate::scan::Columns;
use crate::truth::Truth;

/// A test of rows. Where it saves no reading, it is left out: a batch may hold rows that fail it.
#[derive(Clone)]
pub(crate) struct RowTest {
    /// Each reads only rows that pass those before it.
    steps: Vec<Step>,
}

/// A test of rows by columns that are read together.
#[derive(Clone)]
struct Step {
    /// The columns that it reads.
    names: BTreeSet<String>,
    /// Makes it ready for batches that come one after the other.
    ready: Arc<dyn Fn() -> Ready + Send + Sync>,
}

/// Returns which rows of a batch pass.
type Ready = Box<dyn FnMut(&RecordBatch) -> Result<Truth, EngineError> + Send>;

impl RowTest {
    /// The rows of spans that ended in some ranges and that any of some projections may select, by columns of one value a
    /// span. `None` where these tell nothing.
    pub(crate) fn selected<'a>(
        session: &SessionContext,
        layout: &Layout,
        projections: impl IntoIterator<Item = &'a Projection>,
        ranges: &[TimeRange],
    ) -> Result<Option<Self>, EngineError> {
        let is_nested = is_nested(layout);
        let quick = |projection: &Projection| {
            let mut own = projection.own();
            own.selector.retain(|expr| !expr.column_refs().into_iter().any(&is_nested));
            own
        };
        let quick: Vec<Projection> = projections.into_iter().map(quick).collect();
        if quick.iter().any(|projection| projection.selector.is_empty()) {
            return Ok(None);
        }
        let program = Arc::new(Program::of(session, layout, quick.iter(), &[])?);
        let ranges: Arc<[TimeRange]> = ranges.into();
        let names = program.columns.schema.fields().iter().map(|field| field.name().clone()).collect();
        let ready = move || -> Ready {
            let (program, ranges, mut memory) =
                (Arc::clone(&program), Arc::clone(&ranges), Memory::default());
            Box::new(move |batch| any_selects(&program, &ranges, &mut memory, batch))
        };
        Ok(Some(Self::of(names, Arc::new(ready))))
    }

    /// The rows for which something is true that depends on some columns.
    pub(crate) fn of_rows(
        names: &[&str],
        is: impl Fn(&RecordBatch) -> Result<Truth, EngineError> + Clone + Send + Sync + 'static,
    ) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self::of(names, Arc::new(move || Box::new(is.clone())))
    }

    fn of(names: BTreeSet<String>, ready: Arc<dyn Fn() -> Ready + Send + Sync>) -> Self {
        Self { steps: vec![Step { names, ready }] }
    }

    /// The rows that pass another test, too, whose columns are read of those alone that pass this one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    /// Of the columns that each step reads, in files of a layout.
    pub(crate) fn schemas(&self, layout: &Layout) -> Result<Vec<SchemaRef>, EngineError> {
        let schema = |step: &Step| {
            let names = step.names.iter().map(String::as_str).collect();
            Ok(Columns::named(layout, &names)?.schema)
        };
        self.steps.iter().map(schema).collect()
    }

    /// The test in the form in which readers of files take it. `schemas`: those of the steps.
    pub(crate) fn filter(&self, schemas: Vec<SchemaRef>, file: &SchemaDescriptor) -> RowFilter {
        let predicate = |(step, schema): (&Step, SchemaRef)| -> Box<dyn ArrowPredicate> {
            let columns = ProjectionMask::columns(file, step.names.iter().map(String::as_str));
            let mut ready = (step.ready)();
            let test = move |batch: RecordBatch| {
                let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())?;
                // What goes wrong here goes wrong again where the row is looked at, and is told there.
                let truth = ready(&batch).unwrap_or(Truth::All);
                Ok(BooleanArray::from(truth.into_buffer(batch.num_rows())))
            };
            Box::new(ArrowPredicateFn::new(columns, test))
        };
        RowFilter::new(self.steps.iter().zip(schemas).map(predicate).collect())
    }
}

/// Returns whether the selection of a projection asks for columns of many values a span.
pub(crate) fn reads_nested(projection: &Projection, layout: &Layout) -> bool {
    let is_nested = is_nested(layout);
    projection.selector.iter().any(|expr| expr.column_refs().into_iter().any(&is_nested))
}

/// Tells columns of many values a span from others.
fn is_nested(layout: &Layout) -> impl Fn(&Column) -> bool {
    let schema = span_schema(layout);
    move |column| schema.field_with_name(&column.name).is_ok_and(|field| field.data_type().is_nested())
}

/// The rows of a batch that any rule of a program selects, and that ended in some ranges.
fn any_selects(
    program: &Program,
    ranges: &[TimeRange],
    memory: &mut Memory,
    batch: &RecordBatch,
) -> Result<Truth, EngineError> {
    let ends = program.ends(batch)?;
    let among = Truth::by_row(ends.len(), |row| contain(ranges, ends[row]));
    if among.is_none() {
        return Ok(among);
    }
    let mut frame = Frame::new(program, batch, memory);
    let mut any = Truth::None;
    for rule in &program.rules {
        any = any.or(&frame.all(&rule.selector, among.clone())?);
    }
    Ok(any)
}
