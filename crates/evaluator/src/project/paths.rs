//! Paths by their text: the files of an editor may not be on the disk yet.

use std::path::{Component, Path, PathBuf};

/// The shortest form of a path, without `.` and, where what they lead out of is known, `..`.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let leaves = part == Component::ParentDir
            && matches!(plain.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if leaves => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

/// Returns whether a path in its shortest form is another, or lies below it.
pub(super) fn is_within(path: &Path, root: &Path) -> bool {
    if root.as_os_str().is_empty() {
        return matches!(path.components().next(), None | Some(Component::Normal(_)));
    }
    path.starts_with(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_by_their_parts() {
        for (path, root, is) in [
            ("rules/auth.yml", "rules", true),
            ("rules/auth.yml", "./rules/", true),
            ("rules/../rules/auth.yml", "rules", true),
            ("rules-old/auth.yml", "rules", false),
            ("rules/auth.yml", ".", true),
            ("rules/auth.yml", "", true),
            ("../rules/auth.yml", ".", false),
            ("/srv/rules/auth.yml", ".", false),
            ("/srv/rules/auth.yml", "/srv", true),
            ("../rules/auth.yml", "..", true),
            ("rules/auth.yml", "rules/auth.yml", true),
        ] {
            assert_eq!(is_within(&plain(Path::new(path)), &plain(Path::new(root))), is, "{path} {root}");
        }
    }
}
