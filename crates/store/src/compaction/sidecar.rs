//! The list of what was replaced in an hour: `_compacted-<generation>.json.zst`.
//!
//! JSON, compressed with a checksum. Names are those of files in the same folder.

use std::io::Read as _;

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::counts::FileCounts;
use crate::names::DataFileName;

/// Name and version of the format.
const SCHEMA: &str = "fluo.compaction/v1";

const PREFIX: &str = "_compacted-";
const SUFFIX: &str = ".json.zst";

/// The largest sidecar that is read, in bytes: that of a million files.
const MAX_BYTES: u64 = 1 << 29;

const ZSTD_LEVEL: i32 = 9;

/// The files that were replaced in an hour, and those that replaced them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    schema: String,
    /// The generation of the hour that it is of. The first is 1.
    pub generation: u32,
    /// The compacted files that count, in the order in which they were made. None of them is ever replaced.
    pub outputs: Vec<Output>,
}

/// A compacted file, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The time at which it was made, by the clock of the run that made it; milliseconds since the epoch.
    pub at_ms: i64,
    /// The files whose spans it holds, in the order that its origins count them in.
    pub files: Vec<Replaced>,
}

/// A file that was replaced, and what was known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The proof of its bytes: see [`crate::root::etag`].
    pub etag: String,
    /// The store's tag of its content, as it was listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The time at which it was written; milliseconds since the epoch.
    pub modified_ms: i64,
    /// The time at which its raw object was written; milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingested_at_ms: Option<i64>,
    /// The counts of ingest.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub counts: FileCounts,
    /// Files of the same raw object that it had replaced as the newer one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<Older>,
}

/// A file of the same raw object in an older layout, or by an older decoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Older {
    /// Its name.
    pub name: String,
    /// The proof of its bytes.
    pub etag: String,
}

fn is_nothing(counts: &FileCounts) -> bool {
    *counts == FileCounts::default()
}

