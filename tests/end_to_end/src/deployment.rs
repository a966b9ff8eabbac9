//! The deployment: bucket, queues, topic, functions and receivers, connected as the templates in `infra/` connect them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::aws::s3::Bucket;
use crate::aws::sns::Topic;
use crate::aws::sqs::{Queue, Redrive};
use crate::aws::{Aws, secrets};
use crate::event_source::EventSource;
use crate::faults::Network;
use crate::function::Function;
use crate::receivers::{Chat, HttpSubscriber};
use crate::runtime_api::Configuration;
use crate::{programs, schedule};

/// A queue in front of a function, and the one for what the function cannot do.
#[derive(Debug)]
pub struct Inbox {
    /// The queue.
    pub queue: Queue,
    /// The queue of its messages that failed too often.
    pub dead: Queue,
}

impl Inbox {
    async fn create(aws: &Aws, name: &str) -> Self {
        let dead = Queue::create(aws, &format!("{name}-dead")).await;
        let redrive = Redrive { dead: &dead, most: 5, hidden: HIDDEN };
        let queue = Queue::redriven(aws, name, redrive).await;
        Self { queue, dead }
    }
}

/// The time that a message that was received is hidden. Deployed, it is six times the function's timeout; here, what
/// fails is to come again before anybody loses patience, and a slow invocation may meet its own message again, which
/// does no harm.
const HIDDEN: Duration = Duration::from_secs(4);

/// A deployment.
#[derive(Debug)]
pub struct Deployment {
    name: String,
    /// The stand-in that all of it is in.
    pub aws: Aws,
    /// The network between the functions and AWS.
    pub network: Network,
    /// The bucket.
    pub bucket: Bucket,
    /// The inbox of what the bucket tells of `raw/`.
    pub raw: Inbox,
    /// The queue in which `ingest-spans` asks for evaluations, with `OnArrivalSeconds`.
    pub requests: Option<Queue>,
    /// The topic that notifications are published to.
    pub topic: Topic,
    /// A queue of the team's own, behind the topic, with raw message delivery.
    pub records: Queue,
    /// A web server of the team's own, behind the topic.
    pub web: HttpSubscriber,
    /// The inbox of what `notify-chat` is to tell.
    pub to_chat: Inbox,
    /// The chat.
    pub chat: Chat,
    /// `ingest-spans`
    pub ingest: Arc<Function>,
    /// `evaluate-rules`
    pub evaluate: Arc<Function>,
    /// `compact-spans`
    pub compact: Arc<Function>,
    /// `notify-chat`
    pub notify: Arc<Function>,
}

impl Deployment {
    /// Deploys everything, named after the scenario, with the origin's rule. No queue is connected to its function yet.
    pub async fn create(name: &str) -> Self {
        Self::with(name, None).await
    }

    /// The same with evaluations on arrival, at most one in so many seconds.
    pub async fn evaluating_on_arrival(name: &str, seconds: u64) -> Self {
        Self::with(name, Some(Duration::from_secs(seconds))).await
    }

