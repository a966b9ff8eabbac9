//! Which files of a directory are rule files.

/// The rule files among `paths`, sorted.
///
/// Paths are relative to the directory, with `/` between their parts. Rule files end in `.yml` or `.yaml`; unit
/// tests (`*.test.yml`), `silences.yml`, `fluo.yml` and everything below a hidden folder are none.
pub fn rule_files<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut files: Vec<&str> = paths.into_iter().filter(|path| is_rule_file(path)).collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// Whether a path relative to the rules directory is that of a rule file.
pub fn is_rule_file(path: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let Some(file) = parts.next_back() else { return false };
    let hidden = file.starts_with('.') || parts.any(|folder| folder.starts_with('.') && folder != "..");
    let stem = file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml"));
    let test = stem.is_some_and(|stem| stem.rsplit('.').next() == Some("test"));
    !matches!(stem, None | Some("" | "silences" | "fluo")) && !hidden && !test
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_files_are_told_from_their_neighbours() {
        for (path, is) in [
            ("auth.yml", true),
            ("auth.yaml", true),
            ("payments/eu/fraud.yml", true),
            ("./auth.yml", true),
            ("../shared/auth.yml", true),
            ("auth.test.yml", false),
            ("auth.test.yaml", false),
            ("auth.tests.yml", true),
            ("silences.yml", false),
            ("team/silences.yaml", false),
            ("fluo.yml", false),
            ("fluo.yaml", false),
            (".github/workflows/ci.yml", false),
            ("a/.hidden/b.yml", false),
            (".auth.yml", false),
            ("auth.yml.orig", false),
            ("auth.json", false),
            (".yml", false),
            ("", false),
        ] {
            assert_eq!(is_rule_file(path), is, "{path}");
        }
        assert_eq!(
            rule_files(["b.yml", "a/z.yml", "x.txt", "a.yml", "b.yml"]),
            ["a.yml", "a/z.yml", "b.yml"]
        );
    }
}
