//! A rule in words: what it selects, how it is judged, and what it reads.

mod objective;
mod trace;

use fluo_rules::expr::{EarlierFunction, Total};
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::limits::RowKey;
use fluo_rules::rule::{AggregateFunction, Conventions, GroupKey, Rule, Sampling, Subject};
use fluo_rules::sql::Unit;
use fluo_rules::trace::TraceRule;
use fluo_rules::words::selector;
use fluo_spans::layout::{AttributeScope, Layout};
use fluo_time::Nanos;

use crate::direction::{Judging, Reason};
use crate::fields::Fields;
use crate::form::Form;
use crate::reads::keys_read;
use crate::rule_plan::RulePlan;

/// The rule in words, for files laid out as `layout` says.
pub fn words(plan: &RulePlan, layout: &Layout) -> String {
    let rule = plan.rule();
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let severities: Vec<&str> =
        rule.condition.levels().map(|level| rule.severity_of(level).as_str()).collect();
    line(&format!("{} ({})", rule.name, severities.join(", ")));
    if let Some(description) = &rule.description {
        line(description.trim_end());
    }
    line("");
    match &rule.subject {
        Subject::Spans(spans) => line(&format!("Selects   {}", selector(spans))),
        Subject::Sql(query) => {
            line("Asks      of the spans of each window");
            query.text.trim().lines().for_each(|text| line(&format!("          {text}")));
        }
        Subject::Traces(traces) => trace::lines(traces).iter().for_each(|text| line(text)),
    }
    let over = if rule.group_by.is_empty() {
        String::new()
    } else {
        let keys: Vec<&str> = rule.group_by.iter().map(|group| group.key.as_str()).collect();
        format!(", for each {}", keys.join(", "))
    };
    if let Some(objective) = rule.objective() {
        for text in objective::lines(objective) {
            line(&text);
        }
    }
    line(&format!("Window    {}, (t - {}, t]{over}", rule.window, rule.window));
    for aggregate in &rule.aggregates {
        let filter = aggregate.filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default();
        line(&format!("Computes  {} = {}{filter}", aggregate.name, function(&aggregate.function)));
    }
    if rule.sampling == Sampling::Adjusted {
        line(
            "Counts    each span as often as sampling kept one in so many: by `ot=th:…` of its trace state,",
        );
        line("          once where that says nothing (count_distinct, min and max take each once)");
    }
    for text in limits(rule) {
        line(&text);
    }
    for call in plan.calls() {
        line(&format!("Recalls   {} = {}", call.name, earlier(rule, &call.function)));
    }
    if rule.objective().is_some() {
        line("          (before the first span of the store, nothing counts as failed)");
    } else if !plan.calls().is_empty() {
        line("          (no value where that begins before the first span of the store)");
    }
    for (at, level) in rule.condition.levels().enumerate() {
        let when = if at == 0 { "Violated  when" } else { "          or when" };
        let severity = level.severity.map(|severity| format!(" ({severity})")).unwrap_or_default();
        line(&format!("{when} {}{severity}", level.condition.text));
    }
    if let Some(resolve) = &rule.condition.resolve {
        line(&format!("Over      when {}, and no sooner", resolve.text));
    }
    match plan.judging() {
        Judging::Exact if rule.trace().is_some_and(TraceRule::is_across) => {
            line("Reported  for every occasion that breaks a demand.");
        }
        Judging::Exact if rule.trace().is_some() => {
            line("Reported  at the end of every trace that breaks a demand.");
        }
        Judging::Exact => {
            line("Judged    at the end of every matching span, and reported at once:");
            line("          no span that arrives later can make the condition false again.");
        }
        Judging::Grid(reason) => {
            let settle = rule.waits();
            let when = if rule.kin.is_some() { format!("{settle} after") } else { "at".to_owned() };
            line(&format!("Judged    every {}, and reported {when} the watermark:", rule.grid_step()));
            let because = match rule.objective() {
                Some(_) => "an error budget burns more or less with every span".to_owned(),
                None => why(reason),
            };
            line(&format!("          {because}."));
        }
    }
    if let Some(kin) = rule.kin {
        line(&format!(
            "Looks for parents and children that ended at most {} before or after a span;",
            kin.within
        ));
        line("          one that arrives later opens the windows of the span again.");
    }
    line(&format!("Joined    moments at most {} apart are one violation", plan.gap()));
    let fields = Fields::of(rule, &[], layout, Form::Functions);
    for field in keys_read(rule) {
        line(&format!("Reads     {}", place(&fields, &field)));
    }
    if rule.conventions == Conventions::Exact {
        line("          (other spellings of the semantic conventions do not count)");
    }
    for shown in shown(rule) {
        line(&shown);
    }
    text
}

