//! One scan with something of everything, written by hand, from which the golden reports are made.
//!
//! Names, versions and identifiers are public facts; texts are ours; digests are made up.

mod judged;

pub(crate) use judged::judged;
use plimsoll_model::{
    Artifact, ArtifactKind, DatabaseInfo, Decision, Epss, Evidence, Finding, FixState, Gap, Inventory,
    KevEntry, Layer, LayerInfo, NotAffected, OsRelease, Outcome, Owner, Package, PackageKind, Platform,
    Rating, RatingScale, Reference, Ruling, Scan, Severity, SeverityChoice, SeverityCounts, SeveritySource,
    SourcePackage, Undetermined, Verdict,
};

/// A digest of one repeated digit.
pub(crate) fn digest(digit: char) -> String {
    format!("sha256:{}", String::from(digit).repeat(64))
}

#[expect(clippy::unnecessary_wraps, reason = "the fields it fills are options")]
fn layer(index: usize) -> Option<Layer> {
    let digit = char::from_digit(u32::try_from(index).unwrap() + 1, 16).unwrap();
    Some(Layer { diff_id: digest(digit), index })
}

fn package(kind: PackageKind, name: &str, version: &str, path: &str, index: usize) -> Package {
    let cataloger = match kind {
        PackageKind::Deb => "dpkg",
        PackageKind::Golang => "go-binary",
        PackageKind::Maven => "java-archive",
        PackageKind::Npm => "node-package",
        _ => "python-distribution",
    };
    Package {
        path: path.to_owned(),
        layer: layer(index),
        introduced_in: layer(index),
        ..Package::new(kind, name, version, cataloger)
    }
}

fn deb(name: &str, version: &str, source: Option<(&str, &str)>, index: usize) -> Package {
    Package {
        architecture: Some("amd64".to_owned()),
        source: source.map(|(name, version)| SourcePackage { name: name.into(), version: version.into() }),
        vendor: Some("Debian Maintainers <maintainers@debian.example>".to_owned()),
        introduced_in: layer(index),
        ..package(PackageKind::Deb, name, version, "var/lib/dpkg/status", 1)
    }
}

/// What is in the image.
pub(crate) fn inventory() -> Inventory {
    let packages = vec![
        deb("bash", "5.1-2+deb11u1", None, 0),
        deb("libssl1.1", "1.1.1n-0+deb11u3", Some(("openssl", "1.1.1n-0+deb11u3")), 0),
        deb("openssl", "1.1.1n-0+deb11u3", None, 1),
        deb("perl-base", "5.32.1-4+deb11u2", Some(("perl", "1:5.32.1-4+deb11u2")), 0),
        package(PackageKind::Golang, "golang.org/x/net", "v0.7.0", "usr/bin/agent", 2),
        package(PackageKind::Golang, "golang.org/x/net", "v0.7.0", "usr/bin/app", 2),
        package(PackageKind::Golang, "stdlib", "v1.20.1", "usr/bin/agent", 2),
        Package {
            inner_path: Some("BOOT-INF/lib/log4j-core-2.14.1.jar".to_owned()),
            licenses: vec!["Apache-2.0".to_owned()],
            ..package(
                PackageKind::Maven,
                "org.apache.logging.log4j:log4j-core",
                "2.14.1",
                "app/service.jar",
                2,
            )
        },
        package(
            PackageKind::Npm,
            "@babel/traverse",
            "7.20.0",
            "srv/node_modules/@babel/traverse/package.json",
            2,
        ),
        package(
            PackageKind::Npm,
            "evil\u{1b}[2J\u{202e}gnp",
            "1.0.0",
            "srv/node_modules/\u{1b}]0;owned\u{7}/package.json",
            2,
        ),
        package(PackageKind::Npm, "minimist", "1.2.5", "srv/node_modules/minimist/package.json", 2),
        Package {
            owner: Some(Owner {
                kind: PackageKind::Deb,
                name: "python3-yaml".to_owned(),
                version: "5.3.1-5".to_owned(),
            }),
            licenses: vec!["MIT".to_owned()],
            ..package(
                PackageKind::PyPi,
                "PyYAML",
                "5.3.1",
                "usr/lib/python3/dist-packages/PyYAML-5.3.1.egg-info/PKG-INFO",
                1,
            )
        },
        Package {
            introduced_in: layer(1),
            ..package(
                PackageKind::PyPi,
                "urllib3",
                "1.26.4",
                "usr/local/lib/python3.9/site-packages/urllib3-1.26.4.dist-info/METADATA",
                2,
            )
        },
    ];
    Inventory {
        artifact: artifact(),
        os: Some(OsRelease {
            id: "debian".to_owned(),
            version_id: "11".to_owned(),
            id_like: Vec::new(),
            pretty_name: "Debian GNU/Linux 11 (bullseye)".to_owned(),
            codename: "bullseye".to_owned(),
            path: "etc/os-release".to_owned(),
        }),
        packages,
        gaps: vec![
            Gap {
                path: "app/broken.jar".to_owned(),
                place: String::new(),
                diff_id: Some(digest('3')),
                reporter: "java-archive".to_owned(),
                reason: "expected a zip archive, found no end of central directory".to_owned(),
            },
            Gap {
                path: "var/lib/dpkg/status".to_owned(),
                place: "lines 12-15".to_owned(),
                diff_id: Some(digest('2')),
                reporter: "dpkg".to_owned(),
                reason: "expected a field `Version`, found none".to_owned(),
            },
        ],
        base: None,
    }
}

