//! Runtimes that a buildspec wants, compared with what is there.

use crate::outcome::{RuntimeOutcome, RuntimeState};

/// Runtimes and how to ask for their versions; the text is given to the shell in double quotes.
///
/// Source: AWS CodeBuild User Guide, *Available runtimes*.
const RUNTIMES: [(&str, &str); 8] = [
    ("python", "$(python3 --version 2>/dev/null || python --version 2>&1)"),
    ("nodejs", "$(node --version)"),
    ("java", "$(java -version 2>&1)"),
    ("ruby", "$(ruby --version)"),
    ("golang", "$(go version)"),
    ("php", "$(php --version)"),
    ("dotnet", "$(dotnet --version)"),
    ("docker", "$(docker --version)"),
];

/// What to ask the shell for the version of a runtime; `None` if it is not known.
pub(crate) fn question(runtime: &str) -> Option<&'static str> {
    RUNTIMES.iter().find(|(name, _)| *name == runtime).map(|(_, question)| *question)
}

/// Compares what is wanted with what the shell answered.
pub(crate) fn compare(runtime: &str, wanted: &str, answer: Option<&str>) -> RuntimeOutcome {
    let found = answer.and_then(|answer| version_in(runtime, answer));
    let state = match &found {
        _ if question(runtime).is_none() => RuntimeState::Unknown,
        None => RuntimeState::Missing,
        Some(found) if fits(wanted, found) => RuntimeState::Present,
        Some(_) => RuntimeState::OtherVersion,
    };
    RuntimeOutcome { runtime: runtime.to_owned(), wanted: wanted.to_owned(), found, state }
}

/// The first number with dots in a text. Java up to 8 calls itself 1.8.
fn version_in(runtime: &str, answer: &str) -> Option<String> {
    let start = answer.find(|c: char| c.is_ascii_digit())?;
    let rest = &answer[start..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let version = rest[..end].trim_end_matches('.');
    let version = if runtime == "java" { version.strip_prefix("1.").unwrap_or(version) } else { version };
    Some(version.to_owned())
}

/// `latest` is any; `3.x` and `3` are any 3; `corretto17` is 17.
fn fits(wanted: &str, found: &str) -> bool {
    let wanted = wanted.trim().trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut found = found.split('.');
    wanted
        .split('.')
        .take_while(|part| !part.is_empty() && !part.eq_ignore_ascii_case("x"))
        .all(|part| found.next() == Some(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_parts() {
        use RuntimeState::{Missing, OtherVersion, Present, Unknown};
        for (runtime, wanted, answer, expected) in [
            ("python", "3.x", Some("Python 3.11.2"), Present),
            ("python", "3.11", Some("Python 3.11.2"), Present),
            ("python", "3.1", Some("Python 3.11.2"), OtherVersion),
            ("python", "latest", Some("Python 3.11.2"), Present),
            ("python", "2", Some("Python 3.11.2"), OtherVersion),
            ("nodejs", "20", Some("v20.9.0"), Present),
            ("nodejs", "latest", None, Missing),
            ("nodejs", "latest", Some("no version"), Missing),
            ("java", "corretto17", Some("openjdk version \"17.0.9\" 2023-10-17"), Present),
            ("java", "corretto8", Some("openjdk version \"1.8.0_392\""), Present),
            ("java", "openjdk11", Some("openjdk version \"17.0.9\""), OtherVersion),
            ("golang", "1.x", Some("go version go1.22.1 linux/amd64"), Present),
            ("android", "29", Some("1"), Unknown),
        ] {
            assert_eq!(compare(runtime, wanted, answer).state, expected, "{runtime} {wanted}");
        }
    }
}
