//! `plimsoll scan` and `sbom` from every source that needs no other program.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]

mod support;

use plimsoll_testkit::registry::Registry;
use serde_json::Value;
use support::{Stage, image, push};

/// The results without what differs by nature: the image's name, and the digest of a layer in a registry.
fn results(report: &Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|key, _| key != "Digest" && key != "Target");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut results = report["Results"].clone();
    strip(&mut results);
    results
}

/// `VulnerabilityID PkgName FixedVersion Severity` of every finding.
fn findings(report: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for result in report["Results"].as_array().into_iter().flatten() {
        for flaw in result["Vulnerabilities"].as_array().into_iter().flatten() {
            let text = |key: &str| flaw[key].as_str().unwrap_or("-").to_owned();
            lines.push(format!(
                "{} {} {} {}",
                text("VulnerabilityID"),
                text("PkgName"),
                text("FixedVersion"),
                text("Severity")
            ));
        }
    }
    lines.sort();
    lines
}

#[test]
fn every_source_of_one_image_gives_the_same_findings() {
    let stage = Stage::new("sources");
    let image = image();
    let registry = Registry::start();
    push(&registry, &image, "team/app", "1.2");
    stage.write("docker.tar", &image.docker_archive("app:1.2"));
    stage.write("docker.tar.gz", &plimsoll_testkit::image::gzip(&image.docker_archive("app:1.2")));
    stage.write("oci.tar", &image.oci_archive("1.2"));
    image.write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();

    let pulled = stage.scan_json(&format!("{}/team/app:1.2", registry.host()));
    assert_eq!(
        findings(&pulled),
        [
            "CVE-2020-14343 PyYAML 5.4 CRITICAL",
            "CVE-2021-3711 libssl1.1 1.1.1k-1+deb11u1 UNKNOWN",
            "CVE-2021-3712 libssl1.1 1.1.1k-1+deb11u1 UNKNOWN",
            "GHSA-acme @acme/old - MEDIUM",
        ]
    );
    for target in [
        "docker-archive:docker.tar",
        "docker-archive:docker.tar.gz",
        "oci-archive:oci.tar",
        "oci-dir:layout",
        "./docker.tar",
        "./layout",
    ] {
        assert_eq!(results(&stage.scan_json(target)), results(&pulled), "{target}");
    }
}

#[test]
fn a_second_run_gives_the_same_bytes_cached_or_not() {
    let stage = Stage::new("again");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    let scan = |more: &[&str]| {
        let arguments =
            [&["scan", "oci-dir:layout", "--db", "plimsoll.db", "--format", "json"], more].concat();
        let run = stage.run(&arguments);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""));
        run.stdout
    };
    let cold = scan(&[]);
    assert_eq!(cold, scan(&[]));
    assert_eq!(cold, scan(&["--no-cache"]));
    assert_eq!(cold, scan(&["--threads", "1", "--no-cache"]));
}

#[test]
fn every_format_is_written_and_again_with_the_same_bytes() {
    let stage = Stage::new("formats");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    for format in plimsoll_report::FORMATS.iter().filter(|format| !format.needs_context) {
        let write = || {
            let arguments = ["scan", "oci-dir:layout", "--db", "plimsoll.db", "--format", format.name];
            let run = stage.run_with(&arguments, &[("SOURCE_DATE_EPOCH", "1767225600")]);
            assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", format.name);
            run.stdout
        };
        let written = write();
        // A summary names what fails the gate, which nothing does here.
        let expected = if format.name == "markdown" { "passed" } else { "openssl" };
        assert!(written.contains(expected), "{}: {written}", format.name);
        assert_eq!(written.contains("2026-01-01T00:00:00"), format.needs_instant, "{}", format.name);
        assert_eq!(write(), written, "{}", format.name);
    }
}