fn artifact() -> Artifact {
    Artifact {
        name: "registry.example/app:1.2".to_owned(),
        kind: ArtifactKind::ContainerImage,
        manifest_digest: digest('a'),
        config_digest: digest('c'),
        repo_tags: vec!["registry.example/app:1.2".to_owned()],
        repo_digests: vec![format!("registry.example/app@{}", digest('a'))],
        platform: Some(Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: String::new(),
        }),
        created: "2022-05-01T10:00:00Z".to_owned(),
        layers: [
            (3_400_000, "/bin/sh -c #(nop) ADD file:0123 in / "),
            (1_200_000, "RUN /bin/sh -c apt-get install -y openssl python3-yaml # buildkit"),
            (900_000, "COPY . / # buildkit"),
        ]
        .iter()
        .enumerate()
        .map(|(index, (size, by))| LayerInfo {
            diff_id: layer(index).unwrap().diff_id,
            digest: digest(char::from_digit(u32::try_from(index).unwrap() + 13, 16).unwrap()),
            size_bytes: *size,
            created_by: (*by).to_owned(),
        })
        .collect(),
        config: r#"{"architecture":"amd64","os":"linux","created":"2022-05-01T10:00:00Z","config":{"Cmd":["app"]}}"#
            .to_owned(),
    }
}

/// A short way to a finding.
struct Flaw<'a> {
    id: &'a str,
    advisory: &'a str,
    packages: &'a [usize],
    severity: Severity,
    source: SeveritySource,
    fixed: Option<&'a str>,
    title: &'a str,
}

fn word(source: &str) -> SeveritySource {
    SeveritySource::Word(source.to_owned())
}

fn cvss(source: &str, vector: &str, score: u8) -> SeveritySource {
    SeveritySource::Cvss { source: source.to_owned(), vector: vector.to_owned(), score }
}

