//! A process that tries one input after another.
//!
//! Before each, it writes the input's number to a file: whoever sees it die knows of what. What it survives badly it
//! says on a line of JSON, and goes on.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use serde_json::json;

use crate::attempt::{Cost, Limits, STACK_BYTES, attempt};
use crate::input::Inputs;

/// The inputs that a worker tries.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// The number of the first.
    pub from: u64,
    /// The number behind the last.
    pub to: u64,
    /// No input is begun after so much time.
    pub time: Duration,
}

/// Tries inputs, and writes findings and the sum to `output`, one JSON object a line.
///
/// `current` is the file that always holds the number of the input that is being tried: eight bytes, little-endian.
pub fn work(
    inputs: Inputs,
    work: Work,
    limits: Limits,
    memory: &'static PeakAlloc,
    current: &Path,
    output: &mut dyn io::Write,
) -> io::Result<()> {
    let place = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&place);
    // The default hook writes a panic to standard error; here it is a finding, and its place is part of it.
    std::panic::set_hook(Box::new(move |panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }));
    let current = File::create(current)?;
    let (send, receive) = std::sync::mpsc::channel();
    let trying = move || -> io::Result<()> {
        let began = Instant::now();
        let (mut tried, mut worst) = (0_u64, Cost::default());
        for number in work.from..work.to {
            if began.elapsed() >= work.time {
                break;
            }
            remember(&current, number)?;
            let input = inputs.get(number);
            let (cost, failure) = attempt(inputs.target(), &input, memory, limits);
            tried += 1;
            worst = Cost { time: worst.time.max(cost.time), memory: worst.memory.max(cost.memory) };
            if let Some(failure) = failure {
                let at = std::mem::take(&mut *place.lock().unwrap_or_else(PoisonError::into_inner));
                let line = json!({"number": number, "failure": failure.to_string(), "at": at});
                send.send(line.to_string()).map_err(io::Error::other)?;
            }
        }
        let line = json!({
            "tried": tried,
            "longest_ms": u64::try_from(worst.time.as_millis()).unwrap_or(u64::MAX),
            "largest_bytes": worst.memory,
        });
        send.send(line.to_string()).map_err(io::Error::other)
    };
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(trying)?;
    for line in receive {
        writeln!(output, "{line}")?;
        output.flush()?;
    }
    thread.join().map_err(|_| io::Error::other("the thread that tries inputs panicked outside a target"))?
}

/// Leaves behind what is being tried.
fn remember(mut file: &File, number: u64) -> io::Result<()> {
    file.rewind()?;
    file.write_all(&number.to_le_bytes())
}
