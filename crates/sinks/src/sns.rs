//! One message to an SNS topic, in a form for each protocol of its subscribers (`MessageStructure=json`).
//!
//! | protocol | form |
//! | --- | --- |
//! | `default`, `email` | plain text |
//! | `https` | a custom notification of Amazon Q Developer in chat applications, for Slack and Teams |
//! | `sqs`, `lambda` | the record (`fluo.notification/v1`) |
//!
//! No message attributes: "message attributes are sent only when the message structure is String, not JSON" (Amazon SNS
//! Developer Guide, message attributes), so that a subscription's filter policy on them might let nothing through. Who
//! is to be told what is said by the filters of several sinks, each with a topic.
//!
//! On a FIFO topic the notification's id de-duplicates (for SNS's five minutes), and the messages about related alerts keep
//! their order.
//!
//! A proxy is used only where the edge's own AWS configuration brings a client that does.
//!
//! Tried once: the SDK's own retries are off, for the evaluator retries. The request is signed for `at`.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::config::{BehaviorVersion, Builder, Config, Region};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use fluo_alerts::notification::Notification;
use fluo_aws::Service;
use serde_json::{Value, json};

use crate::Sink;
use crate::clean::clean;
use crate::cut::{cut, first};
use crate::error::{ConfigError, SinkError, answer};
use crate::limits::fit;
use crate::message::{MAX_LISTED, Message};
use crate::secret::Secrets;

/// SNS takes 256 KiB: the message in all its forms.
const MAX_MESSAGE: usize = 256 * 1024;

/// SNS takes subjects of up to 100 characters.
const MAX_SUBJECT: usize = 100;

/// Chat programs cut longer texts.
const MAX_DESCRIPTION: usize = 4_000;

/// The most facts that a chat shows.
const MAX_FACTS: usize = 20;

/// The name of the credentials in the SDK's logs.
const CREDENTIALS: &str = "environment";

/// Publishes to a topic.
pub struct Sns {
    name: String,
    topic_arn: String,
    client: Client,
}

impl Sns {
    /// A sink for the topic. With `aws` credentials, HTTP client and server are taken from there, without it the
    /// credentials and the server from `secrets`. The region is the topic's. `endpoint` is another server for this sink
    /// alone.
    pub(crate) fn new(
        name: &str,
        topic_arn: &str,
        endpoint: Option<&str>,
        timeout: Duration,
        secrets: Secrets<'_>,
        aws: Option<&SdkConfig>,
    ) -> Result<Self, ConfigError> {
        let region = region(name, topic_arn)?;
        if let Some(endpoint) = endpoint {
            server(name, endpoint)?;
        }
        let mut config = match aws {
            Some(aws) => Builder::from(aws),
            None => of_environment(name, secrets)?,
        };
        if aws.is_none_or(|aws| aws.http_client().is_none()) {
            let http = aws_smithy_http_client::Builder::new();
            config = config.http_client(http.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
        }
        if let Some(endpoint) = endpoint {
            config = config.endpoint_url(endpoint);
        }
        let timeouts = TimeoutConfig::builder().connect_timeout(timeout).operation_timeout(timeout).build();
        let config = config
            .region(Region::new(region.to_owned()))
            .retry_config(RetryConfig::disabled())
            .sleep_impl(TokioSleep::new())
            .timeout_config(timeouts);
        let client = Client::from_conf(config.build());
        Ok(Self { name: name.to_owned(), topic_arn: topic_arn.to_owned(), client })
    }

    fn tried(&self) -> String {
        format!("publish to `{}`", self.topic_arn)
    }

    fn failed(&self, error: &SdkError<PublishError>) -> SinkError {
        let tried = self.tried();
        let SdkError::ServiceError(refused) = error else {
            // The SDK's own text says what failed and not why.
            let why = answer(&root(error));
            let retry = |why: &str| SinkError::retry(&self.name, &tried, why);
            return match error {
                SdkError::ConstructionFailure(_) => SinkError::permanent(&self.name, &tried, &why),
                SdkError::TimeoutError(_) => retry("no answer in time"),
                _ => retry(&format!("no connection: {why}")),
            };
        };
        let status = refused.raw().status();
        let code = refused.err().code().unwrap_or("error");
        let why =
            answer(&format!("{} {code}: {}", status.as_u16(), refused.err().message().unwrap_or_default()));
        // Missing permissions are repaired by somebody, and the alert must not be lost meanwhile.
        let can_help = status.is_server_error()
            || matches!(status.as_u16(), 401 | 403 | 408 | 429)
            || code.contains("Throttl");
        let make = if can_help { SinkError::retry } else { SinkError::permanent };
        make(&self.name, &tried, &why)
    }
}

/// Checks the address of another server than AWS's.
pub(crate) fn server(sink: &str, endpoint: &str) -> Result<(), ConfigError> {
    fluo_aws::check_address(endpoint)
        .map_err(|reason| ConfigError::invalid(sink, "endpoint", reason.to_string()))
}

/// The region of a topic.
pub(crate) fn region<'a>(sink: &str, topic_arn: &'a str) -> Result<&'a str, ConfigError> {
    let parts: Vec<_> = topic_arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "sns", region, account, topic]
            if ![region, account, topic].into_iter().any(|part| part.is_empty()) =>
        {
            Ok(region)
        }
        _ => {
            let reason =
                format!("is not the ARN of a topic (`arn:aws:sns:region:account:name`): `{topic_arn}`");
            Err(ConfigError::invalid(sink, "topic_arn", reason))
        }
    }
}

