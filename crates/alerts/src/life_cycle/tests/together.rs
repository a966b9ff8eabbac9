//! Alerts that share traces: which are told together, under which key, and which of them heads the message.

use super::super::together::{Level, sought};
use super::*;
use crate::notification::{Id, Together};
use crate::sample::{Sample, SampledSpan, TraceId};

fn trace(number: u8) -> TraceId {
    [number; 16]
}

/// The span of a group in a trace.
fn span(group: &str, number: u8) -> SampledSpan {
    SampledSpan { trace: trace(number), span: [group.as_bytes()[0]; 8], end: 0 }
}

/// A group at a minute, shown by spans of these traces.
fn observed(group: &str, minute: i64, traces: &[u8]) -> Observation {
    let spans = traces.iter().map(|number| span(group, *number));
    Observation {
        fingerprint: fingerprint("r", &[("x", Some(group))]),
        group: vec![("x".to_owned(), Some(group.to_owned()))],
        segment: Segment { traces: Sample::of(0, spans), ..segment(minute, 10) },
    }
}

fn life(more: &str) -> Life {
    Life::of(&format!(", group_by: [x]{more}"))
}

impl Life {
    /// Minute by minute: these hold.
    fn next(&mut self, minute: i64, holding: &[(&str, &[u8])]) -> Vec<Notification> {
        let times = self.times(minute);
        let observations = holding.iter().map(|(group, traces)| observed(group, minute - 1, traces));
        self.see_groups(times, (minute - 1, minute - 1), observations.collect());
        self.announce(times)
    }

    /// The traces and groups of the spans that are asked for.
    fn asked(&mut self, silenced: &dyn Fn(&BTreeMap<String, String>) -> Option<String>) -> Vec<(u8, char)> {
        let states: Vec<_> = self.states.iter_mut().map(|(name, state)| (name.as_str(), state)).collect();
        let spans = sought(&states, &self.rules, Mutes { silenced });
        spans.iter().map(|span| (span.trace[0], char::from(span.span[0]))).collect()
    }

    /// In a trace, each group's span is called by that of the group before.
    fn calls(&mut self, number: u8, groups: &[&str]) {
        let top = span(groups[0], number).span;
        self.depths.extend(groups.iter().zip(0..).map(|(group, above)| {
            let SampledSpan { trace, span, .. } = span(group, number);
            ((trace, span), Level { top, above })
        }));
    }
}

fn group(told: &Notification) -> &str {
    told.alert.as_ref().unwrap().violation.group[0].1.as_deref().unwrap()
}

fn together(told: &Notification) -> &Together {
    told.together.as_ref().unwrap()
}

/// In the order of places: the groups of what is told, with the groups that each names.
fn named(told: &[Notification]) -> Vec<(String, Vec<String>)> {
    let mut told: Vec<&Notification> = told.iter().collect();
    told.sort_by_key(|told| together(told).place);
    let names = |told: &Notification| {
        let others = together(told).alerts.iter();
        others.map(|other| other.group[0].1.clone().unwrap()).collect()
    };
    told.into_iter().map(|told| (group(told).to_owned(), names(told))).collect()
}

fn names(expected: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    expected.iter().map(|(group, names)| ((*group).to_owned(), own(names))).collect()
}

