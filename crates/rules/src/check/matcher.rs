//! Matchers: a scalar, a list, or a mapping of operators, for one field.
//!
//! The values that are allowed depend on the field: durations for `duration`, the words of `kind` and `status`, and
//! anything for attributes and names.

use fluo_time::Nanos;
use fluo_time::duration::with_unit;

use super::{Report, meant, pattern, shape};
use crate::diagnostic::{Code, Hint};
use crate::expr::nearest::nearest;
use crate::field::{Field, Intrinsic};
use crate::keys::{KINDS, STATUSES, Table};
use crate::matcher::{Matcher, Number, Test, Value};
use crate::yaml::{Entry, Node, Yaml};

/// The kind of values that a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Any text, which may be a number's.
    Open,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A duration.
    Duration,
}

impl Subject {
    fn of(field: &Field) -> Self {
        match field {
            Field::Intrinsic(Intrinsic::Kind) => Self::Words(KINDS),
            Field::Intrinsic(Intrinsic::Status) => Self::Words(STATUSES),
            Field::Intrinsic(Intrinsic::Duration) => Self::Duration,
            _ => Self::Open,
        }
    }
}

/// The matcher that `entry` has for `field`.
pub(super) fn matcher(report: &mut Report, entry: &Entry, field: &Field) -> Option<Matcher> {
    let subject = Subject::of(field);
    let reader = Reader { key: &entry.key, subject };
    let tests = match &entry.value.value {
        Yaml::Map(operators) => reader.operators(report, entry, operators)?,
        Yaml::List(items) => {
            let told: Vec<bool> =
                items.iter().map(|item| meant::told(report, item, &entry.key, field)).collect();
            if told.contains(&true) {
                return None;
            }
            vec![Test::In(reader.values(report, entry)?)]
        }
        Yaml::Null => {
            let message = format!("`{}` has no value to match", entry.key);
            let finding = report.value(Code::WrongType, entry, message);
            finding.hint("`{exists: false}` matches spans without it, `\"\"` an empty text");
            return None;
        }
        _ if meant::told(report, &entry.value, &entry.key, field) => return None,
        _ => vec![equals(reader.value(report, &entry.value)?)],
    };
    Some(Matcher { tests })
}

struct Reader<'a> {
    /// The field as the rule calls it.
    key: &'a str,
    subject: Subject,
}

