//! The distribution release, from `os-release` or from the file that its family has had for longer.
//!
//! Each file gives what it says; which of them counts where an image has several is the image's decision, by their
//! order in [`OS_RELEASE_PATHS`].
//!
//! Source: freedesktop.org `os-release(5)`; for the others the files of the distributions themselves.

use std::borrow::Cow;

use plimsoll_model::OsRelease;

use crate::seam::excerpt;
use crate::{Catalog, Cataloger, Entry, ImageFile, ReadError};

/// Largest release file that is read, in bytes. Real ones have less than 1,000.
const MAX_RELEASE_BYTES: u64 = 64 << 10;

/// Longest value that is kept, in bytes.
const MAX_VALUE_BYTES: usize = 1024;

/// The files that say which distribution an image holds, the most trusted first. A derived distribution keeps its
/// parent's file beside its own (Ubuntu `debian_version`, Oracle `redhat-release`), so the particular come first.
pub const OS_RELEASE_PATHS: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "etc/alpine-release",
    "etc/almalinux-release",
    "etc/rocky-release",
    "etc/oracle-release",
    "etc/centos-release",
    "etc/photon-release",
    "etc/lsb-release",
    "etc/system-release",
    "etc/redhat-release",
    "etc/debian_version",
    "etc/arch-release",
];

/// Reads the release files; a file without a distribution's name in it gives none.
pub(crate) struct OsReleaseFiles;

impl Cataloger for OsReleaseFiles {
    fn name(&self) -> &'static str {
        "os-release"
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        // Nearly every path is refused by its first letters.
        (entry.path.starts_with("etc/") || entry.path.starts_with("usr/lib/os-"))
            && OS_RELEASE_PATHS.contains(&entry.path)
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_RELEASE_BYTES)?;
        let release = match file.path {
            "etc/os-release" | "usr/lib/os-release" => os_release(&text, out),
            "etc/lsb-release" => lsb_release(&text, out),
            "etc/alpine-release" => alpine(&text, out),
            "etc/debian_version" => debian(&text, out),
            "etc/arch-release" => Some(OsRelease { id: "arch".to_owned(), ..OsRelease::default() }),
            _ => release_line(&text, out),
        };
        out.os = release.map(|release| OsRelease { path: file.path.to_owned(), ..normalized(release) });
        Ok(())
    }
}

/// One spelling for one release, where the distribution's own files differ: `CentOS` counts majors only (`7`, not
/// `7.9.2009`), Debian too (`11`, not `11.9`).
fn normalized(mut release: OsRelease) -> OsRelease {
    if matches!(release.id.as_str(), "centos" | "debian")
        && let Some((major, _)) = release.version_id.split_once('.')
    {
        release.version_id = major.to_owned();
    }
    release
}

fn os_release(text: &str, out: &mut Catalog) -> Option<OsRelease> {
    let mut release = OsRelease::default();
    for (key, value) in assignments(text, out) {
        match key {
            "ID" => release.id = value.to_ascii_lowercase(),
            "VERSION_ID" => release.version_id = value.into_owned(),
            "ID_LIKE" => {
                release.id_like = value.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
            }
            "PRETTY_NAME" => release.pretty_name = value.into_owned(),
            "VERSION_CODENAME" => release.codename = value.into_owned(),
            _ => {}
        }
    }
    // The specification's default, `linux`, says nothing; the family's own file may know better.
    if is_id(&release.id) {
        return Some(release);
    }
    let found = if release.id.is_empty() {
        "none".to_owned()
    } else {
        format!("`{}`", excerpt(release.id.as_bytes()))
    };
    out.gap("", format!("expected field `ID` with a distribution's name, found {found}"));
    None
}

/// Ubuntu's own file. Others leave out `DISTRIB_ID`, and then it speaks of no distribution.
fn lsb_release(text: &str, out: &mut Catalog) -> Option<OsRelease> {
    let mut release = OsRelease::default();
    let mut name = String::new();
    for (key, value) in assignments(text, out) {
        match key {
            "DISTRIB_ID" => name = value.into_owned(),
            "DISTRIB_RELEASE" => release.version_id = value.into_owned(),
            "DISTRIB_CODENAME" => release.codename = value.into_owned(),
            "DISTRIB_DESCRIPTION" => release.pretty_name = value.into_owned(),
            _ => {}
        }
    }
    if name.is_empty() {
        return None;
    }
    release.id = id_of(&name)?;
    Some(release)
}

