//! What of an image's names and versions may stand in a line that people copy into a shell.
//!
//! Nothing is quoted: a name that would need it is not put into a line at all. So an alphabet without blanks, quotes, `$`,
//! `;`, `&`, `|`, `<`, `>`, brackets, backslashes, control characters and anything beyond ASCII is all there is to trust.
//! Each kind's own form of names is asked for besides, since package managers read more into a word than a name:
//! `npm install owner/repository` fetches from GitHub, `apt-get install name-` removes, `--option` is an option.

use plimsoll_model::{Package, PackageKind};

/// Longest word of a line, in bytes.
const MAX_WORD_BYTES: usize = 200;

/// A package's name as a word of a line; `None` where it is not of the form that names of its kind have.
pub(crate) fn name(package: &Package) -> Option<&str> {
    name_of(package.kind, &package.name)
}

/// The same of any name.
pub(crate) fn name_of(kind: PackageKind, name: &str) -> Option<&str> {
    let good = match kind {
        PackageKind::Alpm | PackageKind::Apk | PackageKind::Deb | PackageKind::Rpm => {
            is_word(name, "+._-") && !name.ends_with('-')
        }
        PackageKind::Npm => match name.strip_prefix('@').and_then(|scoped| scoped.split_once('/')) {
            Some((scope, name)) => is_word(scope, "._-") && is_npm(name),
            None => is_npm(name),
        },
        PackageKind::Maven => name
            .split_once(':')
            .is_some_and(|(group, artifact)| is_word(group, "._-") && is_word(artifact, "._-")),
        PackageKind::Golang | PackageKind::Swift => {
            name.split('/').all(|part| is_word(part, "._~+-") && !part.ends_with('.'))
        }
        PackageKind::Composer => {
            name.split_once('/').is_some_and(|(vendor, name)| is_word(vendor, "._-") && is_word(name, "._-"))
        }
        PackageKind::Bitnami
        | PackageKind::Cargo
        | PackageKind::Gem
        | PackageKind::Hex
        | PackageKind::NuGet
        | PackageKind::Pub
        | PackageKind::PyPi => is_word(name.strip_prefix('_').unwrap_or(name), "._-"),
    };
    (good && name.len() <= MAX_WORD_BYTES).then_some(name)
}

/// A version as a word of a line, or as the end of one.
pub(crate) fn version(text: &str) -> Option<&str> {
    is_word(text, ".+~:^_-").then_some(text)
}

/// A path below the root as a word of a line.
pub(crate) fn path(text: &str) -> Option<&str> {
    text.split('/').all(|part| is_word(part.strip_prefix('.').unwrap_or(part), "._-")).then_some(text)
}

/// Old names may begin with `_` or `-` and have capitals; an `-` in front is an option.
fn is_npm(name: &str) -> bool {
    is_word(name.strip_prefix('_').unwrap_or(name), "._-")
}

/// Whether it begins with a letter or digit and has only these and `others`.
fn is_word(text: &str, others: &str) -> bool {
    text.len() <= MAX_WORD_BYTES
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_their_kinds_form() {
        use PackageKind::{Cargo, Composer, Deb, Golang, Maven, Npm, PyPi, Rpm};
        for (kind, name, good) in [
            (Deb, "libstdc++6", true),
            (Deb, "openssl", true),
            (Deb, "openssl-", false),
            (Deb, "-oAPT::Foo", false),
            (Deb, "a b", false),
            (Deb, "a;rm", false),
            (Deb, "", false),
            (Rpm, "perl-Errno", true),
            (Npm, "minimist", true),
            (Npm, "@babel/traverse", true),
            (Npm, "owner/repository", false),
            (Npm, "@a/b/c", false),
            (Npm, "../evil", false),
            (Npm, "git+ssh://a", false),
            (Npm, "--registry=http", false),
            (Npm, "größe", false),
            (PyPi, "PyYAML", true),
            (PyPi, "a[extra]", false),
            (PyPi, "a'b", false),
            (Golang, "golang.org/x/net", true),
            (Golang, "gopkg.in/yaml.v3", true),
            (Golang, "stdlib", true),
            (Golang, "a/../b", false),
            (Golang, "a//b", false),
            (Maven, "org.apache.logging.log4j:log4j-core", true),
            (Maven, "log4j-core", false),
            (Maven, "a:b</version>", false),
            (Composer, "symfony/http-kernel", true),
            (Composer, "symfony", false),
            (Cargo, "time", true),
            (Cargo, "time\n", false),
            (Cargo, "\u{1b}[2J", false),
        ] {
            assert_eq!(name_of(kind, name).is_some(), good, "{kind} {name:?}");
        }
        assert_eq!(name_of(Cargo, &"a".repeat(MAX_WORD_BYTES + 1)), None);
    }

    #[test]
    fn versions_and_paths_hold_nothing_that_a_shell_reads() {
        for (text, good) in [
            ("1.1.1n-0+deb11u4", true),
            ("1:2.36~rc1^git-3.el9_2", true),
            ("v0.17.0", true),
            ("1!2.0", false),
            ("1.0;rm -rf /", false),
            ("1.0\nrm", false),
            ("$(id)", false),
            ("~1", false),
            ("", false),
        ] {
            assert_eq!(version(text).is_some(), good, "{text:?}");
        }
        for (text, good) in [
            ("opt/venv", true),
            ("home/app/.venv", true),
            ("opt/a b", false),
            ("opt/$(id)", false),
            ("opt//x", false),
            ("a/../b", false),
        ] {
            assert_eq!(path(text).is_some(), good, "{text:?}");
        }
    }
}
