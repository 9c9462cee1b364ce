//! Documents in the form that each producer gives them, by hand, and what is read from them.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use plimsoll_model::{Inventory, Package, PackageKind, SourcePackage};

use super::*;
use crate::{sample, write_cyclonedx};

fn read(text: &str) -> Result<Inventory, Error> {
    read_sbom(&mut text.as_bytes(), "test.json")
}

/// One line for the release, one a package, one a gap.
fn check(text: &str, expected: &Expect) {
    let inventory = read(text).unwrap();
    let mut out = String::new();
    if let Some(os) = &inventory.os {
        writeln!(out, "os {} {} [{}]", os.id, os.version_id, os.codename).unwrap();
    }
    for package in &inventory.packages {
        write!(out, "{} {} {}", package.kind, package.name, package.version).unwrap();
        if let Some(source) = &package.source {
            write!(out, " <- {} {}", source.name, source.version).unwrap();
        }
        for extra in [&package.architecture, &package.module, &package.vendor].into_iter().flatten() {
            write!(out, " | {extra}").unwrap();
        }
        if !package.licenses.is_empty() {
            write!(out, " {:?}", package.licenses).unwrap();
        }
        writeln!(out, " ({} by {})", package.path, package.cataloger).unwrap();
    }
    for gap in &inventory.gaps {
        writeln!(out, "gap {}: {}", gap.reporter, gap.reason).unwrap();
    }
    expected.assert_eq(&out);
}

#[test]
fn our_own_document_gives_the_inventory_back() {
    let mut inventory = sample::inventory();
    let mut rpm = Package::new(PackageKind::Rpm, "nodejs-libs", "1:18.0-3.el9", "rpm");
    rpm.source = Some(SourcePackage { name: "nodejs".to_owned(), version: "1:18.0-3.el9".to_owned() });
    rpm.module = Some("nodejs:18:8060020220523160029:ad008a3a".to_owned());
    let mut odd = Package::new(PackageKind::Deb, "odd", "0:1.0-1", "dpkg");
    odd.source = Some(SourcePackage { name: "odd-source".to_owned(), version: "0:1.0-1+b1".to_owned() });
    let bare = Package::new(PackageKind::Golang, "example.com/A/b", "", "go-binary");
    let named = [("named", true), ("needed", false)].map(|(name, direct)| Package {
        direct: Some(direct),
        ..Package::new(PackageKind::Npm, name, "1.0.0", "npm-lock")
    });
    inventory.packages.extend([rpm, odd, bare]);
    inventory.packages.extend(named);
    inventory
        .packages
        .sort_by(|a, b| (a.kind, &a.name, &a.version, &a.path).cmp(&(b.kind, &b.name, &b.version, &b.path)));

    let mut document = Vec::new();
    write_cyclonedx(&inventory, &mut document).unwrap();
    let back = read_sbom(&mut document.as_slice(), "sbom.json").unwrap();
    assert_eq!(back.packages, inventory.packages);
    assert_eq!(back.os, inventory.os);
    assert_eq!(back.gaps, inventory.gaps);
    assert_eq!(back.artifact.manifest_digest, inventory.artifact.manifest_digest);
    assert_eq!(back.artifact.platform, inventory.artifact.platform);

    // And once more: what was read writes the same packages.
    let mut second = Vec::new();
    write_cyclonedx(&back, &mut second).unwrap();
    let again = read_sbom(&mut second.as_slice(), "sbom.json").unwrap();
    assert_eq!((again.packages, again.os, again.gaps), (back.packages, back.os, back.gaps));
}

#[test]
fn every_kind_of_package_goes_there_and_back() {
    let mut inventory = Inventory::default();
    for &kind in PackageKind::ALL {
        for (name, version) in [
            ("Name", "1.0"),
            ("a/B_c.d", "v1+2~3^4"),
            ("@Scope/x", "1:2-3"),
            ("g.h:art", ""),
            ("größe %2F?#&", "1 2"),
        ] {
            let mut package = Package::new(kind, name, version, "test");
            package.path = format!("a/{}", inventory.packages.len());
            inventory.packages.push(package);
        }
    }
    let mut document = Vec::new();
    write_cyclonedx(&inventory, &mut document).unwrap();
    let mut back = read_sbom(&mut document.as_slice(), "sbom.json").unwrap().packages;
    let number = |package: &Package| package.path[2..].parse::<usize>().unwrap();
    back.sort_by_key(number);
    assert_eq!(back, inventory.packages);
}

