//! Mutes alerts that are redundant while others fire, and decides what becomes of those that end before anybody was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluo_rules::rule::{Inhibit, Rule};

use super::state::{Alert, Phase, RuleState};
use crate::notification::{Event, Untold};

/// Group keys and values.
type Group = Vec<(String, Option<String>)>;

/// The most alerts that one remembers to have inhibited.
const MOST_UNTOLD: usize = 1000;

/// The groups in which alerts fire, and the rules that these make redundant.
pub(super) struct Inhibition<'a> {
    rules: &'a BTreeMap<String, Arc<Rule>>,
    firing: BTreeMap<String, Vec<Group>>,
}

/// The rules that make one redundant now, each with the groups in which it fires.
pub(super) struct Inhibitors<'a>(Vec<(&'a Inhibit, &'a [Group])>);

impl<'a> Inhibition<'a> {
    pub(super) fn new(states: &[(&str, &mut RuleState)], rules: &'a BTreeMap<String, Arc<Rule>>) -> Self {
        let mut firing: BTreeMap<String, Vec<Group>> = BTreeMap::new();
        for (name, state) in states {
            for group in state.groups.values().filter(|group| group.alerts.iter().any(Alert::is_firing)) {
                firing.entry((*name).to_owned()).or_default().push(group.group.clone());
            }
        }
        Self { rules, firing }
    }

    /// The inhibitors of the rule `name`.
    pub(super) fn of(&self, name: &str) -> Inhibitors<'_> {
        let entries = self.entries(name).iter();
        // Rules that inhibit each other in a circle would silence each other for good.
        let firing = entries
            .filter(|entry| !inhibits(self.rules, name, &entry.rule))
            .filter_map(|entry| Some((entry, self.firing.get(&entry.rule)?.as_slice())));
        Inhibitors(firing.collect())
    }

    fn entries(&self, name: &str) -> &'a [Inhibit] {
        self.rules.get(name).map_or(&[], |rule| &rule.inhibit)
    }

    /// Gives the alerts that were inhibited, and that were over before anybody was told, to those that inhibited them: who
    /// is told that these are over is told of them, too.
    pub(super) fn hand_over_untold(&self, states: &mut [(&str, &mut RuleState)]) {
        let mut untold: Vec<(String, Untold)> = Vec::new();
        for (name, state) in states.iter_mut() {
            let inhibitors = self.of(name);
            for group in state.groups.values_mut() {
                for alert in &mut group.alerts {
                    if alert.phase != Phase::Resolved || alert.known || alert.passed_on {
                        continue;
                    }
                    let by = match alert.owed {
                        // It was inhibited for as long as it fired.
                        None => {
                            alert.muted_by.take().and_then(|by| by.strip_prefix("rule ").map(str::to_owned))
                        }
                        // It began and was over between two evaluations.
                        Some(Event::FiredLate) => inhibitors.of(&group.group).map(str::to_owned),
                        Some(_) => None,
                    };
                    let Some(by) = by else { continue };
                    alert.owed = None;
                    let (id, rule, group) = (alert.told.id, (*name).to_owned(), group.group.clone());
                    let (starts_at, ends_at) = (alert.starts_at, alert.ends_at);
                    untold.push((by, Untold { id, rule, group, starts_at, ends_at }));
                }
            }
        }
        for (by, alert) in untold {
            let entries: Vec<&Inhibit> =
                self.entries(&alert.rule).iter().filter(|entry| entry.rule == by).collect();
            let heir = states
                .iter_mut()
                .filter(|(name, _)| *name == by)
                .flat_map(|(_, state)| state.groups.values_mut())
                .filter(|group| entries.iter().any(|entry| agree(entry, &group.group, &alert.group)))
                .flat_map(|group| &mut group.alerts)
                .find(|other| other.is_firing() || other.owed == Some(Event::Resolved));
            // Where what inhibited it is over, too, and that was told, the record is all that stays.
            if let Some(heir) = heir.filter(|heir| heir.untold.len() < MOST_UNTOLD) {
                heir.untold.push(alert);
            }
        }
    }
}

impl<'a> Inhibitors<'a> {
    /// The rule that makes an alert of this group redundant now.
    pub(super) fn of(&self, group: &Group) -> Option<&'a str> {
        let found =
            self.0.iter().find(|(entry, firing)| firing.iter().any(|other| agree(entry, other, group)));
        found.map(|(entry, _)| entry.rule.as_str())
    }
}

