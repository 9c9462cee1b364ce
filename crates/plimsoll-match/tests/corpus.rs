//! Labelled cases: a package, what an advisory says of it, and whether it is affected, not affected or
//! undetermined. Versions and names are those of real packages; the advisories are shortened by hand.

mod fake;

use fake::matched;

/// `OS; package; advisory` with its label.
enum Label {
    Affected,
    NotAffected,
    Undetermined,
}

use Label::{Affected, NotAffected, Undetermined};

#[track_caller]
fn check(cases: &[(&str, &str, &str, Label)]) {
    for (os, package, advisory, label) in cases {
        let found = matched(os, package, advisory);
        let label = match label {
            Affected => found.contains(" by "),
            NotAffected => found == "nothing\n",
            Undetermined => found.contains("? ") && !found.contains(" by "),
        };
        assert!(label, "{os}; {package}; {advisory}\nfound {found}");
    }
}

#[test]
fn debian_is_judged_by_source_package_and_source_version() {
    let dsa = "DSA-1 | upstream CVE-2023-1 | in Debian:11: openssl <1.1.1n-0+deb11u4";
    let gcc = "DSA-2 | upstream CVE-2023-2 | in Debian:11: gcc-defaults <1.190";
    let bash = "DSA-3 | upstream CVE-2023-3 | in Debian:11: bash <1:5.1-2";
    check(&[
        ("debian 11", "deb libssl1.1 1.1.1n-0+deb11u3 source=openssl", dsa, Affected),
        ("debian 11", "deb libssl1.1 1.1.1n-0+deb11u4 source=openssl", dsa, NotAffected),
        ("debian 11", "deb libssl1.1 1.1.1n-0+deb11u10 source=openssl", dsa, NotAffected),
        ("debian 11", "deb openssl 1.1.1n-0+deb11u3", dsa, Affected),
        ("debian 11", "deb openssl 1.1.1n-0+deb11u3 source=other", dsa, NotAffected),
        ("debian 11.7", "deb openssl 1.1.1n-0+deb11u3", dsa, Affected),
        // The binary package `gcc` has an epoch and a version that its source `gcc-defaults` does not have.
        ("debian 11", "deb gcc 4:10.2.1-1 source=gcc-defaults@1.189", gcc, Affected),
        ("debian 11", "deb gcc 4:10.2.1-1 source=gcc-defaults@1.190", gcc, NotAffected),
        ("debian 11", "deb bash 5.1-2+deb11u1", bash, Affected),
        ("debian 11", "deb bash 1:5.1-2", bash, NotAffected),
        ("debian 11", "deb bash 1:5.1-2~bpo11+1", bash, Affected),
    ]);
}

#[test]
fn another_release_of_the_distribution_is_not_judged_by_this_one() {
    let both =
        "DSA-1 | upstream CVE-2023-1 | in Debian:10: curl <7.64.0-4+deb10u5 | in Debian:11: curl <7.74.0-1.3";
    check(&[
        ("debian 10", "deb curl 7.64.0-4+deb10u5", both, NotAffected),
        ("debian 10", "deb curl 7.64.0-4+deb10u4", both, Affected),
        ("debian 11", "deb curl 7.64.0-4+deb10u5", both, Affected),
    ]);
}

#[test]
fn ubuntu_long_term_releases() {
    let cve = "UBUNTU-CVE-2020-1967 | upstream CVE-2020-1967 | in Ubuntu:20.04:LTS: openssl <1.1.1f-1ubuntu2";
    let unfixed = "UBUNTU-CVE-2019-1 | upstream CVE-2019-1 | in Ubuntu:20.04:LTS: bash *";
    check(&[
        ("ubuntu 20.04", "deb libssl1.1 1.1.1f-1ubuntu1 source=openssl", cve, Affected),
        ("ubuntu 20.04", "deb libssl1.1 1.1.1f-1ubuntu2 source=openssl", cve, NotAffected),
        ("ubuntu 20.04", "deb bash 5.0-6ubuntu1", unfixed, Affected),
        ("ubuntu 20.04", "deb zsh 5.0-6ubuntu1", unfixed, NotAffected),
    ]);
}

