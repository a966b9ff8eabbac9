//! Reading a field of a span: which attribute answers under which of its names.

use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::rule::{Conventions, Rule};
use fluo_spans::span::{Attributes, Event, Link, Span};

use super::datum::Datum;
use super::kin::Within;
use super::limits;
use super::number::Number;
use super::terms::{Givens, Group};
use super::text::elements;

/// A span as one rule sees it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The span.
    pub(super) span: &'a Span,
    /// The event or link that a comparison is tried on. Without one, a field of events means the first event that has it, and
    /// one of links the first link.
    pub(super) item: Option<Item<'a>>,
    /// The way in which attribute names follow renames.
    pub(super) conventions: Conventions,
    /// The values that the product gives.
    pub(super) givens: Givens<'a>,
    /// Of a rule that asks for parents or children.
    pub(super) within: Option<Within>,
    /// The rule.
    pub(super) rule: &'a Rule,
}

/// An item of which a span may have many.
#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    Event(&'a Event),
    Link(&'a Link),
}

impl<'a> Subject<'a> {
    /// The same span, seen through one of its events.
    pub(super) fn at(self, event: &'a Event) -> Self {
        Self { item: Some(Item::Event(event)), ..self }
    }

    /// The field's value as a whole.
    pub(super) fn value(self, field: &Field) -> Option<Datum> {
        match field {
            Field::Attribute { scope, key } => self.attribute(*scope, key).map(Datum::Attribute),
            Field::Intrinsic(intrinsic) => self.intrinsic(*intrinsic),
            Field::Parent(field) => {
                let span = self.within?.parent(self.span, self.givens)?;
                Subject { span, item: None, ..self }.value(field)
            }
        }
    }

    /// Returns what comparisons are tried on, one holding being enough: the elements of an array, else the value.
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

    /// The group that the span is in.
    pub(super) fn group(self) -> Group {
        // Whichever event or link a comparison is tried on.
        let whole = Self { item: None, ..self };
        self.rule.group_by.iter().map(|key| whole.canonical_text(&key.field)).collect()
    }

    /// The limit of that name of the group that the span is in.
    pub(super) fn limit(self, name: &str) -> Option<Datum> {
        limits::of_group(self.rule, &self.group(), name)
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
            Scope::Link => self.links().find_map(|link| link.attributes.get(key)).map(str::to_owned),
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
            Intrinsic::SelfTime => {
                Some(Datum::Duration(Number::Int(self.within?.self_time(span, self.givens))))
            }
            Intrinsic::TraceId => text(&hex::encode(span.trace_id)),
            Intrinsic::SpanId => text(&hex::encode(span.span_id)),
            Intrinsic::ServiceName => span.resource.service_name.as_deref().and_then(text),
            Intrinsic::Root => Some(Datum::Bool(span.parent_span_id.is_none())),
            Intrinsic::ScopeName => unless_empty(&span.scope.name),
            Intrinsic::ScopeVersion => unless_empty(&span.scope.version),
            Intrinsic::EventName => self.events().next().map(|event| Datum::Text(event.name.clone())),
            Intrinsic::LinkTraceId => self.links().next().map(|link| Datum::Text(hex::encode(link.trace_id))),
            Intrinsic::LinkSpanId => self.links().next().map(|link| Datum::Text(hex::encode(link.span_id))),
        }
    }

    fn events(self) -> Box<dyn Iterator<Item = &'a Event> + 'a> {
        match self.item {
            Some(Item::Event(event)) => Box::new(std::iter::once(event)),
            Some(Item::Link(_)) | None => Box::new(self.span.events.iter()),
        }
    }

    fn links(self) -> Box<dyn Iterator<Item = &'a Link> + 'a> {
        match self.item {
            Some(Item::Link(link)) => Box::new(std::iter::once(link)),
            Some(Item::Event(_)) | None => Box::new(self.span.links.iter()),
        }
    }
}

/// The span seen through each of its events or links, whichever the field is of: one of them satisfying a test is enough.
pub(super) fn items<'a>(field: &Field, subject: Subject<'a>) -> Vec<Subject<'a>> {
    let of_links = matches!(
        field,
        Field::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId)
            | Field::Attribute { scope: Scope::Link, .. }
    );
    let at = |item| Subject { item: Some(item), ..subject };
    if of_links {
        subject.span.links.iter().map(Item::Link).map(at).collect()
    } else {
        subject.span.events.iter().map(Item::Event).map(at).collect()
    }
}
