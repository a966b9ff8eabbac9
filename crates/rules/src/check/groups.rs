//! `group_by` and `expect`, and the other lists of fields: `evidence` and `top`.

use std::collections::BTreeSet;

use super::trace::OF_TRACES;
use super::{Report, expression, shape};
use crate::diagnostic::Code;
use crate::expr::nearest::nearest;
use crate::keys::Table;
use crate::matcher::Number;
use crate::rule::{EvidenceKeys, GroupKey};
use crate::yaml::{Entry, Node, Yaml};

/// A list of fields.
struct List {
    /// The name of one of them.
    one: &'static str,
    /// The most that there may be.
    most: usize,
    /// True if a span may have many of one.
    many: bool,
    /// The reason why it cannot be of a parent, if it cannot.
    refuses_kin: Option<&'static str>,
}

/// The reason of lists that say what is shown of spans: that is read of the spans alone.
const SHOWN: Option<&str> = Some("it is shown of the span itself");

/// The value of `group_by`.
pub(super) fn group_by(report: &mut Report, entry: &Entry) -> Option<Vec<GroupKey>> {
    fields(report, entry, &List { one: "a group key", most: 32, many: false, refuses_kin: None })
}

/// The value of `by`: one key at least.
pub(super) fn by(report: &mut Report, entry: &Entry) -> Option<Vec<GroupKey>> {
    let keys = fields(
        report,
        entry,
        &List { one: "a key of `by`", most: 32, many: false, refuses_kin: Some(OF_TRACES) },
    )?;
    if keys.is_empty() {
        report.value(Code::InvalidValue, entry, "`by` lists no keys").hint("`by: [user.id]`");
        return None;
    }
    Some(keys)
}

/// The value of `top`.
pub(super) fn top(report: &mut Report, entry: &Entry) -> Option<Vec<GroupKey>> {
    fields(report, entry, &List { one: "a key of `top`", most: 8, many: false, refuses_kin: SHOWN })
}

/// The value of `evidence`: a list of fields, or `{only: …}`.
pub(super) fn evidence(report: &mut Report, entry: &Entry) -> Option<EvidenceKeys> {
    let list = List { one: "a key of `evidence`", most: 32, many: true, refuses_kin: SHOWN };
    let Yaml::Map(entries) = &entry.value.value else {
        return Some(EvidenceKeys { keys: fields(report, entry, &list)?, only: false });
    };
    shape::known_keys(report, entries, Table::Evidence, "`evidence`");
    shape::required_keys(report, &entry.value, Table::Evidence, "`evidence`");
    Some(EvidenceKeys { keys: fields(report, entry.value.get("only")?, &list)?, only: true })
}

fn fields(report: &mut Report, entry: &Entry, list: &List) -> Option<Vec<GroupKey>> {
    let List { one, most, .. } = list;
    let items = shape::items(report, entry)?;
    if items.len() > *most {
        let message = format!("`{}` has {} keys; it may have {most}", entry.key, items.len());
        report.value(Code::InvalidValue, entry, message);
        return None;
    }
    let mut keys: Vec<GroupKey> = Vec::new();
    let mut sound = true;
    for item in items {
        let name = shape::item_text(report, item, &entry.key);
        let field = |report: &mut Report, name: &str| expression::field(report, item, name);
        let field_of = |report: &mut Report, name: &str| match list.refuses_kin {
            Some(why) => report.without_kin(why, |report| field(report, name)),
            None => field(report, name),
        };
        let Some((name, field)) = name.and_then(|name| field_of(report, &name).map(|field| (name, field)))
        else {
            sound = false;
            continue;
        };
        if let Some(many) = field.many().filter(|_| !list.many) {
            let message = format!("`{name}` cannot be {one}: a span may have many {many}");
            report.at(Code::NotGroupable, item, message);
            sound = false;
        } else if keys.iter().any(|key| key.key == name) {
            report.at(Code::Conflict, item, format!("`{name}` is {one} already"));
            sound = false;
        } else {
            keys.push(GroupKey { key: name, field });
        }
    }
    sound.then_some(keys)
}

