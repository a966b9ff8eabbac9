//! The counts of ingest for a data file and of the object that it came from, kept in the file's own metadata, where an
//! evaluator finds it with the footer that it reads anyway.
//!
//! ```text
//! fluo.set_aside      {"missing end time":2}                  what the object held and no file of it does
//! fluo.mended         {"text that is not UTF-8":41}           spans of this file, by what was mended of them
//! fluo.mended_spans   41                                      spans of this file of which anything was
//! ```
//!
//! A key stands there only if it has something to say. What an object held and could not be placed stands in its last
//! file; where it has none, in a file without rows in the hour in which the object was written, so that it is counted
//! once and by whoever looks at new files.

use std::collections::BTreeMap;

use fluo_spans::{Mended, SetAside};
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};

const SET_ASIDE: &str = "fluo.set_aside";
const MENDED: &str = "fluo.mended";
const MENDED_SPANS: &str = "fluo.mended_spans";

/// The counts of ingest. Reasons are texts, since another version's may be among them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileCounts {
    /// The spans that could not be placed, by reason.
    pub set_aside: BTreeMap<String, u64>,
    /// Spans that were mended, by reason.
    pub mended: BTreeMap<String, u64>,
    /// Spans that were mended.
    pub mended_spans: u64,
}

impl FileCounts {
    /// Of a file with such spans, and the object's rest.
    pub(crate) fn new(set_aside: &SetAside, mended: &Mended) -> Self {
        let owned = |counts: BTreeMap<&'static str, u64>| {
            counts.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect()
        };
        Self {
            set_aside: owned(set_aside.by_text()),
            mended: owned(mended.reasons.by_text()),
            mended_spans: mended.spans,
        }
    }

    /// Keys and values of a file's metadata.
    pub(crate) fn to_metadata(&self) -> Vec<(String, String)> {
        let reasons = |key: &str, counts: &BTreeMap<String, u64>| {
            // A map of texts and numbers always has a JSON form.
            let json = serde_json::to_string(counts).unwrap_or_default();
            (!counts.is_empty()).then(|| (key.to_owned(), json))
        };
        let spans = (self.mended_spans > 0).then(|| (MENDED_SPANS.to_owned(), self.mended_spans.to_string()));
        [reasons(SET_ASIDE, &self.set_aside), reasons(MENDED, &self.mended), spans]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Returns the counts of a file's metadata; nothing where they cannot be read, since another program wrote them.
    pub fn from_metadata(metadata: Option<&Vec<KeyValue>>) -> Self {
        let value = |key: &str| {
            let pair = metadata.into_iter().flatten().find(|pair| pair.key == key);
            pair.and_then(|pair| pair.value.as_deref())
        };
        let reasons =
            |key: &str| value(key).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        Self {
            set_aside: reasons(SET_ASIDE),
            mended: reasons(MENDED),
            mended_spans: value(MENDED_SPANS).and_then(|count| count.parse().ok()).unwrap_or_default(),
        }
    }

    /// Adds another file's.
    pub fn merge(&mut self, other: &Self) {
        for (all, more) in [(&mut self.set_aside, &other.set_aside), (&mut self.mended, &other.mended)] {
            for (reason, count) in more {
                let total = all.entry(reason.clone()).or_default();
                *total = total.saturating_add(*count);
            }
        }
        self.mended_spans = self.mended_spans.saturating_add(other.mended_spans);
    }

    /// Returns the number of spans that could not be placed.
    pub fn set_aside_total(&self) -> u64 {
        self.set_aside.values().fold(0, |total, count| total.saturating_add(*count))
    }
}
