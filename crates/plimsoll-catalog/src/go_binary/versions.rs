//! Which of the versions in build information have a place in the order of Go modules.

/// `v1.21.3` of `go1.21.3`, `v1.20.0` of `go1.20`, `v1.21.0-rc.2` of `go1.21rc2`: the form in which advisories
/// name releases. What a toolchain's maker appends (`X:boringcrypto`, `-fips`, ` (Red Hat 1.21.3-1)`) is left out.
/// `None` for a development version.
///
/// Source: Go vulnerability database, "Go standard library versions"; `go/version`.
pub(super) fn of_toolchain(text: &str) -> Option<String> {
    let rest = text.strip_prefix("go")?;
    let (major, rest) = digits(rest)?;
    let (minor, rest) = digits(rest.strip_prefix('.')?)?;
    let (patch, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest)?,
        None => ("0", rest),
    };
    let (kind, rest) = match rest.strip_prefix("rc") {
        Some(rest) => ("rc", rest),
        None => rest.strip_prefix("beta").map_or(("", rest), |rest| ("beta", rest)),
    };
    let (suffix, rest) = match kind {
        "" => (String::new(), rest),
        kind => digits(rest).map(|(number, rest)| (format!("-{kind}.{number}"), rest))?,
    };
    let is_end = rest.is_empty() || rest.starts_with([' ', '-', '+', '\t', '.']);
    is_end.then(|| format!("v{major}.{minor}.{patch}{suffix}"))
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0 && end < 10).then(|| text.split_at(end))
}

/// The version of the program's own module, where it orders.
pub(super) fn of_main(text: &str) -> Option<&str> {
    let is_version = text.starts_with('v') && !is_untagged(text);
    is_version.then_some(text)
}

/// Whether it is `v0.0.0-20240102030405-0123456789ab`: time and revision, without a tag before them.
fn is_untagged(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("v0.0.0-") else { return false };
    let time = rest.split(['-', '+']).next().unwrap_or("");
    time.len() == 14 && time.bytes().all(|b| b.is_ascii_digit())
}

/// The version of a dependency: any but `(devel)`, which modules of one workspace have.
pub(super) fn of_dependency(text: &str) -> &str {
    if text.starts_with('v') { text } else { "" }
}

/// Whether a replacement is a folder: module paths never start so.
///
/// Source: Go modules reference, "`replace` directive".
pub(super) fn is_folder(path: &str) -> bool {
    path.starts_with(['/', '.']) || path.get(1..3).is_some_and(|rest| rest == ":\\" || rest == ":/")
}

/// The version that a build set in a variable of the program: `-X main.version=1.2.3` gives `v1.2.3`.
///
/// Only variables of package `main` and of the module's own packages count, and only names that say the program's
/// version. Several that differ say nothing.
pub(super) fn set_at_link_time(ldflags: &str, module: &str) -> Option<String> {
    const NAMES: &[&str] =
        &["version", "gitversion", "appversion", "buildversion", "releaseversion", "semver"];
    let plain: String = ldflags.chars().filter(|c| !matches!(c, '"' | '\'' | '`' | '\\')).collect();
    let mut words = plain.split_whitespace();
    let mut found = [None, None];
    while let Some(word) = words.next() {
        let assignment = match word.strip_prefix("-X") {
            Some("") => words.next().unwrap_or(""),
            Some(rest) => rest.strip_prefix('=').unwrap_or(rest),
            None => continue,
        };
        let Some((variable, value)) = assignment.split_once('=') else { continue };
        let Some((package, name)) = variable.rsplit_once('.') else { continue };
        let own = package.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let rank = usize::from(package != "main");
        if !NAMES.contains(&name.to_ascii_lowercase().as_str()) || (rank == 1 && !own) {
            continue;
        }
        if let Some(version) = release(value) {
            match &found[rank] {
                None => found[rank] = Some(Some(version)),
                Some(Some(known)) if *known == version => {}
                Some(_) => found[rank] = Some(None),
            }
        }
    }
    let [main, own] = found;
    main.or(own).flatten()
}

/// `v1.2.3-rc.1` of `1.2.3-rc.1`: three numbers, and what `SemVer` allows behind them.
fn release(value: &str) -> Option<String> {
    let plain = value.strip_prefix('v').unwrap_or(value);
    let (_, rest) = digits(plain)?;
    let (_, rest) = digits(rest.strip_prefix('.')?)?;
    let (_, rest) = digits(rest.strip_prefix('.')?)?;
    let is_plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'));
    let version = format!("v{plain}");
    ((rest.is_empty() || rest.starts_with(['-', '+'])) && is_plain && !is_untagged(&version))
        .then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchains_become_versions_of_modules() {
        for (text, version) in [
            ("go1.21.3", Some("v1.21.3")),
            ("go1.20", Some("v1.20.0")),
            ("go1.21rc2", Some("v1.21.0-rc.2")),
            ("go1.9beta1", Some("v1.9.0-beta.1")),
            ("go1.21.3 X:boringcrypto", Some("v1.21.3")),
            ("go1.21.3 (Red Hat 1.21.3-1.el9)", Some("v1.21.3")),
            ("go1.20.5-microsoft", Some("v1.20.5")),
            ("go1.19.4b4", None),
            ("devel go1.23-0123456789", None),
            ("devel +abc", None),
            ("go1", None),
            ("go1.", None),
            ("go1.x", None),
            ("go1.21rc", None),
            ("go99999999999.1", None),
            ("", None),
            ("unknown", None),
        ] {
            assert_eq!(of_toolchain(text).as_deref(), version, "{text}");
        }
    }

    #[test]
    fn a_version_set_at_link_time_is_the_programs_only_where_it_says_so() {
        for (flags, version) in [
            ("-X main.version=v1.2.3", Some("v1.2.3")),
            ("\"-s -w -X=main.Version=1.2.3-rc.1\"", Some("v1.2.3-rc.1")),
            ("\"-X 'main.version=1.2.3' -X 'main.commit=abc'\"", Some("v1.2.3")),
            ("\"-X \\\"main.version=1.2.3\\\"\"", Some("v1.2.3")),
            ("-X example.com/m/internal/version.Version=2.0.0", Some("v2.0.0")),
            ("-X example.com/m.gitVersion=2.0.0 -X main.version=1.0.0", Some("v1.0.0")),
            ("-X main.version=1.0.0 -X main.version=1.0.1", None),
            ("-X main.version=1.0.0 -X main.Version=v1.0.0", Some("v1.0.0")),
            ("-X example.com/mm/version.Version=2.0.0", None),
            ("-X other.com/lib.version=2.0.0", None),
            ("-X main.goVersion=1.21.0", None),
            ("-X main.version=dev", None),
            ("-X main.version=1.2", None),
            ("-X main.version=1.2.3/x", None),
            ("-X main.version=v0.0.0-20240102030405-0123456789ab", None),
            ("-X", None),
            ("-X main.version", None),
            ("", None),
        ] {
            assert_eq!(set_at_link_time(flags, "example.com/m").as_deref(), version, "{flags}");
        }
    }

    #[test]
    fn folders_are_told_from_modules() {
        for folder in ["./lib", "../lib", "/src/lib", "C:\\src", "D:/src", "."] {
            assert!(is_folder(folder), "{folder}");
        }
        for path in ["example.com/m", "k8s.io/api", "", "é:/x"] {
            assert!(!is_folder(path), "{path}");
        }
    }
}
