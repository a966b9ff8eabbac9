//! S3 and its relatives, as the environment that AWS's tools read describes them.
//!
//! | variable | says |
//! | --- | --- |
//! | `AWS_REGION`, `AWS_DEFAULT_REGION` | where the bucket is; needed unless an endpoint is given |
//! | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | who asks, as in a Lambda function |
//! | `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`, `AWS_ROLE_SESSION_NAME` | the same in Kubernetes |
//! | `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, `…_FULL_URI`, `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` | the same in ECS and EKS |
//! | none of these | the instance's role, unless `AWS_EC2_METADATA_DISABLED=true` |
//! | `AWS_ENDPOINT_URL_S3`, `_STS`, `AWS_ENDPOINT_URL` | other servers than AWS's ([`fluo_aws`]); `http://` is allowed for S3 if it is written so |
//!
//! Profiles (`~/.aws`) and single sign-on are not read.

use std::sync::Arc;
use std::time::Duration;

use fluo_aws::{Environment, Service, endpoint};
use object_store::ClientOptions;
use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key, S3ConditionalPut};

/// In order of precedence where two variables give one setting: the first that is set counts.
const VARIABLES: &[(&str, Key)] = &[
    ("AWS_REGION", Key::Region),
    ("AWS_DEFAULT_REGION", Key::DefaultRegion),
    ("AWS_ACCESS_KEY_ID", Key::AccessKeyId),
    ("AWS_SECRET_ACCESS_KEY", Key::SecretAccessKey),
    ("AWS_SESSION_TOKEN", Key::Token),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Key::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", Key::RoleArn),
    ("AWS_ROLE_SESSION_NAME", Key::RoleSessionName),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Key::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Key::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Key::ContainerAuthorizationTokenFile),
];

/// An evaluation has a minute: a request is given up sooner than `object_store`'s three minutes, and is made again at the
/// next evaluation.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_FOR: Duration = Duration::from_secs(10);

/// Two clients of one bucket.
pub(crate) struct Clients {
    /// Sends again what failed.
    pub(crate) store: AmazonS3,
    /// Sends everything once, so that a conditional write is never refused because of itself.
    pub(crate) single_requests: AmazonS3,
}

/// Clients of a bucket, or why there are none.
pub(crate) fn open(bucket: &str, environment: Environment<'_>) -> Result<Clients, String> {
    let named = |character: char| character.is_ascii_alphanumeric() || ".-_".contains(character);
    // More is wrong with some names, which the server will say; this much keeps them out of host and path.
    if !(3..=255).contains(&bucket.len()) || !bucket.chars().all(named) || bucket.contains("..") {
        return Err(format!("`{bucket}` is no name of a bucket: s3://bucket/prefix is expected"));
    }
    // Set to nothing is not set.
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    let server = |service| endpoint(service, environment).map_err(|error| error.to_string());
    let endpoints = [(Key::S3Endpoint, server(Service::S3)?), (Key::StsEndpoint, server(Service::Sts)?)];
    let endpoint = endpoints[0].1.as_deref();
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    if endpoint.is_none() && region.is_none() {
        return Err("the bucket's region is not known: set AWS_REGION".to_owned());
    }
    let has_keys = variable("AWS_ACCESS_KEY_ID").is_some() || variable("AWS_SECRET_ACCESS_KEY").is_some();
    let has_role = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
        .into_iter()
        .chain(["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
        .any(|name| variable(name).is_some());
    if !has_keys && !has_role {
        let export = "eval \"$(aws configure export-credentials --format env)\"";
        if variable("AWS_PROFILE").is_some() {
            return Err(format!("profiles are not read: set the keys themselves, as by {export}"));
        }
        if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(format!(
                "there are no credentials: set AWS_ACCESS_KEY_ID and its secret, as by {export}"
            ));
        }
    }

    let is_http = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let client = ClientOptions::new()
        .with_timeout(REQUEST_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(is_http);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(client);
    for (name, key) in VARIABLES {
        if let Some(value) = variable(name) {
            builder = builder.with_config(*key, value);
        }
    }
    for (key, endpoint) in &endpoints {
        if let Some(endpoint) = endpoint {
            builder = builder.with_config(*key, endpoint);
        }
    }
    let said = |error: object_store::Error| error.to_string();
    let retries = RetryConfig { retry_timeout: RETRY_FOR, ..RetryConfig::default() };
    let store = builder.clone().with_retry(retries).build().map_err(said)?;
    let none = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    // The same credentials: who provides them may be asked again.
    let single_requests = builder.with_credentials(Arc::clone(store.credentials())).with_retry(none);
    Ok(Clients { single_requests: single_requests.build().map_err(said)?, store })
}
