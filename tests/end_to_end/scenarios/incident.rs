//! The story of the product: a wrong token is rolled out, logins fail, people are told; it is fixed, they are told that too.
//!
//! In real time, with the origin's rule as it is: the window is a minute, so a minute passes until it is over. Only the wait
//! for late spans (`FLUO_EVAL_DELAY`) is a second instead of a minute.

use std::collections::BTreeSet;
use std::time::Duration;

use fluo_alerts::notification::Event;
use fluo_end_to_end::application::{Application, Login};
use fluo_end_to_end::collector::{Collector, Writes};
use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::{spans, wait};
use jiff::Timestamp;

use crate::{notifications, sleep_until};

/// Waits until exactly these logins lie in the bucket, each once.
async fn until_stored(deployment: &Deployment, logins: &[Login]) {
    let mut expected: Vec<_> = logins.iter().map(|it| (it.trace_id.clone(), it.span_id.clone())).collect();
    expected.sort_unstable();
    wait::until("the logins lie in spans/", async || {
        let stored = spans::ids(&deployment.bucket, "auth_user").await;
        assert!(stored.len() <= expected.len(), "a span is there twice: {stored:?}");
        (stored == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_logins_are_told_once_and_so_is_their_end() {
    let deployment = Deployment::create("incident").await;
    let _ingesting = deployment.ingesting();
    let _notifying = deployment.notifying();
    let writes = Writes { configuration: "agent", marshaler: "otlp_proto", compression: "zstd" };
    let collector = Collector::start(&deployment.aws, &deployment.bucket, writes).await;
    let application = Application::start(&collector);
    // The first evaluation begins: what ended before is not judged.
    deployment.evaluate_at(Timestamp::now()).await;

    let mut logins = application.logins(3).await;
    application.break_token();
    logins.extend(application.logins(7).await);
    assert_eq!(
        logins.iter().map(|login| login.status).collect::<Vec<_>>(),
        [[200; 3].as_slice(), &[401; 7]].concat()
    );
    let failed_by = Timestamp::now();
    until_stored(&deployment, &logins).await;

    // The first evaluation that can see it tells it, and no other does.
    sleep_until(failed_by + Duration::from_secs(1)).await;
    deployment.evaluate_at(Timestamp::now()).await;
    let told =
        wait::until("the chat is told", async || deployment.chat.messages().first().map(ToString::to_string))
            .await;
    assert!(told.contains("AuthFailuresRule"), "{told}");
    for _ in 0..2 {
        sleep_until(Timestamp::now() + Duration::from_secs(1)).await;
        deployment.evaluate_at(Timestamp::now()).await;
    }
    let first = notifications(&deployment.records).await;
    assert_eq!(first.iter().map(|it| it.event).collect::<Vec<_>>(), [Event::Firing]);
    let firing = first[0].alert.as_ref().expect("it is about an alert");
    assert_eq!(firing.values, [("count".to_owned(), "6".to_owned())]);
    let evidence: BTreeSet<&str> =
        firing.violation.evidence.iter().map(|span| span.trace_id.as_str()).collect();
    let failed: BTreeSet<&str> = logins[3..].iter().map(|login| login.trace_id.as_str()).collect();
    assert!(evidence.is_subset(&failed) && !evidence.is_empty(), "{evidence:?} in {failed:?}");
    assert!(firing.trace_urls[0].starts_with("https://traces.example/"), "{:?}", firing.trace_urls);

    // It is fixed. When the failures have left the window, and somebody has logged in since, it is over.
    application.fix_token();
    sleep_until(failed_by + Duration::from_secs(61)).await;
    logins.extend(application.logins(3).await);
    let fixed_by = Timestamp::now();
    until_stored(&deployment, &logins).await;
    sleep_until(fixed_by + Duration::from_secs(2)).await;
    for _ in 0..2 {
        deployment.evaluate_at(Timestamp::now()).await;
        sleep_until(Timestamp::now() + Duration::from_secs(1)).await;
    }
    let second = notifications(&deployment.records).await;
    assert_eq!(second.iter().map(|it| it.event).collect::<Vec<_>>(), [Event::Resolved]);
    let resolved = second[0].alert.as_ref().expect("it is about an alert");
    assert_eq!(resolved.id, firing.id);
    assert_ne!(second[0].id, first[0].id);

    // Every receiver was told of both, once, under the same ids.
    wait::until("the chat is told of the end", async || (deployment.chat.messages().len() > 1).then_some(()))
        .await;
    wait::until("the chat's queue is empty", async || {
        deployment.to_chat.queue.is_empty().await.then_some(())
    })
    .await;
    let both = [first[0].id.to_string(), second[0].id.to_string()];
    let chat = deployment.chat.messages();
    assert_eq!(chat.len(), 2, "{chat:?}");
    assert!(chat[1].to_string().contains("WARNING resolved: AuthFailuresRule"), "{}", chat[1]);
    let mails = deployment.topic.mails().await;
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    let told = ["[fluo warning] firing: AuthFailuresRule", "[fluo warning] resolved: AuthFailuresRule"];
    assert_eq!(subjects.len(), told.len(), "{subjects:?}");
    assert!(subjects.iter().zip(told).all(|(subject, told)| subject.starts_with(told)), "{subjects:?}");
    assert!(mails.iter().zip(&both).all(|(mail, id)| mail.text.contains(id)), "{mails:?}");
    let web = deployment.web.messages();
    assert_eq!(web.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), both);
    assert!(web.iter().all(|it| it["metadata"]["threadId"] == firing.id.to_string()), "{web:?}");
    for inbox in [&deployment.raw, &deployment.to_chat] {
        assert!(inbox.dead.is_empty().await, "nothing is given up");
    }
    assert_eq!(deployment.evaluate.count("Evaluations"), 6);
    assert_eq!(deployment.evaluate.count("NotificationsFailed"), 0);
    wait::until("all environments are free", async || {
        (deployment.notify.count("NotificationsDelivered") == 2).then_some(())
    })
    .await;
    application.stop();
}
