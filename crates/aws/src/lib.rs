//! The servers that requests to AWS go to, decided here for every client alike: that of the store, of topics, of
//! secrets.
//!
//! The first that says something counts, in the order that AWS's own SDKs have:
//!
//! | says | for |
//! | --- | --- |
//! | `aws_endpoint` in `fluo.yml` ([`everywhere`]) | every service |
//! | `AWS_ENDPOINT_URL_S3`, `_SECRETSMANAGER`, `_SNS`, `_SQS`, `_SSM`, `_STS` | the service |
//! | `AWS_ENDPOINT_URL` | every service |
//! | none of these | every service is AWS's own |
//!
//! `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true` takes the variables out. AWS's files (`~/.aws`) are not read.
//!
//! The environment is asked through a function: only the edge knows where it lies.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

use url::Url;

/// The value of a variable of the environment, if it has one.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variable for all services that have none of their own.
const ALL: &str = "AWS_ENDPOINT_URL";

/// The variable that takes all of these out.
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// A service of AWS that fluo speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Objects.
    S3,
    /// Secrets.
    SecretsManager,
    /// Topics.
    Sns,
    /// Queues.
    Sqs,
    /// Parameters.
    Ssm,
    /// Credentials of a role.
    Sts,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::S3, Self::SecretsManager, Self::Sns, Self::Sqs, Self::Ssm, Self::Sts];

    /// Returns the variable that says where it is.
    pub fn variable(self) -> &'static str {
        match self {
            Self::S3 => "AWS_ENDPOINT_URL_S3",
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETSMANAGER",
            Self::Sns => "AWS_ENDPOINT_URL_SNS",
            Self::Sqs => "AWS_ENDPOINT_URL_SQS",
            Self::Ssm => "AWS_ENDPOINT_URL_SSM",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
        }
    }
}

/// The reason why a text is no address of a server. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Occurs when it is no URL.
    #[error("is not a URL: {0}")]
    NoUrl(#[from] url::ParseError),
    /// Occurs when it is the URL of something else.
    #[error("must start with `https://` or `http://`")]
    Scheme,
    /// Occurs when it names a user or a password, which no client would send.
    #[error("holds credentials: they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    Credentials,
}

/// The reason why a service cannot be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}` {reason}")]
pub struct EndpointError {
    /// The variable.
    pub variable: &'static str,
    /// The reason.
    pub reason: AddressError,
}

/// Checks that a text is the address of a server.
///
/// # Errors
///
/// The reason why it is none.
pub fn check_address(text: &str) -> Result<(), AddressError> {
    let url = Url::parse(text)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    Ok(())
}

/// Returns the server that answers for a service; none where it is AWS's own.
///
/// # Errors
///
/// [`EndpointError`] where what is said is no address.
pub fn endpoint(service: Service, environment: Environment<'_>) -> Result<Option<String>, EndpointError> {
    // Set to nothing is not set.
    let given = |name: &str| environment(name).filter(|value| !value.is_empty());
    if given(IGNORE).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    for variable in [service.variable(), ALL] {
        if let Some(address) = given(variable) {
            check_address(&address).map_err(|reason| EndpointError { variable, reason })?;
            return Ok(Some(address));
        }
    }
    Ok(None)
}

/// Returns an environment in which one server answers for every service, whatever variables say; the environment as it
/// is where there is no such server.
pub fn everywhere<'a>(
    endpoint: Option<&'a str>,
    environment: Environment<'a>,
) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| match endpoint {
        Some(endpoint) if name == ALL => Some(endpoint.to_owned()),
        Some(_) if name == IGNORE || Service::ALL.iter().any(|service| service.variable() == name) => None,
        _ => environment(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "http://127.0.0.1:1";
    const B: &str = "https://sns.example";

    fn of(service: Service, variables: &[(&str, &str)]) -> Result<Option<String>, EndpointError> {
        endpoint(service, &|name| lookup(variables, name))
    }

    /// Scenario, variables, endpoint.
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, Option<&'a str>);

    fn lookup(variables: &[(&str, &str)], name: &str) -> Option<String> {
        variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_service_has_its_own_endpoint_else_that_of_all() {
        for service in Service::ALL {
            let own = (service.variable(), B);
            let others = Service::ALL.into_iter().filter(|other| *other != service);
            let others: Vec<_> = others.map(|other| (other.variable(), B)).collect();
            let cases: [Case<'_>; 7] = [
                ("nothing is said", vec![], None),
                ("all", vec![(ALL, A)], Some(A)),
                ("its own", vec![own], Some(B)),
                ("both", vec![(ALL, A), own], Some(B)),
                ("others", others, None),
                ("set to nothing", vec![(ALL, A), (service.variable(), "")], Some(A)),
                ("taken out", vec![(ALL, A), own, (IGNORE, "true")], None),
            ];
            for (scenario, variables, expected) in cases {
                assert_eq!(of(service, &variables).unwrap().as_deref(), expected, "{service:?}: {scenario}");
            }
        }
    }

    #[test]
    fn one_server_for_everything_is_what_is_said_of_all_services() {
        let mut variables: Vec<_> = Service::ALL.map(|service| (service.variable(), B)).into();
        variables.extend([(ALL, B), (IGNORE, "true"), ("AWS_REGION", "eu-central-1")]);
        let environment = |name: &str| lookup(&variables, name);
        for service in Service::ALL {
            let one = everywhere(Some(A), &environment);
            assert_eq!(endpoint(service, &one).unwrap().as_deref(), Some(A), "{service:?}");
            let as_it_is = everywhere(None, &environment);
            assert_eq!(endpoint(service, &as_it_is), endpoint(service, &environment), "{service:?}");
        }
        assert_eq!(everywhere(Some(A), &environment)("AWS_REGION").as_deref(), Some("eu-central-1"));
    }

    #[test]
    fn what_is_no_address_is_told_without_it() {
        let cases = [
            ("s3cret", "is not a URL: relative URL without a base"),
            ("127.0.0.1:9000", "is not a URL: relative URL without a base"),
            ("localhost:9000", "must start with `https://` or `http://`"),
            ("https://a:port", "is not a URL: invalid port number"),
            ("http://", "is not a URL: empty host"),
            (
                "https://me:s3cret@a",
                "holds credentials: they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
        ];
        for (text, reason) in cases {
            for variable in [ALL, Service::Sns.variable()] {
                let error = of(Service::Sns, &[(variable, text)]).unwrap_err().to_string();
                assert_eq!(error, format!("`{variable}` {reason}"), "{text}");
            }
        }
    }
}
