//! The rules that matchers are about, and the matchers that are about nothing.

use std::collections::BTreeSet;

use super::matcher::Matcher;
use super::matchers::Matchers;
use crate::diagnostic::{Code, Hint};
use crate::expr::nearest::nearest;
use crate::rule::Rule;
use crate::template::is_template;

/// The alerts of a rule that matchers are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// None.
    Nothing,
    /// Those whose groups have certain values.
    Some,
    /// All of them.
    Everything,
}

/// A matcher that is about nothing there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The kind of mistake that it probably is.
    pub code: Code,
    /// The matcher's number; none where no rule has all that is asked.
    pub matcher: Option<usize>,
    /// Of several values, which.
    pub value: Option<usize>,
    /// The thing that is not there, in one line.
    pub message: String,
    /// The text that was perhaps meant.
    pub hint: Option<Hint>,
}

/// A label of an alert of a rule.
enum Held<'a> {
    /// Always this text; the empty one where it has no such label.
    Text(&'a str),
    /// One of these texts, by which level of its condition holds.
    OneOf(Vec<&'a str>),
    /// A value that its group, or a template, makes.
    Varies,
}

fn held<'a>(rule: &'a Rule, label: &str) -> Held<'a> {
    match label {
        "rule" => Held::Text(&rule.name),
        "severity" if rule.condition.has_levels() => {
            let severities = rule.condition.levels().map(|level| rule.severity_of(level).as_str());
            Held::OneOf(severities.collect())
        }
        "severity" => Held::Text(rule.severity.as_str()),
        _ if rule.group_by.iter().any(|entry| entry.key == label) => Held::Varies,
        _ => match rule.labels.get(label).map(String::as_str) {
            Some(text) if is_template(text) => Held::Varies,
            text => Held::Text(text.unwrap_or_default()),
        },
    }
}

impl Matchers {
    /// Returns which alerts of the rule these are about.
    pub fn reach(&self, rule: &Rule) -> Reach {
        let of_one = |matcher: &Matcher| match held(rule, matcher.label()) {
            Held::Text(text) if matcher.matches(text) => Reach::Everything,
            Held::Text(_) => Reach::Nothing,
            Held::OneOf(texts) => match texts.iter().filter(|text| matcher.matches(text)).count() {
                0 => Reach::Nothing,
                all if all == texts.len() => Reach::Everything,
                _ => Reach::Some,
            },
            Held::Varies => Reach::Some,
        };
        self.iter().map(of_one).min().unwrap_or(Reach::Nothing)
    }

    /// Returns what of this is about nothing among `rules`, which must be all that there are.
    pub fn doubts(&self, rules: &[Rule]) -> Vec<Doubt> {
        let of_one = |(number, matcher): (usize, &Matcher)| doubts(number, matcher, rules);
        let mut doubts: Vec<Doubt> = self.iter().enumerate().flat_map(of_one).collect();
        if doubts.is_empty() && rules.iter().all(|rule| self.reach(rule) == Reach::Nothing) {
            doubts.push(Doubt {
                code: Code::NoRuleHasAll,
                matcher: None,
                value: None,
                message: format!("no rule has all of `{self}`"),
                hint: None,
            });
        }
        doubts
    }
}

fn doubts(number: usize, matcher: &Matcher, rules: &[Rule]) -> Vec<Doubt> {
    let label = matcher.label();
    let doubt = |code, value, message, hint| Doubt { code, matcher: Some(number), value, message, hint };
    let names = || rules.iter().flat_map(own_labels).chain(["rule", "severity"]);
    if names().all(|name| name != label) {
        let names: BTreeSet<&str> = names().collect();
        let message = format!("no rule has a label or a group key `{label}`");
        let hint = did_you_mean(nearest(label, names));
        return vec![doubt(Code::UnknownLabel, None, message, hint)];
    }
    let mut texts: BTreeSet<&str> = BTreeSet::new();
    for rule in rules {
        match held(rule, label) {
            Held::Text("") => {}
            Held::Text(text) => {
                texts.insert(text);
            }
            Held::OneOf(all) => texts.extend(all),
            // Of what varies nothing is known not to be there.
            Held::Varies => return Vec::new(),
        }
    }
    let (code, what) = match label {
        "rule" => (Code::SilencesNobody, "name".to_owned()),
        "severity" => (Code::UnknownLabelValue, "severity".to_owned()),
        _ => (Code::UnknownLabelValue, format!("label `{label}`")),
    };
    if let Some(pattern) = matcher.pattern_text() {
        if texts.iter().any(|text| matcher.means(text)) {
            return Vec::new();
        }
        let message = format!("`{pattern}` matches the whole {what} of no rule");
        return vec![doubt(code, None, message, unanchored(pattern, &texts).map(Hint::from))];
    }
    let unknown = matcher.values().iter().enumerate().filter(|(_, value)| !texts.contains(value.as_str()));
    let told = unknown.map(|(number, value)| {
        let message = match label {
            "rule" => format!("no rule named `{value}` is loaded"),
            _ => format!("no rule has the {what} `{value}`"),
        };
        doubt(code, Some(number), message, did_you_mean(nearest(value, texts.iter().copied())))
    });
    told.collect()
}

/// The labels and group keys of a rule.
fn own_labels(rule: &Rule) -> impl Iterator<Item = &str> {
    let groups = rule.group_by.iter().map(|entry| entry.key.as_str());
    rule.labels.keys().map(String::as_str).chain(groups)
}

fn did_you_mean(near: Option<&str>) -> Option<Hint> {
    near.map(Hint::did_you_mean)
}

/// Returns what to write where a pattern is found within a text, and does not match all of it.
fn unanchored(pattern: &str, texts: &BTreeSet<&str>) -> Option<String> {
    // It was read, so that it compiles; where not, there is nothing to advise.
    let regex = crate::expr::compile_pattern(pattern).ok()?;
    texts.iter().find(|text| regex.is_match(text))?;
    let before = if pattern.starts_with('^') { "" } else { ".*" };
    let behind = if pattern.ends_with('$') { "" } else { ".*" };
    let core = pattern.trim_start_matches('^').trim_end_matches('$');
    Some(format!("patterns are anchored at both ends: write `{before}{core}{behind}`"))
}
