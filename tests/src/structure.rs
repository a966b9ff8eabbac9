//! Occasions that `TraceQL`'s operators select: for each operator, traces that have one and traces that have none.
//!
//! The reference evaluator and the program are held to the same table.

use fluo_spans::span::Span;

use crate::span::{attributes, blank};

/// A trace, and what a `when` finds in it.
#[derive(Debug, Clone, Copy)]
pub struct Occasions {
    /// The value of `when`, where a bare letter stands for the filter of the spans of that name.
    pub when: &'static str,
    /// Its spans: `ID<PARENT NAME START..END`, times in seconds.
    pub spans: &'static str,
    /// The name of the first occasion, by start.
    pub first: Option<&'static str>,
}

impl Occasions {
    /// A rule that breaks wherever there is an occasion, in the group of the first one's name.
    pub fn rule(&self) -> String {
        let filter = |c: char| match c {
            c if c.is_ascii_lowercase() => format!("{{ name = \"{c}\" }}"),
            '*' => "{ }".to_owned(),
            c => c.to_string(),
        };
        let when: String = self.when.chars().map(filter).collect();
        format!("- {{name: r, trace: {{when: '{when}', never: ['{{ }}']}}, group_by: [name]}}\n")
    }

    /// The spans, the first second of whose trace is at a moment.
    pub fn stored(&self, from_ns: i64) -> Vec<Span> {
        self.parts()
            .map(|part| Span {
                trace_id: [1; 16],
                span_id: [part.id; 8],
                parent_span_id: part.parent.map(|parent| [parent; 8]),
                name: part.name.to_owned(),
                start_ns: from_ns + part.start * 1_000_000_000,
                end_ns: from_ns + part.end * 1_000_000_000,
                attributes: attributes(&[]),
                ..blank()
            })
            .collect()
    }

    /// The test of the rule in `rules`, as `fluo test` reads it; none where a parent is not stored, which no test may say.
    pub fn test(&self, rules: &str) -> Option<String> {
        let ids: Vec<u8> = self.parts().map(|part| part.id).collect();
        if self.parts().any(|part| part.parent.is_some_and(|parent| !ids.contains(&parent))) {
            return None;
        }
        let spans = self.parts().map(|part| {
            let parent = part.parent.map_or_else(String::new, |parent| format!(", parent: 's{parent}'"));
            let (id, name, end, duration) = (part.id, part.name, part.end, part.end - part.start);
            format!(
                "{{at: {end}s, duration: {duration}s, trace_id: t, span_id: 's{id}'{parent}, name: {name}}}"
            )
        });
        let spans: Vec<String> = spans.collect();
        let last = self.parts().map(|part| part.end).max().unwrap_or_default();
        let expected = self
            .first
            .map(|name| format!("{{rule: r, at: {last}s, state: firing, group: {{name: {name}}}}}"))
            .unwrap_or_default();
        let (when, spans) = (self.when, spans.join(", "));
        Some(format!(
            "rules: [{rules}]\ntests: [{{name: '{when}', spans: [{spans}], until: 5m, expect: [{expected}]}}]\n"
        ))
    }

    fn parts(&self) -> impl Iterator<Item = Part> {
        self.spans.split(", ").map(|line| {
            let mut words = line.split(' ');
            let mut next = || words.next().unwrap_or_else(|| panic!("{line}"));
            let (id, name, times) = (next(), next(), next());
            let (id, parent) = id.split_once('<').map_or((id, None), |(id, parent)| (id, Some(parent)));
            let (start, end) = times.split_once("..").unwrap_or_else(|| panic!("{line}"));
            let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{line}"));
            Part {
                id: id.parse().unwrap_or_else(|_| panic!("{line}")),
                parent: parent.map(|parent| parent.parse().unwrap_or_else(|_| panic!("{line}"))),
                name,
                start: number(start),
                end: number(end),
            }
        })
    }
}

struct Part {
    id: u8,
    parent: Option<u8>,
    name: &'static str,
    start: i64,
    end: i64,
}

const fn of(when: &'static str, spans: &'static str, first: Option<&'static str>) -> Occasions {
    Occasions { when, spans, first }
}

/// `b` is the child of `a`.
const CHILD: &str = "1 a 0..9, 2<1 b 1..2";

/// `b` is the child of `a`, and started before it by its host's clock.
const EARLY: &str = "1 a 1..9, 2<1 b 0..2";

/// `b` is the grandchild of `a`.
const GRANDCHILD: &str = "1 a 0..9, 2<1 x 1..8, 3<2 b 2..3";

/// The same, and `b` started first.
const EARLY_GRANDCHILD: &str = "1 a 1..9, 2<1 x 1..8, 3<2 b 0..3";

/// `b` is the parent of `a`.
const PARENT: &str = "1 b 0..9, 2<1 a 1..2";

/// `a` and `b` have the same parent.
const SIBLINGS: &str = "1 x 0..9, 2<1 a 1..2, 3<1 b 3..4";

