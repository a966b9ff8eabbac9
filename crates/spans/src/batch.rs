//! Spans to Arrow record batches and back, without loss.
//!
//! [`to_batch`] gives the columns of [`crate::schema::span_schema`]; [`from_batch`] reads a batch of any
//! layout, also one that a query engine has passed through (plain or view text instead of dictionaries).
//! For every span and layout, `from_batch(to_batch(spans)) == spans`. A promoted key is in its column and
//! nowhere else.

mod dictionary;
mod from_arrow;
mod to_arrow;

use arrow::error::ArrowError;

pub use from_arrow::from_batch;
pub use to_arrow::{text_bytes, to_batch, to_batch_each};

/// The reasons why spans could not be turned into a batch, or a batch into spans.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Occurs when the text of the spans of one batch exceeds what 32-bit offsets can address: give fewer
    /// spans at once.
    #[error("{bytes} bytes of text in one batch, of which there may be at most {}", i32::MAX)]
    TooLarge {
        /// Bytes of text, see [`text_bytes`].
        bytes: usize,
    },
    /// Occurs when a column is named as those of promoted attributes are, and neither its own metadata nor
    /// the schema's says of which key.
    #[error("column `{column}` does not say of which attribute it is")]
    UnknownKey {
        /// Its name.
        column: String,
    },
    /// Occurs when a column of the schema or of the layout is not there.
    #[error("column `{column}` is missing")]
    MissingColumn {
        /// Its name.
        column: String,
    },
    /// Occurs when a column has a type that does not convert to the schema's.
    #[error("column `{column}` is of an unexpected type: {found}")]
    UnexpectedType {
        /// Its name.
        column: String,
        /// Its type.
        found: String,
    },
    /// Occurs when a column that must not be null is.
    #[error("column `{column}` is null in row {row}")]
    Null {
        /// Its name.
        column: String,
        /// The row, from 0.
        row: usize,
    },
    /// Occurs when a kind or status is none that OTLP defines.
    #[error("column `{column}` holds {value:?}")]
    UnknownValue {
        /// Its name.
        column: String,
        /// The value that it holds.
        value: String,
    },
    /// Occurs when Arrow refuses an array.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

#[cfg(test)]
mod tests;