fn finding(inventory: &Inventory, flaw: &Flaw<'_>) -> Finding {
    let package = &inventory.packages[flaw.packages[0]];
    let (name, version) = package.source_or_self();
    let namespace = match package.kind {
        PackageKind::Deb => "Debian:11".to_owned(),
        kind => kind.ecosystem().unwrap().to_string(),
    };
    let rating = match &flaw.source {
        SeveritySource::Word(source) => {
            Some(Rating { source: source.clone(), scale: RatingScale::Word(flaw.severity) })
        }
        SeveritySource::Cvss { source, vector, .. } => {
            Some(Rating { source: source.clone(), scale: RatingScale::Cvss(vector.clone()) })
        }
        SeveritySource::Score { source, score } => {
            Some(Rating { source: source.clone(), scale: RatingScale::Score(*score) })
        }
        SeveritySource::Malicious | SeveritySource::Nobody => None,
    };
    Finding {
        advisories: vec![flaw.advisory.to_owned()],
        fix: flaw.fixed.map_or(FixState::NotFixed, |version| FixState::Fixed(version.to_owned())),
        severity: SeverityChoice { severity: flaw.severity, source: flaw.source.clone() },
        ratings: rating.into_iter().collect(),
        title: flaw.title.to_owned(),
        published: "2022-05-03T15:15:00Z".to_owned(),
        modified: "2023-11-07T03:41:00Z".to_owned(),
        references: vec![Reference {
            kind: "ADVISORY".to_owned(),
            url: format!("https://nvd.nist.gov/vuln/detail/{}", flaw.id),
        }],
        evidence: vec![Evidence {
            advisory: flaw.advisory.to_owned(),
            namespace,
            name: name.to_owned(),
            version: version.to_owned(),
            source: if flaw.advisory.starts_with("CVE-") { "debian-tracker" } else { "osv" }.to_owned(),
            note: String::new(),
            range: flaw.fixed.map_or(">=0".to_owned(), |fixed| format!(">=0, <{fixed}")),
            fixed: flaw.fixed.map(str::to_owned),
        }],
        ..Finding::new(flaw.id, flaw.packages.to_vec())
    }
}

