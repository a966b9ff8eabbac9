//! The record as JSON to any address, signed after the Standard Webhooks specification, version 1.
//!
//! | header | value |
//! | --- | --- |
//! | `webhook-id`, `idempotency-key` | the notification's id, the same on every delivery |
//! | `webhook-timestamp` | now, in whole seconds since the epoch |
//! | `webhook-signature` | `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; one for each key, spaces between |
//!
//! A receiver recomputes the signature, refuses timestamps more than a few minutes off, and remembers ids.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluo_alerts::notification::Notification;
use fluo_time::Nanos;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::ConfigError;
use crate::http::Endpoint;
use crate::limits::fit;
use crate::{Sink, SinkError};

/// The most bytes of a body: receivers commonly take a mebibyte.
const MAX_BODY: usize = 1024 * 1024;

/// The fewest bytes of a key that the specification allows.
const MIN_KEY: usize = 24;

/// The text that a key may begin with.
const KEY_PREFIX: &str = "whsec_";

/// A key that bodies are signed with.
pub(crate) struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Base64 of at least 24 bytes, with or without `whsec_` before it.
    pub(crate) fn parse(sink: &str, text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        let encoded = text.strip_prefix(KEY_PREFIX).unwrap_or(text);
        // The key itself must not be in the text of the error.
        match STANDARD.decode(encoded) {
            Ok(key) if key.len() >= MIN_KEY => Ok(Self(key)),
            _ => Err(ConfigError::invalid(
                sink,
                "signing_keys",
                "holds a key that is not base64 of at least 24 random bytes (`openssl rand -base64 32` makes one)",
            )),
        }
    }

    fn sign(&self, content: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(content.as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// Posts the record.
pub struct Webhook {
    endpoint: Endpoint,
    keys: Vec<SigningKey>,
}

impl Webhook {
    pub(crate) fn new(endpoint: Endpoint, keys: Vec<SigningKey>) -> Self {
        Self { endpoint, keys }
    }
}

#[async_trait]
impl Sink for Webhook {
    fn name(&self) -> &str {
        self.endpoint.sink()
    }

    fn kind(&self) -> &'static str {
        "webhook"
    }

    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError> {
        // A notification has texts, whole numbers and finite doubles only: it always has a JSON form.
        let body = fit(notification, MAX_BODY, |n, _| serde_json::to_string(n).unwrap_or_default())
            .map_err(|error| self.endpoint.refused(&error.to_string()))?;
        let id = notification.id.to_string();
        let timestamp = at.div_euclid(Nanos::SECOND.0).to_string();
        let content = format!("{id}.{timestamp}.{body}");
        // A key of any length makes an HMAC.
        let signatures: Vec<_> = self.keys.iter().filter_map(|key| key.sign(&content)).collect();
        let mut headers = vec![("idempotency-key", id.clone()), ("webhook-id", id)];
        headers.push(("webhook-timestamp", timestamp));
        if !signatures.is_empty() {
            headers.push(("webhook-signature", signatures.join(" ")));
        }
        self.endpoint.post(body, &headers, at).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's own libraries are tested with.
    #[test]
    fn golden_signature() {
        let key = SigningKey::parse("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let content = r#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        assert_eq!(key.sign(content).unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn weak_keys_are_refused_and_not_repeated() {
        for bad in ["", "whsec_", "hunter2-hunter2-hunter2-hunter2!", "c2hvcnQ="] {
            let error = SigningKey::parse("hook", bad).err().unwrap().to_string();
            assert!(error.contains("24 random bytes"), "{error}");
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }
}