/// The value of `expect`: groups, each with one value per group key.
pub(super) fn expect(
    report: &mut Report,
    entry: &Entry,
    keys: &[GroupKey],
) -> Option<Vec<Vec<Option<String>>>> {
    let items = shape::list(report, entry, "a list of groups")?;
    if keys.is_empty() {
        report
            .add(
                Code::BadExpectation,
                entry.key_at.clone(),
                "`expect` lists groups, and the rule has no `group_by`",
            )
            .hint("without `group_by` the one group always exists");
        return None;
    }
    let mut groups: Vec<Vec<Option<String>>> = Vec::new();
    let mut listed = BTreeSet::new();
    let mut sound = true;
    for item in items {
        match group(report, item, keys) {
            Some(group) if !listed.insert(group.clone()) => {
                report.at(Code::BadExpectation, item, "this group is listed already");
                sound = false;
            }
            Some(group) => groups.push(group),
            None => sound = false,
        }
    }
    sound.then_some(groups)
}

/// Reports more expected groups than there may be.
pub(super) fn check_limit(report: &mut Report, entry: &Entry, groups: usize, limit: u32) {
    if usize::try_from(limit).is_ok_and(|limit| groups > limit) {
        let message = format!("`expect` lists {groups} groups, and `group_limit` is {limit}");
        report.add(Code::BadExpectation, entry.key_at.clone(), message);
    }
}

fn group(report: &mut Report, item: &Node, keys: &[GroupKey]) -> Option<Vec<Option<String>>> {
    let Some(entries) = item.entries() else {
        if let ([_], false) = (keys, matches!(item.value, Yaml::List(_))) {
            return value(report, item).ok().map(|value| vec![value]);
        }
        let names: Vec<_> = keys.iter().map(|key| format!("{}: …", key.key)).collect();
        let message = format!("a group of several keys is a mapping, not {}", item.describe());
        report.at(Code::BadExpectation, item, message).hint(format!("write `{{{}}}`", names.join(", ")));
        return None;
    };
    let errors = report.errors();
    let unknown = entries.iter().filter(|entry| keys.iter().all(|key| key.key != entry.key));
    for entry in unknown {
        let message = format!("`{}` is no key of `group_by`", entry.key);
        let near = nearest(&entry.key, keys.iter().map(|key| key.key.as_str()));
        report.add(Code::BadExpectation, entry.key_at.clone(), message).did_you_mean(near);
    }
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(entry) = item.get(&key.key) {
            values.push(value(report, &entry.value).ok());
        } else {
            let message = format!("this group has no value for `{}`", key.key);
            let hint = format!("`{}: null` stands for a missing value", key.key);
            report.at(Code::BadExpectation, item, message).hint(hint);
        }
    }
    if report.errors() > errors {
        return None;
    }
    values.into_iter().collect()
}

/// A mistake that has been reported.
pub(super) struct Reported;

/// One value of a group, as the text that spans are grouped by; nothing stands for a missing one.
pub(super) fn value(report: &mut Report, node: &Node) -> Result<Option<String>, Reported> {
    match &node.value {
        Yaml::Null => Ok(None),
        Yaml::Bool(value) => Ok(Some(value.to_string())),
        // The spelling: group values are texts, and `1.10` is not `1.1`.
        Yaml::Text(_) | Yaml::Number(_) | Yaml::Unusable(_) => {
            let spelling = node.scalar_text(&report.text()).map(str::to_owned);
            if let (Yaml::Number(number), Some(spelling)) = (&node.value, &spelling) {
                warn_of_spelling(report, node, *number, spelling);
            }
            Ok(spelling)
        }
        Yaml::List(_) | Yaml::Map(_) => {
            let message = format!("a group's value must be text, not {}", node.describe());
            report.at(Code::BadExpectation, node, message);
            Err(Reported)
        }
    }
}

/// `0x1f` is a number to YAML and a text here, and which of the two a group is called cannot be told.
fn warn_of_spelling(report: &mut Report, node: &Node, number: Number, spelling: &str) {
    let plain = spelling.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !plain {
        let value = match number {
            Number::Int(int) => int.to_string(),
            Number::Float(float) => float.to_string(),
        };
        report
            .at(
                Code::NumberLikeText,
                node,
                format!("a group's value is a text: this is the text `{spelling}`"),
            )
            .hint(format!("write `\"{spelling}\"` for the text, `{value}` for the number"));
    }
}
