//! The memory that a rule may use, and work that threads share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::prelude::SessionContext;

use crate::error::EngineError;

/// Memory of one rule in a pass, shared by its threads. What all rules use together is bounded by the session, and one
/// rule may use half of it: it is out before the others are.
#[derive(Debug)]
pub(crate) struct Budget {
    reservation: MemoryReservation,
    most: usize,
}

impl Budget {
    /// Of the rule of this name.
    pub(crate) fn new(session: &SessionContext, name: &str) -> Self {
        let pool = Arc::clone(&session.runtime_env().memory_pool);
        let most = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / 2,
            _ => usize::MAX,
        };
        Self { reservation: MemoryConsumer::new(name).register(&pool), most }
    }

    /// Takes so many bytes more.
    ///
    /// # Errors
    ///
    /// [`EngineError::Memory`] where they are too many.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), EngineError> {
        if self.reservation.size().saturating_add(bytes) > self.most {
            let reason = format!("a rule may use {} bytes", self.most);
            return Err(DataFusionError::ResourcesExhausted(reason).into());
        }
        Ok(self.reservation.try_grow(bytes)?)
    }
}

/// Things that are worked on before whoever waits may change its mind.
const AT_ONCE: usize = 16;

/// Does something with each of many things, on all processors. Returns what came of them, in their order.
pub(crate) async fn each<T: Send, R: Send>(things: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut all = Vec::with_capacity(things.len());
    let mut things = things.into_iter();
    loop {
        let some: Vec<T> = things.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return all;
        }
        all.extend(shared(some, &work));
        tokio::task::yield_now().await;
    }
}

/// Does something with each of some things, on all processors.
fn shared<T: Send, R: Send>(things: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if things.len() < 2 * threads {
        return things.into_iter().map(work).collect();
    }
    let slots: Vec<Mutex<(Option<T>, Option<R>)>> =
        things.into_iter().map(|thing| Mutex::new((Some(thing), None))).collect();
    let next = AtomicUsize::new(0);
    let (slots_of_all, work) = (&slots, &work);
    let one = || {
        while let Some(slot) = slots_of_all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.1 = slot.0.take().map(work);
        }
    };
    // A thread costs more than most things: this one takes its part.
    thread::scope(|scope| {
        (1..threads).for_each(|_| _ = scope.spawn(one));
        one();
    });
    slots.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner).1).collect()
}
