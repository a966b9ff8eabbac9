//! Writes random spans that are shaped like those of a real system, to measure file sizes and readers on.
//!
//! `cargo run --release -p fluo-store --example write_random_spans -- OUT.parquet [SPANS]`
//!
//! Traces of 5 to 25 spans through 20 services, ids of full randomness, each span the child of one before
//! it. One file, as compaction would write it; the same seed gives the same spans.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people who measure")]

use std::sync::Arc;
use std::time::Instant;

use fluo_spans::layout::Layout;
use fluo_spans::span::{Attributes, InstrumentationScope, Kind, Resource, Span, Status};
use fluo_store::parquet_write::to_parquet;

/// `SplitMix64`: enough randomness for ids, and no dependency.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn attributes(pairs: &[(&str, String)]) -> Attributes {
    Attributes::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().unwrap();
    let wanted: usize = arguments.next().map_or(1_000_000, |spans| spans.parse().unwrap());
    let mut random = Random(42);
    let resources: Vec<Arc<Resource>> = (0..100)
        .map(|instance| {
            Arc::new(Resource {
                service_name: Some(format!("service-{:02}", instance % 20)),
                attributes: attributes(&[
                    ("k8s.pod.name", format!("service-{:02}-{instance:04x}", instance % 20)),
                    ("k8s.namespace.name", "shop".to_owned()),
                    ("deployment.environment.name", "production".to_owned()),
                    ("host.name", format!("node-{}", instance % 12)),
                    ("service.version", format!("1.{}", instance % 3)),
                    ("telemetry.sdk.language", ["go", "java", "python"][instance % 3].to_owned()),
                ]),
            })
        })
        .collect();
    let scope = Arc::new(InstrumentationScope { name: "http".to_owned(), ..InstrumentationScope::default() });

    let mut spans = Vec::with_capacity(wanted);
    while spans.len() < wanted {
        let trace_id = (u128::from(random.next()) << 64 | u128::from(random.next())).to_be_bytes();
        let start = 1_795_345_200_000_000_000 + random.below(3_500_000_000_000).cast_signed();
        let first = spans.len();
        for position in 0..5 + random.below(21) {
            let parent = (position > 0).then(|| {
                let parent: &Span = &spans[first + usize::try_from(random.below(position)).unwrap()];
                parent.span_id
            });
            let start_ns = start + random.below(50_000_000).cast_signed();
            let failed = random.below(50) == 0;
            let route = random.below(40);
            spans.push(Span {
                trace_id,
                span_id: random.next().to_be_bytes(),
                parent_span_id: parent,
                trace_state: String::new(),
                flags: 0x101,
                name: format!("GET /api/{route}"),
                kind: Kind::ALL[usize::try_from(random.below(6)).unwrap()],
                status: if failed { Status::Error } else { Status::Unset },
                status_message: String::new(),
                start_ns,
                end_ns: start_ns + 100_000 + random.below(200_000_000).cast_signed(),
                attributes: attributes(&[
                    ("http.request.method", "GET".to_owned()),
                    ("http.response.status_code", if failed { "500" } else { "200" }.to_owned()),
                    ("http.route", format!("/api/{route}")),
                    ("url.full", format!("https://shop.example/api/{route}?user={}", random.below(100_000))),
                    ("user.id", random.below(100_000).to_string()),
                    ("cart.items", random.below(12).to_string()),
                    ("thread.id", random.below(64).to_string()),
                ]),
                resource: Arc::clone(&resources[usize::try_from(random.below(100)).unwrap()]),
                scope: Arc::clone(&scope),
                events: Vec::new(),
                links: Vec::new(),
                dropped_attributes: 0,
                dropped_events: 0,
                dropped_links: 0,
            });
        }
    }
    spans.truncate(wanted);

    let began = Instant::now();
    let parquet = to_parquet(&spans, 1_795_348_800_000, &Layout::builtin()).unwrap();
    println!("{wanted} spans, {} bytes, {:.2} s", parquet.len(), began.elapsed().as_secs_f64());
    std::fs::write(out, parquet).unwrap();
}
