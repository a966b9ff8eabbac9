//! Parents of spans: what rules read of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use datafusion::prelude::SessionContext;
use fluo_spans::batch::to_batch;
use fluo_spans::identity::SpanKey;
use fluo_spans::layout::Layout;
use hashbrown::HashMap;

use super::children::is_near;
use super::found::add;
use super::sought::{Key, Likely, PARTS, Places};
use crate::copies::spans_of;
use crate::error::EngineError;
use crate::pass::frame::Memory;
use crate::pass::program::Program;
use crate::rows::index;
use crate::source::SpanSource;
use crate::work::each;

/// Rows of one part as one thread saw them, with its own numbers of texts.
#[derive(Default)]
pub(super) struct Seen {
    rows: Vec<Row>,
    /// Of each row one after the other.
    texts: Vec<u32>,
}

/// A stored span that is a parent.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Among the keys of its part.
    place: u32,
    end: i64,
    duration: i64,
}

impl Seen {
    pub(super) fn add(&mut self, place: u32, end: i64, duration: i64, texts: impl Iterator<Item = u32>) {
        self.rows.push(Row { place, end, duration });
        self.texts.extend(texts);
    }
}

/// Parents, by trace and id.
#[derive(Default)]
pub(super) struct Parents {
    places: Places,
    parts: Vec<Part>,
    /// By column: the different texts.
    pub(super) values: Vec<ArrayRef>,
}

/// Parents of one part, sorted by key and end.
#[derive(Default)]
struct Part {
    /// The first row of each key, and the end of all.
    firsts: Vec<u32>,
    rows: Vec<Row>,
    /// Of each row one after the other: numbers among the values of columns; -1 for none.
    texts: Vec<i32>,
    /// Rows whose copies differ.
    contested: Vec<u32>,
}

/// The numbers of texts, by column, that are the same for all threads.
#[derive(Default)]
struct Numbers {
    known: Vec<HashMap<Arc<str>, i32>>,
    texts: Vec<Vec<Arc<str>>>,
}

impl Numbers {
    fn new(columns: usize) -> Self {
        Self {
            known: (0..columns).map(|_| HashMap::new()).collect(),
            texts: (0..columns).map(|_| Vec::new()).collect(),
        }
    }

    fn of(&mut self, column: usize, text: Option<Arc<str>>) -> i32 {
        let Some(text) = text else { return -1 };
        if let Some(known) = self.known[column].get(&text) {
            return *known;
        }
        let number = i32::try_from(self.texts[column].len()).unwrap_or(i32::MAX);
        self.texts[column].push(Arc::clone(&text));
        self.known[column].insert(text, number);
        number
    }

    fn values(&self) -> Vec<ArrayRef> {
        let array = |texts: &Vec<Arc<str>>| {
            Arc::new(StringArray::from_iter_values(texts.iter().map(AsRef::<str>::as_ref))) as ArrayRef
        };
        self.texts.iter().map(array).collect()
    }
}

/// Gives a thread's rows the numbers of texts that all threads share.
fn renumber(parts: &mut [Seen], memory: &Memory, columns: usize, numbers: &mut Numbers) {
    let mut known: Vec<HashMap<u32, u32>> = (0..columns).map(|_| HashMap::new()).collect();
    for seen in parts {
        for (at, id) in seen.texts.iter_mut().enumerate() {
            let column = at % columns.max(1);
            let number = *known[column]
                .entry(*id)
                .or_insert_with(|| numbers.of(column, memory.texts.text(*id).map(Arc::from)).cast_unsigned());
            *id = number;
        }
    }
}

impl Parents {
    /// Puts together what threads saw.
    pub(super) async fn of(places: Places, threads: Vec<(Vec<Seen>, Memory)>, columns: usize) -> Self {
        let mut numbers = Numbers::new(columns);
        let mut by_part: Vec<Vec<Seen>> = (0..PARTS).map(|_| Vec::new()).collect();
        for (mut parts, memory) in threads {
            renumber(&mut parts, &memory, columns, &mut numbers);
            by_part.iter_mut().zip(parts).for_each(|(all, seen)| all.push(seen));
        }
        let keys: Vec<usize> = places.keys().map(<[Key]>::len).collect();
        let parts = by_part.into_iter().zip(keys).collect();
        let parts = each(parts, |(seen, keys)| Part::of(seen, keys, columns)).await;
        Self { places, parts, values: numbers.values() }
    }

