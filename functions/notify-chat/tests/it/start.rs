//! Tests what keeps the function from starting, and what is said about it.

use fluo_notify_chat::NotifyChat;
use fluo_runtime::Environment;
use tempfile::tempdir;

use crate::{Held, now};

const SLACK: &str = "[{type: slack, url: {env: CHAT}}]";

#[tokio::test]
async fn what_is_missing_is_named() {
    let folder = tempdir().unwrap();
    let store = folder.path().to_str().unwrap();
    let held = |secrets: &[(&str, &str)]| {
        Held::of(&secrets.iter().map(|(name, text)| (*name, (*text).to_owned())).collect::<Vec<_>>())
    };
    let missing = "sink `slack`: `url` is to be `CHAT`, of which the secret of FLUO_SECRETS holds nothing";
    let cases = [
        ("no store", vec![("FLUO_SINKS", SLACK)], Some(held(&[])), "FLUO_STORE is not set: where marks"),
        (
            "no such store",
            vec![("FLUO_STORE", "/no/such/folder"), ("FLUO_SINKS", SLACK)],
            Some(held(&[])),
            "could not open `/no/such/folder`",
        ),
        ("no sinks", vec![("FLUO_STORE", store)], Some(held(&[])), "FLUO_SINKS is not set: who is told"),
        ("no secrets", vec![("FLUO_STORE", store), ("FLUO_SINKS", SLACK)], None, missing),
        (
            "other secrets",
            vec![("FLUO_STORE", store), ("FLUO_SINKS", SLACK)],
            Some(held(&[("A", "x")])),
            missing,
        ),
        (
            "an empty secret",
            vec![("FLUO_STORE", store), ("FLUO_SINKS", SLACK)],
            Some(held(&[("CHAT", "")])),
            missing,
        ),
        (
            "only in the environment",
            vec![("FLUO_STORE", store), ("FLUO_SINKS", SLACK), ("CHAT", "https://hooks.example/x")],
            Some(held(&[])),
            missing,
        ),
        (
            "a secret of another kind",
            vec![("FLUO_STORE", store), ("FLUO_SINKS", SLACK)],
            Some(held(&[("CHAT", "s3cret")])),
            "sink `slack`: `url` is not a URL",
        ),
        (
            "nobody knows the secrets",
            vec![("FLUO_STORE", store), ("FLUO_SINKS", SLACK)],
            Some(Held::default()),
            "the secret of FLUO_SECRETS could not be read: 503",
        ),
    ];
    for (scenario, variables, secrets, expected) in cases {
        let secrets = secrets.map(|secrets| Box::new(secrets) as Box<_>);
        let started = NotifyChat::with_secrets(&Environment::from_iter(variables), secrets, &now).await;
        let error = started.err().unwrap().to_string();
        assert!(error.starts_with(expected), "{scenario}: {error}");
        assert!(!error.contains("s3cret"), "{scenario}: {error}");
    }
}

#[tokio::test]
async fn sinks_without_secrets_need_none() {
    let folder = tempdir().unwrap();
    let variables = [
        ("FLUO_STORE", folder.path().to_str().unwrap()),
        ("FLUO_SINKS", "[{type: alertmanager, url: 'https://alertmanager.example'}]"),
    ];
    NotifyChat::start(&Environment::from_iter(variables), &now).await.unwrap();
}
