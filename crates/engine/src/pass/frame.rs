//! One batch before the expressions of a program: each is evaluated once, and over texts that repeat themselves once a
//! text.
//!
//! ```text
//! texts only      the different values (or their combinations) in the batch ─ expression ─▶ table ─ codes of rows ─▶ rows
//! anything else   rows ─ expression ─▶ rows
//! ```

use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions,
    UInt32Array,
};
use arrow::buffer::{BooleanBuffer, Buffer};
use arrow::compute::take;
use arrow::datatypes::Int32Type;
use hashbrown::HashMap;

use super::program::Program;
use super::texts::{GroupId, Groups, Named, TextId, Texts};
use crate::error::EngineError;
use crate::rows::Group;
use crate::truth::Truth;

/// Knowledge of batches beyond one: texts by number, and what came out of expressions for values that many batches
/// share.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) texts: Texts,
    pub(crate) groups: Groups,
    tables: Tables,
}

/// The results of expressions for each value of a dictionary, and for none behind them.
#[derive(Default)]
struct Tables {
    /// By expression, and by where the dictionary's values lie in memory.
    results: HashMap<(usize, usize), ArrayRef>,
    /// The values, kept so that no others get their place in memory.
    values: HashMap<usize, ArrayRef>,
    /// Of the values.
    bytes: usize,
}

impl Tables {
    /// Makes room for one more, of a program with so many expressions.
    fn make_room(&mut self, expressions: usize) {
        if self.results.len() >= MOST_TABLES.max(2 * expressions) || self.bytes >= MOST_BYTES {
            *self = Self::default();
        }
    }

    fn keep(&mut self, expression: usize, values: &ArrayRef, results: &ArrayRef) {
        self.results.insert((expression, address(values)), Arc::clone(results));
        if self.values.insert(address(values), Arc::clone(values)).is_none() {
            self.bytes += values.get_array_memory_size();
        }
    }
}

/// A batch.
pub(crate) struct Frame<'a> {
    pub(crate) program: &'a Program,
    pub(crate) batch: &'a RecordBatch,
    memory: &'a mut Memory,
    truths: Vec<Option<Truth>>,
    named: Vec<Option<Named<TextId>>>,
    arrays: Vec<Option<ArrayRef>>,
    groups: Vec<Option<Named<GroupId>>>,
    /// By column.
    codes: Vec<Option<Rc<Rows>>>,
    /// By column: for each code the rows that have it.
    with_code: Vec<Option<Vec<BooleanBuffer>>>,
}

/// The different inputs of an expression in a batch, with the results for them.
struct Distinct {
    results: ArrayRef,
    rows: Rc<Rows>,
    /// The column whose codes the rows are.
    column: Option<usize>,
}

/// The place of each row's result.
enum Rows {
    One(u32),
    Each(Vec<u32>),
}

/// Codes of a dictionary are remembered with their results where there are at most so many for each row of a batch.
const CODES_A_ROW: usize = 4;

/// Results that are remembered, if not twice as many as there are expressions: those of the last files' dictionaries.
const MOST_TABLES: usize = 8192;

/// Bytes of dictionaries whose results are remembered.
const MOST_BYTES: usize = 64 << 20;

/// Of so many codes, it is found out once for all which rows have which.
const FEW_CODES: usize = 64;

