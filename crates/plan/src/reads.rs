//! Which fields a rule reads: for the columns of a query, and because evidence shows nothing else.

use fluo_rules::expr::Expr;
use fluo_rules::field::{Field, Scope};
use fluo_rules::rule::{Rule, Selector, Subject};

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
