//! Limits by group: the table in which `limit.NAME` is looked up.
//!
//! A row states some of the group keys, and is for all groups with these values; a row without keys is for all groups.
//! Rows are tried in their order, and the first that is for a group is the group's. A limit that the row leaves out has no
//! value, and neither has any limit of a group without a row.

use std::collections::HashMap;

use crate::matcher::{Number, Value};

/// Stands before the name of a limit in expressions, and in the values of a violation.
pub const PREFIX: &str = "limit.";

/// The limits of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    names: Vec<Limit>,
    rows: Vec<LimitRow>,
    /// By key, the numbers of the texts that rows state.
    symbols: Vec<HashMap<String, Symbol>>,
    /// The index of the rows, by the places of the keys that they state.
    index: Vec<Stated>,
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Limit {
    /// As expressions name it: `limit.slow`.
    pub name: String,
    /// The unit of all its values.
    pub unit: LimitUnit,
}

/// The unit of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitUnit {
    /// Plain numbers.
    Number,
    /// Lengths of time.
    Duration,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitRow {
    /// One for each group key, in their order.
    pub keys: Vec<RowKey>,
    /// One for each limit, in their order: a number or a duration, or none.
    pub values: Vec<Option<Value>>,
}

/// The groups that a row is for, as far as one key of theirs says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    /// All: the row does not state the key.
    Any,
    /// Those with this value; none where it is missing.
    Is(Option<String>),
}

/// The number of a text among those that the table states of a key: what a group is looked up by.
pub type Symbol = u32;

/// No text at all, and a text that the table does not state.
const MISSING: Symbol = 0;
const OTHER: Symbol = 1;

/// The rows that state the same keys.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stated {
    /// The places of these keys among the group's.
    places: Vec<usize>,
    /// By the numbers of their texts, the first row that has these.
    first: HashMap<Vec<Symbol>, usize>,
}

impl Limit {
    /// The name without what stands before it: `slow`.
    pub fn key(&self) -> &str {
        self.name.strip_prefix(PREFIX).unwrap_or(&self.name)
    }
}

impl RowKey {
    fn stated(&self) -> Option<&Option<String>> {
        match self {
            Self::Any => None,
            Self::Is(value) => Some(value),
        }
    }
}

impl Limits {
    /// A table of these limits and rows, each with as many values as there are limits.
    ///
    /// The limits are put in the order of their names: a table that is written down has no place for a limit that the
    /// first rows leave out.
    pub fn new(names: Vec<Limit>, mut rows: Vec<LimitRow>) -> Self {
        let mut named: Vec<(usize, Limit)> = names.into_iter().enumerate().collect();
        named.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        let (order, names): (Vec<usize>, Vec<Limit>) = named.into_iter().unzip();
        for row in &mut rows {
            row.values = order.iter().map(|at| row.values.get(*at).cloned().flatten()).collect();
        }
        for column in 0..names.len() {
            alike(&mut rows, column);
        }
        let keys = rows.iter().map(|row| row.keys.len()).max().unwrap_or(0);
        let mut symbols: Vec<HashMap<String, Symbol>> = vec![HashMap::new(); keys];
        let mut index: Vec<Stated> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let stated = row.keys.iter().enumerate().filter_map(|(place, key)| {
                let Some(text) = key.stated()? else { return Some((place, MISSING)) };
                let next = OTHER + 1 + Symbol::try_from(symbols[place].len()).unwrap_or(Symbol::MAX / 2);
                Some((place, *symbols[place].entry(text.clone()).or_insert(next)))
            });
            let (places, values): (Vec<usize>, Vec<Symbol>) = stated.unzip();
            let known = index.iter().position(|known| known.places == places).unwrap_or_else(|| {
                index.push(Stated { places, first: HashMap::new() });
                index.len() - 1
            });
            index[known].first.entry(values).or_insert(at);
        }
        Self { names, rows, symbols, index }
    }

    /// The limits, in the order of their names.
    pub fn names(&self) -> &[Limit] {
        &self.names
    }

    /// The rows, in the order in which they are tried.
    pub fn rows(&self) -> &[LimitRow] {
        &self.rows
    }

    /// The place of the limit that expressions call `name`.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|limit| limit.name == name)
    }

    /// The number of different lists of keys that rows state.
    pub(crate) fn lists(&self) -> usize {
        self.index.len()
    }

    /// The first row that is for a group.
    pub fn row_of(&self, group: &[Option<String>]) -> Option<&LimitRow> {
        let symbols = group.iter().take(self.symbols.len()).enumerate();
        let symbols: Vec<Symbol> = symbols.map(|(place, text)| self.symbol(place, text.as_deref())).collect();
        self.place_of(&symbols).map(|at| &self.rows[at])
    }

    /// The number of a text of the key at a place, by which groups are looked up.
    pub fn symbol(&self, place: usize, text: Option<&str>) -> Symbol {
        text.map_or(MISSING, |text| self.symbols[place].get(text).copied().unwrap_or(OTHER))
    }

    /// The place of the first row that is for a group, by the numbers of the texts of its keys ([`Self::symbol`]).
    pub fn place_of(&self, group: &[Symbol]) -> Option<usize> {
        self.first(|place| group.get(place).copied())
    }

    /// The first row that is for every group for which the row at a place is, too, and stands before it.
    pub(crate) fn covering(&self, at: usize) -> Option<usize> {
        let keys = &self.rows[at].keys;
        let stated = |place: usize| Some(self.symbol(place, keys[place].stated()?.as_deref()));
        self.first(stated).filter(|first| *first < at)
    }

    /// The place of the first row whose keys are stated so.
    fn first(&self, symbol: impl Fn(usize) -> Option<Symbol>) -> Option<usize> {
        let found = |Stated { places, first }: &Stated| {
            let values: Option<Vec<Symbol>> = places.iter().map(|place| symbol(*place)).collect();
            first.get(&values?).copied()
        };
        self.index.iter().filter_map(found).min()
    }

    /// Returns whether every group has a row.
    pub fn is_for_all(&self) -> bool {
        self.index.iter().any(|stated| stated.places.is_empty())
    }

    /// Returns whether all values of the limit at a place are whole: numbers without a fraction, or durations.
    pub fn is_whole(&self, place: usize) -> bool {
        let is_float =
            |row: &LimitRow| matches!(row.values.get(place), Some(Some(Value::Number(Number::Float(_)))));
        !self.rows.iter().any(is_float)
    }

    /// The number that an expression is in each row, without aggregates; durations are nanoseconds.
    pub fn numbers<'a>(&'a self, expr: &'a crate::expr::Expr) -> impl Iterator<Item = Option<f64>> + 'a {
        self.rows.iter().map(|row| expr.number(&|name| row.number(self.place(name)?)))
    }

    /// The table as a list in YAML, on one line, whose rows are keyed by these group keys. It is read as the same table.
    pub fn inline(&self, keys: &[&str]) -> String {
        crate::yaml::flow(&self.node(keys), "")
    }

    /// The same as a node.
    pub(crate) fn node(&self, keys: &[&str]) -> crate::yaml::Node {
        use crate::yaml::{Entry, Node, Yaml};
        let node = |value| Node { at: 0..0, alias: None, incomplete: false, value };
        let entry = |key: &str, value| Entry { key: key.to_owned(), key_at: 0..0, value: node(value) };
        let row = |row: &LimitRow| {
            let stated = keys.iter().zip(&row.keys).filter_map(|(key, of)| Some((*key, of.stated()?)));
            let stated = stated.map(|(key, value)| {
                entry(key, value.as_ref().map_or(Yaml::Null, |text| Yaml::Text(text.clone())))
            });
            let values = self.names.iter().zip(&row.values);
            let values = values.filter_map(|(limit, value)| {
                Some(entry(limit.key(), Yaml::Text(value.as_ref()?.to_string())))
            });
            node(Yaml::Map(stated.chain(values).collect()))
        };
        node(Yaml::List(self.rows.iter().map(row).collect()))
    }
}

