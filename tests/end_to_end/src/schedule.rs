//! EventBridge's schedule: the event that says that it is time, and when.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::runtime_api::{ACCOUNT, REGION};

/// The event of a schedule at a time, which has whole seconds.
pub fn event(at: Timestamp) -> Value {
    static EVENTS: AtomicU64 = AtomicU64::new(1);
    let time = Timestamp::from_second(at.as_second()).expect("a time that was one before");
    json!({
        "version": "0",
        "id": format!("53dc4d37-cffa-4f76-80c9-{:012x}", EVENTS.fetch_add(1, Ordering::Relaxed)),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.to_string(),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/every-minute")],
        "detail": {},
    })
}
