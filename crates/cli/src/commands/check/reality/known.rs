//! The services, names, attributes and values that stored spans have.

use std::collections::{BTreeMap, BTreeSet};

use fluo_rules::field::Scope;
use fluo_rules::rule::Conventions;
use fluo_spans::semconv::spellings;
use fluo_suggest::{FewValues, Operation, OperationProfile};

/// Everything that is known of the spans.
pub(super) struct Known<'a> {
    pub(super) operations: Vec<(&'a Operation, &'a OperationProfile)>,
    pub(super) services: BTreeSet<&'a str>,
    pub(super) names: BTreeSet<&'a str>,
    pub(super) events: FewValues,
    keys: BTreeMap<(Scope, &'a str), FewValues>,
}

impl<'a> Known<'a> {
    pub(super) fn of(operations: &'a [Operation], profiles: &'a [OperationProfile]) -> Self {
        let operations: Vec<_> =
            operations.iter().zip(profiles).filter(|(_, profile)| profile.spans > 0).collect();
        let mut keys: BTreeMap<(Scope, &str), FewValues> = BTreeMap::new();
        let mut events = FewValues::default();
        for (_, profile) in &operations {
            events.merge(&profile.events);
            for ((scope, key), attribute) in &profile.attributes {
                keys.entry((*scope, key)).or_default().merge(&attribute.values);
            }
        }
        Self {
            services: operations.iter().filter_map(|(operation, _)| operation.service.as_deref()).collect(),
            names: operations.iter().map(|(operation, _)| operation.name.as_str()).collect(),
            operations,
            events,
            keys,
        }
    }

    /// The names of the spans of a service.
    pub(super) fn names_of(&self, service: &str) -> BTreeSet<&'a str> {
        let of_service = self.operations.iter().filter(|(of, _)| of.service.as_deref() == Some(service));
        of_service.map(|(operation, _)| operation.name.as_str()).collect()
    }

    /// The services that have spans of a name.
    pub(super) fn services_with(&self, name: &str) -> BTreeSet<&'a str> {
        let named = self.operations.iter().filter(|(of, _)| of.name == name);
        named.filter_map(|(operation, _)| operation.service.as_deref()).collect()
    }

    /// Returns whether an attribute occurs, under any name that stands for it.
    pub(super) fn has(&self, scope: Scope, key: &str, conventions: Conventions) -> bool {
        spelled(key, conventions)
            .iter()
            .any(|key| owners(scope).iter().any(|scope| self.keys.contains_key(&(*scope, key.as_str()))))
    }

    /// The other owners of an attribute.
    pub(super) fn others_with(&self, scope: Scope, key: &str, conventions: Conventions) -> Vec<Scope> {
        let others = [Scope::Span, Scope::Resource, Scope::Scope, Scope::Event];
        let own = owners(scope);
        let is_other = |scope: &Scope| !own.contains(scope) && self.has(*scope, key, conventions);
        others.into_iter().filter(is_other).collect()
    }

    /// The keys of attributes of an owner.
    pub(super) fn keys(&self, scope: Scope) -> BTreeSet<&'a str> {
        let own = owners(scope);
        self.keys.keys().filter(|(of, _)| own.contains(of)).map(|(_, key)| *key).collect()
    }

    /// The values of an attribute, under any name that stands for it.
    pub(super) fn values(&self, scope: Scope, key: &str, conventions: Conventions) -> FewValues {
        let mut values = FewValues::default();
        for key in spelled(key, conventions) {
            for scope in owners(scope) {
                if let Some(own) = self.keys.get(&(*scope, key.as_str())) {
                    values.merge(own);
                }
            }
        }
        values
    }
}

/// The owners among whose attributes a scope looks.
pub(super) fn owners(scope: Scope) -> &'static [Scope] {
    match scope {
        Scope::Span => &[Scope::Span],
        Scope::Resource => &[Scope::Resource],
        Scope::Scope => &[Scope::Scope],
        Scope::Event => &[Scope::Event],
        Scope::Link => &[Scope::Link],
        Scope::Either => &[Scope::Span, Scope::Resource],
    }
}

/// The names under which an attribute is looked up.
pub(super) fn spelled(key: &str, conventions: Conventions) -> Vec<String> {
    match conventions {
        Conventions::Renamed => spellings(key),
        Conventions::Exact => vec![key.to_owned()],
    }
}