/// The whole of it.
#[expect(clippy::too_many_lines, reason = "a list of flaws")]
pub(crate) fn scan() -> Scan {
    let inventory = inventory();
    let flaws = [
        Flaw {
            id: "CVE-2022-1292",
            advisory: "DSA-5139-1",
            packages: &[1],
            severity: Severity::Critical,
            source: cvss("nvd", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98),
            fixed: Some("1.1.1n-0+deb11u4"),
            title: "c_rehash does not quote file names, so that a name can run a command of the attacker's",
        },
        Flaw {
            id: "CVE-2023-0286",
            advisory: "DSA-5343-1",
            packages: &[1],
            severity: Severity::High,
            source: word("debian"),
            fixed: Some("1.1.1n-0+deb11u4"),
            title: "an X.400 address in a GeneralName is compared as another type",
        },
        Flaw {
            id: "CVE-2007-6755",
            advisory: "CVE-2007-6755",
            packages: &[1],
            severity: Severity::Negligible,
            source: word("debian"),
            fixed: None,
            title: "",
        },
        Flaw {
            id: "CVE-2022-1292",
            advisory: "DSA-5139-1",
            packages: &[2],
            severity: Severity::Critical,
            source: cvss("nvd", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98),
            fixed: Some("1.1.1n-0+deb11u4"),
            title: "c_rehash does not quote file names, so that a name can run a command of the attacker's",
        },
        Flaw {
            id: "CVE-2023-39325",
            advisory: "GO-2023-2102",
            packages: &[4, 5],
            severity: Severity::High,
            source: SeveritySource::Score { source: "nvd".to_owned(), score: 75 },
            fixed: Some("v0.17.0"),
            title: "HTTP/2 requests that are reset at once use up the server",
        },
        Flaw {
            id: "CVE-2021-44228",
            advisory: "GHSA-jfh8-c2jp-5v3q",
            packages: &[7],
            severity: Severity::Critical,
            source: cvss("ghsa", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 100),
            fixed: Some("2.15.0"),
            title: "a logged text with a JNDI address makes the program load foreign code",
        },
        Flaw {
            id: "CVE-2023-45133",
            advisory: "GHSA-67hx-6x53-jw92",
            packages: &[8],
            severity: Severity::Unknown,
            source: SeveritySource::Nobody,
            fixed: Some("7.23.2"),
            title: "compiling crafted code runs it",
        },
        Flaw {
            id: "MAL-2024-0001",
            advisory: "MAL-2024-0001",
            packages: &[9],
            severity: Severity::Critical,
            source: SeveritySource::Malicious,
            fixed: None,
            title: "\u{1b}[1A\u{1b}[2Kall is well\u{202e}, 日本語 titles too\nand a second line",
        },
        Flaw {
            id: "CVE-2021-44906",
            advisory: "GHSA-xvch-5gv4-984h",
            packages: &[10],
            severity: Severity::Medium,
            source: cvss("ghsa", "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:N/VI:L/VA:N/SC:N/SI:N/SA:N", 63),
            fixed: Some("1.2.6"),
            title: "prototype pollution by a crafted argument name",
        },
        Flaw {
            id: "CVE-2021-33503",
            advisory: "GHSA-q2q7-5pp4-w6pg",
            packages: &[12],
            severity: Severity::High,
            source: word("ghsa"),
            fixed: Some("1.26.5"),
            title: "an address with many `@` takes very long to read",
        },
    ];
    let mut findings: Vec<Finding> = flaws.iter().map(|flaw| finding(&inventory, flaw)).collect();
    findings[0].cwes = vec!["CWE-78".to_owned()];
    findings[0]
        .ratings
        .push(Rating { source: "debian".to_owned(), scale: RatingScale::Word(Severity::Medium) });
    findings[0].ratings.push(Rating {
        source: "nvd".to_owned(),
        scale: RatingScale::Cvss("AV:N/AC:L/Au:N/C:C/I:C/A:C".to_owned()),
    });
    findings[5].aliases = vec!["GHSA-jfh8-c2jp-5v3q".to_owned()];
    findings[5].description = "Log4j looks up `${jndi:…}` in what it logs.\n\nUpdate.".to_owned();
    findings[5].kev = Some(KevEntry {
        id: "CVE-2021-44228".to_owned(),
        date_added: "2021-12-10".to_owned(),
        due_date: "2021-12-24".to_owned(),
        ransomware: true,
        name: "Apache Log4j2 remote code execution".to_owned(),
    });
    findings[0].epss = Some(Epss { probability: 6_512, percentile: 91_200 });
    findings[1].epss = Some(Epss { probability: 88_125, percentile: 99_400 });
    findings[2].fix = FixState::WillNotFix;
    findings[2].evidence[0].note = "Minor issue".to_owned();
    findings[3].epss = findings[0].epss;
    findings[5].epss = Some(Epss { probability: 97_565, percentile: 99_990 });
    findings[7].malicious = true;
    for finding in &mut findings {
        finding.risk = plimsoll_match::risk(finding);
    }
    let rule = "fail on HIGH or worse".to_owned();
    let mut counts = SeverityCounts::default();
    let mut rulings = Vec::new();
    for finding in &findings {
        counts.add(finding.severity.severity);
        let failed = finding.severity.severity >= Severity::High;
        rulings.push(Ruling {
            outcome: if failed { Outcome::Failed } else { Outcome::Passed },
            rule: if failed { rule.clone() } else { String::new() },
            ..Ruling::default()
        });
    }
    Scan {
        inventory,
        findings,
        undetermined: vec![Undetermined {
            id: "CVE-2022-41723".to_owned(),
            advisory: "GO-2023-1571".to_owned(),
            package: 6,
            reason: "expected a Go version, found `devel +abc`".to_owned(),
        }],
        not_affected: vec![NotAffected {
            id: "CVE-2019-18276".to_owned(),
            advisory: "DEBIAN-CVE-2019-18276".to_owned(),
            package: 0,
            reason: "vulnerable code not present".to_owned(),
            overruled: vec!["DSA-0000-1".to_owned()],
        }],
        match_gaps: vec![Gap {
            path: String::new(),
            place: String::new(),
            diff_id: None,
            reporter: "match".to_owned(),
            reason: "no advisories for `Hex` in the database: 2 packages were not judged".to_owned(),
        }],
        database: DatabaseInfo {
            digest: digest('d'),
            updated: "2023-11-08T06:00:00Z".to_owned(),
            newest_advisory: "2023-11-07T03:41:00Z".to_owned(),
            advisories: 4211,
        },
        decision: Decision {
            verdict: Verdict::Failed,
            rules: vec![rule],
            rulings,
            counts,
            ignored_unfixed: SeverityCounts { medium: 2, low: 1, ..SeverityCounts::default() },
        },
        ..Scan::default()
    }
}

/// A report of a scan, at an instant, by a program without a version.
pub(crate) fn written(
    scan: &Scan,
    write: fn(&crate::Report<'_>, &mut dyn std::io::Write) -> Result<(), crate::Error>,
) -> String {
    let mut out = Vec::new();
    let created = Some("2023-11-08T12:00:00Z");
    let report = crate::Report { created, tool_version: "VERSION", ..crate::Report::new(scan) };
    write(&report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}
