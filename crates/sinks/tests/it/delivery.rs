//! Tests what can happen to a delivery, and what is told of it. The webhook stands for all sinks that speak HTTP.

use std::time::{Duration, Instant};

use fluo_sinks::{SinkConfig, SinkError, build};
use fluo_tests::http::{Answer, Server};

use crate::notifications::firing;
use crate::{NOW, sink};

const SECRET_PATH: &str = "/services/T0AAAAAAA/B0BBBBBBB/verysecrettoken";

async fn send(server: &Server) -> Result<(), SinkError> {
    let url = server.url(SECRET_PATH);
    let yaml = format!(
        "{{type: webhook, name: hook, url: '{url}', headers: {{X-Key: 'Bearer s3cr3t'}}, timeout: 500ms}}"
    );
    sink(&yaml).send(&firing(), NOW).await
}

#[tokio::test]
async fn a_failing_service_is_tried_again_with_the_same_bytes() {
    let server = Server::start([Answer::new(500, "oops")]).await;
    let error = send(&server).await.unwrap_err();
    assert!(error.is_retry());
    assert_eq!(error.retry_after(), None);
    assert_eq!(
        error.to_string(),
        format!("sink `hook` could not POST to {}: 500 Internal Server Error: oops", server.url(""))
    );
    send(&server).await.unwrap();
    let [first, second] = server.requests().try_into().unwrap();
    assert_eq!(first.body, second.body);
    assert_eq!(first.headers, second.headers);
}

#[tokio::test]
async fn what_each_status_means() {
    let cases = [
        (200, None),
        (202, None),
        (204, None),
        (302, Some(false)),
        (400, Some(false)),
        (401, Some(true)),
        (403, Some(true)),
        (404, Some(false)),
        (408, Some(true)),
        (410, Some(false)),
        (413, Some(false)),
        (429, Some(true)),
        (500, Some(true)),
        (502, Some(true)),
        (503, Some(true)),
    ];
    for (status, expected) in cases {
        let server = Server::start([Answer::new(status, "")]).await;
        let outcome = send(&server).await.err().map(|error| error.is_retry());
        assert_eq!(outcome, expected, "{status}");
    }
}

#[tokio::test]
async fn a_service_may_ask_to_be_left_alone() {
    let cases = [
        ("seconds", "Retry-After: 30", Some(30)),
        ("a date, 45 s after now", "Retry-After: Sun, 22 Nov 2026 11:07:00 GMT", Some(44)),
        ("a date in the past", "Retry-After: Sun, 22 Nov 2020 11:07:00 GMT", Some(0)),
        ("longer than a day", "Retry-After: 99999999", Some(24 * 60 * 60)),
        ("nonsense", "Retry-After: soon", None),
        ("nothing", "X-Other: 1", None),
    ];
    for (scenario, header, expected) in cases {
        let server = Server::start([Answer::with_header(429, header)]).await;
        let error = send(&server).await.unwrap_err();
        assert!(error.is_retry(), "{scenario}");
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), expected, "{scenario}");
    }
}

#[tokio::test]
async fn silence_is_not_waited_for() {
    let server = Server::start([Answer::Silence]).await;
    let began = Instant::now();
    let error = send(&server).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(error.is_retry());
    assert!(error.to_string().ends_with(": no answer in time"), "{error}");
}

#[tokio::test]
async fn nobody_listens() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sink = sink(&format!("{{type: webhook, url: 'http://{free}{SECRET_PATH}'}}"));
    let error = sink.send(&firing(), NOW).await.unwrap_err();
    assert!(error.is_retry());
    let expected = format!("sink `webhook` could not POST to http://{free}: no connection: ");
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(!error.to_string().contains("verysecret"), "{error}");
}

#[tokio::test]
async fn errors_hold_no_secret_even_if_the_service_repeats_it() {
    let body =
        format!("no hook at {SECRET_PATH} (verysecrettoken) for Bearer s3cr3t\u{1b}[2J\r\nsecond line");
    let server = Server::start([Answer::new(404, &body)]).await;
    let error = send(&server).await.unwrap_err();
    assert!(!error.is_retry());
    assert_eq!(
        error.to_string(),
        format!(
            "sink `hook` could not POST to {}: 404 Not Found: no hook at *** (***) for ***[2J  second line",
            server.url("")
        )
    );
    let debug = format!("{error:?}");
    assert!(!debug.contains("verysecret") && !debug.contains("s3cr3t"), "{debug}");
}

#[tokio::test]
async fn credentials_of_an_address_and_of_headers_are_hidden_in_every_form() {
    // `fluo:p@ss/word`, as a service may repeat it: as it came, decoded, or as the header that was made of it.
    let echoes = [
        "fluo-user",
        "p%40ss%2Fword",
        "p@ss/word",
        "fluo-user:p@ss/word",
        "Zmx1by11c2VyOnBAc3Mvd29yZA==",
        "tok-123456",
        "Bearer tok-123456",
        "aGVhZGVyOmhlYWRlcnBhc3M=",
        "headerpass",
    ];
    for echo in echoes {
        let server = Server::start([Answer::new(403, &format!("who is {echo}?"))]).await;
        let address = server.url("").replace("http://", "http://fluo-user:p%40ss%2Fword@");
        let config = format!(
            "{{type: webhook, url: '{address}', headers: {{X-Token: 'Bearer tok-123456', \
             X-Basic: 'Basic aGVhZGVyOmhlYWRlcnBhc3M='}}}}"
        );
        let error = sink(&config).send(&firing(), NOW).await.unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("who is ***?") || text.ends_with("who is ***:***?"), "{echo}: {text}");
    }
}

#[tokio::test]
async fn long_answers_are_read_and_repeated_in_part() {
    let server = Server::start([Answer::new(400, &"x".repeat(5_000_000))]).await;
    let text = send(&server).await.unwrap_err().to_string();
    assert!(text.ends_with(&format!("400 Bad Request: {}…", "x".repeat(300))), "{text}");
}

#[tokio::test]
async fn a_proxy_is_the_one_that_the_edge_names() {
    let proxy = Server::start([Answer::new(502, ""), Answer::new(502, "")]).await;
    let config: SinkConfig = serde_yaml::from_str("{type: slack, url: 'https://hooks.invalid/x'}").unwrap();
    let environment = |no_proxy: &'static str| {
        let proxy = proxy.url("");
        move |variable: &str| match variable {
            "HTTPS_PROXY" => Some(proxy.clone()),
            "NO_PROXY" => Some(no_proxy.to_owned()),
            _ => None,
        }
    };
    let through = build(&config, &environment("other.invalid")).unwrap();
    assert!(through.send(&firing(), NOW).await.unwrap_err().is_retry());
    assert_eq!(proxy.request().line, "CONNECT hooks.invalid:443 HTTP/1.1");
    let directly = build(&config, &environment("hooks.invalid")).unwrap();
    assert!(directly.send(&firing(), NOW).await.unwrap_err().is_retry());
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Server::start([]).await;
    let location: &'static str = format!("Location: {}", other.url("/elsewhere")).leak();
    let server = Server::start([Answer::with_header(307, location)]).await;
    let error = send(&server).await.unwrap_err();
    assert!(!error.is_retry());
    assert!(error.to_string().contains("configure the final address"), "{error}");
    assert!(other.requests().is_empty());
}
