//! Queries over the spans of a window.
//!
//! ```text
//! columns  a batch of stored spans ─▶ the columns of the table `spans` that the query reads
//! spans    a source, some times    ─▶ these of all spans that ended then, each once, by end and id
//! table    those of one window     ─▶ the table that the plan reads
//! ask      a query, a window       ─▶ its rows
//! ```
//!
//! A query runs on one thread over rows in one order, so that sums of fractions, ties and `LIMIT` come out the same
//! wherever it runs. It has a session of its own, which knows no other table and writes no files.

pub(crate) mod ask;
mod columns;
pub(crate) mod rows;
pub(crate) mod spans;
mod table;