/// `3.18.4` or `3.19_alpha20230901`.
fn alpine(text: &str, out: &mut Catalog) -> Option<OsRelease> {
    let version = first_line(text);
    if !version.starts_with(|c: char| c.is_ascii_digit()) || version.contains(char::is_whitespace) {
        out.gap("line 1", format!("expected a version of Alpine, found `{}`", excerpt(version.as_bytes())));
        return None;
    }
    let pretty_name = format!("Alpine Linux {version}");
    Some(OsRelease {
        id: "alpine".to_owned(),
        version_id: version.to_owned(),
        pretty_name,
        ..OsRelease::default()
    })
}

/// `11.9`, or `trixie/sid` for what is not released: then there is a code name, but no version.
fn debian(text: &str, out: &mut Catalog) -> Option<OsRelease> {
    let version = first_line(text);
    let mut release = OsRelease {
        id: "debian".to_owned(),
        pretty_name: format!("Debian GNU/Linux {version}"),
        ..OsRelease::default()
    };
    if version.starts_with(|c: char| c.is_ascii_digit()) {
        version.clone_into(&mut release.version_id);
    } else if let Some(codename) = version.strip_suffix("/sid") {
        codename.clone_into(&mut release.codename);
    } else {
        out.gap("line 1", format!("expected a version of Debian, found `{}`", excerpt(version.as_bytes())));
        return None;
    }
    Some(release)
}

/// `CentOS Linux release 7.9.2009 (Core)`, `VMware Photon OS 4.0`: a name, perhaps `release`, a version, perhaps a
/// code name.
fn release_line(text: &str, out: &mut Catalog) -> Option<OsRelease> {
    let line = first_line(text);
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let Some(id) = id_of(line) else {
        out.gap("line 1", format!("expected a distribution's name, found `{}`", excerpt(line.as_bytes())));
        return None;
    };
    let version = match line.split_once(" release ") {
        Some((_, rest)) => rest.split_whitespace().next().filter(is_version),
        None => line.split_whitespace().find(is_version),
    };
    if version.is_none() {
        out.gap(
            "line 1",
            format!("expected a version behind the name, found `{}`", excerpt(line.as_bytes())),
        );
    }
    let codename =
        line.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(name, _)| name);
    Some(OsRelease {
        id,
        version_id: version.unwrap_or_default().to_owned(),
        pretty_name: line.to_owned(),
        codename: codename.to_owned(),
        ..OsRelease::default()
    })
}

fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default().trim();
    let mut end = line.len().min(MAX_VALUE_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// Names as the families' own files write them, in lower case, and the `ID` of their `os-release`.
const NAMES: &[(&str, &str)] = &[
    ("red hat enterprise linux", "rhel"),
    ("redhat enterprise linux", "rhel"),
    ("redhatenterprise", "rhel"),
    ("oracle linux", "ol"),
    ("amazon linux", "amzn"),
    ("vmware photon", "photon"),
    ("cbl-mariner", "mariner"),
    ("microsoft azure linux", "azurelinux"),
    ("rocky linux", "rocky"),
    ("opensuse leap", "opensuse-leap"),
    ("opensuse tumbleweed", "opensuse-tumbleweed"),
    ("suse linux enterprise", "sles"),
];

/// The `ID` for a distribution's name. Where no name of [`NAMES`] starts it, that is its first word.
fn id_of(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    if let Some((_, id)) = NAMES.iter().find(|(start, _)| name.starts_with(start)) {
        return Some((*id).to_owned());
    }
    let word = name.split_whitespace().next()?;
    (is_id(word) && word.starts_with(|c: char| c.is_ascii_lowercase())).then(|| word.to_owned())
}

/// Source: `os-release(5)`, `ID`: `a`-`z`, `0`-`9`, `.`, `_` and `-`.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

/// The assignments of a file in shell syntax; a line that is none becomes a gap. Of two assignments of one name the
/// reader sees both, and the later counts, as in a shell.
fn assignments<'a>(text: &'a str, out: &mut Catalog) -> Vec<(&'a str, Cow<'a, str>)> {
    let mut found = Vec::new();
    let text = text.trim_start_matches('\u{feff}');
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, rest) = line.split_once('=').unwrap_or(("", line));
        let is_name = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match unquoted(rest) {
            Some(value) if is_name && value.len() <= MAX_VALUE_BYTES => found.push((key, value)),
            _ => out.gap(
                format!("line {}", index + 1),
                format!("expected `NAME=value` in shell quoting, found `{}`", excerpt(line.as_bytes())),
            ),
        }
    }
    found
}

