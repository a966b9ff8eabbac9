//! An evaluator that was not run for a while catches up, and is killed while it does: at its deadline, at every kind of
//! write, at any time. Whoever comes next finishes; what is recorded and told is what an undisturbed run records and tells.
//!
//! The gap lies ahead of the clock, for the evaluator knows no time but the schedule's (I6): it begins now, spans of the next
//! ten minutes arrive, which ingest takes, and then the schedule says that forty minutes have passed. The topic is a FIFO
//! topic: whoever is killed between sending and noting that it was sent sends again under the same id, and FIFO topics keep
//! that from the receiver. Who was to send, but was killed, is waited for a minute.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fluo_alerts::notification::Event;
use fluo_end_to_end::aws::s3::Bucket;
use fluo_end_to_end::aws::sns::Topic;
use fluo_end_to_end::aws::sqs::Queue;
use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::faults::Fault;
use fluo_end_to_end::function::Function;
use fluo_end_to_end::http::Request;
use fluo_end_to_end::runtime_api::Outcome;
use fluo_end_to_end::{schedule, wait};
use fluo_tests::otlp::{Encoding, Span};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::notifications;

/// A rule with a violation for everybody who fails to log in.
const RULE: &str = "
- name: failed-logins-of-one
  span: {service_name: auth-service, attributes: {http.status_code: 401}}
  group_by: [user.id]
  aggregation: {count: 3, failures: count}
  condition: failures > 2
";

/// A deployment whose evaluator was not run since spans arrived.
struct Outage {
    deployment: Deployment,
    /// The schedule's next event.
    event: Value,
}

/// A copy of its store, with an evaluator and a receiver of its own.
struct Site {
    store: Bucket,
    told: Queue,
    evaluate: Function,
}

impl Outage {
    async fn begin(name: &str) -> Self {
        let deployment = Deployment::create(name).await;
        deployment.bucket.put("rules/of-one.yml", RULE).await;
        // No evaluation of the future is made: the outage ends about now. Its files come at its end.
        let began = Timestamp::now() - Duration::from_mins(41);
        deployment.evaluate_at(began).await;
        let at = |second: u64| u64::try_from(began.as_nanosecond()).unwrap() + second * 1_000_000_000;
        let failure = |user: u64, nth: u64, second: u64| {
            Span::new(user * 100 + nth, "auth-service", "auth_user", at(second))
                .with("http.status_code", 401)
                .with("error.type", "AuthenticationError")
                .with("user.id", format!("user-{user}").as_str())
        };
        // Six who fail one after the other, and one who has not stopped.
        let mut spans: Vec<Span> = Vec::new();
        for user in 1..=6 {
            spans.extend((1..=4).map(|nth| failure(user, nth, user * 70 + nth * 5)));
        }
        spans.extend((1..=8).map(|nth| failure(7, nth, 2360 + nth * 3)));
        for (number, spans) in (1..).zip(spans.chunks(10)) {
            let key = format!("raw/traces_{number}.binpb");
            let bytes: Bytes = Encoding::Protobuf.write(spans).into();
            deployment.bucket.put(&key, bytes.clone()).await;
            deployment.ingest.invoke(deployment.bucket.event(&key, bytes.len())).await.answer();
        }
        let event = schedule::event(began + Duration::from_mins(40));
        Self { deployment, event }
    }

    async fn copy(&self, name: &str) -> Site {
        let name = format!("{}-{name}", self.deployment.bucket.name());
        let aws = &self.deployment.aws;
        let store = Bucket::copy_of(aws, &self.deployment.bucket, &name).await;
        let topic = Topic::create(aws, &format!("{name}.fifo")).await;
        let told = Queue::create(aws, &format!("{name}.fifo")).await;
        topic.to_queue(&told, true).await;
        let evaluate = self.deployment.another_evaluator(&store, &topic, &[]);
        Site { store, told, evaluate }
    }