    /// The parents whose copies differ in what rules read of them, by key, with where their rows are.
    pub(super) fn contested(&self) -> Vec<(SpanKey, usize, u32)> {
        let mut all = Vec::new();
        for (at, (part, keys)) in self.parts.iter().zip(self.places.keys()).enumerate() {
            for row in &part.contested {
                let Row { place, end, .. } = part.rows[*row as usize];
                let key = keys[place as usize];
                all.push(((key.trace(), key.span(), end), at, *row));
            }
        }
        all.sort_unstable();
        all
    }

    /// Of parents whose copies differ, takes the copy whose content hash is smallest.
    pub(super) async fn settle(
        &mut self,
        session: &SessionContext,
        source: &SpanSource,
        program: &Program,
        contested: &[(SpanKey, usize, u32)],
    ) -> Result<(), EngineError> {
        let keys: Vec<SpanKey> = contested.iter().map(|(key, ..)| *key).collect();
        let mut found = spans_of(session, source, &keys).await?;
        let columns = self.values.len();
        let mut numbers = Numbers::new(columns);
        for (column, values) in self.values.iter().enumerate() {
            let values: &StringArray = arrow::array::AsArray::as_string(values);
            for text in values {
                numbers.of(column, text.map(Arc::from));
            }
        }
        for some in contested.chunks(SPANS_A_BATCH) {
            let spans = some.iter().map(|(key, ..)| found.remove(key));
            let spans = spans.collect::<Option<Vec<_>>>().ok_or(EngineError::Changed("parents of spans"))?;
            let layout = Layout::builtin();
            let batch = program.columns.of(&to_batch(&spans, 0, &layout)?)?;
            let (mut memory, mut seen) = (Memory::default(), [Seen::default()]);
            add(program, &batch, &mut memory, &mut seen[0])?;
            renumber(&mut seen, &memory, columns, &mut numbers);
            let [Seen { rows, texts }] = seen;
            for (nth, (_, part, row)) in some.iter().enumerate() {
                let (part, row) = (&mut self.parts[*part], *row as usize);
                part.rows[row].duration = rows[nth].duration;
                for column in 0..columns {
                    part.texts[row * columns + column] = texts[nth * columns + column].cast_signed();
                }
            }
        }
        self.values = numbers.values();
        Ok(())
    }

    /// The parent of a span that ended at `end`: the first to end of those that ended less than `within` before it, and at
    /// most that after it.
    pub(super) fn get(&self, key: &Key, end: i64, within: i64, likely: &mut Likely) -> Option<Parent<'_>> {
        let (at, place) = likely.get(key, &self.places)?;
        let part = &self.parts[at];
        let (first, last) = (part.firsts[place as usize] as usize, part.firsts[place as usize + 1] as usize);
        let near = part.rows[first..last].iter().position(|row| is_near(row.end, end, within))?;
        let (row, columns) = (first + near, self.values.len());
        Some(Parent {
            duration: part.rows[row].duration,
            texts: &part.texts[row * columns..(row + 1) * columns],
        })
    }
}

/// A parent, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parent<'a> {
    pub(super) duration: i64,
    /// By column: numbers among its values; -1 for none.
    pub(super) texts: &'a [i32],
}

/// Spans that are laid out at a time.
const SPANS_A_BATCH: usize = 8192;

impl Part {
    /// Sorts the rows that threads saw of a part with so many keys. Copies are one row.
    fn of(seen: Vec<Seen>, keys: usize, columns: usize) -> Self {
        let (mut rows, mut texts) = (Vec::new(), Vec::new());
        for mut of_thread in seen {
            rows.append(&mut of_thread.rows);
            texts.append(&mut of_thread.texts);
        }
        let mut order: Vec<u32> = (0..index(rows.len())).collect();
        order.sort_unstable_by_key(|row| {
            let Row { place, end, .. } = rows[*row as usize];
            (place, end)
        });
        let text = |row: u32| &texts[row as usize * columns..(row as usize + 1) * columns];
        let mut part = Self { firsts: Vec::with_capacity(keys + 1), ..Self::default() };
        let mut last: Option<u32> = None;
        for row in order {
            let found = rows[row as usize];
            if let Some(last) = last
                && (rows[last as usize].place, rows[last as usize].end) == (found.place, found.end)
            {
                let kept = index(part.rows.len() - 1);
                let differs = rows[last as usize].duration != found.duration || text(last) != text(row);
                if differs && part.contested.last() != Some(&kept) {
                    part.contested.push(kept);
                }
                continue;
            }
            last = Some(row);
            while part.firsts.len() <= found.place as usize {
                part.firsts.push(index(part.rows.len()));
            }
            part.rows.push(found);
            part.texts.extend(text(row).iter().map(|id| id.cast_signed()));
        }
        part.firsts.resize(keys + 1, index(part.rows.len()));
        part
    }
}
