//! Objects as the collector wrote them.
//!
//! Read with Amazon's own client, not with the `object_store` that writes spans: it names a version, tells an archived
//! object from a forbidden one, and says how large an object is before its bytes come.

use std::error::Error;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use bytes::Bytes;
use fluo_runtime::s3_event::ObjectRef;

/// An object's bytes, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawObject {
    /// The bytes as stored: compressed if they were.
    pub bytes: Bytes,
    /// The time at which it was last written, in milliseconds since the epoch: the same on every delivery.
    pub modified_ms: i64,
    /// The tag that the store gives these bytes.
    pub etag: Option<String>,
}

/// The reasons why an object has no bytes for us.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// Occurs when there is no such object: it was deleted before it was read.
    #[error("there is no such object: it was deleted before it was read")]
    Missing,
    /// Occurs when an object lies in an archive.
    #[error("it is archived: restore it, and copy it back to its key")]
    Archived,
    /// Occurs when an object is larger than this function can hold.
    #[error("it has {size} bytes, and {limit} is the most that the function reads: `fluo ingest` takes it")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The most in bytes.
        limit: u64,
    },
    /// Occurs when it may be had later: the network, a store under load, permissions that are missing.
    #[error("could not be read now: {0}")]
    Unavailable(String),
}

/// A store of raw objects.
#[async_trait]
pub trait RawObjects: Send + Sync {
    /// Reads one, of at most `limit` bytes.
    async fn read(&self, object: &ObjectRef, limit: u64) -> Result<RawObject, RawError>;
}

#[async_trait]
impl RawObjects for Client {
    async fn read(&self, object: &ObjectRef, limit: u64) -> Result<RawObject, RawError> {
        match read(self, object, &object.key, limit).await {
            Err(RawError::Missing) => match &object.other_key {
                Some(key) => read(self, object, key, limit).await,
                None => Err(RawError::Missing),
            },
            result => result,
        }
    }
}

async fn read(client: &Client, object: &ObjectRef, key: &str, limit: u64) -> Result<RawObject, RawError> {
    let request = client.get_object().bucket(&object.bucket).key(key).set_version_id(object.version.clone());
    let answer = request.send().await.map_err(|error| why(&error))?;
    let unavailable = |what: &str| RawError::Unavailable(format!("the answer has no {what}"));
    let size = answer.content_length().and_then(|size| u64::try_from(size).ok());
    let size = size.ok_or_else(|| unavailable("length"))?;
    if size > limit {
        return Err(RawError::TooLarge { size, limit });
    }
    let modified = answer.last_modified().ok_or_else(|| unavailable("time"))?;
    let modified_ms = modified.to_millis().map_err(|error| RawError::Unavailable(error.to_string()))?;
    let etag = answer.e_tag().map(str::to_owned);
    let body = answer.body.collect().await.map_err(|error| RawError::Unavailable(chain(&error)))?;
    Ok(RawObject { bytes: body.into_bytes(), modified_ms, etag })
}

fn why(error: &SdkError<GetObjectError>) -> RawError {
    let code = error.code().unwrap_or_default();
    match error.as_service_error() {
        Some(GetObjectError::NoSuchKey(_)) => RawError::Missing,
        Some(GetObjectError::InvalidObjectState(_)) => RawError::Archived,
        // Of an object's version there is no error of its own.
        Some(_) if code == "NoSuchVersion" => RawError::Missing,
        _ => RawError::Unavailable(chain(error)),
    }
}

fn chain(error: &(impl Error + 'static)) -> String {
    DisplayErrorContext(error).to_string()
}
