//! Steps in order, each by spans of its own: the search for one way to find them.
//!
//! Of the spans that can stand in a place, the one that leaves most room for the rest is taken: the one that ends first
//! (where steps may overlap, that starts first). Any other is worse or equal, so that the search goes forward only;
//! spans that are equal in this and differ in where else they can stand are tried each. Where steps of a sequence are tied
//! to each other, which span is taken matters beyond its times, and all are tried, within bounds.

use hashbrown::HashSet;
use smallvec::{SmallVec, smallvec};

use super::light::Light;

/// Places of spans, which are mostly few.
pub(super) type Few = SmallVec<[usize; 8]>;

/// A place in a sequence.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// The spans that can stand there.
    pub(super) candidates: Few,
    /// So many of them.
    pub(super) number: u32,
}

/// The order in which the steps follow each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    /// From the first step's start to the last one's end at most.
    pub(super) within: Option<i64>,
    /// A step may start once the one before has started.
    pub(super) overlap: bool,
}

/// A question whether a span may stand in a slot: the slot, the span, and the spans that stand in the slots before.
type FitsOne<'a> = dyn Fn(usize, usize, &[Few]) -> bool + 'a;

/// The ways in which slots depend on each other.
#[derive(Clone, Copy)]
pub(super) struct Fits<'a> {
    /// Returns whether a span may stand in a slot, beside the spans that stand in the slots before.
    pub(super) one: &'a FitsOne<'a>,
    /// Returns whether the spans of all slots may stand together.
    pub(super) all: &'a dyn Fn(&[Few]) -> bool,
}

/// The spans that stand in each slot.
pub(super) type OfSlots = SmallVec<[Few; 3]>;

/// The search took too many steps: the sequence cannot be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecided;

/// So many spans are tried in places of one sequence and trace.
const MOST_TRIES: usize = 1_000_000;

/// Finds spans for all slots, in order. `fits`: where slots depend on each other.
pub(super) fn chain(
    spans: &[Light],
    slots: &[Slot],
    order: Order,
    fits: Option<Fits<'_>>,
) -> Result<Option<OfSlots>, Undecided> {
    if slots.iter().any(|slot| slot.candidates.len() < slot.number as usize) {
        return Ok(None);
    }
    let mut search = Search::new(spans, slots, order, fits);
    let Some(within) = order.within else {
        return Ok(search.from(i64::MIN, i64::MAX)?.then_some(search.chosen));
    };
    let mut starts: Vec<i64> = slots[0].candidates.iter().map(|at| spans[*at].start).collect();
    starts.sort_unstable();
    starts.dedup();
    for start in starts {
        if search.from(start, start.saturating_add(within))? {
            return Ok(Some(search.chosen));
        }
    }
    Ok(None)
}

struct Search<'a> {
    spans: &'a [Light],
    slots: &'a [Slot],
    /// By slot: its candidates, the one that leaves most room first.
    ranked: OfSlots,
    /// By span: the slots that it can stand in.
    places: SmallVec<[u64; 16]>,
    order: Order,
    fits: Option<Fits<'a>>,
    taken: SmallVec<[bool; 16]>,
    chosen: OfSlots,
    tries: usize,
    latest: i64,
}

/// The place that a search has come to.
#[derive(Clone, Copy)]
struct Place {
    slot: usize,
    /// The number of spans that stand in it.
    filled: u32,
    /// No span of it starts before this.
    bound: i64,
    /// No span of the next slot starts before this.
    next: i64,
    /// Place among the ranked candidates of the first that may still be taken.
    from: usize,
}

impl<'a> Search<'a> {
    fn new(spans: &'a [Light], slots: &'a [Slot], order: Order, fits: Option<Fits<'a>>) -> Self {
        let mut places: SmallVec<[u64; 16]> = smallvec![0; spans.len()];
        for (at, slot) in slots.iter().enumerate() {
            slot.candidates.iter().for_each(|span| places[*span] |= 1 << at.min(63));
        }
        let last = slots.len() - 1;
        let ranked = slots.iter().enumerate().map(|(at, slot)| {
            let mut ranked = slot.candidates.clone();
            ranked.sort_by_key(|span| (key(&spans[*span], order, at == last), *span));
            ranked
        });
        Self {
            spans,
            slots,
            ranked: ranked.collect(),
            places,
            order,
            fits,
            taken: smallvec![false; spans.len()],
            chosen: smallvec![Few::new(); slots.len()],
            tries: 0,
            latest: i64::MAX,
        }
    }

    /// Looks for spans of which none starts before `earliest` and none ends after `latest`.
    fn from(&mut self, earliest: i64, latest: i64) -> Result<bool, Undecided> {
        self.latest = latest;
        self.taken.fill(false);
        self.chosen.iter_mut().for_each(Few::clear);
        self.fill(Place { slot: 0, filled: 0, bound: earliest, next: i64::MIN, from: 0 })
    }

