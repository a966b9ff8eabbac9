//! Opening a data file: its footer and its name held against each other, and its values where nothing vouches for them.
//!
//! | the file | is believed |
//! | --- | --- |
//! | sealed | once footer and name agree: its pages are checked as they are read |
//! | without a seal | once its columns of times, kinds and states were read, and hold what they must |
//!
//! A contradiction is the file's fault, whoever made it so: one such file is set aside, and no rule fails for it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType};
use fluo_spans::layout::Layout;
use fluo_spans::schema::{columns, span_schema};
use fluo_spans::span::{Kind, Status};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use crate::counts::FileCounts;
use crate::data_file::{DataFile, Within};
use crate::fault::FileFault;
use crate::file_reader::FileReader;
use crate::file_schema::Schemas;
use crate::footer::Footer;
use crate::guard::{guarded, guarded_stream};
use crate::names::DataFileName;
use crate::parquet_write::UNIQUE;

/// A data file that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFile {
    /// The layout it was written in.
    pub layout: Arc<Layout>,
    /// Ends of its first and last span, in nanoseconds since the epoch; `None` where it has no row.
    pub ends: Option<RangeInclusive<i64>>,
    /// Spans in it.
    pub rows: u64,
    /// The time at which the raw object of its spans was written, in milliseconds since the epoch; of several, the last.
    pub ingested_at_ms: Option<i64>,
    /// The counts of ingest.
    pub counts: FileCounts,
    /// True if its footer vouches that no span stands in it twice. Where it is false, one may.
    pub unique: bool,
}

/// Opens a data file, and returns it with its footer. `schemas`: those that were met in the store.
///
/// # Errors
///
/// [`FileFault::Unavailable`] where requests fail; [`FileFault::Corrupt`] where its footer, its name and its values
/// contradict each other or cannot be; [`FileFault::Foreign`] where it is sound, and not of spans as fluo writes them.
pub async fn open(
    store: &Arc<dyn ObjectStore>,
    file: &DataFile,
    schemas: &Schemas,
) -> Result<(OpenFile, Arc<Footer>), FileFault> {
    let footer = Arc::new(Footer::read(store.as_ref(), &file.location, file.size, schemas).await?);
    let corrupt = |wrong: Wrong| FileFault::corrupt(&file.location, wrong);
    let layout = layout(&footer).ok_or_else(|| FileFault::foreign(&file.location, Wrong::Schema))?;
    let said = guarded(|| Said::of(&footer)).map_err(|panic| FileFault::corrupt(&file.location, panic))?;
    let ends = if footer.is_sealed() {
        said.ends().map_err(corrupt)?
    } else {
        let reader =
            FileReader::new(Arc::clone(store), file.location.clone(), file.size, Arc::clone(&footer));
        let seen = look_through(reader, &footer, &layout).await;
        let seen = seen.map_err(|error| FileFault::corrupt(&file.location, error))?;
        said.check(&seen).map_err(corrupt)?;
        seen.ends
    };
    let counts = FileCounts::from_metadata(footer.metadata().file_metadata().key_value_metadata());
    let unique = is_unique(&footer);
    let Said { rows, ingested_at_ms, .. } = said;
    let opened = OpenFile { layout: Arc::new(layout), ends, rows, ingested_at_ms, counts, unique };
    if let Some(name) = &file.name {
        opened.check(name).map_err(corrupt)?;
    }
    Ok((opened, footer))
}

/// Returns the time at which the raw object of a file's spans was written, in milliseconds since the epoch, as its footer
/// says.
///
/// # Errors
///
/// [`FileFault`] where the footer cannot be read.
pub async fn ingested_at_ms(store: &dyn ObjectStore, file: &DataFile) -> Result<Option<i64>, FileFault> {
    if let Some(replaced) = file.within.as_ref().and_then(Within::replaced) {
        return Ok(replaced.ingested_at_ms);
    }
    let footer = Footer::read(store, &file.location, file.size, &Schemas::default()).await?;
    let said = guarded(|| Said::of(&footer)).map_err(|panic| FileFault::corrupt(&file.location, panic))?;
    Ok(said.ingested_at_ms)
}

