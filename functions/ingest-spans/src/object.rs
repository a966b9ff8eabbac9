//! One object → its outcome.

use fluo_alerts::escape::chain;
use fluo_alerts::step;
use fluo_alerts::step::{Empty, failed, traced};
use fluo_runtime::s3_event::ObjectRef;
use fluo_spans::DecodeError;
use fluo_spans::error::Foreign;
use fluo_spans::layout::Layout;
use fluo_store::{Class, IngestOptions, Ingested, Root, StoreError, Written, ingest_object};
use object_store::path::Path;
use tracing::Instrument;

use crate::quarantine::quarantine;
use crate::raw::{RawError, RawObject, RawObjects};
use crate::routing::{Ignored, ignored};

/// The outcome of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its spans lie in `spans/`.
    Ingested(Ingested),
    /// It holds nothing for us.
    Ignored(Ignored),
    /// It lies in `quarantine/`.
    Quarantined {
        /// The place.
        location: String,
        /// The reason.
        reason: String,
    },
    /// It was not read, and is to be delivered again.
    Failed {
        /// The reason.
        reason: String,
    },
}

/// The things that an object is ingested with.
pub struct Ingest<'a> {
    /// The raw objects.
    pub raw: &'a dyn RawObjects,
    /// The root that spans go to.
    pub root: &'a Root,
    /// The layout that they are written in.
    pub layout: &'a Layout,
    /// The bounds of ingest.
    pub options: IngestOptions,
}

impl Ingest<'_> {
    /// Ingests one object.
    pub async fn ingest(&self, object: &ObjectRef) -> Outcome {
        let step = step!("ingest object", fluo.object = object.key, fluo.spans = Empty);
        let outcome = self.outcome(object).instrument(step.clone()).await;
        match &outcome {
            Outcome::Ingested(ingested) => {
                step.record("fluo.spans", ingested.spans);
            }
            Outcome::Ignored(_) => {}
            Outcome::Quarantined { reason, .. } | Outcome::Failed { reason } => failed(&step, reason),
        }
        outcome
    }

    async fn outcome(&self, object: &ObjectRef) -> Outcome {
        if let Some(why) = ignored(&object.key, self.root.at(&Path::default()).as_ref()) {
            return Outcome::Ignored(why);
        }
        let reading = self.raw.read(object, self.options.limits.max_bytes.min(self.options.max_memory));
        let raw = match traced(step!("read object"), reading).await {
            Ok(raw) => raw,
            Err(RawError::Unavailable(reason)) => return Outcome::Failed { reason },
            Err(error) => return self.set_aside(object, None, &error.to_string()).await,
        };
        let spans = self.root.at(&Path::from("spans"));
        let (store, bytes) = (self.root.store.as_ref(), raw.bytes.clone());
        let written = Written::At(raw.modified_ms);
        let storing = ingest_object(store, &spans, bytes, written, self.layout, &self.options);
        match traced(step!("store spans"), storing).await {
            Ok(ingested) => Outcome::Ingested(ingested),
            Err(StoreError::Decode(DecodeError::NotTraces(
                Foreign::Logs | Foreign::Metrics | Foreign::Profiles,
            ))) => Outcome::Ignored(Ignored::OtherContent),
            // A fault of ours is met again with every delivery, and must not hold up what else was delivered. The
            // object waits in quarantine for the version that can read it.
            Err(error) if matches!(error.class(), Class::Permanent | Class::Bug) => {
                self.set_aside(object, Some(&raw), &chain(&error)).await
            }
            Err(error) => Outcome::Failed { reason: chain(&error) },
        }
    }

    async fn set_aside(&self, object: &ObjectRef, raw: Option<&RawObject>, reason: &str) -> Outcome {
        match quarantine(self.root, object, raw, reason).await {
            Ok(location) => {
                Outcome::Quarantined { location: location.to_string(), reason: reason.to_owned() }
            }
            Err(error) => Outcome::Failed { reason: format!("{reason}; and {}", chain(&error)) },
        }
    }
}
