//! Violations as an aligned table for people.

use fluo_alerts::escape;
use fluo_alerts::value::human_duration;
use fluo_alerts::violation::Violation;
use fluo_time::moment;

const HEAD: [&str; 6] = ["STARTED", "ENDED", "SEVERITY", "RULE", "GROUP", "VALUES (PEAK)"];

/// One line a violation, and one with its summary and the span that shows it best.
pub(crate) fn violations_table(violations: &[Violation]) -> String {
    if violations.is_empty() {
        return "No violations.\n".to_owned();
    }
    let rows: Vec<[String; 6]> = violations.iter().map(row).collect();
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).chain([HEAD[at].len()]).max().unwrap_or(0))
        .collect();
    let line = |cells: &[String]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&HEAD.map(str::to_owned));
    for (violation, row) in violations.iter().zip(&rows) {
        text += &line(row);
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
