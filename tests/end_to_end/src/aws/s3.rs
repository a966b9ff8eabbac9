//! Buckets.

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Aws, elements};
use crate::aws::sqs::Queue;
use crate::runtime_api::{ACCOUNT, REGION};

/// A bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    aws: Aws,
    name: String,
}

impl Bucket {
    /// Makes a bucket.
    pub async fn create(aws: &Aws, name: &str) -> Self {
        let bucket = Self::named(aws, name);
        bucket.send(Method::PUT, "", Bytes::new()).await;
        bucket
    }

    /// A bucket that is there.
    pub fn named(aws: &Aws, name: &str) -> Self {
        Self { aws: aws.clone(), name: name.to_owned() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As functions name it.
    pub fn uri(&self) -> String {
        format!("s3://{}", self.name)
    }

    /// Sends word of every object that is made below a prefix to a queue.
    pub async fn notify(&self, prefix: &str, queue: &Queue) {
        let configuration = format!(
            "<NotificationConfiguration><QueueConfiguration><Id>raw</Id><Queue>{}</Queue>\
             <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>{prefix}</Value>\
             </FilterRule></S3Key></Filter></QueueConfiguration></NotificationConfiguration>",
            queue.arn()
        );
        self.send(Method::PUT, "?notification", configuration.into()).await;
    }

    /// Writes an object.
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.send(Method::PUT, &format!("/{key}"), bytes.into()).await;
    }

    /// Reads an object; none where there is none.
    pub async fn get(&self, key: &str) -> Option<Bytes> {
        match self.look(Method::GET, key).await {
            Ok(answer) => Some(answer.bytes().await.unwrap()),
            Err(404) => None,
            Err(status) => panic!("{key}: {status}"),
        }
    }

    /// Asks for an object, or about it: the answer, or the status that is none.
    pub async fn look(&self, method: Method, key: &str) -> Result<reqwest::Response, u16> {
        let path = format!("/{}/{key}", self.name);
        let answer = self.aws.request(method, &path, "s3").send().await.unwrap();
        if answer.status().is_success() { Ok(answer) } else { Err(answer.status().as_u16()) }
    }

    /// The keys below a prefix, in order.
    pub async fn list(&self, prefix: &str) -> Vec<String> {
        let xml = self.send(Method::GET, &format!("?list-type=2&prefix={prefix}"), Bytes::new()).await;
        assert_eq!(elements(&xml, "IsTruncated"), ["false"], "more than a page of {prefix}");
        elements(&xml, "Key")
    }

    /// Copies every object of another bucket here.
    pub async fn copy_of(aws: &Aws, other: &Self, name: &str) -> Self {
        let bucket = Self::create(aws, name).await;
        for key in other.list("").await {
            bucket.put(&key, other.get(&key).await.expect("it is listed")).await;
        }
        bucket
    }

    /// The event that S3 sends of an object, as it really sends it: the stand-in's leaves fields out.
    pub fn event(&self, key: &str, size: usize) -> Value {
        let encoded = key.replace('=', "%3D");
        json!({"Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": jiff::Timestamp::now().to_string(),
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AWS:AROAEXAMPLEID:collector"},
            "requestParameters": {"sourceIPAddress": "192.0.2.10"},
            "responseElements": {"x-amz-request-id": "EXAMPLE123456789", "x-amz-id-2": "EXAMPLE123/5678abcd"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "raw",
                "bucket": {
                    "name": self.name,
                    "ownerIdentity": {"principalId": ACCOUNT},
                    "arn": format!("arn:aws:s3:::{}", self.name),
                },
                "object": {"key": encoded, "size": size, "sequencer": "0055AED6DCD90281E5"},
            },
        }]})
    }

    async fn send(&self, method: Method, rest: &str, body: Bytes) -> String {
        let path = format!("/{}{rest}", self.name);
        let answer = self.aws.request(method, &path, "s3").body(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {text}");
        text
    }
}
