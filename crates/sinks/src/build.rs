//! Sinks from their configuration, and what of it they cannot use.

use std::collections::BTreeMap;

use aws_types::SdkConfig;
use fluo_rules::config::Loaded;
use fluo_rules::diagnostic::{Code, Finding};

use crate::alertmanager::Alertmanager;
use crate::config::{Kind, SinkConfig};
use crate::error::ConfigError;
use crate::file::File;
use crate::filter::Routed;
use crate::http::{self, Endpoint};
use crate::otlp::Otlp;
use crate::pagerduty::PagerDuty;
use crate::secret::{Secret, Secrets};
use crate::slack::Slack;
use crate::sns::{self, Sns};
use crate::stdout::Stdout;
use crate::teams::Teams;
use crate::webhook::{SigningKey, Webhook};
use crate::{Sink, alertmanager, pagerduty};

/// The sinks of a configuration that was read; what they cannot use of it is added to its findings.
///
/// Only what stands in it is looked at: what comes from the environment is not known before a sink is made.
pub fn sinks_of(loaded: &mut Loaded) -> Vec<SinkConfig> {
    let mut configs = Vec::new();
    let mut findings = Vec::new();
    for sink in &loaded.sinks {
        let mut add = |key: &str, message: String| {
            let place = sink.keys.get(key).unwrap_or(&sink.place).clone();
            let code = Code::UnusableValue;
            findings.push(Finding { code, message, place, hint: None, related: Vec::new() });
        };
        match serde_json::from_value::<SinkConfig>(sink.document.clone()) {
            Ok(config) => {
                let problems = config.problems();
                for problem in problems {
                    add(problem.key().unwrap_or_default(), problem.to_string());
                }
                configs.push(config);
            }
            // The table of keys and the types here differ, which a test excludes. The reason may repeat a value.
            Err(_) => add("type", format!("the sink `{}` cannot be read by this version", sink.name)),
        }
    }
    loaded.add(findings);
    configs
}

impl SinkConfig {
    /// Returns what is wrong with the values that stand in the configuration itself, none of which it repeats.
    fn problems(&self) -> Vec<ConfigError> {
        let name = self.name();
        let mut problems = Vec::new();
        let mut add = |result: Result<(), ConfigError>| problems.extend(result.err());
        let address = |key: &str, text: &Secret| match text {
            Secret::Text(text) => http::address(name, key, text).map(drop),
            Secret::Env(_) => Ok(()),
        };
        match &self.kind {
            Kind::Slack(own) | Kind::Teams(own) => add(address("url", &own.url)),
            Kind::Webhook(own) => {
                add(address("url", &own.url));
                for key in &own.signing_keys {
                    if let Secret::Text(key) = key {
                        add(SigningKey::parse(name, key).map(drop));
                    }
                }
            }
            Kind::PagerDuty(own) => {
                if let Some(url) = &own.url {
                    add(address("url", url));
                }
            }
            Kind::Alertmanager(own) => add(address("url", &own.url)),
            Kind::Otlp(own) => add(address("endpoint", &own.endpoint)),
            Kind::Sns(own) => {
                add(sns::region(name, &own.topic_arn).map(drop));
                if let Some(endpoint) = &own.endpoint {
                    add(sns::server(name, endpoint));
                }
            }
            Kind::Stdout(_) | Kind::File(_) => {}
        }
        for (header, value) in self.headers().into_iter().flatten() {
            let text = if let Secret::Text(text) = value { text } else { "" };
            add(http::header(name, header, text).map(drop));
        }
        problems
    }
}

/// The sink that `config` describes.
///
/// For `sns` the credentials are those of the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_SESSION_TOKEN`, as a function has them), and so is the server ([`fluo_aws`]), asked for through `secrets`;
/// [`build_with_aws`] takes any others.
pub fn build(config: &SinkConfig, secrets: Secrets<'_>) -> Result<Box<dyn Sink>, ConfigError> {
    build_with_aws(config, secrets, None)
}

/// The same with credentials, server and HTTP client from an AWS configuration that the edge has loaded.
pub fn build_with_aws(
    config: &SinkConfig,
    secrets: Secrets<'_>,
    aws: Option<&SdkConfig>,
) -> Result<Box<dyn Sink>, ConfigError> {
    let name = config.name();
    let secret = |key: &str, secret: &Secret| secret.resolve(name, key, secrets);
    let endpoint = |key: &str, address: &str| Endpoint::new(name, key, address, config.timeout, secrets);
    let with_headers = |mut endpoint: Endpoint, headers: &BTreeMap<String, Secret>| {
        for (header, value) in headers {
            endpoint = endpoint.header(header, secret(&format!("headers.{header}"), value)?)?;
        }
        Ok(endpoint)
    };
    Ok(match &config.kind {
        Kind::Stdout(_) => Box::new(Stdout::new(name, std::io::stdout())),
        Kind::File(keys) => Box::new(File::new(name, &keys.path)),
        Kind::Webhook(keys) => {
            let endpoint = with_headers(endpoint("url", &secret("url", &keys.url)?)?, &keys.headers)?;
            let signing_keys = keys
                .signing_keys
                .iter()
                .map(|key| SigningKey::parse(name, &secret("signing_keys", key)?))
                .collect::<Result<_, ConfigError>>()?;
            Box::new(Webhook::new(endpoint, signing_keys))
        }
        Kind::Slack(keys) => Box::new(Slack::new(endpoint("url", &secret("url", &keys.url)?)?)),
        Kind::Teams(keys) => Box::new(Teams::new(endpoint("url", &secret("url", &keys.url)?)?)),
        Kind::PagerDuty(keys) => {
            let url = keys.url.as_ref().map(|url| secret("url", url)).transpose()?;
            let endpoint = endpoint("url", url.as_deref().unwrap_or(pagerduty::URL))?;
            Box::new(PagerDuty::new(endpoint, secret("routing_key", &keys.routing_key)?))
        }
        Kind::Alertmanager(keys) => {
            let endpoint = with_headers(endpoint("url", &secret("url", &keys.url)?)?, &keys.headers)?;
            let expires = keys.expires_after.unwrap_or(alertmanager::EXPIRES_AFTER);
            Box::new(Alertmanager::new(endpoint, expires))
        }
        Kind::Sns(keys) => {
            let endpoint = keys.endpoint.as_deref();
            Box::new(Sns::new(name, &keys.topic_arn, endpoint, config.timeout, secrets, aws)?)
        }
        Kind::Otlp(keys) => {
            let endpoint = endpoint("endpoint", &secret("endpoint", &keys.endpoint)?)?;
            Box::new(Otlp::new(with_headers(endpoint, &keys.headers)?))
        }
    })
}

/// All sinks with what they want; their names differ.
pub fn route_all(
    configs: &[SinkConfig],
    secrets: Secrets<'_>,
    aws: Option<&SdkConfig>,
) -> Result<Vec<Routed>, ConfigError> {
    let mut names: Vec<_> = configs.iter().map(SinkConfig::name).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ConfigError::Duplicate { name: pair[0].to_owned() });
    }
    configs
        .iter()
        .map(|config| {
            let sink = build_with_aws(config, secrets, aws)?;
            Ok(Routed { sink, filter: config.filter().clone(), together: config.is_together() })
        })
        .collect()
}
