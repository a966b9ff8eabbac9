//! Attributes in canonical text: those of a span, event, link, resource or scope.
//!
//! A span has a dozen of them, and most of what it takes is theirs. So the texts of all lie in one allocation.

/// Attribute keys and values in canonical text; keys unique (the last one received won), sorted by bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Attributes(Pairs);

/// Pairs of texts, in the order in which they were added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub(crate) struct Pairs {
    /// Keys and values, one behind the other.
    text: String,
    /// The ends of each key and of its value in the text.
    ends: Vec<(usize, usize)>,
}

/// The memory that an attribute takes beside its bytes, and that a list of them takes which is not empty: the structures,
/// and the allocator's share.
const ATTRIBUTE_COST: usize = size_of::<(usize, usize)>();
const LIST_COST: usize = 32;

/// The bytes and attributes that a list has room for when its first comes: what most spans have.
const ROOM: (usize, usize) = (512, 16);

impl Pairs {
    fn with_capacity(bytes: usize, pairs: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(pairs) }
    }

    pub(crate) fn push(&mut self, key: &str, value: &str) {
        if self.ends.capacity() == 0 {
            *self = Self::with_capacity(ROOM.0.max(key.len() + value.len()), ROOM.1);
        }
        self.text.push_str(key);
        let key_ends = self.text.len();
        self.text.push_str(value);
        self.ends.push((key_ends, self.text.len()));
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, at: usize) -> (&str, &str) {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].1);
        let (key_ends, end) = self.ends[at];
        (&self.text[start..key_ends], &self.text[key_ends..end])
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> + ExactSizeIterator {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Leaves out those of which `keep` is not true.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        let mut kept = Self::with_capacity(self.text.len(), self.len());
        for (key, value) in self.iter().filter(|(key, value)| keep(key, value)) {
            kept.push(key, value);
        }
        *self = kept;
    }

    /// The bytes of the key at this place, by which it is sorted.
    fn key(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].1);
        &self.text.as_bytes()[start..self.ends[at].0]
    }

    /// Returns whether each key is greater than the one before.
    fn is_sorted(&self) -> bool {
        (1..self.len()).all(|at| self.key(at - 1) < self.key(at))
    }
}

impl Attributes {
    /// From pairs as received: of equal keys the last wins.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        let mut received = Pairs::default();
        for (key, value) in pairs {
            received.push(&key, &value);
        }
        Self::received(received)
    }

    /// From pairs as received: of equal keys the last wins.
    pub(crate) fn received(mut pairs: Pairs) -> Self {
        if pairs.is_sorted() {
            pairs.text.shrink_to_fit();
            pairs.ends.shrink_to_fit();
            return Self(pairs);
        }
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        // The sort is stable: the last of a run of equal keys is the last received.
        order.sort_by(|left, right| pairs.key(*left).cmp(pairs.key(*right)));
        let mut sorted = Pairs::with_capacity(pairs.text.len(), pairs.len());
        for (place, at) in order.iter().enumerate() {
            if order.get(place + 1).is_none_or(|next| pairs.key(*next) != pairs.key(*at)) {
                let (key, value) = pairs.get(*at);
                sorted.push(key, value);
            }
        }
        Self(sorted)
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            let (name, value) = self.0.get(middle);
            match name.cmp(key) {
                std::cmp::Ordering::Equal => return Some(value),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// All pairs by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes of all keys and values.
    pub(crate) fn text_len(&self) -> usize {
        self.0.text.len()
    }

    /// About how many bytes of memory they take.
    pub(crate) fn cost(&self) -> usize {
        if self.is_empty() { 0 } else { LIST_COST + ATTRIBUTE_COST * self.len() + self.text_len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        Attributes::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn of_equal_keys_the_last_wins_whatever_the_order() {
        type Pairs = &'static [(&'static str, &'static str)];
        let cases: [(&str, Pairs, Pairs); 6] = [
            ("none", &[], &[]),
            ("in order", &[("a", "1"), ("b", "2")], &[("a", "1"), ("b", "2")]),
            ("out of order", &[("b", "2"), ("", "0"), ("a", "1")], &[("", "0"), ("a", "1"), ("b", "2")]),
            ("twice in a row", &[("a", "1"), ("a", "2")], &[("a", "2")]),
            (
                "twice apart",
                &[("b", "1"), ("a", ""), ("b", ""), ("c", "3")],
                &[("a", ""), ("b", ""), ("c", "3")],
            ),
            ("text at a seam", &[("ab", "c"), ("a", "bc")], &[("a", "bc"), ("ab", "c")]),
        ];
        for (scenario, received, kept) in cases {
            let made = attributes(received);
            assert_eq!(made.iter().collect::<Vec<_>>(), kept, "{scenario}");
            for (key, value) in kept {
                assert_eq!(made.get(key), Some(*value), "{scenario}");
            }
            assert_eq!(made.get("aa"), None, "{scenario}");
            let mut reversed = kept.to_vec();
            reversed.reverse();
            assert_eq!(attributes(&reversed), made, "{scenario}");
        }
    }
}
