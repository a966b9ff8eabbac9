//! A progress bar on standard error, for commands that take longer than a second on a terminal.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter work is over before anybody wonders.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes done of bytes to do, spans so far, and the time left.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    spans: u64,
}

impl Progress {
    /// Work of so many bytes; `verb` says what is done with them.
    pub(crate) fn new(verb: &'static str, bytes: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
        // A template that does not parse would be a mistake in this file; the plain bar does as well.
        let style =
            ProgressStyle::with_template("{prefix} {bar:30} {bytes}/{total_bytes}, {msg}, {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: bar.with_style(style).with_prefix(verb), started: Instant::now(), spans: 0 }
    }

    /// So many bytes more are done, with so many spans in them.
    pub(crate) fn add(&mut self, bytes: u64, spans: u64) {
        if self.bar.is_hidden() && io::stderr().is_terminal() && self.started.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.spans += spans;
        self.bar.set_message(format!("{} spans", self.spans));
        self.bar.inc(bytes);
    }
}

impl Drop for Progress {
    /// Leaves no trace of the bar, also when the work failed.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