/// Undoes shell quoting: `'…'` is literal; in `"…"` a backslash protects `"`, `$`, `` ` `` and `\`; outside of
/// both it protects any character. Nothing is expanded. `None` where a quote does not end.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['\'', '"', '\\']) {
        return Some(Cow::Borrowed(text));
    }
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, '\\') => value.push(chars.next()?),
            (Some('"'), '\\') => match chars.next()? {
                c @ ('"' | '$' | '`' | '\\') => value.push(c),
                c => value.extend(['\\', c]),
            },
            _ => value.push(c),
        }
    }
    quote.is_none().then_some(Cow::Owned(value))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::seam::read_to_text;

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(path: &str, text: &str, expected: Expect) {
        expected.assert_eq(&read_to_text(&OsReleaseFiles, path, text.as_bytes()));
    }

    fn check_os_release(text: &str, expected: Expect) {
        check("etc/os-release", text, expected);
    }

    #[test]
    fn releases_of_the_families() {
        check_os_release(
            "PRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"11\"\n\
             VERSION_CODENAME=bullseye\nID=debian\n",
            expect![[r"
                os debian 11 like= name=Debian GNU/Linux 11 (bullseye) codename=bullseye
            "]],
        );
        check_os_release(
            "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nVERSION_CODENAME=trixie\nID=debian\n",
            expect![[r"
            os debian  like= name=Debian GNU/Linux trixie/sid codename=trixie
        "]],
        );
        check_os_release(
            "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.18.4\n",
            expect![[r"
            os alpine 3.18.4 like= name= codename=
        "]],
        );
        check_os_release(
            "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.2\"\n",
            expect![[r"
            os almalinux 9.2 like=rhel+centos+fedora name= codename=
        "]],
        );
        check_os_release(
            "ID=\"centos\"\nVERSION_ID=\"7\"\n",
            expect![[r"
            os centos 7 like= name= codename=
        "]],
        );
        check_os_release(
            "ID=\"openEuler\"\nVERSION_ID=\"22.03\"\n",
            expect![[r"
            os openeuler 22.03 like= name= codename=
        "]],
        );
    }

    #[test]
    fn quoting_as_in_a_shell() {
        for (text, value) in [
            ("plain", Some("plain")),
            ("", Some("")),
            ("\"a b\"", Some("a b")),
            ("'a \"b\" \\n'", Some("a \"b\" \\n")),
            (r#""\$1 \`x\` \\ \" \n""#, Some(r#"$1 `x` \ " \n"#)),
            (r"a\ b", Some("a b")),
            ("a\"b\"'c'", Some("abc")),
            ("\"open", None),
            ("'open", None),
            ("end\\", None),
        ] {
            assert_eq!(unquoted(text).as_deref(), value, "{text}");
        }
    }

    #[test]
    fn lines_that_assign_nothing_are_told() {
        check_os_release(
            "# comment\n\nID=debian\nID=ubuntu\nVERSION_ID=\"20.04\nnonsense\n=x\n",
            expect![[r#"
            os ubuntu  like= name= codename=
            gap [line 5] expected `NAME=value` in shell quoting, found `VERSION_ID="20.04`
            gap [line 6] expected `NAME=value` in shell quoting, found `nonsense`
            gap [line 7] expected `NAME=value` in shell quoting, found `=x`
        "#]],
        );
        check_os_release(
            "\u{feff}ID=debian\r\nVERSION_ID=12\r\n",
            expect![[r"
            os debian 12 like= name= codename=
        "]],
        );
    }

    #[test]
    fn without_an_id_there_is_no_release() {
        check_os_release(
            "",
            expect![[r"
            gap [] expected field `ID` with a distribution's name, found none
        "]],
        );
        check_os_release(
            "NAME=\"Some Linux\"\n",
            expect![[r"
            gap [] expected field `ID` with a distribution's name, found none
        "]],
        );
        check_os_release(
            "ID=\"../etc\"\n",
            expect![[r"
            gap [] expected field `ID` with a distribution's name, found `../etc`
        "]],
        );
        check_os_release(
            &format!("ID={}\n", "a".repeat(5000)),
            expect![[r"
            gap [line 1] expected `NAME=value` in shell quoting, found `ID=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…`
            gap [] expected field `ID` with a distribution's name, found none
        "]],
        );
        let large = format!("ID=debian\n{}", "#".repeat(70_000));
        check_os_release(
            &large,
            expect![[r"
            error expected at most 65536 bytes, found 70010
        "]],
        );
    }

    #[test]
    fn the_families_own_files() {
        for (path, text, expected) in [
            ("etc/alpine-release", "3.18.4\n", "alpine 3.18.4"),
            ("etc/alpine-release", "3.20.0_alpha20240329\n", "alpine 3.20.0_alpha20240329"),
            ("etc/debian_version", "11.9\n", "debian 11"),
            ("etc/debian_version", "trixie/sid\n", "debian "),
            ("etc/redhat-release", "Red Hat Enterprise Linux release 8.9 (Ootpa)\n", "rhel 8.9"),
            ("etc/redhat-release", "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n", "rhel 7.9"),
            ("etc/redhat-release", "Fedora release 38 (Thirty Eight)\n", "fedora 38"),
            ("etc/redhat-release", "Scientific Linux release 7.9 (Nitrogen)\n", "scientific 7.9"),
            ("etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n", "centos 7"),
            ("etc/centos-release", "CentOS release 6.10 (Final)\n", "centos 6"),
            ("etc/centos-release", "CentOS Stream release 9\n", "centos 9"),
            ("etc/almalinux-release", "AlmaLinux release 8.9 (Midnight Oncilla)\n", "almalinux 8.9"),
            ("etc/rocky-release", "Rocky Linux release 9.2 (Blue Onyx)\n", "rocky 9.2"),
            ("etc/oracle-release", "Oracle Linux Server release 8.8\n", "ol 8.8"),
            ("etc/system-release", "Amazon Linux release 2 (Karoo)\n", "amzn 2"),
            ("etc/system-release", "Amazon Linux AMI release 2018.03\n", "amzn 2018.03"),
            ("etc/photon-release", "VMware Photon OS 4.0\nPHOTON_BUILD_NUMBER=1526e30ba\n", "photon 4.0"),
            ("etc/lsb-release", "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=20.04\n", "ubuntu 20.04"),
            ("etc/lsb-release", "DISTRIB_ID=\"VMware Photon OS\"\nDISTRIB_RELEASE=\"3.0\"\n", "photon 3.0"),
            ("etc/arch-release", "", "arch "),
        ] {
            let mut out = Catalog::default();
            let content = text.as_bytes().to_vec();
            OsReleaseFiles.catalog(&ImageFile::new(path, &content), &mut out).unwrap();
            let os = out.os.unwrap_or_default();
            assert_eq!(format!("{} {}", os.id, os.version_id), expected, "{path} {text}");
            assert_eq!((os.path.as_str(), out.gaps), (path, vec![]));
        }
    }

    #[test]
    fn family_files_that_say_nothing() {
        check(
            "etc/redhat-release",
            "",
            expect![[r"
            gap [line 1] expected a distribution's name, found ``
        "]],
        );
        check(
            "etc/redhat-release",
            "CentOS Stream\n",
            expect![[r"
            os centos  like= name=CentOS Stream codename=
            gap [line 1] expected a version behind the name, found `CentOS Stream`
        "]],
        );
        check(
            "etc/alpine-release",
            "edge\n",
            expect![[r"
            gap [line 1] expected a version of Alpine, found `edge`
        "]],
        );
        check(
            "etc/debian_version",
            "kali-rolling\n",
            expect![[r"
            gap [line 1] expected a version of Debian, found `kali-rolling`
        "]],
        );
        check("etc/lsb-release", "LSB_VERSION=base-4.0-amd64\n", expect![[""]]);
        check(
            "etc/photon-release",
            &"9".repeat(5000),
            expect![[r"
            gap [line 1] expected a distribution's name, found `99999999999999999999999999999999999999999999999999999999999999999999999999999999…`
        "]],
        );
    }

    #[test]
    fn every_file_of_the_order_is_wanted_and_no_other() {
        let wants = |path| OsReleaseFiles.wants(&Entry { path, size: None, executable: None });
        assert!(OS_RELEASE_PATHS.iter().all(|path| wants(path)));
        assert!(!wants("etc/passwd") && !wants("app/etc/os-release") && !wants("usr/lib/os-release.d/a"));
    }
}
