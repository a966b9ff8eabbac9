//! `aggregation:` → aggregates in the order of the file, and how many spans are kept as evidence.

use super::{Report, expression, shape};
use crate::diagnostic::{Code, Hint};
use crate::expr::nearest::nearest;
use crate::expr::{self, Expr, ExprKind, Type, type_of};
use crate::field::Field;
use crate::keys::{MAX_EVIDENCE, Table};
use crate::limits::Limit;
use crate::matcher::Number;
use crate::rule::{Aggregate, AggregateFunction};
use crate::trace::TRACES;
use crate::yaml::{Entry, Yaml};

/// The number of spans that a violation carries where the rule does not say.
pub(super) const DEFAULT_EVIDENCE: u32 = 10;

/// The value of `aggregation:`.
#[derive(Debug)]
pub(super) struct Aggregation {
    /// The aggregates that could be read.
    pub(super) aggregates: Vec<Aggregate>,
    /// `true` where some could not be read: naming one in the condition is no second mistake.
    pub(super) broken: bool,
    pub(super) evidence_limit: u32,
}

impl Aggregation {
    /// Left out, it is the number of traces.
    pub(super) fn of_traces() -> Self {
        let traces = Aggregate { name: TRACES.to_owned(), ..Aggregate::implied_count() };
        Self { aggregates: vec![traces], ..Self::absent() }
    }

    /// The limits by group that it reads.
    pub(super) fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.aggregates.iter().flat_map(Aggregate::limits)
    }

    /// Left out, it is `{count: 10}`.
    pub(super) fn absent() -> Self {
        Self { aggregates: vec![Aggregate::implied_count()], broken: false, evidence_limit: DEFAULT_EVIDENCE }
    }
}

/// The value of `aggregation:`.
pub(super) fn aggregation(report: &mut Report, entry: &Entry) -> Aggregation {
    let mut read = Aggregation { aggregates: Vec::new(), broken: false, evidence_limit: DEFAULT_EVIDENCE };
    let Some(entries) =
        shape::map(report, entry, "a mapping of name to aggregate, such as `{errors: count}`")
    else {
        return Aggregation { broken: true, ..read };
    };
    for named in entries {
        let sound_name = name(report, named);
        let aggregate =
            if is_evidence(named) { evidence(report, named, &mut read) } else { form(report, named) };
        match aggregate {
            Some(aggregate) if sound_name => read.aggregates.push(aggregate),
            _ => read.broken = true,
        }
    }
    read
}

/// Returns whether an expression can name a value so.
pub(crate) fn can_be_name(name: &str) -> bool {
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let is_identifier = first && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_identifier && !crate::expr::is_reserved(name)
}

/// Reports an aggregate's name that cannot be used in an expression.
fn name(report: &mut Report, entry: &Entry) -> bool {
    if can_be_name(&entry.key) {
        return true;
    }
    if crate::expr::is_reserved(&entry.key) {
        let message = format!(
            "`{}` is a word of the expression language, and cannot be an aggregate's name",
            entry.key
        );
        report.add(Code::BadName, entry.key_at.clone(), message);
    } else {
        let message = format!("`{}` cannot be an aggregate's name", entry.key);
        report
            .add(Code::BadName, entry.key_at.clone(), message)
            .hint("letters, digits and `_`, not beginning with a digit");
    }
    false
}

/// `count: 10`, the origin's form.
fn is_evidence(entry: &Entry) -> bool {
    entry.key == Aggregate::COUNT && matches!(entry.value.value, Yaml::Number(_) | Yaml::Unusable(_))
}

fn evidence(report: &mut Report, entry: &Entry, read: &mut Aggregation) -> Option<Aggregate> {
    match entry.value.value {
        Yaml::Number(Number::Int(limit)) if (0..=i64::from(MAX_EVIDENCE)).contains(&limit) => {
            read.evidence_limit = u32::try_from(limit).unwrap_or(MAX_EVIDENCE);
            Some(Aggregate::implied_count())
        }
        _ => {
            let message = format!(
                "`count` says how many spans to keep as evidence: a whole number from 0 to {MAX_EVIDENCE}"
            );
            report.value(Code::BadNumber, entry, message);
            None
        }
    }
}

