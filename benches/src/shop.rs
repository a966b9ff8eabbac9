//! A shop's traffic, span by span.

use std::sync::Arc;

use fluo_spans::span::{Attributes, InstrumentationScope, Kind, Resource, Span, Status};

/// 2026-11-22T10:00:00Z
pub(crate) const START_NS: u64 = 1_795_341_600_000_000_000;
pub(crate) const MINUTE_NS: u64 = 60_000_000_000;

const SERVICES: [&str; 20] = [
    "auth-service",
    "cart",
    "catalogue",
    "checkout",
    "currency",
    "delivery",
    "email",
    "frontend",
    "gateway",
    "inventory",
    "invoices",
    "orders",
    "payments",
    "prices",
    "recommendations",
    "returns",
    "reviews",
    "search",
    "sessions",
    "users",
];

const ROUTES: [&str; 8] =
    ["/login", "/cart", "/product/{id}", "/checkout", "/search", "/api/items", "/api/orders/{id}", "/health"];

/// `SplitMix64`: small, fast, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// The spans that end in one minute, by clocks that tick every `clock` nanoseconds.
pub(crate) fn minute(minute: u64, minutes: u64, spans: u64, clock: u64) -> Vec<Span> {
    let mut random = Random(minute + 1);
    let incident = minute == minutes / 2;
    let resources: Vec<Arc<Resource>> = SERVICES.iter().map(|service| Arc::new(resource(service))).collect();
    let scope = Arc::new(scope());
    (0..spans)
        .map(|at| {
            let service = usize::try_from(random.below(20)).unwrap_or(0);
            let failed_login = service == 0 && random.below(if incident { 4 } else { 200 }) == 0;
            let end = START_NS + minute * MINUTE_NS + at * MINUTE_NS / spans + random.below(1000);
            let end = end.next_multiple_of(clock);
            span(&mut random, &resources[service], &scope, end, failed_login)
        })
        .collect()
}

pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "io.opentelemetry.http".to_owned(),
        version: "2.10.0".to_owned(),
        attributes: Attributes::default(),
    }
}

pub(crate) fn resource(service: &str) -> Resource {
    let attributes = [
        ("deployment.environment.name", "production"),
        ("service.version", "1.42.0"),
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", service),
        ("host.name", "node-7"),
        ("telemetry.sdk.language", "java"),
    ];
    Resource {
        service_name: Some(service.to_owned()),
        attributes: Attributes::new(
            attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ),
    }
}

fn span(
    random: &mut Random,
    resource: &Arc<Resource>,
    scope: &Arc<InstrumentationScope>,
    end_ns: u64,
    failed_login: bool,
) -> Span {
    let route = if failed_login { ROUTES[0] } else { ROUTES[usize::try_from(random.below(8)).unwrap_or(0)] };
    let status_code = match (failed_login, random.below(1000)) {
        (true, _) => "401",
        (false, 0..=4) => "500",
        (false, 5..=19) => "404",
        (false, _) => "200",
    };
    let mut attributes = vec![
        ("http.request.method".to_owned(), "GET".to_owned()),
        ("http.route".to_owned(), route.to_owned()),
        ("http.response.status_code".to_owned(), status_code.to_owned()),
        ("server.address".to_owned(), "shop.example".to_owned()),
        ("client.address".to_owned(), format!("10.0.{}.{}", random.below(40), random.below(250))),
        ("thread.name".to_owned(), format!("worker-{}", random.below(16))),
    ];
    if failed_login {
        attributes.push(("error.type".to_owned(), "AuthenticationError".to_owned()));
    }
    let error = failed_login || status_code == "500";
    let duration = 100_000 + random.below(200_000_000);
    let mut trace_id = [0; 16];
    trace_id[..8].copy_from_slice(&random.next().to_be_bytes());
    trace_id[8..].copy_from_slice(&random.next().to_be_bytes());
    Span {
        trace_id,
        span_id: random.next().to_be_bytes(),
        parent_span_id: (random.below(5) > 0).then(|| random.next().to_be_bytes()),
        trace_state: String::new(),
        flags: 257,
        name: format!("GET {route}"),
        kind: if random.below(2) == 0 { Kind::Server } else { Kind::Client },
        status: if error { Status::Error } else { Status::Unset },
        status_message: String::new(),
        start_ns: (end_ns - duration).cast_signed(),
        end_ns: end_ns.cast_signed(),
        attributes: Attributes::new(attributes),
        resource: Arc::clone(resource),
        scope: Arc::clone(scope),
        events: Vec::new(),
        links: Vec::new(),
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    }
}