impl<'a> Frame<'a> {
    pub(crate) fn new(program: &'a Program, batch: &'a RecordBatch, memory: &'a mut Memory) -> Self {
        let expressions = program.expressions.len();
        Self {
            program,
            batch,
            memory,
            truths: vec![None; expressions],
            named: vec![None; expressions],
            arrays: vec![None; expressions],
            groups: vec![None; program.groupings.len()],
            codes: vec![None; batch.num_columns()],
            with_code: vec![None; batch.num_columns()],
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The texts that numbers stand for.
    pub(crate) fn texts(&self) -> &Texts {
        &self.memory.texts
    }

    /// The bytes of a group's texts.
    pub(crate) fn group_bytes(&self, group: GroupId) -> usize {
        self.memory.groups.bytes(group, &self.memory.texts)
    }

    /// The texts of a group's keys.
    pub(crate) fn group_texts(&self, group: GroupId) -> Group {
        self.memory.groups.texts(group, &self.memory.texts)
    }

    /// Returns the ends of the spans.
    pub(crate) fn ends(&self) -> Result<&'a [i64], EngineError> {
        self.program.ends(self.batch)
    }

    /// For which of the rows in `among` all of the expressions are true.
    pub(crate) fn all(&mut self, expressions: &[usize], among: Truth) -> Result<Truth, EngineError> {
        let mut all = among;
        for &expression in expressions {
            if all.is_none() {
                break;
            }
            all = all.and(self.truth(expression)?);
        }
        Ok(all)
    }

    /// For which rows a boolean is true; null is not.
    fn truth(&mut self, expression: usize) -> Result<&Truth, EngineError> {
        if self.truths[expression].is_none() {
            let truth = if self.program.expressions[expression].compiled.of_dictionaries {
                let Distinct { results, rows, column } = self.distinct(expression)?;
                let results = booleans(&results)?;
                match &*rows {
                    Rows::One(at) => {
                        if results.value(*at as usize) {
                            Truth::All
                        } else {
                            Truth::None
                        }
                    }
                    // Most batches have none, or all, of what is asked for.
                    Rows::Each(_) if results.count_set_bits() == 0 => Truth::None,
                    Rows::Each(_) if results.count_set_bits() == results.len() => Truth::All,
                    Rows::Each(codes) => match column {
                        Some(column) if results.len() <= FEW_CODES => {
                            self.with_codes(column, codes, &results)
                        }
                        _ => Truth::of(BooleanBuffer::collect_bool(codes.len(), |row| {
                            results.value(codes[row] as usize)
                        })),
                    },
                }
            } else {
                Truth::of(booleans(&self.evaluate(expression)?)?)
            };
            self.truths[expression] = Some(truth);
        }
        self.truths[expression].as_ref().ok_or_else(|| EngineError::Column("a boolean".to_owned()))
    }

    /// The numbers of an expression's texts, by row.
    pub(crate) fn text(&mut self, expression: usize) -> Result<Named<TextId>, EngineError> {
        if let Some(known) = &self.named[expression] {
            return Ok(known.clone());
        }
        let named = if self.program.expressions[expression].compiled.of_dictionaries {
            let Distinct { results, rows, .. } = self.distinct(expression)?;
            let ids = self.memory.texts.ids(&results)?;
            match &*rows {
                Rows::One(at) => Named::One(ids[*at as usize]),
                Rows::Each(codes) => Named::Each(Rc::new(codes.iter().map(|at| ids[*at as usize]).collect())),
            }
        } else {
            let texts = self.evaluate(expression)?;
            Named::Each(Rc::new(self.memory.texts.ids(&texts)?))
        };
        self.named[expression] = Some(named.clone());
        Ok(named)
    }

    /// The groups of a list of keys.
    pub(crate) fn group(&mut self, grouping: usize) -> Result<Named<GroupId>, EngineError> {
        if let Some(known) = &self.groups[grouping] {
            return Ok(known.clone());
        }
        let program = self.program;
        let keys: Vec<Named<TextId>> =
            program.groupings[grouping].iter().map(|key| self.text(*key)).collect::<Result<_, _>>()?;
        let named = self.memory.groups.of(&keys, self.batch.num_rows());
        self.groups[grouping] = Some(named.clone());
        Ok(named)
    }

    /// The values of an expression, by row.
    pub(crate) fn array(&mut self, expression: usize) -> Result<ArrayRef, EngineError> {
        if let Some(known) = &self.arrays[expression] {
            return Ok(Arc::clone(known));
        }
        let array = if self.program.expressions[expression].compiled.of_dictionaries {
            let Distinct { results, rows, .. } = self.distinct(expression)?;
            let places = match &*rows {
                Rows::One(at) => UInt32Array::from(vec![*at; self.batch.num_rows()]),
                Rows::Each(codes) => UInt32Array::from(codes.clone()),
            };
            take(&results, &places, None)?
        } else {
            self.evaluate(expression)?
        };
        self.arrays[expression] = Some(Arc::clone(&array));
        Ok(array)
    }

    /// The expression over all rows.
    fn evaluate(&self, expression: usize) -> Result<ArrayRef, EngineError> {
        let reads = &self.program.expressions[expression].reads;
        self.over(
            expression,
            reads.iter().map(|column| Arc::clone(self.batch.column(*column))).collect(),
            self.rows(),
        )
    }

    /// The expression over `columns` in the place of those that it reads.
    fn over(&self, expression: usize, columns: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef, EngineError> {
        let expression = &self.program.expressions[expression].compiled;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&expression.schema), columns, &options)?;
        Ok(expression.physical.evaluate(&batch)?.into_array(rows)?)
    }