/// Any other form.
fn form(report: &mut Report, entry: &Entry) -> Option<Aggregate> {
    let (function, filter) = match &entry.value.value {
        Yaml::Text(word) => (bare_word(report, entry, word)?, None),
        Yaml::Map(parts) => mapping(report, entry, parts)?,
        Yaml::Number(_) | Yaml::Unusable(_) => {
            let message = format!("`{}` has a number, which says nothing about what to compute", entry.key);
            let hint = "only `count: 10` has this form: it keeps 10 spans as evidence; write `count`, `{sum: FIELD}` …";
            report.value(Code::WrongType, entry, message).hint(hint);
            return None;
        }
        _ => {
            shape::wrong_type(report, entry, "an aggregate, such as `count` or `{p99: duration}`");
            return None;
        }
    };
    if entry.key == Aggregate::COUNT && function != AggregateFunction::Count {
        let message = "`count` always is the number of matching spans; call this aggregate something else";
        report.add(Code::BadName, entry.key_at.clone(), message);
        return None;
    }
    Some(Aggregate { name: entry.key.clone(), function, filter })
}

/// `x: count`: the one function that needs nothing.
fn bare_word(report: &mut Report, entry: &Entry, word: &str) -> Option<AggregateFunction> {
    if word == "count" {
        return Some(AggregateFunction::Count);
    }
    if Table::Aggregate.key(word).is_some() || percent_of(word).is_some() {
        report
            .value(Code::WrongType, entry, format!("`{word}` needs to know of what"))
            .hint(format!("write `{{{word}: {}}}`", if word == "rate" { "1s" } else { "duration" }));
    } else {
        let functions = Table::Aggregate.keys().iter().map(|key| key.name);
        let message = format!("`{word}` is not an aggregate");
        report.value(Code::InvalidValue, entry, message).did_you_mean(nearest(word, functions));
    }
    None
}

fn mapping(report: &mut Report, entry: &Entry, parts: &[Entry]) -> Option<(AggregateFunction, Option<Expr>)> {
    let errors = report.errors();
    let mut function: Option<(&Entry, Option<AggregateFunction>)> = None;
    let mut filter: Option<(&Entry, Option<Expr>)> = None;
    for part in parts {
        if part.key == "where" {
            // `{count: {where: …}, where: …}`: which one was meant cannot be told.
            conflict(report, filter.as_ref().map(|(first, _)| *first), part);
            filter = Some((part, expression::filter(report, part)));
            continue;
        }
        if Table::Aggregate.key(&part.key).is_none() && percent_of(&part.key).is_none() {
            unknown_function(report, entry, part);
            continue;
        }
        conflict(report, function.as_ref().map(|(first, _)| *first), part);
        if part.key == "count" {
            if let Some(inner) = counted_where(report, part) {
                conflict(report, filter.as_ref().map(|(first, _)| *first), inner);
                filter = Some((inner, expression::filter(report, inner)));
            }
            function = Some((part, Some(AggregateFunction::Count)));
        } else {
            function = Some((part, of_field(report, part)));
        }
    }
    let Some((_, function)) = function else {
        if report.errors() == errors {
            let message = format!("`{}` does not say what to compute", entry.key);
            report
                .value(Code::MissingKey, entry, message)
                .hint("write `count`, `{sum: FIELD}`, `{p99: duration}` …");
        }
        return None;
    };
    if report.errors() > errors {
        return None;
    }
    Some((function?, filter.and_then(|(_, expr)| expr)))
}

fn conflict(report: &mut Report, first: Option<&Entry>, second: &Entry) {
    let Some(first) = first else { return };
    let place = report.place(first.key_at.clone());
    let message = if first.key == second.key {
        format!("`{}` is given twice for one aggregate", second.key)
    } else {
        format!("an aggregate computes one thing, `{}` or `{}`", first.key, second.key)
    };
    report.add(Code::Conflict, second.key_at.clone(), message).also(place, "the other one");
}

fn unknown_function(report: &mut Report, entry: &Entry, part: &Entry) {
    if part.key.starts_with('p') && part.key[1..].starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("`{}` is not a percentile from above 0 to 100", part.key);
        report
            .add(Code::BadNumber, part.key_at.clone(), message)
            .hint("`p99`, `p99.9` or `{percentile: {of: FIELD, p: 99.9}}`");
    } else {
        shape::unknown_key(report, part, Table::Aggregate, &format!("the aggregate `{}`", entry.key));
    }
}

