//! Spans as little as is needed to see them together: parted by trace, put in order, each once.

/// A span of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) trace: [u8; 16],
    pub(crate) end: i64,
    pub(crate) span: [u8; 8],
    /// Zeros where it has none.
    pub(crate) parent: [u8; 8],
    /// End − start in nanoseconds.
    pub(crate) duration: i64,
    /// The number of its operation.
    pub(crate) operation: u32,
}

impl Row {
    pub(crate) fn start(&self) -> i64 {
        self.end.saturating_sub(self.duration)
    }

    pub(crate) fn is_root(&self) -> bool {
        self.parent == [0; 8]
    }
}

/// Traces are parted in so many, which are put in order one after the other.
const PARTS: usize = 64;

/// The traces that are looked at together: each `of`th, by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The number of the part, from 0.
    pub nth: u16,
    /// The number of parts; one at least.
    pub of: u16,
}

impl Slice {
    /// All traces.
    pub const ALL: Self = Self { nth: 0, of: 1 };

    pub(crate) fn has(self, trace: [u8; 16]) -> bool {
        number(trace) % self.of.max(1) == self.nth
    }
}

/// A number that says nothing of the trace: the last bytes of an id are random in all formats that there are.
fn number(trace: [u8; 16]) -> u16 {
    u16::from_be_bytes([trace[14] ^ trace[6], trace[15] ^ trace[7]])
}

/// Spans of some traces.
#[derive(Debug)]
pub(crate) struct Rows(Vec<Vec<Row>>);

impl Default for Rows {
    fn default() -> Self {
        Self((0..PARTS).map(|_| Vec::new()).collect())
    }
}

impl Rows {
    pub(crate) fn add(&mut self, row: Row) {
        self.0[usize::from(row.trace[13] ^ row.trace[5]) % PARTS].push(row);
    }

    /// Takes in others, whose operations have other numbers.
    pub(crate) fn take(&mut self, others: Self, renumbered: &[u32]) {
        for (own, mut part) in self.0.iter_mut().zip(others.0) {
            for row in &mut part {
                row.operation = renumbered.get(row.operation as usize).copied().unwrap_or(row.operation);
            }
            if own.is_empty() {
                *own = part;
            } else {
                own.append(&mut part);
            }
        }
    }

    /// Gives each trace with its spans in the order of their ends, without copies.
    pub(crate) fn each_trace(self, mut each: impl FnMut(&[Row])) {
        for mut part in self.0 {
            part.sort_unstable();
            part.dedup_by(|later, first| {
                (later.trace, later.end, later.span) == (first.trace, first.end, first.span)
            });
            part.chunk_by(|one, other| one.trace == other.trace).for_each(&mut each);
        }
    }
}
