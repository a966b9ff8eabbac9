//! The log lines of programs: lines of JSON, the same wherever they run.

use fluo_rules::json::to_string;
use serde_json::{Value, json};

use fluo_time::moment;

/// The importance of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something was done.
    Info,
    /// Something was odd, and done all the same.
    Warning,
    /// Something was not done.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A line; `fields` is an object, or null. `at`: nanoseconds since the epoch.
pub fn line(level: Level, at: i64, message: &str, fields: Value) -> Value {
    let mut line = json!({"level": level.as_str(), "at": moment::format(at), "message": message});
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields);
    }
    line
}

/// Returns a line as it is written, without its line break.
pub fn written(line: &Value) -> String {
    // A value has a JSON form always; if it had not, better a reason than no line.
    to_string(line).unwrap_or_else(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_and_how_much_it_matters() {
        let line =
            line(Level::Error, 1_795_345_575_250_000_000, "not read", json!({"object": "raw/a\nb\u{9b}"}));
        assert_eq!(
            written(&line),
            r#"{"at":"2026-11-22T11:06:15.250Z","level":"error","message":"not read","object":"raw/a\nb\u009b"}"#
        );
    }
}
