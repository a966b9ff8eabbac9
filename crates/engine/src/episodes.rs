//! Holding moments → episodes. Pure.

use fluo_alerts::life_cycle::segment::exceeds;

/// Moments of one group at which the condition held, at most `gap` apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Episode {
    /// The group, by the caller's numbering.
    pub(crate) group: usize,
    /// First holding moment.
    pub(crate) starts_at: i64,
    /// Last holding moment.
    pub(crate) ends_at: i64,
    /// The moment at which the first comparison exceeds its bound most; the earliest of equals.
    pub(crate) peak_at: i64,
    /// By how much it does; none where the comparison has no value.
    pub(crate) excess: Option<f64>,
}

impl Episode {
    /// The moments whose values are told.
    pub(crate) fn told_moments(&self) -> [i64; 3] {
        [self.starts_at, self.peak_at, self.ends_at]
    }
}

/// A moment at which the condition holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Holding {
    pub(crate) group: usize,
    pub(crate) moment: i64,
    /// `None` where the comparison has no value: ranks below every value.
    pub(crate) excess: Option<f64>,
}

/// The way in which holding moments are joined into episodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joining {
    /// The largest distance within an episode.
    pub(crate) gap: i64,
    /// Episodes end where a multiple of this since the epoch passes, too.
    pub(crate) cell: Option<i64>,
}

impl Joining {
    fn joins(self, earlier: i64, later: i64) -> bool {
        later.saturating_sub(earlier) <= self.gap
            && self.cell.is_none_or(|cell| earlier.div_euclid(cell) == later.div_euclid(cell))
    }
}

/// Joins holding moments, in any order and with repetitions, into episodes by group and time.
pub(crate) fn episodes(mut holding: Vec<Holding>, joining: Joining) -> Vec<Episode> {
    holding.sort_by_key(|holding| (holding.group, holding.moment));
    let mut episodes: Vec<Episode> = Vec::new();
    for Holding { group, moment, excess } in holding {
        match episodes.last_mut() {
            Some(episode) if episode.group == group && joining.joins(episode.ends_at, moment) => {
                episode.ends_at = moment;
                if exceeds(excess, episode.excess) {
                    episode.peak_at = moment;
                    episode.excess = excess;
                }
            }
            _ => {
                episodes.push(Episode { group, starts_at: moment, ends_at: moment, peak_at: moment, excess });
            }
        }
    }
    episodes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(group: usize, moment: i64, excess: f64) -> Holding {
        Holding { group, moment, excess: Some(excess) }
    }

    #[test]
    fn moments_at_most_the_gap_apart_are_one_episode() {
        let holding = vec![at(0, 21, 1.0), at(0, 10, 1.0), at(1, 10, 0.0), at(0, 0, 2.0), at(0, 10, 1.0)];
        let spans = |cell| -> Vec<_> {
            episodes(holding.clone(), Joining { gap: 10, cell })
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
        holding.push(Holding { group: 0, moment: 0, excess: None });
        assert_eq!(episodes(holding, Joining { gap: 1, cell: None })[0].peak_at, 2);
    }
}
