//! The inputs that reach functions: events of queues, topics and buckets, and the texts in them.

use fluo_notify_chat::message;
use fluo_runtime::envelope::Envelope;
use fluo_runtime::s3_event::written_objects;

use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "event",
    form: Form::Json,
    run: |input| {
        if let Ok(event) = serde_json::from_slice(input)
            && let Ok(envelope) = Envelope::open(event)
        {
            for text in envelope.messages.iter().map(|message| message.text.as_str()) {
                // Either is an answer; which one is for other tests.
                drop(written_objects(text));
                drop(message::read(text));
            }
        }
    },
    seeds: &["tests/fixtures/events", "functions"],
    endings: &[".json"],
    examples: &[],
    words: &[],
};