/// Returns whether two groups have the same value of the keys that `entry` names; of every key that both have, where it
/// names none. Without a value is a value of its own; without the key is none.
fn agree(entry: &Inhibit, one: &Group, other: &Group) -> bool {
    match &entry.equal {
        Some(keys) => keys.iter().all(|key| {
            let found = value(one, key);
            found.is_some() && found == value(other, key)
        }),
        None => one.iter().all(|(key, mine)| value(other, key).is_none_or(|theirs| theirs == mine)),
    }
}

/// The value of a key of a group; none where the group has no such key.
fn value<'a>(group: &'a Group, key: &str) -> Option<&'a Option<String>> {
    group.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// Returns whether `name` makes `other` redundant, directly or by way of others; every rule does so itself.
fn inhibits(rules: &BTreeMap<String, Arc<Rule>>, name: &str, other: &str) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut next = vec![other];
    while let Some(rule) = next.pop() {
        if rule == name {
            return true;
        }
        if seen.insert(rule) {
            let entries = rules.get(rule).into_iter().flat_map(|rule| &rule.inhibit);
            next.extend(entries.map(|entry| entry.rule.as_str()));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pairs: &[(&str, Option<&str>)]) -> Group {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
    }

    fn entry(equal: Option<&[&str]>) -> Inhibit {
        let equal = equal.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
        Inhibit { rule: "r".to_owned(), equal }
    }

    #[test]
    fn groups_agree_where_every_common_key_has_one_value() {
        let (a, b) = (("service_name", Some("a")), ("service_name", Some("b")));
        let region = ("region", Some("eu"));
        for (scenario, one, other, expected) in [
            ("the same", group(&[a]), group(&[a]), true),
            ("another value", group(&[a]), group(&[b]), false),
            ("one is divided further", group(&[a]), group(&[region, a]), true),
            ("divided further, of another", group(&[b]), group(&[region, a]), false),
            ("no common key", group(&[region]), group(&[a]), true),
            ("no groups at all", group(&[]), group(&[a]), true),
            ("both without a value", group(&[("region", None)]), group(&[("region", None)]), true),
            ("one without a value", group(&[("region", None)]), group(&[region]), false),
        ] {
            assert_eq!(agree(&entry(None), &one, &other), expected, "{scenario}");
            assert_eq!(agree(&entry(None), &other, &one), expected, "{scenario}, the other way round");
        }
    }

    #[test]
    fn groups_agree_in_the_keys_that_are_named() {
        let a = ("service_name", Some("a"));
        let (eu, us, none) = (("region", Some("eu")), ("region", Some("us")), ("region", None));
        for (scenario, equal, one, other, expected) in [
            ("the named one is the same", &["service_name"][..], group(&[a, eu]), group(&[a, us]), true),
            ("the named one differs", &["region"], group(&[a, eu]), group(&[a, us]), false),
            ("one of two differs", &["service_name", "region"], group(&[a, eu]), group(&[a, us]), false),
            ("both are the same", &["service_name", "region"], group(&[a, eu]), group(&[eu, a]), true),
            ("both are without a value", &["region"], group(&[none]), group(&[a, none]), true),
            ("one is without a value", &["region"], group(&[none]), group(&[eu]), false),
            ("one has no such key", &["region"], group(&[a]), group(&[a, none]), false),
            ("neither has such a key", &["region"], group(&[a]), group(&[a]), false),
            ("nothing is to agree", &[], group(&[eu]), group(&[us]), true),
        ] {
            let entry = entry(Some(equal));
            assert_eq!(agree(&entry, &one, &other), expected, "{scenario}");
            assert_eq!(agree(&entry, &other, &one), expected, "{scenario}, the other way round");
        }
    }

    #[test]
    fn circles_inhibit_nobody() {
        let text = "
- {name: a, span: {}, condition: count > 1, inhibit: [b]}
- {name: b, span: {}, condition: count > 1, inhibit: [{rule: c, equal: []}]}
- {name: c, span: {}, condition: count > 1, inhibit: [a]}
- {name: d, span: {}, condition: count > 1, inhibit: [a]}
";
        let loaded = fluo_rules::load(&[fluo_rules::SourceFile::new("r.yml", text)]).rules;
        let rules = loaded.into_iter().map(|rule| (rule.name.clone(), Arc::new(rule))).collect();
        for (name, other, expected) in
            [("a", "b", true), ("b", "c", true), ("c", "a", true), ("a", "a", true), ("d", "a", false)]
        {
            assert_eq!(inhibits(&rules, name, other), expected, "{name}, which {other} is to inhibit");
        }
    }
}
