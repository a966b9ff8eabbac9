//! Durations.

use fluo_time::Nanos;

use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "duration",
    form: Form::Text,
    run: |input| {
        let text = String::from_utf8_lossy(input);
        if let Ok(duration) = Nanos::parse(&text) {
            let shown = duration.to_string();
            assert_eq!(Nanos::parse(&shown), Ok(duration), "`{shown}` is another duration than `{text}`");
        }
    },
    seeds: &[],
    endings: &[],
    examples: &["1m", "1h30m", "-1.5s", "500ms", "1_000us", "292y", "0", "1.000000001s", "106751.99d"],
    words: &["ns", "us", "µs", "ms", "s", "m", "h", "d", "w", "y", ".", "_", "-"],
};
