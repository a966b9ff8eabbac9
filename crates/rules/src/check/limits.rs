//! `limits:` → a table of limits by group, from rows in the rule, or from a CSV file beside it.

use std::ops::Range;
use std::sync::Arc;

use fluo_time::duration::with_unit;

use super::{Report, groups, shape};
use crate::diagnostic::{Code, Hint, Place};
use crate::document;
use crate::expr::nearest::nearest;
use crate::expr::{LimitScope, NO_LIMITS, parse_constant};
use crate::keys::Table;
use crate::limits::{Limit, LimitRow, LimitUnit, Limits, PREFIX, RowKey};
use crate::matcher::Value;
use crate::rule::GroupKey;
use crate::table_file::{self, Cell};
use crate::tables::{ENDING, FILE, LIMITS, Tables};
use crate::yaml::{Entry, Node, Yaml};

/// Most rows of a table.
const MOST_ROWS: usize = 10_000;

/// Most different lists of keys that the rows of a table state: a group is looked up once for each.
const MOST_LISTS: usize = 64;

/// Most bytes of a table as it is kept with its rule.
const MOST_BYTES: usize = document::MAX_FILE_BYTES / 2;

/// In a CSV file, a missing value of a group key: as messages show it.
const MISSING: &str = "(none)";

/// A table that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) limits: Arc<Limits>,
    /// The places where each limit is named first.
    places: Vec<Place>,
}

/// A table as it is written.
#[derive(Default)]
struct Written {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

struct Column {
    name: String,
    at: Range<usize>,
}

struct Row {
    at: Range<usize>,
    /// Those that say something, each with the place of its column.
    cells: Vec<(usize, Said)>,
}

/// A cell that says something.
struct Said {
    /// None where a value of a group key is missing.
    text: Option<String>,
    at: Range<usize>,
}

/// The limits of a rule.
#[derive(Debug)]
pub(super) enum OfRule {
    /// It has none.
    None,
    /// They could not be read.
    Unread,
    /// These.
    Read(Read),
}

impl OfRule {
    /// Of a rule, `node`, that is grouped by `keys`, where these could be read.
    pub(super) fn of(
        report: &mut Report,
        node: &Node,
        keys: Option<&[GroupKey]>,
        tables: &Tables<'_>,
    ) -> Self {
        match (node.get(LIMITS), keys) {
            (None, _) => Self::None,
            (Some(_), None) => Self::Unread,
            (Some(entry), Some(keys)) => limits(report, entry, keys, tables).map_or(Self::Unread, Self::Read),
        }
    }

    /// Those that could be read.
    pub(super) fn read(&self) -> Option<&Read> {
        match self {
            Self::Read(read) => Some(read),
            Self::None | Self::Unread => None,
        }
    }

    /// Returns the limits that the rule's expressions may name.
    pub(super) fn scope(&self) -> LimitScope {
        match self {
            Self::None => NO_LIMITS.clone(),
            Self::Unread => LimitScope::Unknown,
            Self::Read(read) => LimitScope::Known(read.limits.names().to_vec()),
        }
    }

    /// The names that its templates may use; none where they are not known.
    pub(super) fn names(&self) -> Option<Vec<&str>> {
        match self {
            Self::None => Some(Vec::new()),
            Self::Unread => None,
            Self::Read(read) => Some(read.limits.names().iter().map(Limit::key).collect()),
        }
    }
}

impl Read {
    /// Warns of the limits that are `used` nowhere.
    pub(super) fn warn_of_unused(&self, report: &mut Report, used: impl Fn(&Limit) -> bool) {
        for (limit, place) in self.limits.names().iter().zip(&self.places) {
            if !used(limit) {
                let message = format!("nothing in the rule names the limit `{}`", limit.key());
                let hint = format!("write `{}` in a condition or a `where`", limit.name);
                report.told(Code::UnusedLimit, place.clone(), message).hint(hint);
            }
        }
    }

