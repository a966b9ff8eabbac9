//! A missing object is said to be missing, also where a bucket says "forbidden".
//!
//! S3 answers 404 for an object that is not there only to whoever may list the whole bucket, and 403 to everybody else.
//! fluo's functions may list their own folders, and no more. So a 403 is looked into: where the object's folder can be
//! listed and does not hold it, the object is missing. Everything else stays as it was said: what is listed and cannot
//! be read is forbidden, and so is what is in a folder that cannot be listed. Nothing is ever taken to be missing that
//! may be there, for a state that is missing is begun anew.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// A store that looks into what is forbidden.
#[derive(Debug)]
pub(crate) struct SaysMissing(pub(crate) Arc<dyn ObjectStore>);

impl SaysMissing {
    /// The same error, or that there is no such object.
    async fn looked_into(&self, location: &Path, error: Error) -> Error {
        let Error::PermissionDenied { path, source } = error else { return error };
        let mut parts: Vec<_> = location.parts().collect();
        parts.pop();
        let folder = Path::from_iter(parts);
        match self.0.list_with_delimiter(Some(&folder)).await {
            Ok(listed) if listed.objects.iter().all(|object| object.location != *location) => {
                Error::NotFound { path, source }
            }
            // A listing that fails tells nothing of the object.
            _ => Error::PermissionDenied { path, source },
        }
    }
}

impl fmt::Display for SaysMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for SaysMissing {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.0.get_opts(location, options).await {
            Err(error) => Err(self.looked_into(location, error).await),
            found => found,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.0.get_ranges(location, ranges).await {
            Err(error) => Err(self.looked_into(location, error).await),
            found => found,
        }
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.0.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests;
