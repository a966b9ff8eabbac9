//! Tests who is told, how often, and what comes again.

use std::time::{Duration, Instant};

use fluo_notify_chat::NotifyChat;
use fluo_runtime::Invocation;
use fluo_tests::files::files_below;
use fluo_tests::http::{Answer, Server};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::{Held, NOW, SECOND, again, chat_and_pager, event, invoke, now, start};

/// The headings that a chat was sent.
fn headings(chat: &Server) -> Vec<String> {
    let heading = |request: fluo_tests::http::Request| {
        request.json()["blocks"][0]["text"]["text"].as_str().unwrap().to_owned()
    };
    chat.requests().into_iter().map(heading).collect()
}

/// Returns what a pager was sent: action and key.
fn pages(pager: &Server) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let page = |body: Value| (text(&body["event_action"]), text(&body["dedup_key"]));
    pager.requests().iter().map(|request| page(request.json())).collect()
}

#[tokio::test]
async fn everybody_is_told_once_however_a_message_comes() {
    const FIRING: &str = "🟠 WARNING firing: AuthFailuresRule";
    const ALARM: &str = "🔴 CRITICAL alarm: fluo-evaluate-rules-silent";
    let none_again = json!({"batchItemFailures": []});
    let cases = [
        ("raw, by a queue", event!("sqs_notification"), &none_again, FIRING),
        ("wrapped, by a queue", event!("sqs_sns_notification"), &none_again, FIRING),
        ("by the topic itself", event!("sns_notification"), &json!({"messages": 1}), FIRING),
        ("an alarm, wrapped", event!("sqs_sns_alarm"), &none_again, ALARM),
        (
            "its end, raw",
            event!("sqs_alarm_over"),
            &none_again,
            "🟢 CRITICAL alarm over: fluo-evaluate-rules-silent",
        ),
    ];
    for (scenario, event, answer, heading) in cases {
        let folder = tempdir().unwrap();
        let (chat, pager) = (Server::start([]).await, Server::start([]).await);
        let function = chat_and_pager(&folder, &chat, &pager).await;
        assert_eq!(&invoke(&function, event.clone()).await.unwrap(), answer, "{scenario}");
        // The same again, to this process and to the next.
        assert_eq!(&invoke(&function, event.clone()).await.unwrap(), answer, "{scenario}");
        let next = chat_and_pager(&folder, &chat, &pager).await;
        assert_eq!(&invoke(&next, event).await.unwrap(), answer, "{scenario}");
        assert_eq!(headings(&chat), [heading], "{scenario}");
        assert_eq!(pager.requests().len(), 1, "{scenario}");
    }
}

#[tokio::test]
async fn an_alarm_is_one_incident_until_it_is_over() {
    let folder = tempdir().unwrap();
    let (chat, pager) = (Server::start([]).await, Server::start([]).await);
    let function = chat_and_pager(&folder, &chat, &pager).await;
    for event in [event!("sqs_sns_alarm"), event!("sqs_alarm_over")] {
        invoke(&function, event).await.unwrap();
    }
    let [(trigger, key), (resolve, same_key)] = pages(&pager).try_into().unwrap();
    assert_eq!((trigger.as_str(), resolve.as_str()), ("trigger", "resolve"));
    assert_eq!(key, same_key);
}

