//! Attributes against what OpenTelemetry's conventions say of them: misspelt keys, and keys in the wrong place.

use super::Report;
use crate::attribute_registry::{Stands, near, registered};
use crate::diagnostic::{Code, Hint};
use crate::expr::{Expr, ExprKind};
use crate::field::{Field, Scope};
use crate::yaml::Node;

/// A doubt about an attribute: its code, message and hint.
type Doubt = (Code, String, Hint);

/// Warns of the key of a selector's map.
pub(super) fn warn_of_key(report: &mut Report, at: std::ops::Range<usize>, scope: Scope, key: &str) {
    if let Some((code, message, hint)) = doubt(scope, key, true) {
        report.add(code, at, message).hint(hint);
    }
}

/// Warns of every attribute that an expression, the text of `node`, names.
pub(super) fn warn_of_all(report: &mut Report, node: &Node, text: &str, expr: &Expr) {
    if let ExprKind::Field(field) = &expr.kind
        && let Some((code, message, hint)) = doubt_of_field(field)
    {
        // The key stands behind its scope.
        report.within(code, node, text, &expr.at, message).hint(hint.without_edit());
    }
    for child in expr.children() {
        warn_of_all(report, node, text, child);
    }
}

/// Warns of a field of `group_by` or of an aggregate.
pub(super) fn warn_of_field(report: &mut Report, node: &Node, field: &Field) {
    if let Some((code, message, hint)) = doubt_of_field(field) {
        let is_bare =
            matches!(field, Field::Attribute { key, .. } if node.scalar_text(&report.text()) == Some(key));
        report.at(code, node, message).hint(if is_bare { hint } else { hint.without_edit() });
    }
}

fn doubt_of_field(field: &Field) -> Option<Doubt> {
    match field {
        Field::Attribute { scope, key } => doubt(*scope, key, false),
        Field::Parent(field) => {
            let (code, message, hint) = doubt_of_field(field)?;
            Some((code, message, hint.without_edit().map(|hint| hint.replace("write `", "write `parent."))))
        }
        Field::Intrinsic(_) => None,
    }
}

/// `in_map`: it stands as a key below `attributes:` or `resource:`.
fn doubt(scope: Scope, key: &str, in_map: bool) -> Option<Doubt> {
    if matches!(scope, Scope::Scope | Scope::Link) {
        return None;
    }
    if let Some(known) = near(key) {
        let message = format!("`{key}` is no attribute of OpenTelemetry's conventions, and `{known}` is one");
        return Some((Code::NearConvention, message, Hint::did_you_mean(known)));
    }
    let stands = registered(key)?.stands;
    let (message, hint) = match (scope, stands) {
        (Scope::Span, Stands::Resource) => {
            let hint = match (key, in_map) {
                ("service.name", true) => "write `service_name:` beside `attributes:`".to_owned(),
                ("service.name", false) => "write `service_name`".to_owned(),
                (_, true) => format!("put it under `resource:`, as `resource: {{{key}: …}}`"),
                (_, false) => format!("write `resource.{key}`"),
            };
            (format!("`{key}` is an attribute of resources, and spans seldom have it"), hint)
        }
        (Scope::Resource, Stands::Span) => {
            let hint = if in_map {
                format!("put it under `attributes:`, as `attributes: {{{key}: …}}`")
            } else {
                format!("write `span.{key}`")
            };
            (format!("`{key}` is an attribute of spans, and resources seldom have it"), hint)
        }
        _ => return None,
    };
    Some((Code::OtherScope, message, Hint::from(hint)))
}