#[test]
fn a_warm_scan_pulls_no_layer() {
    let stage = Stage::new("warm");
    let registry = Registry::start();
    let image = image();
    push(&registry, &image, "app", "1");
    let target = format!("{}/app:1", registry.host());
    stage.scan_json(&target);
    let before = registry.requests().len();
    stage.scan_json(&target);
    let later = registry.requests();
    let layers: Vec<_> = later[before..]
        .iter()
        .filter(|request| image.layers.iter().any(|layer| request.path.contains(&layer.digest)))
        .collect();
    assert!(layers.is_empty(), "{layers:?}");
    assert!(later.len() > before, "the manifest is asked for again");
}

#[test]
fn the_gate_decides_the_exit_status() {
    let stage = Stage::new("gate");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    let status = |more: &[&str]| {
        stage.run(&[&["scan", "oci-dir:layout", "--db", "plimsoll.db"], more].concat()).status
    };
    assert_eq!(status(&[]), 0);
    assert_eq!(status(&["--fail-on", "critical"]), 1);
    assert_eq!(status(&["--fail-on", "low"]), 1);
    assert_eq!(status(&["--fail-on", "tragic"]), 2);
    assert_eq!(status(&["--nonsense"]), 2);
    assert_eq!(stage.run(&[]).status, 2);
    assert_eq!(stage.run(&["--help"]).status, 0);
    assert_eq!(stage.run(&["--version"]).status, 0);
}

