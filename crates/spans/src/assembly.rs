//! The place where both encodings put spans: these get their resource and scope here, are handed on in small batches,
//! and everything that is no span is counted.
//!
//! A decoder says which resource and scope the next spans belong to before it hands over the spans: what has left in a
//! batch cannot be changed. For the same reason it makes sure that a document can be read to its end before it hands
//! over the first of its spans.

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::draft::Draft;
use crate::error::{DecodeError, Foreign};
use crate::limits::Limits;
use crate::mend::{MendedSpans, Mends};
use crate::mending::Mending;
use crate::set_aside::{Reason, SetAside};
use crate::span::{InstrumentationScope, Resource, Span};

/// Spans leave when so many bytes of them have gathered: enough that it costs nothing, few enough to be nothing beside
/// the object.
const BATCH_COST: usize = 4 << 20;

/// Some of the spans of an object, in the order received.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The spans.
    pub spans: Vec<Span>,
    /// Those of them that were mended.
    pub mended: MendedSpans,
}

/// A receiver of spans as they are read, which says whether it wants more.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Batch) -> ControlFlow<()>;

/// The part of an object that is read so far.
pub(crate) struct Assembly<'s> {
    limits: &'s Limits,
    sink: Sink<'s>,
    batch: Batch,
    batch_cost: usize,
    /// Of all spans so far, each with its resource and scope.
    cost: u64,
    set_aside: SetAside,
    other_signals: u64,
    resource: Current<Resource>,
    scope: Current<InstrumentationScope>,
    documents: u64,
    first_error: Option<DecodeError>,
    document: Document,
    /// Nobody wants more, or there was too much.
    stopped: bool,
}

/// The resource or scope of the spans that come next. Equal ones of a batch are one allocation: an object holds the
/// same ones many times.
#[derive(Debug)]
struct Current<T> {
    value: Arc<T>,
    mends: Mends,
    cost: usize,
    known: HashSet<Arc<T>>,
    is_known: bool,
}

/// The parts of the present document that have come.
#[derive(Debug, Default)]
struct Document {
    /// Spans that were placed.
    placed: u64,
    /// The spans that were set aside before it.
    before: SetAside,
    /// The first of its parts that could not be read.
    broken: Option<DecodeError>,
}

impl<'s> Assembly<'s> {
    pub(crate) fn new(limits: &'s Limits, sink: Sink<'s>) -> Self {
        Self {
            limits,
            sink,
            batch: Batch::default(),
            batch_cost: 0,
            cost: 0,
            set_aside: SetAside::default(),
            other_signals: 0,
            resource: Current::default(),
            scope: Current::default(),
            documents: 0,
            first_error: None,
            document: Document::default(),
            stopped: false,
        }
    }

