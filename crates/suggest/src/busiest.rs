//! Tables of limits have bounds: of more rows than these the busiest are proposed, and a proposal says of how many.

use std::cmp::Reverse;

use crate::proposal::grouped;

/// Most rows of a table that is proposed.
const MOST_ROWS: usize = 2_000;

/// Most bytes of their text. A rule may take half a mebibyte of limits, and the file around them a whole one.
const MOST_BYTES: usize = 384 * 1024;

/// The room that something takes in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl Room {
    /// The room of rows of this text.
    pub(crate) fn of(rows: usize, text: &str) -> Self {
        // A character that is escaped takes four more bytes where the table is kept with its rule.
        Self { rows, bytes: text.len() + 4 * text.matches("\\u").count() }
    }

    fn fits(self) -> bool {
        self.rows <= MOST_ROWS && self.bytes <= MOST_BYTES
    }
}

/// Operations, services or calls that a table has rows for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Busiest<T> {
    /// Those that it has room for, in order.
    pub(crate) kept: Vec<T>,
    /// The number of all of them.
    pub(crate) of: usize,
}

impl<T> Busiest<T> {
    /// Keeps the busiest of `all` until the table is full, in their order; of those that are as busy, the first. One that
    /// alone takes more room than there is, is left out.
    pub(crate) fn of(all: Vec<T>, spans: impl Fn(&T) -> u64, room: impl Fn(&T) -> Room) -> Self {
        let of = all.len();
        let mut ranked: Vec<(usize, T)> =
            all.into_iter().enumerate().filter(|(_, one)| room(one).fits()).collect();
        ranked.sort_by_key(|(_, one)| Reverse(spans(one)));
        let mut taken = Room { rows: 0, bytes: 0 };
        let has_room = |(_, one): &(usize, T)| {
            let Room { rows, bytes } = room(one);
            taken = Room { rows: taken.rows + rows, bytes: taken.bytes + bytes };
            taken.fits()
        };
        let mut kept: Vec<(usize, T)> = ranked.into_iter().take_while(has_room).collect();
        kept.sort_by_key(|(place, _)| *place);
        Self { kept: kept.into_iter().map(|(_, one)| one).collect(), of }
    }

    /// Returns whether some were left out.
    pub(crate) fn is_cut(&self) -> bool {
        self.kept.len() < self.of
    }

    /// `12 operations`, or `the 2,000 busiest of 5,431 operations`.
    pub(crate) fn in_words(&self, what: &str) -> String {
        let kept = grouped(self.kept.len() as u64);
        if self.is_cut() {
            format!("the {kept} busiest of {} {what}", grouped(self.of as u64))
        } else {
            format!("{kept} {what}")
        }
    }

    /// The line of a table that says that some were left out; nothing where none were.
    pub(crate) fn comment(&self, what: &str) -> String {
        if self.is_cut() {
            format!("    # Only {}: of the others nothing is said.\n", self.in_words(what))
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, spans, and bytes.
    type One = (&'static str, u64, usize);

    fn kept(all: &[One]) -> Vec<String> {
        let room = |(_, _, bytes): &One| Room { rows: 1, bytes: *bytes };
        let busiest = Busiest::of(all.to_vec(), |(_, spans, _)| *spans, room);
        assert_eq!(busiest.of, all.len());
        busiest.kept.iter().map(|(name, ..)| (*name).to_owned()).collect()
    }

    #[test]
    fn the_busiest_stay_in_their_order() {
        const HALF: usize = MOST_BYTES / 2;
        let cases: [(&str, Vec<One>, &[&str]); 4] = [
            ("room for all", vec![("a", 1, HALF), ("b", 2, HALF)], &["a", "b"]),
            ("room for two", vec![("a", 7, HALF), ("b", 2, HALF), ("c", 9, HALF)], &["a", "c"]),
            ("as busy", vec![("a", 1, 1), ("b", 5, HALF), ("c", 5, HALF), ("d", 5, 1)], &["b", "c"]),
            ("one that is too large", vec![("a", 1, 1), ("b", 9, MOST_BYTES + 1)], &["a"]),
        ];
        for (scenario, all, expected) in cases {
            assert_eq!(kept(&all), expected, "{scenario}");
        }
    }

    #[test]
    fn rows_are_counted_too() {
        let all: Vec<u64> = (0..3_000).collect();
        let busiest = Busiest::of(all, |spans| *spans, |_| Room::of(1, "a row"));
        assert_eq!(busiest.kept, (1_000..3_000).collect::<Vec<_>>());
        assert_eq!(busiest.in_words("operations"), "the 2,000 busiest of 3,000 operations");
        assert!(busiest.comment("operations").contains("of 3,000 operations"));
        let few = Busiest::of(vec![1, 2], |spans| *spans, |_| Room::of(1, "a row"));
        assert_eq!(
            (few.in_words("operations").as_str(), few.comment("operations").as_str()),
            ("2 operations", "")
        );
    }
}
