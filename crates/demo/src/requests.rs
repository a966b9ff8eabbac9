//! The customers' actions in the shop, as the traces that they leave.

use super::incident::Incident;
use super::otlp::{Attributes, SpanKind};
use super::shop::{Pod, Service};
use super::trace::{Open, Trace};

/// The result of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    Accepted,
    /// The customer's own mistake.
    WrongPassword,
    /// The shop's mistake.
    WrongToken,
}

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Linux; Android 15) Chrome/141.0.0.0 Mobile Safari/537.36",
];

const PRODUCTS: [&str; 6] = ["teapot", "lamp", "kettle", "armchair", "notebook", "bicycle"];

/// A page of the catalogue.
pub(crate) fn browse(trace: &mut Trace<'_>) {
    let product = trace.random.pick(&PRODUCTS);
    let (front, root) = arrive(trace, "GET", "/products/{id}", format!("/products/{product}"));
    let status = match trace.random.between(0, 1000) {
        0..4 => 500,
        4..12 => 404,
        _ => 200,
    };
    let (pod, client, server) = call(trace, front, root, Service::Catalog, "GET", "/products/{id}");
    query(trace, pod, server, "products", "SELECT * FROM products WHERE id = $1");
    trace.pass(500, 4_000);
    if status == 500 {
        trace.exception(server, "io.ErrUnexpectedEOF", "unexpected EOF while reading the image index");
    }
    answer(trace, client, server, status);
    trace.pass(2_000, 30_000);
    leave(trace, root, status);
}

/// A look into the cart, which waits for a connection where these have leaked away.
pub(crate) fn cart(trace: &mut Trace<'_>, incident: Incident) {
    let (front, root) = arrive(trace, "GET", "/cart", "/cart".to_owned());
    let (pod, client, server) = call(trace, front, root, Service::Cart, "GET", "/cart");
    let wait = incident.wait_in_cart(trace.now);
    trace.pass(wait, wait + wait / 10 + 1);
    let attributes = vec![("db.system.name", "redis".into()), ("db.operation.name", "HGETALL".into())];
    let redis = trace.open(pod, Some(server), SpanKind::Client, "HGETALL", attributes);
    trace.pass(300, 1_500);
    trace.close(redis);
    answer(trace, client, server, 200);
    trace.pass(1_000, 12_000);
    leave(trace, root, 200);
}

/// A login. Auth-service still has an SDK that sets the old `http.status_code`, as an integer.
pub(crate) fn login(trace: &mut Trace<'_>, incident: Incident, right_password: bool) -> Login {
    let (front, root) = arrive(trace, "POST", "/login", "/login".to_owned());
    let client = call_out(trace, front, root, Service::Auth, "POST", "/auth");
    trace.pass(300, 1_200);
    let pod = Pod::any(Service::Auth, trace.random);
    let outcome = match (right_password, incident.token_is_wrong(pod, trace.now)) {
        (true, false) => Login::Accepted,
        (true, true) => Login::WrongToken,
        (false, _) => Login::WrongPassword,
    };
    let attributes = vec![("http.method", "POST".into()), ("http.route", "/auth".into())];
    let server = trace.open(pod, Some(client), SpanKind::Server, "auth_user", attributes);
    query(trace, pod, server, "users", "SELECT id, password_hash FROM users WHERE email = $1");
    let check = trace.open(pod, Some(server), SpanKind::Internal, "check_password", Vec::new());
    trace.pass(35_000, 80_000);
    trace.close(check);
    if outcome != Login::WrongPassword {
        let sign = trace.open(pod, Some(server), SpanKind::Internal, "directory.verify_token", Vec::new());
        trace.pass(2_000, 9_000);
        if outcome == Login::WrongToken {
            trace.fail(sign, "the directory does not know this service token");
        }
        trace.close(sign);
    }
    let status = if outcome == Login::Accepted { 200 } else { 401 };
    trace.set(server, "http.status_code", status);
    if outcome != Login::Accepted {
        let message = match outcome {
            Login::WrongToken => "token rejected",
            _ => "wrong password",
        };
        trace.set(server, "error.type", "AuthenticationError");
        trace.exception(server, "AuthenticationError", message);
        trace.fail(server, message);
    }
    trace.close(server);
    trace.pass(300, 1_200);
    client_status(trace, client, status);
    trace.close(client);
    trace.pass(1_000, 6_000);
    leave(trace, root, status);
    outcome
}

