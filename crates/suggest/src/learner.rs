//! One pass over batches: what each operation's spans carry, and the spans of some traces.

use arrow::array::RecordBatch;
use arrow::datatypes::Int64Type;
use fluo_spans::layout::Layout;
use fluo_spans::schema::columns;
use fluo_time::TimeRange;
use hashbrown::HashMap;

use crate::columns::{Texts, id, ids, numbers, times};
use crate::error::LearnError;
use crate::operation::{NONE, Operation, Operations};
use crate::profile::{Depth, OperationProfile, Profiler};
use crate::rows::{Row, Rows, Slice};

/// Most operations that are told apart.
const MOST_OPERATIONS: usize = 100_000;

/// The places of service, name and kind in the dictionaries of a batch.
type Keys = (Option<usize>, Option<usize>, Option<usize>);

/// A choice of columns, traces and times for a pass.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The attributes of spans; none where this is `None`.
    pub attributes: Option<Depth>,
    /// The traces whose spans are kept; none where this is `None`.
    pub traces: Option<Slice>,
    /// The times in which spans end that are looked at.
    pub within: TimeRange,
}

impl Look {
    /// The names of the columns that it reads in files of a layout.
    pub fn columns(&self, layout: &Layout) -> Vec<String> {
        let mut names =
            vec![columns::SERVICE_NAME, columns::NAME, columns::KIND, columns::STATUS, columns::END_TIME];
        if self.traces.is_some() {
            let of_traces =
                [columns::TRACE_ID, columns::SPAN_ID, columns::PARENT_SPAN_ID, columns::DURATION_NS];
            names.extend(of_traces);
        }
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        if let Some(depth) = self.attributes {
            names.extend([columns::ATTRIBUTES, columns::RESOURCE_ATTRIBUTES].map(str::to_owned));
            names.extend(layout.columns.iter().map(|promoted| promoted.column.clone()));
            if depth == Depth::Values {
                names.extend([columns::SCOPE_ATTRIBUTES, columns::EVENTS].map(str::to_owned));
            }
        }
        names
    }
}

/// The learning of one thread, of the batches that it is given.
pub struct Learner {
    look: Look,
    operations: Operations,
    profiles: Vec<OperationProfile>,
    profiler: Profiler,
    pub(crate) rows: Rows,
    /// True once there are too many operations.
    overflows: bool,
}

impl Learner {
    /// Nothing is known yet.
    pub fn new(look: Look) -> Self {
        Self {
            look,
            operations: Operations::default(),
            profiles: Vec::new(),
            profiler: Profiler::default(),
            rows: Rows::default(),
            overflows: false,
        }
    }

    /// Takes in a batch, which has the columns of the look.
    ///
    /// # Errors
    ///
    /// [`LearnError::Column`].
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<(), LearnError> {
        if self.overflows {
            return Ok(());
        }
        let ends = times(batch, columns::END_TIME)?;
        let operations = self.operations_of(batch, ends)?;
        self.profiles.resize_with(self.operations.all().len(), OperationProfile::default);
        if self.operations.all().len() > MOST_OPERATIONS {
            self.overflows = true;
            return Ok(());
        }
        if let Some(depth) = self.look.attributes {
            self.count(batch, &operations)?;
            self.profiler.batch(batch, &operations, depth, &mut self.profiles)?;
        }
        match self.look.traces {
            Some(slice) => self.keep(batch, ends, &operations, slice),
            None => Ok(()),
        }
    }

    /// The numbers of the operations of the rows; [`NONE`] of those that are not looked at.
    fn operations_of(&mut self, batch: &RecordBatch, ends: &[i64]) -> Result<Vec<u32>, LearnError> {
        let services = Texts::of(batch, columns::SERVICE_NAME)?;
        let (names, kinds) = (Texts::of(batch, columns::NAME)?, Texts::of(batch, columns::KIND)?);
        let mut known: HashMap<Keys, u32> = HashMap::new();
        let operation = |(row, end): (usize, &i64)| {
            if !self.look.within.contains(*end) {
                return NONE;
            }
            let keys = (services.key(row), names.key(row), kinds.key(row));
            *known.entry(keys).or_insert_with(|| {
                let service = keys.0.map(|key| services.at(key));
                let name = keys.1.map_or("", |key| names.at(key));
                let kind = keys.2.map_or("", |key| kinds.at(key));
                self.operations.number(service, name, kind)
            })
        };
        Ok(ends.iter().enumerate().map(operation).collect())
    }

