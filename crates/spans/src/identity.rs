//! The identity of spans: two of them may be one.
//!
//! Collectors retry, and a retried request is a second copy of every span in it. Two spans are one when
//! trace id, span id and end agree. If they differ otherwise (a broken SDK, or an id that was used twice),
//! one of them has to win whatever the order in which files are read: the one whose content hash is
//! smaller.
//!
//! The content hash is pinned, since verdicts that were sent to people depend on it: SHA-256 over the
//! canonical text of the span, which is the sequence of its fields, each as its length in bytes (eight
//! bytes, big-endian) and then the bytes. Numbers are decimal text, ids their bytes, a missing parent is
//! empty, a missing `service.name` is an empty sequence and a present one a sequence of one; a sequence is
//! the number of its elements and then the elements. It knows nothing of layouts, nor of when the span was
//! ingested.

use std::collections::HashSet;

use ahash::RandomState;
use sha2::{Digest, Sha256};

use crate::span::{Attributes, Span};

/// The identity of a span: trace id, span id, and end in nanoseconds since the epoch.
pub type SpanKey = ([u8; 16], [u8; 8], i64);

impl Span {
    /// Returns what identifies the span.
    pub fn key(&self) -> SpanKey {
        (self.trace_id, self.span_id, self.end_ns)
    }

    /// SHA-256 over the span's canonical text.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut text = CanonicalText(Sha256::new());
        text.field(b"fluo.span/v1");
        text.field(&self.trace_id);
        text.field(&self.span_id);
        text.field(self.parent_span_id.as_ref().map_or(&[][..], |parent| parent));
        text.field(self.trace_state.as_bytes());
        text.number(self.flags);
        text.field(self.name.as_bytes());
        text.field(self.kind.as_str().as_bytes());
        text.field(self.status.as_str().as_bytes());
        text.field(self.status_message.as_bytes());
        text.number(self.start_ns);
        text.number(self.end_ns);
        text.attributes(&self.attributes);
        text.number(self.resource.service_name.iter().len());
        if let Some(name) = &self.resource.service_name {
            text.field(name.as_bytes());
        }
        text.attributes(&self.resource.attributes);
        text.field(self.scope.name.as_bytes());
        text.field(self.scope.version.as_bytes());
        text.attributes(&self.scope.attributes);
        text.number(self.events.len());
        for event in &self.events {
            text.number(event.time_ns);
            text.field(event.name.as_bytes());
            text.attributes(&event.attributes);
        }
        text.number(self.links.len());
        for link in &self.links {
            text.field(&link.trace_id);
            text.field(&link.span_id);
            text.field(link.trace_state.as_bytes());
            text.attributes(&link.attributes);
        }
        text.number(self.dropped_attributes);
        text.number(self.dropped_events);
        text.number(self.dropped_links);
        text.0.finalize().into()
    }
}

/// Spans that occur once each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deduplicated {
    /// One of each, in no particular order.
    pub spans: Vec<Span>,
    /// The number that was removed, `conflicts` included.
    pub duplicates: u64,
    /// The number of the removed that differed from the one that was kept.
    pub conflicts: u64,
}

/// Keeps one span of each key: the same ones whatever the order of `spans`.
pub fn dedupe(mut spans: Vec<Span>) -> Deduplicated {
    let mut keys = HashSet::with_capacity_and_hasher(spans.len(), RandomState::new());
    // As in nearly every object.
    if spans.iter().all(|span| keys.insert(span.key())) {
        return Deduplicated { spans, duplicates: 0, conflicts: 0 };
    }
    spans.sort_by_key(Span::key);
    let mut kept: Vec<Span> = Vec::with_capacity(spans.len());
    let mut duplicates = 0;
    let mut conflicts = 0;
    // How many of those kept or removed so far equal the winner of the present key.
    let mut equal_to_winner = 0_u64;
    let mut of_this_key = 0_u64;
    for span in spans {
        match kept.last_mut().filter(|winner| winner.key() == span.key()) {
            None => {
                duplicates += of_this_key.saturating_sub(1);
                conflicts += of_this_key - equal_to_winner;
                (of_this_key, equal_to_winner) = (1, 1);
                kept.push(span);
            }
            Some(winner) => {
                of_this_key += 1;
                if *winner == span {
                    equal_to_winner += 1;
                } else if span.content_hash() < winner.content_hash() {
                    *winner = span;
                    equal_to_winner = 1;
                }
            }
        }
    }
    duplicates += of_this_key.saturating_sub(1);
    conflicts += of_this_key - equal_to_winner;
    Deduplicated { spans: kept, duplicates, conflicts }
}

/// Feeds canonical text to the hash, field by field.
struct CanonicalText(Sha256);

impl CanonicalText {
    fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn number(&mut self, number: impl std::fmt::Display) {
        self.field(number.to_string().as_bytes());
    }