impl LimitRow {
    /// The limit at a place, as a number; nanoseconds of a duration.
    #[expect(clippy::cast_precision_loss, reason = "in doubles")]
    pub fn number(&self, place: usize) -> Option<f64> {
        match self.values.get(place)?.as_ref()? {
            Value::Number(number) => Some(number.as_f64()),
            Value::Duration(nanos) => Some(nanos.0 as f64),
            Value::Text(_) | Value::Bool(_) => None,
        }
    }
}

/// Makes the numbers of a column of one kind: where one has a fraction, all are read as doubles. -0 is 0.
fn alike(rows: &mut [LimitRow], column: usize) {
    let values = || rows.iter().filter_map(|row| row.values.get(column)?.as_ref());
    let any_float = values().any(|value| matches!(value, Value::Number(Number::Float(_))));
    if any_float {
        for value in rows.iter_mut().filter_map(|row| row.values.get_mut(column)?.as_mut()) {
            if let Value::Number(number) = value {
                *number = Number::Float(number.as_f64() + 0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(text: &str) -> RowKey {
        RowKey::Is(Some(text.to_owned()))
    }

    fn table(rows: Vec<Vec<RowKey>>) -> Limits {
        let names = vec![Limit { name: "limit.n".to_owned(), unit: LimitUnit::Number }];
        let row = |keys| LimitRow { keys, values: vec![Some(Value::Number(Number::Int(1)))] };
        Limits::new(names, rows.into_iter().map(row).collect())
    }

    #[test]
    fn the_first_row_that_is_for_a_group_counts() {
        let any = || RowKey::Any;
        let limits = table(vec![
            vec![is("a"), is("x")],
            vec![any(), is("y")],
            vec![is("a"), any()],
            vec![is("b"), RowKey::Is(None)],
        ]);
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (service, name, expected) in [
            ("a", "x", Some(0)),
            ("a", "y", Some(1)),
            ("b", "y", Some(1)),
            ("a", "z", Some(2)),
            ("a", "", Some(2)),
            ("b", "", Some(3)),
            ("b", "z", None),
            ("", "", None),
        ] {
            let row = expected.map(|at| &limits.rows()[at]);
            assert_eq!(limits.row_of(&[text(service), text(name)]), row, "{service} {name}");
        }
        assert!(!limits.is_for_all());
        assert!(table(vec![vec![is("a")], vec![any()]]).is_for_all());
    }

    #[test]
    fn rows_that_others_cover() {
        let any = || RowKey::Any;
        let limits = table(vec![
            vec![is("a"), any()],
            vec![is("a"), is("x")],
            vec![any(), is("x")],
            vec![is("b"), is("x")],
            vec![is("b"), is("y")],
            vec![any(), any()],
            vec![is("c"), RowKey::Is(None)],
        ]);
        let covering: Vec<_> = (0..7).map(|at| limits.covering(at)).collect();
        assert_eq!(covering, [None, Some(0), None, Some(2), None, None, Some(5)]);
    }
}
