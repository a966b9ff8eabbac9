//! `inhibit` over all rules that are loaded together: rules that are not there, keys that never agree, circles.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Finding, Place};
use crate::expr::nearest::nearest;
use crate::rule::Rule;

/// Most names that are compared with those of all rules, which takes a while where there are 10,000.
const MAX_SUGGESTIONS: usize = 20;

/// An entry of a rule's `inhibit`.
#[derive(Debug)]
pub(crate) struct Inhibited {
    /// The name of the rule that keeps the other quiet.
    pub(crate) by: String,
    /// The name of the rule that is kept quiet, where it has one.
    pub(crate) rule: Option<String>,
    /// The place of the entry.
    pub(crate) place: Place,
    /// The keys of its `equal`, and where they stand.
    pub(crate) equal: Vec<(String, Place)>,
}

/// Returns what is wrong with all entries, each with the number of its file. `rules` are the sound ones, `named` all.
pub(crate) fn findings(
    inhibits: &[(usize, &Inhibited)],
    rules: &[&Rule],
    named: &BTreeMap<&str, &Place>,
) -> Vec<(usize, Finding)> {
    let mut found = circles(inhibits);
    found.extend(unknown(inhibits, named));
    found.extend(unequal(inhibits, rules));
    // The rules of an objective have their entries in common.
    let mut told = BTreeSet::new();
    found.retain(|(file, Finding { code, place, .. })| {
        told.insert((*file, code.as_str(), place.start.line, place.start.column))
    });
    found
}

/// Warns of rules that are not loaded.
fn unknown(inhibits: &[(usize, &Inhibited)], named: &BTreeMap<&str, &Place>) -> Vec<(usize, Finding)> {
    let unknown = inhibits.iter().filter(|(_, entry)| !named.contains_key(entry.by.as_str()));
    let findings = unknown.enumerate().map(|(number, (file, Inhibited { by, place, .. }))| {
        let message = format!("no rule named `{by}` is loaded");
        let mut finding = finding(Code::UnknownRule, message, place);
        if number < MAX_SUGGESTIONS {
            finding.did_you_mean(nearest(by, named.keys().copied()));
        }
        (*file, finding)
    });
    findings.collect()
}

/// Reports the keys of `equal` that one of both rules does not group by: no alert of it has them.
fn unequal(inhibits: &[(usize, &Inhibited)], rules: &[&Rule]) -> Vec<(usize, Finding)> {
    let by_name: BTreeMap<&str, &Rule> = rules.iter().map(|rule| (rule.name.as_str(), *rule)).collect();
    let mut found = Vec::new();
    for (file, Inhibited { by, rule, equal, .. }) in inhibits {
        let both = [rule.as_deref().unwrap_or_default(), by].map(|name| by_name.get(name));
        let [Some(rule), Some(by)] = both else { continue };
        for (key, place) in equal {
            let lacks = |rule: &&&Rule| rule.group_by.iter().all(|group| group.key != *key);
            let Some(lacking) = [rule, by].into_iter().find(lacks) else { continue };
            let message =
                format!("`{}` is not grouped by `{key}`, so that this inhibits nothing", lacking.name);
            let mut finding = finding(Code::NeverEqual, message, place);
            finding.hint("name keys that both rules have in `group_by`");
            found.push((*file, finding));
        }
    }
    found
}

fn finding(code: Code, message: String, place: &Place) -> Finding {
    Finding { code, message, place: place.clone(), hint: None, related: Vec::new() }
}

/// Finds the circles of `inhibit`: of each the entry that closes it, with the number of its file. An evaluation goes on
/// without what closes them.
fn circles(inhibits: &[(usize, &Inhibited)]) -> Vec<(usize, Finding)> {
    let mut next: BTreeMap<&str, Vec<(usize, &Inhibited)>> = BTreeMap::new();
    for (file, entry) in inhibits {
        if let Some(rule) = &entry.rule {
            next.entry(rule).or_default().push((*file, entry));
        }
    }
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for start in inhibits.iter().filter_map(|(_, entry)| entry.rule.as_deref()) {
        if !done.insert(start) {
            continue;
        }
        // The rules on the way, each with the number of its entries that were followed; and where each is on the way.
        let mut way: Vec<(&str, usize)> = vec![(start, 0)];
        let mut on_way: BTreeMap<&str, usize> = BTreeMap::from([(start, 0)]);
        while let Some((rule, followed)) = way.last_mut() {
            let Some((file, entry)) = next.get(rule).and_then(|entries| entries.get(*followed)) else {
                on_way.remove(rule);
                way.pop();
                continue;
            };
            *followed += 1;
            let other = entry.by.as_str();
            if let Some(begin) = on_way.get(other) {
                // By itself alone is a conflict of keys, which is told already.
                if begin + 1 < way.len() {
                    let names: Vec<&str> = way[*begin..].iter().map(|(rule, _)| *rule).collect();
                    found.push((*file, circle(&names, entry)));
                }
            } else if done.insert(other) {
                on_way.insert(other, way.len());
                way.push((other, 0));
            }
        }
    }
    found
}

fn circle(names: &[&str], closes: &Inhibited) -> Finding {
    /// The most names that are shown.
    const SHOWN: usize = 8;
    let mut shown: Vec<&str> = names.iter().copied().take(SHOWN).collect();
    shown.extend((names.len() > SHOWN).then_some("…"));
    shown.extend(names.first());
    Finding {
        code: Code::InhibitCircle,
        message: format!("rules inhibit each other in a circle: {}", shown.join(", ")),
        place: closes.place.clone(),
        hint: Some("leave this one out: a rule that explains the others is inhibited by none of them".into()),
        related: Vec::new(),
    }
}