    /// Returns what a run leaves behind that nobody disturbs.
    async fn undisturbed(&self) -> Left {
        let site = self.copy("quiet").await;
        site.evaluate.invoke(self.event.clone()).await.answer();
        let left = Left::of(&site).await;
        assert!(left.told.len() >= 3, "a summary, who still fails to log in, and more: {:?}", left.told);
        assert!(!left.violations.is_empty(), "there were violations");
        left
    }

    /// Lets the next invocations finish: what they leave must be as if nothing had been.
    async fn finishes(&self, site: &Site, undisturbed: &Left) {
        self.deployment.network.heal();
        // What was told stays in the queue until the end: the stand-in forgets the ids of what is taken out.
        let expected = u64::try_from(undisturbed.told.len()).expect("a small number");
        wait::until_within(Duration::from_secs(120), "as much is told as undisturbed", async || {
            let answer = site.evaluate.invoke(self.event.clone()).await.answer();
            assert_eq!(answer["unfinished"], false, "{answer}");
            tokio::time::sleep(Duration::from_secs(1)).await;
            (site.told.len().await >= expected).then_some(())
        })
        .await;
        // Once more, past the lease of whoever sent last, and nothing more is told.
        site.evaluate.invoke(self.event.clone()).await.answer();
        assert_eq!(Left::of(site).await, *undisturbed);
    }
}

/// The things that an evaluator leaves behind.
#[derive(Debug, PartialEq)]
struct Left {
    /// The notifications' ids and events, as often as the receiver got them, in order of their ids.
    told: Vec<(String, Event)>,
    /// Names and bytes.
    violations: Vec<(String, Bytes)>,
    /// Names: what evaluations say of themselves has the clock's time in it.
    evaluations: Vec<String>,
}

impl Left {
    async fn of(site: &Site) -> Self {
        let mut told: Vec<_> =
            notifications(&site.told).await.iter().map(|it| (it.id.to_string(), it.event)).collect();
        told.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let violations = contents(&site.store, "violations/").await;
        Self { told, violations, evaluations: site.store.list("evaluations/").await }
    }
}

/// Keys and bytes below a prefix.
async fn contents(bucket: &Bucket, prefix: &str) -> Vec<(String, Bytes)> {
    let mut contents = Vec::new();
    for key in bucket.list(prefix).await {
        let bytes = bucket.get(&key).await.expect("it is listed");
        contents.push((key, bytes));
    }
    contents
}

/// Returns whether a request changes anything: an object, or what others were told.
fn writes(request: &Request) -> bool {
    request.method == "PUT" || publishes(request)
}

/// Returns whether a request tells others something.
fn publishes(request: &Request) -> bool {
    request.method == "POST" && request.body.starts_with(b"Action=Publish")
}

