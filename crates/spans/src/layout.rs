//! A layout: the attributes that have a column of their own, under a number.
//!
//! Attributes that rules read are promoted from the map to dictionary columns, which are smaller and
//! about ten times faster to read. The set is a numbered object, so that files of different ages can
//! lie side by side: each file says which layout it was written with, and the planner decides per
//! layout whether a key is a column or an entry of the map.
//!
//! Invariant of every layout made by [`Layout::new`]: columns are sorted by scope and key, no key and no
//! column name occurs twice, and `service.name` of the resource, which always has its column, is not
//! among them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use crate::semconv::SERVICE_NAME;

/// The owner of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeScope {
    /// The span's own attributes.
    Span,
    /// Its resource's attributes.
    Resource,
}

impl AttributeScope {
    /// Returns the beginning of the names of its columns.
    pub fn column_prefix(self) -> &'static str {
        match self {
            Self::Span => "attr_",
            Self::Resource => "res_",
        }
    }

    /// Returns the owner of the attribute that a column of this name holds; `None` for columns that every layout has.
    pub fn of_column(column: &str) -> Option<Self> {
        [Self::Span, Self::Resource].into_iter().find(|scope| column.starts_with(scope.column_prefix()))
    }
}

/// An attribute with a column of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Promoted {
    /// The owner of the attribute.
    pub scope: AttributeScope,
    /// Its key as the semantic conventions, or a rule, spell it.
    pub key: String,
    /// Its column, as [`column_name`] has it.
    pub column: String,
}

/// A numbered set of promoted attributes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layout {
    /// Higher is newer. 1 is built in.
    pub number: u32,
    /// Sorted by scope, then key. Every rule and file has its layout beside it, and nearly all have one.
    pub columns: Arc<[Promoted]>,
}

impl Layout {
    /// A layout of these keys, in any order and however often each is given.
    ///
    /// Of two keys that map to one column name, the byte-wise smaller has it and the other stays in the map.
    pub fn new<K: Into<String>>(number: u32, keys: impl IntoIterator<Item = (AttributeScope, K)>) -> Self {
        let sorted: BTreeSet<(AttributeScope, String)> =
            keys.into_iter().map(|(scope, key)| (scope, key.into())).collect();
        let mut by_column: BTreeMap<String, (AttributeScope, String)> = BTreeMap::new();
        for (scope, key) in sorted {
            // It is a column of every layout, and part of none.
            if scope == AttributeScope::Resource && key == SERVICE_NAME {
                continue;
            }
            // Ascending order: whoever is there already is the smaller.
            by_column.entry(column_name(scope, &key)).or_insert((scope, key));
        }
        let mut columns: Vec<Promoted> =
            by_column.into_iter().map(|(column, (scope, key))| Promoted { scope, key, column }).collect();
        columns.sort_by(|left, right| (left.scope, &left.key).cmp(&(right.scope, &right.key)));
        Self { number, columns: columns.into() }
    }

    /// Layout 1: the keys of the semantic conventions that rules and dashboards read most, in old and new
    /// spelling. Its meaning never changes, since files carry its number.
    pub fn builtin() -> Self {
        static BUILTIN: LazyLock<Layout> = LazyLock::new(|| {
            let span = BUILTIN_SPAN.iter().map(|key| (AttributeScope::Span, *key));
            let resource = BUILTIN_RESOURCE.iter().map(|key| (AttributeScope::Resource, *key));
            Layout::new(1, span.chain(resource))
        });
        BUILTIN.clone()
    }

    /// The column of a key, or `None` where the key lies in the map.
    pub fn column(&self, scope: AttributeScope, key: &str) -> Option<&str> {
        self.columns
            .iter()
            .find(|promoted| promoted.scope == scope && promoted.key == key)
            .map(|promoted| promoted.column.as_str())
    }
}

