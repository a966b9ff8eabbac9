//! Functions over spans that SQL has no word for: each compares an attribute's text by meaning.
//!
//! They exist because "values compare by meaning" (a text may be an integer, a number, an array) is one decision a
//! value, taken once for each distinct text of a batch. The printed SQL says the same in SQL's own words.

mod events;
mod numbers;
mod text_column;
mod value_test;

pub(crate) use events::{EventValue, event_test, event_values};
pub(crate) use numbers::{Compared, compare_values, number_of};
pub(crate) use value_test::{Compiled, ValueTest};
