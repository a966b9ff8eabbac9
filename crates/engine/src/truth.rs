//! A truth about each row of a batch.

use arrow::buffer::BooleanBuffer;

/// For which rows something is true.
#[derive(Debug, Clone)]
pub(crate) enum Truth {
    All,
    None,
    Some(BooleanBuffer),
}

impl Truth {
    /// Both.
    pub(crate) fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, other) => other.clone(),
            (own, Self::All) => own,
            (Self::Some(left), Self::Some(right)) => Self::of(&left & right),
        }
    }

    /// Any.
    pub(crate) fn or(self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::None, other) => other.clone(),
            (own, Self::None) => own,
            (Self::Some(left), Self::Some(right)) => Self::of(&left | right),
        }
    }

    /// A bit for each of so many rows.
    pub(crate) fn into_buffer(self, rows: usize) -> BooleanBuffer {
        match self {
            Self::All => BooleanBuffer::new_set(rows),
            Self::None => BooleanBuffer::new_unset(rows),
            Self::Some(rows) => rows,
        }
    }

    pub(crate) fn of(rows: BooleanBuffer) -> Self {
        match rows.count_set_bits() {
            0 => Self::None,
            all if all == rows.len() => Self::All,
            _ => Self::Some(rows),
        }
    }

    /// Those for which `is` returns true.
    pub(crate) fn by_row(rows: usize, is: impl FnMut(usize) -> bool) -> Self {
        Self::of(BooleanBuffer::collect_bool(rows, is))
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(crate) fn is(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Some(rows) => rows.value(row),
        }
    }

    /// For how many of these rows it is true.
    pub(crate) fn count(&self, start: usize, end: usize) -> usize {
        match self {
            Self::All => end - start,
            Self::None => 0,
            Self::Some(rows) => rows.slice(start, end - start).count_set_bits(),
        }
    }

    /// The rows of these for which it is true.
    pub(crate) fn rows(&self, start: usize, end: usize) -> Vec<usize> {
        match self {
            Self::All => (start..end).collect(),
            Self::None => Vec::new(),
            Self::Some(rows) => rows.slice(start, end - start).set_indices().map(|at| start + at).collect(),
        }
    }
}