/// A client's configuration where nothing but the environment says anything of it.
fn of_environment(sink: &str, secrets: Secrets<'_>) -> Result<Builder, ConfigError> {
    let server = fluo_aws::endpoint(Service::Sns, secrets)
        .map_err(|error| ConfigError::invalid(sink, error.variable, error.reason.to_string()))?;
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(credentials(sink, secrets)?);
    config.set_endpoint_url(server);
    Ok(config)
}

fn credentials(sink: &str, secrets: Secrets<'_>) -> Result<Credentials, ConfigError> {
    let variable = |variable: &str| secrets(variable).filter(|text| !text.is_empty());
    let needed = |name: &str| {
        variable(name).ok_or_else(|| ConfigError::MissingSecret {
            sink: sink.to_owned(),
            key: "credentials".to_owned(),
            variable: name.to_owned(),
        })
    };
    let (id, secret) = (needed("AWS_ACCESS_KEY_ID")?, needed("AWS_SECRET_ACCESS_KEY")?);
    Ok(Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, CREDENTIALS))
}

/// The text of the innermost cause.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[async_trait]
impl Sink for Sns {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "sns"
    }

    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError> {
        let shown = clean(notification);
        let message = fit(notification, MAX_MESSAGE, form)
            .map_err(|error| SinkError::permanent(&self.name, &self.tried(), &error.to_string()))?;
        let mut publish = self
            .client
            .publish()
            .topic_arn(&self.topic_arn)
            .subject(subject(&shown))
            .message_structure("json")
            .message(message);
        if self.topic_arn.strip_suffix(".fifo").is_some() {
            publish = publish
                .message_group_id(notification.grouping_key().to_string())
                .message_deduplication_id(notification.id.to_string());
        }
        let now = UNIX_EPOCH + Duration::from_nanos(u64::try_from(at).unwrap_or(0));
        let signed_at = Config::builder().time_source(StaticTimeSource::new(now));
        publish
            .customize()
            .config_override(signed_at)
            .send()
            .await
            .map(drop)
            .map_err(|error| self.failed(&error))
    }
}

/// Returns the title in at most 100 printable ASCII characters on one line, as mail demands of SNS.
fn subject(notification: &Notification) -> String {
    let title = Message::of(notification).title;
    let severity = notification.severity.as_str();
    // The tag by which mail is sorted says how bad it is already.
    let what = title.strip_prefix(&severity.to_uppercase()).unwrap_or(&title).trim_start();
    let ascii: String = format!("[fluo {severity}] {what}")
        .chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect();
    if ascii.len() <= MAX_SUBJECT { ascii } else { format!("{}...", &ascii[..MAX_SUBJECT - 3]) }
}

