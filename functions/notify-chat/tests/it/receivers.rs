//! Secrets that change while the function lives.

use std::sync::atomic::{AtomicI64, Ordering};

use fluo_tests::http::{Answer, Server};
use tempfile::tempdir;

use crate::{Held, NOW, SECOND, again, event, start};

/// Scenario, seconds after the start, what the secret is then, how often the old and the new address were asked.
type Case<'a> = (&'a str, i64, Option<&'a [(&'a str, String)]>, (usize, usize));

static CLOCK: AtomicI64 = AtomicI64::new(NOW);

fn clock() -> i64 {
    CLOCK.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_secret_that_was_changed_is_used_after_five_minutes() {
    let folder = tempdir().unwrap();
    // Nothing is marked: each is asked every time.
    let refusing = || Server::start((0..9).map(|_| Answer::new(404, "")));
    let (old, new) = (refusing().await, refusing().await);
    let secrets = Held::of(&[("CHAT", old.url("/old"))]);
    let function = start(&folder, "[{type: slack, url: {env: CHAT}}]", &secrets, &clock).await.unwrap();
    let changed = [("CHAT", new.url("/new"))];
    let useless = [("OTHER", String::new())];
    let cases: [Case<'_>; 6] = [
        ("changed, and not asked for yet", 299, Some(&changed), (1, 0)),
        ("not to be had", 300, None, (2, 0)),
        ("something is missing", 301, Some(&useless), (3, 0)),
        ("changed", 302, Some(&changed), (3, 1)),
        ("not to be had, and not asked for", 601, None, (3, 2)),
        ("not to be had", 602, None, (3, 3)),
    ];
    let event = event!("sqs_notification");
    for (scenario, seconds, now, expected) in cases {
        CLOCK.store(NOW + seconds * SECOND, Ordering::Relaxed);
        secrets.set(now);
        let deadline = clock() + 30 * SECOND;
        let invocation = fluo_runtime::Invocation { event: event.clone(), deadline };
        let answer = function.handle(invocation).await.unwrap();
        assert_eq!(again(&event, &answer), [0], "{scenario}");
        assert_eq!((old.requests().len(), new.requests().len()), expected, "{scenario} at {seconds} s");
    }
}