/// The same, and `b` started first.
const EARLY_SIBLINGS: &str = "1 x 0..9, 2<1 a 2..3, 3<1 b 1..4";

/// Both have no parent.
const ROOTS: &str = "1 a 0..1, 2 b 1..2";

/// Each is the child of the one before.
const CHAIN: &str = "1 a 0..9, 2<1 b 1..8, 3<2 c 2..7";

/// For each operator, and for how they bind.
pub const CASES: &[Occasions] = &[
    of("a > b", CHILD, Some("b")),
    of("a > b", EARLY, Some("b")),
    of("a > b", GRANDCHILD, None),
    of("a > b", PARENT, None),
    of("a > b", "1 a 0..9, 2<7 b 1..2", None),
    of("a >> b", CHILD, Some("b")),
    of("a >> b", GRANDCHILD, Some("b")),
    of("a >> b", SIBLINGS, None),
    of("a >> b", "1 a 0..9, 3<2 b 2..3", None),
    of("b < a", CHILD, Some("a")),
    of("b < a", EARLY, Some("a")),
    of("b < a", GRANDCHILD, None),
    of("b < a", PARENT, None),
    of("b << a", CHILD, Some("a")),
    of("b << a", EARLY_GRANDCHILD, Some("a")),
    of("b << a", PARENT, None),
    of("a ~ b", SIBLINGS, Some("b")),
    of("a ~ b", "1 x 0..9, 2<7 a 1..2, 3<7 b 3..4", Some("b")),
    of("a ~ b", CHILD, None),
    of("a ~ b", ROOTS, None),
    of("a ~ a", "1 x 0..9, 2<1 a 1..2", None),
    of("a ~ a", "1 x 0..9, 2<1 a 1..2, 3<1 a 3..4", Some("a")),
    of("a !> b", GRANDCHILD, Some("b")),
    of("a !> b", "1 b 0..1", Some("b")),
    of("a !> b", CHILD, None),
    of("a !> b", "1 a 0..1", None),
    of("a !>> b", SIBLINGS, Some("b")),
    of("a !>> b", "1 b 0..1", Some("b")),
    of("a !>> b", GRANDCHILD, None),
    of("b !< a", GRANDCHILD, Some("a")),
    of("b !< a", "1 a 0..1", Some("a")),
    of("b !< a", CHILD, None),
    of("b !<< a", PARENT, Some("a")),
    of("b !<< a", GRANDCHILD, None),
    of("a !~ b", CHILD, Some("b")),
    of("a !~ b", ROOTS, Some("b")),
    of("a !~ b", SIBLINGS, None),
    of("a &> b", CHILD, Some("a")),
    of("a &> b", EARLY, Some("b")),
    of("a &> b", GRANDCHILD, None),
    of("a &>> b", GRANDCHILD, Some("a")),
    of("a &>> b", EARLY_GRANDCHILD, Some("b")),
    of("a &>> b", PARENT, None),
    of("b &< a", CHILD, Some("a")),
    of("b &< a", EARLY, Some("b")),
    of("b &< a", GRANDCHILD, None),
    of("b &<< a", GRANDCHILD, Some("a")),
    of("b &<< a", EARLY_GRANDCHILD, Some("b")),
    of("b &<< a", PARENT, None),
    of("a &~ b", SIBLINGS, Some("a")),
    of("a &~ b", EARLY_SIBLINGS, Some("b")),
    of("a &~ b", ROOTS, None),
    of("a && b", ROOTS, Some("a")),
    of("a && b", EARLY, Some("b")),
    of("a && b", "1 a 0..1", None),
    of("a || b", ROOTS, Some("a")),
    of("a || b", "1 b 0..1", Some("b")),
    of("a || b", "1 x 0..1", None),
    // Leaves.
    of("* !< a", "1 x 0..9, 2<1 a 1..2", Some("a")),
    of("* !< a", "1 a 0..9, 2<1 x 1..2", None),
    // Structure binds tighter than `&&` and `||`, and these two alike; all from the left.
    of("a || b > c", "1 a 0..1", Some("a")),
    of("(a || b) > c", "1 a 0..1", None),
    of("a > b && c", "1 a 0..9, 2<1 b 1..2, 3 c 3..4", Some("b")),
    of("a > b && c", CHILD, None),
    of("a || b && c", "1 a 0..1", None),
    of("a || (b && c)", "1 a 0..1", Some("a")),
    of("a > b > c", CHAIN, Some("c")),
    of("a > b > c", "1 x 0..9, 2<1 b 1..8, 3<2 c 2..7", None),
    of("a > (b > c)", CHAIN, None),
    of("a >> (b < c)", "1 a 0..9, 2<1 c 1..8, 3<2 b 2..7", Some("c")),
    of("a !> (b !< c)", CHAIN, Some("c")),
    of("c << (a &> b)", CHAIN, Some("a")),
];
