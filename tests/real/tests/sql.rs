//! `plimsoll sql` and DuckDB, asked the same questions of the same tables.

use plimsoll_real::{Plimsoll, Scratch, ask_duckdb};
use serde_json::{Value, json};

/// Reports that are brought into the store.
const REPORTS: u64 = 24;

/// In SQL that both read. Columns are named in the order of the alphabet, as an object of JSON has them here.
const QUESTIONS: [&str; 18] = [
    "SELECT severity AS a, count(*) AS b FROM findings GROUP BY severity ORDER BY a",
    "SELECT count(*) AS a FROM findings WHERE fixed_version IS NULL",
    "SELECT reference AS a, scanned_at = max(scanned_at) OVER () AS b FROM scans ORDER BY a, b",
    "SELECT package_name AS a, count(DISTINCT image_digest) AS b FROM packages GROUP BY 1 HAVING count(*) > 5 ORDER BY 1",
    "SELECT f.severity AS a, count(DISTINCT s.reference) AS b FROM findings f JOIN scans s USING (scan_id) GROUP BY 1 ORDER BY 1",
    "SELECT s.reference AS a, s.critical AS b, s.high AS c FROM scans s ORDER BY b DESC, c DESC, a LIMIT 7",
    "SELECT \"date\" AS a, count(*) AS b FROM scans WHERE \"date\" BETWEEN '2026-11-03' AND '2026-11-09' GROUP BY 1 ORDER BY 1",
    "SELECT f.package_name AS a, max(f.cvss_score) AS b FROM findings f WHERE f.cvss_score IS NOT NULL GROUP BY 1 ORDER BY 1",
    "SELECT repository AS a, sum(fixable) AS b, avg(CAST(packages AS double)) AS c FROM scans GROUP BY 1 ORDER BY 1",
    "SELECT p.package_type AS a, count(*) AS b FROM packages p GROUP BY p.package_type ORDER BY 2 DESC, 1",
    "SELECT lower(repository) AS a FROM scans EXCEPT SELECT 'shop' ORDER BY a",
    "SELECT reference AS a FROM scans s WHERE NOT EXISTS (SELECT 1 FROM findings f WHERE f.scan_id = s.scan_id) ORDER BY 1",
    "WITH n AS (SELECT scan_id, count(*) AS found FROM findings GROUP BY scan_id) SELECT found AS a, count(*) AS b FROM n GROUP BY 1 ORDER BY 1",
    "SELECT reference AS a, row_number() OVER (PARTITION BY repository ORDER BY scanned_at, reference) AS b FROM scans ORDER BY a",
    "SELECT vulnerability_id AS a, min(package_version) AS b FROM findings WHERE vulnerability_id LIKE 'CVE-2026-1%' GROUP BY 1 ORDER BY 1",
    "SELECT coalesce(fixed_version, 'none') AS a, count(*) AS b FROM findings GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5",
    "SELECT CAST(is_exploited AS varchar) AS a, count(*) AS b FROM findings GROUP BY 1 ORDER BY 1",
    "SELECT count(*) AS a, count(DISTINCT diff_id) AS b FROM layers",
];

/// A report as Trivy writes it: 30 packages of an image, some of them vulnerable.
fn report(number: u64) -> Value {
    let packages: Vec<Value> = (0..30)
        .map(|package| {
            let (name, version) =
                (format!("library-{}", (number * 7 + package) % 60), format!("1.{}.0", package % 5));
            json!({ "ID": format!("{name}@{version}"), "Name": name, "Version": version,
                "Identifier": { "PURL": format!("pkg:npm/{name}@{version}") } })
        })
        .collect();
    let severities = ["LOW", "MEDIUM", "HIGH", "CRITICAL", "UNKNOWN"];
    // Every sixth image has none.
    let vulnerable = if number % 6 == 5 { 0 } else { 3 + number % 9 };
    let found: Vec<Value> = (0..vulnerable)
        .map(|flaw| {
            let package = &packages[usize::try_from(flaw * 2).expect("a few")];
            let mut found = json!({
                "VulnerabilityID": format!("CVE-2026-{}", 1000 + (number * 31 + flaw * 17) % 900),
                "PkgID": package["ID"], "PkgName": package["Name"], "InstalledVersion": package["Version"],
                "PkgIdentifier": package["Identifier"],
                "Severity": severities[usize::try_from((number + flaw) % 5).expect("a few")],
                "Title": format!("a flaw, \"quoted\" and\nin two lines {flaw}"),
            });
            if flaw % 3 != 0 {
                found["FixedVersion"] = json!(format!("1.{}.1", flaw % 5));
                let score = 4.0 + f64::from(u32::try_from(flaw % 10).expect("a few")) / 2.0;
                found["CVSS"] = json!({ "nvd": { "V3Score": score, "V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" } });
            }
            found
        })
        .collect();
    let image = format!(
        "registry.example/{}:{number}",
        ["shop", "web", "Billing"][usize::try_from(number % 3).expect("a few")]
    );
    json!({
        "SchemaVersion": 2, "ArtifactName": image, "ArtifactType": "container_image",
        "Metadata": { "ImageID": format!("sha256:{number:064x}"), "RepoTags": [image],
            "DiffIDs": [format!("sha256:{:064x}", number % 4)] },
        "Results": [{ "Target": "Node.js", "Class": "lang-pkgs", "Type": "node-pkg", "Packages": packages, "Vulnerabilities": found }],
    })
}

/// The rows of our answer, as lists.
fn ours(place: &str, question: &str) -> Value {
    let bytes = Plimsoll::bare(&["sql", "--store", place, "--format", "json", question]).bytes();
    let rows: Vec<serde_json::Map<String, Value>> = serde_json::from_slice(&bytes).expect(question);
    rows.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect::<Vec<Value>>()).collect()
}

#[test]
fn every_answer_is_duckdbs_before_and_after_compaction() {
    let folder = Scratch::new();
    let (reports, store) = (folder.path("reports"), folder.path("store"));
    let place = store.to_str().expect("paths of tests are ASCII");
    std::fs::create_dir(&reports).expect("a folder of its own");
    for number in 0..REPORTS {
        let file = reports.join(format!("{number}.json"));
        std::fs::write(&file, report(number).to_string()).expect("a file of its own");
        let (file, time) = (
            file.to_str().expect("paths of tests are ASCII"),
            format!("2026-11-{:02}T08:30:00Z", number % 12 + 1),
        );
        Plimsoll::bare(&["store", "add", file, "--time", &time, "--store", place]).bytes();
    }
    for compacted in [false, true] {
        if compacted {
            Plimsoll::bare(&["store", "compact", "--store", place]).bytes();
        }
        let theirs = ask_duckdb(&store, &QUESTIONS);
        let mut rows = 0;
        for (question, theirs) in QUESTIONS.iter().zip(theirs) {
            assert_eq!(ours(place, question), theirs, "{question}");
            rows += theirs.as_array().map_or(0, Vec::len);
        }
        // They were asked of something.
        assert!(rows > 100, "{rows}");
    }
}