#[test]
fn alpine_is_judged_by_origin() {
    let cve = "ALPINE-CVE-2023-1 | upstream CVE-2023-1 | in Alpine:v3.18: openssl <3.1.1-r0";
    let busybox = "ALPINE-CVE-2022-1 | upstream CVE-2022-1 | in Alpine:v3.18: busybox >=1.35.0-r0,<1.36.1-r2";
    check(&[
        ("alpine 3.18.4", "apk libcrypto3 3.1.0-r4 source=openssl", cve, Affected),
        ("alpine 3.18.4", "apk libcrypto3 3.1.1-r0 source=openssl", cve, NotAffected),
        ("alpine 3.18.4", "apk libcrypto3 3.1.1_rc1-r0 source=openssl", cve, Affected),
        ("alpine 3.18.4", "apk libcrypto3 3.1.10-r0 source=openssl", cve, NotAffected),
        ("alpine 3.18.4", "apk busybox 1.34.1-r0", busybox, NotAffected),
        ("alpine 3.18.4", "apk ssl_client 1.36.1-r1 source=busybox", busybox, Affected),
        ("alpine 3.18.4", "apk ssl_client 1.36.1-r2 source=busybox", busybox, NotAffected),
    ]);
}

#[test]
fn wolfi_is_judged_by_package_and_origin() {
    let go = "CGA-1 | upstream CVE-2024-1 GHSA-1 | in Wolfi: go-1.22 <1.22.3-r0 | in Chainguard: go-1.22 <1.22.3-r0";
    check(&[
        ("wolfi 20230201", "apk go-1.22 1.22.2-r0", go, Affected),
        ("wolfi 20230201", "apk go-1.22-doc 1.22.2-r0 source=go-1.22", go, Affected),
        ("wolfi 20230201", "apk go-1.22-doc 1.22.3-r0 source=go-1.22", go, NotAffected),
        ("chainguard 20230214", "apk go-1.22 1.22.2-r0", go, Affected),
    ]);
}

#[test]
fn rpm_is_judged_by_binary_package_first() {
    let curl = "ALSA-1 | related CVE-2023-1 | in AlmaLinux:9: curl <7.76.1-26.el9_3.2 | in AlmaLinux:9: libcurl <7.76.1-26.el9_3.2";
    let perl = "ALSA-2 | related CVE-2023-2 | in AlmaLinux:9: perl <4:5.32.1-480.el9 | in AlmaLinux:9: perl-Errno <1.30-480.el9";
    check(&[
        ("almalinux 9.3", "rpm libcurl 7.76.1-26.el9 source=curl", curl, Affected),
        ("almalinux 9.3", "rpm libcurl 7.76.1-26.el9_3.2 source=curl", curl, NotAffected),
        ("almalinux 9.3", "rpm libcurl-minimal 7.76.1-26.el9 source=curl", curl, Affected),
        ("almalinux 9.3", "rpm perl-Errno 1.30-479.el9 source=perl@4:5.32.1-479.el9", perl, Affected),
        ("almalinux 9.3", "rpm perl-Errno 1.30-480.el9 source=perl@4:5.32.1-480.el9", perl, NotAffected),
        // The binary package is named and fixed: what the record says of its source is not asked.
        ("almalinux 9.3", "rpm perl-Errno 1.30-480.el9 source=perl@4:5.32.1-479.el9", perl, NotAffected),
        // An epoch outranks every version.
        ("almalinux 9.3", "rpm perl 5.36.0-1.el9", perl, Affected),
        ("almalinux 9.3", "rpm perl 4:5.32.1-480.el9", perl, NotAffected),
    ]);
}

#[test]
fn a_version_without_its_release_is_in_doubt_where_a_build_of_it_is_affected() {
    let bind = "AZL-1 | upstream CVE-2024-1 | in Azure Linux:3: bind <9.20.0-2.azl3";
    let short = "AZL-2 | upstream CVE-2024-2 | in Azure Linux:3: bind <9.20.0";
    check(&[
        ("azurelinux 3.0", "rpm bind 9.20.0", bind, Undetermined),
        ("azurelinux 3.0", "rpm bind 9.20.0-2.azl3", bind, NotAffected),
        ("azurelinux 3.0", "rpm bind 9.20.1", bind, NotAffected),
        ("azurelinux 3.0", "rpm bind 9.19.9", bind, Affected),
        ("azurelinux 3.0", "rpm bind 9.20.0", short, NotAffected),
    ]);
}

