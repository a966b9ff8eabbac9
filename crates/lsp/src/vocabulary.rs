//! The services, names and attributes of stored spans, for completion.

use std::collections::{BTreeMap, BTreeSet};

use fluo_spans::span::Span;

/// Most names of each kind: a name with an id in it would bring any number.
const MOST: usize = 5_000;

/// Most values of an attribute: one with more is an id, or free text.
const MOST_VALUES: usize = 50;

/// Services, names and attributes that occur.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// The names of spans, by service.
    services: BTreeMap<String, BTreeSet<String>>,
    /// The values of attributes of spans and resources, by key; none of those that have too many.
    attributes: BTreeMap<String, Values>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Values {
    texts: BTreeSet<String>,
    too_many: bool,
}

impl Vocabulary {
    /// Takes in spans.
    pub fn add(&mut self, spans: &[Span]) {
        for span in spans {
            let service = span.resource.service_name.as_deref().unwrap_or_default();
            if self.services.contains_key(service) || self.services.len() < MOST {
                let names = self.services.entry(service.to_owned()).or_default();
                if names.len() < MOST {
                    names.insert(span.name.clone());
                }
            }
            for (key, value) in span.attributes.iter().chain(span.resource.attributes.iter()) {
                if !self.attributes.contains_key(key) && self.attributes.len() >= MOST {
                    continue;
                }
                let values = self.attributes.entry(key.to_owned()).or_default();
                if !values.too_many {
                    values.texts.insert(value.to_owned());
                    values.too_many = values.texts.len() > MOST_VALUES;
                }
            }
        }
    }

    /// Returns whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The services, sorted.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// The names of spans, of one service or of all, sorted.
    pub fn names(&self, service: Option<&str>) -> BTreeSet<&str> {
        let of = self.services.iter().filter(|(name, _)| service.is_none_or(|service| service == *name));
        of.flat_map(|(_, names)| names).map(String::as_str).collect()
    }

    /// The keys of attributes, sorted.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str)
    }

    /// The values of an attribute, sorted; none where there are many.
    pub fn values(&self, attribute: &str) -> impl Iterator<Item = &str> {
        let values = self.attributes.get(attribute).filter(|values| !values.too_many);
        values.into_iter().flat_map(|values| &values.texts).map(String::as_str)
    }
}
