//! Traces that show an alert: as few as are enough to find those that it shares with another alert.
//!
//! The traces that are kept are those of the lowest hashes, and the hash is the same for all rules. Two alerts that are of
//! the same traces keep the same ones, however many there are.

use std::collections::BTreeMap;

use fluo_time::Nanos;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most traces that are kept.
const MOST: usize = 32;

/// Spans that ended so much before the newest are not kept: windows of any length have what is new in common.
const RECENT: i64 = 5 * Nanos::MINUTE.0;

/// A trace's id.
pub type TraceId = [u8; 16];

/// A span's id.
pub type SpanId = [u8; 8];

/// A span that shows an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SampledSpan {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub span: SpanId,
    /// Its end; nanoseconds since the epoch.
    pub end: i64,
}

/// Some of the traces of an alert, in the order of their hashes, each with one of the alert's spans in it: the one that
/// ended first, since a call ends before its caller.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sample(Vec<SampledSpan>);

impl Sample {
    /// Returns the sample of some spans, of which the newest ended at `newest`. The order of the spans does not matter.
    pub fn of(newest: i64, spans: impl IntoIterator<Item = SampledSpan>) -> Self {
        let mut kept: BTreeMap<(u64, TraceId), (i64, SpanId)> = BTreeMap::new();
        for SampledSpan { trace, span, end } in spans {
            let key = (hash(&trace), trace);
            let is_full = kept.len() == MOST && kept.last_key_value().is_some_and(|(last, _)| key > *last);
            if is_full || end <= newest.saturating_sub(RECENT) {
                continue;
            }
            let known = kept.entry(key).or_insert((end, span));
            *known = (*known).min((end, span));
            if kept.len() > MOST {
                kept.pop_last();
            }
        }
        Self(kept.into_iter().map(|((_, trace), (end, span))| SampledSpan { trace, span, end }).collect())
    }

    /// Returns the sample of what some samples have.
    pub fn merged<'a>(samples: impl IntoIterator<Item = &'a Self>) -> Self {
        let spans: Vec<SampledSpan> = samples.into_iter().flat_map(Self::spans).copied().collect();
        let newest = spans.iter().map(|span| span.end).max();
        newest.map_or_else(Self::default, |newest| Self::of(newest, spans))
    }

    /// The spans, of each trace one.
    pub fn spans(&self) -> impl Iterator<Item = &SampledSpan> {
        self.0.iter()
    }

    /// Returns whether there is no trace.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The finalizer of `SplitMix64` over both halves: ids of some programs begin with a time.
fn hash(trace: &TraceId) -> u64 {
    let mix = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let number = |half: &[u8]| half.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    let (high, low) = (number(&trace[..8]), number(&trace[8..]));
    mix(mix(high.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ low)
}

/// Trace, span and end.
impl Serialize for SampledSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (hex::encode(self.trace), hex::encode(self.span), self.end).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SampledSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (trace, span, end) = <(String, String, i64)>::deserialize(deserializer)?;
        let (mut sampled, bad) = (Self { trace: [0; 16], span: [0; 8], end }, "an id is not hexadecimal");
        hex::decode_to_slice(trace, &mut sampled.trace).map_err(|_| D::Error::custom(bad))?;
        hex::decode_to_slice(span, &mut sampled.span).map_err(|_| D::Error::custom(bad))?;
        Ok(sampled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = Nanos::SECOND.0;

    fn span(trace: u64, span: u8, end: i64) -> SampledSpan {
        SampledSpan { trace: u128::from(trace).to_be_bytes(), span: [span; 8], end: end * SECOND }
    }

    fn traces(sample: &Sample) -> Vec<TraceId> {
        sample.spans().map(|span| span.trace).collect()
    }

    #[test]
    fn alerts_of_the_same_traces_keep_the_same_ones_in_whatever_order_they_come() {
        let one = Sample::of(0, (0..1000).map(|trace| span(trace, 1, 0)));
        let other = Sample::of(0, (0..1000).rev().map(|trace| span(trace, 2, 0)));
        assert_eq!(traces(&one).len(), MOST);
        assert_eq!(traces(&one), traces(&other));
        let halves = [0..400, 300..1000].map(|part| Sample::of(0, part.map(|trace| span(trace, 1, 0))));
        assert_eq!(Sample::merged(&halves), one, "the lowest of parts are those of the whole");
    }

    #[test]
    fn of_a_trace_the_span_is_kept_that_ended_first() {
        let sample = Sample::of(9 * SECOND, [span(7, 3, 9), span(7, 2, 5), span(7, 1, 8), span(7, 4, 5)]);
        assert_eq!(sample.spans().collect::<Vec<_>>(), [&span(7, 2, 5)]);
    }

    #[test]
    fn what_ended_long_before_the_newest_is_not_kept() {
        let samples = [(1, 0), (2, 300), (3, 301)].map(|(trace, end)| Sample::of(end, [span(trace, 1, end)]));
        assert_eq!(Sample::merged(&samples[..2]).spans().count(), 1, "five minutes are too many");
        assert_eq!(Sample::merged(&samples[1..]).spans().count(), 2);
        assert!(Sample::merged(&[]).is_empty());
    }

    #[test]
    fn samples_read_back_as_they_were_written() {
        let sample = Sample::of(0, [span(1, 2, 0)]);
        let text = serde_json::to_string(&sample).unwrap();
        assert_eq!(text, r#"[["00000000000000000000000000000001","0202020202020202",0]]"#);
        assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
        assert!(serde_json::from_str::<Sample>(r#"[["1","0202020202020202",0]]"#).is_err());
    }
}
