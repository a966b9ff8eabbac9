//! The order of things on a page, and the bounds of one that would be too long.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use fluo_alerts::reading::gauge::Mark;
use fluo_rules::rule::Severity;

use crate::model::{Episode, Page, Rule, Standing};

/// Alerts that are shown as cards.
pub(crate) const CARDS: usize = 40;
/// Lanes of the timeline.
pub(crate) const LANES: usize = 40;
/// Rules in the table of all.
pub(crate) const ROWS: usize = 300;
/// Rules that are shown in full.
pub(crate) const FULL: usize = 40;
/// Of these, those that are not folded.
pub(crate) const UNFOLDED: usize = 6;
/// Violations of one rule that are shown in full.
pub(crate) const EPISODES: usize = 8;
/// Violations of all rules that are shown in full.
pub(crate) const ALL_EPISODES: usize = 100;
/// Rows of other tables and lists.
pub(crate) const LISTED: usize = 50;

/// The rules of a page by how much they matter, with their violations.
pub(crate) struct Ordered<'a> {
    pub(crate) rules: Vec<Ranked<'a>>,
    /// By the rule's name: its place.
    places: BTreeMap<&'a str, usize>,
    /// The violations that stand, the worst first.
    pub(crate) standing: Vec<&'a Episode>,
}

/// A rule and its violations, those that stand first and then the newest.
pub(crate) struct Ranked<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) episodes: Vec<&'a Episode>,
    pub(crate) closest: Option<&'a Mark>,
    /// The number of its violations that are shown in full.
    pub(crate) shown: usize,
}

impl<'a> Ordered<'a> {
    pub(crate) fn of(page: &'a Page) -> Self {
        let mut by_rule: BTreeMap<&str, Vec<&Episode>> = BTreeMap::new();
        for episode in &page.episodes {
            by_rule.entry(&episode.violation.rule).or_default().push(episode);
        }
        let mut rules: Vec<Ranked<'_>> = page
            .rules
            .iter()
            .map(|rule| {
                let mut episodes = by_rule.remove(rule.name.as_str()).unwrap_or_default();
                episodes.sort_by(|one, other| in_order(one, other));
                let closest = rule.track.iter().flat_map(|track| &track.groups).chain(points(rule));
                let closest = closest
                    .reduce(|best, mark| if mark.reading.is_closer(&best.reading) { mark } else { best });
                Ranked { rule, episodes, closest, shown: 0 }
            })
            .collect();
        rules.sort_by(Ranked::in_order);
        let mut left = ALL_EPISODES;
        for ranked in rules.iter_mut().take(FULL) {
            ranked.shown = ranked.episodes.len().min(EPISODES).min(left);
            left -= ranked.shown;
        }
        let places = rules.iter().enumerate().map(|(at, ranked)| (ranked.rule.name.as_str(), at)).collect();
        let mut standing: Vec<&Episode> =
            page.episodes.iter().filter(|episode| episode.standing != Standing::Over).collect();
        standing.sort_by(|one, other| in_order(one, other));
        Self { rules, places, standing }
    }

    /// Returns the place of a rule.
    pub(crate) fn place(&self, rule: &str) -> Option<usize> {
        self.places.get(rule).copied()
    }
}

/// Returns the name of the anchor of the rule at a place.
pub(crate) fn anchor(place: usize) -> String {
    format!("rule-{}", place + 1)
}

fn points(rule: &Rule) -> impl Iterator<Item = &Mark> {
    rule.track.iter().flat_map(|track| &track.points)
}

impl Ranked<'_> {
    /// Those that fire first, then those that are pending, that were not judged, that were violated, and of the others
    /// those that came closest.
    fn in_order(&self, other: &Self) -> Ordering {
        let standing = |ranked: &Self| {
            let worst = ranked.episodes.first().map(|episode| rank(episode));
            let (place, severity) = worst.unwrap_or((3, Reverse(Severity::Info)));
            if place >= 2 && ranked.rule.error.is_some() {
                (2, Reverse(Severity::Critical), 0)
            } else {
                (place, severity, 1)
            }
        };
        let closer = |one: &Self, than: &Self| match (one.closest, than.closest) {
            (Some(one), Some(than)) => one.reading.is_closer(&than.reading),
            (one, than) => one.is_some() && than.is_none(),
        };
        standing(self)
            .cmp(&standing(other))
            .then_with(|| closer(other, self).cmp(&closer(self, other)))
            .then_with(|| self.rule.name.cmp(&other.rule.name))
    }
}

fn rank(episode: &Episode) -> (u8, Reverse<Severity>) {
    let place = match episode.standing {
        Standing::Firing if episode.muted_by.is_none() => 0,
        Standing::Firing | Standing::Pending { .. } => 1,
        Standing::Over => 2,
    };
    (place, Reverse(episode.severity))
}

/// Those that stand first, the worst of them before others, then the newest.
fn in_order(one: &Episode, other: &Episode) -> Ordering {
    rank(one)
        .cmp(&rank(other))
        .then_with(|| other.violation.starts_at.cmp(&one.violation.starts_at))
        .then_with(|| one.violation.in_order(&other.violation))
}
