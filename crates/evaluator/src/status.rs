//! Reports what the state says of the present: what fires, how far behind evaluation is, what is wrong. Pure but for
//! reading it.

use std::collections::BTreeMap;

use fluo_alerts::life_cycle::announce::labels;
use fluo_alerts::life_cycle::{Alert, RuleState};
use fluo_alerts::notification::{Event, Id};
use fluo_alerts::trouble::Subject;
use fluo_alerts::wire;
use fluo_rules::rule::Severity;
use fluo_store::{Root, StoreError};
use object_store::path::Path;
use serde::Serialize;

use crate::future::is_future;
use crate::pending::pending;
use crate::rule_set::RuleSet;
use crate::state::{self, LOCATION, State, StateError};

pub use crate::pending::Pending;

/// Name and version of the payload's format.
pub const SCHEMA: &str = "fluo.status/v1";

/// The status at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The last evaluation; none before the first.
    #[serde(with = "wire::optional_moment")]
    pub eval_time: Option<i64>,
    /// The time since then, in nanoseconds.
    pub behind_ns: Option<i64>,
    /// True if that time has not come: then nothing is evaluated.
    pub from_future: bool,
    /// The number of evaluations.
    pub evaluations: u64,
    /// The alerts that fire, by rule and start.
    pub firing: Vec<Firing>,
    /// The alerts whose condition holds and has not held for `for` yet.
    pub pending: Vec<Pending>,
    /// The troubles of fluo itself.
    pub troubles: Vec<Trouble>,
    /// The notifications that are on their way.
    pub outbox: Outbox,
    /// The stream of data files.
    pub pipeline: Pipeline,
    /// The reason why the page beside the state is not of the last evaluation that changed something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_error: Option<String>,
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Firing {
    /// Its rule.
    pub rule: String,
    /// Its severity.
    #[serde(with = "wire::severity")]
    pub severity: Severity,
    /// Group keys and values.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
    /// The episode's id.
    pub id: String,
    /// The first moment at which the condition held.
    #[serde(with = "wire::moment")]
    pub since: i64,
    /// Names and values as they are now.
    #[serde(with = "wire::pairs")]
    pub values: Vec<(String, String)>,
    /// The silence or the rule that mutes it.
    pub muted_by: Option<String>,
    /// The key of the alerts that it is related to, and its own; none where nobody was told of it.
    pub together: Option<String>,
    /// The first of those that it is related to; none where it is that itself, or related to none that fires.
    pub related_to: Option<Related>,
}

/// An alert that others are related to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Related {
    /// The episode's id.
    pub id: String,
    /// Its rule.
    pub rule: String,
    /// Group keys and values.
    #[serde(with = "wire::pairs")]
    pub group: Vec<(String, Option<String>)>,
}

/// Something that is wrong with fluo itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trouble {
    /// The event that tells of it.
    pub event: Event,
    /// The kind of thing it is wrong with: `rule`, `rule_file`, `data_files` …
    pub kind: &'static str,
    /// The name of the rule, the file or the sink.
    pub name: Option<String>,
    /// Its severity.
    #[serde(with = "wire::severity")]
    pub severity: Severity,
    /// The title: what is wrong, in a line.
    pub title: String,
    /// The reason.
    pub reason: String,
    /// The time at which it was found.
    #[serde(with = "wire::moment")]
    pub since: i64,
}

/// The notifications that are on their way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outbox {
    /// Notifications that some sink has not taken yet.
    pub waiting: usize,
    /// Of these, those that are held back until an outage is caught up.
    pub held: usize,
    /// The notifications that wait for each sink, by its name.
    pub sinks: BTreeMap<String, Waiting>,
}

/// The notifications that wait for one sink.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waiting {
    /// Their number.
    pub waiting: usize,
    /// The evaluation that told the oldest of them.
    #[serde(with = "wire::moment")]
    pub since: i64,
    /// Attempts in a row that failed.
    pub refused: u32,
}

/// The stream of data files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pipeline {
    /// The last evaluation that saw a new file.
    #[serde(with = "wire::optional_moment")]
    pub arrived_at: Option<i64>,
    /// End of the newest span that is known.
    #[serde(with = "wire::optional_moment")]
    pub newest_end: Option<i64>,
    /// `true` where people were told that nothing arrives.
    pub stale: bool,
    /// The spans that ingest could not place or had to mend; none where there were none for an hour.
    pub set_aside: Option<SetAside>,
}

/// Spans that ingest could not place or had to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// The evaluation that saw the first of them.
    #[serde(with = "wire::moment")]
    pub since: i64,
    /// Spans that came since then, with those that could not be placed.
    pub spans: u64,
    /// The spans that could not be placed, by reason.
    pub set_aside: BTreeMap<String, u64>,
    /// Spans that were mended, by reason.
    pub mended: BTreeMap<String, u64>,
    /// Spans that were mended.
    pub mended_spans: u64,
    /// The same in a line for people.
    pub reason: String,
}

