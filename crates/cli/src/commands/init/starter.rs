//! The rules that a project starts with: copies of the library, each with its tests.

use super::place::Place;
use super::project::{File, modeline};

/// A rule of the library: its name, its file and the file of its tests.
type Starter = (&'static str, &'static str, &'static str);

/// Takes a rule of the library, by its folder and name.
macro_rules! library {
    ($($folder:literal / $name:literal),* $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("../../../../../rules/", $folder, "/", $name, ".yml")),
            include_str!(concat!("../../../../../rules/", $folder, "/", $name, ".test.yml")),
        )),*]
    };
}

/// Those that say something of any system, by what semantic conventions record of it, and one about a service of a web
/// shop to be changed.
const STARTERS: &[Starter] = library![
    "auth" / "auth-failures",
    "exceptions" / "exceptions-by-type",
    "http" / "server-error-ratio",
    "http" / "slow-requests",
    "infrastructure" / "retry-storm",
    "telemetry" / "service-fell-silent",
];

/// The files of the starters, in the folder `rules`.
pub(super) fn files(rules: &str) -> Vec<File> {
    let file = |path: String, schema: &str, content: &str| File {
        place: Place::Project,
        content: format!("{}{content}", modeline(&path, schema)),
        path,
        lines: None,
        is_derived: false,
    };
    let both = |(name, rule, tests): &Starter| {
        [
            file(format!("{rules}/{name}.yml"), "rules", rule),
            file(format!("{rules}/{name}.test.yml"), "tests", tests),
        ]
    };
    STARTERS.iter().flat_map(both).collect()
}