/// Kills at the first write, then at the second of the next process, and so on, until one is left alone.
async fn killed_at_growing_numbers_of_writes(outage: &Outage, site: &Site, after: bool) {
    for most in 1.. {
        let held = Arc::new(Notify::new());
        let hold = Arc::clone(&held);
        let mut seen = 0;
        outage.deployment.network.fail(move |request| {
            seen += u32::from(writes(request));
            let fault = if after { Fault::HoldAfter } else { Fault::HoldBefore };
            (seen == most && writes(request)).then(|| fault(Arc::clone(&hold)))
        });
        let kill = async move { held.notified().await };
        match site.evaluate.invoke_and_kill(outage.event.clone(), kill).await {
            Outcome::Killed => {}
            outcome => {
                outcome.answer();
                assert!(most > 4, "it was killed {} times", most - 1);
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_writes() {
    let outage = Outage::begin("killed-before").await;
    let undisturbed = outage.undisturbed().await;
    let site = outage.copy("disturbed").await;
    killed_at_growing_numbers_of_writes(&outage, &site, false).await;
    outage.finishes(&site, &undisturbed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_writes() {
    let outage = Outage::begin("killed-after").await;
    let undisturbed = outage.undisturbed().await;
    let site = outage.copy("disturbed").await;
    killed_at_growing_numbers_of_writes(&outage, &site, true).await;
    outage.finishes(&site, &undisturbed).await;
}

/// The moments are requests: the process dies a little after it has sent one, whatever that asked for.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_time() {
    let outage = Outage::begin("killed-any-time").await;
    let before = outage.deployment.network.requests().len();
    let undisturbed = outage.undisturbed().await;
    let requests = outage.deployment.network.requests().len() - before;
    let mut sites = Vec::new();
    for nth in 1..=6 {
        let site = outage.copy(&format!("disturbed-{nth}")).await;
        // All over the run.
        let (most, wait) = (nth * requests / 7, Duration::from_millis(nth as u64 * 11 % 25));
        let reached = Arc::new(Notify::new());
        let reach = Arc::clone(&reached);
        let mut seen = 0;
        outage.deployment.network.fail(move |_| {
            seen += 1;
            if seen == most {
                reach.notify_one();
            }
            None
        });
        let kill = async move {
            reached.notified().await;
            tokio::time::sleep(wait).await;
        };
        let outcome = site.evaluate.invoke_and_kill(outage.event.clone(), kill).await;
        assert_eq!(outcome, Outcome::Killed, "at request {most} of {requests}");
        sites.push(site);
    }
    for site in &sites {
        outage.finishes(site, &undisturbed).await;
    }
}

/// A message that was sent and not noted is sent again, under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_tells() {
    let outage = Outage::begin("killed-telling").await;
    let undisturbed = outage.undisturbed().await;
    let site = outage.copy("disturbed").await;
    let published = || {
        let requests = outage.deployment.network.requests();
        requests.iter().filter(|request| *request == "POST /").count()
    };
    let before = published();
    let held = Arc::new(Notify::new());
    let hold = Arc::clone(&held);
    let mut sent = 0;
    outage.deployment.network.fail(move |request| {
        sent += u32::from(publishes(request));
        (publishes(request) && sent == 2).then(|| Fault::HoldAfter(Arc::clone(&hold)))
    });
    let kill = async move { held.notified().await };
    let outcome = site.evaluate.invoke_and_kill(outage.event.clone(), kill).await;
    assert_eq!(outcome, Outcome::Killed);
    outage.finishes(&site, &undisturbed).await;
    assert!(published() - before > undisturbed.told.len(), "what was sent twice is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_the_deadline() {
    let outage = Outage::begin("killed-deadline").await;
    let undisturbed = outage.undisturbed().await;
    let site = outage.copy("disturbed").await;
    // With less time than an evaluation may need, none is begun, and that is said.
    let short = site.evaluate.invoke_within(outage.event.clone(), Duration::from_secs(5)).await.answer();
    assert_eq!((&short["evaluations"], &short["unfinished"]), (&json!(0), &json!(true)), "{short}");
    // One process records the first step, and dies at the second.
    let swaps = |request: &Request| request.method == "PUT" && request.path.contains("state/evaluator");
    let held = Arc::new(Notify::new());
    let hold = Arc::clone(&held);
    let mut seen = 0;
    outage.deployment.network.fail(move |request| {
        seen += u32::from(swaps(request));
        (swaps(request) && seen == 2).then(|| Fault::HoldBefore(Arc::clone(&hold)))
    });
    let kill = async move { held.notified().await };
    let first = site.evaluate.invoke_and_kill(outage.event.clone(), kill).await;
    assert_eq!(first, Outcome::Killed);
    // The next begins the second step, S3 does not answer when its state is written, and the deadline comes. It is
    // later than what an evaluation needs to be begun (20s), and earlier than the function gives up on S3 (30s) and ends in
    // good order; how fast the machine is does not matter.
    outage.deployment.network.fail(move |request| swaps(request).then(|| Fault::HoldBefore(Arc::default())));
    let late = site.evaluate.invoke_within(outage.event.clone(), Duration::from_secs(27)).await;
    assert_eq!(late, Outcome::Killed);
    // Beside the evaluation before the outage.
    assert_eq!(site.store.list("evaluations/").await.len(), 2, "the first step was recorded");
    outage.finishes(&site, &undisturbed).await;
}