#[test]
fn modules_of_rpm_are_judged_by_the_build_of_the_installed_version() {
    let dns = "ALSA-2024:1 | related CVE-2024-1 | title Important: container-tools:rhel8 security update \
               | in AlmaLinux:8: aardvark-dns <2:1.10.1-2.module_el8.10.0+4016+efd18bf8 \
               | in AlmaLinux:8: aardvark-dns <2:1.10.1-2.module_el8.10.0+3909+6e1c1eb7 \
               | in AlmaLinux:8: aardvark-dns <2:1.10.1-2.module_el8.10.0+4023+db236c53";
    // The same in one entry of several ranges.
    let joined = "ALSA-2024:1 | related CVE-2024-1 | in AlmaLinux:8: aardvark-dns \
                  <2:1.10.1-2.module_el8.10.0+4016+efd18bf8 <2:1.10.1-2.module_el8.10.0+3909+6e1c1eb7";
    let node = "ALSA-2024:2 | related CVE-2024-2 | title Important: nodejs:20 security update \
                | in AlmaLinux:8: nodejs <1:20.12.2-2.module_el8.9.0+3743+ddd63b0b";
    let plain = "ALSA-2024:3 | related CVE-2024-3 | in AlmaLinux:8: nodejs <1:16.20.2-1.el8";
    check(&[
        ("almalinux 8.10", "rpm aardvark-dns 2:1.10.1-2.module_el8.10.0+3909+6e1c1eb7", dns, NotAffected),
        ("almalinux 8.10", "rpm aardvark-dns 2:1.10.1-2.module_el8.10.0+4016+efd18bf8", dns, NotAffected),
        ("almalinux 8.10", "rpm aardvark-dns 2:1.10.1-2.module_el8.10.0+3800+aaaaaaaa", dns, Affected),
        ("almalinux 8.10", "rpm aardvark-dns 2:1.10.1-1.module_el8.10.0+4100+aaaaaaaa", dns, Affected),
        ("almalinux 8.10", "rpm aardvark-dns 2:1.9.0-2.module_el8.10.0+3909+6e1c1eb7", dns, Affected),
        ("almalinux 8.10", "rpm aardvark-dns 2:1.11.0-2.module_el8.10.0+1+6e1c1eb7", dns, NotAffected),
        ("almalinux 8.10", "rpm aardvark-dns 2:1.10.1-2.module_el8.10.0+3909+6e1c1eb7", joined, NotAffected),
        // A modular fix does not speak of a package that is of no module, nor the other way round.
        ("almalinux 8.10", "rpm aardvark-dns 2:1.9.0-2.el8", dns, NotAffected),
        ("almalinux 8.10", "rpm nodejs 1:14.0.0-1.module_el8.9.0+1+aaaaaaaa", plain, NotAffected),
        ("almalinux 8.10", "rpm nodejs 1:14.0.0-1.el8", plain, Affected),
        // Another stream of the module has other versions.
        (
            "almalinux 8.10",
            "rpm nodejs 1:18.20.2-1.module_el8.9.0+1+aaaaaaaa module=nodejs:18:1:a",
            node,
            NotAffected,
        ),
        (
            "almalinux 8.10",
            "rpm nodejs 1:20.9.0-1.module_el8.9.0+1+aaaaaaaa module=nodejs:20:1:a",
            node,
            Affected,
        ),
        ("almalinux 8.10", "rpm nodejs 1:18.20.2-1.module_el8.9.0+1+aaaaaaaa", node, Affected),
    ]);
}

#[test]
fn other_rpm_distributions() {
    check(&[
        (
            "azurelinux 3.0",
            "rpm libcurl 8.8.0-1.azl3 source=curl",
            "AZL-1 | upstream CVE-2024-1 | in Azure Linux:3: curl <8.8.0-2",
            Affected,
        ),
        (
            "rocky 9.3",
            "rpm openssl-libs 1:3.0.7-24.el9 source=openssl",
            "RLSA-1 | related CVE-2024-1 | in Rocky Linux:9: openssl-libs <1:3.0.7-25.el9_3",
            Affected,
        ),
        (
            "rhel 9.3",
            "rpm openssl-libs 1:3.0.7-24.el9 source=openssl",
            "RHSA-1 | upstream CVE-2024-1 | in Red Hat:enterprise_linux:9::baseos: openssl-libs <1:3.0.7-25.el9_3",
            Affected,
        ),
        (
            "sles 15.4",
            "rpm libopenssl1_1 1.1.1l-150400.7.50 source=openssl-1_1",
            "SUSE-SU-1 | upstream CVE-2024-1 | in SUSE:Linux Enterprise Server 15 SP4: x * | in SUSE:Linux Enterprise Module for Basesystem 15 SP4: openssl-1_1 <1.1.1l-150400.7.53",
            Affected,
        ),
        (
            "photon 4.0",
            "rpm curl 8.0-1.ph4",
            "PHSA-1 | upstream CVE-2024-1 | in Photon OS:4.0: curl <8.1-1.ph4",
            Affected,
        ),
    ]);
}

