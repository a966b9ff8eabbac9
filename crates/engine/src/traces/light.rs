//! Spans of a trace as far as rules about traces look at them, and how they are related.

use fluo_rules::trace::TieKind;
use hashbrown::{HashMap, HashSet};

/// A span of a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Light {
    pub(super) id: [u8; 8],
    pub(super) parent: Option<[u8; 8]>,
    pub(super) start: i64,
    pub(super) end: i64,
    /// The steps of the rule that it can be, by their bits.
    pub(super) steps: u64,
    /// The spans of the trace that it has a link to.
    pub(super) links: Vec<[u8; 8]>,
}

impl Light {
    /// Returns whether it can be a step.
    pub(super) fn is(&self, step: usize) -> bool {
        self.steps >> step & 1 == 1
    }
}

/// Places of spans by an id, in order. A trace has few spans, so that a search costs less than a table.
struct ByKey(Vec<([u8; 8], usize)>);

impl ByKey {
    fn of(places: impl Iterator<Item = ([u8; 8], usize)>) -> Self {
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        Self(places)
    }

    fn all(&self, id: [u8; 8]) -> impl Iterator<Item = usize> {
        let first = self.0.partition_point(|(key, _)| *key < id);
        self.0[first..].iter().take_while(move |(key, _)| *key == id).map(|(_, at)| *at)
    }
}

/// The spans of a trace by their ids.
pub(super) struct Family<'a> {
    spans: &'a [Light],
    by_id: ByKey,
    by_parent: ByKey,
}

impl<'a> Family<'a> {
    pub(super) fn of(spans: &'a [Light]) -> Self {
        let ids = spans.iter().enumerate().map(|(at, span)| (span.id, at));
        let parents = spans.iter().enumerate().filter_map(|(at, span)| Some((span.parent?, at)));
        Self { spans, by_id: ByKey::of(ids), by_parent: ByKey::of(parents) }
    }

    /// Returns whether a span is related to another.
    pub(super) fn related(&self, kind: TieKind, span: usize, other: usize) -> bool {
        self.to_any(kind, span, &|at| at == other)
    }

    /// Returns whether a span is related to another that is one of some.
    pub(super) fn to_any(&self, kind: TieKind, span: usize, is_one: &dyn Fn(usize) -> bool) -> bool {
        self.others(kind, span).any(is_one)
    }

    /// The spans that a span is related to. Of those that several of its links lead to some stand more than once.
    pub(super) fn others(&self, kind: TieKind, span: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        let Light { id: _, parent, links, .. } = &self.spans[span];
        match kind {
            TieKind::ChildOf => Box::new(parent.iter().flat_map(|parent| self.all(*parent))),
            TieKind::DescendantOf => Box::new(self.ancestors(span).into_iter()),
            TieKind::SiblingOf => Box::new(self.of_parent(span).filter(move |at| *at != span)),
            TieKind::Follows => Box::new(links.iter().flat_map(|link| self.all(*link))),
        }
    }

    /// The spans that have a sibling among some.
    pub(super) fn siblings(&self, some: &[bool]) -> Vec<bool> {
        let mut number: HashMap<[u8; 8], usize> = HashMap::new();
        for (span, _) in self.spans.iter().zip(some).filter(|(_, is_one)| **is_one) {
            if let Some(parent) = span.parent {
                *number.entry(parent).or_default() += 1;
            }
        }
        let of_parent =
            |span: &Light| span.parent.and_then(|parent| number.get(&parent)).copied().unwrap_or(0);
        self.spans.iter().zip(some).map(|(span, is_one)| of_parent(span) > usize::from(*is_one)).collect()
    }

    /// The spans with the parent id of a span that has one, itself among them.
    fn of_parent(&self, span: usize) -> impl Iterator<Item = usize> {
        self.spans[span].parent.into_iter().flat_map(|parent| self.by_parent.all(parent))
    }

    fn all(&self, id: [u8; 8]) -> impl Iterator<Item = usize> {
        self.by_id.all(id)
    }

    /// All spans above one, each once; none of them more where ids go round in a circle.
    fn ancestors(&self, span: usize) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut seen: HashSet<usize> = HashSet::new();
        let mut ahead: Vec<usize> = vec![span];
        while let Some(at) = ahead.pop() {
            let Some(parent) = self.spans[at].parent else { continue };
            for above in self.all(parent) {
                if seen.insert(above) {
                    found.push(above);
                    ahead.push(above);
                }
            }
        }
        found
    }
}
