//! The layout of a store, brought up to what rules ask for.

use object_store::path::Path;

use super::{Asked, LOCATION, LayoutError, Next, StoredLayout, read};
use crate::error::StoreError;
use crate::root::Root;
use crate::versioned::Swap;

/// The number of times that a lost swap is tried again.
const MOST_LOST: u32 = 20;

/// The outcome of bringing the layout up to the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The layout that was there.
    pub before: StoredLayout,
    /// The step that was made, or the layout as it was.
    pub next: Next,
}

/// Brings the layout of a store up to what rules ask for, and returns what became of it. Of those that do so at a time one
/// wins, and the others go on from there. `now_ms`: the time, in milliseconds since the epoch.
///
/// # Errors
///
/// [`LayoutError`] where the layout cannot be read or written. It is then the one that was there, or the next one.
pub async fn keep(root: &Root, asked: &Asked, now_ms: i64) -> Result<Kept, LayoutError> {
    let path = root.at(&Path::from(LOCATION));
    for _ in 0..MOST_LOST {
        let (stored, version) = match read(root).await? {
            Some((stored, version)) => (stored, Some(version)),
            None => (StoredLayout::built_in(), None),
        };
        let next = stored.next(asked, now_ms);
        let kept = Kept { before: stored, next };
        if !kept.next.is_changed {
            return Ok(kept);
        }
        match root.versioned.swap(&path, version.as_ref(), kept.next.layout.encode()?).await {
            Ok(Swap::Swapped(_)) => return Ok(kept),
            Ok(Swap::Lost) => {}
            Err(StoreError::OutcomeUnknown { .. }) => {
                // Another may have written it: it is what was wanted.
                if read(root).await?.is_some_and(|(stored, _)| stored == kept.next.layout) {
                    return Ok(kept);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(LayoutError::Contended(MOST_LOST))
}