    /// The expression over the different texts that it reads.
    fn distinct(&mut self, expression: usize) -> Result<Distinct, EngineError> {
        let program = self.program;
        let reads = &program.expressions[expression].reads;
        let columns: Vec<&DictionaryArray<Int32Type>> =
            reads.iter().map(|column| dictionary(self.batch.column(*column))).collect::<Result<_, _>>()?;
        if let [column] = columns[..]
            && column.values().len() <= CODES_A_ROW * self.rows()
        {
            let key = (expression, address(column.values()));
            let results = if let Some(known) = self.memory.tables.results.get(&key) {
                Arc::clone(known)
            } else {
                let every = every_value(column)?;
                let rows = every.len();
                let results = self.over(expression, vec![every], rows)?;
                self.memory.tables.make_room(program.expressions.len());
                self.memory.tables.keep(expression, column.values(), &results);
                results
            };
            let column = reads[0];
            return Ok(Distinct { results, rows: self.codes(column)?, column: Some(column) });
        }
        // The first row of each combination of texts stands for all.
        let (mut places, mut firsts) = (HashMap::new(), Vec::new());
        let keys: Vec<Vec<u32>> = columns.iter().map(|column| each_code(column)).collect();
        let mut last: Option<(usize, u32)> = None;
        let rows = (0..self.rows()).map(|row| {
            // Equal rows tend to lie together.
            if let Some((before, place)) = last
                && keys.iter().all(|codes| codes[before] == codes[row])
            {
                return place;
            }
            let combination: Vec<u32> = keys.iter().map(|codes| codes[row]).collect();
            let place = *places.entry(combination).or_insert_with(|| {
                firsts.push(crate::rows::index(row));
                crate::rows::index(firsts.len() - 1)
            });
            last = Some((row, place));
            place
        });
        let rows = Rc::new(Rows::Each(rows.collect()));
        let firsts = UInt32Array::from(firsts);
        let inputs = reads.iter().map(|column| take(self.batch.column(*column), &firsts, None));
        let inputs = inputs.collect::<Result<_, _>>()?;
        Ok(Distinct { results: self.over(expression, inputs, firsts.len())?, rows, column: None })
    }

    /// The codes of a column's rows.
    fn codes(&mut self, column: usize) -> Result<Rc<Rows>, EngineError> {
        if let Some(known) = &self.codes[column] {
            return Ok(Rc::clone(known));
        }
        let rows = Rc::new(codes(dictionary(self.batch.column(column))?));
        self.codes[column] = Some(Rc::clone(&rows));
        Ok(rows)
    }

    /// The rows whose codes in a column are among some.
    fn with_codes(&mut self, column: usize, codes: &[u32], among: &BooleanBuffer) -> Truth {
        let with_code = self.with_code[column].get_or_insert_with(|| rows_with_each(codes, among.len()));
        let any = among.set_indices().map(|code| with_code[code].clone());
        any.reduce(|one, other| &one | &other).map_or(Truth::None, Truth::of)
    }
}

/// For each of so many codes, the rows that have it.
fn rows_with_each(codes: &[u32], count: usize) -> Vec<BooleanBuffer> {
    let words = codes.len().div_ceil(64);
    let mut bits = vec![vec![0_u64; words]; count];
    for (row, code) in codes.iter().enumerate() {
        bits[*code as usize][row / 64] |= 1 << (row % 64);
    }
    bits.into_iter().map(|bits| BooleanBuffer::new(Buffer::from_vec(bits), 0, codes.len())).collect()
}

fn dictionary(column: &ArrayRef) -> Result<&DictionaryArray<Int32Type>, EngineError> {
    column
        .as_dictionary_opt::<Int32Type>()
        .ok_or_else(|| EngineError::Column("a dictionary of texts".to_owned()))
}

fn address(values: &ArrayRef) -> usize {
    Arc::as_ptr(values).cast::<()>() as usize
}

/// Each value of a dictionary in its place, and none behind them.
fn every_value(column: &DictionaryArray<Int32Type>) -> Result<ArrayRef, EngineError> {
    let values = i32::try_from(column.values().len()).unwrap_or(i32::MAX);
    let keys: Int32Array = (0..values).map(Some).chain([None]).collect();
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(column.values()))?))
}

/// The place of each row's value in [`every_value`].
fn codes(column: &DictionaryArray<Int32Type>) -> Rows {
    let keys = column.keys();
    let values = keys.values();
    // Files are sorted by service: most batches have one.
    if let Some(first) = values.first()
        && keys.null_count() == 0
        && values.iter().all(|code| code == first)
    {
        return Rows::One(first.cast_unsigned());
    }
    if keys.null_count() == keys.len() {
        return Rows::One(crate::rows::index(column.values().len()));
    }
    Rows::Each(each_code(column))
}

fn each_code(column: &DictionaryArray<Int32Type>) -> Vec<u32> {
    let keys = column.keys();
    let none = crate::rows::index(column.values().len());
    match keys.nulls() {
        None => keys.values().iter().map(|code| code.cast_unsigned()).collect(),
        Some(nulls) => {
            let code =
                |(at, code): (usize, &i32)| if nulls.is_valid(at) { code.cast_unsigned() } else { none };
            keys.values().iter().enumerate().map(code).collect()
        }
    }
}

/// A boolean array's true values; null is not.
fn booleans(array: &ArrayRef) -> Result<BooleanBuffer, EngineError> {
    let array: &BooleanArray =
        array.as_boolean_opt().ok_or_else(|| EngineError::Column("a boolean".to_owned()))?;
    Ok(match array.nulls() {
        None => array.values().clone(),
        Some(nulls) => array.values() & nulls.inner(),
    })
}