/// An order: checked for fraud, paid, stored, and handed over to shipping. One in six is a large one.
pub(crate) fn checkout(trace: &mut Trace<'_>, incident: Incident) {
    let (front, root) = arrive(trace, "POST", "/checkout", "/checkout".to_owned());
    let (pod, client, server) = call(trace, front, root, Service::Checkout, "POST", "/orders");
    let (payment, to_payment, charge) = call(trace, pod, server, Service::Payment, "POST", "/charges");
    let small = i64::try_from(trace.random.between(9, 400)).unwrap_or(0);
    let amount = if small % 6 == 0 { small + 1_000 } else { small };
    if !incident.skips_fraud_check(payment, trace.now) {
        let check = trace.open(payment, Some(charge), SpanKind::Internal, "payment.fraud_check", Vec::new());
        trace.pass(4_000, 20_000);
        trace.close(check);
    }
    let attributes = vec![("payment.amount", amount.into()), ("payment.currency", "EUR".into())];
    let card = trace.open(payment, Some(charge), SpanKind::Client, "payment.charge_card", attributes);
    trace.pass(80_000, 420_000);
    trace.close(card);
    let status = if trace.random.chance(12) { 402 } else { 201 };
    answer(trace, to_payment, charge, status);
    if status == 201 {
        query(trace, pod, server, "orders", "INSERT INTO orders (id, customer, total) VALUES ($1, $2, $3)");
        let attributes = || -> Attributes {
            vec![("messaging.system", "kafka".into()), ("messaging.destination.name", "orders".into())]
        };
        let send = trace.open(pod, Some(server), SpanKind::Producer, "send orders", attributes());
        trace.pass(800, 3_000);
        trace.close(send);
        let answered = trace.now;
        trace.pass(20_000, 900_000);
        let shipping = Pod::any(Service::Shipping, trace.random);
        let process = trace.open(shipping, Some(send), SpanKind::Consumer, "process orders", attributes());
        trace.pass(4_000, 40_000);
        trace.close(process);
        // Shipping takes its time; the customer does not wait for it.
        trace.now = answered;
    }
    answer(trace, client, server, status);
    trace.pass(2_000, 9_000);
    leave(trace, root, status);
}

/// A customer's request reaches the frontend.
fn arrive(trace: &mut Trace<'_>, method: &'static str, route: &'static str, path: String) -> (Pod, Open) {
    let pod = Pod::any(Service::Frontend, trace.random);
    let agent = trace.random.pick(&AGENTS);
    let address = format!("203.0.113.{}", trace.random.between(1, 255));
    let attributes = vec![
        ("http.request.method", method.into()),
        ("http.route", route.into()),
        ("url.path", path.into()),
        ("url.scheme", "https".into()),
        ("server.address", "shop.example".into()),
        ("client.address", address.into()),
        ("user_agent.original", agent.into()),
    ];
    let root = trace.open(pod, None, SpanKind::Server, format!("{method} {route}"), attributes);
    trace.pass(400, 2_500);
    (pod, root)
}

/// The frontend answers the customer.
fn leave(trace: &mut Trace<'_>, root: Open, status: i64) {
    trace.set(root, "http.response.status_code", status);
    server_error(trace, root, status);
    trace.close(root);
}

/// One service calls another over HTTP: the caller's side.
fn call_out(
    trace: &mut Trace<'_>,
    caller: Pod,
    parent: Open,
    service: Service,
    method: &'static str,
    path: &str,
) -> Open {
    let attributes = vec![
        ("http.request.method", method.into()),
        ("url.full", format!("http://{}:8080{path}", service.name()).into()),
        ("server.address", service.name().into()),
        ("server.port", 8080.into()),
    ];
    trace.open(caller, Some(parent), SpanKind::Client, method, attributes)
}

/// One service calls another over HTTP: both sides.
fn call(
    trace: &mut Trace<'_>,
    caller: Pod,
    parent: Open,
    service: Service,
    method: &'static str,
    route: &'static str,
) -> (Pod, Open, Open) {
    let client = call_out(trace, caller, parent, service, method, route);
    trace.pass(300, 1_200);
    let pod = Pod::any(service, trace.random);
    let attributes = vec![("http.request.method", method.into()), ("http.route", route.into())];
    let server = trace.open(pod, Some(client), SpanKind::Server, format!("{method} {route}"), attributes);
    (pod, client, server)
}

/// The called service answers.
fn answer(trace: &mut Trace<'_>, client: Open, server: Open, status: i64) {
    trace.set(server, "http.response.status_code", status);
    server_error(trace, server, status);
    trace.close(server);
    trace.pass(300, 1_200);
    client_status(trace, client, status);
    trace.close(client);
}

/// The semantic conventions: 4xx is no error of a server, but one of a client.
fn server_error(trace: &mut Trace<'_>, server: Open, status: i64) {
    if status >= 500 {
        trace.set(server, "error.type", status.to_string());
        trace.fail(server, "");
    }
}

fn client_status(trace: &mut Trace<'_>, client: Open, status: i64) {
    trace.set(client, "http.response.status_code", status);
    if status >= 400 {
        trace.set(client, "error.type", status.to_string());
        trace.fail(client, "");
    }
}

/// A query to the service's database.
fn query(trace: &mut Trace<'_>, pod: Pod, parent: Open, table: &'static str, text: &'static str) {
    let operation = text.split(' ').next().unwrap_or(text);
    let attributes = vec![
        ("db.system.name", "postgresql".into()),
        ("db.namespace", "shop".into()),
        ("db.collection.name", table.into()),
        ("db.query.text", text.into()),
    ];
    let span = trace.open(pod, Some(parent), SpanKind::Client, format!("{operation} {table}"), attributes);
    trace.pass(700, 8_000);
    trace.close(span);
}