fn form(notification: &Notification, note: Option<&str>) -> String {
    let message = Message::of(notification);
    let mut text = message.plain_text();
    if let Some(note) = note {
        text.push_str("\n\n");
        text.push_str(note);
    }
    // A notification has texts, whole numbers and finite doubles only: it always has a JSON form.
    let record = serde_json::to_string(notification).unwrap_or_default();
    json!({
        "default": text,
        "email": text,
        "https": chat(notification, &message).to_string(),
        "sqs": record,
        "lambda": record,
    })
    .to_string()
}

/// Amazon Q Developer's custom notification. Its description is Markdown that becomes the chat program's own.
fn chat(notification: &Notification, message: &Message) -> Value {
    let parts = [
        message.lead.lines().map(str::to_owned).collect(),
        first(&message.fact_lines(), MAX_FACTS),
        message.trace_lines(),
        first(&message.listed, MAX_LISTED),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.iter().map(|line| markdown(line)).collect::<Vec<_>>().join("\n"))
        .collect();
    let links = message.all_links();
    let links = links.iter().take(5).map(|(text, url)| {
        // A parenthesis would end the address.
        let url = url.as_str().replace('(', "%28").replace(')', "%29").replace('|', "%7C");
        format!("[{}]({url})", markdown(text))
    });
    let mut next_steps: Vec<_> = links.collect();
    next_steps.retain(|step| step.len() <= 350);
    let thread = notification.grouping_key().to_string();
    let mut content = json!({
        "textType": "client-markdown",
        "title": markdown(&cut(&message.heading, 120)),
        "description": cut(&parts.join("\n\n"), MAX_DESCRIPTION),
    });
    if !next_steps.is_empty() {
        content["nextSteps"] = json!(next_steps);
    }
    json!({
        "version": "1.0",
        "source": "custom",
        "id": message.id,
        "content": content,
        // What is said about one alert, and those that are related to it, is one thread.
        "metadata": {"threadId": thread, "summary": markdown(&cut(&message.title, 120)), "eventType": notification.event.as_str()},
    })
}

/// Text that neither Slack nor Teams reads as markup, link or mention. What would be is replaced by a look-alike: the
/// text passes through two languages on its way, and no escape holds in both. What is within a word stays, so that
/// `http.status_code` can still be copied.
fn markdown(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut before = '\n';
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next().unwrap_or('\n');
        let in_word = before.is_alphanumeric() && after.is_alphanumeric();
        written.push(match c {
            '*' => '∗',
            '`' => 'ˋ',
            '~' => '∼',
            '<' => '‹',
            '>' => '›',
            '[' => '⁅',
            ']' => '⁆',
            '_' if !in_word => 'ˍ',
            '@' if !in_word => '＠',
            // An entity: `&lt;!here&gt;`.
            '&' if after.is_alphanumeric() || after == '#' => '＆',
            '#' if before == '\n' => '♯',
            // No bare address becomes a link.
            '/' if before == ':' => '∕',
            other => other,
        });
        before = c;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_is_markup() {
        let cases = [
            ("identifiers stay", "http.status_code = 401, a/b", "http.status_code = 401, a/b"),
            ("addresses of people stay", "ops@example.org", "ops@example.org"),
            ("a mention", "<!channel> @here <@U123>", "‹!channel› ＠here ‹＠U123›"),
            ("an escaped mention", "&lt;!here&gt;", "＆lt;!here＆gt;"),
            ("a link", "[x](https://evil.example)", "⁅x⁆(https:∕/evil.example)"),
            ("emphasis", "*a* _b_ ~c~ `d`", "∗a∗ ˍbˍ ∼c∼ ˋdˋ"),
            ("a heading", "# a\n# b", "♯ a\n♯ b"),
        ];
        for (scenario, text, expected) in cases {
            assert_eq!(markdown(text), expected, "{scenario}");
        }
    }

    #[test]
    fn regions_are_those_of_topics() {
        assert_eq!(region("s", "arn:aws:sns:eu-central-1:123456789012:alerts"), Ok("eu-central-1"));
        for bad in
            ["", "alerts", "arn:aws:sqs:eu-central-1:1:q", "arn:aws:sns::1:t", "arn:aws:sns:r:1:t:more"]
        {
            assert!(region("s", bad).is_err(), "{bad}");
        }
    }
}