/// The columns of a file in a layout as Arrow has them, whatever the file says of Arrow.
///
/// # Errors
///
/// [`ParquetError`] where its columns are others.
pub fn arrow_metadata(footer: &Footer, layout: &Layout) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_schema(span_schema(layout));
    let made = || ArrowReaderMetadata::try_new(Arc::clone(footer.for_readers()), options);
    guarded(made).map_err(|panic| ParquetError::External(Box::new(panic)))?
}

/// The reasons why a data file is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    /// Occurs when its columns are not those of a layout.
    #[error("its columns are not those of spans as fluo writes them")]
    Schema,
    /// Occurs when statistics lack, or contradict themselves.
    #[error("its statistics cannot be: {0}")]
    Statistics(String),
    /// Occurs when its footer and its data say different things.
    #[error("its footer says {said}, and it holds {held}")]
    Footer {
        /// The text of what is said.
        said: String,
        /// The text of what is so.
        held: String,
    },
    /// Occurs when its name and what it holds say different things.
    #[error("its name says {said}, and it holds {held}")]
    Name {
        /// The text of what is said.
        said: String,
        /// The text of what is so.
        held: String,
    },
    /// Occurs when a value is none that a span can have.
    #[error("column `{column}` holds {value}, which no span has")]
    Value {
        /// The column.
        column: &'static str,
        /// The value that it holds.
        value: String,
    },
}

impl OpenFile {
    /// Holds what a name says against what the file holds.
    fn check(&self, name: &DataFileName) -> Result<(), Wrong> {
        let wrong = |said: String, held: String| Err(Wrong::Name { said, held });
        if name.rows != self.rows {
            return wrong(format!("{} spans", name.rows), self.rows.to_string());
        }
        if name.layout != self.layout.number {
            return wrong(format!("layout {}", name.layout), format!("layout {}", self.layout.number));
        }
        match &self.ends {
            Some(ends) if !contains(&name.ends_ns(), ends) => {
                wrong(in_words(&name.ends_ns()), in_words(ends))
            }
            _ => Ok(()),
        }
    }
}

/// The facts that a footer states of its file's rows, whether or not they are so.
struct Said {
    rows: u64,
    /// Smallest and largest end of each row group, where there are statistics.
    ends: Vec<Option<(i64, i64)>>,
    ingested_at_ms: Option<i64>,
}

impl Said {
    fn of(footer: &Footer) -> Self {
        let groups = footer.metadata().row_groups();
        let rows = groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(u64::MAX));
        let written = groups.iter().filter_map(|group| extremes(group, columns::INGESTED_AT));
        Self {
            rows: rows.fold(0, u64::saturating_add),
            ends: groups.iter().map(|group| extremes(group, columns::END_TIME)).collect(),
            ingested_at_ms: written.map(|(_, last)| last).max(),
        }
    }

    /// Ends of the first and the last span, by the statistics of every row group.
    fn ends(&self) -> Result<Option<RangeInclusive<i64>>, Wrong> {
        let mut all: Option<RangeInclusive<i64>> = None;
        for ends in &self.ends {
            let (first, last) =
                ends.ok_or_else(|| Wrong::Statistics("there are none of `end_time`".to_owned()))?;
            if first > last {
                return Err(Wrong::Statistics(format!(
                    "the smallest `end_time` is {first}, the largest {last}"
                )));
            }
            widen(&mut all, first, last);
        }
        Ok(all)
    }

    /// Holds what is said against what the file holds.
    fn check(&self, seen: &Seen) -> Result<(), Wrong> {
        if self.rows != seen.rows {
            return Err(Wrong::Footer { said: format!("{} spans", self.rows), held: seen.rows.to_string() });
        }
        if self.ends.iter().all(Option::is_none) {
            return Ok(());
        }
        match (self.ends()?, &seen.ends) {
            (Some(said), Some(held)) if !contains(&said, held) => {
                Err(Wrong::Footer { said: in_words(&said), held: in_words(held) })
            }
            _ => Ok(()),
        }
    }
}

fn extremes(group: &RowGroupMetaData, column: &str) -> Option<(i64, i64)> {
    let column = group.columns().iter().find(|it| it.column_path().parts() == [column])?;
    match column.statistics() {
        Some(Statistics::Int64(of_column)) => Some((*of_column.min_opt()?, *of_column.max_opt()?)),
        _ => None,
    }
}

fn widen(range: &mut Option<RangeInclusive<i64>>, first: i64, last: i64) {
    *range = Some(match range {
        Some(known) => first.min(*known.start())..=last.max(*known.end()),
        None => first..=last,
    });
}

