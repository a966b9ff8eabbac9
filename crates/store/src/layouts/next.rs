//! The attributes that rules ask for → the next layout: bounded, and slow to forget.
//!
//! A column comes at once, and goes when no rule has asked for it for a week: a rule that is taken out and put back, or
//! two evaluators whose rules differ while a change is rolled out, make no new layouts. A name of a column belongs to one
//! key, as long as that key is known, so that it means the same in files of all ages.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use fluo_spans::layout::{AttributeScope, Layout, column_name};

use super::{Attribute, Column, Former, StoredLayout};

/// The most columns beside those that are built in.
pub const MOST_ADDED: usize = 48;

/// The time after which a column goes that no rule asks for, in milliseconds: a week.
pub const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The most attributes that are remembered to have had a column.
const MOST_FORMER: usize = 256;

/// The longest key that becomes a column, in bytes.
const LONGEST_KEY: usize = 200;

/// Attributes that are to have columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Those that rules ask for, each with the names of the rules.
    pub by_rules: BTreeMap<Attribute, BTreeSet<String>>,
    /// Those that a configuration names, whatever rules there are.
    pub pinned: BTreeSet<Attribute>,
}

/// The reason for which an attribute that is asked for gets no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// There are as many columns as there may be.
    NoRoom,
    /// Another key has the name of its column.
    NameTaken(String),
    /// It is longer than keys of columns may be.
    TooLong,
}

/// The step from one layout to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The layout. Its number is the one before where its columns are.
    pub layout: StoredLayout,
    /// True if the layout is not as it was: a column came or went, or rules began or ceased to ask for one.
    pub is_changed: bool,
    /// The attributes that get columns.
    pub added: Vec<Attribute>,
    /// The attributes that have none any more.
    pub dropped: Vec<Attribute>,
    /// Those that are asked for and get none.
    pub left_out: BTreeMap<Attribute, LeftOut>,
}

impl Asked {
    /// Adds an attribute that a rule asks for.
    pub fn add(&mut self, attribute: Attribute, rule: &str) {
        self.by_rules.entry(attribute).or_default().insert(rule.to_owned());
    }

    /// Returns whether an attribute is among them.
    fn has(&self, attribute: &Attribute) -> bool {
        self.pinned.contains(attribute) || self.by_rules.contains_key(attribute)
    }

    /// Returns the attributes: those that are pinned, and then those first that most rules ask for.
    fn in_order(&self) -> Vec<&Attribute> {
        let mut all: Vec<_> = self.by_rules.iter().collect();
        all.sort_by_key(|(attribute, rules)| (Reverse(rules.len()), *attribute));
        let of_rules = all.into_iter().map(|(attribute, _)| attribute);
        self.pinned.iter().chain(of_rules.filter(|attribute| !self.pinned.contains(*attribute))).collect()
    }
}

impl StoredLayout {
    /// Returns the layout that follows this one. `now_ms`: the time, in milliseconds since the epoch.
    #[must_use]
    pub fn next(&self, asked: &Asked, now_ms: i64) -> Next {
        let builtin = Layout::builtin();
        let number = self.number.max(builtin.number).saturating_add(1);
        let is_builtin = |of: AttributeScope, key: &str| builtin.column(of, key).is_some();
        let mut next = Next {
            layout: Self { columns: Vec::new(), ..self.clone() },
            is_changed: false,
            added: Vec::new(),
            dropped: Vec::new(),
            left_out: BTreeMap::new(),
        };
        for column in &self.columns {
            let attribute: Attribute = (column.of.into(), column.key.clone());
            let is_kept = is_builtin(attribute.0, &attribute.1) || asked.has(&attribute);
            let unasked_since_ms = (!is_kept).then(|| column.unasked_since_ms.unwrap_or(now_ms));
            if unasked_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= KEPT_MS) {
                let former = Former { of: column.of, key: column.key.clone(), until: number };
                next.layout.former.push(former);
                next.dropped.push(attribute);
            } else {
                next.layout.columns.push(Column { unasked_since_ms, ..column.clone() });
            }
        }
        // Of a version of fluo in which more is built in.
        for column in builtin.columns.iter() {
            let attribute = (column.scope, column.key.clone());
            if self.column(&attribute).is_none() && next.name_taken(&attribute).is_none() {
                next.add(attribute, number);
            }
        }
        let of_rules = |columns: &[Column]| {
            columns.iter().filter(|column| !is_builtin(column.of.into(), &column.key)).count()
        };
        let mut room = MOST_ADDED.saturating_sub(of_rules(&next.layout.columns));
        for attribute in asked.in_order() {
            if next.layout.column(attribute).is_some() {
                continue;
            }
            let left_out = match next.name_taken(attribute) {
                _ if attribute.1.len() > LONGEST_KEY => LeftOut::TooLong,
                Some(other) => LeftOut::NameTaken(other),
                None if room == 0 => LeftOut::NoRoom,
                None => {
                    room -= 1;
                    next.add(attribute.clone(), number);
                    continue;
                }
            };
            next.left_out.insert(attribute.clone(), left_out);
        }
        next.finish(self, number)
    }
}

impl Next {
    fn add(&mut self, attribute: Attribute, number: u32) {
        let (scope, key) = attribute.clone();
        self.layout.former.retain(|former| (AttributeScope::from(former.of), &former.key) != (scope, &key));
        self.layout.columns.push(Column { of: scope.into(), key, since: number, unasked_since_ms: None });
        self.added.push(attribute);
    }

    /// Returns the other key that has, or had, the column of an attribute.
    fn name_taken(&self, (scope, key): &Attribute) -> Option<String> {
        let name = column_name(*scope, key);
        let columns = self.layout.columns.iter().map(|column| (column.of, &column.key));
        let former = self.layout.former.iter().map(|former| (former.of, &former.key));
        let mut others = columns.chain(former).filter(|(of, other)| {
            *other != key && AttributeScope::from(*of) == *scope && column_name(*scope, other) == name
        });
        others.next().map(|(_, other)| other.clone())
    }

    fn finish(mut self, before: &StoredLayout, number: u32) -> Self {
        if !self.added.is_empty() || !self.dropped.is_empty() {
            self.layout.number = number;
        }
        let layout = &mut self.layout;
        layout.columns.sort_by(|one, other| (one.of, &one.key).cmp(&(other.of, &other.key)));
        if layout.former.len() > MOST_FORMER {
            layout.former.sort_by_key(|former| std::cmp::Reverse(former.until));
            layout.former.truncate(MOST_FORMER);
        }
        layout.former.sort_by(|one, other| (one.of, &one.key).cmp(&(other.of, &other.key)));
        self.added.sort();
        self.dropped.sort();
        self.is_changed = self.layout != *before;
        self
    }
}
