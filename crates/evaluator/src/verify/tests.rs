//! Alerts that ticks over a folder told of, and what became of what they name.

mod order;

use fluo_alerts::life_cycle::Mutes;
use fluo_alerts::notification::{Event, Notification};
use fluo_alerts::value::Value;
use fluo_rules::SourceFile;
use fluo_rules::test_file::{self, DEFAULT_START};
use fluo_sinks::route_all;
use fluo_spans::layout::Layout;
use fluo_store::{Content, Packing, Root, open_root, write_spans};
use fluo_time::Nanos;
use object_store::path::Path;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

use super::{Finding, Kind, Verification, VerifyError, verify};
use crate::arrivals::Live;
use crate::rule_test::spans_of;
use crate::span_data::SpanData;
use crate::{Deployed, Evaluator, Host, Request, Settings, Stop, tick};

/// An exact rule and one on the grid; the groups of both are an attacker's to choose.
const RULES: &str = "
- name: exact
  severity: critical
  labels: {team: access}
  span: {service_name: auth, status: error}
  group_by: [user.id]
  aggregation: {count: 3, slow: {p99: duration}}
  condition: count > 2
- name: grid
  span: {service_name: auth}
  aggregation: {mean: {avg: duration}, share: {count: {where: status = error}}}
  condition: share / count > 10%
";

