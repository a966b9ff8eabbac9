//! A test file against the rules that it names: whether what it expects can be.

use super::{Expectation, State, TestFile};
use crate::diagnostic::{Code, Finding, Place, Related};
use crate::expr::nearest::nearest;
use crate::rule::{Aggregate, Rule};

impl TestFile {
    /// Findings about rules, aggregates and group keys that tests expect something of and that `rules` (all of the
    /// files that the test file names) do not have. In the order of the file.
    pub fn against(&self, rules: &[Rule]) -> Vec<Finding> {
        let expectations = self.tests.iter().flat_map(|test| &test.expect);
        expectations.flat_map(|expectation| expectation.against(rules)).collect()
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
        for value in self.values.iter().filter(|value| rule.aggregate(&value.key).is_none()) {
            let message = format!("`{}` has no aggregate `{}`", rule.name, value.key);
            let known = rule.aggregates.iter().map(|aggregate| aggregate.name.as_str());
            let near = nearest(&value.key, known.chain([Aggregate::COUNT]));
            findings.push(unknown(&value.place, message, near));
        }
        if !rule.enabled && self.state != State::Inactive {
            let message = format!("`{}` is not enabled, so that it has no alert", rule.name);
            findings.push(unknown(&self.rule_place, message, None));
        }
        findings
    }
}

fn unknown(place: &Place, message: String, near: Option<&str>) -> Finding {
    let mut finding = Finding {
        code: Code::UnknownExpected,
        message,
        place: place.clone(),
        hint: None,
        related: Vec::<Related>::new(),
    };
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
",
        )]);
        assert_eq!(rules.findings, []);
        let file = |expect: &str| {
            let text =
                format!("rules: [r.yml]\ntests: [{{name: t, spans: [{{at: 0s}}], expect: [{expect}]}}]\n");
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