fn contains(outer: &RangeInclusive<i64>, inner: &RangeInclusive<i64>) -> bool {
    outer.start() <= inner.start() && inner.end() <= outer.end()
}

fn in_words(ends: &RangeInclusive<i64>) -> String {
    format!("ends from {} to {} ns", ends.start(), ends.end())
}

/// The layout that a file was written in, by its own key-value metadata.
fn layout(footer: &Footer) -> Option<Layout> {
    let pairs = footer.metadata().file_metadata().key_value_metadata()?;
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key)?.value.as_deref();
    let layout = Layout::from_metadata(value)?;
    // The columns themselves have the last word: what is said of them is not what is read.
    footer.schema().fits(&layout, || arrow_metadata(footer, &layout).is_ok()).then_some(layout)
}

/// Returns whether a footer vouches that no span stands in its file twice. Programs that merge files copy what their
/// metadata says; a seal does not survive that.
fn is_unique(footer: &Footer) -> bool {
    let mut pairs = footer.metadata().file_metadata().key_value_metadata().into_iter().flatten();
    let said = pairs.any(|pair| pair.key == UNIQUE && pair.value.as_deref() == Some("1"));
    said && footer.is_sealed()
}

/// Columns that every span has, with values that not every text or number is.
const LOOKED_THROUGH: [&str; 5] =
    [columns::START_TIME, columns::END_TIME, columns::DURATION_NS, columns::KIND, columns::STATUS];

/// The facts that were seen in a file.
#[derive(Debug, Default)]
struct Seen {
    rows: u64,
    ends: Option<RangeInclusive<i64>>,
}

/// Reads the columns of a file that tell whether its rows are spans.
async fn look_through(
    reader: FileReader,
    footer: &Footer,
    layout: &Layout,
) -> Result<Seen, Box<dyn std::error::Error + Send + Sync>> {
    let metadata = arrow_metadata(footer, layout)?;
    let mask = ProjectionMask::columns(metadata.parquet_schema(), LOOKED_THROUGH);
    let building = || {
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata);
        builder.with_projection(mask).build()
    };
    let mut batches = guarded_stream(guarded(building)??.boxed());
    let mut seen = Seen::default();
    while let Some(batch) = batches.try_next().await? {
        seen.add(&batch?)?;
    }
    Ok(seen)
}

impl Seen {
    fn add(&mut self, batch: &RecordBatch) -> Result<(), Wrong> {
        let column = |name: &'static str| {
            let missing = || Wrong::Value { column: name, value: "nothing".to_owned() };
            batch.column_by_name(name).ok_or_else(missing)
        };
        let times = |name| Ok(column(name)?.as_primitive::<TimestampNanosecondType>().clone());
        let (starts, ends) = (times(columns::START_TIME)?, times(columns::END_TIME)?);
        let durations = column(columns::DURATION_NS)?.as_primitive::<Int64Type>();
        for ((start, end), duration) in starts.values().iter().zip(ends.values()).zip(durations.values()) {
            if start > end || *duration != end.saturating_sub(*start) {
                let value = format!("{duration} from {start} to {end}");
                return Err(Wrong::Value { column: columns::DURATION_NS, value });
            }
            widen(&mut self.ends, *end, *end);
        }
        words(column(columns::KIND)?.as_ref(), columns::KIND, &Kind::ALL.map(Kind::as_str))?;
        words(column(columns::STATUS)?.as_ref(), columns::STATUS, &Status::ALL.map(Status::as_str))?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }
}

/// Checks that a column of dictionary text holds none but the given words.
fn words(column: &dyn Array, name: &'static str, all: &[&str]) -> Result<(), Wrong> {
    let dictionary = column.as_dictionary::<Int32Type>();
    let texts = dictionary.values().as_string::<i32>();
    let known: Vec<bool> = texts.iter().map(|text| text.is_some_and(|text| all.contains(&text))).collect();
    let used = dictionary.keys().values().iter().map(|key| usize::try_from(*key).unwrap_or(usize::MAX));
    for at in used {
        if !known.get(at).copied().unwrap_or(false) {
            let value =
                if at < texts.len() { format!("{:?}", texts.value(at)) } else { "nothing".to_owned() };
            return Err(Wrong::Value { column: name, value });
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
