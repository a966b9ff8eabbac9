//! Rows that may be copies of one another, set apart until all are there.
//!
//! Of copies that agree in what the rules need, any counts. Where they differ, a rule sees the copies that it selects, and
//! of these the one whose content hash is smallest counts: a copy that is sent on purpose hides no other from a rule that
//! looks for it.

use std::collections::BTreeSet;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{concat_batches, take, take_record_batch};
use arrow::datatypes::Int32Type;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::prelude::SessionContext;
use hashbrown::HashSet;

use super::program::Program;
use crate::copies::{Copies, Name};
use crate::error::EngineError;
use crate::rows::index;
use crate::truth::Truth;

/// Rows of one layout that a thread has set apart.
pub(super) struct Apart {
    batches: Vec<RecordBatch>,
    reservation: MemoryReservation,
}

/// All rows of one layout that were set apart.
pub(super) struct Settled {
    batch: RecordBatch,
    /// The first row of each span.
    firsts: Vec<(u32, Name)>,
    /// Ends of rows besides these.
    others: Vec<i64>,
    /// Ends of spans whose copies differ.
    differ: BTreeSet<i64>,
}

impl Apart {
    pub(super) fn none(session: &SessionContext) -> Self {
        let pool = &session.runtime_env().memory_pool;
        Self { batches: Vec::new(), reservation: MemoryConsumer::new("copies of spans").register(pool) }
    }

    /// Sets rows of a batch apart.
    pub(super) fn add(&mut self, batch: &RecordBatch, rows: &Truth) -> Result<(), EngineError> {
        let rows: UInt32Array = rows.rows(0, batch.num_rows()).into_iter().map(index).collect();
        let apart = take_record_batch(batch, &rows)?;
        self.reservation.try_grow(apart.columns().iter().map(own_bytes).sum())?;
        self.batches.push(apart);
        Ok(())
    }
}

/// Bytes of a column, but for texts that other batches hold as well.
fn own_bytes(column: &ArrayRef) -> usize {
    match column.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) => dictionary.keys().get_array_memory_size(),
        None => column.get_array_memory_size(),
    }
}

impl Settled {
    /// Looks at all rows of a layout that threads have set apart; `None` where there is none.
    pub(super) fn of(
        copies: &Copies,
        program: &Program,
        apart: &[&Apart],
    ) -> Result<Option<Self>, EngineError> {
        let batches = || apart.iter().flat_map(|apart| &apart.batches);
        if batches().next().is_none() {
            return Ok(None);
        }
        let batch = concat_batches(&program.columns.schema, batches())?;
        let ends = program.ends(&batch)?;
        let names = copies.names(&batch, ends)?;
        let mut order: Vec<u32> = (0..index(names.len())).collect();
        let name = |row: u32| &names[row as usize];
        order.sort_by_key(|row| name(*row));
        let (mut firsts, mut others) = (Vec::new(), Vec::new());
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for same in order.chunk_by(|one, other| name(*one) == name(*other)) {
            let Some((first, more)) = same.split_first() else { continue };
            let name = *name(*first);
            firsts.push((*first, name));
            others.extend(more.iter().map(|_| name.0));
            left.extend(more.iter().map(|_| *first));
            right.extend_from_slice(more);
        }
        let differ = different(&batch, &UInt32Array::from(left), &UInt32Array::from(right))?;
        let differ = others.iter().zip(differ).filter(|(_, differ)| *differ).map(|(end, _)| *end).collect();
        Ok(Some(Self { batch, firsts, others, differ }))
    }

    /// Ends of spans of which not any copy counts: they differ, or lie in several layouts.
    pub(super) fn contested<'a>(all: impl Iterator<Item = &'a Self>) -> HashSet<i64> {
        let (mut contested, mut elsewhere) = (HashSet::new(), HashSet::new());
        for settled in all {
            contested.extend(&settled.differ);
            let names = || settled.firsts.iter().map(|(_, name)| *name);
            contested.extend(names().filter(|name| elsewhere.contains(name)).map(|(end, _)| end));
            elsewhere.extend(names());
        }
        contested
    }

    /// One row of each span but of those that end at a contested moment, and how many others are copies of them.
    pub(super) fn uncontested(&self, contested: &HashSet<i64>) -> Result<(RecordBatch, u64), EngineError> {
        let firsts = self.firsts.iter().filter(|(_, (end, _))| !contested.contains(end));
        let firsts: UInt32Array = firsts.map(|(row, _)| *row).collect();
        let others = self.others.iter().filter(|end| !contested.contains(*end)).count();
        Ok((take_record_batch(&self.batch, &firsts)?, others as u64))
    }
}

/// Returns whether the rows `left` and `right` differ, pair by pair.
fn different(batch: &RecordBatch, left: &UInt32Array, right: &UInt32Array) -> Result<Vec<bool>, EngineError> {
    let mut differ = vec![false; left.len()];
    for column in batch.columns() {
        let (left, right) = (take(column, left, None)?, take(column, right, None)?);
        if column.data_type().is_nested() {
            for (row, differ) in differ.iter_mut().enumerate() {
                *differ |= left.slice(row, 1) != right.slice(row, 1);
            }
        } else {
            let same = not_distinct(&left, &right)?;
            for (same, differ) in same.values().iter().zip(&mut differ) {
                *differ |= !same;
            }
        }
    }
    Ok(differ)
}
