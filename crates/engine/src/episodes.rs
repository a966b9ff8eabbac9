//! Holding moments → episodes. Pure.

use fluo_alerts::life_cycle::Badness;
use fluo_rules::rule::Severity;

/// Moments of one group at which the condition held, at most `gap` apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Episode {
    /// The group, by the caller's numbering.
    pub(crate) group: usize,
    /// First holding moment.
    pub(crate) starts_at: i64,
    /// Last holding moment.
    pub(crate) ends_at: i64,
    /// The moment that is worst; the earliest of equals.
    pub(crate) peak_at: i64,
    /// The badness of that one.
    pub(crate) worst: Badness,
    /// The severity of the last one; none where the rule has one level.
    pub(crate) severity: Option<Severity>,
    /// True if no level holds at any of them.
    pub(crate) kept: bool,
}

impl Episode {
    /// The moments whose values are told.
    pub(crate) fn told_moments(&self) -> [i64; 3] {
        [self.starts_at, self.peak_at, self.ends_at]
    }
}

/// A moment at which the condition holds, or at which what held before goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Holding {
    pub(crate) group: usize,
    pub(crate) moment: i64,
    pub(crate) badness: Badness,
    /// True if no level holds.
    pub(crate) kept: bool,
}

/// The way in which holding moments are joined into episodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joining {
    /// The largest distance within an episode.
    pub(crate) gap: i64,
    /// Episodes end where a multiple of this since the epoch passes, too.
    pub(crate) cell: Option<i64>,
    /// Episodes end, too, where the moments that are kept begin or end.
    pub(crate) kept_apart: bool,
}

impl Joining {
    fn joins(self, episode: &Episode, next: &Holding) -> bool {
        let (earlier, later) = (episode.ends_at, next.moment);
        episode.group == next.group
            && later.saturating_sub(earlier) <= self.gap
            && self.cell.is_none_or(|cell| earlier.div_euclid(cell) == later.div_euclid(cell))
            && (!self.kept_apart || episode.kept == next.kept)
    }
}

/// Joins holding moments, in any order and with repetitions, into episodes by group and time.
pub(crate) fn episodes(mut holding: Vec<Holding>, joining: Joining) -> Vec<Episode> {
    holding.sort_by_key(|holding| (holding.group, holding.moment));
    let mut episodes: Vec<Episode> = Vec::new();
    for next in holding {
        let Holding { group, moment, badness, kept } = next;
        match episodes.last_mut() {
            Some(episode) if joining.joins(episode, &next) => {
                episode.ends_at = moment;
                episode.severity = badness.severity;
                episode.kept &= kept;
                if badness.exceeds(episode.worst) {
                    episode.peak_at = moment;
                    episode.worst = badness;
                }
            }
            _ => episodes.push(Episode {
                group,
                starts_at: moment,
                ends_at: moment,
                peak_at: moment,
                worst: badness,
                severity: badness.severity,
                kept,
            }),
        }
    }
    episodes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(group: usize, moment: i64, excess: f64) -> Holding {
        Holding { group, moment, badness: Badness { severity: None, excess: Some(excess) }, kept: false }
    }

    #[test]
    fn moments_at_most_the_gap_apart_are_one_episode() {
        let holding = vec![at(0, 21, 1.0), at(0, 10, 1.0), at(1, 10, 0.0), at(0, 0, 2.0), at(0, 10, 1.0)];
        let spans = |cell| -> Vec<_> {
            episodes(holding.clone(), Joining { gap: 10, cell, kept_apart: false })
                .into_iter()
                .map(|episode| (episode.group, episode.starts_at, episode.ends_at, episode.peak_at))
                .collect()
        };
        assert_eq!(spans(None), [(0, 0, 10, 0), (0, 21, 21, 21), (1, 10, 10, 10)]);
        assert_eq!(spans(Some(10)), [(0, 0, 0, 0), (0, 10, 10, 10), (0, 21, 21, 21), (1, 10, 10, 10)]);
    }

    #[test]
    fn the_peak_is_the_earliest_of_the_highest() {
        let mut holding = vec![at(0, 1, 1.0), at(0, 2, 3.0), at(0, 3, 3.0), at(0, 4, 2.0)];
        holding.push(Holding { badness: Badness::default(), ..at(0, 0, 0.0) });
        let joining = Joining { gap: 1, cell: None, kept_apart: false };
        assert_eq!(episodes(holding, joining)[0].peak_at, 2);
    }

    #[test]
    fn a_higher_level_is_worse_than_any_excess_of_a_lower_one() {
        let of = |moment, severity, excess| {
            let badness = Badness { severity: Some(severity), excess: Some(excess) };
            Holding { group: 0, moment, badness, kept: false }
        };
        let holding = vec![
            of(0, Severity::Warning, 9.0),
            of(1, Severity::Critical, 1.0),
            of(2, Severity::Critical, 2.0),
            of(3, Severity::Warning, 3.0),
        ];
        let episode = episodes(holding, Joining { gap: 1, cell: None, kept_apart: false })[0];
        assert_eq!((episode.peak_at, episode.worst.severity), (2, Some(Severity::Critical)));
        assert_eq!(episode.severity, Some(Severity::Warning));
    }

    #[test]
    fn what_is_kept_stands_apart_where_that_matters() {
        let kept = |moment| Holding { kept: true, ..at(0, moment, -1.0) };
        let holding = vec![at(0, 0, 1.0), at(0, 1, 1.0), kept(2), kept(3), at(0, 4, 1.0)];
        for (kept_apart, expected) in
            [(false, vec![(0, 4, false)]), (true, vec![(0, 1, false), (2, 3, true), (4, 4, false)])]
        {
            let found = episodes(holding.clone(), Joining { gap: 1, cell: None, kept_apart });
            let found: Vec<_> =
                found.iter().map(|episode| (episode.starts_at, episode.ends_at, episode.kept)).collect();
            assert_eq!(found, expected);
        }
    }
}
