//! One input → what it cost, and whether the target survived it.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use cpu_time::ProcessTime;
use peak_alloc::PeakAlloc;

use crate::target::Target;

/// The stack of the thread that tries inputs, in bytes: what a thread of a runtime has.
pub const STACK_BYTES: usize = 2 << 20;

/// The cost that an input may have.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time of a processor, which other work on the machine changes little. A build without optimisation wants more than
    /// a second.
    pub time: Duration,
    /// Memory on top of what was held before, in bytes.
    pub memory: usize,
}

/// The way in which a target did not survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It panicked, or what must hold of every input did not.
    Panic(String),
    /// It took this long.
    Slow(Duration),
    /// It held this many bytes at once.
    Large(usize),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(message) => write!(f, "panic: {message}"),
            Self::Slow(time) => write!(f, "slow: {} ms", time.as_millis()),
            Self::Large(bytes) => write!(f, "large: {} MiB", bytes >> 20),
        }
    }
}

/// The cost of one input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Time of a processor, of all threads.
    pub time: Duration,
    /// Memory held at once on top of what was held before, in bytes.
    pub memory: usize,
}

/// Runs `target` on `input`, measured by `memory`, the allocator of the process.
pub fn attempt(target: &Target, input: &[u8], memory: &PeakAlloc, limits: Limits) -> (Cost, Option<Failure>) {
    memory.reset_peak_usage();
    let before = memory.current_usage();
    let began = ProcessTime::now();
    let survived = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let cost = Cost { time: began.elapsed(), memory: memory.peak_usage().saturating_sub(before) };
    let failure = match survived {
        Err(panic) => Some(Failure::Panic(message(panic.as_ref()))),
        Ok(()) if cost.time > limits.time => Some(Failure::Slow(cost.time)),
        Ok(()) if cost.memory > limits.memory => Some(Failure::Large(cost.memory)),
        Ok(()) => None,
    };
    (cost, failure)
}

/// Returns what a panic says.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no text)").to_owned()
}