    /// Warns of the groups, listed in `expect`, that no row is for.
    pub(super) fn warn_of_groups(&self, report: &mut Report, expect: &Entry, groups: &[Vec<Option<String>>]) {
        let Yaml::List(items) = &expect.value.value else { return };
        for (item, _) in items.iter().zip(groups).filter(|(_, group)| self.limits.row_of(group).is_none()) {
            report
                .at(Code::GroupWithoutRow, item, "no row of `limits` is for this group: it is never judged")
                .hint("a last row without keys is for all groups that no other row is for");
        }
    }
}

/// The value of `limits` of a rule that is grouped by `keys`.
fn limits(report: &mut Report, entry: &Entry, keys: &[GroupKey], tables: &Tables<'_>) -> Option<Read> {
    match &entry.value.value {
        Yaml::List(items) => {
            let errors = report.errors();
            let written = of_rows(report, items, keys);
            let at =
                if entry.value.extent().is_empty() { entry.key_at.clone() } else { entry.value.extent() };
            table(report, &written, keys, &at).filter(|_| report.errors() == errors)
        }
        Yaml::Map(entries) => of_file(report, entry, entries, keys, tables),
        _ => {
            shape::wrong_type(report, entry, "a list of rows, or `{file: limits.csv}`");
            None
        }
    }
}

/// The rows that a rule lists.
fn of_rows(report: &mut Report, items: &[Node], keys: &[GroupKey]) -> Written {
    let mut written = Written::default();
    for item in items {
        let Some(entries) = item.entries() else {
            report
                .at(Code::WrongType, item, format!("a row of `limits` is a mapping, not {}", item.describe()))
                .hint("write `{service_name: checkout, slow: 540ms}`");
            continue;
        };
        let mut cells = Vec::new();
        for entry in entries {
            let column = written.column(&entry.key, &entry.key_at);
            let is_key = keys.iter().any(|key| key.key == entry.key);
            let text = match entry.value.value {
                _ if is_key => groups::value(report, &entry.value).ok(),
                Yaml::Null => continue,
                _ => entry.value.scalar_text(&report.text()).map(|text| Some(text.to_owned())),
            };
            let Some(text) = text else {
                if !is_key {
                    let message = format!(
                        "`{}` takes a number or a duration, not {}",
                        entry.key,
                        entry.value.describe()
                    );
                    report.value(Code::LimitValue, entry, message);
                }
                continue;
            };
            cells.push((column, Said { text, at: entry.value.at.clone() }));
        }
        written.rows.push(Row { at: item.extent(), cells });
    }
    written
}

/// The table of a file.
fn of_file(
    report: &mut Report,
    entry: &Entry,
    entries: &[Entry],
    keys: &[GroupKey],
    tables: &Tables<'_>,
) -> Option<Read> {
    shape::known_keys(report, entries, Table::LimitsFile, "`limits`");
    shape::required_keys(report, &entry.value, Table::LimitsFile, "`limits`");
    let file = entry.value.get(FILE)?;
    let path = shape::some_text(report, file)?;
    if crate::tables::beside(report.file(), &path).is_none() {
        let message = format!("`{path}` is no path of a table beside the rule");
        report
            .value(Code::BadLimits, file, message)
            .hint(format!("the path starts from the folder of the rule's file, and ends in `{ENDING}`"));
        return None;
    }
    let Some(table) = tables.beside(report.file(), &path) else {
        report
            .value(Code::Unreadable, file, format!("there is no file `{path}` beside this one"))
            .hint("the path starts from the folder of the rule's file");
        return None;
    };
    let mut of_table = match document::text(table) {
        Ok(of_table) => of_table,
        Err(finding) => {
            report.found(*finding);
            return None;
        }
    };
    let read = of_text(&mut of_table, keys);
    report.take(of_table);
    read
}

/// The table that the report's text is.
fn of_text(report: &mut Report, keys: &[GroupKey]) -> Option<Read> {
    let text = report.text();
    let lines = match table_file::lines(&text) {
        Ok(lines) => lines,
        Err(quote) => {
            report
                .add(Code::BadLimits, quote, "this quote is not closed")
                .hint("a quote in a cell is written twice");
            return None;
        }
    };
    let mut lines = lines.into_iter();
    let header = lines.next().unwrap_or_default();
    let errors = report.errors();
    let mut written = Written::default();
    for cell in &header {
        let known = written.columns.iter().find(|column| column.name == cell.text);
        if let Some(first) = known.map(|column| report.place(column.at.clone())) {
            report
                .add(Code::BadLimits, cell.at.clone(), format!("there are two columns `{}`", cell.text))
                .also(first, "the first one is here");
        }
        written.columns.push(Column { name: cell.text.clone(), at: cell.at.clone() });
    }
    if let [Cell { text, at }] = header.as_slice()
        && text.contains([';', '\t'])
    {
        report
            .add(Code::BadLimits, at.clone(), "the table has one column")
            .hint("cells are separated by commas");
    }
    for line in lines {
        let first = line.first().map_or(0, |cell| cell.at.start);
        let at = first..line.last().map_or(0, |cell| cell.at.end);
        if line.len() != header.len() {
            let number = |number: usize, what| {
                if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
            };
            let [cells, columns] = [number(line.len(), "cell"), number(header.len(), "column")];
            let message = format!("this row has {cells}, and the table {columns}");
            report.add(Code::BadLimits, at, message).hint("a cell with a comma in it stands in quotes");
            continue;
        }
        let said = |(column, cell): (usize, Cell)| {
            let is_key = keys.iter().any(|key| key.key == header[column].text);
            let text = if is_key && cell.text == MISSING { None } else { Some(cell.text) };
            (text.as_deref() != Some("")).then_some((column, Said { text, at: cell.at }))
        };
        written.rows.push(Row { at, cells: line.into_iter().enumerate().filter_map(said).collect() });
    }
    table(report, &written, keys, &(0..0)).filter(|_| report.errors() == errors)
}

/// The meaning of a column of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The key at this place of `group_by`.
    Key(usize),
    /// The limit at this place.
    Limit(usize),
}

