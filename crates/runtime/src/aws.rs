//! The configuration of AWS clients inside a function: region and credentials as Lambda sets them.
//!
//! Not `aws-config`: its chain of providers (profiles, single sign-on, STS, instance metadata) is for machines, brings
//! three more clients, and a function has its credentials in its environment for as long as it lives.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
pub use fluo_aws::Service;

use crate::environment::{Environment, EnvironmentError};

/// The name of the credentials in the SDK's logs.
const CREDENTIALS: &str = "environment";

/// The configuration of a client of `service`.
pub fn configuration(environment: &Environment, service: Service) -> Result<SdkConfig, EnvironmentError> {
    let region = environment
        .get("AWS_REGION")
        .or_else(|| environment.get("AWS_DEFAULT_REGION"))
        .ok_or(EnvironmentError::Missing { name: "AWS_REGION", meaning: "the region of the function" })?;
    let id = environment.required("AWS_ACCESS_KEY_ID", "the function's credentials")?;
    let secret = environment.required("AWS_SECRET_ACCESS_KEY", "the function's credentials")?;
    let token = environment.get("AWS_SESSION_TOKEN").map(str::to_owned);
    let credentials = Credentials::new(id, secret, token, None, CREDENTIALS);
    // The ring that object_store's client brings: no second cryptographic library.
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut configuration = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .http_client(http);
    let endpoint = fluo_aws::endpoint(service, &environment.lookup())?;
    if let Some(endpoint) = endpoint {
        configuration = configuration.endpoint_url(endpoint);
    }
    Ok(configuration.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [(&str, &str); 3] =
        [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];

    #[test]
    fn a_client_speaks_to_the_server_of_its_service() {
        let of = |service: Service, address: &'static str| {
            let environment = KEYS.into_iter().chain([("AWS_ENDPOINT_URL_SNS", address)]).collect();
            configuration(&environment, service)
                .map(|configured| configured.endpoint_url().map(str::to_owned))
        };
        assert_eq!(of(Service::Sns, "http://127.0.0.1:1").unwrap().as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(of(Service::S3, "http://127.0.0.1:1").unwrap(), None);
        let error = of(Service::Sns, "ftp://a").unwrap_err().to_string();
        assert!(error.starts_with("AWS_ENDPOINT_URL_SNS cannot be used: it must start with"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (missing, _) in KEYS {
            let environment = KEYS.into_iter().filter(|(name, _)| *name != missing).collect();
            let error = configuration(&environment, Service::S3).unwrap_err().to_string();
            assert!(error.starts_with(missing), "{error}");
        }
    }
}
