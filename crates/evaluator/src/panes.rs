//! Panes beside the state: what an evaluation summed up of long windows, for the next one in another process.
//!
//! ```text
//! panes/recent.zst                    all that the last evaluation used: replaced by each
//! panes/date=2026-11-22/hour=11.zst   the cells of an hour, for when windows end to reach over all of it
//! ```
//!
//! They are a cache, and may be deleted at any moment. What cannot be read of them is read from spans.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use fluo_engine::Panes;
use fluo_store::guard::locked;
use fluo_store::{Hour, Root, StoreError, read_if_present};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::chain;

/// The object that holds what the last evaluation used.
const RECENT: &str = "panes/recent.zst";

/// Panes, and the store that keeps them.
#[derive(Debug, Default)]
pub(crate) struct StoredPanes {
    known: Panes,
    fetched: Mutex<Fetched>,
}

#[derive(Debug, Default)]
struct Fetched {
    /// They are kept in the store: of looks at the past, they are not.
    open: bool,
    /// Hours of which nothing is stored.
    absent: BTreeSet<i64>,
    error: Option<String>,
}

impl StoredPanes {
    /// The panes.
    pub(crate) fn known(&self) -> &Panes {
        &self.known
    }

    /// Takes the last reason for which panes were not kept, or were of no use.
    pub(crate) fn error(&self) -> Option<String> {
        self.fetched().error.take()
    }

    /// Fetches what the last evaluation used, once in a process.
    pub(crate) async fn open(&self, root: &Root) {
        if std::mem::replace(&mut self.fetched().open, true) {
            return;
        }
        self.add(root, &Path::from(RECENT)).await;
    }

    /// Fetches what is stored of some hours. Returns whether anything was there.
    pub(crate) async fn fetch(&self, root: &Root, hours: BTreeSet<i64>) -> bool {
        let mut anything = false;
        for hour in hours {
            let may_be_there = {
                let fetched = self.fetched();
                fetched.open && !fetched.absent.contains(&hour)
            };
            if may_be_there {
                let added = self.add(root, &of_hour(hour)).await;
                anything |= added;
                if !added {
                    self.fetched().absent.insert(hour);
                }
            }
        }
        anything
    }

    /// Stores what the next evaluation needs, and the cells of the hours that were joined.
    pub(crate) async fn keep(&self, root: &Root) {
        for hour in self.known.take_joined() {
            let path = of_hour(hour);
            // Where it is not known what other rules have there, it stays.
            let Ok(before) = self.get(root, &path).await else { continue };
            match self.known.of_hour(hour, before.as_deref()) {
                Ok(bytes) => self.put(root, &path, bytes).await,
                Err(error) => self.fetched().error = Some(chain(&error)),
            }
            self.fetched().absent.remove(&hour);
        }
        match self.known.recent() {
            Ok(Some(bytes)) => self.put(root, &Path::from(RECENT), bytes).await,
            Ok(None) => {}
            Err(error) => self.fetched().error = Some(chain(&error)),
        }
    }

    /// Adds what an object holds; returns whether there was any use in it.
    async fn add(&self, root: &Root, path: &Path) -> bool {
        let Ok(Some(bytes)) = self.get(root, path).await else { return false };
        let added = self.known.add(&bytes);
        if let Err(error) = &added {
            self.fetched().error = Some(format!("`{path}`: {}", chain(error)));
        }
        added.is_ok()
    }

    /// Returns the bytes of an object; `None` where there is none.
    async fn get(&self, root: &Root, path: &Path) -> Result<Option<Bytes>, StoreError> {
        let got = read_if_present(root.store.as_ref(), &root.at(path)).await;
        if let Err(error) = &got {
            self.fetched().error = Some(chain(error));
        }
        got
    }

    async fn put(&self, root: &Root, path: &Path, bytes: Vec<u8>) {
        if let Err(error) = root.store.put(&root.at(path), bytes.into()).await {
            self.fetched().error = Some(chain(&error));
        }
    }

    fn fetched(&self) -> MutexGuard<'_, Fetched> {
        locked(&self.fetched)
    }
}

/// The object that holds the cells of an hour. Cells end with the moment that they are counted by, so that the first
/// moment of an hour lies in the cell before.
fn of_hour(hour: i64) -> Path {
    let hour = Hour(hour - 1);
    Path::from(format!("panes/{}.zst", hour.partition()))
}
