//! Tables for people: their columns are aligned.

use fluo_alerts::escape;
use fluo_alerts::value::human_duration;
use fluo_alerts::violation::Violation;
use fluo_time::moment;

const HEAD: [&str; 6] = ["STARTED", "ENDED", "SEVERITY", "RULE", "GROUP", "VALUES (PEAK)"];

/// The lines of a table, each with its end.
pub(crate) struct Aligned {
    pub(crate) head: String,
    pub(crate) rows: Vec<String>,
}

/// Aligns a table: its first columns, so many, at the left, and the others, which are numbers, at the right.
pub(crate) fn aligned<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    left: usize,
) -> Aligned {
    let lines: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |at: usize| lines.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[String; N]| {
        let cells = cells.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| {
            if at < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut lines = lines.iter().map(line);
    Aligned { head: lines.next().unwrap_or_default(), rows: lines.collect() }
}

/// One line a violation, and one with its summary and the span that shows it best.
pub(crate) fn violations_table(violations: &[Violation]) -> String {
    if violations.is_empty() {
        return "No violations.\n".to_owned();
    }
    let Aligned { head, rows } = aligned(HEAD, violations.iter().map(row), HEAD.len());
    let mut text = head;
    for (violation, row) in violations.iter().zip(rows) {
        text += &row;
        text += "    ";
        text += &escape::plain(&violation.summary);
        text += "\n";
        text += &evidence(violation);
    }
    text
}

/// The span that shows it best.
fn evidence(violation: &Violation) -> String {
    let Some((first, others)) = violation.evidence.split_first() else { return String::new() };
    let more = if others.is_empty() { String::new() } else { format!(" (and {} more)", others.len()) };
    format!(
        "    evidence: {} of {}, {}, trace {}{more}\n",
        escape::plain(&first.name),
        escape::plain(first.service_name.as_deref().unwrap_or("(no service.name)")),
        human_duration(first.duration_ns.into()),
        first.trace_id,
    )
}

fn row(violation: &Violation) -> [String; 6] {
    let group: Vec<String> = violation
        .group
        .iter()
        .map(|(key, value)| format!("{key}={}", escape::plain(value.as_deref().unwrap_or("(none)"))))
        .collect();
    let values: Vec<String> = violation
        .values
        .iter()
        .zip(&violation.peak)
        .map(|((name, value), (_, peak))| {
            if value == peak {
                format!("{name} = {}", value.human())
            } else {
                format!("{name} = {} ({})", value.human(), peak.human())
            }
        })
        .collect();
    [
        moment::format(violation.starts_at),
        if violation.ongoing { "ongoing".to_owned() } else { moment::format(violation.ends_at) },
        violation.severity.to_string(),
        violation.rule.clone(),
        if group.is_empty() { "-".to_owned() } else { group.join(", ") },
        values.join(", "),
    ]
}