    fn attributes(&mut self, attributes: &Attributes) {
        self.number(attributes.len());
        for (key, value) in attributes.iter() {
            self.field(key.as_bytes());
            self.field(value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::span::{Event, InstrumentationScope, Kind, Link, Resource, Status};

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        Attributes::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    fn full() -> Span {
        Span {
            trace_id: [0xab; 16],
            span_id: [0xcd; 8],
            parent_span_id: Some([0xef; 8]),
            trace_state: "vendor=1".to_owned(),
            flags: 257,
            name: "auth_user".to_owned(),
            kind: Kind::Server,
            status: Status::Error,
            status_message: "token expired".to_owned(),
            start_ns: 1_700_000_000_000_000_000,
            end_ns: 1_700_000_000_012_000_000,
            attributes: attributes(&[("http.status_code", "401"), ("error.type", "AuthenticationError")]),
            resource: Arc::new(Resource {
                service_name: Some("auth-service".to_owned()),
                attributes: attributes(&[("host.name", "a")]),
            }),
            scope: Arc::new(InstrumentationScope {
                name: "http".to_owned(),
                version: "1".to_owned(),
                attributes: attributes(&[("k", "v")]),
            }),
            events: vec![Event {
                time_ns: 5,
                name: "exception".to_owned(),
                attributes: attributes(&[("k", "v")]),
            }],
            links: vec![Link {
                trace_id: [1; 16],
                span_id: [2; 8],
                trace_state: "t".to_owned(),
                attributes: attributes(&[("k", "v")]),
            }],
            dropped_attributes: 1,
            dropped_events: 2,
            dropped_links: 3,
        }
    }

    #[test]
    fn the_content_hash_is_pinned() {
        // Computed apart from this code, from the description above.
        assert_eq!(
            hex::encode(full().content_hash()),
            "e4b5f9637f820384860b6a7d8e7680772b31afb756e27174c1e8551d815f0cd4"
        );
    }

    #[test]
    fn every_field_is_part_of_the_content() {
        type Change = (&'static str, fn(&mut Span));
        let changes: &[Change] = &[
            ("trace id", |span| span.trace_id[0] = 0),
            ("span id", |span| span.span_id[0] = 0),
            ("parent", |span| span.parent_span_id = None),
            ("trace state", |span| span.trace_state.clear()),
            ("flags", |span| span.flags = 1),
            ("name", |span| span.name.push('x')),
            ("kind", |span| span.kind = Kind::Client),
            ("status", |span| span.status = Status::Ok),
            ("status message", |span| span.status_message.clear()),
            ("start", |span| span.start_ns += 1),
            ("end", |span| span.end_ns += 1),
            ("attributes", |span| span.attributes = Attributes::default()),
            ("no service name", |span| Arc::make_mut(&mut span.resource).service_name = None),
            ("an empty service name", |span| {
                Arc::make_mut(&mut span.resource).service_name = Some(String::new());
            }),
            ("resource attributes", |span| {
                Arc::make_mut(&mut span.resource).attributes = Attributes::default();
            }),
            ("scope name", |span| Arc::make_mut(&mut span.scope).name.clear()),
            ("scope version", |span| Arc::make_mut(&mut span.scope).version.clear()),
            ("scope attributes", |span| Arc::make_mut(&mut span.scope).attributes = Attributes::default()),
            ("event time", |span| span.events[0].time_ns += 1),
            ("event name", |span| span.events[0].name.clear()),
            ("event attributes", |span| span.events[0].attributes = Attributes::default()),
            ("an event more", |span| span.events.push(span.events[0].clone())),
            ("link's trace", |span| span.links[0].trace_id[0] = 0),
            ("link's span", |span| span.links[0].span_id[0] = 0),
            ("link's trace state", |span| span.links[0].trace_state.clear()),
            ("link attributes", |span| span.links[0].attributes = Attributes::default()),
            ("no links", |span| span.links.clear()),
            ("dropped attributes", |span| span.dropped_attributes = 0),
            ("dropped events", |span| span.dropped_events = 0),
            ("dropped links", |span| span.dropped_links = 0),
        ];
        let mut hashes = vec![full().content_hash()];
        for (scenario, change) in changes {
            let mut span = full();
            change(&mut span);
            let hash = span.content_hash();
            assert!(!hashes.contains(&hash), "{scenario}");
            hashes.push(hash);
        }
    }

    #[test]
    fn text_cannot_move_between_neighbouring_fields() {
        let with = |pairs: &[(&str, &str)]| Span { attributes: attributes(pairs), ..full() }.content_hash();
        assert_ne!(with(&[("ab", "c")]), with(&[("a", "bc")]));
        assert_ne!(with(&[("a", "b"), ("c", "d")]), with(&[("a", "b\u{0}c\u{0}d")]));
    }

    #[test]
    fn one_of_each_is_kept_whatever_the_order() {
        let conflicting = |message: &str| Span { status_message: message.to_owned(), ..full() };
        let later = Span { end_ns: full().end_ns + 1, ..full() };
        let spans =
            [conflicting("a"), conflicting("b"), conflicting("a"), conflicting("c"), later.clone(), later];
        let winner =
            spans[..4].iter().min_by_key(|span| span.content_hash()).map(|span| span.status_message.clone());
        let conflicts =
            spans[..4].iter().filter(|span| Some(&span.status_message) != winner.as_ref()).count();

        let expected = dedupe(spans.to_vec());
        assert_eq!(expected.spans.len(), 2);
        assert_eq!(Some(&expected.spans[0].status_message), winner.as_ref());
        assert_eq!(expected.duplicates, 4);
        assert_eq!(expected.conflicts, conflicts as u64);

        let mut order = spans.to_vec();
        for rotation in 0..order.len() {
            order.rotate_left(1);
            order.swap(0, rotation);
            assert_eq!(dedupe(order.clone()), expected);
        }
    }

    #[test]
    fn nothing_to_deduplicate() {
        assert_eq!(dedupe(Vec::new()), Deduplicated { spans: Vec::new(), duplicates: 0, conflicts: 0 });
        let one = dedupe(vec![full()]);
        assert_eq!((one.spans.len(), one.duplicates, one.conflicts), (1, 0, 0));
    }
}
