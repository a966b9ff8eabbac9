//! The shop's traffic as whole requests: five spans a trace, of services that call one another.
//!
//! Each kind of request does its steps in order. Now and then one leaves a step out, does two in the wrong order, or
//! tries again and again: these break the rules of `trace_rules.py`.

use std::sync::Arc;

use fluo_spans::span::{Attributes, InstrumentationScope, Kind, Resource, Span, Status};

use crate::shop::{MINUTE_NS, Random, START_NS, resource, scope};

/// Spans of a request.
pub(crate) const SPANS: u64 = 5;

/// One in so many requests of a kind goes wrong.
const WRONG: u64 = 20_000;

/// A span of a request: its service, name, kind, and the place of the span that called it.
type Step = (&'static str, &'static str, Kind, Option<usize>);

const BROWSE: [Step; 5] = [
    ("gateway", "GET /product/{id}", Kind::Server, None),
    ("gateway", "GET catalogue", Kind::Client, Some(0)),
    ("catalogue", "catalogue.read", Kind::Server, Some(1)),
    ("catalogue", "GET prices", Kind::Client, Some(2)),
    ("prices", "prices.read", Kind::Server, Some(3)),
];

const CHECKOUT: [Step; 5] = [
    ("gateway", "POST /checkout", Kind::Server, None),
    ("checkout", "order.create", Kind::Server, Some(0)),
    ("payments", "payment.fraud_check", Kind::Internal, Some(1)),
    ("payments", "payment.charge_card", Kind::Client, Some(1)),
    ("email", "email.send", Kind::Producer, Some(1)),
];

const ACCOUNT: [Step; 5] = [
    ("gateway", "GET /account", Kind::Server, None),
    ("gateway", "POST auth", Kind::Client, Some(0)),
    ("auth-service", "auth.check", Kind::Server, Some(1)),
    ("users", "data.access", Kind::Server, Some(0)),
    ("users", "data.audit", Kind::Internal, Some(3)),
];

const SYNC: [Step; 5] = [
    ("delivery", "delivery.sync", Kind::Server, None),
    ("delivery", "lock.acquire", Kind::Internal, Some(0)),
    ("delivery", "http.retry", Kind::Client, Some(0)),
    ("delivery", "http.retry", Kind::Client, Some(0)),
    ("delivery", "lock.release", Kind::Internal, Some(0)),
];

/// The spans of the requests that begin in one minute.
pub(crate) fn minute(minute: u64, requests: u64) -> Vec<Span> {
    let mut random = Random(minute + 1);
    let scope = Arc::new(scope());
    let resources = Resources(std::collections::BTreeMap::new());
    let mut writer = Writer { scope, resources };
    let mut spans = Vec::new();
    for at in 0..requests {
        let start = START_NS + minute * MINUTE_NS + at * MINUTE_NS / requests + random.below(1000);
        let steps = match random.below(100) {
            0..65 => &BROWSE,
            65..80 => &CHECKOUT,
            80..95 => &ACCOUNT,
            _ => &SYNC,
        };
        let wrong = (random.below(WRONG) == 0).then(|| random.below(3));
        writer.request(&mut random, steps, start, wrong, &mut spans);
    }
    spans
}

struct Resources(std::collections::BTreeMap<&'static str, Arc<Resource>>);

impl Resources {
    fn of(&mut self, service: &'static str) -> Arc<Resource> {
        Arc::clone(self.0.entry(service).or_insert_with(|| Arc::new(resource(service))))
    }
}

struct Writer {
    scope: Arc<InstrumentationScope>,
    resources: Resources,
}

impl Writer {
    /// Adds the spans of a request; `wrong`: how it goes wrong.
    fn request(
        &mut self,
        random: &mut Random,
        steps: &[Step; 5],
        start: u64,
        wrong: Option<u64>,
        spans: &mut Vec<Span>,
    ) {
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&random.next().to_be_bytes());
        trace_id[8..].copy_from_slice(&random.next().to_be_bytes());
        let ids: Vec<[u8; 8]> = steps.iter().map(|_| random.next().to_be_bytes()).collect();
        let amount = random.below(2_000);
        // Its steps follow one another; a call lasts until what it called has ended.
        let lasts = 20_000_000 + random.below(200_000_000);
        let slot = lasts / (2 * SPANS);
        for (at, (service, name, kind, parent)) in steps.iter().copied().enumerate() {
            let name = match (wrong, at) {
                // The third step is left out, or stands behind the fourth; or all are one that is tried again.
                (Some(0), 2) => "step.skipped",
                (Some(1), 2) => steps[3].1,
                (Some(1), 3) => steps[2].1,
                (Some(2), 1..) => "http.retry",
                _ => name,
            };
            let begins = at as u64 * slot;
            let calls = steps.iter().any(|step| step.3 == Some(at));
            let ends = if calls { lasts - begins } else { begins + slot } - random.below(1000) - 1;
            spans.push(self.span(
                random,
                (service, name, kind),
                Span {
                    parent_span_id: parent.map(|parent| ids[parent]),
                    start_ns: (start + begins).cast_signed(),
                    end_ns: (start + ends).cast_signed(),
                    ..Span::bare(trace_id, ids[at])
                },
                amount,
            ));
        }
    }

    fn span(
        &mut self,
        random: &mut Random,
        (service, name, kind): (&'static str, &str, Kind),
        bare: Span,
        amount: u64,
    ) -> Span {
        let failed = random.below(1000) < 5;
        let mut attributes = vec![
            ("http.request.method".to_owned(), "GET".to_owned()),
            ("http.route".to_owned(), name.to_owned()),
            ("http.response.status_code".to_owned(), if failed { "500" } else { "200" }.to_owned()),
            ("server.address".to_owned(), "shop.example".to_owned()),
            ("client.address".to_owned(), format!("10.0.{}.{}", random.below(40), random.below(250))),
            ("thread.name".to_owned(), format!("worker-{}", random.below(16))),
        ];
        if name.starts_with("payment.") {
            attributes.push(("amount".to_owned(), amount.to_string()));
        }
        Span {
            flags: 257,
            name: name.to_owned(),
            kind,
            status: if failed { Status::Error } else { Status::Unset },
            attributes: Attributes::new(attributes),
            resource: self.resources.of(service),
            scope: Arc::clone(&self.scope),
            ..bare
        }
    }
}
