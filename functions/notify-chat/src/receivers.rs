//! Sinks with their secrets in them, made anew as those change.
//!
//! Secrets are read at the start, and again by the first invocation that finds them [`MAX_AGE`] old: that long a
//! rotated secret may go on being used, and whatever a service refuses meanwhile is delivered again. Where they cannot
//! be read again, or something is missing among them, the sinks stay as they are.

use std::sync::Arc;

use fluo_runtime::Environment;
use fluo_sinks::{ConfigError, Routed, SinkConfig, route_all};
use fluo_time::Nanos;
use tokio::sync::Mutex;

use crate::secrets::{SecretSource, Secrets, SecretsError};

/// The time for which secrets are used without asking again, in nanoseconds.
pub const MAX_AGE: i64 = 5 * Nanos::MINUTE.0;

/// The variables that the way to a service asks for besides secrets, and that are no secrets.
const PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];

/// The reasons why there are no sinks.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReceiversError {
    /// Occurs when there are no secrets.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Occurs when a secret has no such name.
    #[error("sink `{sink}`: `{key}` is to be `{name}`, of which the secret of FLUO_SECRETS holds nothing")]
    Missing {
        /// The sink's name.
        sink: String,
        /// The key of its configuration.
        key: String,
        /// The name.
        name: String,
    },
    /// Occurs when a sink cannot be made of its configuration.
    #[error(transparent)]
    Sink(ConfigError),
}

impl From<ConfigError> for ReceiversError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::MissingSecret { sink, key, variable } => Self::Missing { sink, key, name: variable },
            error => Self::Sink(error),
        }
    }
}

/// The sinks.
pub struct Receivers {
    configs: Vec<SinkConfig>,
    source: Option<Box<dyn SecretSource>>,
    proxy: Environment,
    current: Mutex<Current>,
}

struct Current {
    sinks: Arc<[Routed]>,
    secrets: Secrets,
    read_at: i64,
}

impl Receivers {
    /// The sinks as they are at `now`, in nanoseconds since the epoch.
    pub async fn start(
        configs: Vec<SinkConfig>,
        source: Option<Box<dyn SecretSource>>,
        environment: &Environment,
        now: i64,
    ) -> Result<Self, ReceiversError> {
        let proxy = PROXY.into_iter().filter_map(|name| Some((name, environment.get(name)?))).collect();
        let secrets = read(source.as_deref()).await?;
        let current = Current { sinks: made(&configs, &secrets, &proxy)?, secrets, read_at: now };
        Ok(Self { configs, source, proxy, current: Mutex::new(current) })
    }

    /// The sinks as they are at `now`, and why they are older than they should be, where they are.
    pub async fn at(&self, now: i64) -> (Arc<[Routed]>, Option<ReceiversError>) {
        let mut current = self.current.lock().await;
        let is_old = now.saturating_sub(current.read_at) >= MAX_AGE;
        let renewed = if is_old { self.renew(&mut current, now).await } else { Ok(()) };
        (Arc::clone(&current.sinks), renewed.err())
    }

    async fn renew(&self, current: &mut Current, now: i64) -> Result<(), ReceiversError> {
        let secrets = read(self.source.as_deref()).await?;
        // The same secrets: connections that are open stay open.
        if secrets != current.secrets {
            current.sinks = made(&self.configs, &secrets, &self.proxy)?;
            current.secrets = secrets;
        }
        current.read_at = now;
        Ok(())
    }
}

async fn read(source: Option<&dyn SecretSource>) -> Result<Secrets, SecretsError> {
    match source {
        Some(source) => Secrets::parse(&source.read().await?),
        None => Ok(Secrets::default()),
    }
}

fn made(
    configs: &[SinkConfig],
    secrets: &Secrets,
    proxy: &Environment,
) -> Result<Arc<[Routed]>, ReceiversError> {
    let given = |name: &str| {
        let from = if PROXY.contains(&name) { proxy.get(name) } else { secrets.get(name) };
        from.map(str::to_owned)
    };
    Ok(route_all(configs, &given, None)?.into())
}
