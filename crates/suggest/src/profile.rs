//! The attributes that the spans of each operation carry, each counted by itself.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use fluo_rules::field::Scope;
use fluo_spans::layout::AttributeScope;
use fluo_spans::schema::{META_KEY, columns};
use hashbrown::HashMap;

use crate::columns::{Maps, Texts};
use crate::error::LearnError;
use crate::operation::NONE;
use crate::values::FewValues;

/// Most keys of attributes that are told apart of an operation: of more, the first by their letters are.
const MOST_KEYS: usize = 512;

/// The spans of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationProfile {
    /// Their number. Copies count.
    pub spans: u64,
    /// The statuses that they have.
    pub statuses: BTreeMap<String, u64>,
    /// By owner and key, their attributes.
    pub attributes: BTreeMap<(Scope, String), AttributeProfile>,
    /// The names of their events.
    pub events: FewValues,
}

/// An attribute of an operation's spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeProfile {
    /// The number of spans that have it; of events, how often it was there.
    pub spans: u64,
    /// The values that it has.
    pub values: FewValues,
}

impl AttributeProfile {
    /// Adds the spans and values of another.
    fn merge(&mut self, other: &Self) {
        self.spans += other.spans;
        self.values.merge(&other.values);
    }
}

impl OperationProfile {
    fn add(&mut self, scope: Scope, key: &str, value: Option<&str>, times: u64) {
        // A tuple of borrowed texts cannot be looked up in it: most keys are there, and the copy is short.
        let attribute = self.attributes.entry((scope, key.to_owned())).or_default();
        attribute.spans += times;
        if let Some(value) = value {
            attribute.values.add(value, times);
        }
        if self.attributes.len() > 2 * MOST_KEYS {
            self.cut();
        }
    }

    fn take(&mut self, scope: Scope, key: &str, attribute: &AttributeProfile) {
        self.attributes.entry((scope, key.to_owned())).or_default().merge(attribute);
        if self.attributes.len() > 2 * MOST_KEYS {
            self.cut();
        }
    }

    /// Forgets all but the first keys: these were never forgotten before.
    fn cut(&mut self) {
        if let Some(first) = self.attributes.keys().nth(MOST_KEYS).cloned() {
            self.attributes.split_off(&first);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        for (status, spans) in other.statuses {
            *self.statuses.entry(status).or_default() += spans;
        }
        for (key, attribute) in other.attributes {
            self.attributes.entry(key).or_default().merge(&attribute);
        }
        self.cut();
        self.events.merge(&other.events);
    }
}

/// The amount that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The attributes that are there.
    Presence,
    /// Their values, too, and events and scopes.
    Values,
}

/// Counts of attributes, numbered, until they are put down.
#[derive(Default)]
pub(crate) struct Profiler {
    /// By owner and key.
    numbers: HashMap<(Scope, String), u32>,
    keys: Vec<(Scope, String)>,
    /// By operation and number of the key.
    found: HashMap<(u32, u32), AttributeProfile>,
}

impl Profiler {
    /// Adds the rows of a batch whose operations are known.
    pub(crate) fn batch(
        &mut self,
        batch: &RecordBatch,
        operations: &[u32],
        depth: Depth,
        profiles: &mut [OperationProfile],
    ) -> Result<(), LearnError> {
        let schema = batch.schema();
        for field in schema.fields() {
            let Some(owner) = AttributeScope::of_column(field.name()) else { continue };
            let Some(key) = field.metadata().get(META_KEY) else { continue };
            let scope = match owner {
                AttributeScope::Span => Scope::Span,
                AttributeScope::Resource => Scope::Resource,
            };
            let texts = Texts::of(batch, field.name())?;
            in_column(scope, key, &texts, operations, depth, profiles);
        }
        let maps = [(Scope::Span, columns::ATTRIBUTES), (Scope::Resource, columns::RESOURCE_ATTRIBUTES)];
        for (scope, name) in maps {
            let maps = Maps::of(batch, name)?;
            self.in_maps(scope, &maps, operations, depth, profiles);
        }
        if depth == Depth::Values {
            let maps = Maps::of(batch, columns::SCOPE_ATTRIBUTES)?;
            self.in_maps(Scope::Scope, &maps, operations, depth, profiles);
            events(batch, operations, profiles)?;
        }
        Ok(())
    }