const FAILURES: &str =
    "{at: 2s..52s, every: 10s, service_name: auth, name: login, status: error, duration: 70ms,
         attributes: {user.id: \"u\\x1b[31m\", error.type: BadToken}}";

const SUCCESSES: &str = "{at: 1s..31s, every: 3s, service_name: auth, name: login, duration: 30ms}";

/// A store in a folder that evaluations run over.
struct Store {
    folder: TempDir,
    root: Root,
    evaluator: Evaluator,
    rules: String,
}

impl Store {
    fn new(rules: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let root = open_root(folder.path().to_str().unwrap(), &|_| None).unwrap();
        let data = SpanData::new(root.clone());
        let evaluator = Evaluator::new(Settings::default(), data);
        Self { folder, root, evaluator, rules: rules.to_owned() }
    }

    /// Writes a data file of spans, as a test file has them.
    async fn add(&self, spans: &str) -> Vec<PathBuf> {
        // Ids are made from the name.
        let name: String = spans.chars().filter(char::is_ascii_alphanumeric).collect();
        let text = format!(
            "rules: [r.yml]\ntests:\n  - name: {name}\n    spans:\n      - {spans}\n    expect: []\n"
        );
        let loaded = test_file::load(&[SourceFile::new("spans.test.yml", text)]);
        assert_eq!(loaded.findings, []);
        let spans: Vec<_> = spans_of(&loaded.tests[0].tests[0]).into_iter().map(|(span, _)| span).collect();
        let content = Content::of(format!("{spans:?}").as_bytes());
        let spans_folder = self.root.at(&Path::from("spans"));
        let layout = Layout::builtin();
        let store = self.root.store.as_ref();
        let written = write_spans(store, &spans_folder, spans, content, 0, &layout, Packing::Small);
        written.await.unwrap().iter().map(|file| self.path(file.location.as_ref())).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Evaluates so long after the beginning, and gives all that a file was told until then.
    async fn tick(&self, seconds: i64) -> Vec<Notification> {
        let at = DEFAULT_START + seconds * Nanos::SECOND.0;
        let told = self.folder.path().join("told.ndjson");
        let sink = serde_json::json!({"type": "file", "path": told, "together": false});
        let sinks = route_all(&[serde_json::from_value(sink).unwrap()], &|_| None, None).unwrap();
        let live = Live { store: Arc::clone(&self.root.store), spans: self.root.at(&Path::from("spans")) };
        let rules = [SourceFile::new("rules.yml", self.rules.as_str())];
        let deployed = Deployed { rules: &rules, mutes: Mutes { silenced: &|_| None } };
        let clock = move || at;
        let host = Host {
            root: &self.root,
            sinks: &sinks,
            clock: &clock,
            nonce: "one",
            deadline: None,
            stop: &Stop::default(),
            evaluated: &|_| {},
        };
        let ticked = tick(&self.evaluator, &live, deployed, host, Request::scheduled(at)).await.unwrap();
        assert_eq!(ticked.reports[0].failed_rules, [""; 0]);
        fs::read_to_string(told)
            .unwrap_or_default()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    async fn verify(&self, notification: &Notification) -> Verification {
        verify(notification, &self.root).await.unwrap()
    }

    /// The kinds of what is not as it was told.
    async fn kinds(&self, notification: &Notification) -> Vec<Kind> {
        let Verification { holds, findings, .. } = self.verify(notification).await;
        assert_eq!(holds, findings.is_empty());
        findings.into_iter().map(|finding| finding.kind).collect()
    }
}

/// A store, its first two data files, and what was told of both rules.
async fn incident() -> (Store, Vec<PathBuf>, Notification, Notification) {
    let store = Store::new(RULES);
    store.tick(-120).await;
    let mut files = store.add(FAILURES).await;
    files.extend(store.add(SUCCESSES).await);
    let told = store.tick(180).await;
    let of = |rule: &str| {
        let found = told.iter().find(|told| told.rule.as_deref() == Some(rule) && told.alert.is_some());
        found.unwrap_or_else(|| panic!("nothing was told of {rule}: {told:?}")).clone()
    };
    (store, files, of("exact"), of("grid"))
}

#[tokio::test]
async fn an_alert_holds_as_it_was_told() {
    let (store, files, exact, grid) = incident().await;
    for told in [&exact, &grid] {
        let alert = told.alert.as_ref().unwrap();
        assert_eq!(alert.files.len(), files.len(), "{:?}", alert.files);
        assert_eq!(store.verify(told).await.findings, [], "{:?}", told.rule);
    }
    assert!(!exact.alert.unwrap().violation.evidence.is_empty());
}

/// A rise above earlier windows, and a group that fell silent: when it was seen is named nowhere.
#[tokio::test]
async fn alerts_that_look_back_hold_as_they_were_told() {
    let rules = "
- name: doubled
  span: {service_name: auth}
  group_by: [name]
  condition: count > 2 * avg_over(count, 3m) and count > 5
- name: silent
  span: {service_name: auth}
  group_by: [name]
  lookback: 1h
  condition: absent(2m)
";
    let store = Store::new(rules);
    store.add("{at: -20m, service_name: shop, name: order}").await;
    store.add("{at: -10m..0s, every: 20s, service_name: auth, name: login}").await;
    store.add("{at: -100s, service_name: auth, name: logout}").await;
    store.tick(-300).await;
    store.add("{at: 1s..55s, every: 3s, service_name: auth, name: login}").await;
    store.add("{at: 170s, service_name: auth, name: login}").await;
    let told = store.tick(240).await;
    for rule in ["doubled", "silent"] {
        let found = told.iter().find(|told| told.rule.as_deref() == Some(rule) && told.alert.is_some());
        let found = found.unwrap_or_else(|| panic!("nothing was told of {rule}: {told:?}"));
        assert_eq!(store.verify(found).await.findings, [], "{rule}");
    }
}

/// Told at once, for what must not be there, before it was known what else is missing.
#[tokio::test]
async fn an_alert_across_traces_holds_as_it_was_told() {
    let rules = "
- name: cancelled
  trace:
    by: [order.id]
    when: {name: paid}
    always: [{name: sent, at_least: 2, within: 10m}]
    never: [{name: cancelled, before: 2h}]
";
    let store = Store::new(rules);
    let span = |at: &str, name: &str| {
        format!("{{at: {at}, service_name: shop, name: {name}, attributes: {{order.id: o}}}}")
    };
    store.add(&span("1s", "cancelled")).await;
    store.tick(60).await;
    store.add(&span("70s", "paid")).await;
    store.add(&span("80s", "sent")).await;
    let told = store.tick(120).await;
    let firing = &told[0];
    assert_eq!((told.len(), firing.event), (1, Event::Firing));
    let held = store.verify(firing).await;
    assert_eq!(held.findings, []);
    store.add(&span("90s", "sent")).await;
    store.tick(180).await;
    assert_eq!(store.verify(firing).await.findings, [], "whatever comes later");
}

#[tokio::test]
async fn what_arrives_later_takes_no_proof_away() {
    let (store, _, exact, grid) = incident().await;
    // More of both kinds, in the same windows.
    store.add("{at: 5s..45s, every: 1s, service_name: auth, status: error, duration: 1s}").await;
    store.add("{at: 0s..55s, every: 500ms, service_name: auth, duration: 5ms}").await;
    let told = store.tick(240).await;
    assert!(told.len() > 2, "late data is told of: {told:?}");
    for told in [&exact, &grid] {
        assert_eq!(store.verify(told).await.findings, [], "{:?}", told.rule);
    }
}

#[tokio::test]
async fn what_was_withdrawn_is_proved_by_what_came_later() {
    let (store, ..) = incident().await;
    let late = store.add("{at: 0s..59s, every: 100ms, service_name: auth, duration: 5ms}").await;
    let told = store.tick(240).await;
    let withdrawn = told.iter().find(|told| told.event == Event::Withdrawn).unwrap();
    assert_eq!(store.verify(withdrawn).await.findings, []);
    for file in late {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(store.kinds(withdrawn).await, [Kind::Withdrawal]);
}

#[tokio::test]
async fn a_file_that_was_altered_or_removed_is_named() {
    let (store, files, exact, _) = incident().await;
    let name = files[0].strip_prefix(store.folder.path()).unwrap().to_str().unwrap().to_owned();
    let mut bytes = fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[0], &bytes).unwrap();
    let findings = store.verify(&exact).await.findings;
    let [Finding { kind: Kind::FileAltered, detail }] = findings.as_slice() else { panic!("{findings:?}") };
    assert!(detail.contains(&name), "{detail}");
    fs::remove_file(&files[0]).unwrap();
    let findings = store.verify(&exact).await.findings;
    let [Finding { kind: Kind::FileMissing, detail }] = findings.as_slice() else { panic!("{findings:?}") };
    assert!(detail.contains(&name), "{detail}");
}

#[tokio::test]
async fn a_rule_text_that_was_altered_or_removed_is_told() {
    let (store, _, exact, _) = incident().await;
    let text = store.path(&format!("state/rules/{}.yml", exact.alert.as_ref().unwrap().rule_hash));
    let eased = fs::read_to_string(&text).unwrap().replace("count > 2", "count > 1");
    fs::write(&text, eased).unwrap();
    assert_eq!(store.kinds(&exact).await, [Kind::RuleAltered]);
    fs::remove_file(&text).unwrap();
    assert_eq!(store.kinds(&exact).await, [Kind::RuleMissing]);
}

/// Something that is changed in a notification.
type Change = fn(&mut Notification);

#[tokio::test]
async fn what_is_changed_in_the_alert_is_found() {
    let (store, _, exact, _) = incident().await;
    let cases: &[(&str, &[Kind], Change)] = &[
        ("a value", &[Kind::Values], |told| {
            told.alert.as_mut().unwrap().violation.values[0].1 = Value::Int(400);
        }),
        ("a value for people", &[Kind::Values], |told| {
            told.alert.as_mut().unwrap().values[0].1 = "400".to_owned();
        }),
        ("a value that is left out", &[Kind::Values], |told| {
            told.alert.as_mut().unwrap().violation.values.pop();
        }),
        ("a span's name", &[Kind::Evidence], |told| {
            told.alert.as_mut().unwrap().violation.evidence[1].name = "logout".to_owned();
        }),
        ("a span's status", &[Kind::Evidence], |told| {
            told.alert.as_mut().unwrap().violation.evidence[1].status = Some("ok".to_owned());
        }),
        // What was told before spans carried it is no less true.
        ("no span's status", &[], |told| {
            for span in &mut told.alert.as_mut().unwrap().violation.evidence {
                (span.status, span.status_message) = (None, None);
                span.attributes.retain(|key, _| key == "user.id");
            }
        }),
        ("a span that is left out", &[Kind::Evidence], |told| {
            told.alert.as_mut().unwrap().violation.evidence.pop();
        }),
        ("the group's value", &[Kind::Told], |told| {
            told.alert.as_mut().unwrap().violation.group[0].1 = Some("someone".to_owned());
        }),
        ("whose fingerprint it is", &[Kind::Told, Kind::Condition], |told| {
            let print = fluo_alerts::fingerprint::fingerprint("exact", &[("user.id", Some("someone"))]);
            told.alert.as_mut().unwrap().violation.fingerprint = print;
        }),
        ("when it began", &[Kind::Told, Kind::Condition], |told| {
            told.alert.as_mut().unwrap().violation.starts_at -= 10 * Nanos::SECOND.0;
        }),
        ("the condition", &[Kind::Told], |told| {
            told.alert.as_mut().unwrap().violation.condition = "count > 1".to_owned();
        }),
        ("the rule's name", &[Kind::Told], |told| told.rule = Some("other".to_owned())),
        // A rule's labels may be edited at any time, and its text is kept by what decides.
        ("its labels", &[], |told| {
            told.alert.as_mut().unwrap().violation.labels.clear();
        }),
        ("the hash", &[Kind::RuleMissing], |told| {
            told.alert.as_mut().unwrap().rule_hash = "../../secret".to_owned();
        }),
        ("a file's tag", &[Kind::FileAltered], |told| {
            told.alert.as_mut().unwrap().files[0].etag = format!("sha256:{}", "0".repeat(64));
        }),
        ("a tag of another kind", &[Kind::FileUnproven], |told| {
            told.alert.as_mut().unwrap().files[0].etag = "9b2cf535f27731c974343645a3985328".to_owned();
        }),
        ("a file's place", &[Kind::FileMissing], |told| {
            told.alert.as_mut().unwrap().files[0].name = "../../etc/passwd".to_owned();
        }),
    ];
    for (scenario, expected, change) in cases {
        let mut changed = exact.clone();
        change(&mut changed);
        assert_eq!(store.kinds(&changed).await, *expected, "{scenario}");
    }
}

#[tokio::test]
async fn a_file_that_is_left_out_of_the_list_is_missed() {
    let (store, files, exact, _) = incident().await;
    let failures = files[0].strip_prefix(store.folder.path()).unwrap().to_str().unwrap();
    let mut changed = exact;
    changed.alert.as_mut().unwrap().files.retain(|file| file.name != failures);
    assert_eq!(store.kinds(&changed).await, [Kind::Condition]);
}

#[tokio::test]
async fn what_is_about_no_alert_cannot_be_looked_at() {
    let (store, _, mut exact, _) = incident().await;
    exact.alert = None;
    exact.event = Event::PipelineStale;
    let error = verify(&exact, &store.root).await.unwrap_err();
    assert!(matches!(error, VerifyError::NoAlert { event: "pipeline_stale" }), "{error}");
}
