//! Which known episode a found one is.
//!
//! An episode's id was told to people, so it must stay with the episode while late spans move, extend, split or merge
//! it. Known ones are matched to found ones: first where the first committed start lies within, then by what they
//! have in common.

/// An episode that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Start as first committed.
    pub(crate) first_start: i64,
    /// Present first moment.
    pub(crate) starts_at: i64,
    /// Present last moment.
    pub(crate) ends_at: i64,
    /// The rank by which it keeps its id where two are merged: larger before smaller, then the earlier one.
    pub(crate) rank: u8,
}

/// An episode that was found: first and last moment.
pub(crate) type Found = (i64, i64);

/// For each known episode the place of the found one that it is, or is now part of; and for each found one the place of
/// the known one whose id it has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matches {
    /// By known episode.
    pub(crate) found: Vec<Option<usize>>,
    /// By found episode.
    pub(crate) known: Vec<Option<usize>>,
}

/// Matches episodes; `slack` is how far an episode may have moved and still be the same.
pub(crate) fn matches(known: &[Known], found: &[Found], slack: i64) -> Matches {
    let place = |known: &Known| {
        let within = found.iter().position(|(first, last)| (*first..=*last).contains(&known.first_start));
        within.or_else(|| {
            let near = found.iter().enumerate().filter(|(_, (first, last))| {
                *first <= known.ends_at.saturating_add(slack)
                    && *last >= known.starts_at.saturating_sub(slack)
            });
            // The one with most in common; of equals the first.
            let common = |(first, last): &Found| {
                (*last).min(known.ends_at).saturating_sub((*first).max(known.starts_at))
            };
            near.rev().max_by_key(|(_, found)| common(found)).map(|(at, _)| at)
        })
    };
    let places: Vec<Option<usize>> = known.iter().map(place).collect();
    let heirs = (0..found.len())
        .map(|at| {
            let candidates = known.iter().enumerate().filter(|(place, _)| places[*place] == Some(at));
            let exact = |known: &Known| (found[at].0..=found[at].1).contains(&known.first_start);
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

    fn known(first_start: i64, starts_at: i64, ends_at: i64) -> Known {
        Known { first_start, starts_at, ends_at, rank: 1 }
    }

    #[test]
    fn episodes_keep_their_ids() {
        type Case<'a> = (&'a str, &'a [Known], &'a [Found], &'a [Option<usize>], &'a [Option<usize>]);
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
        for (scenario, known, found, expected_found, expected_known) in cases {
            let expected = Matches { found: expected_found.to_vec(), known: expected_known.to_vec() };
            assert_eq!(matches(known, found, 5), expected, "{scenario}");
        }
    }
}
