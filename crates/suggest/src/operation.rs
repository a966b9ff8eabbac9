//! Operations: what spans are of, by service, name and kind.

use std::fmt;

use hashbrown::{Equivalent, HashMap};

/// A service's spans of one name and kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The resource attribute `service.name`; none where it is missing.
    pub service: Option<String>,
    /// The spans' name.
    pub name: String,
    /// The spans' kind, in lower case.
    pub kind: String,
}

/// `POST /pay (server) of checkout`
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = self.service.as_deref().unwrap_or("(none)");
        write!(f, "{} ({}) of {service}", self.name, self.kind)
    }
}

/// An operation that is looked up without a copy of its texts.
#[derive(Hash)]
struct Looked<'a> {
    service: Option<&'a str>,
    name: &'a str,
    kind: &'a str,
}

impl Equivalent<Operation> for Looked<'_> {
    fn equivalent(&self, key: &Operation) -> bool {
        self.name == key.name && self.service == key.service.as_deref() && self.kind == key.kind
    }
}

/// Operations by number, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    numbers: HashMap<Operation, u32>,
    all: Vec<Operation>,
}

impl Operations {
    /// The number of an operation, which is added where it is new.
    pub(crate) fn number(&mut self, service: Option<&str>, name: &str, kind: &str) -> u32 {
        let looked = Looked { service, name, kind };
        if let Some(number) = self.numbers.get(&looked) {
            return *number;
        }
        self.add(Operation {
            service: service.map(str::to_owned),
            name: name.to_owned(),
            kind: kind.to_owned(),
        })
    }

    /// The number of an operation, which is added where it is new.
    pub(crate) fn add(&mut self, operation: Operation) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(NONE);
        let all = &mut self.all;
        *self.numbers.entry(operation).or_insert_with_key(|operation| {
            all.push(operation.clone());
            next
        })
    }

    /// The number of a known operation.
    pub(crate) fn known(&self, operation: &Operation) -> Option<u32> {
        self.numbers.get(operation).copied()
    }

    pub(crate) fn all(&self) -> &[Operation] {
        &self.all
    }
}

/// The number of an operation that is not looked at.
pub(crate) const NONE: u32 = u32::MAX;
