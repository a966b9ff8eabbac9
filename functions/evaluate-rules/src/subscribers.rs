//! The number of the topic's subscribers: a topic that nobody listens to takes every message, and says nothing.

use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::{Builder, Region};
use aws_sdk_sns::error::DisplayErrorContext;
use aws_types::SdkConfig;
use fluo_runtime::metrics::{Metric, Unit};

/// The time that SNS may take to say so: nothing depends on it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The topic's subscribers.
pub struct Subscribers {
    client: Client,
    topic_arn: String,
}

impl Subscribers {
    /// Those of a topic, in its own region.
    pub fn of(topic_arn: &str, aws: &SdkConfig) -> Self {
        let region = topic_arn.split(':').nth(3).map(|region| Region::new(region.to_owned()));
        let client = Client::from_conf(Builder::from(aws).region(region).build());
        Self { client, topic_arn: topic_arn.to_owned() }
    }

    /// Returns how many have confirmed that they want to be told, and how many have yet to, as metrics.
    ///
    /// # Errors
    ///
    /// The reason why it is not known.
    pub async fn count(&self) -> Result<[Metric; 2], String> {
        let asked = self.client.get_topic_attributes().topic_arn(&self.topic_arn).send();
        let answer = tokio::time::timeout(TIMEOUT, asked)
            .await
            .map_err(|_| format!("SNS did not answer for {} s", TIMEOUT.as_secs()))?
            .map_err(|error| DisplayErrorContext(error).to_string())?;
        let number = |name: &str| {
            let text = answer.attributes().and_then(|attributes| attributes.get(name));
            let number = text.and_then(|text| text.parse::<u64>().ok());
            number.ok_or_else(|| format!("SNS did not say {name}"))
        };
        Ok([
            ("SubscriptionsConfirmed", Unit::Count, number("SubscriptionsConfirmed")?),
            ("SubscriptionsPending", Unit::Count, number("SubscriptionsPending")?),
        ])
    }
}
