//! A value that is compared as it stands, and is written as something else: a comparison, a range, a pattern.
//!
//! Only values that stand for themselves are looked at. With `{eq: …}` and `{in: […]}` whoever writes it says that the
//! text is meant.

use fluo_time::Nanos;

use super::Report;
use crate::attribute_registry::registered;
use crate::diagnostic::{Code, Hint};
use crate::field::{Field, Intrinsic};
use crate::matcher::Number;
use crate::yaml::{Node, Yaml};

/// Operators before a value, longest first, and how a matcher is written with them.
const OPERATORS: [(&str, &str); 11] = [
    (">=", "gte"),
    ("=>", "gte"),
    ("<=", "lte"),
    ("=<", "lte"),
    ("!=", "ne"),
    ("<>", "ne"),
    ("==", "eq"),
    ("=~", "matches"),
    ("!~", "not"),
    (">", "gt"),
    ("<", "lt"),
];

/// Reports a value of `field` that is not meant as it stands. Returns whether it is no value of the field at all, so
/// that it needs no further reading.
pub(super) fn told(report: &mut Report, node: &Node, key: &str, field: &Field) -> bool {
    let Yaml::Text(text) = &node.value else {
        return false;
    };
    let text = text.trim();
    let is_duration = *field == Field::Intrinsic(Intrinsic::Duration);
    let hint = comparison(key, text, is_duration)
        .or_else(|| if is_duration { exactly(key, text).map(Hint::from) } else { numbers(key, text, field) });
    if let Some(hint) = hint {
        let (code, message) = match (field, Nanos::parse(text)) {
            (Field::Intrinsic(Intrinsic::Duration), Ok(duration)) => (
                Code::NotAsWritten,
                format!("`{key}: {text}` is exactly {duration}, to the nanosecond, which no span is"),
            ),
            (Field::Intrinsic(Intrinsic::Duration), Err(_)) => {
                (Code::BadDuration, format!("`{key}` is compared with a duration, and `{text}` is none"))
            }
            (Field::Intrinsic(Intrinsic::Kind | Intrinsic::Status), _) => {
                (Code::InvalidValue, format!("`{key}` is compared with a word, and `{text}` is none"))
            }
            _ => (
                Code::NotAsWritten,
                format!("`{key}` is compared with the text `{text}`, which is not what it says"),
            ),
        };
        report.at(code, node, message).hint(hint);
        return code.stops_loading();
    }
    if !matches!(field, Field::Intrinsic(Intrinsic::Kind | Intrinsic::Status | Intrinsic::Duration)) {
        warn(report, node, key, text, field);
    }
    false
}

/// `>=500`, `!= GET`
fn comparison(key: &str, text: &str, is_duration: bool) -> Option<Hint> {
    let (written, operator) = OPERATORS.into_iter().find(|(written, _)| text.starts_with(written))?;
    let value = text[written.len()..].trim();
    let is_ordered = matches!(operator, "gt" | "gte" | "lt" | "lte");
    // `<init>` and `<module>` are names.
    if value.is_empty() || is_ordered && !is_quantity(value) {
        return None;
    }
    Some(match operator {
        "not" => Hint::from(format!("write `where: \"{} !~ '{value}'\"`", expression_field(key))),
        "eq" => write(key, value),
        operator if is_duration => write(key, &format!("{{{operator}: {value}}}")),
        "matches" => write(key, &format!("{{matches: '^({value})$'}}")),
        operator => write(key, &format!("{{{operator}: {value}}}"))
            .map(|hint| format!("{hint}; `{{eq: \"{text}\"}}` is for the text itself")),
    })
}

/// Asks for another value of `key`.
fn write(key: &str, value: &str) -> Hint {
    Hint::from(format!("write `{key}: {value}`")).instead(value)
}

fn expression_field(key: &str) -> String {
    if key.contains('.') { format!("span.{key}") } else { key.to_owned() }
}

fn is_quantity(text: &str) -> bool {
    text.parse::<f64>().is_ok() || Nanos::parse(text).is_ok()
}