/// The reasons why the state cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Occurs when the store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when the state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Reads the state of the store at `root`; a new one where nothing was evaluated yet.
///
/// # Errors
///
/// [`StatusError`] where it cannot be read.
pub async fn read(root: &Root) -> Result<State, StatusError> {
    match root.versioned.read(&root.at(&Path::from(LOCATION))).await? {
        Some((bytes, _)) => Ok(State::decode(&bytes)?),
        None => Ok(State::new()),
    }
}

/// Returns the status that follows from a state at `now`, in nanoseconds since the epoch.
pub fn status(state: &State, now: i64) -> Status {
    let evaluated = !state.is_new();
    let rules = RuleSet::of_texts(&state.rule_files);
    let mut pending: Vec<Pending> = pending(state, &rules).collect();
    pending.sort_by(|one, other| {
        (&one.rule, one.since, &one.group).cmp(&(&other.rule, other.since, &other.group))
    });
    let trouble = |trouble: &fluo_alerts::trouble::Trouble| Trouble {
        event: trouble.subject.event(),
        kind: trouble.subject.kind(),
        name: trouble.subject.name().map(str::to_owned),
        severity: trouble.severity,
        title: trouble.subject.to_string(),
        reason: trouble.reason.clone(),
        since: trouble.since,
    };
    Status {
        schema: SCHEMA,
        eval_time: evaluated.then_some(state.eval_time),
        behind_ns: evaluated.then(|| now.saturating_sub(state.eval_time)),
        from_future: evaluated && is_future(state.eval_time, now),
        evaluations: state.generation,
        firing: firing(state, |_| true),
        pending,
        troubles: state.troubles.open().map(trouble).collect(),
        outbox: outbox(state),
        page_error: state.page_error.clone(),
        pipeline: Pipeline {
            arrived_at: (state.pipeline.arrived_at > 0).then_some(state.pipeline.arrived_at),
            newest_end: (state.pipeline.newest_end > 0).then_some(state.pipeline.newest_end),
            stale: state.troubles.of(&Subject::Pipeline).is_some(),
            set_aside: set_aside(&state.pipeline.set_aside),
        },
    }
}

/// The alerts that fire and whose labels, as silences see them, are wanted; by rule and start.
pub fn firing(state: &State, is_wanted: impl Fn(&BTreeMap<String, String>) -> bool) -> Vec<Firing> {
    let mut firing = Vec::new();
    // By key: the first of the alerts that are related.
    let mut heads: BTreeMap<Id, (u64, i64, &Alert)> = BTreeMap::new();
    for alert in state.rules.values().flat_map(RuleState::firing).map(|(_, alert)| alert) {
        let Some(grouping) = alert.grouping else { continue };
        let head = heads.entry(grouping.key).or_insert((grouping.place, alert.starts_at, alert));
        if (grouping.place, alert.starts_at, alert.told.id) < (head.0, head.1, head.2.told.id) {
            *head = (grouping.place, alert.starts_at, alert);
        }
    }
    for (name, of_rule) in &state.rules {
        let wanted = of_rule.firing().filter(|(_, alert)| is_wanted(&labels(alert)));
        firing.extend(wanted.map(|(_, alert)| {
            let head = alert.grouping.and_then(|grouping| heads.get(&grouping.key));
            firing_alert(name, alert, head.map(|(_, _, head)| *head))
        }));
    }
    firing.sort_by(|one, other| {
        (&one.rule, one.since, &one.group).cmp(&(&other.rule, other.since, &other.group))
    });
    firing
}

fn set_aside(known: &state::SetAside) -> Option<SetAside> {
    (known.since > 0).then(|| SetAside {
        since: known.since,
        spans: known.spans.saturating_add(known.counts.set_aside_total()),
        set_aside: known.counts.set_aside.clone(),
        mended: known.counts.mended.clone(),
        mended_spans: known.counts.mended_spans,
        reason: known.to_string(),
    })
}

fn firing_alert(rule: &str, alert: &Alert, head: Option<&Alert>) -> Firing {
    let head = head.filter(|head| head.told.id != alert.told.id);
    Firing {
        rule: rule.to_owned(),
        severity: alert.severity(),
        group: alert.told.violation.group.clone(),
        id: alert.told.id.to_string(),
        since: alert.starts_at,
        values: alert.standing(),
        muted_by: alert.muted_by.clone(),
        together: alert.grouping.map(|grouping| grouping.key.to_string()),
        related_to: head.map(|head| Related {
            id: head.told.id.to_string(),
            rule: head.told.violation.rule.clone(),
            group: head.told.violation.group.clone(),
        }),
    }
}