#[tokio::test]
async fn who_has_it_is_not_told_again_while_another_fails() {
    // Twice an outage, once a webhook that was revoked, until somebody repaired it.
    for status in [500, 404] {
        let folder = tempdir().unwrap();
        let chat = Server::start([Answer::new(status, ""), Answer::new(status, "")]).await;
        let pager = Server::start([]).await;
        let event = event!("sqs_notification");
        for (delivery, expected) in [(1, vec![0]), (2, vec![0]), (3, vec![]), (4, vec![])] {
            // Another process each time: only the store remembers.
            let function = chat_and_pager(&folder, &chat, &pager).await;
            let answer = invoke(&function, event.clone()).await.unwrap();
            assert_eq!(again(&event, &answer), expected, "{status}, delivery {delivery}");
        }
        assert_eq!((chat.requests().len(), pager.requests().len()), (3, 1), "{status}");
        assert_eq!(files_below(&folder.path().join("state/delivered")).unwrap().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn what_was_refused_does_not_begin_when_it_is_over() {
    let folder = tempdir().unwrap();
    let (chat, pager) = (Server::start([]).await, Server::start([Answer::new(500, "")]).await);
    let (begun, over) = (event!("sqs_sns_alarm"), event!("sqs_alarm_over"));
    for (event, expected) in [(&begun, vec![0]), (&over, vec![]), (&begun, vec![])] {
        let function = chat_and_pager(&folder, &chat, &pager).await;
        let answer = invoke(&function, event.clone()).await.unwrap();
        assert_eq!(again(event, &answer), expected);
    }
    let actions: Vec<_> = pages(&pager).into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["trigger", "resolve"], "the first was refused, and is not sent again");
    assert_eq!(chat.requests().len(), 2);
}

#[tokio::test]
async fn a_topic_that_delivers_by_itself_is_told_that_it_failed() {
    let folder = tempdir().unwrap();
    let (chat, pager) = (Server::start([Answer::new(500, "")]).await, Server::start([]).await);
    let function = chat_and_pager(&folder, &chat, &pager).await;
    let error = invoke(&function, event!("sns_notification")).await.unwrap_err();
    assert!(error.starts_with("1 of 1 failed"), "{error}");
    invoke(&function, event!("sns_notification")).await.unwrap();
    assert_eq!((chat.requests().len(), pager.requests().len()), (2, 1));
}

#[tokio::test]
async fn what_is_not_understood_comes_again_and_holds_up_nothing() {
    let folder = tempdir().unwrap();
    let (chat, pager) = (Server::start([]).await, Server::start([]).await);
    let function = chat_and_pager(&folder, &chat, &pager).await;
    let event = event!("sqs_several");
    let answer = invoke(&function, event.clone()).await.unwrap();
    assert_eq!(again(&event, &answer), [1, 3]);
    let told = ["🟠 WARNING firing: AuthFailuresRule", "🔴 CRITICAL alarm: fluo-evaluate-rules-silent"];
    assert_eq!(headings(&chat), told);
}

#[tokio::test]
async fn one_message_twice_in_a_batch_is_told_once() {
    let folder = tempdir().unwrap();
    let (chat, pager) = (Server::start([]).await, Server::start([]).await);
    let function = chat_and_pager(&folder, &chat, &pager).await;
    let mut event = event!("sqs_notification");
    let mut copy = event["Records"][0].clone();
    copy["messageId"] = json!("another");
    event["Records"].as_array_mut().unwrap().push(copy);
    let answer = invoke(&function, event.clone()).await.unwrap();
    assert_eq!(again(&event, &answer), [0_usize; 0]);
    assert_eq!((chat.requests().len(), pager.requests().len()), (1, 1));
}

/// The topic has related alerts one by one: a chat is sent the first that it wants, which names the others, and a pager all.
#[tokio::test]
async fn related_alerts_are_one_message_to_a_chat_and_one_each_to_a_pager() {
    let folder = tempdir().unwrap();
    let (chat, pager) = (Server::start([]).await, Server::start([]).await);
    let function = chat_and_pager(&folder, &chat, &pager).await;
    let mut event = event!("sqs_notification");
    let notification: Value = serde_json::from_str(event["Records"][0]["body"].as_str().unwrap()).unwrap();
    let record = |place: u8| {
        let id = |at: u8| format!("{at:02x}").repeat(32);
        let other = 1 - place;
        let mut told = notification.clone();
        told["id"] = json!(id(10 + place));
        told["alert"]["id"] = json!(id(20 + place));
        let related = json!({
            "id": id(20 + other), "place": other, "rule": "AuthFailuresRule", "severity": "warning", "group": {},
            "values": {"count": "6"}, "starts_at": "2026-11-22T11:04:51.200Z", "event": "firing",
        });
        told["together"] = json!({"key": id(20), "place": place, "told": 1, "alerts": [related]});
        let mut record = event["Records"][0].clone();
        (record["messageId"], record["body"]) = (json!(id(place)), json!(told.to_string()));
        record
    };
    // However they come.
    let records = [record(1), record(0)];
    event["Records"] = json!(records);
    let answer = invoke(&function, event.clone()).await.unwrap();
    assert_eq!(again(&event, &answer), [0_usize; 0]);
    assert_eq!(headings(&chat), ["🟠 WARNING firing: AuthFailuresRule and 1 related alert"]);
    assert_eq!(pager.requests().len(), 2);
}

#[tokio::test]
async fn a_sink_is_sent_what_it_wants() {
    let cases = [
        ("everything", "", [true, true]),
        ("its severity", "severity: [warning]", [true, false]),
        ("another severity: alarms are critical", "severity: [critical]", [false, true]),
        ("its team", "labels: {team: payments}", [true, true]),
        ("another team; an alarm concerns all", "labels: {team: platform}", [false, true]),
    ];
    for (scenario, filter, expected) in cases {
        let folder = tempdir().unwrap();
        let chat = Server::start([]).await;
        let sinks = format!("[{{type: slack, url: {{env: CHAT}}, {filter}}}]");
        let function = start(&folder, &sinks, &Held::of(&[("CHAT", chat.url("/hook"))]), &now).await.unwrap();
        let mut told = Vec::new();
        for event in [event!("sqs_notification"), event!("sqs_sns_alarm")] {
            let before = chat.requests().len();
            let answer = invoke(&function, event.clone()).await.unwrap();
            assert_eq!(again(&event, &answer), [0_usize; 0], "{scenario}");
            told.push(chat.requests().len() > before);
        }
        assert_eq!(told, expected, "{scenario}");
    }
}

#[tokio::test]
async fn who_asks_to_be_left_alone_is() {
    let folder = tempdir().unwrap();
    let chat = Server::start([Answer::with_header(429, "Retry-After: 30")]).await;
    let pager = Server::start([]).await;
    let function = chat_and_pager(&folder, &chat, &pager).await;
    let event = event!("sqs_several");
    let answer = invoke(&function, event.clone()).await.unwrap();
    assert_eq!(again(&event, &answer), [0, 1, 2, 3]);
    assert_eq!((chat.requests().len(), pager.requests().len()), (1, 2), "one was refused, the next not sent");
    let answer = invoke(&function, event.clone()).await.unwrap();
    assert_eq!(again(&event, &answer), [1, 3]);
    assert_eq!((chat.requests().len(), pager.requests().len()), (3, 2));
}

async fn until(function: &NotifyChat, deadline: i64) -> Vec<usize> {
    let event = event!("sqs_notification");
    let answer = function.handle(Invocation { event: event.clone(), deadline }).await.unwrap();
    again(&event, &answer)
}

#[tokio::test]
async fn nothing_is_begun_that_has_no_time() {
    let folder = tempdir().unwrap();
    let (chat, pager) = (Server::start([]).await, Server::start([]).await);
    let function = chat_and_pager(&folder, &chat, &pager).await;
    assert_eq!(until(&function, NOW + 5 * SECOND).await, [0]);
    assert_eq!((chat.requests().len(), pager.requests().len()), (0, 0));
    assert_eq!(until(&function, NOW + 6 * SECOND).await, [0_usize; 0]);
    assert_eq!((chat.requests().len(), pager.requests().len()), (1, 1));
}

#[tokio::test]
async fn who_says_nothing_is_given_up_before_the_end() {
    let folder = tempdir().unwrap();
    let (chat, pager) = (Server::start([Answer::Silence]).await, Server::start([]).await);
    let function = chat_and_pager(&folder, &chat, &pager).await;
    let began = Instant::now();
    assert_eq!(until(&function, NOW + 6 * SECOND).await, [0]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(until(&function, NOW + 6 * SECOND).await, [0_usize; 0]);
    assert_eq!((chat.requests().len(), pager.requests().len()), (2, 1));
}

#[tokio::test]
async fn a_store_that_fails_is_no_reason_not_to_tell_people() {
    let folder: TempDir = tempdir().unwrap();
    let (chat, pager) = (Server::start([Answer::new(500, "")]).await, Server::start([]).await);
    let function = chat_and_pager(&folder, &chat, &pager).await;
    // Where its folder should be lies a file: nothing can be looked for, and no mark put.
    std::fs::write(folder.path().join("state"), "").unwrap();
    let event = event!("sqs_sns_alarm");
    let answer = invoke(&function, event.clone()).await.unwrap();
    assert_eq!(again(&event, &answer), [0]);
    // This process knows without the store whom it has told.
    let answer = invoke(&function, event.clone()).await.unwrap();
    assert_eq!(again(&event, &answer), [0_usize; 0]);
    assert_eq!((chat.requests().len(), pager.requests().len()), (2, 1));
    assert_eq!(std::fs::read(folder.path().join("state")).unwrap(), b"");
}
