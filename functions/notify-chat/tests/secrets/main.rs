//! Secrets and marks in a stand-in of AWS, whose endpoint `FLUO_TEST_MOTO` names (`http://127.0.0.1:5555`).
//!
//! Not part of plain `cargo test`, which needs no other program; `.ci/run` starts the stand-in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_ssm::types::ParameterType;
use fluo_notify_chat::NotifyChat;
use fluo_notify_chat::secrets::{SECRETS, SecretsError, source};
use fluo_runtime::{Environment, Invocation, aws, now};
use fluo_tests::http::Server;
use serde_json::{Value, json};

const REGION: &str = "eu-central-1";

fn environment(more: &[(&str, &str)]) -> Environment {
    let endpoint = std::env::var("FLUO_TEST_MOTO").expect("FLUO_TEST_MOTO says where the stand-in is");
    let own = [
        // Not where the secrets are: that is in their names.
        ("AWS_REGION", "us-west-2"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret-key"),
        ("AWS_ENDPOINT_URL", &endpoint),
    ];
    own.into_iter().chain(more.iter().copied()).collect()
}

async fn read(arn: &str) -> Result<String, SecretsError> {
    source(&environment(&[(SECRETS, arn)])).unwrap().unwrap().read().await
}

fn secrets_manager() -> aws_sdk_secretsmanager::Client {
    let configuration =
        aws::configuration(&environment(&[("AWS_REGION", REGION)]), aws::Service::SecretsManager).unwrap();
    aws_sdk_secretsmanager::Client::new(&configuration)
}

#[tokio::test]
async fn a_secret_of_secrets_manager_is_its_current_text() {
    let client = secrets_manager();
    let create = client.create_secret().name(format!("fluo/text-{}", now())).secret_string("first");
    let arn = create.send().await.unwrap().arn.unwrap();
    assert_eq!(read(&arn).await.unwrap(), "first");
    client.put_secret_value().secret_id(&arn).secret_string("second").send().await.unwrap();
    assert_eq!(read(&arn).await.unwrap(), "second");

    let bytes = client.create_secret().name(format!("fluo/bytes-{}", now())).secret_binary(Blob::new("x"));
    let bytes = bytes.send().await.unwrap().arn.unwrap();
    assert_eq!(read(&bytes).await, Err(SecretsError::NoText));

    let missing = format!("arn:aws:secretsmanager:{REGION}:123456789012:secret:fluo/none-AbCdEf");
    let error = read(&missing).await.unwrap_err().to_string();
    assert!(error.contains("could not be read: ResourceNotFoundException: "), "{error}");
}

#[tokio::test]
async fn a_parameter_is_decrypted() {
    let configuration =
        aws::configuration(&environment(&[("AWS_REGION", REGION)]), aws::Service::Ssm).unwrap();
    let client = aws_sdk_ssm::Client::new(&configuration);
    let name = format!("/fluo/sinks-{}", now());
    let put = client.put_parameter().name(&name).value("text").r#type(ParameterType::SecureString);
    put.send().await.unwrap();
    let described = client.get_parameter().name(&name).send().await.unwrap().parameter.unwrap();
    assert_ne!(described.value.as_deref(), Some("text"), "the stand-in encrypts");
    assert_eq!(read(&described.arn.unwrap()).await.unwrap(), "text");

    let missing = format!("arn:aws:ssm:{REGION}:123456789012:parameter/fluo/none");
    let error = read(&missing).await.unwrap_err().to_string();
    assert!(error.contains("could not be read: ParameterNotFound: "), "{error}");
}

#[tokio::test]
async fn from_the_environment_to_the_chat() {
    let chat = Server::start([]).await;
    let text = json!({"CHAT": chat.url("/hook")}).to_string();
    let create = secrets_manager().create_secret().name(format!("fluo/sinks-{}", now())).secret_string(text);
    let arn = create.send().await.unwrap().arn.unwrap();
    // The bucket is the gate's; the prefix is this run's alone.
    let store = format!("s3://fluo-test/notify-chat-{}", now());
    let environment = environment(&[
        ("FLUO_STORE", &store),
        ("FLUO_SINKS", "[{type: slack, url: {env: CHAT}}]"),
        (SECRETS, &arn),
    ]);
    let event: Value =
        serde_json::from_str(include_str!("../../../../tests/fixtures/events/sqs_notification.json"))
            .unwrap();
    for _process in 0..2 {
        let function = NotifyChat::start(&environment, &now).await.unwrap();
        let deadline = now() + 30_000_000_000;
        let answer = function.handle(Invocation { event: event.clone(), deadline }).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
    assert_eq!(chat.request().line, "POST /hook HTTP/1.1");
}