/// The table that is written, which as a whole stands `at` these bytes.
fn table(report: &mut Report, written: &Written, keys: &[GroupKey], at: &Range<usize>) -> Option<Read> {
    let mut refuse = |message: String, hint: &str| {
        report.add(Code::BadLimits, at.clone(), message).hint(hint.to_owned());
    };
    if written.rows.is_empty() {
        refuse(
            "the table of limits has no row".to_owned(),
            "write `[{slow: 500ms}]` for one limit for all groups",
        );
        return None;
    }
    if written.rows.len() > MOST_ROWS {
        let message = format!("the table of limits has {} rows; it may have {MOST_ROWS}", written.rows.len());
        refuse(message, "a row without keys is for all groups that no other row is for");
        return None;
    }
    let errors = report.errors();
    let mut names: Vec<Limit> = Vec::new();
    let mut meanings: Vec<Option<Meaning>> = Vec::new();
    for (column, Column { name, .. }) in written.columns.iter().enumerate() {
        meanings.push(match keys.iter().position(|key| key.key == *name) {
            Some(key) => Some(Meaning::Key(key)),
            None => written.unit(report, column, keys).map(|unit| {
                names.push(Limit { name: format!("{PREFIX}{name}"), unit });
                Meaning::Limit(names.len() - 1)
            }),
        });
    }
    if names.is_empty() && report.errors() == errors {
        report
            .add(
                Code::BadLimits,
                at.clone(),
                "the table has no limit: all its columns are keys of `group_by`",
            )
            .hint("write `{service_name: checkout, slow: 540ms}`");
    }
    let rows: Vec<LimitRow> =
        written.rows.iter().map(|of| row(report, of, &meanings, keys.len(), &names)).collect();
    if report.errors() > errors {
        return None;
    }
    let limits = Limits::new(names, rows);
    let names: Vec<&str> = keys.iter().map(|key| key.key.as_str()).collect();
    let bytes = limits.inline(&names).len();
    if bytes > MOST_BYTES {
        let message = format!("the table of limits takes {bytes} bytes with its rule; it may take 512 KiB");
        report.add(Code::BadLimits, at.clone(), message);
        return None;
    }
    let lists = limits.lists();
    if lists > MOST_LISTS {
        let message = format!("its rows state {lists} different lists of keys; they may state {MOST_LISTS}");
        report.add(Code::BadLimits, at.clone(), message);
        return None;
    }
    doubts(report, written, &limits);
    let column = |limit: &Limit| written.columns.iter().find(|column| column.name == limit.key());
    let places = limits.names().iter().filter_map(column).map(|column| report.place(column.at.clone()));
    let places = places.collect();
    (report.errors() == errors).then(|| Read { limits: Arc::new(limits), places })
}

/// Reports rows that no group reaches.
fn doubts(report: &mut Report, written: &Written, limits: &Limits) {
    for (at, row) in written.rows.iter().enumerate() {
        let Some(first) = limits.covering(at) else { continue };
        let place = report.place(written.rows[first].at.clone());
        let is_same = limits.rows()[first].keys == limits.rows()[at].keys;
        let finding = if is_same {
            report.add(Code::DuplicateLimits, row.at.clone(), "a row for these groups exists already")
        } else {
            let message = "no group reaches this row: one above it is for all of its groups";
            report.add(Code::RowNeverReached, row.at.clone(), message)
        };
        finding.also(place, if is_same { "the first one is here" } else { "that one is here" });
        if !is_same {
            finding.hint("rows are tried in order: put the one with more keys first");
        }
    }
}

