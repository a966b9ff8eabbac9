//! The columns of data files, known once for all files that have the same.
//!
//! Thousands of small files share one schema. To make it anew of each footer, and Arrow's of it, would take longer than
//! to read the rows of such a file. Schemas are the same if the bytes are that say them in the footer.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use fluo_spans::layout::Layout;
use fluo_spans::schema::{columns, span_schema};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataOptions, ParquetStatisticsPolicy};
use parquet::schema::types::SchemaDescPtr;

use crate::guard::{guarded, locked};
use crate::thrift;

/// Schemas that are kept.
const MOST: usize = 64;

/// The most bytes of a schema that is kept: many times those of ours, and a bound for those of others.
const LARGEST: usize = 256 << 10;

/// Columns whose statistics somebody looks at.
const WITH_STATISTICS: [&str; 2] = [columns::END_TIME, columns::INGESTED_AT];

/// The schemas that were met in a store.
#[derive(Debug, Default)]
pub struct Schemas {
    /// By the bytes that say them.
    known: Mutex<HashMap<Vec<u8>, Arc<FileSchema>>>,
}

/// The schema of some data files.
#[derive(Debug)]
pub struct FileSchema {
    columns: SchemaDescPtr,
    /// The layouts that it was compared with, each with `true` if its columns are those of the layout.
    fits: Mutex<Vec<(Layout, bool)>>,
    selections: Mutex<Vec<Arc<Selection>>>,
}

/// Some columns of a schema, as readers need to know them.
#[derive(Debug)]
pub struct Selection {
    layout: Layout,
    names: BTreeSet<String>,
    pub(crate) levels: FieldLevels,
    /// The places of their leaves.
    pub(crate) leaves: Vec<usize>,
}

impl Schemas {
    /// The schema that the bytes of a footer say, if it was met.
    pub(crate) fn of(&self, footer: &[u8]) -> Option<Arc<FileSchema>> {
        locked(&self.known).get(thrift::schema(footer)?).cloned()
    }

    /// Keeps the schema of a footer.
    pub(crate) fn keep(&self, footer: &[u8], metadata: &ParquetMetaData) -> Arc<FileSchema> {
        let columns = metadata.file_metadata().schema_descr_ptr();
        let schema = Arc::new(FileSchema { columns, fits: Mutex::default(), selections: Mutex::default() });
        if let Some(bytes) = thrift::schema(footer).filter(|bytes| bytes.len() <= LARGEST) {
            let mut known = locked(&self.known);
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(bytes.to_vec(), Arc::clone(&schema));
        }
        schema
    }
}

impl FileSchema {
    /// The options to parse a footer of this schema with: of statistics, those that somebody looks at.
    pub(crate) fn options(&self) -> ParquetMetaDataOptions {
        let looked_at = |path: &[String]| matches!(path, [name] if WITH_STATISTICS.contains(&name.as_str()));
        let keep = self.leaves(looked_at);
        ParquetMetaDataOptions::new()
            .with_schema(Arc::clone(&self.columns))
            .with_column_stats_policy(ParquetStatisticsPolicy::skip_except(&keep))
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
    }

    /// Returns whether its columns are those of a layout. `check`: how that is found out.
    pub(crate) fn fits(&self, layout: &Layout, check: impl FnOnce() -> bool) -> bool {
        if let Some((_, fits)) = locked(&self.fits).iter().find(|(known, _)| known == layout) {
            return *fits;
        }
        let fits = check();
        remember(&self.fits, (layout.clone(), fits));
        fits
    }

    /// The named columns, in the types of a layout and in its order. What a file itself says of Arrow's types is not
    /// looked at: nothing vouches for it in every file.
    ///
    /// # Errors
    ///
    /// [`ParquetError`] where its columns are not those of the layout.
    pub fn selected(
        &self,
        layout: &Layout,
        columns: &BTreeSet<String>,
    ) -> Result<Arc<Selection>, ParquetError> {
        let is_known = |known: &&Arc<Selection>| known.layout == *layout && known.names == *columns;
        if let Some(known) = locked(&self.selections).iter().find(is_known) {
            return Ok(Arc::clone(known));
        }
        let leaves = self.leaves(|path| path.first().is_some_and(|name| columns.contains(name)));
        let mask = ProjectionMask::leaves(&self.columns, leaves.iter().copied());
        let schema = span_schema(layout);
        let levels = || parquet_to_arrow_field_levels(&self.columns, mask, Some(schema.fields()));
        let levels = guarded(levels).map_err(|panic| ParquetError::External(Box::new(panic)))??;
        let selection =
            Arc::new(Selection { layout: layout.clone(), names: columns.clone(), levels, leaves });
        remember(&self.selections, Arc::clone(&selection));
        Ok(selection)
    }

    /// The places of the leaves whose path is asked for.
    fn leaves(&self, is_asked_for: impl Fn(&[String]) -> bool) -> Vec<usize> {
        let leaves = self.columns.columns().iter().enumerate();
        leaves.filter(|(_, leaf)| is_asked_for(leaf.path().parts())).map(|(at, _)| at).collect()
    }
}

fn remember<T>(kept: &Mutex<Vec<T>>, one: T) {
    let mut kept = locked(kept);
    if kept.len() >= MOST {
        kept.clear();
    }
    kept.push(one);
}
