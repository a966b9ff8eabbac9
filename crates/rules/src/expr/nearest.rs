//! "Did you mean": the known word that a misspelt one most likely stands for.

/// The candidate with the fewest edits (insert, delete, replace, swap neighbours) from `word`, if they are few
/// for its length; the first of equals. Case does not count.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).take(65).collect();
    if word.len() > 64 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        let few = (word.len().max(letters.len()) + 1) / 3;
        let edits = edits(&word, &letters);
        if edits <= few && best.is_none_or(|(fewest, _)| edits < fewest) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance.
fn edits(left: &[char], right: &[char]) -> usize {
    let mut two_back = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1; right.len() + 1];
        for (j, r) in right.iter().enumerate() {
            let replaced = above[j] + usize::from(l != r);
            row[j + 1] = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *l == right[j - 1] && left[i - 1] == *r {
                row[j + 1] = row[j + 1].min(two_back[j - 1] + 1);
            }
        }
        two_back = above;
        above = row;
    }
    above[right.len()]
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
