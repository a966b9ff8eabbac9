//! The way from a pod to the bucket: SDKs export every few seconds, a collector gathers what it got into one request
//! and writes it as one object, under the keys of the `awss3` exporter.
//!
//! This is where detection loses its first seconds, so the delays are modelled and not left out.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use fluo_time::{Nanos, moment};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;

use super::otlp::{message, sender};
use super::random::Random;
use super::shop::{GATEWAYS, Gateway};
use super::trace::Sent;

const MILLISECOND: i64 = Nanos::MILLISECOND.0;
const SECOND: i64 = Nanos::SECOND.0;

/// The time between two exports of an SDK's batch processor: its default.
const EXPORT: i64 = 5 * SECOND;

/// The time between two writes of a collector: `sending_queue: {batch: {flush_timeout: 30s}}`. That is longer than a
/// collector for alerting should wait, and makes detection slower, not faster; it keeps the demo's files few.
const FLUSH: i64 = 30 * SECOND;

/// An object as the collector leaves it in the bucket.
#[derive(Debug)]
pub(crate) struct Object {
    /// Below the bucket's root.
    pub(crate) key: String,
    /// The moment at which it was there, in milliseconds since the epoch.
    pub(crate) written_ms: i64,
    pub(crate) bytes: Vec<u8>,
    /// Ids of its spans.
    pub(crate) span_ids: Vec<[u8; 8]>,
}

impl Object {
    /// The moment at which it was there, in nanoseconds since the epoch.
    pub(crate) fn written(&self) -> i64 {
        self.written_ms * MILLISECOND
    }
}

/// The objects that are in the bucket at `end`, in the order in which they were written.
pub(crate) fn collect(spans: &[Sent], end: i64, random: &mut Random) -> io::Result<Vec<Object>> {
    let mut batches: BTreeMap<(i64, Gateway), Vec<&Sent>> = BTreeMap::new();
    for sent in spans {
        let gateway = sent.pod.service.gateway();
        batches.entry((flushed(sent), gateway)).or_default().push(sent);
    }
    let mut objects = Vec::new();
    for ((flush, gateway), mut batch) in batches {
        let upload = i64::try_from(random.between(120, 700)).unwrap_or(0);
        let written_ms = flush / MILLISECOND + upload;
        let id = random.id();
        if written_ms * MILLISECOND <= end {
            batch.sort_by_key(|sent| (sent.span.end, sent.span.span_id));
            objects.push(object(gateway, written_ms, id, &batch)?);
        }
    }
    objects.sort_by(|left, right| (left.written_ms, &left.key).cmp(&(right.written_ms, &right.key)));
    Ok(objects)
}

/// The moment at which the collector writes the batch that a span is in.
fn flushed(sent: &Sent) -> i64 {
    // Pods and collectors were not all started at the same moment.
    let pod_phase = i64::from(sent.pod.number) * 1_300 * MILLISECOND + 700 * MILLISECOND;
    let gateway = sent.pod.service.gateway();
    let place = GATEWAYS.iter().position(|it| *it == gateway).unwrap_or(0);
    let gateway_phase = (4 + 6 * i64::try_from(place).unwrap_or(0)) * SECOND;
    let exported = next(sent.span.end, EXPORT, pod_phase);
    next(exported, FLUSH, gateway_phase)
}

/// The first moment `k · every + phase` after `at`.
fn next(at: i64, every: i64, phase: i64) -> i64 {
    ((at - phase).div_euclid(every) + 1) * every + phase
}

fn object(gateway: Gateway, written_ms: i64, id: [u8; 10], batch: &[&Sent]) -> io::Result<Object> {
    let request = request(batch);
    let (suffix, bytes) = match gateway {
        Gateway::Web => ("json.gz", gzip(&serde_json::to_vec(&request)?)?),
        Gateway::Core => ("binpb.zst", zstd::encode_all(&request.encode_to_vec()[..], 3)?),
    };
    let key = format!("raw/{}/traces_{}.{suffix}", folder(written_ms * MILLISECOND), uuid_v7(written_ms, id));
    let span_ids = batch.iter().map(|sent| sent.span.span_id).collect();
    Ok(Object { key, written_ms, bytes, span_ids })
}

/// One export request: spans by sender, in the order in which the senders were first seen.
fn request(batch: &[&Sent]) -> TracesData {
    let mut pods = Vec::new();
    let mut request = TracesData::default();
    for sent in batch {
        let at = pods.iter().position(|pod| *pod == sent.pod).unwrap_or_else(|| {
            pods.push(sent.pod);
            request.resource_spans.push(sender(&sent.pod.resource(), sent.pod.service.scope()));
            pods.len() - 1
        });
        for scope in &mut request.resource_spans[at].scope_spans {
            scope.spans.push(message(&sent.span));
        }
    }
    request
}

/// `year=2026/month=11/day=22/hour=11/minute=04`
fn folder(at: i64) -> String {
    let text = moment::format(at);
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    format!("year={year}/month={month}/day={day}/hour={}/minute={}", part(11..13), part(14..16))
}

/// RFC 9562, section 5.7: milliseconds, version, random.
fn uuid_v7(ms: i64, random: [u8; 10]) -> String {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_exporter() {
        assert_eq!(folder(1_795_345_491_200_000_000), "year=2026/month=11/day=22/hour=11/minute=04");
        assert_eq!(uuid_v7(0x01a2_03e3_7c93, [0xff; 10]), "01a203e3-7c93-7fff-bfff-ffffffffffff");
    }

    #[test]
    fn a_batch_is_written_after_all_that_is_in_it() {
        let cases = [
            ("in between", 12, 15, 0, 15),
            ("on the moment itself: the next one", 15, 15, 0, 30),
            ("with a phase", 12, 15, 4, 19),
            ("behind the phase", 20, 15, 4, 34),
            ("before the epoch's first", 1, 15, 4, 4),
        ];
        for (scenario, at, every, phase, expected) in cases {
            assert_eq!(next(at, every, phase), expected, "{scenario}");
        }
    }
}
