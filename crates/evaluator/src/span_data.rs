//! The data files that an evaluation reads, with their footers, and those that it could not read.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use fluo_alerts::life_cycle::{Stretch, joined};
use fluo_engine::{DataFiles, EngineError, LeftOut, Opened, SpanSource};
use fluo_plan::TimeRange;
use fluo_store::{DataFile, FileFault, Root};
use object_store::path::Path;

use crate::chain;
use crate::state::Damaged;

/// Reads data files of one store, and remembers what they are.
#[derive(Debug)]
pub struct SpanData {
    root: Root,
    files: DataFiles,
}

/// When the spans of a file ended, as far as its place says.
pub(crate) fn ends_of(file: &DataFile) -> Stretch {
    let ends = file.ends_ns();
    Stretch { from: *ends.start(), to: *ends.end() }
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
        Ok(Self { files: DataFiles::new(Arc::clone(&root.store), url), root })
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

    /// The given files as a source. Those that are damaged are added to `damaged`, and left out, as are those that are
    /// there already.
    ///
    /// # Errors
    ///
    /// [`EngineError::File`] where a request for one fails: nothing is known of it yet.
    pub(crate) async fn source(
        &self,
        files: &[DataFile],
        damaged: &mut Vec<Damaged>,
    ) -> Result<SpanSource, EngineError> {
        let is_damaged = |file: &&DataFile| damaged.iter().any(|known| known.name == self.name(file));
        let sound: Vec<DataFile> = files.iter().filter(|file| !is_damaged(file)).cloned().collect();
        let Opened { mut source, faults, .. } = self.files.source(&sound).await;
        for known in damaged.iter() {
            source.add_damage(TimeRange { from: known.ends.from, to: known.ends.to });
        }
        for (file, fault) in faults {
            damaged.push(self.damaged(fault, ends_of(&file))?);
        }
        Ok(source)
    }

    /// Adds files that were found to be damaged while they were read.
    pub(crate) fn left_out(
        &self,
        files: Vec<LeftOut>,
        damaged: &mut Vec<Damaged>,
    ) -> Result<(), EngineError> {
        for LeftOut { fault, ends } in files {
            damaged.push(self.damaged(fault, Stretch { from: ends.from, to: ends.to })?);
        }
        Ok(())
    }

    fn damaged(&self, fault: FileFault, ends: Stretch) -> Result<Damaged, EngineError> {
        if fault.is_unavailable() {
            return Err(EngineError::File(fault));
        }
        Ok(Damaged { name: self.name_of(fault.location()), ends, reason: chain(fault.reason()) })
    }
}

/// Event times of which spans may be missing, in order.
pub(crate) fn stretches(damaged: &[Damaged]) -> Vec<Stretch> {
    joined(damaged.iter().map(|damaged| damaged.ends).collect())
}