    fn count(&mut self, batch: &RecordBatch, operations: &[u32]) -> Result<(), LearnError> {
        let statuses = Texts::of(batch, columns::STATUS)?;
        let mut found: HashMap<(u32, Option<usize>), u64> = HashMap::new();
        for (row, operation) in operations.iter().enumerate().filter(|(_, operation)| **operation != NONE) {
            *found.entry((*operation, statuses.key(row))).or_default() += 1;
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_unstable();
        for ((operation, status), spans) in found {
            let profile = &mut self.profiles[operation as usize];
            let status = status.map_or("unset", |status| statuses.at(status));
            profile.spans += spans;
            *profile.statuses.entry(status.to_owned()).or_default() += spans;
        }
        Ok(())
    }

    /// Keeps the spans of the traces of a slice.
    fn keep(
        &mut self,
        batch: &RecordBatch,
        ends: &[i64],
        operations: &[u32],
        slice: Slice,
    ) -> Result<(), LearnError> {
        let (traces, spans) = (ids(batch, columns::TRACE_ID)?, ids(batch, columns::SPAN_ID)?);
        let parents = ids(batch, columns::PARENT_SPAN_ID)?;
        let durations = numbers::<Int64Type>(batch, columns::DURATION_NS)?;
        for (row, operation) in operations.iter().enumerate().filter(|(_, operation)| **operation != NONE) {
            let trace = id(traces, row);
            if slice.has(trace) {
                self.rows.add(Row {
                    trace,
                    end: ends[row],
                    span: id(spans, row),
                    parent: id(parents, row),
                    duration: durations[row],
                    operation: *operation,
                });
            }
        }
        Ok(())
    }
}

/// The results of all threads of a pass together. Operations are numbered in their order.
pub struct Pass {
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// The attributes that their spans carry, in the same order.
    pub profiles: Vec<OperationProfile>,
    rows: Rows,
}

impl Pass {
    /// Puts together what threads learned, in whatever order they come. `known`: the operations of an earlier pass, whose
    /// numbers are kept; spans of others are left out.
    ///
    /// # Errors
    ///
    /// [`LearnError::TooManyOperations`].
    pub fn of(learners: Vec<Learner>, known: Option<&[Operation]>) -> Result<Self, LearnError> {
        let mut all: Vec<Operation> = match known {
            Some(known) => known.to_vec(),
            None => learners.iter().flat_map(|learner| learner.operations.all()).cloned().collect(),
        };
        all.sort_unstable();
        all.dedup();
        if all.len() > MOST_OPERATIONS || learners.iter().any(|learner| learner.overflows) {
            return Err(too_many(&all));
        }
        let mut numbers = Operations::default();
        for operation in &all {
            numbers.add(operation.clone());
        }
        let mut pass = Self {
            profiles: all.iter().map(|_| OperationProfile::default()).collect(),
            operations: all,
            rows: Rows::default(),
        };
        for mut learner in learners {
            learner.profiler.put_down(&mut learner.profiles);
            let renumbered: Vec<u32> = learner
                .operations
                .all()
                .iter()
                .map(|operation| numbers.known(operation).unwrap_or(NONE))
                .collect();
            for (profile, number) in learner.profiles.into_iter().zip(&renumbered) {
                if let Some(own) = pass.profiles.get_mut(*number as usize) {
                    own.merge(profile);
                }
            }
            pass.rows.take(learner.rows, &renumbered);
        }
        Ok(pass)
    }

    /// The spans of the traces that were kept; none are left.
    pub(crate) fn take_rows(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
    }
}

/// Names the services with most operations.
fn too_many(operations: &[Operation]) -> LearnError {
    let mut by_service: Vec<(usize, &str)> = operations
        .chunk_by(|one, other| one.service == other.service)
        .map(|of| (of.len(), of[0].service.as_deref().unwrap_or("(none)")))
        .collect();
    by_service.sort_by_key(|(number, service)| (std::cmp::Reverse(*number), *service));
    let worst: Vec<String> = by_service.iter().take(3).map(|(_, service)| format!("`{service}`")).collect();
    LearnError::TooManyOperations { limit: MOST_OPERATIONS, example: worst.join(", ") }
}
