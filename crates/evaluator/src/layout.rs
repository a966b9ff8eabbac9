//! The layout of span files, brought up to the rules that are deployed.
//!
//! Done after an evaluation is committed, and never in its way: a layout that cannot be replaced now is replaced after a
//! later evaluation, and files are written in the one that was there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fluo_plan::attributes_read;
use fluo_rules::expr::parse_field;
use fluo_rules::field::{Field, Scope};
use fluo_rules::rule::Rule;
use fluo_spans::layout::AttributeScope;
use fluo_store::Root;
use fluo_store::guard::locked;
use fluo_store::layouts::{Asked, Attribute, Kept, LeftOut, MOST_ADDED, keep};
use fluo_time::Nanos;
use serde_json::{Value, json};

use crate::chain;
use crate::rule_set::RuleSet;

/// The time after which the layout is looked at though the rules are the same, in nanoseconds: what nobody asks for any more
/// goes by time alone.
const LOOK_AGAIN: i64 = Nanos::HOUR.0;

/// The longest time that an evaluation waits for its layout.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The change of the layout after an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayoutChange {
    /// Files have other columns from now on.
    New {
        /// The number of the layout.
        number: u32,
        /// The attributes that get columns, as rules write them.
        added: Vec<String>,
        /// The attributes that have none any more.
        dropped: Vec<String>,
        /// Those that rules ask for and that get none, each with the reason.
        left_out: BTreeMap<String, String>,
    },
    /// It could not be read or replaced: the reason.
    NotKept(String),
}

/// The rules that the layout was last brought up to, and the time of it.
#[derive(Debug, Default)]
pub(crate) struct LayoutKeeper(Mutex<Option<(Arc<RuleSet>, i64)>>);

impl LayoutKeeper {
    /// Brings the layout of a store up to rules, and to the attributes that are pinned; `None` where nothing changed.
    /// `at`: the time, in nanoseconds since the epoch.
    pub(crate) async fn keep(
        &self,
        root: &Root,
        rules: &Arc<RuleSet>,
        pinned: &BTreeSet<Attribute>,
        at: i64,
    ) -> Option<LayoutChange> {
        let is_known = locked(&self.0).as_ref().is_some_and(|(known, looked_at)| {
            Arc::ptr_eq(known, rules) && at.saturating_sub(*looked_at).saturating_abs() < LOOK_AGAIN
        });
        if is_known {
            return None;
        }
        let asked_by_rules = asked(rules.rules.values().map(|known| known.rule.as_ref()));
        let asked = Asked { pinned: pinned.clone(), ..asked_by_rules };
        let kept = keep(root, &asked, at.div_euclid(Nanos::MILLISECOND.0)).await;
        match kept {
            Ok(kept) => {
                *locked(&self.0) = Some((Arc::clone(rules), at));
                (kept.next.layout.number != kept.before.number).then(|| LayoutChange::of(&kept))
            }
            Err(error) => Some(LayoutChange::NotKept(chain(&error))),
        }
    }
}

impl LayoutChange {
    /// A store took too long to answer.
    pub(crate) fn too_slow() -> Self {
        Self::NotKept(format!("the store did not answer within {} seconds", PATIENCE.as_secs()))
    }

    fn of(kept: &Kept) -> Self {
        let shown = |attributes: &[Attribute]| attributes.iter().map(shown).collect();
        let left_out = kept.next.left_out.iter();
        Self::New {
            number: kept.next.layout.number,
            added: shown(&kept.next.added),
            dropped: shown(&kept.next.dropped),
            left_out: left_out.map(|(attribute, why)| (self::shown(attribute), reason(why))).collect(),
        }
    }

    /// Returns it for a log: what is to be said, and the facts.
    pub fn line(&self) -> (&'static str, Value) {
        match self {
            Self::New { number, added, dropped, left_out } => (
                "span files have other columns from now on",
                json!({"layout": number, "added": added, "dropped": dropped, "left_out": left_out}),
            ),
            Self::NotKept(reason) => (
                "the columns of span files were not brought up to the rules: a later evaluation does it",
                json!({"reason": reason}),
            ),
        }
    }
}

/// Returns the attributes that rules ask for.
pub fn asked<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Asked {
    let mut asked = Asked::default();
    for rule in rules {
        for attribute in attributes_read(rule) {
            asked.add(attribute, &rule.name);
        }
    }
    asked
}

/// Returns the attributes that a text of `columns` names, of spans and resources where it does not say which; `None` where it
/// names none.
pub fn pinned(text: &str) -> Option<Vec<Attribute>> {
    let Ok(Field::Attribute { scope, key }) = parse_field(text) else { return None };
    let scopes: &[AttributeScope] = match scope {
        Scope::Span => &[AttributeScope::Span],
        Scope::Resource => &[AttributeScope::Resource],
        Scope::Either => &[AttributeScope::Span, AttributeScope::Resource],
        Scope::Scope | Scope::Event | Scope::Link => return None,
    };
    Some(scopes.iter().map(|scope| (*scope, key.clone())).collect())
}

/// Returns an attribute as rules write it.
pub fn shown((scope, key): &Attribute) -> String {
    let scope = match scope {
        AttributeScope::Span => Scope::Span,
        AttributeScope::Resource => Scope::Resource,
    };
    Field::Attribute { scope, key: key.clone() }.to_string()
}

/// Returns why an attribute that is asked for gets no column.
pub fn reason(left_out: &LeftOut) -> String {
    match left_out {
        LeftOut::NoRoom => format!("there are {MOST_ADDED} columns that rules asked for already"),
        LeftOut::NameTaken(other) => format!("`{other}` has a column of the same name"),
        LeftOut::TooLong => "its name is too long for a column".to_owned(),
    }
}
