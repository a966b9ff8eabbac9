//! Children of spans: when they ran.

use super::sought::{Key, Likely, PARTS, Places};
use crate::work::each;

/// A child of the span at a place of its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Child {
    pub(super) place: u32,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Children, by their parents.
#[derive(Default)]
pub(super) struct Children {
    spans: Places,
    /// By part: sorted by parent and start. Copies are there, too: they ran when the span did.
    children: Vec<Vec<Child>>,
}

impl Children {
    pub(super) async fn of(spans: Places, threads: Vec<Vec<Vec<Child>>>) -> Self {
        let mut children: Vec<Vec<Child>> = (0..PARTS).map(|_| Vec::new()).collect();
        for parts in threads {
            children.iter_mut().zip(parts).for_each(|(all, part)| all.extend(part));
        }
        each(children.iter_mut().collect(), |part: &mut Vec<Child>| {
            part.sort_unstable();
            part.dedup();
        })
        .await;
        Self { spans, children }
    }

    /// The part of a span's time in which none of its children ran, of those that ended less than `within` before it, and at
    /// most that after it.
    pub(super) fn self_time(
        &self,
        key: &Key,
        (start, end): (i64, i64),
        within: i64,
        likely: &mut Likely,
    ) -> i64 {
        let whole = end.saturating_sub(start).max(0);
        let Some((part, place)) = likely.get(key, &self.spans) else { return whole };
        let of_part = &self.children[part];
        let first = of_part.partition_point(|child| child.place < place);
        let (mut covered, mut to) = (0, start);
        for child in of_part[first..].iter().take_while(|child| child.place == place) {
            if !is_near(child.end, end, within) {
                continue;
            }
            let from = child.start.max(to);
            let until = child.end.min(end);
            if until > from {
                covered += until - from;
                to = until;
            }
        }
        whole.saturating_sub(covered)
    }
}

/// Returns whether a span that ended at `other` is looked at for one that ended at `end`.
pub(super) fn is_near(other: i64, end: i64, within: i64) -> bool {
    other > end.saturating_sub(within) && other <= end.saturating_add(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_spans_own_time_is_what_its_children_leave() {
        let key = Key::of([0; 16], [1; 8]);
        for (scenario, children, expected) in [
            ("none", vec![], 100),
            ("one", vec![(20, 50)], 70),
            ("two apart", vec![(10, 20), (80, 90)], 80),
            ("two at once", vec![(10, 60), (40, 80)], 30),
            ("one within the other", vec![(10, 90), (20, 30)], 20),
            ("before and after it", vec![(-50, 10), (95, 150)], 85),
            ("outside of it", vec![(-50, -10), (110, 150)], 100),
            ("all of it", vec![(0, 100)], 0),
            ("all of it, twice", vec![(-10, 110), (0, 100)], 0),
            ("a child that ended too far away", vec![(10, 2000)], 100),
            ("a copy", vec![(20, 50), (20, 50)], 70),
        ] {
            let mut parts: Vec<Vec<Child>> = (0..PARTS).map(|_| Vec::new()).collect();
            parts[0].extend(children.iter().map(|(start, end)| Child { place: 0, start: *start, end: *end }));
            parts[0].push(Child { place: 1, start: 0, end: 100 });
            let spans = Places::of(vec![vec![vec![key]]]).await;
            let known = Children::of(spans, vec![parts]).await;
            let found = known.self_time(&key, (0, 100), 1000, &mut Likely::default());
            assert_eq!(found, expected, "{scenario}");
        }
    }
}
