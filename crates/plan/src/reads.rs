//! The fields that a rule reads: for the columns of a query, and because evidence shows nothing else; and the attributes of
//! stored spans that these are, for the columns of data files.

use std::collections::BTreeSet;

use fluo_rules::expr::Expr;
use fluo_rules::field::{Field, Scope};
use fluo_rules::rule::{Rule, Selector, Subject};
use fluo_spans::layout::{AttributeScope, Layout};
use fluo_spans::semconv::SERVICE_NAME;

use crate::fields::Fields;
use crate::form::Form;

/// The fields that a rule reads, each once, in the order in which the rule names them.
pub fn keys_read(rule: &Rule) -> Vec<Field> {
    let mut fields = Vec::new();
    match &rule.subject {
        Subject::Spans(spans) => selector(spans, &mut fields),
        Subject::Sql(query) => return query.reads.clone(),
        Subject::Traces(trace) => {
            for step in &trace.steps {
                selector(&step.selector, &mut fields);
                step.by.iter().for_each(|key| add(&key.field, &mut fields));
            }
        }
    }
    for group in &rule.group_by {
        add(&group.field, &mut fields);
    }
    for aggregate in &rule.aggregates {
        for field in aggregate.function.fields() {
            add(field, &mut fields);
        }
        if let Some(filter) = &aggregate.filter {
            expression(filter, &mut fields);
        }
    }
    fields
}

/// The attributes of stored spans that a rule reads, each of which is read faster where it is a column: under every name that
/// counts, and of spans and resources where either may have it. A rule that is a query reads whole maps, whatever is a
/// column.
pub fn attributes_read(rule: &Rule) -> BTreeSet<(AttributeScope, String)> {
    if matches!(rule.subject, Subject::Sql(_)) {
        return BTreeSet::new();
    }
    let layout = Layout::builtin();
    let places = Fields::of(rule, &[], &layout, Form::Functions);
    let mut fields = keys_read(rule);
    rule.top.iter().for_each(|key| add(&key.field, &mut fields));
    fields.iter().flat_map(|field| attributes_of(field, &places)).collect()
}

fn attributes_of(field: &Field, places: &Fields<'_>) -> Vec<(AttributeScope, String)> {
    match field {
        Field::Parent(field) => attributes_of(field, places),
        Field::Attribute { scope: scope @ (Scope::Span | Scope::Resource | Scope::Either), key } => {
            let stored = |(scope, key): (Scope, String)| match scope {
                Scope::Resource if key == SERVICE_NAME => None,
                Scope::Resource => Some((AttributeScope::Resource, key)),
                _ => Some((AttributeScope::Span, key)),
            };
            places.candidates(*scope, key).into_iter().filter_map(stored).collect()
        }
        Field::Attribute { .. } | Field::Intrinsic(_) => Vec::new(),
    }
}

fn add(field: &Field, fields: &mut Vec<Field>) {
    if !fields.contains(field) {
        fields.push(field.clone());
    }
}

fn selector(selector: &Selector, fields: &mut Vec<Field>) {
    match selector {
        Selector::All(inner) | Selector::Any(inner) => {
            for one in inner {
                self::selector(one, fields);
            }
        }
        Selector::Not(inner) => self::selector(inner, fields),
        Selector::Match(field, _) => add(field, fields),
        Selector::Event { name, attributes } => {
            if name.is_some() {
                add(&Field::attribute(Scope::Event, "name"), fields);
            }
            for (key, _) in attributes {
                add(&Field::Attribute { scope: Scope::Event, key: key.clone() }, fields);
            }
        }
        Selector::Where(expr) => expression(expr, fields),
    }
}

fn expression(expr: &Expr, fields: &mut Vec<Field>) {
    expr.fields().into_iter().for_each(|field| add(field, fields));
}

#[cfg(test)]
mod tests {
    use fluo_rules::{SourceFile, load};

    use super::*;

    /// The attributes that a rule reads, as `span.key` or `resource.key`.
    fn read(text: &str) -> Vec<String> {
        let loaded = load(&[SourceFile::new("rule.yml", format!("- name: r\n  {text}\n"))]);
        assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
        let show = |(scope, key): (AttributeScope, String)| match scope {
            AttributeScope::Span => format!("span.{key}"),
            AttributeScope::Resource => format!("resource.{key}"),
        };
        attributes_read(&loaded.rules[0]).into_iter().map(show).collect()
    }

    #[test]
    fn attributes_are_read_where_they_may_lie() {
        let cases: [(&str, &str, &[&str]); 6] = [
            (
                "of spans, of resources, under old and new names",
                "span: {attributes: {app.tenant: x, http.status_code: 500}, resource: {k8s.zone: a}}\n  condition: count > 5",
                &[
                    "span.app.tenant",
                    "span.http.response.status_code",
                    "span.http.status_code",
                    "resource.k8s.zone",
                ],
            ),
            (
                "of either",
                "span: {where: .app.tenant = 'x'}\n  condition: count > 5",
                &["span.app.tenant", "resource.app.tenant"],
            ),
            (
                "of groups, sums and messages",
                "span: {name: buy}\n  group_by: [span.app.tenant]\n  top: [span.app.cart]\n  \
                 aggregation: {value: {sum: span.app.value}}\n  condition: value > 5",
                &["span.app.cart", "span.app.tenant", "span.app.value"],
            ),
            (
                "of parents",
                "span: {where: parent.span.app.tenant = 'x'}\n  condition: count > 5",
                &["span.app.tenant"],
            ),
            (
                "none of events, nor what has a column in every layout",
                "span: {event: {name: exception, attributes: {app.kind: x}}, where: resource.service.name = 'shop'}\n  \
                 condition: count > 5",
                &[],
            ),
            (
                "none of a query, which reads whole maps",
                "sql: SELECT count(*) AS failures FROM spans WHERE attributes['app.tenant'] = 'x'",
                &[],
            ),
        ];
        for (scenario, rule, expected) in cases {
            assert_eq!(read(rule), expected, "{scenario}");
        }
    }
}