#[test]
fn python_names_are_normalized() {
    let sql = "PYSEC-1 | alias CVE-2020-1 | in PyPI: flask-sqlalchemy <2.5 =2.6.1";
    check(&[
        ("", "pypi Flask_SQLAlchemy 2.4", sql, Affected),
        ("", "pypi flask.sqlalchemy 2.5", sql, NotAffected),
        ("", "pypi flask-sqlalchemy 2.5rc1", sql, Affected),
        ("", "pypi flask-sqlalchemy 2.5.post1", sql, NotAffected),
        ("", "pypi flask-sqlalchemy 2.6.1", sql, Affected),
        ("", "pypi flask-sqlalchemy 2.4+local", sql, Affected),
        ("", "pypi flask-sqlalchemy not-a-version", sql, Undetermined),
        ("", "pypi flask-sqlalchemy -", sql, Undetermined),
        ("", "pypi flask not-a-version", sql, NotAffected),
    ]);
}

#[test]
fn npm_names_bear_their_scope() {
    let scoped =
        "GHSA-1 | alias CVE-2023-45133 | in npm: @babel/traverse <7.23.2 >=8.0.0-alpha.0,<8.0.0-alpha.4";
    check(&[
        ("", "npm @babel/traverse 7.23.1", scoped, Affected),
        ("", "npm @babel/traverse 7.23.2", scoped, NotAffected),
        ("", "npm @babel/traverse 8.0.0-alpha.3", scoped, Affected),
        ("", "npm traverse 7.23.1", scoped, NotAffected),
        ("", "npm @babel/traverse latest", scoped, Undetermined),
    ]);
}

#[test]
fn go_modules_the_standard_library_and_their_versions() {
    let stdlib = "GO-1 | alias CVE-2023-39325 | in Go: stdlib <1.20.10 >=1.21.0-0,<1.21.3";
    let docker = "GO-2 | alias CVE-2024-1 | in Go: github.com/docker/docker <24.0.9+incompatible >=25.0.0+incompatible,<25.0.2+incompatible";
    let crypto = "GO-3 | alias CVE-2020-9283 | in Go: golang.org/x/crypto <0.0.0-20200220183623-bac4c82f6975";
    let major = "GO-4 | alias CVE-2021-1 | in Go: github.com/foo/bar/v2 <2.3.0";
    check(&[
        ("", "golang stdlib v1.20.9", stdlib, Affected),
        ("", "golang stdlib v1.20.10", stdlib, NotAffected),
        ("", "golang stdlib go1.21.2", stdlib, Affected),
        ("", "golang stdlib go1.21.3", stdlib, NotAffected),
        ("", "golang stdlib 1.21rc2", stdlib, Affected),
        ("", "golang github.com/docker/docker v24.0.7+incompatible", docker, Affected),
        ("", "golang github.com/docker/docker v24.0.9+incompatible", docker, NotAffected),
        ("", "golang github.com/docker/docker v25.0.1+incompatible", docker, Affected),
        ("", "golang golang.org/x/crypto v0.0.0-20190308221718-c2843e01d9a2", crypto, Affected),
        ("", "golang golang.org/x/crypto v0.0.0-20200302210943-78000ba7a073", crypto, NotAffected),
        ("", "golang golang.org/x/crypto v0.17.0", crypto, NotAffected),
        ("", "golang golang.org/x/crypto (devel)", crypto, Undetermined),
        ("", "golang github.com/foo/bar v1.0.0", major, NotAffected),
        ("", "golang github.com/foo/bar/v2 v2.2.9", major, Affected),
    ]);
}

