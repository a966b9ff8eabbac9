//! "Did you mean": the known word that a misspelt one most likely stands for.

use strsim::osa_distance;

/// The candidate with the fewest edits (insert, delete, replace, swap neighbours: optimal string alignment) from `word`,
/// if they are few for its length; the first of equals. Case does not count.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters = candidate.to_lowercase();
        let few = (length.max(letters.chars().count()) + 1) / 3;
        let edits = osa_distance(&word, &letters);
        if edits <= few && best.is_none_or(|(fewest, _)| edits < fewest) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_probably_meant() {
        let known = ["service_name", "name", "status", "duration", "count"];
        let cases = [
            ("a letter left out", "servce_name", Some("service_name")),
            ("two letters swapped", "coutn", Some("count")),
            ("other case", "Status", Some("status")),
            ("nothing like it", "payments", None),
            ("a short word needs to be close", "x", None),
            ("empty", "", None),
        ];
        for (scenario, word, expected) in cases {
            assert_eq!(nearest(word, known), expected, "{scenario}");
        }
    }
}
