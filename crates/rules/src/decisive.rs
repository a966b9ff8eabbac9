//! The part of a rule that decides: its hash, under which its text is kept, and the comparison of two rules by it.
//!
//! The hash is of the rule's keys with the defaults in their places, without those that say only who is told how, and
//! without comments, order of keys and style. So it changes where moments may be judged otherwise, and not with a
//! comment, a severity, or when the rule moves in its file. It is made of what was read and not of what that means:
//! another version of fluo, which may read more out of it, has the same hash.

use sha2::{Digest as _, Sha256};

use crate::condition::Condition;
use crate::rule::{Rule, Subject};
use crate::yaml::{self, Node, Yaml};

/// Keys that decide nothing about a moment: who is told of it, how, how often, and how much is too much for one rule.
const UNDECIDING: [&str; 10] = [
    "annotations",
    "description",
    "enabled",
    "group_limit",
    "inhibit",
    "labels",
    "notification_limit",
    "realert",
    "severity",
    "top",
];

/// SHA-256, in lower-case hexadecimal, of what decides of a rule whose keys, with the defaults among them, `whole` are.
///
/// Its `limits` are a list of rows, also where they stand in a file of their own.
pub(crate) fn hash(whole: &Node, limits: Option<Node>, file: &str) -> String {
    let mut decisive = whole.clone();
    if let Yaml::Map(entries) = &mut decisive.value {
        entries.retain(|entry| !UNDECIDING.contains(&entry.key.as_str()));
        if let (Some(limits), Some(entry)) =
            (limits, entries.iter_mut().find(|entry| entry.key == crate::tables::LIMITS))
        {
            entry.value = limits;
        }
    }
    sort(&mut decisive);
    text_hash(&yaml::flow(&decisive, file))
}

/// The hash of one of the rules that a rule of this hash becomes.
pub(crate) fn hash_of_part(hash: &str, part: &str) -> String {
    text_hash(&format!("{hash}/{part}"))
}

/// Returns whether two rules of different hashes judge every moment alike, because they differ in spelling alone
/// (`60s`, `1m`).
pub fn decide_alike(one: &Rule, other: &Rule) -> bool {
    let mut aligned = other.clone();
    aligned.description.clone_from(&one.description);
    aligned.severity = one.severity;
    aligned.enabled = one.enabled;
    aligned.labels.clone_from(&one.labels);
    aligned.annotations.clone_from(&one.annotations);
    aligned.group_limit = one.group_limit;
    aligned.realert = one.realert;
    aligned.inhibit.clone_from(&one.inhibit);
    aligned.notification_limit = one.notification_limit;
    aligned.top.clone_from(&one.top);
    align_texts(&mut aligned.condition, &one.condition);
    if let (Subject::Traces(aligned), Subject::Traces(one)) = (&mut aligned.subject, &one.subject)
        && let (Some(aligned), Some(one)) = (&mut aligned.condition, &one.condition)
    {
        aligned.text.clone_from(&one.text);
    }
    aligned.source = one.source.clone();
    aligned == *one
}

/// Takes the spelling of another condition over, as far as the two have the same parts.
fn align_texts(condition: &mut Condition, other: &Condition) {
    condition.text.clone_from(&other.text);
    let others = other.levels().map(|level| &level.condition).chain(&other.resolve);
    let levels = std::iter::once(&mut condition.lowest).chain(&mut condition.higher);
    let own = levels.map(|level| &mut level.condition).chain(&mut condition.resolve);
    own.zip(others).for_each(|(own, other)| own.text.clone_from(&other.text));
}

/// SHA-256 of a text, in lower-case hexadecimal.
pub fn text_hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Puts the keys of every mapping in order.
fn sort(node: &mut Node) {
    match &mut node.value {
        Yaml::Map(entries) => {
            entries.sort_by(|one, other| one.key.cmp(&other.key));
            for entry in entries {
                sort(&mut entry.value);
            }
        }
        Yaml::List(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}
