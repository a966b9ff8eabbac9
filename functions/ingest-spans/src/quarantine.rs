//! Keeps what cannot be read as it came, with the reason beside it.
//!
//! ```text
//! quarantine/<bucket's key of the object>
//! quarantine/<bucket's key of the object>.reason.json
//! ```
//!
//! The object first: a reason always has one, unless its bytes could not be had.

use bytes::Bytes;
use fluo_runtime::s3_event::ObjectRef;
use fluo_store::{Root, StoreError, put_if_absent};
use object_store::path::Path;
use serde::Serialize;

use crate::raw::RawObject;

/// Name and version of a reason's format.
pub const SCHEMA: &str = "fluo.quarantine/v1";

#[derive(Serialize)]
struct SetAside<'a> {
    schema: &'static str,
    bucket: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    reason: &'a str,
}

/// Keeps an object, if it has bytes, and why it could not be read. Of one that is delivered again nothing changes; when
/// it was set aside is when its reason was written.
pub async fn quarantine(
    root: &Root,
    object: &ObjectRef,
    raw: Option<&RawObject>,
    reason: &str,
) -> Result<Path, StoreError> {
    let location = Path::from(format!("quarantine/{}", object.key));
    if let Some(raw) = raw {
        put_if_absent(root.store.as_ref(), &root.at(&location), raw.bytes.clone()).await?;
    }
    let beside = SetAside {
        schema: SCHEMA,
        bucket: &object.bucket,
        key: &object.key,
        version_id: object.version.as_deref(),
        etag: raw.and_then(|raw| raw.etag.as_deref()),
        size: raw.map(|raw| raw.bytes.len()),
        reason,
    };
    // A structure of texts and a number always has a JSON form.
    let text = fluo_rules::json::to_string(&beside).unwrap_or_default();
    let place = Path::from(format!("{location}.reason.json"));
    put_if_absent(root.store.as_ref(), &root.at(&place), Bytes::from(text)).await?;
    Ok(location)
}
