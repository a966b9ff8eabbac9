//! Files that turn out to be unreadable while a rule is judged: left out, and the rule is judged over the rest.
//!
//! A sound footer may stand before damaged pages, and a store may go down between the opening of a file and its
//! reading. Which file it was, the error says.

use std::sync::Arc;

use fluo_store::FileFault;
use fluo_store::guard::guarded_future;
use fluo_time::TimeRange;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::EngineError;
use crate::open::ask;
use crate::source::{FileOf, SpanSource};

/// A file that was left out.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// The reason why.
    pub fault: FileFault,
    /// The range of the end times of its spans.
    pub ends: TimeRange,
}

/// The outcome of a look over a source.
#[derive(Debug)]
pub enum Tried<T> {
    /// No file was at fault.
    Ended(Result<T, EngineError>),
    /// These files could not be read.
    Faulty(Vec<LeftOut>),
}

/// Does `look` over a source without the files that it finds unreadable, which are added to `left_out`.
///
/// # Errors
///
/// As of [`tried`].
pub async fn without_faulty<T>(
    source: &mut SpanSource,
    left_out: &mut Vec<LeftOut>,
    look: impl AsyncFn(&SpanSource) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    loop {
        match tried(source, &look).await {
            Tried::Ended(result) => return result,
            Tried::Faulty(faulty) => left_out.extend(faulty),
        }
    }
}

/// Does `look` over a source once. Files that it finds unreadable are left out of the source.
///
/// A panic ends this look and not the process: it is an error like others.
///
/// # Errors
///
/// Those of `look`, and [`EngineError::Panic`].
pub async fn tried<T>(
    source: &mut SpanSource,
    look: impl AsyncFnOnce(&SpanSource) -> Result<T, EngineError>,
) -> Tried<T> {
    let fault = match guarded_future(Box::pin(look(source))).await {
        Ok(Err(EngineError::File(fault))) => fault,
        Ok(result) => return Tried::Ended(result),
        Err(panic) => return Tried::Ended(Err(panic.into())),
    };
    let Some(ends) = source.leave_out(fault.location()) else {
        return Tried::Ended(Err(EngineError::File(fault)));
    };
    let mut left_out = Vec::new();
    let down = fault.is_unavailable();
    left_out.push(LeftOut { fault, ends });
    if down {
        leave_out_unreachable(source, &mut left_out).await;
    }
    Tried::Faulty(left_out)
}

/// Leaves out all files that the store does not give at present: each would end a look of its own.
async fn leave_out_unreachable(source: &mut SpanSource, left_out: &mut Vec<LeftOut>) {
    let files: Vec<(Arc<dyn ObjectStore>, FileOf)> =
        source.files().map(|(cache, file)| (Arc::clone(cache.store()), file.clone())).collect();
    let all: Vec<&(Arc<dyn ObjectStore>, FileOf)> = files.iter().collect();
    let answers = ask(
        &all,
        |(_, file)| &file.object.location,
        async |(store, file): &(Arc<dyn ObjectStore>, FileOf)| {
            let location = &file.object.location;
            let read = store.get_range(location, 0..1).await;
            read.map(drop).map_err(|error| FileFault::unavailable(location, error))
        },
    )
    .await;
    for fault in answers.into_iter().filter_map(Result::err) {
        if let Some(ends) = source.leave_out(fault.location()) {
            left_out.push(LeftOut { fault, ends });
        }
    }
}