#[test]
fn syft_cyclonedx() {
    check(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"container","name":"app","version":"sha256:1"}},
        "components":[
          {"type":"library","name":"libssl1.1","version":"1.1.1n-0+deb11u3","publisher":"Debian",
           "licenses":[{"license":{"id":"OpenSSL"}},{"license":{"name":"own"}}],
           "purl":"pkg:deb/debian/libssl1.1@1.1.1n-0%2Bdeb11u3?arch=amd64&distro=debian-11&upstream=openssl",
           "properties":[{"name":"syft:package:foundBy","value":"dpkg-db-cataloger"},{"name":"syft:metadata:source","value":"openssl"},
             {"name":"syft:location:0:path","value":"/var/lib/dpkg/status"}]},
          {"type":"library","name":"audit-libs","version":"3.0.7-104.el9","purl":"pkg:rpm/rocky/audit-libs@3.0.7-104.el9?arch=x86_64&distro=debian-11&epoch=2&upstream=audit-3.0.7-104.el9.src.rpm"},
          {"type":"library","name":"Flask_SQLAlchemy","version":"2.5","licenses":[{"expression":"MIT OR Apache-2.0"}],"purl":"pkg:pypi/flask-sqlalchemy@2.5"},
          {"type":"library","group":"org.a","name":"b","version":"1","purl":"pkg:maven/org.a/b@1"},
          {"type":"library","name":"stdlib","version":"go1.20.1","purl":"pkg:golang/stdlib@1.20.1"},
          {"type":"file","name":"/usr/bin/x"},
          {"type":"operating-system","name":"debian","version":"11","description":"Debian GNU/Linux 11 (bullseye)",
           "properties":[{"name":"syft:distro:id","value":"debian"},{"name":"syft:distro:prettyName","value":"Debian GNU/Linux 11 (bullseye)"},
             {"name":"syft:distro:versionCodename","value":"bullseye"},{"name":"syft:distro:versionID","value":"11"}]}
        ]}"#,
        &expect![[r#"
            os debian 11 [bullseye]
            deb libssl1.1 1.1.1n-0+deb11u3 <- openssl 1.1.1n-0+deb11u3 | amd64 ["OpenSSL", "own"] (var/lib/dpkg/status by dpkg-db-cataloger)
            golang stdlib v1.20.1 ( by cyclonedx)
            maven org.a:b 1 ( by cyclonedx)
            pypi Flask_SQLAlchemy 2.5 ["MIT OR Apache-2.0"] ( by cyclonedx)
            rpm audit-libs 2:3.0.7-104.el9 <- audit 2:3.0.7-104.el9 | x86_64 ( by cyclonedx)
        "#]],
    );
}

#[test]
fn trivy_cyclonedx() {
    check(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"component":{"type":"container","name":"app:1","purl":"pkg:oci/app@sha256%3A00"}},
        "components":[
          {"bom-ref":"1","type":"operating-system","name":"alma","version":"9.2","properties":[{"name":"aquasecurity:trivy:Class","value":"os-pkgs"},{"name":"aquasecurity:trivy:Type","value":"alma"}]},
          {"bom-ref":"2","type":"application","name":"usr/bin/app","properties":[{"name":"aquasecurity:trivy:Class","value":"lang-pkgs"},{"name":"aquasecurity:trivy:Type","value":"gobinary"}]},
          {"type":"library","name":"nodejs-libs","version":"1:18.0-3.module_el9","supplier":{"name":"AlmaLinux"},
           "purl":"pkg:rpm/alma/nodejs-libs@18.0-3.module_el9?arch=x86_64&distro=alma-9.2&epoch=1",
           "properties":[{"name":"aquasecurity:trivy:Modularitylabel","value":"nodejs:18:1:a"},{"name":"aquasecurity:trivy:SrcEpoch","value":"1"},
             {"name":"aquasecurity:trivy:SrcName","value":"nodejs"},{"name":"aquasecurity:trivy:SrcRelease","value":"3.module_el9"},{"name":"aquasecurity:trivy:SrcVersion","value":"18.0"}]},
          {"type":"library","group":"@babel","name":"core","version":"7.0.0","purl":"pkg:npm/%40babel/core@7.0.0","properties":[{"name":"aquasecurity:trivy:FilePath","value":"app/package.json"}]}
        ]}"#,
        &expect![[r"
            os almalinux 9.2 []
            npm @babel/core 7.0.0 (app/package.json by cyclonedx)
            rpm nodejs-libs 1:18.0-3.module_el9 <- nodejs 1:18.0-3.module_el9 | x86_64 | nodejs:18:1:a | AlmaLinux ( by cyclonedx)
        "]],
    );
}

