//! The windows of each operation, as the engine measures them by the rule that [`probe`] gives.

use std::collections::BTreeMap;

use fluo_time::Nanos;

use crate::operation::Operation;

/// Windows with fewer spans say nothing of a share or a percentile; of shorter windows, half as many do.
const ENOUGH: u64 = 20;

/// The grid step of what is proposed.
pub const EVERY: Nanos = Nanos::MINUTE;

/// Of a shorter past, windows are shorter.
const LONG_PAST: i64 = Nanos::HOUR.0;

/// The window of what is proposed, for a past of some nanoseconds.
pub fn window(past: i64) -> Nanos {
    if past >= LONG_PAST { Nanos(5 * Nanos::MINUTE.0) } else { Nanos::MINUTE }
}

/// A rule that never holds, whose values are what is measured: `count`, `errors` and `p99` by operation.
pub fn probe(window: Nanos) -> String {
    format!(
        "- name: probe\n  span: {{}}\n  window: {window}\n  every: {EVERY}\n  group_by: [service_name, name, kind]\n  \
         group_limit: 1000000\n  aggregation:\n    errors: {{count: {{where: status = error}}}}\n    \
         p99: {{p99: duration}}\n  condition: errors > 10 * count\n"
    )
}

/// The windows of an operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Windows {
    /// Windows with a span.
    pub seen: u64,
    /// Windows with enough spans to say something.
    pub enough: u64,
    /// Most spans of a window.
    pub most: u64,
    /// Fewest spans of a window that has one.
    pub least: u64,
    /// The largest share of failed spans of a window with enough of them.
    pub worst_share: f64,
    /// The number of spans of the window with that share.
    pub worst_of: u64,
    /// The largest 99th percentile of a window with enough spans, in nanoseconds.
    pub slowest: i64,
}

/// All windows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// The length of a window.
    pub window: Nanos,
    /// The number of moments at which windows ended.
    pub moments: u64,
    /// By operation.
    pub windows: BTreeMap<Operation, Windows>,
}

impl Measured {
    /// Nothing is measured yet.
    pub fn new(window: Nanos) -> Self {
        Self { window, moments: 0, windows: BTreeMap::new() }
    }

    /// The number of spans with which a window says something of a share or a percentile.
    pub fn enough(&self) -> u64 {
        if self.window > EVERY { ENOUGH } else { ENOUGH / 2 }
    }

    /// Takes in a window of a group of [`probe`]. Spans without a service are not looked at.
    pub fn add(&mut self, group: &[Option<String>], count: u64, errors: u64, p99: i64) {
        let [service @ Some(_), Some(name), Some(kind)] = group else { return };
        if count == 0 {
            return;
        }
        let enough = self.enough();
        let operation = Operation { service: service.clone(), name: name.clone(), kind: kind.clone() };
        let windows = self.windows.entry(operation).or_default();
        windows.seen += 1;
        windows.most = windows.most.max(count);
        windows.least = if windows.seen == 1 { count } else { windows.least.min(count) };
        if count >= enough {
            windows.enough += 1;
            windows.slowest = windows.slowest.max(p99);
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let share = errors as f64 / count as f64;
            if share > windows.worst_share || windows.worst_of == 0 {
                (windows.worst_share, windows.worst_of) = (share, count);
            }
        }
    }
}
