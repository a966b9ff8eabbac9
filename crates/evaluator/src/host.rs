//! What an evaluator runs on, and the state that lies there: read, and replaced where nobody else replaced it.

use fluo_alerts::step;
use fluo_alerts::step::traced;
use fluo_sinks::Routed;
use fluo_store::{Root, StoreError, Swap, Version};
use object_store::path::Path;

use crate::error::TickError;
use crate::report::Report;
use crate::state::{LOCATION, State};
use crate::stop::Stop;

/// What an evaluator runs on.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// Where the state is, and all that is written.
    pub root: &'a Root,
    /// Where notifications go.
    pub sinks: &'a [Routed],
    /// The wall clock, in nanoseconds since the epoch: for leases, retries and the evaluation's own record.
    pub clock: &'a (dyn Fn() -> i64 + Sync),
    /// Unlike that of any other process.
    pub nonce: &'a str,
    /// Not after this time is anything begun that can wait.
    pub deadline: Option<i64>,
    /// Whether it is asked to end: then nothing more is begun either.
    pub stop: &'a Stop,
    /// Told of every evaluation as soon as it is committed: a catch-up makes many, and takes long.
    pub evaluated: &'a (dyn Fn(&Report) + Sync),
}

impl Host<'_> {
    /// Returns whether nothing is begun any more that can wait.
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
