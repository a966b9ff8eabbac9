//! Two rule sets over the same past: which alerts the one tells of and the other does not. Pure.
//!
//! An alert of the one and an alert of the other are the same where rule and group are, and they were open at the same
//! time: a changed threshold that only moves the beginning adds and removes nothing.

use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::fingerprint::Fingerprint;
use fluo_alerts::life_cycle::Phase;
use fluo_alerts::wire;
use fluo_rules::rule::Severity;
use serde::Serialize;

use crate::replay::{Past, Replayed};
use crate::rule_set::RuleSet;

/// Name and version of the payload's format.
pub const SCHEMA: &str = "fluo.diff/v1";

/// Rules, and what they told of.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// Their past.
    pub past: &'a Replayed,
}

/// The effect of a rule change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Alerts that only the changed rules tell of, by start, then rule.
    pub added: Vec<DiffAlert>,
    /// Alerts that only the rules before tell of.
    pub removed: Vec<DiffAlert>,
    /// The number of alerts that both tell of, as the rules before have them.
    pub kept: usize,
    /// The rules that are new, gone, or have another text, by name.
    pub rules: Vec<RuleDiff>,
}

/// An alert that only one side tells of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffAlert {
    /// Its rule.
    pub rule: String,
    /// Its severity.
    #[serde(with = "wire::severity")]
    pub severity: Severity,
    /// Group keys and values.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// The first moment at which the condition held.
    #[serde(with = "wire::moment")]
    pub starts_at: i64,
    /// The last such moment.
    #[serde(with = "wire::moment")]
    pub ends_at: i64,
    /// `true` where late spans took it back.
    pub withdrawn: bool,
    /// One line for people.
    pub summary: String,
}

/// A rule that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleDiff {
    /// Its name.
    pub rule: String,
    /// The way in which it differs.
    pub change: Change,
    /// Alerts of it that are added.
    pub added: usize,
    /// Alerts of it that are removed.
    pub removed: usize,
}

/// The way in which a rule differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone, or not enabled any more.
    Removed,
    /// It has another text.
    Changed,
}

impl Diff {
    /// Returns whether the two tell of other alerts.
    pub fn is_different(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }
}

/// Rule and group.
type Whose<'a> = (&'a str, Fingerprint);

/// Returns the alerts that `head` tells of and `base` does not, and the reverse.
pub fn diff(base: Side<'_>, head: Side<'_>) -> Diff {
    let (before, after) = (told(base.past), told(head.past));
    let added = only(&after, &before);
    let removed = only(&before, &after);
    let kept = before.values().map(Vec::len).sum::<usize>() - removed.len();
    let names: BTreeSet<&String> = base.rules.rules.keys().chain(head.rules.rules.keys()).collect();
    let rules = names
        .into_iter()
        .filter_map(|name| {
            let change = match (base.rules.rules.get(name), head.rules.rules.get(name)) {
                (None, Some(_)) => Change::Added,
                (Some(_), None) => Change::Removed,
                (Some(before), Some(after)) if before.hash != after.hash => Change::Changed,
                _ => return None,
            };
            let of_rule = |alerts: &[DiffAlert]| alerts.iter().filter(|alert| alert.rule == *name).count();
            Some(RuleDiff { rule: name.clone(), change, added: of_rule(&added), removed: of_rule(&removed) })
        })
        .collect();
    Diff { schema: SCHEMA, added, removed, kept, rules }
}

/// The alerts that people would have been told of.
fn told(past: &Replayed) -> BTreeMap<Whose<'_>, Vec<&Past>> {
    let mut told: BTreeMap<Whose<'_>, Vec<&Past>> = BTreeMap::new();
    for (rule, past) in past.told() {
        told.entry((rule, past.fingerprint)).or_default().push(past);
    }
    told
}

/// Those of `these` that none of `others` goes with.
fn only(these: &BTreeMap<Whose<'_>, Vec<&Past>>, others: &BTreeMap<Whose<'_>, Vec<&Past>>) -> Vec<DiffAlert> {
    let mut only: Vec<DiffAlert> = these
        .iter()
        .flat_map(|(whose, alerts)| {
            let counterparts = others.get(whose).map(Vec::as_slice).unwrap_or_default();
            alerts
                .iter()
                .filter(|past| !counterparts.iter().any(|other| overlap(past, other)))
                .map(|past| line(whose.0, past))
        })
        .collect();
    only.sort_by(|one, other| {
        (one.starts_at, &one.rule, &one.group).cmp(&(other.starts_at, &other.rule, &other.group))
    });
    only
}

/// Returns whether two alerts of one group were open at the same time.
fn overlap(one: &Past, other: &Past) -> bool {
    let open = |past: &Past| {
        let alert = &past.alert;
        let until = match alert.phase {
            Phase::Firing => i64::MAX,
            _ => alert.told.resolved_at.unwrap_or(alert.ends_at),
        };
        (alert.starts_at, until)
    };
    let ((from, to), (other_from, other_to)) = (open(one), open(other));
    from <= other_to && other_from <= to
}

fn line(rule: &str, past: &Past) -> DiffAlert {
    let alert = &past.alert;
    DiffAlert {
        rule: rule.to_owned(),
        severity: alert.severity(),
        group: past.group.clone(),
        starts_at: alert.starts_at,
        ends_at: alert.ends_at,
        withdrawn: alert.phase == Phase::Withdrawn,
        summary: alert.told.violation.summary.clone(),
    }
}