impl Reader<'_> {
    fn operators(&self, report: &mut Report, entry: &Entry, operators: &[Entry]) -> Option<Vec<Test>> {
        if operators.is_empty() {
            let message = format!("`{}` has no operator", entry.key);
            let names = Table::Operators.keys().iter().map(|key| key.name).collect::<Vec<_>>();
            report
                .value(Code::InvalidValue, entry, message)
                .hint(format!("operators are {}", shape::listed(&names)));
            return None;
        }
        let tests: Vec<Option<Test>> =
            operators.iter().map(|operator| self.operator(report, operator)).collect();
        tests.into_iter().collect()
    }

    fn operator(&self, report: &mut Report, operator: &Entry) -> Option<Test> {
        let text = |test: fn(String) -> Test, report: &mut Report| Some(test(self.text(report, operator)?));
        match operator.key.as_str() {
            "eq" => Some(equals(self.value(report, &operator.value)?)),
            "ne" => Some(differs(self.value(report, &operator.value)?)),
            "gt" => Some(Test::Gt(self.ordered(report, operator)?)),
            "gte" => Some(Test::Gte(self.ordered(report, operator)?)),
            "lt" => Some(Test::Lt(self.ordered(report, operator)?)),
            "lte" => Some(Test::Lte(self.ordered(report, operator)?)),
            "in" => Some(Test::In(self.values(report, operator)?)),
            "not_in" => Some(Test::NotIn(self.values(report, operator)?)),
            "contains" => text(Test::Contains, report),
            "starts_with" => text(Test::StartsWith, report),
            "ends_with" => text(Test::EndsWith, report),
            "matches" => {
                let found = self.text(report, operator)?;
                pattern::check(report, &operator.value, &found)
                    .then(|| {
                        pattern::warn_of_slashes(report, &operator.value, self.key, &found);
                        found
                    })
                    .map(Test::Matches)
            }
            "exists" => Some(Test::Exists(shape::boolean(report, operator)?)),
            _ => {
                let within = format!("the matcher of `{}`", self.key);
                shape::unknown_key(report, operator, Table::Operators, &within);
                None
            }
        }
    }

    fn values(&self, report: &mut Report, entry: &Entry) -> Option<Vec<Value>> {
        let items = shape::list(report, entry, "a list of values")?;
        if items.is_empty() {
            report.value(Code::InvalidValue, entry, format!("`{}` lists no values", entry.key));
            return None;
        }
        let values: Vec<_> = items.iter().map(|item| self.value(report, item)).collect();
        let values: Option<Vec<Vec<Value>>> = values.into_iter().collect();
        values.map(|values| values.into_iter().flatten().collect())
    }

    /// A value for equality: what it means and, where that reads otherwise, the text as it is written.
    fn value(&self, report: &mut Report, node: &Node) -> Option<Vec<Value>> {
        let spelling = node.scalar_text(&report.text()).map(str::to_owned);
        let Some(spelling) = spelling else {
            let message = format!(
                "`{}` is compared with text, a number or a boolean, not {}",
                self.key,
                node.describe()
            );
            let finding = report.at(Code::WrongType, node, message);
            if node.value == Yaml::Null {
                finding.hint("`exists: false` matches spans without a value");
            }
            return None;
        };
        match (self.subject, &node.value) {
            (Subject::Duration, _) => self.duration(report, node, &spelling).map(|value| vec![value]),
            (Subject::Words(words), _) => self.word(report, node, &spelling, words).map(|value| vec![value]),
            (Subject::Open, Yaml::Unusable(why)) => {
                self.unusable(report, node, &spelling, why);
                None
            }
            (Subject::Open, Yaml::Number(number)) => {
                warn_of_dropped_zero(report, node, *number, &spelling);
                let written = (!is_read_back(&spelling)).then_some(Value::Text(spelling));
                Some(std::iter::once(Value::Number(*number)).chain(written).collect())
            }
            (Subject::Open, Yaml::Bool(value)) => {
                let written = (spelling != value.to_string()).then_some(Value::Text(spelling));
                Some(std::iter::once(Value::Bool(*value)).chain(written).collect())
            }
            (Subject::Open, _) => Some(vec![Value::Text(spelling)]),
        }
    }

    /// A value for `gt gte lt lte`.
    fn ordered(&self, report: &mut Report, operator: &Entry) -> Option<Value> {
        let node = &operator.value;
        let Some(spelling) = node.scalar_text(&report.text()).map(str::to_owned) else {
            shape::wrong_type(report, operator, "a number or a duration");
            return None;
        };
        match (self.subject, &node.value) {
            (Subject::Duration, _) => self.duration(report, node, &spelling),
            (Subject::Words(_), _) => {
                let message = format!("`{}` has no order, so that `{}` never holds", self.key, operator.key);
                report
                    .add(Code::TypeMismatch, operator.key_at.clone(), message)
                    .hint("`in` takes a list of words");
                None
            }
            (Subject::Open, Yaml::Unusable(why)) => {
                self.unusable(report, node, &spelling, why);
                None
            }
            (Subject::Open, Yaml::Number(number)) => Some(Value::Number(*number)),
            (Subject::Open, _) => self.numeric_text(report, operator, &spelling),
        }
    }

    /// A number in quotes or with a percent sign.
    fn numeric_text(&self, report: &mut Report, operator: &Entry, spelling: &str) -> Option<Value> {
        if let Some(number) = Number::from_text(spelling) {
            return Some(Value::Number(number));
        }
        let code = if Nanos::parse(spelling).is_ok() { Code::DurationUnit } else { Code::TypeMismatch };
        if code == Code::DurationUnit {
            let message = format!("`{}` is a plain number, and `{spelling}` a duration", self.key);
            report
                .value(code, operator, message)
                .hint("attributes carry no unit: give the number in the attribute's own unit; the span's length is `duration`");
        } else {
            let message = format!("`{}` compares numbers, and `{spelling}` is none", operator.key);
            report.value(code, operator, message);
        }
        None
    }

    /// A text to look for; numbers and booleans as they are spelt.
    fn text(&self, report: &mut Report, operator: &Entry) -> Option<String> {
        if self.subject == Subject::Duration {
            let message = format!("`{}` is a duration, which `{}` does not work on", self.key, operator.key);
            report
                .add(Code::TypeMismatch, operator.key_at.clone(), message)
                .hint("`gt`, `gte`, `lt` and `lte` compare durations");
            return None;
        }
        shape::text(report, operator)
    }

    fn duration(&self, report: &mut Report, node: &Node, spelling: &str) -> Option<Value> {
        if matches!(node.value, Yaml::Number(_) | Yaml::Unusable(_)) || Number::from_text(spelling).is_some()
        {
            let message = format!("`{}` is a duration, and `{spelling}` has no unit", self.key);
            report.at(Code::DurationUnit, node, message).hint(with_unit(spelling));
            return None;
        }
        match Nanos::parse(spelling) {
            Ok(value) => Some(Value::Duration(value)),
            Err(error) => {
                let message = format!("`{}` is compared with durations: {error}", self.key);
                report.at(Code::BadDuration, node, message).hint(&error);
                None
            }
        }
    }

    fn word(
        &self,
        report: &mut Report,
        node: &Node,
        spelling: &str,
        words: &[&'static str],
    ) -> Option<Value> {
        if words.contains(&spelling) {
            return Some(Value::Text(spelling.to_owned()));
        }
        let message = format!("`{}` is never `{spelling}`; it is one of {}", self.key, shape::listed(words));
        let near = nearest(spelling, words.iter().copied());
        let finding = report.at(Code::InvalidValue, node, message);
        match spelling.parse::<usize>() {
            // The numbers that OTLP has for them.
            Ok(number) if number < words.len() => finding.did_you_mean(words.get(number).copied()),
            Ok(code) if words == STATUSES => {
                finding.hint(format!("a code of HTTP is `attributes: {{http.response.status_code: {code}}}`"))
            }
            _ => finding.did_you_mean(near),
        };
        None
    }

    fn unusable(&self, report: &mut Report, node: &Node, spelling: &str, why: &str) {
        let message = format!("`{}` cannot be compared with `{spelling}`: {why}", self.key);
        report.at(Code::BadNumber, node, message).hint(
            Hint::from(format!("write `\"{spelling}\"` to compare with the text"))
                .instead(format!("\"{spelling}\"")),
        );
    }
}

