//! The data files that an evaluation reads, with their footers, and those that it could not read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionContext;
use fluo_alerts::life_cycle::{Stretch, joined};
use fluo_engine::source::{SpanFile, SpanSource};
use fluo_engine::{EngineError, open};
use fluo_plan::TimeRange;
use fluo_spans::layout::Layout;
use fluo_store::{DataFile, Footer, Root, footer};
use futures::{StreamExt, stream};
use object_store::path::Path;

use crate::chain;
use crate::state::Damaged;

/// Footers read at a time.
const CONCURRENT_FOOTERS: usize = 16;

/// Footers that are kept: a few hundred bytes each.
const MOST_FOOTERS: usize = 100_000;

/// Reads data files of one store, and remembers their footers.
#[derive(Debug)]
pub struct SpanData {
    root: Root,
    url: ObjectStoreUrl,
    footers: Mutex<BTreeMap<String, Footer>>,
}

/// When the spans of a file ended, as far as its name says: everything, where it says nothing.
pub(crate) fn ends_of(file: &DataFile) -> Stretch {
    let nanos = |millis: i64| millis.saturating_mul(1_000_000);
    file.name.as_ref().map_or(Stretch { from: i64::MIN, to: i64::MAX }, |name| Stretch {
        from: nanos(name.min_end_ms),
        to: nanos(name.max_end_ms),
    })
}

impl SpanData {
    /// Of the store at `root`, which `runtime` learns to read.
    ///
    /// # Errors
    ///
    /// [`DataFusionError`] where the root's URL is none that DataFusion takes; those of [`Root`] are.
    pub fn new(root: Root, runtime: &RuntimeEnv) -> Result<Self, DataFusionError> {
        let url = ObjectStoreUrl::parse(root.url.as_str())?;
        runtime.register_object_store(&root.url, Arc::clone(&root.store));
        Ok(Self { root, url, footers: Mutex::default() })
    }

    /// The store.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// A file's place below the root.
    pub(crate) fn name(&self, file: &DataFile) -> String {
        self.name_of(&file.location)
    }

    fn name_of(&self, location: &Path) -> String {
        let below = location.prefix_match(&self.root.prefix);
        below.map_or_else(|| location.to_string(), |parts| parts.collect::<Path>().to_string())
    }

    /// The given files as a source. Those that cannot be read are added to `damaged`, and left out, as are those that
    /// are there already.
    pub(crate) async fn source(&self, files: &[DataFile], damaged: &mut Vec<Damaged>) -> SpanSource {
        let mut source = SpanSource::default();
        let is_damaged = |file: &&DataFile| damaged.iter().any(|known| known.name == self.name(file));
        let (_, sound): (Vec<&DataFile>, Vec<&DataFile>) = files.iter().partition(is_damaged);
        let footers: Vec<(&DataFile, Result<Footer, String>)> = stream::iter(sound)
            .map(|file| async move { (file, self.footer(file).await) })
            .buffered(CONCURRENT_FOOTERS)
            .collect()
            .await;
        let mut by_layout: BTreeMap<Layout, Vec<SpanFile>> = BTreeMap::new();
        for (file, footer) in footers {
            match footer {
                Ok(Footer { layout, ends: Some(ends), .. }) => {
                    let ends = TimeRange { from: *ends.start(), to: *ends.end() };
                    let file = SpanFile { object: open::object_meta(file), ends };
                    by_layout.entry(layout).or_default().push(file);
                }
                // A file without rows has nothing to read.
                Ok(Footer { ends: None, .. }) => {}
                Err(reason) => {
                    damaged.push(Damaged { name: self.name(file), ends: ends_of(file), reason });
                }
            }
        }
        for (layout, files) in by_layout {
            source.add_files(self.url.clone(), files, layout);
        }
        for damaged in damaged.iter() {
            source.add_damage(TimeRange { from: damaged.ends.from, to: damaged.ends.to });
        }
        source
    }

    async fn footer(&self, file: &DataFile) -> Result<Footer, String> {
        let key = format!("{} {} {}", file.location, file.size, file.e_tag.as_deref().unwrap_or_default());
        let known = self.footers.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(footer) = known {
            return Ok(footer);
        }
        let read = footer(self.root.store.as_ref(), &file.location, file.size).await;
        let footer = read.map_err(|error| chain(&error))?;
        let mut footers = self.footers.lock().unwrap_or_else(PoisonError::into_inner);
        if footers.len() >= MOST_FOOTERS {
            footers.clear();
        }
        footers.insert(key, footer.clone());
        Ok(footer)
    }

    /// After a query failed: finds the files that cannot be read to their end, and leaves them out.
    pub(crate) async fn leave_out_damaged(
        &self,
        session: &SessionContext,
        source: &mut SpanSource,
        damaged: &mut Vec<Damaged>,
    ) -> Result<bool, EngineError> {
        let found = source.leave_out_damaged(session).await?;
        let any = !found.is_empty();
        for (location, ends, error) in found {
            let ends = Stretch { from: ends.from, to: ends.to };
            let name = self.name_of(&location);
            damaged.push(Damaged { name, ends, reason: chain(&error) });
        }
        Ok(any)
    }
}

/// Event times of which spans may be missing, in order.
pub(crate) fn stretches(damaged: &[Damaged]) -> Vec<Stretch> {
    joined(damaged.iter().map(|damaged| damaged.ends).collect())
}