    pub(crate) fn limits(&self) -> &'s Limits {
        self.limits
    }

    /// Returns whether no more is wanted: what else there is need not be read.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The spans that come next are of this resource, of which so much was mended.
    pub(crate) fn enter_resource(&mut self, resource: Resource, mends: Mends) {
        let cost = resource.cost();
        self.resource.enter(resource, mends, cost);
    }

    /// The spans that come next are of this scope, of which so much was mended.
    pub(crate) fn enter_scope(&mut self, scope: InstrumentationScope, mends: Mends) {
        let cost = scope.cost();
        self.scope.enter(scope, mends, cost);
    }

    /// Adds a span, or counts why it cannot be placed.
    pub(crate) fn span(&mut self, draft: Draft, mending: Mending<'_>) {
        if self.stopped {
            return;
        }
        self.batch_cost += self.resource.intern() + self.scope.intern();
        match draft.finish(mending, Arc::clone(&self.resource.value), Arc::clone(&self.scope.value)) {
            Ok((span, mends)) => self.place(span, mends),
            Err(reason) => self.set_aside(reason),
        }
    }

    fn place(&mut self, span: Span, mut mends: Mends) {
        mends |= self.resource.mends;
        mends |= self.scope.mends;
        self.document.placed += 1;
        let own = span.cost();
        let whole = own + self.resource.cost + self.scope.cost;
        self.cost = self.cost.saturating_add(u64::try_from(whole).unwrap_or(u64::MAX));
        self.batch.mended.add(span.key(), mends);
        self.batch.spans.push(span);
        self.batch_cost += own;
        if self.cost > self.limits.max_object_cost {
            self.stopped = true;
        } else if self.batch_cost >= BATCH_COST {
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        self.stopped |= (self.sink)(std::mem::take(&mut self.batch)).is_break();
        self.batch_cost = 0;
        self.resource.forget();
        self.scope.forget();
    }

    /// Counts a span that was set aside.
    pub(crate) fn set_aside(&mut self, reason: Reason) {
        self.set_aside.add(reason, 1);
    }

    /// The number of spans of the present document that were placed.
    pub(crate) fn placed(&self) -> u64 {
        self.document.placed
    }

    /// Begins a document.
    pub(crate) fn begin_document(&mut self) {
        self.document = Document { before: self.set_aside.clone(), ..Document::default() };
    }

    /// Notes that a part of the present document, in which spans may have stood, cannot be read.
    pub(crate) fn part_broken(&mut self, error: DecodeError) {
        self.set_aside(Reason::UnreadablePart);
        self.document.broken.get_or_insert(error);
    }

    /// Ends a document that was read to its end. One with a broken part and without any span is a failure as a whole.
    pub(crate) fn document_read(&mut self) {
        match self.document.broken.take() {
            Some(error) if self.document.placed == 0 => self.document_failed(error),
            _ => self.documents = self.documents.saturating_add(1),
        }
    }

    /// Ends a document of which nothing counts, and notes why.
    pub(crate) fn document_failed(&mut self, error: DecodeError) {
        self.set_aside = std::mem::take(&mut self.document.before);
        match &error {
            DecodeError::NotTraces(foreign) => self.foreign(*foreign),
            _ => self.set_aside(Reason::UnreadableDocument),
        }
        self.first_error.get_or_insert(error);
    }

    /// Notes what else than traces a document holds.
    pub(crate) fn foreign(&mut self, foreign: Foreign) {
        match foreign {
            Foreign::Unknown => self.set_aside(Reason::NotTraces),
            Foreign::Logs | Foreign::Metrics | Foreign::Profiles => {
                self.other_signals = self.other_signals.saturating_add(1);
            }
        }
    }

    /// Returns the counts. If no document could be read, that is an error: the first one's.
    pub(crate) fn finish(mut self) -> Result<(SetAside, u64), DecodeError> {
        if self.cost > self.limits.max_object_cost {
            return Err(DecodeError::TooCostly { limit: self.limits.max_object_cost });
        }
        match self.first_error.take() {
            Some(error) if self.documents == 0 => return Err(error),
            _ => {}
        }
        if !self.batch.spans.is_empty() {
            self.hand_on();
        }
        Ok((self.set_aside, self.other_signals))
    }
}

impl<T: Default> Default for Current<T> {
    fn default() -> Self {
        Self {
            value: Arc::default(),
            mends: Mends::default(),
            cost: 0,
            known: HashSet::new(),
            is_known: true,
        }
    }
}

impl<T: Eq + Hash> Current<T> {
    fn enter(&mut self, value: T, mends: Mends, cost: usize) {
        if *self.value != value {
            self.value = Arc::new(value);
            self.is_known = false;
        }
        (self.mends, self.cost) = (mends, cost);
    }

    /// Makes it one with its equals of the batch. Returns what that took.
    fn intern(&mut self) -> usize {
        if self.is_known {
            return 0;
        }
        self.is_known = true;
        if let Some(known) = self.known.get(&self.value) {
            self.value = Arc::clone(known);
            return 0;
        }
        self.known.insert(Arc::clone(&self.value));
        self.cost
    }

    /// Lets go of what only spans that have left hold.
    fn forget(&mut self) {
        self.known.clear();
        self.is_known = false;
    }
}
