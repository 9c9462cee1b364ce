//! Scans as text, and their advice as text.

use std::cmp::Ordering;
use std::fmt::Write as _;

use expect_test::{Expect, expect};
use plimsoll_model::{
    Advice, BaseImage, Evidence, Finding, FixState, Inventory, Layer, OsRelease, Outcome, Owner, Package,
    PackageKind, Ruling, Scan, Severity, SeverityChoice, SeveritySource, SourcePackage, Suppressed,
    SuppressionKind,
};
use plimsoll_version::compare;
use proptest::prelude::*;

use super::*;

/// A scan from lines:
///
/// ```text
/// os debian 11
/// base debian:11 1
/// pkg deb libssl1.1 1.1.1n-0+deb11u3 src=openssl layer=0
/// pkg npm minimist 1.2.5 at=srv/package-lock.json by=npm-lock direct
/// CVE-1 HIGH minimist fixed=1.2.6 fails
/// ```
///
/// A finding names its packages by name, or by `name@version`. `none` stands for an empty text, `\n` for a line break,
/// `_` for a blank.
fn scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    let plain = |text: &str| text.replace("\\n", "\n").replace('_', " ");
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let value = |key: &str| {
            words.iter().find_map(|word| word.strip_prefix(key).and_then(|word| word.strip_prefix('=')))
        };
        match words[0] {
            "os" => {
                scan.inventory.os = Some(OsRelease {
                    id: words[1].to_owned(),
                    version_id: words[2].to_owned(),
                    pretty_name: format!("{} {}", words[1], words[2]),
                    ..OsRelease::default()
                });
            }
            "base" => {
                scan.inventory.base = Some(BaseImage {
                    name: words[1].to_owned(),
                    digest: String::new(),
                    layers: words[2].parse().unwrap(),
                });
            }
            "pkg" => {
                let kind = PackageKind::from_purl_type(words[1]).unwrap();
                let mut package =
                    Package::new(kind, plain(words[2]), plain(words[3]), value("by").unwrap_or("other"));
                package.path = value("at").unwrap_or("").to_owned();
                package.inner_path = value("in").map(str::to_owned);
                package.direct = words
                    .contains(&"direct")
                    .then_some(true)
                    .or_else(|| words.contains(&"indirect").then_some(false));
                package.source = value("src").map(|source| {
                    let (name, version) = source.split_once('@').unwrap_or((source, words[3]));
                    SourcePackage { name: name.to_owned(), version: version.to_owned() }
                });
                package.introduced_in = value("layer")
                    .map(|layer| Layer { diff_id: "sha256:0".to_owned(), index: layer.parse().unwrap() });
                package.owner = value("owner").map(|owner| Owner {
                    kind: PackageKind::Deb,
                    name: owner.to_owned(),
                    version: String::new(),
                });
                scan.inventory.packages.push(package);
            }
            id => {
                let finding = finding(&scan.inventory, id, words[1], &plain(words[2]), value("fixed"));
                let finding = Finding {
                    aliases: value("alias").map(str::to_owned).into_iter().collect(),
                    malicious: words.contains(&"malicious"),
                    fix: if words.contains(&"eol") { FixState::EndOfLife } else { finding.fix },
                    ..finding
                };
                if words.contains(&"waived") {
                    scan.suppressed.push(Suppressed {
                        finding,
                        kind: SuppressionKind::Waiver,
                        by: String::new(),
                        reason: String::new(),
                        remark: String::new(),
                        until: None,
                        origin: String::new(),
                    });
                    continue;
                }
                scan.findings.push(finding);
                let outcome = if words.contains(&"fails") { Outcome::Failed } else { Outcome::Passed };
                scan.decision.rulings.push(Ruling { outcome, ..Ruling::default() });
            }
        }
    }
    scan
}

fn finding(inventory: &Inventory, id: &str, severity: &str, package: &str, fixed: Option<&str>) -> Finding {
    let packages: Vec<usize> = inventory
        .packages
        .iter()
        .enumerate()
        .filter(|(_, other)| other.name == package || format!("{}@{}", other.name, other.version) == package)
        .map(|(index, _)| index)
        .collect();
    let first = &inventory.packages[*packages.first().expect(package)];
    let (name, version) = first.source_or_self();
    let fixed = fixed.map(str::to_owned);
    Finding {
        advisories: vec![id.to_owned()],
        fix: fixed.clone().map_or(FixState::NotFixed, FixState::Fixed),
        severity: SeverityChoice { severity: severity.parse().unwrap(), source: SeveritySource::Nobody },
        evidence: vec![Evidence {
            advisory: id.to_owned(),
            source: String::new(),
            namespace: String::new(),
            name: name.to_owned(),
            version: version.to_owned(),
            range: String::new(),
            fixed,
            note: String::new(),
        }],
        ..Finding::new(id, packages)
    }
}