#[test]
fn trivys_debian_release_is_brought_to_that_of_os_release() {
    check(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
          {"type":"operating-system","name":"debian","version":"11.6"},
          {"type":"library","name":"perl","version":"1:5.32.1-4","purl":"pkg:deb/debian/perl@5.32.1-4?distro=debian-11.6&epoch=1",
           "properties":[{"name":"aquasecurity:trivy:SrcName","value":"perl"},{"name":"aquasecurity:trivy:SrcVersion","value":"5.32.1"},
             {"name":"aquasecurity:trivy:SrcRelease","value":"4"},{"name":"aquasecurity:trivy:SrcEpoch","value":"1"}]}]}"#,
        &expect![[r"
            os debian 11 []
            deb perl 1:5.32.1-4 ( by cyclonedx)
        "]],
    );
}

#[test]
fn the_word_of_a_rolling_release_is_not_another_release() {
    check(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
          {"type":"operating-system","name":"alpaquita","version":"stream"},
          {"type":"library","name":"libssh","version":"0.11-r0","purl":"pkg:apk/alpaquita/libssh@0.11-r0?distro=alpaquita-stream"}]}"#,
        &expect![[r"
            os alpaquita stream []
            apk libssh 0.11-r0 ( by cyclonedx)
        "]],
    );
}

#[test]
fn docker_scout_names_the_release_in_other_qualifiers() {
    check(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
          {"type":"library","name":"tar","version":"1.34+dfsg-1","purl":"pkg:deb/debian/tar@1.34%2Bdfsg-1?os_distro=bullseye&os_name=debian&os_version=11"}]}"#,
        &expect![[r"
            os debian 11 [bullseye]
            deb tar 1.34+dfsg-1 ( by cyclonedx)
        "]],
    );
}

#[test]
fn spdx_of_trivy() {
    check(
        r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[
          {"SPDXID":"SPDXRef-ContainerImage-1","name":"app","primaryPackagePurpose":"CONTAINER"},
          {"SPDXID":"SPDXRef-OperatingSystem-1","name":"alpine","versionInfo":"3.18.4","primaryPackagePurpose":"OPERATING-SYSTEM"},
          {"SPDXID":"SPDXRef-Application-1","name":"usr/bin/app","primaryPackagePurpose":"APPLICATION"},
          {"SPDXID":"SPDXRef-Package-1","name":"libcrypto3","versionInfo":"3.1.3-r0","supplier":"Organization: Alpine","licenseDeclared":"Apache-2.0","licenseConcluded":"Apache-2.0",
           "sourceInfo":"built package from: openssl 3.1.3-r0","primaryPackagePurpose":"LIBRARY",
           "annotations":[{"comment":"PkgType: alpine"}],
           "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:apk/alpine/libcrypto3@3.1.3-r0?arch=x86_64&distro=3.18.4"}]},
          {"SPDXID":"SPDXRef-Package-2","name":"golang.org/x/net","versionInfo":"v0.7.0","licenseDeclared":"NOASSERTION","sourceInfo":"package found in: usr/bin/app",
           "externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:golang/golang.org/x/net@v0.7.0"}]},
          {"SPDXID":"SPDXRef-Package-3","name":"urllib3","versionInfo":"1.26.4","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:pypi/urllib3@1.26.4"}]}],
        "files":[{"SPDXID":"SPDXRef-File-1","fileName":"usr/lib/urllib3/METADATA"}],
        "relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-ContainerImage-1"},
          {"spdxElementId":"SPDXRef-Package-3","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-File-1"}]}"#,
        &expect![[r#"
            os alpine 3.18.4 []
            apk libcrypto3 3.1.3-r0 <- openssl 3.1.3-r0 | x86_64 | Alpine ["Apache-2.0"] ( by spdx)
            golang golang.org/x/net v0.7.0 (usr/bin/app by spdx)
            pypi urllib3 1.26.4 (usr/lib/urllib3/METADATA by spdx)
        "#]],
    );
}