/// The reason for which an object is no sidecar that this version reads.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Occurs when it cannot be decompressed.
    #[error("it is damaged")]
    Compression(#[source] std::io::Error),
    /// Occurs when it holds something else.
    #[error("it is not what fluo writes")]
    Json(#[source] serde_json::Error),
    /// Occurs when it is of another version of the format.
    #[error("it is of another version: {0}")]
    Schema(String),
    /// Occurs when its name says another generation, or it names a file as no data file is named.
    #[error("it contradicts itself: {0}")]
    Contradiction(String),
}

impl Sidecar {
    /// Of an hour's generation.
    pub fn new(generation: u32, outputs: Vec<Output>) -> Self {
        Self { schema: SCHEMA.to_owned(), generation, outputs }
    }

    /// The name of the sidecar of a generation.
    pub fn name_of(generation: u32) -> String {
        format!("{PREFIX}{generation}{SUFFIX}")
    }

    /// The generation that a sidecar of this name is of; `None` where it is the name of something else.
    pub fn generation_of(name: &str) -> Option<u32> {
        let generation = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()?;
        (Self::name_of(generation) == name).then_some(generation)
    }

    /// Its bytes.
    ///
    /// # Errors
    ///
    /// None in practice: texts and numbers have a JSON form, and memory is enough for its compression.
    pub fn to_bytes(&self) -> std::io::Result<Bytes> {
        compressed(self)
    }

    /// Reads the sidecar of a generation.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] where it is damaged, of another version, or contradicts itself.
    pub fn read(bytes: &[u8], generation: u32) -> Result<Self, Unreadable> {
        let sidecar: Self = decompressed(bytes, MAX_BYTES)?;
        if sidecar.schema != SCHEMA {
            return Err(Unreadable::Schema(sidecar.schema));
        }
        if sidecar.generation != generation {
            let said = format!("its name says generation {generation}, and it {}", sidecar.generation);
            return Err(Unreadable::Contradiction(said));
        }
        let outputs = sidecar.outputs.iter().map(|output| &output.name);
        let files = sidecar.outputs.iter().flat_map(|output| output.files.iter().map(|file| &file.name));
        match outputs.chain(files).find(|name| DataFileName::parse(name).is_none()) {
            Some(name) => Err(Unreadable::Contradiction(format!("`{name}` is no data file's name"))),
            None => Ok(sidecar),
        }
    }
}

/// A value as compressed JSON, with a checksum.
pub(super) fn compressed(value: &impl Serialize) -> std::io::Result<Bytes> {
    let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    serde_json::to_writer(&mut encoder, value)?;
    Ok(encoder.finish()?.into())
}

/// A value of compressed JSON of at most so many bytes.
pub(super) fn decompressed<T: serde::de::DeserializeOwned>(bytes: &[u8], most: u64) -> Result<T, Unreadable> {
    let mut json = Vec::new();
    let decoder = zstd::Decoder::new(bytes).map_err(Unreadable::Compression)?;
    decoder.take(most).read_to_end(&mut json).map_err(Unreadable::Compression)?;
    serde_json::from_slice(&json).map_err(Unreadable::Json)
}

/// The place of something beside a data file's folder.
pub(super) fn beside(folder: &Path, name: &str) -> Path {
    folder.clone().join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar() -> Sidecar {
        let name = "1795345491200-1795345572000-2-9f86d081884c7d65-l1-d1.parquet".to_owned();
        let file = Replaced {
            name: name.clone(),
            size: 7,
            etag: "abc".to_owned(),
            tag: Some("\"abc\"".to_owned()),
            modified_ms: 3,
            ingested_at_ms: Some(2),
            counts: FileCounts { mended_spans: 1, ..FileCounts::default() },
            older: vec![Older { name: name.clone(), etag: "def".to_owned() }],
        };
        let output = Output { name, size: 9, at_ms: 4, files: vec![file] };
        Sidecar::new(3, vec![output])
    }

    #[test]
    fn a_sidecar_is_read_as_it_is_written() {
        let bytes = sidecar().to_bytes().unwrap();
        assert_eq!(Sidecar::read(&bytes, 3).unwrap(), sidecar());
        assert_eq!(bytes, sidecar().to_bytes().unwrap());
    }

    #[test]
    fn what_is_no_sidecar_says_why() {
        let whole = sidecar().to_bytes().unwrap();
        assert!(matches!(Sidecar::read(b"x", 3), Err(Unreadable::Compression(_))));
        assert!(matches!(Sidecar::read(&whole[..whole.len() - 3], 3), Err(Unreadable::Compression(_))));
        assert!(matches!(Sidecar::read(&whole, 4), Err(Unreadable::Contradiction(_))));
        assert!(matches!(Sidecar::read(&compressed(&1).unwrap(), 3), Err(Unreadable::Json(_))));
        let other = Sidecar { schema: "fluo.compaction/v9".to_owned(), ..sidecar() };
        assert!(matches!(Sidecar::read(&other.to_bytes().unwrap(), 3), Err(Unreadable::Schema(_))));
        let mut odd = sidecar();
        odd.outputs[0].files[0].name = "../x.parquet".to_owned();
        assert!(matches!(Sidecar::read(&odd.to_bytes().unwrap(), 3), Err(Unreadable::Contradiction(_))));
        for at in 0..whole.len() {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1;
            // Some bits of the frame's header say nothing.
            assert!(Sidecar::read(&bytes, 3).map_or(true, |read| read == sidecar()), "byte {at}");
        }
    }

    #[test]
    fn names_say_the_generation() {
        assert_eq!(Sidecar::name_of(12), "_compacted-12.json.zst");
        assert_eq!(Sidecar::generation_of("_compacted-12.json.zst"), Some(12));
        for name in ["_compacted-012.json.zst", "_compacted-.json.zst", "_compacted-1.json", "x"] {
            assert_eq!(Sidecar::generation_of(name), None, "{name}");
        }
    }
}
