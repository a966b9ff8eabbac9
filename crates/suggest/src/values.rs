//! The values of an attribute, as long as they are few.

use std::collections::BTreeMap;

/// Most different values that are kept of an attribute of an operation.
const MOST: usize = 48;

/// Most bytes of a value that is kept.
const LONGEST: usize = 200;

/// The different values of an attribute with their numbers, or that they are many. A function of the values alone, in
/// whatever order they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FewValues {
    /// All of them.
    Few(BTreeMap<String, u64>),
    /// Too many to tell apart, or too long.
    Many,
}

impl Default for FewValues {
    fn default() -> Self {
        Self::Few(BTreeMap::new())
    }
}

impl FewValues {
    /// Adds a value, so many times.
    pub(crate) fn add(&mut self, value: &str, times: u64) {
        let Self::Few(values) = self else { return };
        if let Some(number) = values.get_mut(value) {
            *number += times;
        } else if values.len() < MOST && value.len() <= LONGEST {
            values.insert(value.to_owned(), times);
        } else {
            *self = Self::Many;
        }
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: &Self) {
        match other {
            Self::Few(values) => values.iter().for_each(|(value, times)| self.add(value, *times)),
            Self::Many => *self = Self::Many,
        }
    }
}
