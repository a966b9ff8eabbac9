//! A test file against the rules that it names: whether what it expects can be.

use super::{Expectation, Literal, Placed, State, Template, Test, TestFile};
use crate::diagnostic::{Code, Finding, Place, Related};
use crate::expr::nearest::nearest;
use crate::field::{Field, Intrinsic};
use crate::rule::{Aggregate, Rule, Severity};

impl TestFile {
    /// Findings about rules, aggregates and group keys that tests expect something of and that `rules` (all of the
    /// files that the test file names) do not have. In the order of the file.
    pub fn against(&self, rules: &[Rule]) -> Vec<Finding> {
        self.tests.iter().flat_map(|test| test.against(rules)).collect()
    }
}

impl Test {
    fn against(&self, rules: &[Rule]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for expectation in &self.expect {
            findings.extend(expectation.against(rules));
            let rule = rules.iter().find(|rule| rule.name == expectation.rule);
            // Of spans in files, nothing is known here.
            if let (Some(rule), State::Inactive, []) = (rule, expectation.state, &*self.span_files) {
                findings.extend(expectation.group.iter().filter_map(|entry| self.holds_anyway(rule, entry)));
            }
        }
        findings
    }

    /// Returns the finding of an expectation that there is no alert, of a group that no span is in.
    fn holds_anyway(&self, rule: &Rule, entry: &Placed<Option<String>>) -> Option<Finding> {
        let value = entry.value.as_deref()?;
        let key = rule.group_by.iter().find(|key| key.key == entry.key)?;
        if !has_written_values(&key.field)
            || rule.expect.iter().flatten().flatten().any(|known| known == value)
        {
            return None;
        }
        if self.templates.iter().any(|template| template.may_have(value)) {
            return None;
        }
        let message = format!("no span of this test has the value `{value}`: the expectation holds anyway");
        let near = nearest(value, self.templates.iter().flat_map(Template::texts));
        Some(finding(Code::UnknownGroupValue, &entry.place, message, near))
    }
}

/// Returns whether the values of a field stand in a test as they are; others are made or worked out.
fn has_written_values(field: &Field) -> bool {
    use Intrinsic::{Duration, Root, SelfTime, SpanId, TraceId};
    match field {
        Field::Parent(field) => has_written_values(field),
        field => !matches!(field, Field::Intrinsic(Duration | SelfTime | Root | SpanId | TraceId)),
    }
}

impl Template {
    /// Returns whether one of its spans may have this value, whatever the field.
    fn may_have(&self, value: &str) -> bool {
        self.texts().any(|text| text == value) || self.literals().any(|literal| literal.may_be(value))
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let own = [&*self.name, self.kind.as_str(), self.status.as_str(), &self.status_message];
        let of_scope = [&*self.scope_name, &self.scope_version];
        let plain = own.into_iter().chain(of_scope).chain(self.service_name.as_deref());
        plain.chain(self.literals().filter_map(|literal| match literal {
            Literal::Text(text) => Some(text.as_str()),
            _ => None,
        }))
    }

    fn literals(&self) -> impl Iterator<Item = &Literal> {
        [&self.attributes, &self.resource, &self.scope].into_iter().flatten().map(|(_, literal)| literal)
    }
}

impl Literal {
    /// Returns whether a group that has this literal may have `value` as its text.
    #[expect(clippy::cast_precision_loss, reason = "a warning less, at worst")]
    fn may_be(&self, value: &str) -> bool {
        match self {
            Self::Text(text) => text == value,
            Self::Bool(literal) => value == if *literal { "true" } else { "false" },
            Self::Int(literal) => value.parse() == Ok(*literal as f64),
            Self::Float(literal) => value.parse() == Ok(*literal),
            Self::List(_) | Self::Map(_) => value.starts_with(['[', '{']),
        }
    }
}

