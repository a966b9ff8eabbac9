//! The machinery itself: what it says of the product is worth what it does with programs that are known to fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fluo_end_to_end::application::Application;
use fluo_end_to_end::aws::Aws;
use fluo_end_to_end::aws::s3::Bucket;
use fluo_end_to_end::aws::sqs::{Queue, Redrive};
use fluo_end_to_end::collector::{Collector, Writes};
use fluo_end_to_end::event_source::EventSource;
use fluo_end_to_end::faults::{Fault, Network};
use fluo_end_to_end::function::Function;
use fluo_end_to_end::http::{Response, Server};
use fluo_end_to_end::runtime_api::{Configuration, Outcome};
use fluo_end_to_end::{programs, wait};
use serde_json::{Value, json};

/// A function that does what its event says; for events of SQS, what its messages say.
const FUNCTION: &str = r#"
import json, os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
def post(path, body):
    urllib.request.urlopen(api + path, json.dumps(body).encode()).read()
while True:
    given = urllib.request.urlopen(api + "invocation/next")
    event, invocation = json.load(given), "invocation/" + given.headers["Lambda-Runtime-Aws-Request-Id"]
    left = int(given.headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    does = event.get("does")
    if does == "sleep":
        time.sleep(60)
    elif does == "exit":
        sys.exit(3)
    elif does == "fail":
        post(invocation + "/error", {"errorType": "Asked", "errorMessage": "to"})
        continue
    failed = [{"itemIdentifier": record["messageId"]} for record in event.get("Records", []) if record["body"] == "bad"]
    post(invocation + "/response", {"process": os.getpid(), "left": left, "batchItemFailures": failed})
"#;

fn function() -> Function {
    Function::new(Configuration {
        name: "known".to_owned(),
        program: vec![programs::python().into(), "-c".into(), FUNCTION.into()],
        variables: BTreeMap::new(),
        timeout: Duration::from_secs(20),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_serves_until_it_dies() {
    let function = function();
    let first = function.invoke(json!({})).await.answer();
    assert!((15.0..20.0).contains(&first["left"].as_f64().unwrap()), "{first}");
    let failed = function.invoke(json!({"does": "fail"})).await;
    assert_eq!(failed, Outcome::Failed(json!({"errorType": "Asked", "errorMessage": "to"})));
    assert_eq!(function.invoke(json!({})).await.answer()["process"], first["process"]);
    let ended = function.invoke(json!({"does": "exit"})).await;
    assert!(matches!(&ended, Outcome::Ended(status) if status.contains("exit status: 3")), "{ended:?}");
    assert_ne!(function.invoke(json!({})).await.answer()["process"], first["process"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_killed_at_its_deadline_and_whenever_a_scenario_says() {
    let function = function();
    let first = function.invoke(json!({})).await.answer();
    let late = function.invoke_within(json!({"does": "sleep"}), Duration::from_millis(300)).await;
    assert_eq!(late, Outcome::Killed);
    let process = first["process"].to_string();
    assert!(!std::path::Path::new("/proc").join(process).exists(), "it lives");
    let kill = tokio::time::sleep(Duration::from_millis(300));
    assert_eq!(function.invoke_and_kill(json!({"does": "sleep"}), kill).await, Outcome::Killed);
    function.invoke(json!({})).await.answer();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_comes_again_and_at_last_is_put_aside() {
    let aws = Aws::connect();
    let dead = Queue::create(&aws, "parts-dead").await;
    let redrive = Redrive { dead: &dead, most: 2, hidden: Duration::from_secs(1) };
    let queue = Queue::redriven(&aws, "parts", redrive).await;
    for body in ["good", "bad", "also good"] {
        queue.send(body).await;
    }
    let function = Arc::new(function());
    let _source = EventSource::start(&queue, &function, 1);
    let bodies = wait::until("the bad message is dead", async || {
        let bodies = dead.drain().await;
        (!bodies.is_empty()).then_some(bodies)
    })
    .await;
    assert_eq!(bodies, ["bad"]);
    assert!(queue.is_empty().await);
    let received = function.invoked();
    let of = |invoked: &fluo_end_to_end::function::Invoked| -> Vec<(Value, Value)> {
        let records = invoked.event["Records"].as_array().unwrap().iter();
        records.map(|it| (it["body"].clone(), it["attributes"]["ApproximateReceiveCount"].clone())).collect()
    };
    let seen: Vec<(Value, Value)> = received.iter().flat_map(of).collect();
    let times = |body: &str| -> Vec<&Value> {
        seen.iter().filter(|(seen, _)| seen == body).map(|(_, count)| count).collect()
    };
    assert_eq!(times("bad"), ["1", "2"]);
    assert_eq!(times("good"), ["1"]);
    assert_eq!(times("also good"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_fails_when_it_is_asked_to() {
    let aws = Aws::connect();
    let bucket = Bucket::create(&aws, "fluo-parts-network").await;
    bucket.put("there", "text").await;
    let network = Network::to(aws.endpoint()).await;
    let far = Bucket::named(&aws.through(&network), bucket.name());
    let head = far.look(reqwest::Method::HEAD, "there").await.unwrap();
    assert_eq!(head.headers()["content-length"], "4");
    network.fail(|request| (request.method == "GET").then_some(Fault::Status(503)));
    assert_eq!(far.look(reqwest::Method::GET, "there").await.unwrap_err(), 503);
    network.heal();
    assert_eq!(far.get("there").await.unwrap(), "text");

    let held = Arc::new(tokio::sync::Notify::new());
    let hold = Arc::clone(&held);
    network.fail(move |request| (request.method == "PUT").then(|| Fault::HoldAfter(Arc::clone(&hold))));
    tokio::select! {
        () = far.put("new", "it") => panic!("it was answered"),
        () = held.notified() => {}
    }
    assert_eq!(bucket.get("new").await.unwrap(), "it");
}

/// The first half of the data's way, without a function: what the collector writes is told to the queue, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_told_of_raw_objects_only() {
    let aws = Aws::connect();
    let bucket = Bucket::create(&aws, "fluo-parts-notified").await;
    let queue = Queue::create(&aws, "parts-notified").await;
    bucket.notify("raw/", &queue).await;
    assert!(queue.drain().await.concat().contains("s3:TestEvent"));
    bucket.put("spans/date=2026-11-22/hour=11/a.parquet", "").await;
    let writes = Writes { configuration: "gateway", marshaler: "otlp_json", compression: "gzip" };
    let collector = Collector::start(&aws, &bucket, writes).await;
    let application = Application::start(&collector);
    assert!(application.logins(1).await.iter().all(|login| login.status == 200));
    application.break_token();
    assert!(application.logins(1).await.iter().all(|login| login.status == 401));
    application.stop();
    let told =
        wait::until("the queue is told of an object", async || queue.drain().await.into_iter().next()).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let keys = bucket.list("raw/").await;
    let encoded = told["Records"][0]["s3"]["object"]["key"].as_str().unwrap();
    assert!(
        keys.iter().any(|key| key.replace('=', "%3D").replace('/', "%2F") == encoded),
        "{encoded} in {keys:?}"
    );
    assert!(keys.iter().all(|key| key.ends_with(&writes.suffix())), "{keys:?}");
}

#[tokio::test]
async fn a_network_closes_connections_and_cuts_answers_in_half() {
    let far = Server::start(|_| async { Response::new(200, "0123456789") }).await;
    let network = Network::to(&far.url("")).await;
    let ask = async || reqwest::get(network.endpoint()).await?.text().await;
    assert_eq!(ask().await.unwrap(), "0123456789");
    network.fail(|_| Some(Fault::Reset));
    assert!(ask().await.is_err(), "no answer");
    network.fail(|_| Some(Fault::Half));
    let half = reqwest::get(network.endpoint()).await.unwrap();
    assert_eq!(half.content_length(), Some(10), "the head is whole");
    assert!(half.text().await.is_err(), "the body is not");
    network.heal();
    assert_eq!(ask().await.unwrap(), "0123456789");
}