    fn fill(&mut self, place: Place) -> Result<bool, Undecided> {
        let Place { slot, filled, bound, next, from } = place;
        if filled == self.slots[slot].number {
            if slot + 1 == self.slots.len() {
                return Ok(self.fits.is_none_or(|fits| (fits.all)(&self.chosen)));
            }
            return self.fill(Place { slot: slot + 1, filled: 0, bound: next, next: i64::MIN, from: 0 });
        }
        let is_last = slot + 1 == self.slots.len();
        let mut first = None;
        let mut tried = Tried::default();
        for at in from..self.ranked[slot].len() {
            let number = self.ranked[slot][at];
            let span = &self.spans[number];
            if self.taken[number] || span.start < bound || (is_last && span.end > self.latest) {
                continue;
            }
            if let Some(fits) = self.fits {
                if !(fits.one)(slot, number, &self.chosen) {
                    continue;
                }
            } else {
                // What ranks lower leaves less room.
                let key = key(span, self.order, is_last);
                if *first.get_or_insert(key) != key {
                    break;
                }
                if !tried.is_new((span.start, span.end, self.places[number])) {
                    continue;
                }
            }
            self.tries += 1;
            if self.tries > MOST_TRIES {
                return Err(Undecided);
            }
            let after = if self.order.overlap { span.start } else { span.end };
            self.taken[number] = true;
            self.chosen[slot].push(number);
            let next = next.max(after);
            if self.fill(Place { slot, filled: filled + 1, bound, next, from: at + 1 })? {
                return Ok(true);
            }
            self.taken[number] = false;
            self.chosen[slot].pop();
        }
        Ok(false)
    }
}

/// The spans that were tried in a place, as far as they differ: mostly one.
#[derive(Default)]
struct Tried {
    first: Option<(i64, i64, u64)>,
    others: HashSet<(i64, i64, u64)>,
}

impl Tried {
    /// Returns whether no span like it was tried.
    fn is_new(&mut self, span: (i64, i64, u64)) -> bool {
        if let Some(first) = self.first {
            return first != span && self.others.insert(span);
        }
        self.first = Some(span);
        true
    }
}

/// The rank of a span: what it leaves room for.
fn key(span: &Light, order: Order, is_last: bool) -> i64 {
    if order.overlap && !is_last { span.start } else { span.end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Light {
        Light { start, end, ..Light::default() }
    }

    fn slot(candidates: &[usize]) -> Slot {
        Slot { candidates: Few::from_slice(candidates), number: 1 }
    }

    fn listed(places: &OfSlots) -> Vec<Vec<usize>> {
        places.iter().map(|few| few.to_vec()).collect()
    }

    const ORDER: Order = Order { within: None, overlap: false };

    fn found(spans: &[Light], slots: &[Slot], order: Order) -> bool {
        chain(spans, slots, order, None).unwrap().is_some()
    }

    #[test]
    fn a_step_starts_no_earlier_than_the_one_before_ended() {
        let spans = [span(0, 10), span(10, 20), span(5, 15)];
        assert!(found(&spans, &[slot(&[0]), slot(&[1])], ORDER));
        assert!(!found(&spans, &[slot(&[0]), slot(&[2])], ORDER));
        assert!(found(&spans, &[slot(&[0]), slot(&[2])], Order { overlap: true, ..ORDER }));
        assert!(!found(&spans, &[slot(&[1]), slot(&[0])], Order { overlap: true, ..ORDER }));
    }

    #[test]
    fn one_span_is_never_two_steps() {
        let spans = [span(5, 5), span(5, 5)];
        assert!(!found(&spans, &[slot(&[0]), slot(&[0])], ORDER));
        assert!(found(&spans, &[slot(&[0, 1]), slot(&[0])], ORDER));
        assert!(found(&spans, &[slot(&[0, 1]), slot(&[1]),], ORDER));
        assert!(!found(&spans, &[slot(&[0, 1]), slot(&[1]), slot(&[0, 1])], ORDER));
        let two = Slot { candidates: Few::from_slice(&[0, 1]), number: 2 };
        assert!(found(&spans, std::slice::from_ref(&two), ORDER));
        assert!(!found(&spans, &[two, slot(&[0, 1])], ORDER));
    }

    #[test]
    fn the_whole_must_fit_the_time_from_the_first_start_to_the_last_end() {
        let spans = [span(0, 1), span(50, 51), span(60, 70)];
        for (within, expected) in [(19, false), (20, true), (100, true)] {
            let order = Order { within: Some(within), overlap: false };
            assert_eq!(found(&spans, &[slot(&[0, 1]), slot(&[2])], order), expected, "{within}");
        }
    }

    #[test]
    fn several_spans_of_a_step_come_before_all_of_the_next() {
        let spans = [span(0, 1), span(2, 30), span(3, 4), span(10, 11), span(31, 32)];
        let two = |candidates: &[usize]| Slot { candidates: Few::from_slice(candidates), number: 2 };
        let places = chain(&spans, &[two(&[0, 1, 2]), slot(&[3])], ORDER, None).unwrap().unwrap();
        assert_eq!(listed(&places), [vec![0, 2], vec![3]]);
        assert!(!found(&spans, &[two(&[0, 1]), slot(&[3])], ORDER));
        assert!(found(&spans, &[two(&[0, 1]), slot(&[3, 4])], ORDER));
    }

    #[test]
    fn slots_that_depend_on_each_other_are_tried_each() {
        let spans = [span(0, 1), span(0, 2), span(5, 6)];
        let second = |slot: usize, span: usize, chosen: &[Few]| {
            slot == 0 || (span == 2 && chosen[0].as_slice() == [1])
        };
        let fits = Fits { one: &second, all: &|_| true };
        let places = chain(&spans, &[slot(&[0, 1]), slot(&[2])], ORDER, Some(fits)).unwrap();
        assert_eq!(places.as_ref().map(listed), Some(vec![vec![1], vec![2]]));
        let fits = Fits { one: &|_, _, _| true, all: &|chosen| chosen[0].as_slice() == [1] };
        let places = chain(&spans, &[slot(&[0, 1]), slot(&[2])], ORDER, Some(fits)).unwrap();
        assert_eq!(places.as_ref().map(listed), Some(vec![vec![1], vec![2]]));
    }
}
