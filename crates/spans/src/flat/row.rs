//! Rows to spans.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};

use super::cell::{Cell, Unit, field};
use super::columns::{Column, Columns, SpanTable};
use crate::assembly::Assembly;
use crate::draft::{Draft, EventDraft, LinkDraft, resource, scope};
use crate::id::Id;
use crate::json;
use crate::mend::Mend;
use crate::mending::{AttributeList, Mending};
use crate::received::Time;
use crate::received::{Received, Text};
use crate::semconv::SERVICE_NAME;

/// Reads some rows.
pub(super) fn read(table: &SpanTable, batch: &RecordBatch, assembly: &mut Assembly<'_>) {
    // otlp2records before 0.8, the only one of the family with a column `end_timestamp`, has whole milliseconds there and
    // in its durations. All others have nanoseconds.
    let unit = if table.has_milliseconds() { Unit::Milliseconds } else { Unit::Nanoseconds };
    let rows = Rows { columns: table.columns_of(batch), unit };
    for row in 0..batch.num_rows() {
        if assembly.is_stopped() {
            return;
        }
        rows.resource(row, assembly);
        rows.scope(row, assembly);
        let mut mending = Mending::new(assembly.limits());
        let draft = rows.span(row, &mut mending);
        assembly.span(draft, mending);
    }
}

/// Rows while they are read.
struct Rows {
    columns: Columns,
    unit: Unit,
}

impl Rows {
    fn cell(&self, column: Column, row: usize) -> Option<Cell<'_>> {
        self.columns.get(column).map(|array| Cell { array, at: row })
    }

    fn value(&self, column: Column, row: usize) -> Received<'_> {
        self.cell(column, row).map_or(Received::Nothing, Cell::value)
    }

    fn id<const N: usize>(&self, column: Column, row: usize) -> Id<N> {
        self.cell(column, row).map_or(Id::Missing, Cell::id)
    }

    fn attributes(&self, column: Column, row: usize, mending: &mut Mending<'_>) -> AttributeList {
        let mut attributes = AttributeList::default();
        if let Some(cell) = self.cell(column, row) {
            cell.attributes(&mut attributes, mending);
        }
        attributes
    }

    fn resource(&self, row: usize, assembly: &mut Assembly<'_>) {
        const APART: [(Column, &str); 3] = [
            (Column::ServiceName, SERVICE_NAME),
            (Column::ServiceNamespace, "service.namespace"),
            (Column::ServiceInstance, "service.instance.id"),
        ];
        let mut mending = Mending::new(assembly.limits());
        let mut attributes = self.attributes(Column::ResourceAttributes, row, &mut mending);
        for (column, key) in APART {
            let text = mending.text(self.value(column, row));
            // Of equal keys the last counts. A column without null is empty where the attribute is missing.
            if !text.is_empty() {
                attributes.pairs.push(key, &text);
            }
        }
        let resource = resource(attributes, &mut mending);
        assembly.enter_resource(resource, mending.mends());
    }

    fn scope(&self, row: usize, assembly: &mut Assembly<'_>) {
        let mut mending = Mending::new(assembly.limits());
        let name = mending.text(self.value(Column::ScopeName, row));
        let version = mending.text(self.value(Column::ScopeVersion, row));
        let attributes = self.attributes(Column::ScopeAttributes, row, &mut mending);
        let scope = scope(name, version, attributes, &mut mending);
        assembly.enter_scope(scope, mending.mends());
    }

    fn span(&self, row: usize, mending: &mut Mending<'_>) -> Draft {
        let value = |column| self.value(column, row);
        let mut span = Draft::default();
        span.trace_id = self.id(Column::TraceId, row);
        span.span_id = self.id(Column::SpanId, row);
        span.parent_span_id = self.id(Column::ParentSpanId, row);
        span.trace_state = mending.text(value(Column::TraceState));
        span.flags = mending.flags(value(Column::Flags));
        span.name = mending.text(value(Column::Name));
        span.kind = mending.kind(value(Column::Kind));
        span.status = mending.status(value(Column::Status));
        span.status_message = mending.text(value(Column::StatusMessage));
        (span.start, span.end) = self.times(row, mending);
        span.attributes = self.attributes(Column::Attributes, row, mending);
        span.dropped_attributes = mending.count(value(Column::DroppedAttributes));
        span.dropped_events = mending.count(value(Column::DroppedEvents));
        span.dropped_links = mending.count(value(Column::DroppedLinks));
        self.events(row, &mut span, mending);
        self.links(row, &mut span, mending);
        span
    }

    /// Start and end. The start and a length are more exact than the end that a table has.
    fn times(&self, row: usize, mending: &mut Mending<'_>) -> (Time, Time) {
        let time = |column, unit| self.cell(column, row).map_or(Received::Nothing, |cell| cell.time(unit));
        let start = mending.time(time(Column::Start, Unit::Nanoseconds));
        let duration =
            self.cell(Column::Duration, row).map_or(Received::Nothing, |cell| cell.duration(self.unit));
        let end = match (start, mending.duration(duration)) {
            (Time::At(start), Some(duration)) => match i128::from(start).saturating_add(duration) {
                end if end > 0 => Time::At(u64::try_from(end).unwrap_or(u64::MAX)),
                _ => Time::Malformed,
            },
            _ => mending.time(time(Column::End, self.unit)),
        };
        (start, end)
    }

    fn events(&self, row: usize, span: &mut Draft, mending: &mut Mending<'_>) {
        let whole = self.cell(Column::Events, row);
        if let Some(text) = whole.and_then(text) {
            return json::plain::events(text.raw(), span, mending);
        }
        let apart = [Column::EventTimes, Column::EventNames, Column::EventAttributes]
            .map(|column| self.cell(column, row));
        each(whole, ["timestamp", "name", "attributes"], apart, mending, |parts, mending| {
            if span.has_room_for_event(mending) {
                let event = parts.map(|parts| event(parts, mending));
                span.event(event, mending);
            }
        });
    }

    fn links(&self, row: usize, span: &mut Draft, mending: &mut Mending<'_>) {
        let whole = self.cell(Column::Links, row);
        if let Some(text) = whole.and_then(text) {
            return json::plain::links(text.raw(), span, mending);
        }
        let apart =
            [Column::LinkTraceIds, Column::LinkSpanIds, Column::LinkTraceStates, Column::LinkAttributes]
                .map(|column| self.cell(column, row));
        let names = ["traceid", "spanid", "tracestate", "attributes"];
        each(whole, names, apart, mending, |parts, mending| {
            if span.has_room_for_link(mending) {
                let link = parts.map(|parts| link(parts, mending));
                span.link(link, mending);
            }
        });
    }
}