/// The column name that a key maps to: prefix of its scope, ASCII lower case, and `_` for every character
/// other than `a`–`z`, `0`–`9` and `_`, so that the name needs no quoting in any SQL.
pub fn column_name(scope: AttributeScope, key: &str) -> String {
    let mut column = String::with_capacity(scope.column_prefix().len() + key.len());
    column.push_str(scope.column_prefix());
    column.extend(key.chars().map(|character| match character.to_ascii_lowercase() {
        kept @ ('a'..='z' | '0'..='9' | '_') => kept,
        _ => '_',
    }));
    column
}

/// Span attributes of layout 1.
const BUILTIN_SPAN: &[&str] = &[
    "client.address",
    "db.collection.name",
    "db.name",
    "db.namespace",
    "db.operation",
    "db.operation.name",
    "db.query.text",
    "db.statement",
    "db.system",
    "db.system.name",
    "error.type",
    "http.method",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "http.status_code",
    "http.target",
    "http.url",
    "messaging.destination.name",
    "messaging.operation.type",
    "messaging.system",
    "net.peer.name",
    "peer.service",
    "rpc.grpc.status_code",
    "rpc.method",
    "rpc.service",
    "rpc.system",
    "server.address",
    "server.port",
    "url.full",
    "url.path",
    "url.scheme",
    "user.id",
];

/// Resource attributes of layout 1.
const BUILTIN_RESOURCE: &[&str] = &[
    "cloud.region",
    "deployment.environment",
    "deployment.environment.name",
    "host.name",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.deployment.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "service.namespace",
    "service.version",
];

#[cfg(test)]
mod tests {
    use super::*;
    use AttributeScope::{Resource, Span};

    #[test]
    fn column_names() {
        let cases = [
            ("dots become underscores", Span, "http.status_code", "attr_http_status_code"),
            ("resource attributes have their own prefix", Resource, "k8s.pod.name", "res_k8s_pod_name"),
            ("lower case", Span, "App.UserID", "attr_app_userid"),
            ("every other character is one underscore", Span, "weird key!", "attr_weird_key_"),
            ("so is one beyond ASCII", Span, "prix.é", "attr_prix__"),
            ("quotes cannot reach SQL", Span, "a\"; drop", "attr_a___drop"),
            ("an empty key", Span, "", "attr_"),
        ];
        for (scenario, scope, key, expected) in cases {
            assert_eq!(column_name(scope, key), expected, "{scenario}");
        }
    }

    #[test]
    fn of_two_keys_with_one_column_name_the_smaller_has_it_whatever_the_order() {
        for keys in [["a_b", "a.b", "A.b"], ["A.b", "a.b", "a_b"]] {
            let layout = Layout::new(2, keys.map(|key| (Span, key)));
            assert_eq!(layout.column(Span, "A.b"), Some("attr_a_b"));
            assert_eq!(layout.column(Span, "a.b"), None);
            assert_eq!(layout.columns.len(), 1);
        }
    }

    #[test]
    fn the_same_key_may_be_promoted_for_span_and_resource() {
        let layout = Layout::new(2, [(Span, "user.id"), (Resource, "user.id"), (Span, "user.id")]);
        assert_eq!(layout.column(Span, "user.id"), Some("attr_user_id"));
        assert_eq!(layout.column(Resource, "user.id"), Some("res_user_id"));
        assert_eq!(layout.columns.len(), 2);
    }

    #[test]
    fn the_service_name_of_the_resource_has_its_column_already() {
        let layout = Layout::new(2, [(Resource, "service.name"), (Span, "service.name")]);
        assert_eq!(layout.column(Resource, "service.name"), None);
        assert_eq!(layout.column(Span, "service.name"), Some("attr_service_name"));
    }

    #[test]
    fn the_built_in_layout_loses_no_key_to_a_collision() {
        let layout = Layout::builtin();
        assert_eq!(layout.number, 1);
        assert_eq!(layout.columns.len(), BUILTIN_SPAN.len() + BUILTIN_RESOURCE.len());
        assert_eq!(layout.column(Span, "http.status_code"), Some("attr_http_status_code"));
        assert_eq!(layout.column(Span, "http.response.status_code"), Some("attr_http_response_status_code"));
    }
}
