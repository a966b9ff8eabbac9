//! The store at the start: whether it can hold the state, asked until it says.
//!
//! A request that fails may be answered a second later, and a process that ends over it would have to be started again
//! by somebody. What can never work is said at once, and ends it.

use std::time::Duration;

use fluo_alerts::log::Level;
use fluo_evaluator::Stop;
use fluo_store::error::Class;
use fluo_store::{Root, StoreError, probe};
use object_store::path::Path;
use serde_json::json;

use crate::exit::{Failure, chain};
use crate::terminal::log;

/// The first distance to another try; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The number of tries of the store where whoever has called waits for one evaluation, and will call again.
const TRIES_ONCE: u32 = 4;

/// Tries the store until it can be used: `Ok(false)` where the process is asked to end before.
pub(super) async fn wait_for_store(
    root: &Root,
    store: &str,
    nonce: &str,
    once: bool,
    stop: &Stop,
) -> Result<bool, Failure> {
    let mut wait = FIRST_WAIT;
    for tries in 1_u32.. {
        // A name of its own for every try: of one whose outcome is not known, the object may be there.
        let nonce = format!("{nonce}-{tries}");
        let prefix = root.at(&Path::default());
        let probed = tokio::select! {
            probed = probe(root.versioned.as_ref(), &prefix, &nonce) => probed,
            () = stop.asked() => return Ok(false),
        };
        let Err(error) = probed else { return Ok(true) };
        if !can_heal(&error) || (once && tries == TRIES_ONCE) {
            return Err(Failure::because(format!("`{store}` cannot hold the state"), error));
        }
        let fields = json!({"reason": chain(&error), "again_in": format!("{}s", wait.as_secs())});
        log(Level::Warning, "the store cannot be used yet, and is tried again", fields);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.asked() => return Ok(false),
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    // There are more numbers than anybody waits for.
    Ok(false)
}

/// Returns whether the same may be answered otherwise later.
fn can_heal(error: &StoreError) -> bool {
    matches!(error.class(), Class::Retry | Class::OutcomeUnknown)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use async_trait::async_trait;
    use bytes::Bytes;
    use fluo_store::{Swap, Version, Versioned};

    use super::*;

    /// A store whose first requests fail.
    #[derive(Debug)]
    struct Failing {
        store: Arc<dyn Versioned>,
        left: AtomicU32,
        error: fn(Path) -> StoreError,
    }

    impl Failing {
        fn fails(&self, path: &Path) -> Result<(), StoreError> {
            let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            left.map_or(Ok(()), |_| Err((self.error)(path.clone())))
        }
    }

    #[async_trait]
    impl Versioned for Failing {
        async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StoreError> {
            self.store.read(path).await
        }

        async fn swap(
            &self,
            path: &Path,
            version: Option<&Version>,
            bytes: Bytes,
        ) -> Result<Swap, StoreError> {
            let swap = self.store.swap(path, version, bytes).await;
            self.fails(path).and(swap)
        }

        async fn remove(&self, path: &Path) -> Result<(), StoreError> {
            self.fails(path)?;
            self.store.remove(path).await
        }
    }

    fn failing(requests: u32, error: fn(Path) -> StoreError) -> Root {
        let mut root = Root::in_memory().unwrap();
        let store = Failing { store: Arc::clone(&root.versioned), left: requests.into(), error };
        root.versioned = Arc::new(store);
        root
    }

    fn unavailable(location: Path) -> StoreError {
        StoreError::OutcomeUnknown { location, source: "503 Service Unavailable".into() }
    }

    #[tokio::test]
    async fn a_request_that_fails_is_tried_again() {
        let root = failing(2, unavailable);
        let began = Instant::now();
        assert!(wait_for_store(&root, "s3://b", "me", false, &Stop::default()).await.unwrap());
        assert!(began.elapsed() >= FIRST_WAIT, "after a while");
    }

    #[tokio::test]
    async fn what_can_never_work_ends_it_at_once() {
        let root = failing(u32::MAX, |location| StoreError::NoVersion { location });
        let failure = wait_for_store(&root, "s3://b", "me", false, &Stop::default()).await.unwrap_err();
        assert!(failure.to_string().starts_with("error: `s3://b` cannot hold the state: "), "{failure}");
    }

    #[tokio::test]
    async fn who_is_asked_to_end_waits_no_longer() {
        let root = failing(u32::MAX, unavailable);
        let stop = Stop::default();
        let asks = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            stop.ask();
        };
        let (ended, ()) = tokio::join!(wait_for_store(&root, "s3://b", "me", false, &stop), asks);
        assert!(!ended.unwrap());
    }
}
