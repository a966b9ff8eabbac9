//! SIGTERM and SIGINT: how `fluo run` is asked to end, and ended where it does not.
//!
//! Signals are taken by a thread of their own: all others may be busy with an evaluation, or wait for a disk. The first
//! asks ([`Stop`]); what is left to the process then is [`GRACE`] after the last notification on its way was answered.
//! The second ends it at once. Nothing is torn by either: the state is replaced in one step, and whoever comes next
//! finishes what is begun.

use std::process;
use std::thread;
use std::time::{Duration, Instant};

use fluo_alerts::log::Level;
use fluo_evaluator::Stop;
use serde_json::json;

use crate::exit::{Failure, Status};
use crate::terminal::log;

/// The time that a process which was asked to end may take, besides the notification that is on its way.
const GRACE: Duration = Duration::from_millis(1500);

/// The pause between two looks at whether one is on its way.
const LOOK: Duration = Duration::from_millis(20);

/// Listens for signals from now on. `status` is that of a process which has to be ended: what it had begun is not done.
pub(crate) fn listen(status: Status) -> Result<Stop, Failure> {
    let failed = |error| Failure::because("could not listen for signals", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let mut signals = {
        let _of_this_runtime = runtime.enter();
        Signals::new().map_err(failed)?
    };
    let stop = Stop::default();
    let asked = stop.clone();
    let thread = move || {
        let name = runtime.block_on(signals.next());
        log(Level::Info, "asked to end", json!({"signal": name}));
        asked.ask();
        runtime.block_on(async {
            tokio::select! {
                name = signals.next() => log(Level::Warning, "ended at once", json!({"signal": name})),
                () = patience(&asked) => log(Level::Warning, "ended in the middle of its work", json!({})),
            }
        });
        process::exit(i32::from(status.code()));
    };
    thread::Builder::new().name("signals".to_owned()).spawn(thread).map_err(failed)?;
    Ok(stop)
}

/// Returns when a process that was asked to end has had its time.
async fn patience(stop: &Stop) {
    let mut since = Instant::now();
    while since.elapsed() < GRACE {
        tokio::time::sleep(LOOK).await;
        if stop.is_sending() {
            since = Instant::now();
        }
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns the name of the next one.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        // Where it cannot be listened to, the process is ended without being asked.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
