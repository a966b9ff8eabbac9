//! Rules: what people write down, read and checked.
//!
//! | stage | from | to | where |
//! | --- | --- | --- | --- |
//! | select | paths | those that are rule files | [`files`] |
//! | read | bytes | nodes with places | `yaml` |
//! | tables | files, bytes | those that they name; cells with places | [`tables`], `table_file` |
//! | merge | nodes, `defaults` | one node a rule | `defaults` |
//! | check | nodes | checked [`Rule`](rule::Rule)s and findings | `check`, [`expr`], [`template`] |
//! | check queries | the text of `sql` | columns of its rows, what it reads, and findings | [`sql`] |
//! | compare | rules of all files | unique names | [`load`](mod@load) |
//! | keep | a [`Rule`](rule::Rule) | a text that loads by itself | [`standalone`](mod@standalone), its hash [`decisive`] |
//! | test | bytes | checked [`Test`](test_file::Test)s and findings | [`test_file`] |
//! | silence | bytes | checked [`Silence`](silence::Silence)s and findings | [`silence`] |
//! | configure | bytes | a document whose values are what their keys take, and findings | [`config`] |
//! | expect | the keys that lead to a place | what may stand there | [`expected`](mod@expected) |
//! | advise | a finding, its file | the edit that its hint asks for | [`hint`] |
//! | show | findings | text, JSON, SARIF, workflow commands | [`render`], [`printable`], [`mod@json`] |
//!
//! Everything behind this crate reads [`rule::Rule`] and nothing else. Everything a person is told is a
//! [`diagnostic::Finding`] with a stable [`code::Code`]; [`load()`] finds all mistakes of all files in one run.
//! The keys of all these files stand in one table, which the loaders and the JSON Schemas ([`schema`](mod@schema)) share.
//!
//! This crate is pure: bytes in, values out; no file, no clock, no environment.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod attribute_registry;
mod check;
mod defaults;
mod document;
mod keys;
mod source_file;
mod table_file;
mod yaml;

pub mod code;
pub mod comparison;
pub mod condition;
pub mod config;
pub mod decisive;
pub mod diagnostic;
pub mod expected;
pub mod expr;
pub mod field;
pub mod files;
pub mod hint;
mod inhibition;
pub mod json;
pub mod limits;
pub mod load;
pub mod matcher;
pub mod objective;
pub mod position;
pub mod printable;
pub mod render;
pub mod rule;
pub mod schema;
pub mod silence;
pub mod sql;
pub mod standalone;
pub mod tables;
pub mod template;
pub mod test_file;
pub mod trace;
pub mod words;

pub use attribute_registry::is_registered;
pub use expr::nearest::nearest;
pub use load::{Loaded, load};
pub use source_file::SourceFile;
pub use standalone::standalone;
pub use tables::tables_named;
pub use yaml::as_scalar;
