//! Threads that read a source side by side.

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use futures::TryStreamExt;
use futures::future::try_join_all;

use crate::error::EngineError;
use crate::files::Batches;

/// Threads that read; each gives a value at its end. They end with it, too.
pub(crate) struct Readers<T>(Vec<SpawnedTask<Result<T, EngineError>>>);

impl<T: Send + 'static> Readers<T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads batches on one more thread: `each` takes them in, and `end` gives what came of them.
    pub(crate) fn read<R: Send + 'static>(
        &mut self,
        mut batches: Batches,
        mut reader: R,
        each: impl Fn(&mut R, &RecordBatch) -> Result<(), EngineError> + Send + 'static,
        end: impl FnOnce(R) -> T + Send + 'static,
    ) {
        self.0.push(SpawnedTask::spawn(async move {
            while let Some(batch) = batches.try_next().await? {
                each(&mut reader, &batch)?;
            }
            Ok(end(reader))
        }));
    }

    /// Returns the values, in the order of the threads.
    ///
    /// # Errors
    ///
    /// That of the first thread that fails; the others are stopped.
    pub(crate) async fn ended(self) -> Result<Vec<T>, EngineError> {
        let ended = self
            .0
            .into_iter()
            .map(|thread| async { thread.await.map_err(|error| EngineError::Thread(Box::new(error)))? });
        try_join_all(ended).await
    }
}
