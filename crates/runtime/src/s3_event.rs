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

/// The reason why a message tells of no objects.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::envelope::Envelope;

    type Shown = (String, String, Option<String>, Option<String>);

    fn written(event: Value) -> Vec<Shown> {
        let messages = Envelope::open(event).unwrap().messages;
        let objects = messages.iter().flat_map(|message| written_objects(&message.text).unwrap());
        objects.map(|object| (object.bucket, object.key, object.other_key, object.version)).collect()
    }

    #[test]
    fn objects_come_out_of_every_event() {
        const KEY: &str =
            "raw/year=2026/month=11/day=22/hour=11/minute=04/gateway eu-traces_123456789.binpb.gz";
        const ENCODED: &str =
            "raw/year%3D2026/month%3D11/day%3D22/hour%3D11/minute%3D04/gateway+eu-traces_123456789.binpb.gz";
        let encoded = ("spans-bucket", KEY, Some(ENCODED), None);
        let plain = |key, version| ("spans-bucket", key, None, version);
        let cases = [
            ("a queue", event!("sqs_s3_created"), vec![encoded]),
            ("a topic before the queue", event!("sqs_sns_s3_created"), vec![encoded]),
            ("S3 tries the queue", event!("sqs_s3_test_event"), vec![]),
            (
                "by itself: a version, a removal, an upload in parts",
                event!("s3_several"),
                vec![
                    plain("raw/traces_1.json", Some("096fKKXTRTtl3on89fVO.nfljtsv6qko")),
                    plain("raw/traces_3.json", None),
                ],
            ),
            (
                "EventBridge",
                event!("eventbridge_object_created"),
                vec![plain(KEY, Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"))],
            ),
            (
                "EventBridge, of something else",
                json!({"detail-type": "Object Deleted", "detail": event!("eventbridge_object_created")["detail"]}),
                vec![],
            ),
            (
                "a stand-in, which leaves fields out",
                event!("../stand_in_s3_event"),
                vec![("shapeb", "k", None, None)],
            ),
        ];
        for (scenario, event, objects) in cases {
            let objects: Vec<Shown> = objects
                .into_iter()
                .map(|(bucket, key, other, version)| {
                    (bucket.to_owned(), key.to_owned(), other.map(str::to_owned), version.map(str::to_owned))
                })
                .collect();
            assert_eq!(written(event), objects, "{scenario}");
        }
    }

    #[test]
    fn a_key_that_may_be_read_two_ways_is_looked_for_under_both() {
        let detail = json!({"bucket": {"name": "b"}, "object": {"key": "raw/50%25+more.json"}});
        let event = json!({"detail-type": "Object Created", "detail": detail});
        let [object] = written(event).try_into().unwrap();
        assert_eq!(
            (object.1.as_str(), object.2.as_deref()),
            ("raw/50%25+more.json", Some("raw/50% more.json"))
        );
    }

    #[test]
    fn what_tells_of_no_objects_is_refused() {
        let cases = [
            ("no JSON", "The quick brown fox"),
            ("nothing", "null"),
            ("another service's", r#"{"version":"0","source":"aws.ec2"}"#),
            ("records of something else", r#"{"Records":[{"eventName":"INSERT","dynamodb":{}}]}"#),
            (
                "an object without a key",
                r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{}}}]}"#,
            ),
        ];
        for (scenario, text) in cases {
            assert!(written_objects(text).is_err(), "{scenario}");
        }
    }
}