fn text(cell: Cell<'_>) -> Option<Text<'_>> {
    match cell.value() {
        Received::Text(text) => Some(text),
        _ => None,
    }
}

/// The parts of an event or a link; none of a column or field that is not there.
type Parts<'a, const N: usize> = [Option<Cell<'a>>; N];

/// Calls `item` for each event or link of a row: a list of structures with fields of these names, or else as many lists.
/// Without parts is what is none: a structure that is null, an item that one of the lists lacks.
fn each<'a, const N: usize>(
    whole: Option<Cell<'a>>,
    names: [&str; N],
    apart: Parts<'a, N>,
    mending: &mut Mending<'_>,
    mut item: impl FnMut(Option<Parts<'a, N>>, &mut Mending<'_>),
) {
    if let Some(cell) = whole {
        let structures = cell.items().and_then(|(items, range)| Some((items.as_struct_opt()?, range)));
        let Some((structures, range)) = structures else {
            if !cell.is_null() {
                mending.note(Mend::NoMeaning);
            }
            return;
        };
        let fields = names.map(|name| field(structures, name));
        for at in range {
            let parts = fields.map(|array| array.map(|array| Cell { array, at }));
            item((!structures.is_null(at)).then_some(parts), mending);
        }
        return;
    }
    let lists: [Option<(&'a ArrayRef, Range<usize>)>; N] = apart.map(|cell| {
        // A list that is null says as little as a column that is not there.
        let cell = cell.filter(|cell| !cell.is_null())?;
        let list = cell.items();
        if list.is_none() {
            mending.note(Mend::NoMeaning);
        }
        list
    });
    let longest = lists.iter().flatten().map(|(_, range)| range.len()).max().unwrap_or(0);
    for place in 0..longest {
        let is_whole = lists.iter().flatten().all(|(_, range)| place < range.len());
        let parts = lists.each_ref().map(|list| {
            let (array, range) = list.as_ref()?;
            Some(Cell { array, at: range.start + place })
        });
        item(is_whole.then_some(parts), mending);
    }
}

fn event([time, name, attributes]: Parts<'_, 3>, mending: &mut Mending<'_>) -> EventDraft {
    let mut event = EventDraft {
        time: mending.time(time.map_or(Received::Nothing, |cell| cell.time(Unit::Nanoseconds))),
        name: mending.text(name.map_or(Received::Nothing, Cell::value)),
        attributes: AttributeList::default(),
    };
    if let Some(cell) = attributes {
        cell.attributes(&mut event.attributes, mending);
    }
    event
}

fn link([trace_id, span_id, state, attributes]: Parts<'_, 4>, mending: &mut Mending<'_>) -> LinkDraft {
    let mut link = LinkDraft {
        trace_id: trace_id.map_or(Id::Missing, Cell::id),
        span_id: span_id.map_or(Id::Missing, Cell::id),
        trace_state: mending.text(state.map_or(Received::Nothing, Cell::value)),
        attributes: AttributeList::default(),
    };
    if let Some(cell) = attributes {
        cell.attributes(&mut link.attributes, mending);
    }
    link
}