    fn in_maps(
        &mut self,
        scope: Scope,
        maps: &Maps<'_>,
        operations: &[u32],
        depth: Depth,
        profiles: &mut [OperationProfile],
    ) {
        for (row, operation) in operations.iter().enumerate().filter(|(_, operation)| **operation != NONE) {
            for (key, value) in maps.row(row) {
                let number = self.number(scope, key);
                let found = self.found.entry((*operation, number)).or_default();
                found.spans += 1;
                if depth == Depth::Values {
                    found.values.add(value, 1);
                }
            }
        }
        // Few at a time: keys without end must not be kept without end.
        if self.keys.len() > MOST_KEYS {
            self.put_down(profiles);
        }
    }

    fn number(&mut self, scope: Scope, key: &str) -> u32 {
        if let Some(number) = self.numbers.get(&Looked { scope, key }) {
            return *number;
        }
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push((scope, key.to_owned()));
        self.numbers.insert((scope, key.to_owned()), number);
        number
    }

    /// Puts down what was counted.
    pub(crate) fn put_down(&mut self, profiles: &mut [OperationProfile]) {
        let mut found: Vec<((u32, u32), AttributeProfile)> = self.found.drain().collect();
        found.sort_unstable_by_key(|(of, _)| *of);
        for ((operation, number), attribute) in found {
            let (scope, key) = &self.keys[number as usize];
            profiles[operation as usize].take(*scope, key, &attribute);
        }
        self.keys.clear();
        self.numbers.clear();
    }
}

/// An owner and key that are looked up without a copy.
#[derive(Hash)]
struct Looked<'a> {
    scope: Scope,
    key: &'a str,
}

impl hashbrown::Equivalent<(Scope, String)> for Looked<'_> {
    fn equivalent(&self, key: &(Scope, String)) -> bool {
        self.scope == key.0 && self.key == key.1
    }
}

/// Adds the values of a column of one attribute.
fn in_column(
    scope: Scope,
    key: &str,
    texts: &Texts<'_>,
    operations: &[u32],
    depth: Depth,
    profiles: &mut [OperationProfile],
) {
    if texts.keys.null_count() == texts.keys.len() {
        return;
    }
    let mut found: HashMap<(u32, usize), u64> = HashMap::new();
    for (row, operation) in operations.iter().enumerate().filter(|(_, operation)| **operation != NONE) {
        if let Some(value) = texts.key(row) {
            let value = if depth == Depth::Values { value } else { 0 };
            *found.entry((*operation, value)).or_default() += 1;
        }
    }
    let mut found: Vec<((u32, usize), u64)> = found.into_iter().collect();
    found.sort_unstable();
    for ((operation, value), times) in found {
        let value = (depth == Depth::Values).then(|| texts.at(value));
        profiles[operation as usize].add(scope, key, value, times);
    }
}

/// Adds what events are called and carry.
fn events(
    batch: &RecordBatch,
    operations: &[u32],
    profiles: &mut [OperationProfile],
) -> Result<(), LearnError> {
    let missing = || LearnError::Column(columns::EVENTS.to_owned());
    let lists = batch.column_by_name(columns::EVENTS).and_then(|column| column.as_list_opt::<i32>());
    let lists = lists.ok_or_else(missing)?;
    let each = lists.values().as_struct_opt().ok_or_else(missing)?;
    let names = each.column_by_name("name").and_then(|names| names.as_string_opt::<i32>());
    let names = names.ok_or_else(missing)?;
    let maps = each.column_by_name("attributes").and_then(|maps| Maps::in_column(maps.as_ref()));
    let maps = maps.ok_or_else(missing)?;
    let offsets = lists.value_offsets();
    for (row, operation) in operations.iter().enumerate().filter(|(_, operation)| **operation != NONE) {
        let profile = &mut profiles[*operation as usize];
        for at in offsets[row]..offsets[row + 1] {
            let at = usize::try_from(at).map_err(|_| missing())?;
            profile.events.add(names.value(at), 1);
            for (key, value) in maps.row(at) {
                profile.add(Scope::Event, key, Some(value), 1);
            }
        }
    }
    Ok(())
}
