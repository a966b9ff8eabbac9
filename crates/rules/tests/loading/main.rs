//! Rule files through the loader and out again: what loads, what does not and how it is told, what happens to
//! hostile bytes, and that the JSON Schema knows what the loader knows.
#![allow(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "test files are small and read better built so"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod bad;
mod formats;
mod good;
mod hostile;
mod library;
mod limits;
mod manual;
mod schema;
mod slo;
mod sql;
mod standalone;
mod traces;
mod unread;

use fluo_rules::{Loaded, SourceFile, load};

/// Loads one file called `rules.yml`.
fn load_text(text: &str) -> Loaded {
    load(&[SourceFile::new("rules.yml", text)])
}
