//! Matches episodes that are found to those that are known.
//!
//! An episode's id was told to people, so it must stay with the episode while late spans move, extend, split or merge
//! it. Known ones are matched to found ones: first where the first committed start lies within, then by what they
//! have in common, and what has moved farther by what it begins with.

/// An episode that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Start as first committed.
    pub(crate) first_start: i64,
    /// Present first moment.
    pub(crate) starts_at: i64,
    /// Present last moment.
    pub(crate) ends_at: i64,
    /// The rank by which it keeps its id where two are merged: larger before smaller, then the earlier one.
    pub(crate) rank: u8,
    /// Of a rule about traces: the trace, or across traces the occasion, that it begins with.
    pub(crate) origin: Option<&'a str>,
}

/// An episode that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// First moment.
    pub(crate) first: i64,
    /// Last moment.
    pub(crate) last: i64,
    /// As of [`Known`].
    pub(crate) origin: Option<&'a str>,
}

impl Found<'_> {
    fn contains(&self, moment: i64) -> bool {
        (self.first..=self.last).contains(&moment)
    }
}

/// For each known episode the place of the found one that it is, or is now part of; and for each found one the place of
/// the known one whose id it has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matches {
    /// By known episode.
    pub(crate) found: Vec<Option<usize>>,
    /// By found episode.
    pub(crate) known: Vec<Option<usize>>,
}

/// Matches episodes; `slack` is how far an episode may have moved and still be the same, whatever it begins with.
pub(crate) fn matches(known: &[Known<'_>], found: &[Found<'_>], slack: i64) -> Matches {
    let place = |known: &Known<'_>| {
        let within = found.iter().position(|found| found.contains(known.first_start));
        let near = || {
            let near = found.iter().enumerate().filter(|(_, found)| {
                found.first <= known.ends_at.saturating_add(slack)
                    && found.last >= known.starts_at.saturating_sub(slack)
            });
            // The one with most in common; of equals the first.
            let common = |found: &Found<'_>| {
                found.last.min(known.ends_at).saturating_sub(found.first.max(known.starts_at))
            };
            near.rev().max_by_key(|(_, found)| common(found)).map(|(at, _)| at)
        };
        let moved = || found.iter().position(|found| known.origin.is_some() && found.origin == known.origin);
        within.or_else(near).or_else(moved)
    };
    let places: Vec<Option<usize>> = known.iter().map(place).collect();
    let heirs = (0..found.len())
        .map(|at| {
            let candidates = known.iter().enumerate().filter(|(place, _)| places[*place] == Some(at));
            let exact = |known: &Known<'_>| found[at].contains(known.first_start);
            candidates
                .max_by_key(|(_, known)| (known.rank, exact(known), std::cmp::Reverse(known.first_start)))
                .map(|(place, _)| place)
        })
        .collect();
    Matches { found: places, known: heirs }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(first_start: i64, starts_at: i64, ends_at: i64) -> Known<'static> {
        Known { first_start, starts_at, ends_at, rank: 1, origin: None }
    }

    fn found((first, last): (i64, i64)) -> Found<'static> {
        Found { first, last, origin: None }
    }

    #[test]
    fn what_begins_with_the_same_is_the_same_however_far_it_moved() {
        let of = |origin, known: Known<'static>| Known { origin: Some(origin), ..known };
        let at = |origin, moment: i64| Found { origin: Some(origin), ..found((moment, moment)) };
        for (scenario, known, found, expected_found, expected_known) in [
            ("moved", vec![of("a", known(50, 50, 50))], vec![at("a", 10)], vec![Some(0)], vec![Some(0)]),
            ("another", vec![of("a", known(50, 50, 50))], vec![at("b", 10)], vec![None], vec![None]),
            ("nobody knows", vec![known(50, 50, 50)], vec![found((10, 10))], vec![None], vec![None]),
            (
                "another took its place: what is there stays",
                vec![of("a", known(50, 50, 50))],
                vec![at("a", 10), at("b", 50)],
                vec![Some(1)],
                vec![None, Some(0)],
            ),
            (
                "moved to where another is: that keeps its id",
                vec![of("b", known(10, 10, 10)), of("a", known(50, 50, 50))],
                vec![at("a", 10)],
                vec![Some(0); 2],
                vec![Some(0)],
            ),
        ] {
            let expected = Matches { found: expected_found, known: expected_known };
            assert_eq!(matches(&known, &found, 5), expected, "{scenario}");
        }
    }

    #[test]
    fn episodes_keep_their_ids() {
        type Case<'a> =
            (&'a str, &'a [Known<'a>], &'a [(i64, i64)], &'a [Option<usize>], &'a [Option<usize>]);
        let cases: &[Case<'_>] = &[
            ("grown", &[known(10, 10, 20)], &[(5, 40)], &[Some(0)], &[Some(0)]),
            ("moved a little", &[known(10, 10, 10)], &[(13, 13)], &[Some(0)], &[Some(0)]),
            ("gone", &[known(10, 10, 10)], &[(30, 30)], &[None], &[None]),
            (
                "merged: the earlier keeps its id",
                &[known(10, 10, 12), known(20, 20, 22)],
                &[(10, 22)],
                &[Some(0); 2],
                &[Some(0)],
            ),
            (
                "split: the id stays with its start",
                &[known(10, 10, 40)],
                &[(10, 12), (25, 40)],
                &[Some(0)],
                &[Some(0), None],
            ),
            (
                "split, with the start taken back: the larger part",
                &[known(10, 10, 40)],
                &[(14, 15), (25, 40)],
                &[Some(1)],
                &[None, Some(0)],
            ),
            (
                "split after a merge: each gets its own again",
                &[known(10, 10, 40), Known { rank: 0, ..known(30, 30, 40) }],
                &[(10, 12), (30, 40)],
                &[Some(0), Some(1)],
                &[Some(0), Some(1)],
            ),
            (
                "what fires goes before what is over",
                &[known(10, 10, 12), Known { rank: 2, ..known(20, 20, 22) }],
                &[(10, 22)],
                &[Some(0); 2],
                &[Some(1)],
            ),
        ];
        for (scenario, known, moments, expected_found, expected_known) in cases {
            let expected = Matches { found: expected_found.to_vec(), known: expected_known.to_vec() };
            let found: Vec<Found<'_>> = moments.iter().copied().map(found).collect();
            assert_eq!(matches(known, &found, 5), expected, "{scenario}");
        }
    }
}
