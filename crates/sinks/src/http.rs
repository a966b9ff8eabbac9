//! One POST to a service: bounded in time and in what is read of the answer, with errors that hold no secret.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, NoProxy, Proxy, Response, StatusCode, Url, redirect};

use crate::error::{ConfigError, SinkError, answer};
use crate::secret::Secrets;

/// The most bytes that are read of an answer.
const MAX_ANSWER: usize = 16 * 1024;

/// The longest time that a service may ask to be left alone: after it the evaluator may try whatever was asked.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// The shortest secret that is looked for in answers: shorter texts are in every answer by chance.
const MIN_SECRET: usize = 6;

/// The shortest part of an address that is taken for a secret: `services` is none.
const MIN_SECRET_PART: usize = 9;

/// The text that stands for a secret.
const HIDDEN: &str = "***";

/// An address that notifications are posted to.
pub(crate) struct Endpoint {
    sink: String,
    client: Client,
    url: Url,
    headers: HeaderMap,
    /// Texts that must not be in an error.
    secrets: Vec<String>,
}

/// The address that `key` of a sink's configuration holds. It may be a secret: no error repeats it.
pub(crate) fn address(sink: &str, key: &str, text: &str) -> Result<Url, ConfigError> {
    let invalid = |reason: &str| ConfigError::invalid(sink, key, reason);
    let url = Url::parse(text.trim()).map_err(|error| invalid(&format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid("must start with `https://` or `http://`"));
    }
    Ok(url)
}

/// A header of a sink's requests. Its value may be a secret, too.
pub(crate) fn header(sink: &str, name: &str, value: &str) -> Result<(HeaderName, HeaderValue), ConfigError> {
    let invalid = |reason: &str| ConfigError::invalid(sink, &format!("headers.{name}"), reason);
    let header =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("is not the name of a header"))?;
    let value =
        HeaderValue::from_str(value).map_err(|_| invalid("holds a character that headers cannot hold"))?;
    Ok((header, value))
}

