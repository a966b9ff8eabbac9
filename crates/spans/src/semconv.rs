//! Old and new names of one attribute.
//!
//! OpenTelemetry renames attributes (`http.status_code` became `http.response.status_code`), and the
//! services of one company are never all of the same age. A rule's name therefore matches itself, its
//! successors and its predecessors. It never matches siblings, names that were merged into the same
//! successor: `http.server_name` and `net.host.name` both became `server.address`, and are still different
//! things to those who send them.
//!
//! The table is in [`renames`]: reviewed, with the sources and the criteria named there.

pub mod renames;
#[cfg(test)]
mod review;

use renames::{PREFIX_RENAMES, RENAMES};

/// The resource attribute that names the service: it was never renamed, and has a field of its own everywhere.
pub const SERVICE_NAME: &str = "service.name";

/// All spellings of `key`, in the order in which a span's value is looked up: the key itself, its
/// successors from the newest to the nearest, then its predecessors, nearest first and by bytes where
/// equally near.
///
/// # Example: which attributes does a rule on `http.status_code` read?
///
/// ```
/// # use fluo_spans::semconv::spellings;
/// assert_eq!(spellings("http.status_code"), ["http.status_code", "http.response.status_code"]);
/// ```
pub fn spellings(key: &str) -> Vec<String> {
    let mut found = vec![key.to_owned()];

    let mut successors = Vec::new();
    let mut current = key.to_owned();
    while let Some(newer) = successor(&current) {
        // The table has no cycle (a test says so); should one come in, a rule must not hang on it.
        if newer == key || successors.contains(&newer) {
            break;
        }
        successors.push(newer.clone());
        current = newer;
    }
    found.extend(successors.into_iter().rev());

    let mut nearest = vec![key.to_owned()];
    while !nearest.is_empty() {
        let mut next: Vec<String> = nearest.iter().flat_map(|newer| predecessors(newer)).collect();
        next.retain(|older| !found.contains(older));
        next.sort();
        next.dedup();
        found.extend(next.iter().cloned());
        nearest = next;
    }
    found
}

/// Returns the name that `key` was renamed to.
fn successor(key: &str) -> Option<String> {
    if let Some((_, new)) = RENAMES.iter().find(|(old, _)| *old == key) {
        return Some((*new).to_owned());
    }
    PREFIX_RENAMES.iter().find_map(|(old, new)| {
        let rest = key.strip_prefix(old)?;
        (!rest.is_empty()).then(|| format!("{new}{rest}"))
    })
}

/// Returns the names that were renamed to `key`.
fn predecessors(key: &str) -> Vec<String> {
    let whole = RENAMES.iter().filter(|(_, new)| *new == key).map(|(old, _)| (*old).to_owned());
    let prefixed = PREFIX_RENAMES.iter().filter_map(|(old, new)| {
        let rest = key.strip_prefix(new)?;
        (!rest.is_empty()).then(|| format!("{old}{rest}"))
    });
    whole.chain(prefixed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_key() {
        let cases: &[(&str, &[&str])] = &[
            // The origin's rule says the old name; newer SDKs send the new one.
            ("http.status_code", &["http.status_code", "http.response.status_code"]),
            ("http.response.status_code", &["http.response.status_code", "http.status_code"]),
            // A chain is followed to its end, newest first.
            ("http.retry_count", &["http.retry_count", "http.request.resend_count", "http.resend_count"]),
            ("http.resend_count", &["http.resend_count", "http.request.resend_count", "http.retry_count"]),
            (
                "http.request.resend_count",
                &["http.request.resend_count", "http.resend_count", "http.retry_count"],
            ),
            // Siblings that were merged are not each other's spelling …
            ("net.host.name", &["net.host.name", "server.address"]),
            // … and all of them are predecessors of what they were merged into.
            (
                "server.address",
                &["server.address", "http.server_name", "net.host.name", "tls.client.server_name"],
            ),
            // Template attributes keep what follows the prefix.
            ("k8s.pod.labels.app", &["k8s.pod.labels.app", "k8s.pod.label.app"]),
            ("k8s.pod.label.app", &["k8s.pod.label.app", "k8s.pod.labels.app"]),
            ("k8s.pod.labels.", &["k8s.pod.labels."]),
            // Not plain renames.
            ("http.target", &["http.target"]),
            ("db.system", &["db.system"]),
            ("net.peer.name", &["net.peer.name"]),
            // Not OpenTelemetry's at all.
            ("shop.cart.size", &["shop.cart.size"]),
            ("", &[""]),
        ];
        for (key, expected) in cases {
            assert_eq!(spellings(key), *expected, "{key:?}");
        }
    }

    #[test]
    fn being_a_spelling_of_each_other_is_mutual() {
        for (old, new) in RENAMES {
            assert!(spellings(old).iter().any(|name| name == new), "{old} → {new}");
            assert!(spellings(new).iter().any(|name| name == old), "{new} ← {old}");
        }
    }
}