    async fn with(name: &str, on_arrival: Option<Duration>) -> Self {
        let aws = Aws::connect();
        let network = Network::to(aws.endpoint()).await;
        let bucket = Bucket::create(&aws, &format!("fluo-{name}")).await;
        let raw = Inbox::create(&aws, &format!("{name}-raw")).await;
        bucket.notify("raw/", &raw.queue).await;
        let rule = std::fs::read(programs::repository("rules/auth/auth-failures.yml")).unwrap();
        bucket.put("rules/auth/auth-failures.yml", rule).await;

        let topic = Topic::create(&aws, &format!("{name}-alerts")).await;
        let records = Queue::create(&aws, &format!("{name}-records")).await;
        topic.to_queue(&records, true).await;
        let web = HttpSubscriber::start().await;
        topic.to_http(&web).await;
        let to_chat = Inbox::create(&aws, &format!("{name}-chat")).await;
        topic.to_queue(&to_chat.queue, false).await;
        let chat = Chat::open().await;
        let secret = secrets::keep(&aws, &format!("{name}-secrets"), &json!({"CHAT_URL": chat.url()})).await;

        let mut of_ingest = vec![("FLUO_STORE".to_owned(), bucket.uri())];
        let mut requests = None;
        if let Some(slot) = on_arrival {
            let queue = Queue::delayed(&aws, &format!("{name}-evaluate-rules.fifo"), slot, HIDDEN).await;
            of_ingest.push(("FLUO_ON_ARRIVAL".to_owned(), format!("{}s", slot.as_secs())));
            of_ingest.push(("FLUO_REQUEST_QUEUE_URL".to_owned(), queue.url().to_owned()));
            requests = Some(queue);
        }
        let of_ingest: Vec<_> =
            of_ingest.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let ingest = function(&network, name, "ingest-spans", &of_ingest);
        let evaluate = evaluator(&network, name, &bucket, &topic, &[]);
        let compact = function(&network, name, "compact-spans", &[("FLUO_STORE", &bucket.uri())]);
        let notify = function(
            &network,
            name,
            "notify-chat",
            &[
                ("FLUO_STORE", &bucket.uri()),
                ("FLUO_SINKS", "[{type: slack, url: {env: CHAT_URL}}]"),
                ("FLUO_SECRETS", &secret),
            ],
        );
        Self {
            name: name.to_owned(),
            aws,
            network,
            bucket,
            raw,
            requests,
            topic,
            records,
            web,
            to_chat,
            chat,
            ingest: Arc::new(ingest),
            evaluate: Arc::new(evaluate),
            compact: Arc::new(compact),
            notify: Arc::new(notify),
        }
    }

    /// Connects the queue of raw objects to `ingest-spans`.
    pub fn ingesting(&self) -> EventSource {
        EventSource::start(&self.raw.queue, &self.ingest, 2)
    }

    /// Connects the queue of requests to `evaluate-rules`: one batch at a time, as all are of one group.
    pub fn evaluating(&self) -> EventSource {
        let requests = self.requests.as_ref().expect("it evaluates on arrival");
        EventSource::start(requests, &self.evaluate, 1)
    }

    /// Connects the queue of notifications to `notify-chat`.
    pub fn notifying(&self) -> EventSource {
        EventSource::start(&self.to_chat.queue, &self.notify, 1)
    }

    /// The schedule fires: an evaluation at this time, to a good end.
    pub async fn evaluate_at(&self, at: Timestamp) {
        self.evaluate.invoke(schedule::event(at)).await.answer();
    }

    /// The evaluator of this deployment over another store and topic, with settings of its own.
    pub fn another_evaluator(&self, store: &Bucket, topic: &Topic, settings: &[(&str, &str)]) -> Function {
        evaluator(&self.network, &self.name, store, topic, settings)
    }
}

fn evaluator(
    network: &Network,
    name: &str,
    store: &Bucket,
    topic: &Topic,
    settings: &[(&str, &str)],
) -> Function {
    let store = store.uri();
    let mut variables = vec![
        ("FLUO_STORE", store.as_str()),
        ("FLUO_TOPIC_ARN", topic.arn()),
        ("FLUO_TRACE_URL", "https://traces.example/{trace_id}"),
        // Deployed, a minute is left for spans to arrive. Here they arrive at once.
        ("FLUO_EVAL_DELAY", "1s"),
    ];
    variables.extend(settings);
    function(network, name, "evaluate-rules", &variables)
}

fn function(network: &Network, deployment: &str, name: &str, variables: &[(&str, &str)]) -> Function {
    let mut variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    variables.insert("AWS_ENDPOINT_URL".to_owned(), network.endpoint());
    Function::new(Configuration {
        name: format!("{deployment}-{name}"),
        program: vec![programs::function(name).into()],
        variables,
        timeout: Duration::from_mins(1),
    })
}