fn outbox(state: &State) -> Outbox {
    let mut sinks: BTreeMap<String, Waiting> = BTreeMap::new();
    for queued in &state.outbox {
        for sink in queued.pending.keys() {
            let refused = state.sinks.get(sink).map_or(0, |refusals| refusals.in_a_row);
            let at = queued.notification.at;
            let waiting = sinks.entry(sink.clone()).or_insert(Waiting { waiting: 0, since: at, refused });
            waiting.waiting += 1;
            waiting.since = waiting.since.min(at);
        }
    }
    Outbox {
        waiting: state.outbox.len(),
        held: state.outbox.iter().filter(|queued| queued.held).count(),
        sinks,
    }
}

#[cfg(test)]
mod tests {
    use fluo_alerts::life_cycle::{GroupState, Tracked};
    use fluo_alerts::trouble::{Telling, Wrong};
    use fluo_time::Nanos;

    use super::*;
    use crate::state::{Attempt, Queued, Refusals};

    const MINUTE: i64 = Nanos::MINUTE.0;
    const RULE: &str = "- {name: slow, span: {}, condition: count > 5, for: 5m}\n";

    fn state(rule: RuleState) -> State {
        State {
            generation: 7,
            eval_time: 101 * MINUTE,
            rules: [("slow".to_owned(), rule)].into(),
            rule_files: [("r.yml".to_owned(), RULE.to_owned())].into(),
            ..State::new()
        }
    }

    /// A rule that was judged up to minute 100, whose condition held from and to these minutes.
    fn held(from: i64, to: i64) -> RuleState {
        let tracked = Tracked {
            id: Id::default(),
            first_start: from * MINUTE,
            starts_at: from * MINUTE,
            ends_at: to * MINUTE,
            revision: 1,
            live: true,
            digest: Id::default(),
            origin: None,
        };
        let group = GroupState { violations: vec![tracked], ..GroupState::default() };
        let print = fluo_alerts::fingerprint::fingerprint("slow", &[]);
        RuleState {
            judged_to: 100 * MINUTE + 1,
            groups: [(print, group)].into(),
            ..RuleState::new(String::new(), 0)
        }
    }

    #[test]
    fn before_the_first_evaluation_there_is_nothing_to_tell() {
        let status = status(&State::new(), 5);
        assert_eq!((status.eval_time, status.behind_ns, status.evaluations), (None, None, 0));
        assert_eq!(
            status.pipeline,
            Pipeline { arrived_at: None, newest_end: None, stale: false, set_aside: None }
        );
    }

    #[test]
    fn what_holds_and_has_not_held_for_long_enough_is_pending() {
        let of = |from, to| status(&state(held(from, to)), 102 * MINUTE).pending;
        let [pending] = of(98, 100).try_into().unwrap();
        assert_eq!((pending.since, pending.fires_at), (98 * MINUTE, 103 * MINUTE));
        assert_eq!(of(90, 93), [], "it held no longer");
        let mut gone = held(98, 100);
        gone.groups.values_mut().for_each(|group| group.violations[0].live = false);
        assert_eq!(status(&state(gone), 102 * MINUTE).pending, [], "late spans took it back");
    }

    #[test]
    fn how_far_behind_and_what_is_wrong_is_told() {
        let mut state = state(held(1, 1));
        let telling = Telling { repeat: 1, severities: BTreeMap::new() };
        let mut wrong = |subject, reason, minute| {
            state.troubles.found(Wrong::new(subject, reason), minute * MINUTE, &telling).unwrap()
        };
        wrong(Subject::Rule("slow".to_owned()), "too many groups", 90);
        wrong(Subject::RuleFile("bad.yml".to_owned()), "unknown key", 91);
        let notification = wrong(Subject::DataFiles, "cut", 99);
        let pending = [("chat".to_owned(), Attempt::default()), ("mail".to_owned(), Attempt::default())];
        state.outbox.push(Queued {
            notification: notification.clone(),
            pending: pending.into(),
            held: false,
        });
        let later = fluo_alerts::notification::Notification { at: 100 * MINUTE, ..notification };
        state.outbox.push(Queued {
            notification: later,
            pending: [("chat".to_owned(), Attempt::default())].into(),
            held: false,
        });
        state.sinks.insert("chat".to_owned(), Refusals { in_a_row: 4, given_up: 0 });
        let status = status(&state, 103 * MINUTE);
        assert_eq!(status.behind_ns, Some(2 * MINUTE));
        let troubles: Vec<_> = status
            .troubles
            .iter()
            .map(|wrong| (wrong.event.as_str(), wrong.reason.as_str(), wrong.since))
            .collect();
        let expected = [
            ("rule_error", "too many groups", 90 * MINUTE),
            ("rule_error", "unknown key", 91 * MINUTE),
            ("file_error", "cut", 99 * MINUTE),
        ];
        assert_eq!(troubles, expected);
        let chat = Waiting { waiting: 2, since: 99 * MINUTE, refused: 4 };
        let mail = Waiting { waiting: 1, since: 99 * MINUTE, refused: 0 };
        let sinks = [("chat".to_owned(), chat), ("mail".to_owned(), mail)].into();
        assert_eq!(status.outbox, Outbox { waiting: 2, held: 0, sinks });
    }
}