#[test]
fn maven_needs_a_group() {
    let log4j = "GHSA-jfh8-c2jp-5v3q | alias CVE-2021-44228 | in Maven: org.apache.logging.log4j:log4j-core >=2.13.0,<2.15.0 >=2.0-beta9,<2.3.1";
    check(&[
        ("", "maven org.apache.logging.log4j:log4j-core 2.14.1", log4j, Affected),
        ("", "maven org.apache.logging.log4j:log4j-core 2.15.0", log4j, NotAffected),
        ("", "maven org.apache.logging.log4j:log4j-core 2.0-rc1", log4j, Affected),
        ("", "maven org.apache.logging.log4j:log4j-core 2.0-beta8", log4j, NotAffected),
        ("", "maven log4j-core 2.14.1", log4j, NotAffected),
        ("", "maven org.apache.logging.log4j:log4j-api 2.14.1", log4j, NotAffected),
        ("", "maven org.apache.logging.log4j:log4j-core -", log4j, Undetermined),
    ]);
}

#[test]
fn names_of_nuget_and_packagist_ignore_case() {
    let json = "GHSA-5crp-9r3c-p9vr | alias CVE-2024-21907 | in NuGet: Newtonsoft.Json <13.0.1";
    let twig = "CVE-2022-39261 | in Packagist: twig/twig >=1.0.0,<1.44.7";
    let drupal =
        "DRUPAL-CONTRIB-2024-001 | in Packagist:https://packages.drupal.org/8: drupal/paragraphs <1.17.0";
    check(&[
        ("", "nuget newtonsoft.JSON 12.0.3", json, Affected),
        ("", "nuget Newtonsoft.Json 13.0.1", json, NotAffected),
        ("", "nuget Newtonsoft.Json 13.0.1.0", json, NotAffected),
        ("", "nuget Newtonsoft.Json 13.0.1-beta1", json, Affected),
        ("", "composer Twig/twig v1.44.6", twig, Affected),
        ("", "composer twig/twig 1.44.7", twig, NotAffected),
    ]);
    let drupal = format!("{drupal}\ncovers Packagist");
    check(&[
        ("", "composer drupal/paragraphs 1.16.0", &drupal, Affected),
        ("", "composer drupal/paragraphs 1.17.0", &drupal, NotAffected),
    ]);
}

#[test]
fn other_ecosystems() {
    check(&[
        (
            "",
            "cargo time 0.1.42",
            "RUSTSEC-2020-0071 | alias CVE-2020-26235 | in crates.io: time <0.2.23",
            Affected,
        ),
        (
            "",
            "cargo time 0.2.23",
            "RUSTSEC-2020-0071 | alias CVE-2020-26235 | in crates.io: time <0.2.23",
            NotAffected,
        ),
        ("", "gem nokogiri 1.13.3.pre1", "GHSA-1 | in RubyGems: nokogiri <1.13.3", Affected),
        ("", "gem nokogiri 1.13.10", "GHSA-1 | in RubyGems: nokogiri <1.13.3", NotAffected),
        ("", "hex plug 1.0.3", "x_ELIXIR-1 | in Hex: plug <1.0.4", Affected),
        // Bitnami's revision of the packaging is no pre-release of the version.
        (
            "",
            "bitnami nginx 1.25.3-4",
            "BIT-nginx-2023-1 | alias CVE-2023-1 | in Bitnami: nginx <1.25.3",
            NotAffected,
        ),
        (
            "",
            "bitnami nginx 1.25.2-9",
            "BIT-nginx-2023-1 | alias CVE-2023-1 | in Bitnami: nginx <1.25.3",
            Affected,
        ),
    ]);
}

#[test]
fn what_cannot_be_compared_is_not_called_safe() {
    let bound = "GHSA-1 | alias CVE-2020-1 | in npm: left-pad <banana";
    let rescued = "GHSA-1 | alias CVE-2020-1 | in npm: left-pad <banana <2.0.0";
    check(&[
        ("", "npm left-pad 1.0.0", bound, Undetermined),
        ("", "npm left-pad 1.0.0", rescued, Affected),
        ("", "npm left-pad -", bound, Undetermined),
        ("", "npm left-pad 1.x", "GHSA-1 | in npm: left-pad =1.x", Affected),
    ]);
}
