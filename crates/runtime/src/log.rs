//! The log of a function: lines of JSON on standard output, which Lambda writes to its log group.

use std::io::Write;

pub use fluo_alerts::log::Level;
use serde_json::Value;

/// Writes a line; `fields` is an object. `at`: nanoseconds since the epoch.
pub fn line(level: Level, at: i64, message: &str, fields: Value) {
    write(&fluo_alerts::log::line(level, at, message, fields));
}

/// One line, in one write, so that those of two tasks do not mix.
pub(crate) fn write(line: &Value) {
    let mut text = fluo_alerts::log::written(line);
    text.push('\n');
    // Where nobody takes the log, the work is done all the same.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
