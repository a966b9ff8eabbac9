//! Evaluations because spans have arrived: an alert seconds after its object, whatever the schedule does.

use std::time::{Duration, Instant};

use fluo_alerts::notification::Event;
use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::event_source::event;
use fluo_end_to_end::faults::Fault;
use fluo_end_to_end::wait;
use fluo_tests::otlp::{Encoding, Span};
use jiff::Timestamp;
use serde_json::json;

use crate::notifications;

/// A rule with an alert for each region.
const RULE: &str = "- {name: failed-logins, span: {name: auth_user, attributes: {http.status_code: 401}}, group_by: [region], condition: count > 5}\n";

/// The distance of evaluations, in seconds.
const SLOT: u64 = 5;

/// An alert is there within this time, on a machine that has other things to do. The schedule does not come at all.
const SOON: Duration = Duration::from_secs(30);

/// The number of alerts that are measured: `FLUO_TEST_ROUNDS=20` for figures.
fn rounds() -> u64 {
    std::env::var("FLUO_TEST_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}

/// A deployment whose first evaluation is behind it.
async fn deployed(name: &str) -> Deployment {
    let deployment = Deployment::evaluating_on_arrival(name, SLOT).await;
    deployment.bucket.put("rules/regions.yml", RULE).await;
    deployment.evaluate_at(Timestamp::now()).await;
    deployment
}

/// Six failed logins of a region among the sixty spans of the last ten seconds, as a collector writes them.
fn ten_seconds(region: u64) -> Vec<u8> {
    let now = u64::try_from(Timestamp::now().as_nanosecond()).unwrap();
    let span = |nth: u64| {
        let status = if nth % 10 == 9 { 401 } else { 200 };
        // All within the last seconds: what ended before the first evaluation is not judged.
        let end = now - (60 - nth) * 10_000_000;
        Span::new(region * 1000 + nth, "auth-service", "auth_user", end)
            .with("http.status_code", status)
            .with("region", format!("r{region}").as_str())
    };
    Encoding::ZstdProtobuf.write(&(0..60).map(span).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "figures belong to the result of a test that measures")]
async fn an_alert_is_told_seconds_after_its_object() {
    let deployment = deployed("on-arrival").await;
    let _ingesting = deployment.ingesting();
    let _evaluating = deployment.evaluating();
    let mut took = Vec::new();
    for round in 1..=rounds() {
        // Wherever in a slot.
        tokio::time::sleep(Duration::from_millis(round * 1_370 % 5_000)).await;
        let began = Instant::now();
        deployment.bucket.put(&format!("raw/traces_{round}.binpb.zst"), ten_seconds(round)).await;
        let told = wait::until("it is told", async || {
            let mut told = notifications(&deployment.records).await;
            // Those of a minute ago are over by now.
            told.retain(|told| told.event != Event::Resolved);
            Some(told).filter(|told| !told.is_empty())
        })
        .await;
        took.push(began.elapsed());
        assert_eq!(told.iter().map(|told| told.event).collect::<Vec<_>>(), [Event::Firing]);
        let group = &told[0].alert.as_ref().unwrap().violation.group;
        assert_eq!(*group, [("region".to_owned(), Some(format!("r{round}")))]);
    }
    took.sort_unstable();
    eprintln!("from object to alert: {took:?}, median {:?}", took[took.len() / 2]);
    assert!(took[took.len() / 2] < SOON, "{took:?}");
    let rounds = usize::try_from(rounds()).unwrap();
    // The last one ends after it has told.
    wait::until("one evaluation each, and the first one", async || {
        (deployment.evaluate.invoked().len() == 1 + rounds).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_objects_is_one_evaluation_a_slot() {
    let deployment = deployed("on-arrival-burst").await;
    let _ingesting = deployment.ingesting();
    let _evaluating = deployment.evaluating();
    let began = Instant::now();
    for number in 1..=100 {
        deployment.bucket.put(&format!("raw/traces_{number}.binpb.zst"), ten_seconds(number)).await;
    }
    let mut told = Vec::new();
    wait::until("all are told", async || {
        told.extend(notifications(&deployment.records).await);
        let regions = told.iter().filter(|told| told.event == Event::Firing).count();
        let summaries = told.iter().filter_map(|told| told.summary.as_ref());
        let more: u64 = summaries.map(|summary| summary.alerts).sum();
        (regions as u64 + more >= 100).then_some(())
    })
    .await;
    wait::until("nobody is asked any more", async || {
        deployment.requests.as_ref().unwrap().is_empty().await.then_some(())
    })
    .await;
    let slots = began.elapsed().as_secs() / SLOT + 2;
    let evaluations = deployment.evaluate.invoked().len() as u64 - 1;
    assert!((1..=slots).contains(&evaluations), "{evaluations} evaluations in {slots} slots");
    let ids: std::collections::BTreeSet<_> = told.iter().map(|told| told.id).collect();
    assert_eq!(ids.len(), told.len(), "nothing is told twice");
}

/// SQS delivers at least once, and a message may be late. And an evaluation that fails holds up nobody: the schedule's
/// next one makes up for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_late_or_in_vain_does_no_harm() {
    let deployment = deployed("on-arrival-again").await;
    let requests = deployment.requests.clone().unwrap();
    let put = async |region: u64| {
        let (key, bytes) = (format!("raw/traces_{region}.binpb.zst"), ten_seconds(region));
        deployment.bucket.put(&key, bytes.clone()).await;
        deployment.ingest.invoke(deployment.bucket.event(&key, bytes.len())).await.answer();
        let messages = wait::until("an evaluation is asked for", async || {
            Some(requests.receive().await).filter(|messages| !messages.is_empty())
        })
        .await;
        for message in &messages {
            requests.delete(message["ReceiptHandle"].as_str().unwrap()).await;
        }
        event(&requests, &messages)
    };
    let first = put(1).await;
    let answer = deployment.evaluate.invoke(first.clone()).await.answer();
    assert_eq!((&answer["evaluations"], &answer["batchItemFailures"]), (&json!(1), &json!([])), "{answer}");
    let told = notifications(&deployment.records).await;
    assert_eq!(told.iter().map(|told| told.event).collect::<Vec<_>>(), [Event::Firing]);

    // Twice: at once, and after the schedule's next evaluation.
    for _ in 0..2 {
        let before = deployment.network.requests().len();
        let again = deployment.evaluate.invoke(first.clone()).await.answer();
        assert_eq!((&again["evaluations"], &again["batchItemFailures"]), (&json!(0), &json!([])), "{again}");
        let requests = deployment.network.requests().split_off(before);
        assert!(
            !requests.iter().any(|request| request.starts_with("PUT")),
            "nothing is written: {requests:?}"
        );
        deployment.evaluate_at(Timestamp::now()).await;
    }
    assert_eq!(notifications(&deployment.records).await.len(), 0, "nothing is told twice");

    let second = put(2).await;
    deployment.network.fail(|request| request.path.contains("state/evaluator").then_some(Fault::Status(403)));
    let failed = deployment.evaluate.invoke(second).await.answer();
    assert_eq!(failed, json!({"batchItemFailures": []}));
    assert!(deployment.evaluate.log().contains("an evaluation by arrival failed"));
    deployment.network.heal();
    deployment.evaluate_at(Timestamp::now()).await;
    let told = notifications(&deployment.records).await;
    assert_eq!(told.iter().map(|told| told.event).collect::<Vec<_>>(), [Event::Firing]);
}