impl Written {
    /// The column of that name, a new one behind the others where there is none.
    fn column(&mut self, name: &str, at: &Range<usize>) -> usize {
        self.columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
            self.columns.push(Column { name: name.to_owned(), at: at.clone() });
            self.columns.len() - 1
        })
    }

    /// Returns the cells of a column, each with its row.
    fn said(&self, column: usize) -> impl Iterator<Item = &Said> {
        self.rows
            .iter()
            .flat_map(move |row| row.cells.iter().filter(move |(of, _)| *of == column).map(|(_, said)| said))
    }

    /// The unit of a column that is no key: that of most of its values, of as many the first's. What is no limit is reported.
    fn unit(&self, report: &mut Report, column: usize, keys: &[GroupKey]) -> Option<LimitUnit> {
        let Column { name, at } = &self.columns[column];
        let units: Vec<LimitUnit> = self.said(column).filter_map(|said| unit_of(&constant(said)?)).collect();
        let of_first = units.iter().filter(|unit| Some(*unit) == units.first()).count();
        let is_most = |unit: &LimitUnit| (Some(unit) == units.first()) == (2 * of_first >= units.len());
        let unit = units.iter().copied().find(is_most);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if unit.is_some() && is_name {
            return unit;
        }
        let message = if name.is_empty() {
            "this column has no name".to_owned()
        } else {
            format!("`{name}` is no key of `group_by`")
        };
        let known: Vec<&str> = keys.iter().map(|key| key.key.as_str()).collect();
        let finding = report.add(Code::LimitKey, at.clone(), message);
        finding.hint(match (nearest(name, known.iter().copied()), unit) {
            (Some(near), _) => Hint::did_you_mean(near),
            (None, Some(_)) => Hint::from("a limit is named by letters, digits and `_`"),
            (None, None) if known.is_empty() => {
                Hint::from("the rule has no `group_by`; a limit is a number or a duration")
            }
            (None, None) => Hint::from(format!(
                "the rule is grouped by {}; a limit is a number or a duration",
                known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
            )),
        });
        None
    }
}

/// A row; what is wrong in it is reported.
fn row(
    report: &mut Report,
    row: &Row,
    meanings: &[Option<Meaning>],
    keys: usize,
    names: &[Limit],
) -> LimitRow {
    let mut read = LimitRow { keys: vec![RowKey::Any; keys], values: vec![None; names.len()] };
    for (column, said) in &row.cells {
        match meanings[*column] {
            Some(Meaning::Key(key)) => read.keys[key] = RowKey::Is(said.text.clone()),
            Some(Meaning::Limit(limit)) => read.values[limit] = value(report, said, &names[limit]),
            None => {}
        }
    }
    read
}

/// The number or duration that a cell says.
fn constant(said: &Said) -> Option<Value> {
    parse_constant(said.text.as_deref()?)
}

fn unit_of(value: &Value) -> Option<LimitUnit> {
    match value {
        Value::Number(_) => Some(LimitUnit::Number),
        Value::Duration(_) => Some(LimitUnit::Duration),
        Value::Text(_) | Value::Bool(_) => None,
    }
}

/// The value of a limit; none where it is not one, which is reported.
fn value(report: &mut Report, said: &Said, limit: &Limit) -> Option<Value> {
    let text = said.text.as_deref().unwrap_or_default();
    let found = constant(said).and_then(|value| Some((unit_of(&value)?, value)));
    let (message, hint) = match (found, limit.unit) {
        (Some((unit, value)), of_limit) if unit == of_limit => return Some(value),
        (None, _) => (format!("`{text}` is no number and no duration"), None),
        (Some(_), LimitUnit::Duration) => (
            format!("`{}` is a duration in another row, and `{text}` has no unit", limit.key()),
            Some(with_unit(text)),
        ),
        (Some(_), LimitUnit::Number) => {
            (format!("`{}` is a plain number in another row, and `{text}` a duration", limit.key()), None)
        }
    };
    report.add(Code::LimitValue, said.at.clone(), message).hint = hint.map(Hint::from);
    None
}
