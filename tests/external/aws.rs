//! A deployment whose AWS is another server.

use std::fs;

use fluo_tests::program::{Ended, Program};
use tempfile::TempDir;

use crate::python;

/// Clients of the stand-in.
const CLIENTS: &str = "
import boto3, json, sys
clients = {
    service: boto3.client(service, endpoint_url=sys.argv[1], region_name='eu-central-1',
                          aws_access_key_id='test', aws_secret_access_key='testtest')
    for service in ('s3', 'sns', 'sqs')
}
s3, sns, sqs, name = clients['s3'], clients['sns'], clients['sqs'], sys.argv[2]
";

/// A bucket, and a topic with a queue behind it: the topic's ARN.
const MAKE: &str = "
s3.create_bucket(Bucket=name, CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
topic = sns.create_topic(Name=name)['TopicArn']
queue = sqs.create_queue(QueueName=name)['QueueUrl']
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn, Attributes={'RawMessageDelivery': 'true'})
print(topic, end='')
";

/// The events of what the queue holds, and the folders of the bucket.
const TOLD: &str = "
queue = sqs.get_queue_url(QueueName=name)['QueueUrl']
messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get('Messages', [])
print(*(json.loads(message['Body'])['event'] for message in messages))
objects = s3.list_objects_v2(Bucket=name, Prefix='team/').get('Contents', [])
print(*sorted({object['Key'].split('/')[1] for object in objects}))
";

/// A deployment in a bucket and with a topic, both of the stand-in.
struct Deployment {
    folder: TempDir,
    endpoint: String,
    name: String,
    topic: String,
}

impl Deployment {
    fn new(name: &str) -> Self {
        let endpoint = std::env::var("FLUO_TEST_MOTO").expect("FLUO_TEST_MOTO says where the stand-in is");
        let folder = TempDir::new().unwrap();
        let name = format!("{name}-{}", std::process::id());
        let topic = python(folder.path(), &format!("{CLIENTS}{MAKE}"), &[&endpoint, &name]);
        Self { folder, endpoint, name, topic }
    }

    /// Evaluates once with this in `fluo.yml` and these variables. There is something to tell: a rule file that does not
    /// load.
    fn tick(&self, config: &str, variables: &[(&'static str, &str)]) -> Ended {
        let topic = &self.topic;
        let name = &self.name;
        let config = format!(
            "store: s3://{name}/team\nrules: [a.yml]\nsinks: [{{type: sns, topic_arn: '{topic}'}}]\n{config}"
        );
        fs::write(self.folder.path().join("fluo.yml"), config).unwrap();
        fs::write(self.folder.path().join("a.yml"), "name: broken\nconditoin: count > 5\n").unwrap();
        let keys = [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "testtest"),
        ];
        keys.iter()
            .chain(variables)
            .fold(
                Program::new(env!("CARGO_BIN_EXE_fluo")).within(self.folder.path()),
                |program, (name, value)| program.with(name, value),
            )
            .run(&["run", "--once"])
    }

    /// The events that were told, and the folders that the store has.
    fn told(&self) -> (String, String) {
        let told = python(self.folder.path(), &format!("{CLIENTS}{TOLD}"), &[&self.endpoint, &self.name]);
        let (events, folders) = told.trim_end().split_once('\n').unwrap();
        (events.to_owned(), folders.to_owned())
    }
}

const NOWHERE: &str = "http://127.0.0.1:9";

#[test]
fn one_endpoint_is_that_of_the_store_and_of_topics() {
    let cases: [(&str, bool, &[(&'static str, bool)]); 3] = [
        ("endpoint-of-all", false, &[("AWS_ENDPOINT_URL", true)]),
        (
            "endpoint-of-each",
            false,
            &[("AWS_ENDPOINT_URL", false), ("AWS_ENDPOINT_URL_S3", true), ("AWS_ENDPOINT_URL_SNS", true)],
        ),
        (
            "endpoint-in-fluo-yml",
            true,
            &[("AWS_ENDPOINT_URL", false), ("AWS_ENDPOINT_URL_S3", false), ("AWS_ENDPOINT_URL_SNS", false)],
        ),
    ];
    for (name, is_in_file, variables) in cases {
        let deployment = Deployment::new(name);
        let endpoint = deployment.endpoint.as_str();
        let config = if is_in_file { format!("aws_endpoint: {endpoint}\n") } else { String::new() };
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, is_the_server)| (*name, if *is_the_server { endpoint } else { NOWHERE }))
            .collect();
        deployment.tick(&config, &variables).expect(0);
        assert_eq!(
            deployment.told(),
            ("rule_error".to_owned(), "evaluations report state".to_owned()),
            "{name}"
        );
    }
}

#[test]
fn what_is_no_endpoint_is_told_at_the_start() {
    let deployment = Deployment::new("endpoint-that-is-none");
    for (config, variables, status, told) in [
        (
            "aws_endpoint: localhost:9000\n",
            vec![],
            2,
            "`aws_endpoint` must start with `https://` or `http://`",
        ),
        ("", vec![("AWS_ENDPOINT_URL", "localhost:9000")], 3, "could not open `s3://endpoint-that-is-none"),
        (
            "",
            vec![("AWS_ENDPOINT_URL_S3", NOWHERE), ("AWS_ENDPOINT_URL_SNS", "sns.example")],
            2,
            "the sinks cannot be used: sink `sns`: `AWS_ENDPOINT_URL_SNS` is not a URL",
        ),
    ] {
        let ended = deployment.tick(config, &variables);
        assert_eq!(ended.status, status, "{ended:?}");
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}
