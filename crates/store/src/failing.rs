//! For tests: a store that fails on demand.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// The failure that befalls whoever reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// The server refuses.
    Refused,
    /// It is not there.
    Missing,
    /// Permission is denied.
    Denied,
    /// Half of the bytes come, and then the connection breaks.
    Broken,
    /// Half of the bytes come, and nobody says that there were more.
    Short,
}

impl Outage {
    pub(crate) const ALL: [Self; 5] = [Self::Refused, Self::Missing, Self::Denied, Self::Broken, Self::Short];

    fn error(self, path: &Path) -> Option<Error> {
        let path = path.to_string();
        match self {
            Self::Refused => Some(Error::Generic { store: "test", source: "503 Slow Down".into() }),
            Self::Missing => Some(Error::NotFound { path, source: "404".into() }),
            Self::Denied => Some(Error::PermissionDenied { path, source: "403".into() }),
            Self::Broken | Self::Short => None,
        }
    }
}

/// A store in memory whose reads fail while an outage lasts.
#[derive(Debug, Default)]
pub(crate) struct Failing {
    pub(crate) inner: InMemory,
    pub(crate) outage: Mutex<Option<Outage>>,
}

impl Failing {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn outage(&self, outage: Option<Outage>) {
        *self.outage.lock().unwrap() = outage;
    }

    fn now(&self) -> Option<Outage> {
        *self.outage.lock().unwrap()
    }
}

impl fmt::Display for Failing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Failing")
    }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let outage = self.now();
        if let Some(error) = outage.and_then(|outage| outage.error(path)) {
            return Err(error);
        }
        let answer = self.inner.get_opts(path, options).await?;
        let Some(outage) = outage else { return Ok(answer) };
        let (meta, range, attributes) =
            (answer.meta.clone(), answer.range.clone(), answer.attributes.clone());
        let bytes = answer.bytes().await?;
        let mut parts = vec![Ok(bytes.slice(..bytes.len() / 2))];
        if outage == Outage::Broken {
            parts.push(Err(Error::Generic { store: "test", source: "connection reset".into() }));
        }
        let payload = GetResultPayload::Stream(Box::pin(futures::stream::iter(parts)));
        Ok(GetResult { payload, meta, range, attributes })
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let outage = self.now();
        let read = self.inner.get_ranges(path, ranges).await?;
        match outage {
            None => Ok(read),
            Some(Outage::Short) => Ok(read.iter().map(|bytes| bytes.slice(..bytes.len() / 2)).collect()),
            Some(outage) => Err(outage
                .error(path)
                .unwrap_or_else(|| Error::Generic { store: "test", source: "connection reset".into() })),
        }
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
