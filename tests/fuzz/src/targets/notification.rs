//! Notifications and violations as they come back: alert files, state.

use fluo_alerts::notification::Notification;
use fluo_evaluator::State;

use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "notification",
    form: Form::Json,
    run: |input| {
        if let Ok(notification) = serde_json::from_slice::<Notification>(input) {
            let text = serde_json::to_string(&notification).unwrap_or_default();
            assert!(serde_json::from_str::<Notification>(&text).is_ok(), "it does not read back: {text}");
        }
        // As it would be stored; it need not be a state.
        if let Ok(compressed) = zstd::encode_all(input, 1) {
            drop(State::decode(&compressed));
        }
    },
    seeds: &["tests", "functions", "crates/sinks/tests", "crates/alerts"],
    endings: &["notification.json", "firing.json", ".notification.json"],
    examples: &[
        r#"{"schema":"fluo.state/v1","generation":1,"writes":1,"nonce":"n","eval_time":1,"seen":[],"pipeline":{"arrived_at":1,"alive_to":1,"newest_end":1,"stale":false,"stale_told":0},"damaged":[],"rules":{},"rule_files":{},"file_errors":{},"outbox":[],"unwritten":[]}"#,
        r#"{"schema":"fluo.notification/v1","id":"d808beaf770a69bb27b6368b523075643ad253f5fa510b352c84ef52a0c5c01c","event":"pipeline_stale","at":"2026-11-22T11:04:51.200Z","severity":"warning","title":"t","text":"x","rule":null,"labels":{},"reason":null,"alert":null,"summary":null}"#,
    ],
    words: &[],
};