/// The largest number of rows of limits that are shown.
const ROWS: usize = 10;

/// Returns the lines that say which limits each group has.
fn limits(rule: &Rule) -> Vec<String> {
    let Some(limits) = &rule.limits else { return Vec::new() };
    let names: Vec<&str> = limits.names().iter().map(|limit| limit.name.as_str()).collect();
    let mut lines =
        vec![format!("Limits    {}, of the first of these rows that is for the group:", names.join(", "))];
    for row in limits.rows().iter().take(ROWS) {
        let keys = rule.group_by.iter().zip(&row.keys).filter_map(|(key, of_row)| match of_row {
            RowKey::Any => None,
            RowKey::Is(value) => Some(format!("{} = {}", key.key, value.as_deref().unwrap_or("(none)"))),
        });
        let keys: Vec<String> = keys.collect();
        let groups = if keys.is_empty() { "all others".to_owned() } else { keys.join(", ") };
        let values = limits.names().iter().zip(&row.values);
        let values: Vec<String> = values
            .map(|(limit, value)| {
                let value = value.as_ref().map_or_else(|| "no value".to_owned(), ToString::to_string);
                format!("{} {value}", limit.key())
            })
            .collect();
        lines.push(format!("          {groups}: {}", values.join(", ")));
    }
    if let Some(more) = limits.rows().len().checked_sub(ROWS).filter(|more| *more > 0) {
        lines.push(format!("          and {more} more"));
    }
    if !limits.is_for_all() {
        lines.push("          (a group without a row is not judged)".to_owned());
    }
    lines
}

/// Returns the lines that say which values leave the store because the rule asks for them, and which never do.
fn shown(rule: &Rule) -> Vec<String> {
    let listed = |keys: &[GroupKey]| keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>().join(", ");
    let evidence = &rule.evidence;
    let mut lines = Vec::new();
    let of_evidence = match (evidence.keys.as_slice(), evidence.only) {
        ([], false) => None,
        ([], true) => Some("nothing but what it reads".to_owned()),
        (keys, true) => Some(format!("besides what it reads, {} only", listed(keys))),
        (keys, false) => Some(format!("besides the usual, {}", listed(keys))),
    };
    lines.extend(of_evidence.map(|what| format!("Shows     in evidence {what}")));
    if !rule.top.is_empty() {
        lines.push(format!("Names     the commonest {}", listed(&rule.top)));
    }
    if !rule.redact.is_empty() {
        lines.push(format!("Hides     {}", rule.redact.join(", ")));
    }
    lines
}

fn why(reason: &Reason) -> String {
    match reason {
        Reason::Every => "the rule says `every`".to_owned(),
        Reason::Sql => "nobody knows what spans that arrive later do to a query".to_owned(),
        Reason::Kin => "a span's parent and children may arrive after it".to_owned(),
        Reason::For => "the rule says `for`, which counts evaluations that are due".to_owned(),
        Reason::Condition { part, because } => format!("in `{part}`, {because}"),
    }
}

/// A field, and the columns and map entries where it is looked up.
fn place(fields: &Fields<'_>, field: &Field) -> String {
    let Field::Attribute { scope, key } = field else {
        return match field {
            Field::Parent(of_parent) => {
                let own = place(fields, of_parent);
                let (_, places) = own.split_once(": ").unwrap_or(("", &own));
                format!("{field}: of the parent, {places}")
            }
            Field::Intrinsic(Intrinsic::SelfTime) => {
                format!("{field}: duration less the times of its children")
            }
            _ => format!("{field}: column"),
        };
    };
    let spellings = fields.spellings(*scope, key);
    let one = |key: &String| match scope {
        Scope::Span | Scope::Either => match fields.layout.column(AttributeScope::Span, key) {
            Some(column) => format!("{key} (column {column})"),
            None => format!("{key} (map attributes)"),
        },
        Scope::Resource => match fields.layout.column(AttributeScope::Resource, key) {
            Some(column) => format!("{key} (column {column})"),
            None => format!("{key} (map resource_attributes)"),
        },
        Scope::Scope => format!("{key} (map scope_attributes)"),
        Scope::Event => format!("{key} (events)"),
        Scope::Link => format!("{key} (links)"),
    };
    let mut text = format!("{field}: {}", spellings.iter().map(one).collect::<Vec<_>>().join(", else "));
    if *scope == Scope::Either {
        text.push_str(", else the same of the resource");
    }
    text
}