#[cfg(test)]
mod tests {
    use fluo_rules::SourceFile;
    use fluo_rules::test_file::{self, DEFAULT_START};
    use fluo_spans::layout::Layout;
    use fluo_store::{Content, Packing, Root, write_spans};
    use fluo_time::Nanos;
    use object_store::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::arrivals::{By, Live};
    use crate::replay::{replay, schedule};
    use crate::rule_test::spans_of;
    use crate::span_data::SpanData;
    use crate::{Evaluator, Settings};

    /// Six failures of `a` in the first minute and three of `b`; half an hour later four of `a`.
    const SPANS: &str = "
rules: [r.yml]
tests:
  - name: spans
    spans:
      - {at: 0s..50s, every: 10s, service_name: a, status: error}
      - {at: 0s..20s, every: 10s, service_name: b, status: error}
      - {at: 30m..30m30s, every: 10s, service_name: a, status: error}
    expect: []
";

    fn set(rules: &str) -> RuleSet {
        let set = RuleSet::load(&[SourceFile::new("r.yml", rules)], &BTreeMap::new());
        assert_eq!(set.errors, BTreeMap::new());
        set
    }

    async fn past(rules: &RuleSet) -> Replayed {
        let loaded = test_file::load(&[SourceFile::new("spans.test.yml", SPANS)]);
        let spans = spans_of(&loaded.tests[0].tests[0]).into_iter().map(|(span, _)| span).collect();
        let root = Root::in_memory().unwrap();
        let folder = Path::from("spans");
        let content = Content::of(b"spans");
        let (store, layout) = (root.store.as_ref(), Layout::builtin());
        write_spans(store, &folder, spans, content, 0, &layout, Packing::Small).await.unwrap();
        let live = Live { store: Arc::clone(&root.store), spans: folder };
        let data = SpanData::new(root);
        let settings = Settings { always_alive: true, ..Settings::default() };
        let evaluator = Evaluator::new(settings, data);
        let from = DEFAULT_START - Nanos::MINUTE.0;
        let times = std::iter::once(from).chain(schedule(from, from + Nanos::HOUR.0, Nanos::MINUTE.0));
        replay(&evaluator, rules, &Now(live), times).await.unwrap()
    }

    /// Everything has arrived, whenever it is asked: files in memory were all written just now.
    struct Now(Live);

    #[async_trait::async_trait]
    impl crate::arrivals::Arrivals for Now {
        async fn listing(
            &self,
            hours: std::ops::RangeInclusive<fluo_store::Hour>,
            _: By,
        ) -> Result<fluo_store::Listing, fluo_store::StoreError> {
            self.0.listing(hours, By::Now).await
        }

        async fn first_end(&self, _: By) -> Result<Option<i64>, fluo_store::StoreError> {
            self.0.first_end(By::Now).await
        }

        fn arrived_at(&self, file: &fluo_store::DataFile) -> i64 {
            self.0.arrived_at(file)
        }
    }

    async fn compare(base: &str, head: &str) -> Diff {
        let (base, head) = (set(base), set(head));
        let (before, after) = (past(&base).await, past(&head).await);
        diff(Side { rules: &base, past: &before }, Side { rules: &head, past: &after })
    }

    fn rule(name: &str, threshold: u32) -> String {
        format!(
            "- {{name: {name}, span: {{status: error}}, group_by: [service_name], condition: count > {threshold}}}\n"
        )
    }

    /// Service and minute of alerts.
    fn short(alerts: &[DiffAlert]) -> Vec<(&str, i64)> {
        let minute = |alert: &DiffAlert| (alert.starts_at - DEFAULT_START) / Nanos::MINUTE.0;
        alerts.iter().map(|alert| (alert.group[0].1.as_deref().unwrap(), minute(alert))).collect()
    }

    #[tokio::test]
    async fn a_lower_threshold_adds_what_it_alone_finds() {
        let diff = compare(&rule("errors", 3), &rule("errors", 2)).await;
        assert_eq!(short(&diff.added), [("b", 0)], "the alerts of a begin earlier, and are the same");
        assert_eq!((short(&diff.removed), diff.kept), (vec![], 2));
        let expected = RuleDiff { rule: "errors".to_owned(), change: Change::Changed, added: 1, removed: 0 };
        assert_eq!(diff.rules, [expected]);
        assert!(diff.is_different());
    }

    #[tokio::test]
    async fn a_higher_threshold_removes() {
        let diff = compare(&rule("errors", 2), &rule("errors", 4)).await;
        assert_eq!(short(&diff.removed), [("b", 0), ("a", 30)]);
        assert_eq!((short(&diff.added), diff.kept), (vec![], 1));
    }

    #[tokio::test]
    async fn another_text_without_effect_is_no_difference() {
        let head = rule("errors", 3).replace("count > 3", "\"gt(count, 3)\"");
        let diff = compare(&rule("errors", 3), &head).await;
        assert!(!diff.is_different());
        assert_eq!((diff.rules.len(), diff.kept), (1, 2));
        assert_eq!(diff.rules[0].change, Change::Changed);
        let head = rule("errors", 3).replace("span:", "description: The same., span:");
        let diff = compare(&rule("errors", 3), &head).await;
        assert_eq!((diff.rules.len(), diff.kept), (0, 2), "what decides nothing is no change");
    }

    #[tokio::test]
    async fn a_renamed_rule_is_another() {
        let diff = compare(&rule("errors", 4), &rule("failures", 4)).await;
        assert_eq!((short(&diff.added), short(&diff.removed)), (vec![("a", 0)], vec![("a", 0)]));
        let changes: Vec<_> = diff.rules.iter().map(|rule| (rule.rule.as_str(), rule.change)).collect();
        assert_eq!(changes, [("errors", Change::Removed), ("failures", Change::Added)]);
    }
}
