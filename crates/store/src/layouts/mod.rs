//! The layout of a store: which attributes have columns in the data files that are written next.
//!
//! ```text
//! deployed rules ─ attributes that they read ─▶ next ─▶ state/layout.json ─▶ ingest, compaction: files of this layout
//!                                                 ▲              │
//!                                                 └──── compare-and-swap
//! ```
//!
//! The object is made and replaced by whoever evaluates rules; where there is none, files have the layout that is built
//! in. Nothing depends on it: a file says of itself which columns it has, and one that was written in an older layout, or
//! in the built-in one because the object could not be read, is read as before.
//!
//! | module | does |
//! | --- | --- |
//! | `next` | a layout, what rules ask for, a time → the next layout |
//! | `keep` | the same in a store, by compare-and-swap (I3) |
//! | `known` | the layout as those know it who write files, however the store is |
//! | `measure` | spans, layouts → what columns and maps take |

mod keep;
mod known;
mod measure;
mod next;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use bytes::Bytes;
use fluo_spans::layout::{AttributeScope, Layout};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::root::Root;
use crate::versioned::Version;

pub use keep::{Kept, keep};
pub use known::KnownLayout;
pub use measure::{ColumnSizes, Sample, sample, sizes};
pub use next::{Asked, KEPT_MS, LeftOut, MOST_ADDED, Next};

/// The place of the layout, below the root of the store.
pub const LOCATION: &str = "state/layout.json";

/// Name and version of that object's format.
const SCHEMA: &str = "fluo.layout/v1";

/// The largest object that is taken for a layout, in bytes, and the most columns that it may name.
const MAX_BYTES: usize = 1 << 20;
const MAX_COLUMNS: usize = 1024;

/// An attribute: its owner and its key.
pub type Attribute = (AttributeScope, String);

/// The layout of a store, with what decides of the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLayout {
    schema: String,
    /// Higher is newer. That of the layout that is built in is 1.
    pub number: u32,
    /// The attributes that have columns, sorted by owner and key.
    pub columns: Vec<Column>,
    /// Those that had one in earlier layouts, sorted by owner and key: files of that time still have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Former>,
}

/// An attribute with a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The owner of the attribute.
    pub of: Owner,
    /// Its key.
    pub key: String,
    /// The first layout of those in a row that have it.
    pub since: u32,
    /// The time since when no rule has asked for it, in milliseconds since the epoch; `None` where one does, or where the
    /// column is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unasked_since_ms: Option<i64>,
}

/// An attribute that had a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// The owner of the attribute.
    pub of: Owner,
    /// Its key.
    pub key: String,
    /// The first layout without it.
    pub until: u32,
}

/// The owner of an attribute, as JSON has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A span.
    Span,
    /// A resource.
    Resource,
}

impl From<AttributeScope> for Owner {
    fn from(scope: AttributeScope) -> Self {
        match scope {
            AttributeScope::Span => Self::Span,
            AttributeScope::Resource => Self::Resource,
        }
    }
}

impl From<Owner> for AttributeScope {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Span => Self::Span,
            Owner::Resource => Self::Resource,
        }
    }
}

/// The reasons why the layout of a store cannot be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Occurs when the store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when the store does not answer in time.
    #[error("`{LOCATION}` was not read within {0} s")]
    Slow(u64),
    /// Occurs when the object was changed by hand into something else.
    #[error("`{LOCATION}` cannot be read: delete it, and the next evaluation writes it anew")]
    Json(#[from] serde_json::Error),
    /// Occurs when it is of another version of the format.
    #[error("`{LOCATION}` is of format `{0}`, and this version of fluo reads `{SCHEMA}`")]
    Schema(String),
    /// Occurs when it names what cannot be a layout.
    #[error("`{LOCATION}` is no layout: {0}. Delete it, and the next evaluation writes it anew")]
    Contradiction(&'static str),
    /// Occurs when others replace it again and again.
    #[error("`{LOCATION}` was replaced by others {0} times in a row")]
    Contended(u32),
}

impl StoredLayout {
    /// Returns the layout of a store that has none of its own: the built-in one.
    pub fn built_in() -> Self {
        let builtin = Layout::builtin();
        let column = |scope: AttributeScope, key: &str| Column {
            of: scope.into(),
            key: key.to_owned(),
            since: builtin.number,
            unasked_since_ms: None,
        };
        Self {
            schema: SCHEMA.to_owned(),
            number: builtin.number,
            columns: builtin
                .columns
                .iter()
                .map(|column_of| column(column_of.scope, &column_of.key))
                .collect(),
            former: Vec::new(),
        }
    }

    /// Returns the layout that files are written in.
    pub fn layout(&self) -> Layout {
        let columns = self.columns.iter().map(|column| (column.of.into(), column.key.as_str()));
        Layout::new(self.number, columns)
    }

    /// Returns all columns that files of this layout and of those before it have, under this layout's number: for views over
    /// files of all ages.
    pub fn with_former(&self) -> Layout {
        let columns = self.columns.iter().map(|column| (column.of.into(), column.key.as_str()));
        let former = self.former.iter().map(|former| (former.of.into(), former.key.as_str()));
        Layout::new(self.number, columns.chain(former))
    }

    /// Returns the column of an attribute, where it has one.
    pub fn column(&self, (scope, key): &Attribute) -> Option<&Column> {
        self.columns.iter().find(|column| AttributeScope::from(column.of) == *scope && column.key == *key)
    }

    fn decode(bytes: &[u8]) -> Result<Self, LayoutError> {
        if bytes.len() > MAX_BYTES {
            return Err(LayoutError::Contradiction("it is larger than a megabyte"));
        }
        let stored: Self = serde_json::from_slice(bytes)?;
        if stored.schema != SCHEMA {
            return Err(LayoutError::Schema(stored.schema));
        }
        if stored.number == 0 {
            return Err(LayoutError::Contradiction("layouts are counted from 1"));
        }
        if stored.columns.len() > MAX_COLUMNS || stored.former.len() > MAX_COLUMNS {
            return Err(LayoutError::Contradiction("it has more than a thousand columns"));
        }
        if stored.layout().columns.len() != stored.columns.len() {
            return Err(LayoutError::Contradiction("two of its keys have one column"));
        }
        Ok(stored)
    }

    /// Returns the object's bytes: JSON of ASCII alone, whatever keys hold.
    fn encode(&self) -> Result<Bytes, LayoutError> {
        let json = serde_json::to_string_pretty(self)?;
        let mut ascii = String::with_capacity(json.len() + 1);
        for character in json.chars() {
            if character.is_ascii() && character != '\u{7f}' {
                ascii.push(character);
            } else {
                // Such a character stands in a text only, behind no backslash.
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a `String` cannot fail.
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
        ascii.push('\n');
        Ok(ascii.into())
    }
}

/// Reads the layout of a store, and the version to replace it by; `None` where the store has none of its own.
///
/// # Errors
///
/// [`LayoutError`] where it cannot be read.
pub async fn read(root: &Root) -> Result<Option<(StoredLayout, Version)>, LayoutError> {
    match root.versioned.read(&root.at(&Path::from(LOCATION))).await? {
        Some((bytes, version)) => Ok(Some((StoredLayout::decode(&bytes)?, version))),
        None => Ok(None),
    }
}
