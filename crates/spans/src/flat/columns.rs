//! The columns of the family, by their names.

use arrow::array::{ArrayRef, RecordBatch};

use crate::error::{DecodeError, Foreign};

/// A column that says something of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    TraceId,
    SpanId,
    ParentSpanId,
    TraceState,
    Flags,
    Name,
    Kind,
    Status,
    StatusMessage,
    Start,
    End,
    Duration,
    Attributes,
    ServiceName,
    ServiceNamespace,
    ServiceInstance,
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    /// Whole events.
    Events,
    EventTimes,
    EventNames,
    EventAttributes,
    /// Whole links.
    Links,
    LinkTraceIds,
    LinkSpanIds,
    LinkTraceStates,
    LinkAttributes,
    DroppedAttributes,
    DroppedEvents,
    DroppedLinks,
}

/// Names as [`letters`] has them. The exporter of the collector's contrib to ClickHouse and Rotel's, otlp2parquet, and
/// otlp2records before and since 0.8 (`start_time_unix_nano`) use them.
const NAMES: [(&str, Column); 41] = [
    ("traceid", Column::TraceId),
    ("spanid", Column::SpanId),
    ("parentspanid", Column::ParentSpanId),
    ("tracestate", Column::TraceState),
    ("flags", Column::Flags),
    ("traceflags", Column::Flags),
    ("spanname", Column::Name),
    ("name", Column::Name),
    ("spankind", Column::Kind),
    ("kind", Column::Kind),
    ("statuscode", Column::Status),
    ("statusmessage", Column::StatusMessage),
    ("statusstatusmessage", Column::StatusMessage),
    ("timestamp", Column::Start),
    ("starttimeunixnano", Column::Start),
    ("endtimestamp", Column::End),
    ("endtimeunixnano", Column::End),
    ("duration", Column::Duration),
    ("durationtimeunixnano", Column::Duration),
    ("spanattributes", Column::Attributes),
    ("servicename", Column::ServiceName),
    ("servicenamespace", Column::ServiceNamespace),
    ("serviceinstanceid", Column::ServiceInstance),
    ("resourceattributes", Column::ResourceAttributes),
    ("scopename", Column::ScopeName),
    ("scopeversion", Column::ScopeVersion),
    ("scopeattributes", Column::ScopeAttributes),
    ("events", Column::Events),
    ("eventsjson", Column::Events),
    ("eventstimestamp", Column::EventTimes),
    ("eventsname", Column::EventNames),
    ("eventsattributes", Column::EventAttributes),
    ("links", Column::Links),
    ("linksjson", Column::Links),
    ("linkstraceid", Column::LinkTraceIds),
    ("linksspanid", Column::LinkSpanIds),
    ("linkstracestate", Column::LinkTraceStates),
    ("linksattributes", Column::LinkAttributes),
    ("droppedattributescount", Column::DroppedAttributes),
    ("droppedeventscount", Column::DroppedEvents),
    ("droppedlinkscount", Column::DroppedLinks),
];

/// Columns that the family's tables of logs, and of metrics, have, and its tables of spans have not.
const OF_LOGS: [&str; 3] = ["logattributes", "severitynumber", "severitytext"];
const OF_METRICS: [&str; 3] = ["metricname", "metricattributes", "aggregationtemporality"];

/// A table of spans: which of its columns says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanTable {
    /// With the places and the names of the columns.
    columns: Vec<(Column, usize, String)>,
}

impl SpanTable {
    /// Looks for spans in a table with columns of these names.
    ///
    /// # Errors
    ///
    /// [`DecodeError::NotTraces`] where it is a table of logs or metrics of the family; [`DecodeError::NotSpanTable`] where
    /// a column is missing without which no span can be placed.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, DecodeError> {
        let mut columns: Vec<(Column, usize, String)> = Vec::new();
        let mut foreign = None;
        for (place, name) in names.into_iter().enumerate() {
            let letters = letters(name);
            if OF_LOGS.contains(&letters.as_str()) {
                foreign = Some(Foreign::Logs);
            } else if OF_METRICS.contains(&letters.as_str()) {
                foreign = Some(Foreign::Metrics);
            }
            // Of two columns for one thing the first counts.
            let column = column(&letters);
            let column = column.filter(|column| columns.iter().all(|(known, ..)| known != column));
            columns.extend(column.map(|column| (column, place, name.to_owned())));
        }
        let table = Self { columns };
        let missing = table.missing();
        match foreign {
            _ if missing.is_empty() => Ok(table),
            Some(foreign) => Err(DecodeError::NotTraces(foreign)),
            None => Err(DecodeError::NotSpanTable { missing: missing.join(", ") }),
        }
    }

    fn missing(&self) -> Vec<&'static str> {
        let has = |column| self.has(column);
        // The name of the operation is on the list because tables of other things have times and ids, too.
        let needed = [
            ("`Timestamp`", has(Column::Start)),
            ("`Duration`", has(Column::Duration) || has(Column::End)),
            ("`TraceId`", has(Column::TraceId)),
            ("`SpanId`", has(Column::SpanId)),
            ("`SpanName`", has(Column::Name)),
        ];
        needed.iter().filter(|(_, has)| !has).map(|(name, _)| *name).collect()
    }

    /// The places of the columns that say something, in their order.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|(_, place, _)| *place)
    }

    /// Returns whether integers in its ends and durations are milliseconds.
    pub(super) fn has_milliseconds(&self) -> bool {
        self.columns.iter().any(|(_, _, name)| letters(name) == "endtimestamp")
    }

    fn has(&self, column: Column) -> bool {
        self.columns.iter().any(|(known, ..)| *known == column)
    }

    /// The columns of some rows. Of two columns of one name, the first is meant.
    pub(super) fn columns_of(&self, batch: &RecordBatch) -> Columns {
        let found = self.columns.iter().filter_map(|(column, _, name)| {
            batch.column_by_name(name).map(|array| (*column, ArrayRef::clone(array)))
        });
        Columns(found.collect())
    }
}

/// The columns of some rows of a table.
pub(super) struct Columns(Vec<(Column, ArrayRef)>);

impl Columns {
    pub(super) fn get(&self, column: Column) -> Option<&ArrayRef> {
        self.0.iter().find(|(known, _)| *known == column).map(|(_, array)| array)
    }
}

fn column(letters: &str) -> Option<Column> {
    NAMES.iter().find(|(name, _)| *name == letters).map(|(_, column)| *column)
}

/// A name without what spellings differ in: `Events.Name`, `Events_Name` and `events_name` are one.
pub(super) fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}