/// The keys of what is told, each once.
fn keys(told: &[Notification]) -> Vec<Id> {
    let mut keys: Vec<Id> = told.iter().map(|told| together(told).key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[test]
fn alerts_of_the_same_traces_are_headed_by_the_one_that_the_others_call() {
    let mut life = life("");
    life.calls(1, &["a", "b", "c"]);
    life.calls(2, &["a", "b", "c"]);
    let told = life.next(11, &[("a", &[1, 2]), ("b", &[1, 2]), ("c", &[1, 2])]);
    assert_eq!(named(&told), names(&[("c", &["b", "a"]), ("b", &["c", "a"]), ("a", &["c", "b"])]));
    let head = told.iter().find(|told| group(told) == "c").unwrap();
    assert_eq!(keys(&told), [head.alert.as_ref().unwrap().id]);
    assert_eq!((together(head).told, together(head).firing), (2, 0));
    assert_eq!(head.title, "WARNING firing: r and 2 related alerts: count = 10, limit 5 in 1m for x=c");
    assert!(
        head.text.contains("Related: WARNING r for x=b: count = 10, since 1970-01-01 00:10:00 UTC\nRelated: WARNING r for x=a"),
        "{}",
        head.text
    );
    // What goes on is told no more, and the end of all of them as their beginning was.
    assert_eq!(life.next(12, &[("a", &[1]), ("b", &[]), ("c", &[2])]), []);
    let over = life.next(14, &[]);
    assert!(over.iter().all(|told| told.event == Event::Resolved));
    assert_eq!(named(&over), named(&told));
    assert_eq!(keys(&over), keys(&told));
}

#[test]
fn time_alone_relates_nothing() {
    let mut life = life("");
    let told = life.next(11, &[("a", &[1, 2]), ("b", &[3, 4]), ("c", &[])]);
    assert_eq!((told.len(), keys(&told).len()), (3, 3));
    for told in &told {
        let alert = told.alert.as_ref().unwrap().id;
        assert_eq!(
            *together(told),
            Together { key: alert, place: 0, told: 0, firing: 0, alerts: Vec::new() }
        );
        assert_eq!(told.title, format!("WARNING firing: r: count = 10, limit 5 in 1m for x={}", group(told)));
    }
}

#[test]
fn alerts_are_related_by_way_of_others() {
    let mut life = life("");
    let told = life.next(11, &[("a", &[1]), ("b", &[3, 2]), ("c", &[1, 2]), ("d", &[4])]);
    assert_eq!(keys(&told).len(), 2);
    let of_d = told.iter().find(|told| group(told) == "d").unwrap();
    assert!(together(of_d).alerts.is_empty());
}

#[test]
fn of_whom_nothing_is_known_the_order_is_that_of_their_starts_and_names() {
    let mut life = life(", for: 1m");
    assert_eq!(life.next(11, &[("c", &[1])]), []);
    let told = life.next(12, &[("c", &[1])]);
    assert_eq!(told.len(), 1);
    let mut life = self::life("");
    life.silenced = true;
    assert_eq!(life.next(11, &[("c", &[1])]), []);
    life.silenced = false;
    let told = life.next(12, &[("b", &[1]), ("c", &[1]), ("d", &[1])]);
    let order: Vec<String> = named(&told).into_iter().map(|(group, _)| group).collect();
    assert_eq!(order[0], "c", "it began before the others, and nobody knew of it");
}

#[test]
fn traces_that_disagree_are_outvoted_and_tops_that_differ_say_nothing() {
    let mut life = life("");
    life.calls(1, &["b", "a"]);
    life.calls(2, &["a", "b"]);
    life.calls(3, &["a", "b"]);
    // Of trace 4 the upper part is not known.
    life.calls(4, &["x", "y", "a"]);
    life.calls(4, &["b"]);
    let told = life.next(11, &[("a", &[1, 2, 3, 4]), ("b", &[1, 2, 3, 4])]);
    assert_eq!(named(&told), names(&[("b", &["a"]), ("a", &["b"])]));
}

#[test]
fn a_leaf_goes_before_what_has_more_callers() {
    let mut life = life("");
    for (number, caller) in [(1, "a"), (2, "b"), (3, "c")] {
        life.calls(number, &[caller, "m"]);
    }
    life.calls(4, &["m", "z"]);
    let told = life.next(11, &[("a", &[1]), ("b", &[2]), ("c", &[3]), ("m", &[1, 2, 3, 4]), ("z", &[4])]);
    let order: Vec<String> = named(&told).into_iter().map(|(group, _)| group).collect();
    assert_eq!(order[..2], ["z", "m"], "{order:?}");
}

#[test]
fn what_begins_while_another_fires_is_told_under_its_key_and_names_it() {
    let mut life = life("");
    let first = life.next(11, &[("a", &[1])]);
    life.calls(2, &["a", "c", "b"]);
    let second = life.next(12, &[("a", &[2]), ("b", &[2]), ("c", &[2])]);
    assert_eq!(named(&second), names(&[("b", &["c", "a"]), ("c", &["b", "a"])]));
    assert_eq!(keys(&second), keys(&first));
    let of_b = second.iter().find(|told| group(told) == "b").unwrap();
    assert_eq!((together(of_b).place, together(of_b).told, together(of_b).firing), (1, 1, 1));
    assert_eq!(together(of_b).alerts[1].event, None);
    assert!(
        of_b.text.contains("r for x=a: count = 10, since 1970-01-01 00:10:00 UTC, told before"),
        "{}",
        of_b.text
    );
    let third = life.next(13, &[("a", &[3]), ("b", &[3]), ("c", &[3]), ("d", &[3]), ("e", &[4])]);
    assert_eq!(
        third.iter().map(|told| told.title.as_str()).collect::<Vec<_>>(),
        [
            "WARNING firing: r, related to 3 alerts that fire: count = 10, limit 5 in 1m for x=d",
            "WARNING firing: r: count = 10, limit 5 in 1m for x=e"
        ]
    );
    // Each has its own end.
    let ended = life.next(14, &[("d", &[9]), ("b", &[8])]);
    assert!(ended.iter().all(|told| told.event == Event::Resolved));
    let ended: Vec<_> = named(&ended).into_iter().filter(|(group, _)| group != "e").collect();
    assert_eq!(ended, names(&[("a", &["c", "b", "d"]), ("c", &["a", "b", "d"])]), "b and d fire");
}

#[test]
fn what_is_over_relates_nothing_that_begins() {
    let mut life = life("");
    let first = life.next(11, &[("a", &[1])]);
    assert_eq!(life.next(13, &[])[0].event, Event::Resolved);
    let second = life.next(14, &[("b", &[1])]);
    assert_ne!(keys(&first), keys(&second));
}

#[test]
fn who_may_not_be_told_of_is_not_named() {
    let mut life = life("");
    let times = life.times(11);
    life.see_groups(times, (10, 10), vec![observed("a", 10, &[1]), observed("b", 10, &[1])]);
    let mutes = Mutes { silenced: &|labels| (labels["x"] == "a").then(|| "s".to_owned()) };
    let mut states: Vec<_> = life.states.iter_mut().map(|(name, state)| (name.as_str(), state)).collect();
    let told = announce(&mut states, &life.rules, mutes, &Renderer::new(None), times, &Levels::new());
    assert_eq!(named(&told), names(&[("b", &[])]));
    // Once it may be told, it is related to what fires.
    let later = life.next(12, &[("a", &[2]), ("b", &[2])]);
    assert_eq!(named(&later), names(&[("a", &["b"])]));
    assert_eq!(keys(&later), keys(&told));
}

#[test]
fn what_a_summary_tells_is_told_by_no_other_message() {
    let mut life = life(", notification_limit: 1");
    let told = life.next(11, &[("a", &[1]), ("b", &[1])]);
    assert_eq!(told.iter().map(|told| told.event).collect::<Vec<_>>(), [Event::Summary]);
    let later = life.next(12, &[("a", &[2]), ("b", &[2]), ("c", &[2])]);
    assert_eq!(
        (later.len(), together(&later[0]).firing),
        (1, 1),
        "each of the first two has a key of its own"
    );
}

#[test]
fn the_spans_that_are_asked_for_are_of_traces_that_several_new_alerts_share() {
    let mut life = life("");
    life.next(11, &[("a", &[1, 2, 3])]);
    let times = life.times(12);
    let observations = [("a", &[1, 2, 3, 9][..]), ("b", &[1, 2, 4, 5]), ("c", &[4, 5, 6]), ("d", &[3, 7])];
    let observations = observations.map(|(group, traces)| observed(group, 11, traces));
    life.see_groups(times, (11, 11), observations.into());
    let nobody: &dyn Fn(&BTreeMap<String, String>) -> Option<String> = &|_| None;
    assert_eq!(life.asked(nobody), [(4, 'b'), (4, 'c'), (5, 'b'), (5, 'c')]);
    assert_eq!(life.asked(&|labels| (labels["x"] == "b").then(|| "s".to_owned())), [], "b is not told");
    life.announce(times);
    assert_eq!(life.asked(nobody), [], "what was told is told");
}

#[test]
fn many_related_alerts_are_counted_and_some_of_them_named() {
    let mut life = life("");
    let groups: Vec<String> = (0..30).map(|at| format!("{at:02}")).collect();
    let holding: Vec<(&str, &[u8])> = groups.iter().map(|group| (group.as_str(), &[1_u8][..])).collect();
    let told = life.next(11, &holding);
    assert_eq!((told.len(), keys(&told).len()), (30, 1));
    let head = together(&told[0]);
    assert_eq!((head.told, head.alerts.len(), head.more()), (29, 20, 9));
    assert_eq!(head.lines().last().unwrap(), "… 9 more");
}

#[test]
fn an_alert_that_was_told_before_keys_were_kept_has_none_and_gives_its_own() {
    let mut life = life("");
    let first = life.next(11, &[("a", &[1])]);
    for alert in life
        .states
        .values_mut()
        .flat_map(|state| state.groups.values_mut())
        .flat_map(|group| &mut group.alerts)
    {
        alert.grouping = None;
    }
    let second = life.next(12, &[("a", &[2]), ("b", &[2])]);
    assert_eq!(keys(&second), [first[0].alert.as_ref().unwrap().id]);
    let over = life.next(13, &[("b", &[2])]);
    assert_eq!((over.len(), over[0].together.clone()), (1, None), "it is as it was told to be");
}