#[test]
fn spdx_of_buildkit_inside_an_in_toto_statement() {
    check(
        r#"{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[],"predicate":
        {"spdxVersion":"SPDX-2.2","packages":[
          {"SPDXID":"SPDXRef-DocumentRoot","name":"sbom"},
          {"SPDXID":"SPDXRef-1","name":"perl-base","versionInfo":"5.36.0-7+deb12u1","sourceInfo":"acquired package info from DPKG DB: /var/lib/dpkg/status, /usr/share/doc/perl-base/copyright",
           "externalRefs":[{"referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:x"},{"referenceType":"purl","referenceLocator":"pkg:deb/debian/perl-base@5.36.0-7%2Bdeb12u1?arch=arm64&upstream=perl&distro=debian-12"}]},
          {"SPDXID":"SPDXRef-2","name":"unknown"}],
         "documentDescribes":["SPDXRef-DocumentRoot"]}}"#,
        &expect![[r"
            os debian 12 []
            deb perl-base 5.36.0-7+deb12u1 <- perl 5.36.0-7+deb12u1 | arm64 (var/lib/dpkg/status by spdx)
            gap spdx: expected a package URL, found 1 component without, the first `unknown`: not judged
        "]],
    );
}

#[test]
fn what_cannot_be_judged_is_a_gap_counted_and_grouped() {
    check(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.4","components":[
          {"type":"library","name":"a"},{"type":"library","name":"b"},{"type":"firmware","name":"c"},{"name":"d"},
          {"type":"library","name":"e","purl":"not a purl"},
          {"type":"library","name":"f","purl":"pkg:generic/f@1"},{"type":"library","name":"g","purl":"pkg:conda/g@1"},{"type":"library","name":"h","purl":"pkg:conda/h@1"},
          {"type":"library","name":"i","purl":"pkg:deb/debian/i@1?distro=debian-11"},
          {"type":"library","name":"j","purl":"pkg:deb/debian/j@1?distro=debian-11"},
          {"type":"library","name":"k","purl":"pkg:deb/debian/k@1?distro=debian-12"},
          7,"x",
          {"type":"library","name":"nest","purl":"pkg:npm/nest@1","components":[{"type":"library","name":"in","purl":"pkg:npm/in@1"},null]}]}"#,
        &expect![[r"
            os debian 11 []
            deb i 1 ( by cyclonedx)
            deb j 1 ( by cyclonedx)
            deb k 1 ( by cyclonedx)
            npm in 1 ( by cyclonedx)
            npm nest 1 ( by cyclonedx)
            gap cyclonedx: expected a known type of package, found 1 component of type `generic`, the first `pkg:generic/f@1`: not judged
            gap cyclonedx: expected a known type of package, found 2 components of type `conda`, the first `pkg:conda/g@1`: not judged
            gap cyclonedx: expected a package URL, found 1 component of type `firmware` without, the first `c`: not judged
            gap cyclonedx: expected a package URL, found 1 component with another text, the first `not a purl`: not judged
            gap cyclonedx: expected a package URL, found 1 component without, the first `d`: not judged
            gap cyclonedx: expected a package URL, found 2 components of type `library` without, the first `a`: not judged
            gap cyclonedx: expected objects in a list, found 3 of another type: left out
            gap cyclonedx: expected one distribution release, found 1 component of `debian 12` too, the first `k`: judged by the other release
        "]],
    );
}

#[test]
fn the_root_is_a_package_where_it_is_one() {
    check(
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"component":{"type":"library","name":"t","version":"1.0.0",
          "purl":"pkg:npm/t@1.0.0","components":[{"type":"library","name":"u","purl":"pkg:npm/u@2.0.0"}]}}}"#,
        &expect![[r"
            npm t 1.0.0 ( by cyclonedx)
            npm u 2.0.0 ( by cyclonedx)
        "]],
    );
}

#[test]
fn an_empty_document_is_an_empty_inventory() {
    for text in [
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":null,"metadata":null}"#,
        r#"{"spdxVersion":"SPDX-2.3"}"#,
        "\u{feff}{\"spdxVersion\":\"SPDX-2.3\"}",
    ] {
        let inventory = read(text).unwrap();
        assert!(
            inventory.packages.is_empty() && inventory.gaps.is_empty() && inventory.os.is_none(),
            "{text}"
        );
        assert_eq!(inventory.artifact.name, "test.json");
    }
}

#[test]
fn what_is_no_sbom_is_named() {
    for (text, found) in [
        ("", "an empty file"),
        ("  \n", "an empty file"),
        ("<bom/>", "XML"),
        ("[]", "a JSON list"),
        ("SPDXVersion: SPDX-2.3", "SPDX tag-value"),
        ("\u{0}\u{1}", "another text or a binary file"),
        ("{}", "JSON without `bomFormat` and `spdxVersion`"),
        (r#"{"SchemaVersion":2,"Results":[]}"#, "a report of findings"),
        (r#"{"bomFormat":"CycloneDX","specVersion":"2.0"}"#, "CycloneDX `2.0`"),
        (r#"{"spdxVersion":"SPDX-3.0"}"#, "`SPDX-3.0`"),
        (r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}"#, "SPDX 3"),
        (
            r#"{"payloadType":"application/vnd.in-toto+json","payload":""}"#,
            "a DSSE envelope: give the statement that its payload holds",
        ),
        (
            r#"{"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}"#,
            "an attestation of `https://slsa.dev/provenance/v1`",
        ),
    ] {
        assert_eq!(
            read(text).unwrap_err().to_string(),
            format!(
                "cannot read SBOM `test.json`: expected CycloneDX 1.x JSON or SPDX 2.x JSON, found {found}"
            )
        );
    }
}

#[test]
fn a_document_that_is_cut_short_is_an_error_wherever_it_is_cut() {
    let mut document = Vec::new();
    write_cyclonedx(&sample::inventory(), &mut document).unwrap();
    let end = document.iter().rposition(|&byte| byte == b'}').unwrap();
    for length in (1..end).step_by(97) {
        let cut = read_sbom(&mut &document[..length], "cut");
        assert!(matches!(cut, Err(Error::Syntax { .. })), "{length}");
    }
}

#[test]
fn hostile_documents_neither_panic_nor_grow() {
    let deep = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"components":"#.to_owned()
        + &r#"[{"components":"#.repeat(5000);
    assert!(matches!(read(&deep), Err(Error::Syntax { .. })));
    let twice = r#"{"bomFormat":"CycloneDX","bomFormat":"CycloneDX","specVersion":"1.6"}"#;
    assert!(matches!(read(twice), Err(Error::Syntax { .. })));
    let odd = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"purl":"pkg:rpm/a/b@%00%1b","properties":[{"name":"plimsoll:layer:index","value":"-1"},{"name":"plimsoll:cataloger","value":"x"}]}]}"#;
    assert_eq!(read(odd).unwrap().packages.len(), 1);
}

#[test]
fn an_input_above_the_limit_is_refused_before_it_is_read() {
    let error = read_bounded(&mut std::io::repeat(b' '), "SBOM", "endless", 1000).unwrap_err();
    assert_eq!(error.to_string(), "cannot read SBOM `endless`: expected at most 1000 bytes, found more");
    assert_eq!(read_bounded(&mut &b"1234"[..], "SBOM", "exact", 4).unwrap(), b"1234");
}
