//! The reasons why an object could not be decoded at all.
//!
//! All of these are permanent: the same bytes fail again, so the object belongs in quarantine, not
//! in a retry. Single spans and single documents that fail among good ones are no error: they are
//! [set aside](crate::set_aside) and counted.

use std::fmt;
use std::io;

/// An object that yields nothing.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Occurs when the object decompresses to more than
    /// [`Limits::max_bytes`](crate::Limits::max_bytes), or says that it will.
    #[error("decompresses to more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// Occurs when all spans of an object, each with its resource and scope, take more than
    /// [`Limits::max_object_cost`](crate::Limits::max_object_cost).
    #[error("its spans take more than {limit} bytes, each with its resource and scope")]
    TooCostly {
        /// The limit.
        limit: u64,
    },
    /// Occurs when a compressed stream ends before its end mark.
    #[error("the {compression} stream is cut off")]
    CutOff {
        /// The compression.
        compression: Compression,
    },
    /// Occurs when a compressed stream is damaged, or is followed by something else.
    #[error("the {compression} stream is damaged")]
    Damaged {
        /// The compression.
        compression: Compression,
        /// The decompressor's error.
        source: io::Error,
    },
    /// Occurs when what comes out of decompression is compressed again.
    #[error("compressed twice: what the {outer} stream holds is {inner} again")]
    CompressedTwice {
        /// The compression that was removed.
        outer: Compression,
        /// The one found beneath.
        inner: Compression,
    },
    /// Occurs when JSON breaks off or breaks its grammar, or where OTLP's outer structure (the lists
    /// down to the spans) is of the wrong type.
    #[error("unreadable OTLP JSON at byte {offset}: {problem}")]
    Json {
        /// The place, in the decompressed bytes.
        offset: usize,
        /// The problem there.
        problem: &'static str,
    },
    /// Occurs when bytes that are not JSON are not a protobuf export request either, or its outer
    /// structure (down to the spans) is broken.
    #[error("neither JSON nor a readable OTLP protobuf message: {problem} at byte {offset}")]
    Protobuf {
        /// The place, in the message.
        offset: usize,
        /// The problem there.
        problem: &'static str,
    },
    /// Occurs when a length-prefixed file's last message is shorter than its length says, and no
    /// other could be read.
    #[error("the message at byte {offset} is cut off: its length says {length} bytes, {left} are left")]
    Frame {
        /// The place of its length.
        offset: usize,
        /// The length that it says.
        length: usize,
        /// The length that is there.
        left: usize,
    },
    /// Occurs when Parquet, or every part of it in which spans may have stood, cannot be read.
    #[error("unreadable Parquet")]
    Parquet {
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Occurs when Parquet is a data file that fluo wrote.
    #[error(
        "a data file of fluo, which needs no ingest: it is read as it is, by a name that ends in .parquet"
    )]
    DataFile,
    /// Occurs when Parquet lacks columns that every flat table of spans has.
    #[error("no flat table of spans: it lacks the columns {missing}")]
    NotSpanTable {
        /// Their names, as ClickHouse's tables have them.
        missing: String,
    },
    /// Occurs when the object can be read, but is no trace data: logs, metrics, profiles, or
    /// something that has nothing to do with OTLP.
    #[error("not traces: {0}")]
    NotTraces(Foreign),
}

/// The kind of data that stands where traces were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// OTLP logs.
    Logs,
    /// OTLP metrics.
    Metrics,
    /// OTLP profiles.
    Profiles,
    /// Well-formed, but with nothing in it that OTLP knows.
    Unknown,
}

impl fmt::Display for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Logs => "these are OTLP logs",
            Self::Metrics => "these are OTLP metrics",
            Self::Profiles => "these are OTLP profiles",
            Self::Unknown => "nothing in it is part of an OTLP export request",
        })
    }
}

/// The compression of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}