/// A duration above zero: no span is that long, to the nanosecond.
fn exactly(key: &str, text: &str) -> Option<String> {
    let duration = Nanos::parse(text).ok().filter(|duration| duration.0 > 0)?;
    Some(format!(
        "write `{key}: {{gt: {text}}}` for longer spans, `{{lt: {text}}}` for shorter ones, `{{eq: {duration}}}` for exactly this"
    ))
}

/// `5xx`, `500-599` and `500,502` of an attribute that is a number.
fn numbers(key: &str, text: &str, field: &Field) -> Option<Hint> {
    let Field::Attribute { key: attribute, .. } = field else { return None };
    registered(attribute).filter(|known| known.is_number)?;
    let class = text.to_lowercase();
    if let Some(digit) = class.strip_suffix("xx").or_else(|| class.strip_suffix("**"))
        && let Ok(hundreds @ 1..=9) = digit.parse::<u32>()
    {
        return Some(write(key, &format!("{{gte: {}, lt: {}}}", hundreds * 100, (hundreds + 1) * 100)));
    }
    let range = ["..", "-", "–", " to "].into_iter().find_map(|between| text.split_once(between));
    if let Some((low, high)) = range.map(|(low, high)| (low.trim(), high.trim()))
        && low.parse::<u32>().is_ok()
        && high.parse::<u32>().is_ok()
    {
        return Some(write(key, &format!("{{gte: {low}, lte: {high}}}")));
    }
    let parts: Vec<&str> = text.split([',', '|']).map(str::trim).collect();
    (parts.len() > 1 && parts.iter().all(|part| part.parse::<u32>().is_ok()))
        .then(|| write(key, &format!("[{}]", parts.join(", "))))
}

/// Warns of what is perhaps meant as a pattern.
fn warn(report: &mut Report, node: &Node, key: &str, text: &str, field: &Field) {
    if let Some(meant) = pattern(text) {
        let message = format!(
            "`{key}` is compared with the text `{text}`, in which `*`, `|` and `^` stand for themselves"
        );
        report.at(Code::PatternAsText, node, message).hint(
            Hint::from(format!("write `{key}: {meant}`, or `{{eq: \"{text}\"}}` where the text is meant"))
                .instead(meant),
        );
        return;
    }
    let Field::Attribute { key: attribute, .. } = field else { return };
    let is_number = registered(attribute).is_some_and(|known| known.is_number);
    if is_number && Number::from_text(text).is_none() && !text.starts_with("0x") {
        let message =
            format!("`{attribute}` is a number in OpenTelemetry's conventions, and `{text}` is none");
        report
            .at(Code::PatternAsText, node, message)
            .hint(format!("write `{{eq: \"{text}\"}}` where your spans have this text"));
    }
}

/// The matcher that says what `text` says as a pattern. What stands with a slash or white space is a route or a
/// statement, in which `*` is a letter like any other.
fn pattern(text: &str) -> Option<String> {
    if text.contains('/') || text.contains(char::is_whitespace) {
        return None;
    }
    if text == "*" || text == ".*" {
        return Some("{exists: true}".to_owned());
    }
    if text.contains(".*")
        || text.contains(".+")
        || text.len() > 1 && (text.starts_with('^') || text.ends_with('$'))
    {
        return Some(format!("{{matches: '{}'}}", text.replace('\'', "''")));
    }
    if text.contains('*') {
        let inner = text.trim_matches('*');
        return Some(match (inner.contains('*'), text.starts_with('*'), text.ends_with('*')) {
            _ if inner.is_empty() => "{exists: true}".to_owned(),
            (false, true, true) => format!("{{contains: {inner}}}"),
            (false, false, true) => format!("{{starts_with: {inner}}}"),
            (false, true, false) => format!("{{ends_with: {inner}}}"),
            _ => format!("{{matches: '^{}$'}}", text.replace('*', ".*")),
        });
    }
    let parts: Vec<&str> = text.split('|').collect();
    let is_word = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    (parts.len() > 1 && parts.iter().all(is_word)).then(|| format!("[{}]", parts.join(", ")))
}
