//! A column of texts, each of which is held once.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::error::ArrowError;

/// The place of a row without a text.
const NOTHING: i32 = -1;

/// The column while its rows come.
#[derive(Default)]
pub(super) struct Dictionary<'s> {
    places: HashMap<&'s str, i32, RandomState>,
    texts: Vec<&'s str>,
    /// The place of each row's text.
    rows: Vec<i32>,
}

impl<'s> Dictionary<'s> {
    /// Adds a row's text; rows between the last one and this have none.
    pub(super) fn append(&mut self, row: usize, text: &'s str) {
        let place = self.place(text);
        self.put(row, place);
    }

    fn put(&mut self, row: usize, place: i32) {
        self.rows.resize(row, NOTHING);
        self.rows.push(place);
    }

    fn place(&mut self, text: &'s str) -> i32 {
        let texts = &mut self.texts;
        *self.places.entry(text).or_insert_with(|| {
            texts.push(text);
            // A batch has fewer rows than that.
            i32::try_from(texts.len() - 1).unwrap_or(i32::MAX)
        })
    }

    /// The column of `rows` rows.
    pub(super) fn finish(mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.rows.resize(rows, NOTHING);
        let present = BooleanBuffer::collect_bool(rows, |row| self.rows[row] != NOTHING);
        let nulls = Some(NullBuffer::new(present)).filter(|nulls| nulls.null_count() > 0);
        for place in &mut self.rows {
            *place = (*place).max(0);
        }
        let places = Int32Array::new(self.rows.into(), nulls);
        Ok(Arc::new(DictionaryArray::try_new(places, Arc::new(StringArray::from_iter_values(self.texts)))?))
    }
}

/// The column of the text of each row, or of none.
pub(super) fn dictionary<'s>(
    texts: impl ExactSizeIterator<Item = Option<&'s str>>,
) -> Result<ArrayRef, ArrowError> {
    let rows = texts.len();
    let mut column = Dictionary::default();
    for (row, text) in texts.enumerate() {
        if let Some(text) = text {
            column.append(row, text);
        }
    }
    column.finish(rows)
}

/// The column of rows that share what has the text: `texts` of all of these, and which of them each row has.
pub(super) fn shared<'s>(
    texts: impl Iterator<Item = Option<&'s str>>,
    rows: &[usize],
) -> Result<ArrayRef, ArrowError> {
    let texts: Vec<Option<&str>> = texts.collect();
    let mut places: Vec<Option<i32>> = vec![None; texts.len()];
    let mut column = Dictionary::default();
    for (row, &of) in rows.iter().enumerate() {
        let Some(text) = texts[of] else { continue };
        let place = match places[of] {
            Some(place) => place,
            None => *places[of].insert(column.place(text)),
        };
        column.put(row, place);
    }
    column.finish(rows.len())
}