fn equals(mut values: Vec<Value>) -> Test {
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => Test::Eq(only),
        (last, _) => Test::In(values.into_iter().chain(last).collect()),
    }
}

fn differs(mut values: Vec<Value>) -> Test {
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => Test::Ne(only),
        (last, _) => Test::NotIn(values.into_iter().chain(last).collect()),
    }
}

/// Returns whether an attribute with the text of a plain number, as it is written, is read as that number: not so for
/// `0x80004005`, `0b101`, `1_000`.
fn is_read_back(spelling: &str) -> bool {
    let unsigned = spelling.trim_start_matches(['+', '-']);
    !spelling.contains('_') && !["0x", "0o", "0b"].iter().any(|prefix| unsigned.starts_with(prefix))
}

/// `1.10` is a number to YAML, and a version to many.
fn warn_of_dropped_zero(report: &mut Report, node: &Node, number: Number, spelling: &str) {
    let shortened = spelling.contains('.') && spelling.ends_with('0') && !spelling.contains(['e', 'E']);
    if let (Number::Float(value), true) = (number, shortened) {
        let message = format!("`{spelling}` is read as the number {value}, and matches `{value}` too");
        report
            .at(Code::NumberLikeText, node, message)
            .hint(format!("write `\"{spelling}\"` if it is a version, `{value}` if it is a number"));
    }
}

impl Number {
    /// A number that was written as text: `"100"`, `5%`. None where it is not finite.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits.trim_end(), true),
            None => (text, false),
        };
        let plain: String = digits.chars().filter(|&c| c != '_').collect();
        // `parse` also reads `inf` and `nan`, which no rule means.
        if !plain.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if percent {
            return plain
                .parse::<f64>()
                .map(|value| value / 100.0)
                .ok()
                .filter(|value| value.is_finite())
                .map(Self::Float);
        }
        if let Ok(int) = plain.parse::<i64>() {
            return Some(Self::Int(int));
        }
        plain.parse::<f64>().ok().filter(|value| value.is_finite()).map(Self::Float)
    }
}
