//! The figures of `fluo check --spans` for people: what each rule is about, how often it fired, what it reads.

use std::fmt::Write as _;

use fluo_rules::printable;

use super::reality::Activity;
use crate::table::{Aligned, aligned};

const HEAD: [&str; 6] = ["RULE", "SPANS", "FIRED", "HELD", "READS", "FILES"];

/// One line a rule, aligned; nothing without rules.
pub(super) fn table(activity: &[Activity]) -> String {
    if activity.is_empty() {
        return String::new();
    }
    let Aligned { head, rows } = aligned(HEAD, activity.iter().map(row), 1);
    let mut text = head + &rows.concat();
    let idle = activity.iter().filter(|activity| activity.spans == Some(0)).count();
    if idle > 0 {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{idle} of {} rules are about no span that is stored.", activity.len());
    }
    text
}

fn row(activity: &Activity) -> [String; 6] {
    let unknown = || "?".to_owned();
    let reads = activity.reads;
    // A query reads what it names, and what of that is not looked into.
    let is_query = activity.spans.is_none();
    [
        printable::line(&activity.rule),
        activity.spans.map_or_else(unknown, |spans| spans.to_string()),
        activity.fired.map_or_else(unknown, |fired| fired.to_string()),
        format!("{:.1} %", activity.held * 100.0),
        if is_query { unknown() } else { format!("{} rows, {}", reads.rows, bytes(reads.bytes)) },
        if is_query { unknown() } else { format!("{} of {}", reads.files, reads.of_files) },
    ]
}

/// `1.2 MB`
fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let unit = UNITS.iter().find(|(size, _)| bytes >= *size);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(size, unit)| {
            let tenths = bytes * 10 / size;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        },
    )
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn bytes_for_people() {
        let cases =
            [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1_250_000, "1.2 MB"), (3_000_000_000, "3.0 GB")];
        for (number, expected) in cases {
            assert_eq!(bytes(number), expected);
        }
    }
}
