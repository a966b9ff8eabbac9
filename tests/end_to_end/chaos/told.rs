//! A receiver that keeps what it is told, and sometimes does not take it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use fluo_end_to_end::http::{Response, Server};
use serde_json::Value;

/// The messages that were told of one rule and group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OfGroup {
    /// The ids of its alerts.
    pub(crate) ids: BTreeSet<String>,
    /// The events, each as often as under different ids of notifications.
    pub(crate) events: Vec<String>,
}

/// A webhook.
pub(crate) struct Receiver {
    server: Server,
    taken: Arc<Mutex<Vec<Value>>>,
    refuses: Arc<AtomicBool>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let (taken, refuses) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::<AtomicBool>::default());
        let (keep, busy) = (Arc::clone(&taken), Arc::clone(&refuses));
        let server = Server::start(move |request| {
            let busy = busy.load(Ordering::SeqCst);
            if !busy {
                keep.lock().unwrap().push(request.json());
            }
            async move { Response::new(if busy { 503 } else { 200 }, "") }
        })
        .await;
        Self { server, taken, refuses }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("/told")
    }

    /// Returns whether it takes nothing from now on.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Returns the number of deliveries it took.
    pub(crate) fn deliveries(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// Returns what was told about fluo itself, in order.
    pub(crate) fn troubles(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let about_fluo = |record: &&Value| record["alert"].is_null() && record["summary"].is_null();
        self.taken
            .lock()
            .unwrap()
            .iter()
            .filter(about_fluo)
            .map(|record| (text(&record["event"]), text(&record["title"])))
            .collect()
    }

    /// Returns what was told by rule and group, every notification once.
    pub(crate) fn by_group(&self) -> BTreeMap<(String, String), OfGroup> {
        let mut seen = BTreeSet::new();
        let mut told: BTreeMap<(String, String), OfGroup> = BTreeMap::new();
        for record in self.taken.lock().unwrap().iter().filter(|record| seen.insert(record["id"].to_string()))
        {
            let rule = record["rule"].as_str().unwrap_or_default();
            let event = record["event"].as_str().unwrap_or_default();
            let mut note = |group: &Value, id: &Value| {
                let case = group["case"].as_str().unwrap_or_default();
                let of_group = told.entry((rule.to_owned(), case.to_owned())).or_default();
                of_group.ids.insert(id.as_str().unwrap_or_default().to_owned());
                of_group.events.push(event.to_owned());
            };
            if !record["alert"].is_null() {
                note(&record["alert"]["violation"]["group"], &record["alert"]["id"]);
            }
            for line in record["summary"]["largest"].as_array().into_iter().flatten() {
                note(&line["group"], &line["id"]);
            }
        }
        told
    }
}
