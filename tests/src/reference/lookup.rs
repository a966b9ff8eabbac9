//! Reading a field of a span: which attribute answers under which of its names.

use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::rule::Conventions;
use fluo_spans::span::{Attributes, Event, Span};

use super::Givens;
use super::datum::Datum;
use super::number::Number;
use super::text::elements;

/// A span as one rule sees it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The span.
    pub(super) span: &'a Span,
    /// The event that a comparison is tried on. Without one, a field of events means the first event that has it.
    pub(super) event: Option<&'a Event>,
    /// Whether attribute names follow renames.
    pub(super) conventions: Conventions,
    /// What the product gives.
    pub(super) givens: Givens<'a>,
}

impl<'a> Subject<'a> {
    /// The same span, seen through one of its events.
    pub(super) fn at(self, event: &'a Event) -> Self {
        Self { event: Some(event), ..self }
    }

    /// The field's value as a whole.
    pub(super) fn value(self, field: &Field) -> Option<Datum> {
        match field {
            Field::Attribute { scope, key } => self.attribute(*scope, key).map(Datum::Attribute),
            Field::Intrinsic(intrinsic) => self.intrinsic(*intrinsic),
        }
    }

    /// What comparisons are tried on, one holding being enough: the elements of an array, else the value.
    pub(super) fn candidates(self, field: &Field) -> Vec<Datum> {
        match self.value(field) {
            None => Vec::new(),
            Some(Datum::Attribute(text)) => elements(&text).into_iter().map(Datum::Attribute).collect(),
            Some(datum) => vec![datum],
        }
    }

    /// The field's canonical text: what groups and distinct counts go by. A duration's is its nanoseconds.
    pub(super) fn canonical_text(self, field: &Field) -> Option<String> {
        match self.value(field)? {
            Datum::Duration(Number::Int(nanos)) => Some(nanos.to_string()),
            datum => datum.text(),
        }
    }

    fn attribute(self, scope: Scope, key: &str) -> Option<String> {
        let spellings = match self.conventions {
            Conventions::Renamed => (self.givens.spellings)(key),
            Conventions::Exact => vec![key.to_owned()],
        };
        let first = |attributes: &Attributes| -> Option<String> {
            spellings.iter().find_map(|spelling| attributes.get(spelling)).map(str::to_owned)
        };
        match scope {
            Scope::Span => first(&self.span.attributes),
            Scope::Resource => first(&self.span.resource.attributes),
            // Renames are of span, resource and event attributes.
            Scope::Scope => self.span.scope.attributes.get(key).map(str::to_owned),
            Scope::Event => self.events().find_map(|event| first(&event.attributes)),
            Scope::Either => first(&self.span.attributes).or_else(|| first(&self.span.resource.attributes)),
        }
    }

    fn intrinsic(self, intrinsic: Intrinsic) -> Option<Datum> {
        let span = self.span;
        let text = |text: &str| Some(Datum::Text(text.to_owned()));
        let unless_empty = |text: &str| (!text.is_empty()).then(|| Datum::Text(text.to_owned()));
        match intrinsic {
            Intrinsic::Name => text(&span.name),
            Intrinsic::Kind => text(span.kind.as_str()),
            Intrinsic::Status => text(span.status.as_str()),
            Intrinsic::StatusMessage => unless_empty(&span.status_message),
            Intrinsic::Duration => {
                Some(Datum::Duration(Number::Int(i128::from(span.end_ns) - i128::from(span.start_ns))))
            }
            Intrinsic::TraceId => text(&hex(&span.trace_id)),
            Intrinsic::SpanId => text(&hex(&span.span_id)),
            Intrinsic::ServiceName => span.resource.service_name.as_deref().and_then(text),
            Intrinsic::Root => Some(Datum::Bool(span.parent_span_id.is_none())),
            Intrinsic::ScopeName => unless_empty(&span.scope.name),
            Intrinsic::ScopeVersion => unless_empty(&span.scope.version),
            Intrinsic::EventName => self.events().next().map(|event| Datum::Text(event.name.clone())),
        }
    }

    fn events(self) -> Box<dyn Iterator<Item = &'a Event> + 'a> {
        match self.event {
            Some(event) => Box::new(std::iter::once(event)),
            None => Box::new(self.span.events.iter()),
        }
    }
}

/// Whether a field belongs to the span's events, so that one of them satisfying a test is enough.
pub(super) fn is_of_events(field: &Field) -> bool {
    matches!(field, Field::Intrinsic(Intrinsic::EventName) | Field::Attribute { scope: Scope::Event, .. })
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}
