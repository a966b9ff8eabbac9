//! Keys and words of Prometheus, Grafana, Datadog and their like, and what to write here.

use crate::attribute_registry::{Stands, registered};
use crate::diagnostic::Hint;
use crate::keys::Table;

/// Returns what to write for a key of other tools, and for an attribute one level too high.
pub(super) fn elsewhere(table: Table, key: &str) -> Option<Hint> {
    let own = |known: &str| Some(Hint::from(format!("it is called `{known}` here")).instead(known));
    let text = match (table, key) {
        (Table::File, "groups") => Some(
            "this is a file of Prometheus rules, which are about metrics; a rule about spans is `- {name: …, span: {…}, condition: …}`".to_owned(),
        ),
        (Table::Rule, "alert" | "title" | "id" | "record")
        | (Table::Selector, "operation" | "operation_name" | "operationName" | "span_name" | "span.name") => return own("name"),
        (Table::Rule, "expr" | "query" | "expression") => Some(
            "which spans it is about is `span:`, and when it is violated `condition:`, such as `count > 5`".to_owned(),
        ),
        (Table::Rule, "threshold") => Some("the threshold stands in `condition:`, such as `count > 5`".to_owned()),
        (Table::Rule, "interval" | "step") => return own("every"),
        (Table::Rule, "summary" | "runbook" | "runbook_url" | "message") => Some(format!("it is one of the `annotations: {{{key}: …}}`")),
        (Table::Rule, "filter" | "filters" | "match" | "selector" | "spans") => return own("span"),
        (Table::Rule, "groupBy" | "by" | "group") => return own("group_by"),
        (Table::Trace, key) if Table::Rule.key(key).is_some() => {
            Some(format!("`{key}` is a key of the rule, and stands beside `trace`"))
        }
        (Table::Selector | Table::Step, "service" | "serviceName" | "service.name") => return own("service_name"),
        (Table::Selector, "tags" | "attrs" | "attribute") => return own("attributes"),
        (Table::Selector, "resources" | "resource_attributes") => return own("resource"),
        (Table::Selector, "status_code" | "statusCode" | "otel.status_code") => Some(
            "the span's status is `status: error`; a code of HTTP is `attributes: {http.response.status_code: 500}`".to_owned(),
        ),
        (Table::Selector, "error") => Some("write `status: error`".to_owned()),
        (Table::Selector, "min_duration" | "minDuration") => Some("write `duration: {gte: …}`".to_owned()),
        (Table::Selector, "max_duration" | "maxDuration") => Some("write `duration: {lte: …}`".to_owned()),
        (Table::Selector, "duration_ms" | "durationMs" | "duration_ns" | "latency") => {
            Some("durations have their unit: `duration: {gt: 500ms}`".to_owned())
        }
        (Table::Selector, key) if key.contains('.') => {
            let is_resource = registered(key).is_some_and(|known| known.stands == Stands::Resource);
            let map = if is_resource { "resource" } else { "attributes" };
            Some(format!("attributes stand under `{map}:`: `{map}: {{{key}: …}}`"))
        }
        (Table::Levels, word) => return word_elsewhere("severity", word).and_then(own),
        (Table::Operators, "regex" | "regexp" | "re" | "pattern" | "like" | "match") => return own("matches"),
        (Table::Operators, "equals" | "equal" | "is" | "=" | "==") => return own("eq"),
        (Table::Operators, "not" | "neq" | "!=" | "not_equals") => return own("ne"),
        (Table::Operators, ">" | "min" | "above") => return own("gt"),
        (Table::Operators, ">=" | "ge") => return own("gte"),
        (Table::Operators, "<" | "max" | "below") => return own("lt"),
        (Table::Operators, "<=" | "le") => return own("lte"),
        (Table::Operators, "prefix" | "startsWith") => return own("starts_with"),
        (Table::Operators, "suffix" | "endsWith") => return own("ends_with"),
        (Table::Operators, "any_of" | "one_of") => return own("in"),
        (Table::Aggregate, "quantile") => Some("write `{p95: duration}`, or `{percentile: {of: duration, p: 95}}`".to_owned()),
        (Table::Aggregate, "mean" | "average") => return own("avg"),
        (Table::Aggregate, "distinct" | "unique") => return own("count_distinct"),
        (Table::Aggregate, "filter") => return own("where"),
        _ => None,
    };
    text.map(Hint::from)
}

/// The word that another tool's word for a severity stands for.
pub(super) fn word_elsewhere(key: &str, word: &str) -> Option<&'static str> {
    match (key, word.to_lowercase().as_str()) {
        ("severity", "page" | "high" | "error" | "fatal" | "emergency" | "p1" | "sev1") => Some("critical"),
        ("severity", "ticket" | "medium" | "warn" | "p2" | "sev2") => Some("warning"),
        ("severity", "low" | "none" | "debug" | "notice" | "p3" | "sev3") => Some("info"),
        _ => None,
    }
}