fn written(scan: &Scan, advice: &Advice) -> String {
    let mut text = String::new();
    let ids = |indexes: &[usize]| {
        indexes.iter().map(|&index| scan.findings[index].id.as_str()).collect::<Vec<_>>().join(" ")
    };
    for action in &advice.actions {
        let _ = writeln!(text, "{}: {} [{}]", action.tool, action.title, action.path);
        for line in &action.lines {
            let _ = writeln!(text, "    {line}");
        }
        for upgrade in &action.upgrades {
            let places = upgrade.packages.len();
            let _ = write!(text, "  {:?} {} -> {}", upgrade.name, upgrade.from, upgrade.to);
            let _ = writeln!(text, " ({places}) removes {}", ids(&upgrade.removes));
        }
        if !action.remark.is_empty() {
            let _ = writeln!(text, "  ({})", action.remark);
        }
    }
    if !advice.unfixable.is_empty() {
        let _ = writeln!(text, "unfixable: {}", ids(&advice.unfixable));
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
fn check(text: &str, expected: Expect) {
    let scan = scan(text);
    expected.assert_eq(&written(&scan, &advise(&scan)));
}

#[test]
fn nothing_to_do_is_no_advice() {
    check("", expect![""]);
    check("pkg deb a 1\nCVE-1 HIGH a", expect![""]);
}

#[test]
fn what_fails_decides_and_the_rest_goes_along() {
    check(
        "os debian 11
        pkg deb apt 2.2.4
        pkg deb libssl1.1 1.1.1n-0+deb11u3 src=openssl
        pkg deb openssl 1.1.1n-0+deb11u3
        pkg deb zlib1g 1:1.2.11 src=zlib
        CVE-1 CRITICAL libssl1.1 fixed=1.1.1n-0+deb11u10 fails
        CVE-2 HIGH libssl1.1 fixed=1.1.1n-0+deb11u4 fails
        CVE-3 LOW libssl1.1 fixed=1.1.1n-0+deb11u5
        CVE-4 LOW libssl1.1 fixed=1.1.1w-0+deb11u1
        CVE-3 LOW openssl fixed=1.1.1n-0+deb11u5
        CVE-5 LOW zlib1g fixed=1:1.2.12
        CVE-6 CRITICAL zlib1g fails",
        expect![[r#"
            apt-get: Upgrade 2 Debian packages []
                apt-get update && apt-get install -y --only-upgrade libssl1.1 openssl
              "libssl1.1" 1.1.1n-0+deb11u3 -> 1.1.1n-0+deb11u10 (1) removes CVE-1 CVE-2 CVE-3
              "openssl" 1.1.1n-0+deb11u3 -> 1.1.1n-0+deb11u10 (1) removes CVE-3
            unfixable: CVE-6
        "#]],
    );
}

#[test]
fn where_nothing_fails_it_is_about_all_that_has_a_fix() {
    check(
        "os alpine 3.18
        pkg apk apk-tools 2.14
        pkg apk libcrypto3 3.1.0-r0 src=openssl
        pkg pypi urllib3 1.26.4 at=usr/lib/python3.9/site-packages/urllib3.dist-info/METADATA
        CVE-1 LOW libcrypto3 fixed=3.1.1-r0
        CVE-2 HIGH urllib3 fixed=1.26.5
        CVE-3 HIGH urllib3",
        expect![[r#"
            pip: Upgrade urllib3 to 1.26.5 [usr/lib/python3.9/site-packages]
                pip install --upgrade 'urllib3>=1.26.5,<2'
              "urllib3" 1.26.4 -> 1.26.5 (1) removes CVE-2
              (raise the version where the application asks for it as well)
            apk: Upgrade libcrypto3 to 3.1.1-r0 []
                apk upgrade --no-cache libcrypto3
              "libcrypto3" 3.1.0-r0 -> 3.1.1-r0 (1) removes CVE-1
        "#]],
    );
}

#[test]
fn each_distribution_has_its_own_manager() {
    for (os, kind, manager, line) in [
        ("debian 12", "deb", "apt", "apt-get update && apt-get install -y --only-upgrade a"),
        ("alpine 3.19", "apk", "apk-tools", "apk upgrade --no-cache a"),
        ("wolfi 1", "apk", "apk-tools", "apk upgrade --no-cache a"),
        ("rhel 9", "rpm", "dnf", "dnf upgrade -y a"),
        ("rhel 9", "rpm", "microdnf", "microdnf upgrade -y a"),
        ("fedora 41", "rpm", "dnf5", "dnf5 upgrade -y a"),
        ("centos 7", "rpm", "yum", "yum update -y a"),
        ("photon 4", "rpm", "tdnf", "tdnf update -y a"),
        (
            "sles 15.4",
            "rpm",
            "zypper",
            "zypper --non-interactive refresh && zypper --non-interactive update a",
        ),
        ("arch 1", "alpm", "pacman", "pacman -Syu --noconfirm"),
        ("debian 12", "deb", "none", "docker build --pull ."),
    ] {
        let text =
            format!("os {os}\npkg {kind} a 1-r1\npkg {kind} {manager} 1-r1\nCVE-1 LOW a fixed=2-r1 fails");
        let advice = advise(&scan(&text));
        assert_eq!(advice.actions[0].lines[0], line, "{os}");
        assert_eq!(advice.actions[0].upgrades[0].removes, [0]);
    }
    let both = "pkg rpm a 1-1\npkg rpm dnf 1\npkg rpm yum 1\nCVE-1 LOW a fixed=2-1";
    assert_eq!(advise(&scan(both)).actions[0].tool, "dnf");
}

#[test]
fn what_is_inherited_asks_for_a_newer_base() {
    check(
        "os debian 12
        base registry.example/debian:12 1
        pkg deb apt 2.6 layer=0
        pkg deb a 1 layer=0
        pkg deb b 1 layer=1
        pkg npm tar 4.0.0 at=usr/local/lib/node_modules/npm/node_modules/tar/package.json layer=0
        CVE-1 HIGH a fixed=2 fails
        CVE-2 HIGH b fixed=2 fails
        CVE-3 HIGH tar fixed=4.4.8 fails",
        expect![[r#"
            rebuild: Rebuild on a newer registry.example/debian:12 []
                docker build --pull .
                # or, until the base image has them, in the Dockerfile:
                apt-get update && apt-get install -y --only-upgrade a
              "a" 1 -> 2 (1) removes CVE-1
              "tar" 4.0.0 -> 4.4.8 (1) removes CVE-3
              (they come with the base image; where its digest is pinned, move the pin first)
            apt-get: Upgrade b to 2 []
                apt-get update && apt-get install -y --only-upgrade b
              "b" 1 -> 2 (1) removes CVE-2
        "#]],
    );
}

#[test]
fn a_release_that_has_ended_is_to_be_left() {
    check(
        "os debian 9
        pkg deb apt 1
        pkg deb a 1
        CVE-1 HIGH a eol fails
        CVE-2 HIGH a eol fails
        CVE-3 HIGH a fixed=2 fails
        CVE-4 HIGH a eol",
        expect![[r#"
            release: Move to a supported release of Debian []
              (2 findings get no fix any more in debian 9)
            apt-get: Upgrade a to 2 []
                apt-get update && apt-get install -y --only-upgrade a
              "a" 1 -> 2 (1) removes CVE-3
            unfixable: CVE-1 CVE-2
        "#]],
    );
}

#[test]
fn attacks_are_removed_and_not_upgraded() {
    check(
        "pkg pypi evil 1.0 at=usr/lib/python3.9/site-packages/evil.dist-info/METADATA by=python-dist
        pkg npm evil;rm 1.0 at=srv/package-lock.json by=npm-lock direct
        pkg npm a 1.0.0 at=srv/package-lock.json by=npm-lock direct
        MAL-1 CRITICAL evil malicious fixed=2.0 fails
        CVE-1 LOW evil
        MAL-2 CRITICAL evil;rm malicious fails
        CVE-2 HIGH a fixed=1.0.1 fails
        CVE-3 HIGH a fixed=1.0.2 fails",
        expect![[r#"
            remove: Remove evil 1.0: it is itself the attack [usr/lib/python3.9/site-packages/evil.dist-info/METADATA]
                pip uninstall -y evil
              "evil" 1.0 ->  (1) removes MAL-1 CVE-1
              (take it out, or go to a version that the advisory does not name; whatever it could read where it was installed and ran is known to others: change those secrets)
            remove: Remove evil;rm 1.0: it is itself the attack [srv/package-lock.json]
              "evil;rm" 1.0 ->  (1) removes MAL-2
              (take it out, or go to a version that the advisory does not name; whatever it could read where it was installed and ran is known to others: change those secrets; the name or version of 1 package does not belong into a line: see to it by hand)
            npm: Upgrade a to 1.0.2 [srv/package-lock.json]
                npm install a@1.0.2
              "a" 1.0.0 -> 1.0.2 (1) removes CVE-2 CVE-3
        "#]],
    );
}

#[test]
fn node_packages() {
    check(
        "pkg npm @babel/traverse 7.20.0 at=srv/package-lock.json by=npm-lock direct
        pkg npm minimist 1.2.5 at=srv/package-lock.json by=npm-lock indirect
        pkg npm semver 5.0.0 at=srv/package-lock.json by=npm-lock indirect
        pkg npm a 1.0.0 at=y/yarn.lock by=yarn-lock direct
        pkg npm b 1.0.0 at=y/yarn.lock by=yarn-lock indirect
        pkg npm c 1.0.0 at=p/pnpm-lock.yaml by=pnpm-lock direct
        pkg npm @d/d 1.0.0 at=p/pnpm-lock.yaml by=pnpm-lock
        pkg npm h 1.0.0 at=p/pnpm-lock.yaml by=pnpm-lock
        pkg npm h 2.0.0 at=p/pnpm-lock.yaml by=pnpm-lock
        pkg npm i 1.0.0 at=y/yarn.lock by=yarn-lock
        pkg npm i 2.0.0 at=y/yarn.lock by=yarn-lock
        pkg npm j 2.0.0 at=y/yarn.lock by=yarn-lock
        pkg npm e 1.0.0 at=usr/local/lib/node_modules/e/package.json by=node-package
        pkg npm f 1.0.0 at=usr/local/lib/node_modules/npm/node_modules/f/package.json by=node-package
        pkg npm g 0.1.0 at=app/node_modules/g/package.json by=node-package
        CVE-01 LOW @babel/traverse fixed=7.23.2
        CVE-02 LOW minimist fixed=1.2.6
        CVE-03 LOW semver fixed=7.5.2
        CVE-04 LOW a fixed=2.0.0
        CVE-05 LOW b fixed=1.0.1
        CVE-06 LOW c fixed=1.0.1
        CVE-07 LOW @d/d fixed=1.0.1
        CVE-08 LOW e fixed=1.0.1
        CVE-09 LOW f fixed=1.0.1
        CVE-10 LOW g fixed=0.1.9
        CVE-11 LOW h@1.0.0 fixed=3.0.0
        CVE-11 LOW h@2.0.0 fixed=3.1.0
        CVE-12 LOW i@1.0.0 fixed=3.0.0
        CVE-12 LOW i@2.0.0 fixed=3.1.0
        CVE-13 LOW j fixed=3.1.0",
        expect![[r#"
            yarn: Upgrade 4 npm packages [y/yarn.lock]
                yarn up a@2.0.0
                yarn up -R b
                "resolutions": {
                    "j": "3.1.0"
                }
              "a" 1.0.0 -> 2.0.0 (1) removes CVE-04
              "b" 1.0.0 -> 1.0.1 (1) removes CVE-05
              "i" 1.0.0 -> 3.0.0 (1) removes CVE-12
              "i" 2.0.0 -> 3.1.0 (1) removes CVE-12
              "j" 2.0.0 -> 3.1.0 (1) removes CVE-13
              (Yarn 1 says `yarn upgrade` for `yarn up`; Yarn 1 has no `up -R`: take their entries out of `yarn.lock` and run `yarn install`; `resolutions` goes into `package.json`, and `yarn install` after it; it forces all versions of a package; i 1 is to be forced where something asks for it; i 2 is to be forced where something asks for it; leaves the present major version: a, i, j)
            pnpm: Upgrade 3 npm packages [p/pnpm-lock.yaml]
                pnpm add c@1.0.1
                pnpm update --depth Infinity @d/d
                overrides:
                  "h@1": "3.0.0"
                  "h@2": "3.1.0"
              "@d/d" 1.0.0 -> 1.0.1 (1) removes CVE-07
              "c" 1.0.0 -> 1.0.1 (1) removes CVE-06
              "h" 1.0.0 -> 3.0.0 (1) removes CVE-11
              "h" 2.0.0 -> 3.1.0 (1) removes CVE-11
              (`overrides` goes into `pnpm-workspace.yaml` (before pnpm 10 into `pnpm` of `package.json`), and `pnpm install` after it; leaves the present major version: h)
            npm: Upgrade 3 npm packages [srv/package-lock.json]
                npm install @babel/traverse@7.23.2
                npm update minimist
                "overrides": {
                    "semver@5": "7.5.2"
                }
              "@babel/traverse" 7.20.0 -> 7.23.2 (1) removes CVE-01
              "minimist" 1.2.5 -> 1.2.6 (1) removes CVE-02
              "semver" 5.0.0 -> 7.5.2 (1) removes CVE-03
              (`overrides` goes into `package.json`, and `npm install` after it; what `npm update` leaves below that version needs an entry in `overrides`; leaves the present major version: semver)
            npm: Upgrade g to 0.1.9 [app/node_modules]
                npm update g
              "g" 0.1.0 -> 0.1.9 (1) removes CVE-10
              (what `npm update` leaves below that version needs an entry in `overrides`)
            npm: Upgrade e to 1.0.1 [usr/local/lib/node_modules]
                npm install -g e@1.0.1
              "e" 1.0.0 -> 1.0.1 (1) removes CVE-08
            npm: Upgrade npm, which brings its own copies [usr/local/lib/node_modules/npm]
                npm install -g npm@latest
              "f" 1.0.0 -> 1.0.1 (1) removes CVE-09
              (which release of npm brings these versions is not known here)
        "#]],
    );
}

#[test]
fn python_distributions() {
    check(
        "pkg pypi urllib3 1.26.4 at=opt/venv/lib/python3.9/site-packages/u.dist-info/METADATA by=python-dist
        pkg pypi wheel 0.40 at=usr/lib/python3.9/site-packages/setuptools/_vendor/w.dist-info/METADATA
        pkg pypi django 4.0 at=requirements.txt by=pip-requirements
        pkg pypi a 1 at=poetry.lock by=poetry-lock direct
        pkg pypi b 1 at=poetry.lock by=poetry-lock indirect
        pkg pypi c 1 at=uv.lock by=uv-lock direct
        pkg pypi d 1 at=uv.lock by=uv-lock indirect
        pkg pypi e 1 at=Pipfile.lock by=pipfile-lock direct
        pkg pypi f 1 at=Pipfile.lock by=pipfile-lock indirect
        pkg pypi g 1 at=pdm.lock by=pdm-lock direct
        pkg pypi h 1 at=pdm.lock by=pdm-lock indirect
        pkg pypi i 1 at=pylock.toml by=pylock
        CVE-01 LOW urllib3 fixed=1.26.5
        CVE-02 LOW wheel fixed=0.41
        CVE-03 LOW django fixed=4.0.1
        CVE-04 LOW a fixed=1.1
        CVE-05 LOW b fixed=1.1
        CVE-06 LOW c fixed=1.1
        CVE-07 LOW d fixed=1.1
        CVE-08 LOW e fixed=1.1
        CVE-09 LOW f fixed=1.1
        CVE-10 LOW g fixed=1.1
        CVE-11 LOW h fixed=1.1
        CVE-12 LOW i fixed=1.1",
        expect![[r#"
            pdm: Upgrade 2 Python packages [pdm.lock]
                pdm add 'g>=1.1,<2'
                pdm update h
              "g" 1 -> 1.1 (1) removes CVE-10
              "h" 1 -> 1.1 (1) removes CVE-11
            pipenv: Upgrade 2 Python packages [Pipfile.lock]
                pipenv install 'e>=1.1,<2'
                pipenv upgrade 'f>=1.1,<2'
              "e" 1 -> 1.1 (1) removes CVE-08
              "f" 1 -> 1.1 (1) removes CVE-09
            poetry: Upgrade 2 Python packages [poetry.lock]
                poetry add 'a>=1.1,<2'
                poetry update b
              "a" 1 -> 1.1 (1) removes CVE-04
              "b" 1 -> 1.1 (1) removes CVE-05
            uv: Upgrade 2 Python packages [uv.lock]
                uv add 'c>=1.1,<2'
                uv lock --upgrade-package d==1.1
              "c" 1 -> 1.1 (1) removes CVE-06
              "d" 1 -> 1.1 (1) removes CVE-07
            pip: Upgrade urllib3 to 1.26.5 [opt/venv/lib/python3.9/site-packages]
                /opt/venv/bin/pip install --upgrade 'urllib3>=1.26.5,<2'
              "urllib3" 1.26.4 -> 1.26.5 (1) removes CVE-01
              (raise the version where the application asks for it as well)
            pip: Upgrade i to 1.1 [pylock.toml]
                i==1.1
              "i" 1 -> 1.1 (1) removes CVE-12
              (the file says what a tool has chosen: raise these where that tool reads them, and lock again)
            pip: Upgrade django to 4.0.1 [requirements.txt]
                django==4.0.1
              "django" 4.0 -> 4.0.1 (1) removes CVE-03
              (these lines replace those of the file)
            pip: Upgrade setuptools, which brings its own copies [usr/lib/python3.9/site-packages/setuptools]
                pip install --upgrade setuptools
              "wheel" 0.40 -> 0.41 (1) removes CVE-02
              (which release of setuptools brings these versions is not known here)
        "#]],
    );
}

#[test]
fn java_libraries() {
    check(
        "pkg maven org.a:core 2.14.1 at=app/service.jar in=BOOT-INF/lib/core.jar
        pkg maven org.a:core 2.14.1 at=app/lib/core-2.14.1.jar
        pkg maven org.b:b 1.0 at=pom.xml by=maven-pom direct
        pkg maven org.c:c 1.0 at=gradle.lockfile by=gradle-lock
        pkg maven nogroup 1.0 at=app/nogroup.jar
        CVE-1 HIGH org.a:core fixed=2.15.0
        CVE-2 LOW org.b:b fixed=1.1
        CVE-3 LOW org.c:c fixed=1.1
        CVE-4 LOW nogroup fixed=1.1",
        expect![[r#"
            maven: Upgrade org.a:core to 2.15.0 [app/lib]
                <dependency>
                  <groupId>org.a</groupId>
                  <artifactId>core</artifactId>
                  <version>2.15.0</version>
                </dependency>
              "org.a:core" 2.14.1 -> 2.15.0 (1) removes CVE-1
              (in `<dependencyManagement>` of what fills the folder, or a newer release of that)
            maven: Upgrade org.a:core to 2.15.0 [app/service.jar]
                <dependency>
                  <groupId>org.a</groupId>
                  <artifactId>core</artifactId>
                  <version>2.15.0</version>
                </dependency>
              "org.a:core" 2.14.1 -> 2.15.0 (1) removes CVE-1
              (in `<dependencyManagement>` of what app/service.jar is built from, or a newer release of it)
            gradle: Upgrade org.c:c to 1.1 [gradle.lockfile]
                constraints {
                    implementation("org.c:c:1.1")
                }
              "org.c:c" 1.0 -> 1.1 (1) removes CVE-3
              (in `dependencies` of the build file, and `gradle dependencies --write-locks` after it)
            maven: Upgrade nogroup to 1.1 [app]
              "nogroup" 1.0 -> 1.1 (1) removes CVE-4
              (in `<dependencyManagement>` of what fills the folder, or a newer release of that; the name or version of 1 package does not belong into a line: see to it by hand)
            maven: Upgrade org.b:b to 1.1 [pom.xml]
                <dependency>
                  <groupId>org.b</groupId>
                  <artifactId>b</artifactId>
                  <version>1.1</version>
                </dependency>
              "org.b:b" 1.0 -> 1.1 (1) removes CVE-2
              (the version of the dependency, or of the property that it names)
        "#]],
    );
}

#[test]
fn go_modules_and_the_toolchain() {
    check(
        "pkg golang golang.org/x/net v0.7.0 at=usr/bin/app by=go-binary
        pkg golang golang.org/x/net v0.7.0 at=usr/bin/agent by=go-binary
        pkg golang stdlib v1.20.1 at=usr/bin/agent by=go-binary
        pkg golang golang.org/x/text v0.3.0 at=src/go.mod by=go-mod direct
        CVE-1 HIGH golang.org/x/net fixed=0.17.0
        CVE-2 HIGH stdlib fixed=1.20.8
        CVE-3 LOW golang.org/x/text fixed=0.3.7",
        expect![[r#"
            go: Build usr/bin/agent with Go 1.20.8 or later and 1 newer module [usr/bin/agent]
                go get golang.org/x/net@v0.17.0 toolchain@go1.20.8
                go mod tidy
              "golang.org/x/net" v0.7.0 -> v0.17.0 (1) removes CVE-1
              "stdlib" v1.20.1 -> v1.20.8 (1) removes CVE-2
              (in its source; where somebody else builds it, take a newer release of it)
            go: Build usr/bin/app with 1 newer module [usr/bin/app]
                go get golang.org/x/net@v0.17.0
                go mod tidy
              "golang.org/x/net" v0.7.0 -> v0.17.0 (1) removes CVE-1
              (in its source; where somebody else builds it, take a newer release of it)
            go: Upgrade golang.org/x/text to v0.3.7 [src/go.mod]
                go get golang.org/x/text@v0.3.7
                go mod tidy
              "golang.org/x/text" v0.3.0 -> v0.3.7 (1) removes CVE-3
        "#]],
    );
}

#[test]
fn the_other_languages() {
    check(
        "pkg cargo time 0.1.40 at=Cargo.lock by=cargo-lock
        pkg cargo time 0.2.1 at=Cargo.lock by=cargo-lock
        pkg cargo regex 1.5.0 at=usr/bin/tool by=rust-binary
        pkg gem rexml 3.2.4 at=Gemfile.lock by=gemfile-lock
        pkg gem webrick 1.7.0 at=usr/lib/ruby/gems/3.0.0/specifications/default/webrick.gemspec
        pkg composer symfony/http-kernel 5.4.0 at=composer.lock by=composer-lock
        pkg nuget Newtonsoft.Json 12.0.1 at=app/app.deps.json by=dotnet-deps
        pkg nuget System.Text.Json 6.0.1 at=usr/share/dotnet/shared/Microsoft.NETCore.App/6.0.1/x.deps.json
        pkg hex plug 1.0.0 at=mix.lock by=mix-lock
        pkg pub http 0.13.0 at=pubspec.lock by=pubspec-lock
        pkg swift github.com/apple/swift-nio 2.0.0 at=Package.resolved by=swift-resolved
        pkg bitnami redis 7.0.1
        CVE-01 LOW time@0.1.40 fixed=0.2.23
        CVE-01 LOW time@0.2.1 fixed=0.2.23
        CVE-02 LOW regex fixed=1.5.5
        CVE-03 LOW rexml fixed=3.2.5
        CVE-04 LOW webrick fixed=1.8.2
        CVE-05 LOW symfony/http-kernel fixed=5.4.20
        CVE-06 LOW Newtonsoft.Json fixed=13.0.1
        CVE-07 LOW System.Text.Json fixed=6.0.10
        CVE-08 LOW plug fixed=1.0.4
        CVE-09 LOW http fixed=0.13.3
        CVE-10 LOW github.com/apple/swift-nio fixed=2.39.1
        CVE-11 LOW redis fixed=7.0.12",
        expect![[r#"
            cargo: Upgrade time to 0.2.23 [Cargo.lock]
                cargo update -p time@0.1.40 --precise 0.2.23
                cargo update -p time@0.2.1 --precise 0.2.23
              "time" 0.1.40 -> 0.2.23 (1) removes CVE-01
              "time" 0.2.1 -> 0.2.23 (1) removes CVE-01
              (what leaves its major version must be raised in `Cargo.toml` first; leaves the present major version: time)
            bundler: Upgrade rexml to 3.2.5 [Gemfile.lock]
                bundle update --conservative rexml
              "rexml" 3.2.4 -> 3.2.5 (1) removes CVE-03
            cargo: Upgrade regex to 1.5.5 [usr/bin/tool]
                cargo update -p regex@1.5.0 --precise 1.5.5
              "regex" 1.5.0 -> 1.5.5 (1) removes CVE-02
              (in the source that the program is built from)
            composer: Upgrade symfony/http-kernel to 5.4.20 [composer.lock]
                composer update --with-dependencies symfony/http-kernel
              "symfony/http-kernel" 5.4.0 -> 5.4.20 (1) removes CVE-05
            dart: Upgrade http to 0.13.3 [pubspec.lock]
                dart pub upgrade http
              "http" 0.13.0 -> 0.13.3 (1) removes CVE-09
            dotnet: Upgrade Newtonsoft.Json to 13.0.1 [app/app.deps.json]
                dotnet add package Newtonsoft.Json --version 13.0.1
              "Newtonsoft.Json" 12.0.1 -> 13.0.1 (1) removes CVE-06
              (leaves the present major version: Newtonsoft.Json)
            gem: Upgrade webrick to 1.8.2 [usr/lib/ruby/gems/3.0.0]
                gem install webrick:1.8.2
              "webrick" 1.7.0 -> 1.8.2 (1) removes CVE-04
              (the old version stays beside it until `gem cleanup`; one that Ruby brings along, until a newer Ruby)
            mix: Upgrade plug to 1.0.4 [mix.lock]
                mix deps.update plug
              "plug" 1.0.0 -> 1.0.4 (1) removes CVE-08
            rebuild: Rebuild on a newer Bitnami image []
                docker build --pull .
              "redis" 7.0.1 -> 7.0.12 (1) removes CVE-11
              (its packages come with it)
            rebuild: Rebuild on a newer .NET runtime [usr/share/dotnet]
                docker build --pull .
              "System.Text.Json" 6.0.1 -> 6.0.10 (1) removes CVE-07
              (they come with the runtime)
            swift: Upgrade github.com/apple/swift-nio to 2.39.1 [Package.resolved]
                swift package update swift-nio
              "github.com/apple/swift-nio" 2.0.0 -> 2.39.1 (1) removes CVE-10
        "#]],
    );
}

#[test]
fn what_the_distribution_owns_goes_with_its_package() {
    check(
        "os debian 11
        pkg deb apt 2
        pkg pypi PyYAML 5.3.1 at=usr/lib/python3/dist-packages/PyYAML.egg-info/PKG-INFO owner=python3-yaml
        CVE-1 HIGH PyYAML fixed=5.4",
        expect![[r#"
            apt-get: Upgrade PyYAML to 5.4 []
                apt-get update && apt-get install -y --only-upgrade python3-yaml
              "PyYAML" 5.3.1 -> 5.4 (1) removes CVE-1
              (PyYAML belongs to the distribution's package python3-yaml, which may bear another version)
        "#]],
    );
}

#[test]
fn hostile_names_are_in_no_line() {
    for name in [
        "a;rm_-rf_/",
        "$(id)",
        "a&b",
        "`id`",
        "a\\nrm",
        "\u{1b}[2J",
        "--evil",
        "a'b",
        "a\"b",
        "../a",
        "o/r",
        "größe",
    ] {
        for (kind, by) in [
            ("deb", "dpkg-status"),
            ("npm", "npm-lock"),
            ("npm", "yarn-lock"),
            ("npm", "pnpm-lock"),
            ("pypi", "python-dist"),
            ("pypi", "uv-lock"),
            ("maven", "maven-pom"),
            ("maven", "gradle-lock"),
            ("golang", "go-binary"),
            ("cargo", "cargo-lock"),
            ("gem", "gemfile-lock"),
            ("nuget", "nuget-lock"),
            ("swift", "swift-resolved"),
        ] {
            // A module path is made of parts.
            if name == "o/r" && matches!(kind, "golang" | "swift") {
                continue;
            }
            for version in ["2", "2;id", "2\\nid", "--x"] {
                let text = format!(
                    "pkg deb apt 2\npkg {kind} {name} 1 by={by} at=p\npkg {kind} good 1 by={by} at=p
                    CVE-1 LOW {name} fixed=2
                    CVE-2 LOW good fixed=2"
                );
                let mut scan = scan(&text);
                scan.findings[1].fix = FixState::Fixed(version.replace("\\n", "\n"));
                let advice = advise(&scan);
                let lines: Vec<&String> = advice.actions.iter().flat_map(|action| &action.lines).collect();
                let name = &scan.inventory.packages[1].name;
                for line in lines {
                    let foreign = [name, ";", "$", "`", "\n", "\u{1b}", "--x", "--evil", ".."];
                    assert!(!foreign.iter().any(|text| line.contains(text)), "{kind} {name:?}: {line:?}");
                }
                let remarks: String = advice.actions.iter().map(|action| action.remark.as_str()).collect();
                assert!(remarks.contains("by hand"), "{kind} {name:?} {remarks}");
            }
        }
    }
}

#[test]
fn a_fix_that_cannot_be_read_is_told_and_not_dropped() {
    check(
        "pkg pypi a 1.0 at=requirements.txt by=pip-requirements
        pkg pypi b 1.0 at=requirements.txt by=pip-requirements
        pkg pypi c 3.0 at=requirements.txt by=pip-requirements
        CVE-1 LOW a fixed=1.1
        CVE-2 LOW a fixed=what
        CVE-3 LOW b fixed=unclear
        CVE-4 LOW c fixed=2.0",
        expect![[r#"
            pip: Upgrade 2 Python packages [requirements.txt]
                a==1.1
                b==unclear
              "a" 1.0 -> 1.1 (1) removes CVE-1
              "b" 1.0 -> unclear (1) removes CVE-3
              (these lines replace those of the file; a: whether that clears what is fixed in `what` cannot be told)
            unfixable: CVE-2 CVE-4
        "#]],
    );
}

/// What is known of versions: `name version ID SEVERITY fix`.
fn known<'a>(
    table: &'a [(&str, &str, &str, &str, &str)],
) -> impl Fn(&Inventory) -> Option<Vec<Finding>> + 'a {
    move |trial: &Inventory| {
        let mut found = Vec::new();
        for (at, package) in trial.packages.iter().enumerate() {
            for (name, version, id, severity, fix) in table {
                if package.name == *name && package.version == *version {
                    let fix = Some(*fix).filter(|fix| !fix.is_empty());
                    let finding = finding(trial, id, severity, name, fix);
                    let malicious = id.starts_with("MAL");
                    found.push(Finding { packages: vec![at], malicious, ..finding });
                }
            }
        }
        Some(found)
    }
}

#[test]
fn a_version_is_not_named_before_it_is_asked_about() {
    let text = "
        pkg npm a 1.2.3 at=package-lock.json by=npm-lock direct
        pkg npm b 1.0.0 at=package-lock.json by=npm-lock direct
        pkg npm c 1.0.0 at=package-lock.json by=npm-lock direct
        pkg npm d 1.0.0 at=package-lock.json by=npm-lock direct
        CVE-1 HIGH a fixed=1.2.5 fails
        CVE-2 HIGH a fixed=2.0.1 fails
        CVE-3 LOW a fixed=1.2.4
        CVE-4 HIGH b fixed=1.0.1 fails
        CVE-5 HIGH c fixed=1.0.1 fails
        CVE-6 LOW b waived
        CVE-7 HIGH d fixed=1.0.1 fails";
    let known = known(&[
        // The fix of one lies in the range of another.
        ("a", "2.0.1", "CVE-1", "HIGH", "2.0.3"),
        ("a", "2.0.1", "CVE-3", "LOW", "2.9.0"),
        ("a", "2.0.3", "CVE-3", "LOW", "2.9.0"),
        // New flaws: one as grave with a fix, one without, one that is less grave, one that is waived.
        ("b", "1.0.1", "CVE-8", "HIGH", "1.0.4"),
        ("b", "1.0.4", "CVE-9", "CRITICAL", ""),
        ("b", "1.0.4", "CVE-10", "LOW", "1.0.9"),
        ("b", "1.0.4", "CVE-6", "HIGH", "9.0.0"),
        // What is named as fixed is not.
        ("c", "1.0.1", "CVE-5", "HIGH", ""),
        ("d", "1.0.1", "MAL-1", "CRITICAL", ""),
    ]);
    let scan = scan(text);
    let advice = advise_checked(&scan, &known);
    expect![[r#"
        npm: Upgrade 2 npm packages [package-lock.json]
            npm install a@2.0.3 b@1.0.4
          "a" 1.2.3 -> 2.0.3 (1) removes CVE-1 CVE-2
          "b" 1.0.0 -> 1.0.4 (1) removes CVE-4
          (leaves the present major version: a; b 1.0.4 has flaws of its own: CVE-9)
        unfixable: CVE-5 CVE-7
    "#]]
    .assert_eq(&written(&scan, &advice));
}

#[test]
fn versions_that_hand_on_without_end_come_to_one() {
    let scan = scan("pkg npm a 1.0.0 at=p by=npm-lock direct\nCVE-1 HIGH a fixed=1.0.1 fails");
    let endless = |trial: &Inventory| {
        let (_, last) = trial.packages[0].version.rsplit_once('.').unwrap();
        let next = format!("1.0.{}", last.parse::<u32>().unwrap() + 1);
        Some(vec![finding(trial, "CVE-1", "HIGH", "a", Some(&next))])
    };
    let advice = advise_checked(&scan, &endless);
    assert_eq!((advice.actions.len(), advice.unfixable.as_slice()), (0, [0].as_slice()));
}

/// A scan of up to three packages in two versions and two places, with findings that have fixes or none.
fn any_scan() -> impl Strategy<Value = Scan> {
    let kinds =
        [PackageKind::Deb, PackageKind::Npm, PackageKind::PyPi, PackageKind::Golang, PackageKind::Maven];
    let package = (0..kinds.len(), 0..3_usize, 1..3_u8, 0..2_usize, any::<bool>());
    let flaw = (any::<prop::sample::Index>(), prop::option::of(0..6_u8), 0..4_u8, any::<bool>());
    let flaws = prop::collection::vec(flaw, 0..12);
    (prop::collection::vec(package, 1..8), flaws).prop_map(move |(packages, flaws)| {
        let mut scan = Scan::default();
        for (kind, name, version, place, direct) in packages {
            let name =
                if kinds[kind] == PackageKind::Maven { format!("g:p{name}") } else { format!("p{name}") };
            let mut package = Package::new(kinds[kind], name, format!("{version}.0.0"), "other");
            package.path = format!("at{place}/file");
            package.direct = Some(direct);
            scan.inventory.packages.push(package);
        }
        for (number, (package, fix, severity, fails)) in flaws.into_iter().enumerate() {
            let package = &scan.inventory.packages[package.index(scan.inventory.packages.len())];
            let same = |other: &Package| {
                (other.kind, &other.name, &other.version) == (package.kind, &package.name, &package.version)
            };
            let packages = scan.inventory.packages.iter().enumerate().filter(|(_, other)| same(other));
            let packages = packages.map(|(index, _)| index).collect();
            let severity = Severity::WORST_FIRST[usize::from(severity)].as_str();
            let fix = fix.map(|fix| format!("{}.{}.0", fix / 2 + 1, fix % 2));
            let name = format!("{}@{}", package.name, package.version);
            let finding = finding(&scan.inventory, &format!("CVE-{number}"), severity, &name, fix.as_deref());
            scan.findings.push(Finding { packages, ..finding });
            let outcome = if fails { Outcome::Failed } else { Outcome::Passed };
            scan.decision.rulings.push(Ruling { outcome, ..Ruling::default() });
        }
        scan
    })
}

proptest! {
    #[test]
    fn after_the_advice_nothing_fails_that_has_a_fix(scan in any_scan()) {
        let advice = advise(&scan);
        let upgrades = || advice.actions.iter().flat_map(|action| &action.upgrades);
        for (index, _) in scan.decision.failures() {
            let finding = &scan.findings[index];
            let Some(fix) = finding.fix.version() else {
                prop_assert!(advice.unfixable.contains(&index));
                continue;
            };
            for &at in &finding.packages {
                let package = &scan.inventory.packages[at];
                let scheme = subject::scheme(package.kind);
                let is_above = compare(scheme, fix, &package.version).unwrap() == Ordering::Greater;
                let gone = upgrades().any(|upgrade| {
                    upgrade.packages.contains(&at)
                        && upgrade.removes.contains(&index)
                        && compare(scheme, fix, &upgrade.to).unwrap() != Ordering::Greater
                });
                prop_assert_eq!(gone, is_above, "{} {}", finding.id, at);
                prop_assert_eq!(advice.unfixable.contains(&index), !is_above);
            }
        }
        // No upgrade is without use, none is larger than what it is for, and none is there twice.
        for upgrade in upgrades() {
            prop_assert!(!upgrade.removes.is_empty());
            let is_its_fix = |index: &usize| {
                scan.findings[*index].fix.version().is_some_and(|fix| upgrade.to.trim_start_matches('v') == fix)
            };
            prop_assert!(upgrade.removes.iter().any(is_its_fix));
            let same = |other: &&plimsoll_model::Upgrade| other.packages.iter().any(|at| upgrade.packages.contains(at));
            prop_assert_eq!(upgrades().filter(same).count(), 1);
        }
        prop_assert_eq!(&advice, &advise(&scan));
    }
}
