//! Where both encodings put what they read: spans get their resource and scope here, documents that
//! turn out to be broken are rolled back, and everything that is no span is counted.
//!
//! Resource and scope may stand after the spans they belong to (JSON objects have no order, and
//! protobuf fields none either), so spans are given them when their list is closed. Equal resources and
//! scopes are one allocation over the whole object: a batch holds the same ones many times.

use std::collections::HashSet;
use std::sync::Arc;

use crate::draft::{Draft, resource};
use crate::error::DecodeError;
use crate::set_aside::{Reason, SetAside};
use crate::span::{InstrumentationScope, Resource, Span};

/// What is read so far.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    spans: Vec<Span>,
    set_aside: SetAside,
    resources: HashSet<Arc<Resource>>,
    scopes: HashSet<Arc<InstrumentationScope>>,
    /// Stand-ins until the real ones are known.
    no_resource: Arc<Resource>,
    no_scope: Arc<InstrumentationScope>,
    documents: u64,
    first_error: Option<DecodeError>,
}

/// A state to return to.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    spans: usize,
    set_aside: SetAside,
    documents: u64,
    had_error: bool,
}

impl Assembly {
    /// How many spans there are: where the next one will stand.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Adds a span, or counts why it is none.
    pub(crate) fn span(&mut self, draft: Result<Draft, Reason>) {
        let span =
            draft.and_then(|draft| draft.finish(Arc::clone(&self.no_resource), Arc::clone(&self.no_scope)));
        match span {
            Ok(span) => self.spans.push(span),
            Err(reason) => self.set_aside(reason),
        }
    }

    /// Counts one that was set aside.
    pub(crate) fn set_aside(&mut self, reason: Reason) {
        self.set_aside.add(reason, 1);
    }

    /// Gives the spans from `first` on their scope; `None` if it could not be read.
    pub(crate) fn close_scope(&mut self, first: usize, scope: Option<InstrumentationScope>) {
        match scope {
            None => self.set_aside_from(first, Reason::MalformedScope),
            Some(scope) if scope == InstrumentationScope::default() => {}
            Some(scope) => {
                let scope = interned(&mut self.scopes, scope);
                for span in self.spans.get_mut(first..).unwrap_or_default() {
                    span.scope = Arc::clone(&scope);
                }
            }
        }
    }

    /// Gives the spans from `first` on their resource; `None` if it could not be read.
    pub(crate) fn close_resource(&mut self, first: usize, attributes: Option<Vec<(String, String)>>) {
        match attributes {
            None => self.set_aside_from(first, Reason::MalformedResource),
            Some(attributes) if attributes.is_empty() => {}
            Some(attributes) => {
                let resource = interned(&mut self.resources, resource(attributes));
                for span in self.spans.get_mut(first..).unwrap_or_default() {
                    span.resource = Arc::clone(&resource);
                }
            }
        }
    }

    fn set_aside_from(&mut self, first: usize, reason: Reason) {
        let count = self.spans.len().saturating_sub(first);
        self.spans.truncate(first);
        self.set_aside.add(reason, u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// The present state, before a document that may turn out to be broken.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            spans: self.spans.len(),
            set_aside: self.set_aside.clone(),
            documents: self.documents,
            had_error: self.first_error.is_some(),
        }
    }

    /// Forgets everything since the checkpoint.
    pub(crate) fn roll_back(&mut self, checkpoint: Checkpoint) {
        self.spans.truncate(checkpoint.spans);
        self.set_aside = checkpoint.set_aside;
        self.documents = checkpoint.documents;
        if !checkpoint.had_error {
            self.first_error = None;
        }
    }

    /// Notes that a document was read to its end.
    pub(crate) fn document_read(&mut self) {
        self.documents = self.documents.saturating_add(1);
    }

    /// Notes that a document yields nothing, and why.
    pub(crate) fn document_failed(&mut self, error: DecodeError) {
        self.set_aside(match error {
            DecodeError::NotTraces(_) => Reason::NotTraces,
            _ => Reason::UnreadableDocument,
        });
        self.first_error.get_or_insert(error);
    }

    /// All spans, and the counts. If no document could be read, that is an error: the first one's.
    pub(crate) fn finish(self) -> Result<(Vec<Span>, SetAside), DecodeError> {
        match self.first_error {
            Some(error) if self.documents == 0 => Err(error),
            _ => Ok((self.spans, self.set_aside)),
        }
    }
}

fn interned<T: Eq + std::hash::Hash>(pool: &mut HashSet<Arc<T>>, value: T) -> Arc<T> {
    if let Some(known) = pool.get(&value) {
        return Arc::clone(known);
    }
    let value = Arc::new(value);
    pool.insert(Arc::clone(&value));
    value
}