#[test]
fn findings_without_a_fix_are_dropped_and_counted() {
    let stage = Stage::new("unfixed");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    let run =
        stage.run(&["scan", "oci-dir:layout", "--db", "plimsoll.db", "--ignore-unfixed", "--format", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(!findings(&report).iter().any(|line| line.contains("GHSA-acme")));
    let table = stage.run(&["scan", "oci-dir:layout", "--db", "plimsoll.db", "--ignore-unfixed"]).stdout;
    assert!(table.contains("MEDIUM: 1"), "{table}");
}

#[test]
fn settings_come_from_the_file_then_variables_then_flags() {
    let stage = Stage::new("settings");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    stage.write("plimsoll.toml", b"db = \"plimsoll.db\"\nfail-on = \"critical\"\nformat = \"json\"\n");
    let run = stage.run(&["scan", "oci-dir:layout"]);
    assert_eq!(run.status, 1);
    assert!(run.stdout.starts_with('{'));
    let run = stage.run_with(&["scan", "oci-dir:layout"], &[("PLIMSOLL_FORMAT", "table")]);
    assert!(!run.stdout.starts_with('{'));
    let run =
        stage.run_with(&["scan", "oci-dir:layout", "--format", "cyclonedx"], &[("PLIMSOLL_FORMAT", "table")]);
    assert!(run.stdout.contains("\"bomFormat\": \"CycloneDX\""));
    stage.write("plimsoll.toml", b"fail_on = \"critical\"\n");
    let run = stage.run(&["scan", "oci-dir:layout"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("unknown field `fail_on`"), "{}", run.stderr);
}

#[test]
fn a_bill_of_materials_gives_the_findings_of_its_image() {
    let stage = Stage::new("sbom");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    let run = stage.run(&["sbom", "oci-dir:layout", "--output", "bom.json"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""));
    let from_image = findings(&stage.scan_json("oci-dir:layout"));
    assert_eq!(findings(&stage.scan_json("sbom:bom.json")), from_image);
    assert_eq!(findings(&stage.scan_json("./bom.json")), from_image);
}

#[test]
fn a_folder_is_scanned_as_it_lies_there() {
    let stage = Stage::new("folder");
    let root = stage.folder.join("root/srv/node_modules/@acme/old");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("package.json"), r#"{"name": "@acme/old", "version": "1.0.0"}"#).unwrap();
    assert_eq!(findings(&stage.scan_json("dir:root")), ["GHSA-acme @acme/old - MEDIUM"]);
    assert_eq!(findings(&stage.scan_json("./root")), ["GHSA-acme @acme/old - MEDIUM"]);
}

#[test]
fn lock_files_of_a_source_tree_are_read_and_one_alone_too() {
    let stage = Stage::new("lock-files");
    std::fs::create_dir_all(stage.folder.join("tree/web")).unwrap();
    stage.write("tree/requirements.txt", b"PyYAML==5.3\n");
    stage.write(
        "tree/web/package-lock.json",
        br#"{"lockfileVersion": 3, "packages": {"node_modules/@acme/old": {"version": "1.0.0", "resolved": "https://registry.example/old.tgz"}}}"#,
    );
    let both = ["CVE-2020-14343 PyYAML 5.4 CRITICAL", "GHSA-acme @acme/old - MEDIUM"];
    assert_eq!(findings(&stage.scan_json("dir:tree")), both);
    assert_eq!(findings(&stage.scan_json("tree/requirements.txt")), both[..1]);
    assert_eq!(findings(&stage.scan_json("dir:tree/web/package-lock.json")), both[1..]);
    let report = stage.scan_json("./tree");
    let types: Vec<&str> =
        report["Results"].as_array().unwrap().iter().filter_map(|result| result["Type"].as_str()).collect();
    assert_eq!(types, ["npm", "pip"]);
}

#[test]
fn a_report_goes_into_a_file_whole_or_not_at_all() {
    let stage = Stage::new("output");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    let run = stage.run(&[
        "scan",
        "oci-dir:layout",
        "--db",
        "plimsoll.db",
        "--format",
        "json",
        "--output",
        "report.json",
    ]);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""));
    let text = std::fs::read_to_string(stage.folder.join("report.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_ok());
    let run =
        stage.run(&["scan", "oci-dir:layout", "--db", "plimsoll.db", "--output", "missing/report.json"]);
    assert_eq!(run.status, 3);
    assert!(
        run.stderr.starts_with("error: cannot write the result to `missing/report.json`"),
        "{}",
        run.stderr
    );
}

#[test]
fn nothing_is_written_but_the_cache_and_the_output() {
    let stage = Stage::new("writes");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    let list = |folder: &std::path::Path| {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = list(&stage.folder);
    stage.run(&["scan", "oci-dir:layout", "--db", "plimsoll.db", "--cache-dir", "cache"]);
    let mut after = list(&stage.folder);
    after.retain(|name| name != "cache");
    assert_eq!(before, after);
    assert_eq!(list(&stage.folder.join("cache")), ["layers"]);
}

#[test]
fn explain_ends_in_affected_not_affected_or_undetermined() {
    let stage = Stage::new("explain");
    let explain = |id: &str, purl: &str| {
        let run = stage.run(&["explain", id, purl, "--distro", "debian:11", "--db", "plimsoll.db"]);
        assert_eq!(run.status, 0, "{run:?}");
        run.stdout
    };
    let affected = explain("CVE-2021-3711", "pkg:deb/debian/openssl@1.1.1k-1");
    for line in [
        "DSA-1 (osv) on `openssl` of Debian:11: affected, fixed in 1.1.1k-1+deb11u1",
        "  1.1.1k-1 < 1.1.1k-1+deb11u1: yes",
        "KEV: exploited, in CISA's catalogue since 2022-01-01, due 2022-02-01",
    ] {
        assert!(affected.contains(line), "{line}: {affected}");
    }
    assert!(affected.ends_with("\naffected\n"), "{affected}");
    let fixed = explain("CVE-2021-3711", "pkg:deb/debian/openssl@1.1.1k-1%2Bdeb11u1");
    assert!(fixed.ends_with("\nnot affected\n"), "{fixed}");
    let by_alias = explain("GHSA-8q59-q68h-6hv4", "pkg:pypi/PyYAML@5.3");
    assert!(by_alias.ends_with("\naffected\n"), "{by_alias}");
    let unclear = explain("CVE-2020-14343", "pkg:pypi/pyyaml@not%20a%20version");
    assert!(unclear.ends_with("\nundetermined\n"), "{unclear}");
    let unknown = explain("CVE-1999-1", "pkg:npm/lodash@4.17.15");
    assert!(unknown.contains("no advisory of this flaw names the package"), "{unknown}");
    assert_eq!(stage.run(&["explain", "CVE-1", "not a purl", "--db", "plimsoll.db"]).status, 2);
    assert_eq!(stage.run(&["explain", "CVE-1", "pkg:deb/openssl@1", "--db", "plimsoll.db"]).status, 2);
    assert_eq!(stage.run(&["explain", "CVE-1", "pkg:pypi/flask", "--db", "plimsoll.db"]).status, 2);
}

#[test]
fn explain_compares_versions_as_each_ecosystem_does() {
    let stage = Stage::empty("explain-versions");
    std::fs::create_dir_all(stage.folder.join("advisories")).unwrap();
    for (id, ecosystem, name, fixed) in [
        ("DSA-2", "Debian:12", "bash", "1:5.2.15-2+deb12u1"),
        ("GHSA-npm", "npm", "@babel/traverse", "7.23.2"),
        ("GHSA-mvn", "Maven", "org.example:core", "2.0.0"),
        ("GO-1", "Go", "golang.org/x/net", "0.0.0-20220906165146-f3363e06e74c"),
    ] {
        let record = format!(
            r#"{{"id": "{id}", "modified": "2024-01-01T00:00:00Z", "affected": [{{"package": {{"ecosystem":
                "{ecosystem}", "name": "{name}"}}, "ranges": [{{"type": "ECOSYSTEM", "events":
                [{{"introduced": "0"}}, {{"fixed": "{fixed}"}}]}}]}}]}}"#
        );
        stage.write(&format!("advisories/{id}.json"), record.as_bytes());
    }
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", "store/"]);
    assert_eq!(built.status, 0, "{built:?}");
    for (id, purl, step, end) in [
        // A rebuild of a binary package is compared by its source's version.
        (
            "DSA-2",
            "pkg:deb/debian/bash@5.2.15-2%2Bb7?epoch=1",
            "1:5.2.15-2+b7 < 1:5.2.15-2+deb12u1: yes",
            "affected",
        ),
        (
            "DSA-2",
            "pkg:deb/debian/bash@1:5.2.15-2%2Bdeb12u1",
            "1:5.2.15-2+deb12u1 < 1:5.2.15-2+deb12u1: no",
            "not affected",
        ),
        ("GHSA-npm", "pkg:npm/%40babel/traverse@7.23.2-beta.1", "7.23.2-beta.1 < 7.23.2: yes", "affected"),
        ("GHSA-mvn", "pkg:maven/org.example/core@2.0.0-rc1", "2.0.0-rc1 < 2.0.0: yes", "affected"),
        ("GHSA-mvn", "pkg:maven/org.example/core@2.0.0.Final", "2.0.0.Final < 2.0.0: no", "not affected"),
        (
            "GO-1",
            "pkg:golang/golang.org/x/net@v0.0.0-20211209124913-491a49abca63",
            "v0.0.0-20211209124913-491a49abca63 < 0.0.0-20220906165146-f3363e06e74c: yes",
            "affected",
        ),
    ] {
        let run = stage.run(&["explain", id, purl, "--distro", "debian:12", "--db", "store", "--offline"]);
        assert_eq!(run.status, 0, "{run:?}");
        // A line is folded at 80 columns.
        let text = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(step), "{purl}: {}", run.stdout);
        assert!(run.stdout.ends_with(&format!("\n{end}\n")), "{purl}: {}", run.stdout);
    }
}

#[test]
fn a_distribution_whose_advisories_end_early_is_a_gap() {
    let stage = Stage::new("lagging");
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    let gaps = |report: &Value| report["Plimsoll"]["Gaps"].as_array().map_or(0, Vec::len);
    assert_eq!(gaps(&stage.scan_json("oci-dir:layout")), 0);
    // The same advisories, and one of a language that is years newer.
    stage.write(
        "advisories/GHSA-new.json",
        br#"{"id": "GHSA-new", "modified": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "unrelated"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}"#,
    );
    assert_eq!(stage.run(&["db", "build", "--from", "advisories", "--output", "plimsoll.db"]).status, 0);
    let report = stage.scan_json("oci-dir:layout");
    assert_eq!(gaps(&report), 1);
    assert!(
        report["Plimsoll"]["Gaps"][0]["Reason"].as_str().unwrap().contains("found none after 2024-01-02"),
        "{report}"
    );
}
