//! A rule, as a page tells of it.

use fluo_alerts::reading::gauge::Track;
use fluo_report::model;
use fluo_rules::rule::{Rule, Subject};

/// Returns what a page says of a rule that was judged.
pub(super) fn rule(rule: &Rule, track: Option<Track>) -> model::Rule {
    let held = if rule.hold_for.0 > 0 { format!(", for {}", rule.hold_for) } else { String::new() };
    model::Rule {
        name: rule.name.clone(),
        description: rule.description.clone(),
        severity: rule.severity,
        subject: match rule.subject {
            Subject::Spans(_) => model::Subject::Spans,
            Subject::Traces(_) => model::Subject::Traces,
            Subject::Sql(_) => model::Subject::Query,
        },
        condition: rule.condition.text.clone(),
        window: format!("{}{held}", rule.window),
        judged_to: None,
        error: None,
        track,
    }
}
