//! The surroundings of an evaluator, and the state that lies there: read, and replaced if nobody else replaced it.

use fluo_alerts::step;
use fluo_alerts::step::traced;
use fluo_sinks::Routed;
use fluo_store::{Root, StoreError, Swap, Version};
use object_store::path::Path;

use crate::error::TickError;
use crate::report::Report;
use crate::state::{LOCATION, State};
use crate::stop::Stop;

/// The surroundings of an evaluator.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// The store of the state, and of all that is written.
    pub root: &'a Root,
    /// The receivers of notifications.
    pub sinks: &'a [Routed],
    /// The wall clock, in nanoseconds since the epoch: for leases, retries and the evaluation's own record.
    pub clock: &'a (dyn Fn() -> i64 + Sync),
    /// Unlike that of any other process.
    pub nonce: &'a str,
    /// Start nothing optional after this time, in nanoseconds since the epoch.
    pub deadline: Option<i64>,
    /// A request to end: after it nothing optional is started either.
    pub stop: &'a Stop,
    /// Told of every evaluation as soon as it is committed: a catch-up makes many, and takes long.
    pub evaluated: &'a (dyn Fn(&Report) + Sync),
}

impl Host<'_> {
    /// Returns whether it is too late to start anything optional.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_asked() || self.deadline.is_some_and(|deadline| (self.clock)() >= deadline)
    }

    /// Reads the state and its version; a new one where there is none.
    pub(crate) async fn load(&self) -> Result<(State, Option<Version>), TickError> {
        traced(step!("read state"), async {
            match self.root.versioned.read(&self.state_path()).await? {
                Some((bytes, version)) => Ok((State::decode(&bytes)?, Some(version))),
                None => Ok((State::new(), None)),
            }
        })
        .await
    }

    /// Replaces the state; `None` where another's write stands.
    pub(crate) async fn swap(
        &self,
        state: &mut State,
        version: Option<&Version>,
    ) -> Result<Option<Version>, TickError> {
        traced(step!("replace state"), async {
            state.writes += 1;
            self.nonce.clone_into(&mut state.nonce);
            let bytes = state.encode()?;
            match self.root.versioned.swap(&self.state_path(), version, bytes).await {
                Ok(Swap::Swapped(version)) => Ok(Some(version)),
                // The answer to a write that was tried again inside a client may be about the first try.
                Ok(Swap::Lost) | Err(StoreError::OutcomeUnknown { .. }) => {
                    let (stored, stored_version) = self.load().await?;
                    let ours = stored.nonce == state.nonce && stored.writes == state.writes;
                    Ok(stored_version.filter(|_| ours))
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    fn state_path(&self) -> Path {
        self.root.at(&Path::from(LOCATION))
    }
}
