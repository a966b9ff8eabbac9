//! The files of a directory, told apart by their paths: rule files, tests, silences, the configuration.

/// The kind of content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rules, and tables beside them.
    Rules,
    /// Tests of rules.
    Tests,
    /// Silences.
    Silences,
    /// `fluo.yml`.
    Config,
}

impl Kind {
    /// Returns the kind of a file by its path relative to the rules directory; none where it is of no kind.
    pub fn of(path: &str) -> Option<Self> {
        if is_test_file(path) {
            Some(Self::Tests)
        } else if is_silences_file(path) {
            Some(Self::Silences)
        } else if is_config_file(path) {
            Some(Self::Config)
        } else {
            is_rule_file(path).then_some(Self::Rules)
        }
    }
}

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

/// Returns whether a path relative to the rules directory is that of a rule file.
pub fn is_rule_file(path: &str) -> bool {
    stem(path).is_some_and(|stem| !is_test(stem)) && !is_silences_file(path) && !is_config_file(path)
}

/// Returns whether a path relative to the rules directory is that of a test file: `*.test.yml`, `*.test.yaml`.
pub fn is_test_file(path: &str) -> bool {
    stem(path).is_some_and(is_test)
}

/// Returns whether a path relative to the rules directory is that of silences: `silences.yml`, `silences.yaml`.
pub fn is_silences_file(path: &str) -> bool {
    stem(path) == Some("silences")
}

/// Returns whether a path relative to the rules directory is that of a configuration: `fluo.yml`, `fluo.yaml`.
pub fn is_config_file(path: &str) -> bool {
    stem(path) == Some("fluo")
}

/// The name of a YAML file without its ending; none of other files and of what is hidden.
fn stem(path: &str) -> Option<&str> {
    let mut parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let file = parts.next_back()?;
    let hidden = file.starts_with('.') || parts.any(|folder| folder.starts_with('.') && folder != "..");
    let stem = file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml"));
    stem.filter(|_| !hidden)
}

fn is_test(stem: &str) -> bool {
    stem.rsplit_once('.').is_some_and(|(_, last)| last == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_files_are_told_from_their_neighbours() {
        for (path, is) in [
            ("test.yml", true),
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
        let paths = [
            "auth.yml",
            "auth.test.yml",
            "a/auth.eu.test.yaml",
            ".test.yml",
            ".a/auth.test.yml",
            "test.yml",
            "a.test.json",
            "silences.yml",
            "team/silences.yaml",
            "my.silences.yml",
            ".git/silences.yml",
            "fluo.yml",
        ];
        let of = |is: fn(&str) -> bool| paths.into_iter().filter(|path| is(path)).collect::<Vec<_>>();
        assert_eq!(of(is_test_file), ["auth.test.yml", "a/auth.eu.test.yaml"]);
        assert_eq!(of(is_silences_file), ["silences.yml", "team/silences.yaml"]);
        assert_eq!(of(is_config_file), ["fluo.yml"]);
        assert_eq!(of(is_rule_file), ["auth.yml", "test.yml", "my.silences.yml"]);
        assert_eq!(
            rule_files(["b.yml", "a/z.yml", "x.txt", "a.yml", "b.yml"]),
            ["a.yml", "a/z.yml", "b.yml"]
        );
    }
}
