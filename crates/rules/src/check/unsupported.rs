//! Parts of the language that are recognised, and refused where they stand.
//!
//! Refusing is not ignoring: a rule that uses one of these is an error, never a rule that means something
//! else. Each refusal is a function of its own, called from where the reading of that part belongs.

use super::Report;
use crate::diagnostic::Code;
use crate::yaml::Entry;

/// `sql:` and `slo:` in place of `span:`.
pub(super) fn rule_kind(report: &mut Report, entry: &Entry) {
    let what = match entry.key.as_str() {
        "sql" => "rules in SQL",
        _ => "service level objectives",
    };
    let message = format!("{what} (`{}`) are not supported yet", entry.key);
    report
        .add(Code::NotSupportedYet, entry.key_at.clone(), message)
        .hint("this version evaluates `span` and `trace` rules");
}

/// `condition:` as a text about whole traces. Says whether it is one.
pub(super) fn trace_condition(report: &mut Report, entry: &Entry, text: &str) -> bool {
    let Some((what, part)) = trace_form(text) else { return false };
    let value = &entry.value;
    let place =
        crate::yaml::locate(&report.text(), &value.at, text, &part).unwrap_or_else(|| value.at.clone());
    report.add(Code::NotSupportedYet, place, format!("{what} in a condition is not supported yet"));
    true
}

/// The first part of `text` that only conditions about traces have.
fn trace_form(text: &str) -> Option<(&'static str, std::ops::Range<usize>)> {
    let bare = without_quoted(text);
    for (form, what) in [("trace.has", "`trace.has`"), ("trace.count", "`trace.count`")] {
        if let Some(at) = bare.find(form) {
            return Some((what, at..at + form.len()));
        }
    }
    let start = bare.len() - bare.trim_start().len();
    let rest = bare[start..].strip_prefix("when")?;
    rest.trim_start().starts_with('{').then_some(("`when { … }`", start..start + "when".len()))
}

/// `text` with what stands in double quotes blanked, byte for byte.
fn without_quoted(text: &str) -> String {
    let mut quoted = false;
    let mut escaped = false;
    let mut blanked = String::with_capacity(text.len());
    for c in text.chars() {
        let inside = quoted;
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        }
        if inside && quoted {
            blanked.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            blanked.push(c);
        }
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_about_traces_are_recognised() {
        for (text, form) in [
            ("trace.has(payment.charge_card) and not trace.has(x)", Some("`trace.has`")),
            ("5 < trace.count(x)", Some("`trace.count`")),
            ("when { trace_has_no_such } always { x }", Some("`when { … }`")),
            ("  when{a}", Some("`when { … }`")),
            ("count > 5", None),
            ("whenever > 5", None),
            ("a = \"trace.has(\"", None),
        ] {
            assert_eq!(trace_form(text).map(|(what, _)| what), form, "{text}");
        }
    }
}
