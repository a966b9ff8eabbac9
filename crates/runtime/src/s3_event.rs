//! Events about objects of a bucket: notifications of S3, and those that S3 sends to EventBridge.
//!
//! Own, lenient shapes: those of `aws_lambda_events` demand fields that stand-ins of S3 and older notifications lack,
//! and nothing is needed here but bucket, key and version.
//!
//! Keys are URL-encoded in S3's notifications (`year%3D2026`, `+` for a space) and are not in EventBridge's, and not
//! every server that speaks S3 does as AWS does. So an object has two names, of which the first is the more likely one.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// An object that an event tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The key, if whoever sent the event encodes keys differently.
    pub other_key: Option<String>,
    /// Its version, in a bucket that keeps them.
    pub version: Option<String>,
}

/// Why a message tells of no objects.
#[derive(Debug, thiserror::Error)]
pub enum S3EventError {
    /// Occurs when a message is no JSON, or lacks what an event must have.
    #[error("not an event about objects")]
    Shape(#[from] serde_json::Error),
    /// Occurs when a message is JSON of another kind.
    #[error("not an event about objects: it has neither `Records` nor `detail`")]
    Other,
}

#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    detail: Option<Entity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    /// `versionId` in notifications, `version-id` in EventBridge.
    #[serde(rename = "versionId", alias = "version-id")]
    version: Option<String>,
}

/// The objects that a message says were written; none where it tells of something else that happened to a bucket.
pub fn written_objects(message: &str) -> Result<Vec<ObjectRef>, S3EventError> {
    let shape: Shape = serde_json::from_str(message)?;
    if let Some(records) = shape.records {
        let written =
            |record: &Record| record.event_name.trim_start_matches("s3:").starts_with("ObjectCreated:");
        return Ok(records.into_iter().filter(written).map(|record| encoded(record.s3)).collect());
    }
    match (shape.detail_type.as_deref(), shape.detail) {
        (Some("Object Created"), Some(entity)) => Ok(vec![literal(entity)]),
        (Some(_), _) => Ok(Vec::new()),
        // S3 asks with it whether a queue takes its notifications.
        _ if shape.event.as_deref() == Some("s3:TestEvent") => Ok(Vec::new()),
        _ => Err(S3EventError::Other),
    }
}

fn encoded(entity: Entity) -> ObjectRef {
    let (key, other) = (decode(&entity.object.key), entity.object.key);
    ObjectRef {
        bucket: entity.bucket.name,
        other_key: (other != key).then_some(other),
        key,
        version: entity.object.version,
    }
}

fn literal(entity: Entity) -> ObjectRef {
    let (key, other) = (entity.object.key.clone(), decode(&entity.object.key));
    ObjectRef {
        bucket: entity.bucket.name,
        other_key: (other != key).then_some(other),
        key,
        version: entity.object.version,
    }
}

fn decode(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}