impl Endpoint {
    /// The address that `key` of the configuration holds.
    pub(crate) fn new(
        sink: &str,
        key: &str,
        address: &str,
        timeout: Duration,
        given: Secrets<'_>,
    ) -> Result<Self, ConfigError> {
        let url = self::address(sink, key, address)?;
        let mut client = Client::builder()
            .user_agent(concat!("fluo/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout(timeout)
            // A followed redirect would become a GET without the message, or take it to a host that nobody configured.
            .redirect(redirect::Policy::none())
            // The environment is read by the edge alone; see below.
            .no_proxy();
        let variable = |names: [&str; 2]| names.into_iter().find_map(given).filter(|text| !text.is_empty());
        if let Some(proxy) = variable(["HTTPS_PROXY", "https_proxy"]) {
            let proxy = Proxy::https(&proxy)
                .map_err(|_| ConfigError::invalid(sink, "HTTPS_PROXY", "is not the URL of a proxy"))?;
            let direct = variable(["NO_PROXY", "no_proxy"]).and_then(|hosts| NoProxy::from_string(&hosts));
            client = client.proxy(proxy.no_proxy(direct));
        }
        let client = client.build().map_err(|error| {
            ConfigError::invalid(sink, key, format!("cannot be spoken to: {}", root(&error.without_url())))
        })?;
        let secrets = parts_of(&url);
        let mut endpoint =
            Self { sink: sink.to_owned(), client, url, headers: HeaderMap::new(), secrets: Vec::new() };
        for secret in secrets {
            endpoint.hide(secret);
        }
        Ok(endpoint)
    }

    /// Appends segments to the address's path.
    pub(crate) fn below(mut self, path: &str) -> Self {
        let base = self.url.path().trim_end_matches('/');
        if !base.ends_with(path) {
            self.url.set_path(&format!("{base}{path}"));
        }
        self
    }

    /// Adds a header to every request; its value may be a secret.
    pub(crate) fn header(mut self, name: &str, value: String) -> Result<Self, ConfigError> {
        let (header, mut text) = self::header(&self.sink, name, &value)?;
        text.set_sensitive(true);
        self.headers.insert(header, text);
        self.hide(value);
        Ok(self)
    }

    /// Keeps `secret` out of errors, in every form in which a service may repeat it.
    pub(crate) fn hide(&mut self, secret: String) {
        self.secrets.extend(forms_of(secret).into_iter().filter(|form| form.len() >= MIN_SECRET));
        // The longest first: a secret within another must not leave the other's rest.
        self.secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.secrets.dedup();
    }

    pub(crate) fn sink(&self) -> &str {
        &self.sink
    }

    /// Returns what errors say was tried.
    pub(crate) fn tried(&self) -> String {
        format!("POST to {}", self.url.origin().ascii_serialization())
    }

    /// Posts JSON, and returns what was answered where that is a success (2xx).
    pub(crate) async fn post(
        &self,
        body: String,
        headers: &[(&'static str, String)],
        at: i64,
    ) -> Result<String, SinkError> {
        let mut request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        let retry_after = retry_after(&response, at);
        let text = read(&mut response).await;
        if status.is_success() {
            return Ok(text);
        }
        let mut why = status.to_string();
        if status.is_redirection() {
            why.push_str(": it answers with a redirect, which is not followed; configure the final address");
        }
        let text = answer(&self.scrubbed(&text));
        if !text.is_empty() {
            why = format!("{why}: {text}");
        }
        let tried = self.tried();
        if !can_help(status) {
            return Err(SinkError::permanent(&self.sink, &tried, &why));
        }
        Err(SinkError::Retry { sink: self.sink.clone(), tried, why, retry_after })
    }

    /// Refused although the status says success, for a reason that the service told.
    pub(crate) fn refused(&self, why: &str) -> SinkError {
        SinkError::permanent(&self.sink, &self.tried(), &answer(&self.scrubbed(why)))
    }

    fn failed(&self, error: reqwest::Error) -> SinkError {
        let error = error.without_url();
        let why = self.scrubbed(&root(&error));
        if error.is_builder() {
            return SinkError::permanent(&self.sink, &self.tried(), &why);
        }
        let why = if error.is_timeout() {
            "no answer in time".to_owned()
        } else if error.is_connect() {
            format!("no connection: {why}")
        } else {
            why
        };
        SinkError::retry(&self.sink, &self.tried(), &why)
    }

    fn scrubbed(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

/// Everything of an address that may be its secret, whole and in parts.
fn parts_of(url: &Url) -> Vec<String> {
    let user = Some(url.username()).filter(|user| !user.is_empty());
    let mut parts: Vec<_> = [Some(url.as_str()), Some(url.path()), url.query(), url.password(), user]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    if let Some(user) = user {
        // As the header says it that is made of both.
        let both = format!("{}:{}", decoded(user), decoded(url.password().unwrap_or_default()));
        parts.push(BASE64_STANDARD.encode(&both));
        parts.push(both);
    }
    let long = |part: &String| part.len() >= MIN_SECRET_PART;
    parts.extend(url.path_segments().into_iter().flatten().map(str::to_owned).filter(long));
    parts.extend(url.query_pairs().map(|(_, value)| value.into_owned()).filter(long));
    parts
}

/// A secret as it is, decoded as parts of addresses are, and the words of a header's value: `Bearer` is none, and of
/// `Basic` the user and the password are told as one.
fn forms_of(secret: String) -> Vec<String> {
    let words = secret.split_whitespace().skip(1).map(str::to_owned);
    let basic =
        secret.split_once("Basic ").and_then(|(_, encoded)| BASE64_STANDARD.decode(encoded.trim()).ok());
    let basic = basic.and_then(|both| String::from_utf8(both).ok());
    let password =
        basic.as_deref().and_then(|both| both.split_once(':')).map(|(_, password)| password.to_owned());
    let mut forms: Vec<String> = words.chain(password).collect();
    forms.extend(basic);
    forms.push(decoded(&secret));
    forms.push(secret);
    forms
}

/// Without percent-encoding.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Returns whether the same request may succeed later. Missing permissions are among it, as they are for the store:
/// somebody will repair them, and the alert must not be lost meanwhile.
fn can_help(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 407 | 408 | 425 | 429)
}

/// The answer's first bytes as text. What cannot be read of it is left out: the status has been told already.
async fn read(response: &mut Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ANSWER - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == MAX_ANSWER {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Seconds, or a date (RFC 9110, 10.2.3). Anything else is as if it were not there.
fn retry_after(response: &Response, at: i64) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_nanosecond();
        Duration::from_nanos(u64::try_from((until - i128::from(at)).max(0)).unwrap_or(u64::MAX))
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The text of the innermost cause: the outer ones say that something failed.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