impl Expectation {
    fn against(&self, rules: &[Rule]) -> Vec<Finding> {
        let Some(rule) = rules.iter().find(|rule| rule.name == self.rule) else {
            let message = format!("no rule named `{}` is in the files under test", self.rule);
            let near = nearest(&self.rule, rules.iter().map(|rule| rule.name.as_str()));
            return vec![unknown(&self.rule_place, message, near)];
        };
        let mut findings = Vec::new();
        for key in self.group.iter().filter(|key| rule.group_by.iter().all(|known| known.key != key.key)) {
            let message = format!("`{}` is no key of `group_by` of `{}`", key.key, rule.name);
            let near = nearest(&key.key, rule.group_by.iter().map(|known| known.key.as_str()));
            findings.push(unknown(&key.place, message, near));
        }
        let calls = rule.condition.earlier();
        let is_known = |name: &str| rule.aggregate(name).is_some() || rule.declares(name);
        for value in self.values.iter().filter(|value| !is_known(&value.key)) {
            let message = format!("`{}` has no aggregate `{}`", rule.name, value.key);
            let known = rule.aggregates.iter().map(|aggregate| aggregate.name.as_str());
            let known = known.chain(calls.iter().map(|call| call.name.as_str()));
            let near = nearest(&value.key, known.chain(rule.counts()).chain([Aggregate::COUNT]));
            findings.push(unknown(&value.place, message, near));
        }
        if let Some((severity, place)) = &self.severity {
            let levels = rule.condition.levels().map(|level| rule.severity_of(level));
            let severities: Vec<&str> = levels.map(Severity::as_str).collect();
            if !severities.contains(&severity.as_str()) {
                let message = format!("`{}` is never {severity}", rule.name);
                let mut finding = unknown(place, message, None);
                finding.hint(format!("it is {}", severities.join(" or ")));
                findings.push(finding);
            }
        }
        if !rule.enabled && self.state != State::Inactive {
            let message = format!("`{}` is not enabled, so that it has no alert", rule.name);
            findings.push(unknown(&self.rule_place, message, None));
        }
        findings
    }
}

fn unknown(place: &Place, message: String, near: Option<&str>) -> Finding {
    finding(Code::UnknownExpected, place, message, near)
}

fn finding(code: Code, place: &Place, message: String, near: Option<&str>) -> Finding {
    let mut finding =
        Finding { code, message, place: place.clone(), hint: None, related: Vec::<Related>::new() };
    finding.did_you_mean(near);
    finding
}

#[cfg(test)]
mod tests {
    use crate::{SourceFile, load, test_file};

    #[test]
    fn what_the_rules_do_not_have_is_told() {
        let rules = load(&[SourceFile::new(
            "r.yml",
            "- {name: errors, span: {}, group_by: [service_name], aggregation: {failures: count}, condition: failures > 5}
- {name: off, enabled: false, span: {}, condition: count > 5}
- {name: levels, span: {}, condition: {info: count > 5, critical: count > 50}}
",
        )]);
        assert_eq!(rules.findings, []);
        let file = |expect: &str| {
            let text = format!(
                "rules: [r.yml]\ntests: [{{name: t, spans: [{{at: 0s, service_name: pay}}], expect: [{expect}]}}]\n"
            );
            let loaded = test_file::load(&[SourceFile::new("r.test.yml", text)]);
            assert_eq!(loaded.findings, [], "{expect}");
            loaded.tests.into_iter().next().unwrap()
        };
        for (scenario, expect, told) in [
            (
                "all is there",
                "{rule: errors, at: 0s, state: firing, value: {failures: 6, count: 6}, group: {service_name: x}}",
                "",
            ),
            (
                "a rule",
                "{rule: eroors, at: 0s, state: firing}",
                "no rule named `eroors` is in the files under test",
            ),
            (
                "an aggregate",
                "{rule: errors, at: 0s, state: firing, value: {failure: 6}}",
                "`errors` has no aggregate `failure`",
            ),
            (
                "a group key",
                "{rule: errors, at: 0s, state: firing, group: {service: x}}",
                "`service` is no key of `group_by` of `errors`",
            ),
            (
                "a group that there is",
                "{rule: errors, at: 0s, state: inactive, group: {service_name: pay}}",
                "",
            ),
            (
                "a group that there is not",
                "{rule: errors, at: 0s, state: inactive, group: {service_name: pya}}",
                "no span of this test has the value `pya`: the expectation holds anyway",
            ),
            ("a severity", "{rule: levels, at: 0s, state: firing, severity: info}", ""),
            (
                "a severity that no level has",
                "{rule: levels, at: 0s, state: firing, severity: warning}",
                "`levels` is never warning",
            ),
            (
                "a severity that the rule does not have",
                "{rule: errors, at: 0s, state: firing, severity: critical}",
                "`errors` is never critical",
            ),
            (
                "a disabled rule",
                "{rule: off, at: 0s, state: firing}",
                "`off` is not enabled, so that it has no alert",
            ),
        ] {
            let found = file(expect).against(&rules.rules);
            let messages: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
            assert_eq!(messages.join("\n"), told, "{scenario}");
            let hinted = found.iter().all(|finding| {
                finding.hint.is_some() || told.contains("not enabled") || told.contains("`service`")
            });
            assert!(hinted, "{scenario}: {found:?}");
        }
    }
}