fn function(function: &AggregateFunction) -> String {
    match function {
        AggregateFunction::Count => "number of spans".to_owned(),
        AggregateFunction::Column(unit) => {
            let what = match unit {
                Unit::Text => "a text",
                Unit::Number => "a number",
                Unit::Duration => "a duration",
                Unit::Moment => "a moment",
            };
            format!("{what} of the row")
        }
        AggregateFunction::CountDistinct(field) => format!("number of different values of {field}"),
        AggregateFunction::Sum(field) => format!("sum of {field}"),
        AggregateFunction::Avg(field) => format!("mean of {field}"),
        AggregateFunction::Min(field) => format!("smallest {field}"),
        AggregateFunction::Max(field) => format!("largest {field}"),
        AggregateFunction::Stddev(field) => format!("standard deviation of {field}"),
        AggregateFunction::Percentile { of, p } => format!("percentile {p} of {of}"),
        AggregateFunction::Rate { per } => format!("spans per {per}"),
    }
}

/// A value that is made of earlier windows.
fn earlier(rule: &Rule, function: &EarlierFunction) -> String {
    let windows = |past: &Nanos| format!("{} windows of the last {past}", past.0 / rule.window.0);
    // What a group is seen by.
    let row = if rule.trace().is_some() { "violation" } else { "span" };
    match function {
        EarlierFunction::Previous { of, windows: 1 } => format!("{of} over the window before"),
        EarlierFunction::Previous { of, windows } => format!("{of} over the window {windows} before"),
        EarlierFunction::Offset { of, by } => format!("{of} over the window that ended {by} before"),
        EarlierFunction::Over { total, of, past } => {
            let what = match total {
                Total::Avg => "mean",
                Total::Min => "smallest",
                Total::Max => "largest",
                Total::Sum => "sum",
                Total::Stddev => "standard deviation",
                Total::Median => "median",
            };
            format!("{what} of {of} over the {} before this one", windows(past))
        }
        EarlierFunction::ZScore { of, past } => {
            format!("how many standard deviations {of} is above its mean over the {} before", windows(past))
        }
        EarlierFunction::PredictLinear { of, past, ahead } => {
            format!("{of} {ahead} ahead, on a straight line through the {}", windows(past))
        }
        EarlierFunction::IsNew => {
            let (has, had) = if rule.group_by.is_empty() {
                (format!("there are {row}s"), "there were none")
            } else {
                (format!("the group has {row}s"), "it had none")
            };
            format!("{has}, and {had} in the {} before the window", rule.lookback)
        }
        EarlierFunction::Absent { past } if rule.group_by.is_empty() => format!("no {row} for {past}"),
        EarlierFunction::Absent { past } => {
            let expected = if rule.expect.is_empty() { "" } else { " or is expected" };
            format!("no {row} for {past}, of a group that was seen in the last {}{expected}", rule.lookback)
        }
        EarlierFunction::Burn { value, objective } => objective::value(*value, objective),
    }
}

#[cfg(test)]
mod tests {
    use fluo_rules::{SourceFile, load};

    use super::*;

    #[test]
    fn what_leaves_the_store_is_said_where_a_rule_asks_for_it() {
        for (keys, expected) in [
            ("", vec![]),
            (
                ", evidence: [exception.message, kind]",
                vec!["Shows     in evidence besides the usual, exception.message, kind"],
            ),
            (", evidence: {only: []}", vec!["Shows     in evidence nothing but what it reads"]),
            (
                ", evidence: {only: [a]}, top: [http.route, name], redact: [user.id]",
                vec![
                    "Shows     in evidence besides what it reads, a only",
                    "Names     the commonest http.route, name",
                    "Hides     user.id",
                ],
            ),
        ] {
            let text = format!("- {{name: r, span: {{}}, condition: count > 5{keys}}}");
            assert_eq!(shown(&load(&[SourceFile::new("r.yml", text)]).rules[0]), expected, "{keys}");
        }
    }
}
