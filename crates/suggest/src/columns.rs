//! Columns of a batch of spans, in the types that stored spans have.

use arrow::array::{
    Array, ArrowPrimitiveType, AsArray, FixedSizeBinaryArray, Int32Array, MapArray, RecordBatch, StringArray,
};
use arrow::datatypes::{Int32Type, TimestampNanosecondType};

use crate::error::LearnError;

fn missing(name: &str) -> LearnError {
    LearnError::Column(name.to_owned())
}

/// Texts by dictionary.
pub(crate) struct Texts<'a> {
    pub(crate) keys: &'a Int32Array,
    values: &'a StringArray,
}

impl<'a> Texts<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, LearnError> {
        let column = batch.column_by_name(name).ok_or_else(|| missing(name))?;
        Self::in_column(column.as_ref()).ok_or_else(|| missing(name))
    }

    fn in_column(column: &'a dyn Array) -> Option<Self> {
        let dictionary = column.as_dictionary_opt::<Int32Type>()?;
        Some(Self { keys: dictionary.keys(), values: dictionary.values().as_string_opt::<i32>()? })
    }

    /// The place of a row's text among the different ones; none where it has none.
    pub(crate) fn key(&self, row: usize) -> Option<usize> {
        let key = self.keys.is_valid(row).then(|| usize::try_from(self.keys.value(row)).ok())??;
        self.values.is_valid(key).then_some(key)
    }

    pub(crate) fn at(&self, key: usize) -> &'a str {
        self.values.value(key)
    }
}

/// A column of ids.
pub(crate) fn ids<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a FixedSizeBinaryArray, LearnError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_fixed_size_binary_opt());
    column.ok_or_else(|| missing(name))
}

/// The id in a row; zeros where there is none.
pub(crate) fn id<const BYTES: usize>(ids: &FixedSizeBinaryArray, row: usize) -> [u8; BYTES] {
    if ids.is_null(row) {
        return [0; BYTES];
    }
    ids.value(row).try_into().unwrap_or([0; BYTES])
}

/// A column of numbers.
pub(crate) fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [T::Native], LearnError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    Ok(column.ok_or_else(|| missing(name))?.values())
}

/// A column of moments, in nanoseconds since the epoch.
pub(crate) fn times<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64], LearnError> {
    numbers::<TimestampNanosecondType>(batch, name)
}

/// Maps of attributes.
pub(crate) struct Maps<'a> {
    map: &'a MapArray,
    keys: &'a StringArray,
    values: &'a StringArray,
}

impl<'a> Maps<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, LearnError> {
        let column = batch.column_by_name(name).ok_or_else(|| missing(name))?;
        Self::in_column(column.as_ref()).ok_or_else(|| missing(name))
    }

    pub(crate) fn in_column(column: &'a dyn Array) -> Option<Self> {
        let map = column.as_map_opt()?;
        let (keys, values) = (map.keys().as_string_opt::<i32>()?, map.values().as_string_opt::<i32>()?);
        Some(Self { map, keys, values })
    }

    /// The attributes of a row.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (keys, values) = (self.keys, self.values);
        let entry = |offset: i32| usize::try_from(offset).unwrap_or(0);
        let offsets = self.map.value_offsets();
        let range = if self.map.is_valid(row) { entry(offsets[row])..entry(offsets[row + 1]) } else { 0..0 };
        range.map(move |at| (keys.value(at), if values.is_valid(at) { values.value(at) } else { "" }))
    }
}
