//! Data files kept whole in memory: an object store that answers by the range is asked once for each.
//!
//! Every rule reads its own columns of the newest files, in its own ranges. Against a bucket each range is a request
//! that takes its twenty milliseconds and is paid for; a file of the last minutes is a few megabytes. So the first who
//! asks for any part of a file fetches all of it, and everybody else is served from there, also in the evaluations that
//! follow in the same process.
//!
//! Right for data files alone, which are written once under names that say their content (I2): only names that end in
//! `.parquet` are kept. Everything else, and what is larger than a part of the bound, passes through.

use crate::guard::locked;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use tokio::sync::OnceCell;

/// Files larger than this part of the bound are not kept: one of them would drive out all others.
const LARGEST_SHARE: u64 = 4;

/// A store that keeps the data files that were read from another.
#[derive(Debug)]
pub struct WholeFiles {
    store: Arc<dyn ObjectStore>,
    bound: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: BTreeMap<Path, File>,
    bytes: u64,
    uses: u64,
}

#[derive(Debug)]
struct File {
    /// Filled by the first reader, while the others wait; nothing in it of a file that is too large.
    content: Arc<OnceCell<Option<Content>>>,
    bytes: u64,
    last_used: u64,
}

#[derive(Debug, Clone)]
struct Content {
    bytes: Bytes,
    meta: ObjectMeta,
}

impl WholeFiles {
    /// Keeps at most `bound` bytes of the files of `store`.
    pub fn new(store: Arc<dyn ObjectStore>, bound: u64) -> Self {
        Self { store, bound, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        locked(&self.kept)
    }

    /// The whole of a file; none of what is not kept.
    async fn whole(&self, location: &Path) -> Result<Option<Content>> {
        if location.extension() != Some("parquet") {
            return Ok(None);
        }
        let cell = {
            let mut kept = self.kept();
            kept.uses += 1;
            let now = kept.uses;
            let file = kept.files.entry(location.clone()).or_insert_with(|| File {
                content: Arc::default(),
                bytes: 0,
                last_used: now,
            });
            file.last_used = now;
            Arc::clone(&file.content)
        };
        let content = cell.get_or_try_init(|| self.fetch(location)).await?;
        if let Some(content) = content {
            self.account(location, content.bytes.len() as u64);
        }
        Ok(content.clone())
    }

    async fn fetch(&self, location: &Path) -> Result<Option<Content>> {
        let answer = self.store.get_opts(location, GetOptions::default()).await?;
        let meta = answer.meta.clone();
        if meta.size > self.bound / LARGEST_SHARE {
            return Ok(None);
        }
        Ok(Some(Content { bytes: answer.bytes().await?, meta }))
    }

    /// Counts a file, and lets go of those that were not used for longest, until the rest fits.
    fn account(&self, location: &Path, bytes: u64) {
        let mut kept = self.kept();
        let Some(file) = kept.files.get_mut(location) else { return };
        let more = bytes - std::mem::replace(&mut file.bytes, bytes);
        kept.bytes += more;
        while kept.bytes > self.bound {
            let oldest =
                kept.files.iter().filter(|(_, file)| file.bytes > 0).min_by_key(|(_, file)| file.last_used);
            let Some((oldest, bytes)) = oldest.map(|(path, file)| (path.clone(), file.bytes)) else { return };
            kept.files.remove(&oldest);
            kept.bytes -= bytes;
        }
    }
}

/// Returns whether options ask for nothing but bytes.
fn is_plain(options: &GetOptions) -> bool {
    options.if_match.is_none()
        && options.if_none_match.is_none()
        && options.if_modified_since.is_none()
        && options.if_unmodified_since.is_none()
        && options.version.is_none()
        && !options.head
}

/// The part of a file that a range names.
fn part(range: &GetRange, content: &Content) -> Result<Range<u64>> {
    range
        .as_range(content.bytes.len() as u64)
        .map_err(|source| Error::Generic { store: "WholeFiles", source: Box::new(source) })
}

fn slice(content: &Content, range: &Range<u64>) -> Bytes {
    // What is in memory has a length that fits.
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(content.bytes.len());
    content.bytes.slice(at(range.start)..at(range.end))
}

impl fmt::Display for WholeFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WholeFiles({})", self.store)
    }
}

#[async_trait]
impl ObjectStore for WholeFiles {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.store.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if !is_plain(&options) {
            return self.store.get_opts(location, options).await;
        }
        let Some(content) = self.whole(location).await? else {
            return self.store.get_opts(location, options).await;
        };
        let range = match &options.range {
            Some(range) => part(range, &content)?,
            None => 0..content.meta.size,
        };
        let bytes = slice(&content, &range);
        let payload = GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta: content.meta, range, attributes: object_store::Attributes::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.whole(location).await? {
            Some(content) => ranges
                .iter()
                .map(|range| Ok(slice(&content, &part(&GetRange::Bounded(range.clone()), &content)?)))
                .collect(),
            None => self.store.get_ranges(location, ranges).await,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.store.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests;
