//! Values of attributes in tests, with the types that YAML gives them.

use super::{Report, shape};
use crate::diagnostic::Code;
use crate::matcher::Number;
use crate::test_file::Literal;
use crate::yaml::{Entry, Node, Yaml};

/// A mapping of attribute key to value.
pub(super) fn literals(report: &mut Report, entry: &Entry) -> Option<Vec<(String, Literal)>> {
    let entries = shape::map(report, entry, "a mapping of attribute key to value")?;
    mapping(report, entries)
}

fn mapping(report: &mut Report, entries: &[Entry]) -> Option<Vec<(String, Literal)>> {
    let pairs: Vec<_> = entries
        .iter()
        .map(|entry| {
            if entry.key.is_empty() {
                report.add(Code::InvalidValue, entry.key_at.clone(), "an attribute's key is empty");
                return None;
            }
            if entry.value.value == Yaml::Null {
                let message = format!("the attribute `{}` has no value", entry.key);
                report
                    .value(Code::WrongType, entry, message)
                    .hint("leave the key out where the attribute is missing; write `\"\"` for an empty text");
                return None;
            }
            Some((entry.key.clone(), literal(report, &entry.value)?))
        })
        .collect();
    pairs.into_iter().collect()
}

fn literal(report: &mut Report, node: &Node) -> Option<Literal> {
    match &node.value {
        Yaml::Text(text) => Some(Literal::Text(text.clone())),
        Yaml::Bool(value) => Some(Literal::Bool(*value)),
        Yaml::Number(Number::Int(value)) => Some(Literal::Int(*value)),
        Yaml::Number(Number::Float(value)) => {
            let spelling = node.scalar_text(&report.text()).unwrap_or_default().to_owned();
            if spelling.contains('.') && spelling.ends_with('0') && !spelling.contains(['e', 'E']) {
                report
                    .at(Code::NumberLikeText, node, format!("`{spelling}` is read as the number {value}"))
                    .hint(format!("write `\"{spelling}\"` if it is a version, `{value}` if it is a number"));
            }
            Some(Literal::Float(*value))
        }
        Yaml::Unusable(why) => {
            report
                .at(Code::BadNumber, node, format!("this number cannot be used: {why}"))
                .hint("put it in quotes if it is a text");
            None
        }
        Yaml::List(items) => {
            let items: Vec<_> = items.iter().map(|item| literal(report, item)).collect();
            items.into_iter().collect::<Option<_>>().map(Literal::List)
        }
        Yaml::Map(entries) => mapping(report, entries).map(Literal::Map),
        Yaml::Null => {
            report.at(Code::WrongType, node, "a list of an attribute has an entry without a value");
            None
        }
    }
}
