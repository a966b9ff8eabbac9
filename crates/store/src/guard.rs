//! Panics of libraries as errors of the file that they read.
//!
//! Readers of Parquet and Arrow panic on some damaged files. One file must not end a process that reads thousands
//! (I7), so whatever parses bytes of a file runs here. What a guarded piece of work panics with is not printed: it is
//! told as the file's fault.

use std::any::Any;
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::task::Poll;

use futures::stream::{self, BoxStream, StreamExt};

/// A panic that was caught.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a library panicked: {message}")]
pub struct Panic {
    /// The panic's message.
    pub message: String,
}

thread_local! {
    /// Guarded work under way on this thread.
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Locks a cache, whoever panicked while it was locked: an entry is there whole, or it is missing.
pub fn locked<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work`, and returns its panic as an error.
///
/// Whatever `work` touches is to be given up after a panic.
///
/// # Errors
///
/// [`Panic`] where it panics.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    quieten();
    GUARDED.set(GUARDED.get() + 1);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(GUARDED.get() - 1);
    done.map_err(|payload| Panic { message: message(payload.as_ref()) })
}

/// Runs a future, and returns its panic as an error.
///
/// # Errors
///
/// [`Panic`] where it panics.
pub async fn guarded_future<T>(future: impl Future<Output = T>) -> Result<T, Panic> {
    let mut future = pin!(future);
    poll_fn(|context| match guarded(|| future.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// A stream whose panic is its last item.
pub fn guarded_stream<T: Send + 'static>(
    stream: BoxStream<'static, T>,
) -> BoxStream<'static, Result<T, Panic>> {
    let mut stream = Some(stream);
    stream::poll_fn(move |context| {
        let Some(inner) = &mut stream else { return Poll::Ready(None) };
        match guarded(|| inner.poll_next_unpin(context)) {
            Ok(poll) => poll.map(|item| item.map(Ok)),
            Err(panic) => {
                stream = None;
                Poll::Ready(Some(Err(panic)))
            }
        }
    })
    .boxed()
}

/// Makes the process print panics of guarded work no more; of all else it prints them as before.
fn quieten() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() == 0 {
                print(info);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(message: &'static str) -> u32 {
        let nothing: [u32; 0] = [];
        if message.is_empty() { nothing[message.len()] } else { panic!("{message}") }
    }

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(guarded(|| fails("odd")), Err(Panic { message: "odd".to_owned() }));
        assert!(guarded(|| fails("")).unwrap_err().message.contains("out of bounds"));
        assert_eq!(GUARDED.get(), 0);
    }

    #[tokio::test]
    async fn a_future_and_a_stream_end_with_their_panic() {
        let future = guarded_future(async { fails("at once") });
        assert_eq!(future.await.unwrap_err().message, "at once");
        assert_eq!(guarded_future(async { 3 }).await, Ok(3));
        let items = stream::iter([1, 2, 3]).map(|item| if item == 2 { fails("two") } else { item });
        let items: Vec<Result<u32, Panic>> = guarded_stream(items.boxed()).collect().await;
        assert_eq!(items, [Ok(1), Err(Panic { message: "two".to_owned() })]);
    }
}
