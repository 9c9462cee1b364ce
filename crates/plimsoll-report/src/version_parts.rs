//! Versions of OS packages in the three parts that other tools keep apart.

use plimsoll_model::PackageKind;

/// Epoch, version and release: `1:2.30-4` is 1, `2.30` and `4`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VersionParts<'a> {
    /// 0 where there is none.
    pub(crate) epoch: u32,
    /// The upstream version; the whole text where it does not take apart in a way that [`join`] undoes.
    pub(crate) version: &'a str,
    /// Debian's revision, RPM's release; empty where there is none.
    pub(crate) release: &'a str,
}

/// Takes a version apart as Trivy does: Debian and RPM at the first `:` and the last `-`, Alpine's not at all.
///
/// An epoch that a number would not print in the same way (`0`, `01`) stays in the version, so that [`join`] always
/// gives the same text back.
pub(crate) fn split(kind: PackageKind, text: &str) -> VersionParts<'_> {
    let whole = VersionParts { epoch: 0, version: text, release: "" };
    if !matches!(kind, PackageKind::Deb | PackageKind::Rpm) {
        return whole;
    }
    let (epoch, rest) = match text.split_once(':') {
        None => (0, text),
        Some((digits, rest)) => match digits.parse::<u32>() {
            Ok(epoch) if epoch != 0 && epoch.to_string() == digits => (epoch, rest),
            _ => return whole,
        },
    };
    match rest.rsplit_once('-') {
        Some((version, release)) if !version.is_empty() && !release.is_empty() => {
            VersionParts { epoch, version, release }
        }
        _ => VersionParts { epoch, version: rest, release: "" },
    }
}

/// Puts the parts together again.
pub(crate) fn join(epoch: u32, version: &str, release: &str) -> String {
    let mut text = String::with_capacity(version.len() + release.len() + 4);
    if epoch != 0 {
        text.push_str(&epoch.to_string());
        text.push(':');
    }
    text.push_str(version);
    if !release.is_empty() {
        text.push('-');
        text.push_str(release);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_undoes_split() {
        for kind in [PackageKind::Deb, PackageKind::Rpm, PackageKind::Apk] {
            for text in [
                "",
                "1",
                "1.2-3",
                "1:1.2-3",
                "0:1.2-3",
                "01:1.2-3",
                "1:2:3-4-5",
                "-",
                "1-",
                "-1",
                ":",
                ":1",
                "4294967296:1-1",
                "1:",
                "1:-",
            ] {
                let parts = split(kind, text);
                assert_eq!(join(parts.epoch, parts.version, parts.release), text, "{kind} {text}");
            }
        }
    }

    #[test]
    fn debian_and_rpm_have_parts_and_alpine_has_none() {
        let deb = split(PackageKind::Deb, "1:1.1.1n-0+deb11u3");
        assert_eq!((deb.epoch, deb.version, deb.release), (1, "1.1.1n", "0+deb11u3"));
        let apk = split(PackageKind::Apk, "1.36.1-r15");
        assert_eq!((apk.epoch, apk.version, apk.release), (0, "1.36.1-r15", ""));
    }
}
