//! From a trouble's first word to its all-clear.

use super::*;
use crate::notification::Id;

const HOUR: i64 = 3_600_000_000_000;

fn telling() -> Telling {
    Telling { repeat: 4 * HOUR, severities: BTreeMap::new() }
}

fn rule_file(reason: &str) -> Wrong {
    Wrong::new(Subject::RuleFile("a.yml".to_owned()), reason)
}

fn files(amount: u64) -> Wrong {
    Wrong::new(Subject::DataFiles, "cut").of(amount)
}

/// Returns the events that are told at each hour, in words, of what is wrong at each hour.
fn told(hours: &[Vec<Wrong>]) -> Vec<Vec<String>> {
    let mut troubles = Troubles::default();
    (0..)
        .zip(hours)
        .map(|(hour, wrong)| {
            let told = troubles.settle(wrong.clone(), |_| true, hour * HOUR, &telling());
            told.iter().map(|told| told.event.to_string()).collect()
        })
        .collect()
}

#[test]
fn what_is_wrong_is_told_at_once_again_and_at_its_end() {
    type Case<'a> = (&'a str, Vec<Vec<Wrong>>, &'a [&'a [&'a str]]);
    let none = Vec::new;
    let stale = || vec![Wrong::new(Subject::Pipeline, "nothing")];
    let file = || vec![rule_file("bad")];
    let cases: [Case<'_>; 7] = [
        ("nothing", vec![none(); 2], &[&[], &[]]),
        ("begins and ends", vec![file(), none(), none()], &[&["rule_error"], &["rule_error_over"], &[]]),
        (
            "lasts",
            vec![file(), file(), file(), file(), file(), file()],
            &[&["rule_error"], &[], &[], &[], &["rule_error"], &[]],
        ),
        ("is told once", vec![stale(); 6], &[&["pipeline_stale"], &[], &[], &[], &[], &[]]),
        (
            "another mistake in the same file",
            vec![file(), vec![rule_file("worse")], none()],
            &[&["rule_error"], &["rule_error"], &["rule_error_over"]],
        ),
        (
            "more and more of it",
            vec![vec![files(2)], vec![files(3)], vec![files(4)], vec![files(3)], none()],
            &[&["file_error"], &[], &["file_error"], &[], &["file_error_over"]],
        ),
        (
            "two at once",
            vec![vec![rule_file("bad"), files(1)], file(), none()],
            &[&["rule_error", "file_error"], &["file_error_over"], &["rule_error_over"]],
        ),
    ];
    for (scenario, hours, expected) in cases {
        assert_eq!(told(&hours), expected, "{scenario}");
    }
}

#[test]
fn all_of_it_is_about_one_id_and_no_notification_has_anothers() {
    let mut troubles = Troubles::default();
    let hours = [true, true, true, true, true, false, true, false];
    let told: Vec<Notification> = (0..)
        .zip(hours)
        .flat_map(|(hour, is_wrong)| {
            let wrong = if is_wrong { vec![rule_file("bad")] } else { Vec::new() };
            troubles.settle(wrong, |_| true, hour * HOUR, &telling())
        })
        .collect();
    let ids: BTreeSet<Id> = told.iter().map(|told| told.id).collect();
    assert_eq!((told.len(), ids.len()), (5, 5));
    let about: Vec<Id> = told.iter().map(Notification::about).collect();
    assert!(about[..3].iter().all(|id| *id == about[0]), "told, told again, over");
    assert!(about[3] == about[4] && about[3] != about[0], "mended and broken anew is another");
    assert_eq!(told[2].text.lines().count(), 1, "the title is not said again");
    assert!(told[2].text.contains("(5h): bad."), "{}", told[2].text);
}

#[test]
fn severity_is_set_by_event_and_stays() {
    let mut troubles = Troubles::default();
    let severities = [(Event::RuleError, Severity::Info)].into();
    let wrong = vec![rule_file("bad"), files(1), Wrong::new(Subject::Pipeline, "nothing")];
    let told = troubles.settle(wrong, |_| true, 0, &Telling { severities, ..telling() });
    let severities: Vec<_> = told.iter().map(|told| (told.event.as_str(), told.severity)).collect();
    let expected = [
        ("pipeline_stale", Severity::Critical),
        ("rule_error", Severity::Info),
        ("file_error", Severity::Warning),
    ];
    assert_eq!(severities, expected);
    let over = troubles.settle(Vec::new(), |_| true, HOUR, &telling());
    let over: Vec<_> = over.iter().map(|told| told.severity).collect();
    assert_eq!(over, expected.map(|(_, severity)| severity), "so that it goes where the first word went");
}

#[test]
fn an_all_clear_goes_to_whom_the_trouble_was_told() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let mut troubles = Troubles::default();
    let at = |troubles: &mut Troubles, wrong, hour: i64| {
        troubles.settle(wrong, |_| true, hour * HOUR, &telling()).remove(0)
    };
    let first = at(&mut troubles, vec![rule_file("bad")], 0);
    assert_eq!(troubles.address(&first, names(&["chat"])), names(&["chat"]));
    let again = at(&mut troubles, vec![rule_file("bad")], 4);
    assert_eq!(troubles.address(&again, names(&["mail"])), names(&["mail"]));
    let over = at(&mut troubles, Vec::new(), 5);
    // What is not addressed yet outlives a restart.
    let text = serde_json::to_string(&troubles).unwrap();
    let mut troubles: Troubles = serde_json::from_str(&text).unwrap();
    let all = names(&["chat", "mail", "new"]);
    assert_eq!(troubles.address(&over, all), names(&["chat", "mail"]));
    assert_eq!(troubles, Troubles::default());
}

#[test]
fn only_what_an_evaluation_looks_at_is_over_by_it() {
    let mut troubles = Troubles::default();
    troubles.found(Wrong::new(Subject::Sink("chat".to_owned()), "refused"), 0, &telling());
    let of_evaluations = |subject: &Subject| !matches!(subject, Subject::Sink(_));
    assert_eq!(troubles.settle(Vec::new(), of_evaluations, HOUR, &telling()), []);
    assert_eq!(troubles.open().count(), 1);
    let over = troubles.ended(&Subject::Sink("chat".to_owned()), HOUR).unwrap();
    assert_eq!(
        (over.event, over.title.as_str()),
        (Event::SinkErrorOver, "WARNING over: Not delivered to chat")
    );
    assert_eq!(troubles.ended(&Subject::Sink("chat".to_owned()), HOUR), None);
}
