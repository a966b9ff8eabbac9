//! Names and secrets, from where secrets are kept.
//!
//! | `FLUO_SECRETS` | is read with |
//! | --- | --- |
//! | `arn:aws:secretsmanager:region:account:secret:…` | `GetSecretValue`: the text of the current version |
//! | `arn:aws:ssm:region:account:parameter/…` | `GetParameter`, decrypted where it is a `SecureString` |
//!
//! The text is a JSON object of names and texts. No error repeats any of it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::config::Region;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use fluo_alerts::escape::{chain, plain};
use fluo_runtime::aws::{self, Service};
use fluo_runtime::{Environment, EnvironmentError};

/// The variable that says where.
pub const SECRETS: &str = "FLUO_SECRETS";

/// The time that reading may take, with what is tried again.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The reasons why there are no secrets.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretsError {
    /// Occurs when they cannot be had now: the network, a service under load, permissions that are missing.
    #[error("the secret of FLUO_SECRETS could not be read: {0}")]
    Unavailable(String),
    /// Occurs when the secret is bytes.
    #[error("the secret of FLUO_SECRETS has no text")]
    NoText,
    /// Occurs when its text is something else.
    #[error(
        "the secret of FLUO_SECRETS is no JSON object of names and texts, as `{{\"NAME\": \"text\"}}` \
         (line {line}, column {column})"
    )]
    Shape {
        /// The line: what is there is not to be seen.
        line: usize,
        /// The column in the line.
        column: usize,
    },
}

/// A source of secrets.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Their text, as it is now.
    async fn read(&self) -> Result<String, SecretsError>;
}

/// Names and secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        // Not the parser's own words, which may repeat what it saw.
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| SecretsError::Shape { line: error.line(), column: error.column() })
    }

    /// The secret of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Returns the source that `FLUO_SECRETS` names; nothing where it is not set, which is enough for sinks without
/// secrets.
pub fn source(environment: &Environment) -> Result<Option<Box<dyn SecretSource>>, EnvironmentError> {
    let Some(arn) = environment.get(SECRETS) else { return Ok(None) };
    let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT).build();
    match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "secretsmanager", region, _, resource] if resource.starts_with("secret:") => {
            let configuration = aws::configuration(environment, Service::SecretsManager)?;
            let configuration = aws_sdk_secretsmanager::config::Builder::from(&configuration)
                .region(Region::new(region.to_owned()))
                .timeout_config(timeouts)
                .build();
            let client = aws_sdk_secretsmanager::Client::from_conf(configuration);
            Ok(Some(Box::new(Secret { client, arn: arn.to_owned() })))
        }
        ["arn", _, "ssm", region, _, resource] if resource.starts_with("parameter/") => {
            let configuration = aws::configuration(environment, Service::Ssm)?;
            let configuration = aws_sdk_ssm::config::Builder::from(&configuration)
                .region(Region::new(region.to_owned()))
                .timeout_config(timeouts)
                .build();
            let client = aws_sdk_ssm::Client::from_conf(configuration);
            Ok(Some(Box::new(Parameter { client, arn: arn.to_owned() })))
        }
        _ => Err(EnvironmentError::Invalid {
            name: SECRETS.to_owned(),
            reason:
                "it is the ARN neither of a secret (`arn:aws:secretsmanager:…:secret:…`) nor of a parameter \
                     (`arn:aws:ssm:…:parameter/…`)"
                    .to_owned(),
        }),
    }
}

/// A secret of Secrets Manager.
struct Secret {
    client: aws_sdk_secretsmanager::Client,
    arn: String,
}

#[async_trait]
impl SecretSource for Secret {
    async fn read(&self) -> Result<String, SecretsError> {
        let request = self.client.get_secret_value().secret_id(&self.arn);
        let answer = request.send().await.map_err(|error| unavailable(&error))?;
        answer.secret_string.ok_or(SecretsError::NoText)
    }
}

/// A parameter of Systems Manager.
struct Parameter {
    client: aws_sdk_ssm::Client,
    arn: String,
}

#[async_trait]
impl SecretSource for Parameter {
    async fn read(&self) -> Result<String, SecretsError> {
        let request = self.client.get_parameter().name(&self.arn).with_decryption(true);
        let answer = request.send().await.map_err(|error| unavailable(&error))?;
        answer.parameter.and_then(|parameter| parameter.value).ok_or(SecretsError::NoText)
    }
}

/// In the service's own words. The SDK's form for debugging holds the answer, and so perhaps the secret.
fn unavailable<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> SecretsError {
    let text = match (error.code(), error.message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or_default()),
        (None, _) => chain(error),
    };
    SecretsError::Unavailable(plain(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_names_and_texts() {
        let secrets = Secrets::parse(r#"{"SLACK": "https://hooks.example/x", "EMPTY": ""}"#).unwrap();
        assert_eq!(secrets.get("SLACK"), Some("https://hooks.example/x"));
        assert_eq!(secrets.get("OTHER"), None);
        assert_eq!(format!("{secrets:?}"), r#"{"EMPTY", "SLACK"}"#);
        for bad in
            ["", "s3cret", r#""s3cret""#, r#"["s3cret"]"#, r#"{"s3cret": 5}"#, r#"{"a": {"b": "s3cret"}}"#]
        {
            let error = Secrets::parse(bad).unwrap_err();
            assert!(matches!(error, SecretsError::Shape { .. }), "{bad}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn where_secrets_are_is_an_arn() {
        let of = |arn: &'static str| {
            let keys = [("AWS_REGION", "r"), ("AWS_ACCESS_KEY_ID", "i"), ("AWS_SECRET_ACCESS_KEY", "s")];
            source(&keys.into_iter().chain([(SECRETS, arn)]).collect()).map(|source| source.is_some())
        };
        let cases = [
            ("not set", "", Some(false)),
            (
                "a secret",
                "arn:aws:secretsmanager:eu-central-1:123456789012:secret:fluo/sinks-AbCdEf",
                Some(true),
            ),
            ("a parameter", "arn:aws:ssm:eu-central-1:123456789012:parameter/fluo/sinks", Some(true)),
            ("of another partition", "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/fluo", Some(true)),
            ("a name", "fluo/sinks", None),
            ("a topic", "arn:aws:sns:eu-central-1:123456789012:fluo", None),
            ("a document", "arn:aws:ssm:eu-central-1:123456789012:document/fluo", None),
            ("the secret itself", r#"{"SLACK": "s3cret"}"#, None),
        ];
        for (scenario, arn, expected) in cases {
            let found = of(arn);
            if let Err(error) = &found {
                let error = error.to_string();
                assert!(error.starts_with("FLUO_SECRETS cannot be used: it is the ARN neither"), "{error}");
                assert!(!error.contains("s3cret"), "{error}");
            }
            assert_eq!(found.ok(), expected, "{scenario}");
        }
    }
}