/// The `where` in `count: {where: …}`.
fn counted_where<'a>(report: &mut Report, part: &'a Entry) -> Option<&'a Entry> {
    match &part.value.value {
        Yaml::Map(inner) => {
            shape::known_keys(report, inner, Table::CountForm, "`count`");
            inner.iter().find(|inner| inner.key == "where")
        }
        Yaml::Null => None,
        other => {
            let message = format!(
                "`{}` takes nothing or `{{where: EXPRESSION}}`, not {}",
                part.key,
                part.value.describe()
            );
            let text = match other {
                Yaml::Text(text) if !text.contains(['"', '\n']) => Some(text.clone()),
                _ => None,
            };
            let hint = text.map(|text| format!("write `{{{}: {{where: \"{text}\"}}}}`", part.key));
            report.value(Code::WrongType, part, message).hint = hint.map(Hint::from);
            None
        }
    }
}

fn of_field(report: &mut Report, part: &Entry) -> Option<AggregateFunction> {
    match part.key.as_str() {
        "rate" => shape::positive_duration(report, part).map(|per| AggregateFunction::Rate { per }),
        "percentile" => percentile(report, part),
        "count_distinct" => field(report, part).map(AggregateFunction::CountDistinct),
        "sum" => measure(report, part).map(AggregateFunction::Sum),
        "avg" => measure(report, part).map(AggregateFunction::Avg),
        "min" => measure(report, part).map(AggregateFunction::Min),
        "max" => measure(report, part).map(AggregateFunction::Max),
        "stddev" => measure(report, part).map(AggregateFunction::Stddev),
        short => {
            let p = percent_of(short)?;
            measure(report, part).map(|of| AggregateFunction::Percentile { of, p })
        }
    }
}

fn percentile(report: &mut Report, part: &Entry) -> Option<AggregateFunction> {
    let entries = shape::map(report, part, "`{of: FIELD, p: 99.9}`")?;
    shape::known_keys(report, entries, Table::PercentileForm, "`percentile`");
    for missing in ["of", "p"].into_iter().filter(|key| part.value.get(key).is_none()) {
        report.add(Code::MissingKey, part.key_at.clone(), format!("`percentile` needs `{missing}`"));
    }
    let of = part.value.get("of").and_then(|entry| measure(report, entry));
    let p = part.value.get("p").and_then(|entry| {
        let p = shape::number(report, entry)?;
        if p <= 0.0 || p > 100.0 {
            report.value(Code::BadNumber, entry, "`p` must be above 0 and at most 100");
            return None;
        }
        Some(p)
    });
    Some(AggregateFunction::Percentile { of: of?, p: p? })
}

/// The number in `p99` and `p99.9`, if it is a percentile.
fn percent_of(key: &str) -> Option<f64> {
    let digits = key.strip_prefix('p')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let p = digits.parse::<f64>().ok().filter(|_| plain)?;
    (p > 0.0 && p <= 100.0).then_some(p)
}

/// A field whose different values are counted.
fn field(report: &mut Report, part: &Entry) -> Option<Field> {
    let name = shape::some_text(report, part)?;
    let field = match expr::parse_measure(&name, report.limits()) {
        Ok(Expr { kind: ExprKind::Field(_), .. }) | Err(_) => expression::field(report, &part.value, &name)?,
        Ok(_) => {
            let message = format!("`{}` counts the values of a field, and `{name}` is computed", part.key);
            report.value(Code::NotAggregatable, part, message).hint("it takes a field or an attribute");
            return None;
        }
    };
    if let Some(many) = field.many() {
        let message = format!("`{}` cannot work on `{name}`: a span may have many {many}", part.key);
        report.value(Code::NotAggregatable, part, message);
        return None;
    }
    Some(field)
}

/// A number or a duration of each span.
fn measure(report: &mut Report, part: &Entry) -> Option<Expr> {
    let text = expression::source(report, part)?;
    let expr = expression::measure(report, part, &text)?;
    let ExprKind::Field(field) = &expr.kind else { return Some(expr) };
    let reason = match (field.many(), type_of(&expr, &[])) {
        (Some(many), _) => format!("a span may have many {many}"),
        (None, Type::Duration | Type::Attribute) => return Some(expr),
        (None, _) => "it is not a number".to_owned(),
    };
    let message = format!("`{}` cannot work on `{text}`: {reason}", part.key);
    report.value(Code::NotAggregatable, part, message).hint("it takes `duration` or an attribute");
    None
}
