//! `plimsoll as`: called as `trivy`, `lacework` and `lw-scanner`.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use plimsoll_testkit::registry::Registry;
use serde_json::{Value, json};
use support::{Run, Stage, image, push};

/// The database of every call, and no engine of this machine.
const QUIET_MACHINE: [(&str, &str); 4] = [
    ("PLIMSOLL_DB", "plimsoll.db"),
    ("DOCKER_HOST", "unix:///nowhere/docker.sock"),
    ("CONTAINER_HOST", "unix:///nowhere/podman.sock"),
    ("SOURCE_DATE_EPOCH", "1767225600"),
];

/// A stage with an image in a folder `layout`, an archive `image.tar`, and in a registry.
fn staged(name: &str) -> (Stage, Registry, String) {
    let stage = Stage::new(name);
    let (image, registry) = (image(), Registry::start());
    push(&registry, &image, "team/app", "1.2");
    image.write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    stage.write("image.tar", &image.docker_archive("app:1.2"));
    let host = registry.host();
    (stage, registry, host)
}

fn call_with(stage: &Stage, line: &str, variables: &[(&str, &str)]) -> Run {
    let words: Vec<&str> = line.split_whitespace().collect();
    let variables: Vec<(&str, &str)> = QUIET_MACHINE.iter().chain(variables).copied().collect();
    stage.run_with(&[&["as"], words.as_slice()].concat(), &variables)
}

fn call(stage: &Stage, line: &str) -> Run {
    call_with(stage, line, &[])
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// `VulnerabilityID` of every finding, sorted.
fn flaws(report: &Value) -> Vec<String> {
    // A line without a command has a list of results alone.
    let results = report.as_array().or(report["Results"].as_array()).into_iter().flatten();
    let mut ids: Vec<String> = results
        .flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten())
        .map(|flaw| flaw["VulnerabilityID"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[test]
fn trivys_json_is_the_scans_but_for_filters() {
    let (stage, _registry, host) = staged("facade-json");
    let target = format!("{host}/team/app:1.2");
    let own = stage.scan_json(&target);
    let run = call(&stage, &format!("trivy image --format json {target}"));
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(report(&run), own);
    assert!(run.stderr.contains("no secrets"), "{run:?}");
    let run = call(&stage, &format!("trivy image --scanners vuln -f json {target}"));
    assert_eq!((report(&run), run.stderr.as_str()), (own, ""));
}

#[test]
fn a_line_without_a_command_has_the_json_of_its_time() {
    let (stage, _registry, host) = staged("facade-list");
    let target = format!("{host}/team/app:1.2");
    let own = stage.scan_json(&target);
    let run = call(&stage, &format!("trivy --quiet --auto-refresh -f json --output found.json {target}"));
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    let written: Value = serde_json::from_slice(&fs::read(stage.folder.join("found.json")).unwrap()).unwrap();
    assert_eq!(written, own["Results"]);
    let run = call(&stage, &format!("trivy -f json --severity LOW {target}"));
    assert!(report(&run).is_array() && flaws(&report(&run)).is_empty(), "{run:?}");
    let newer = [("TRIVY_NEW_JSON_SCHEMA", "true")];
    assert_eq!(report(&call_with(&stage, &format!("trivy -f json {target}"), &newer)), own);
}

#[test]
fn trivys_lines_end_as_trivys_do() {
    let (stage, _registry, host) = staged("facade-trivy");
    let image = format!("{host}/team/app:1.2");
    stage.write("ignore.txt", b"CVE-2020-14343\n");
    stage.write("own.yaml", b"exit-code: 3\nvulnerability:\n  ignore-unfixed: true\nseverity: [MEDIUM]\n");
    let all = ["CVE-2020-14343", "CVE-2021-3711", "CVE-2021-3712", "GHSA-acme"];
    for (line, status, expected) in [
        // The status is 0, whatever is found, unless another is asked for.
        ("image IMAGE", 0, &all[..]),
        ("i IMAGE", 0, &all),
        ("image --exit-code 0 --severity CRITICAL IMAGE", 0, &all[..1]),
        ("image --exit-code 1 --severity CRITICAL,HIGH IMAGE", 1, &all[..1]),
        ("image --exit-code 7 IMAGE --severity LOW", 0, &[]),
        ("image --exit-code 7 --severity=UNKNOWN --severity MEDIUM IMAGE", 7, &all[1..]),
        ("image --exit-code 1 --ignore-unfixed --severity MEDIUM IMAGE", 0, &[]),
        ("image --vuln-type os IMAGE", 0, &all[1..3]),
        ("image --pkg-types library IMAGE", 0, &["CVE-2020-14343", "GHSA-acme"]),
        ("image --ignore-status affected IMAGE", 0, &all[..3]),
        ("image --skip-dirs srv,usr/local IMAGE --exit-code 1", 1, &all[1..3]),
        ("image --skip-files **/METADATA IMAGE", 0, &all[1..]),
        ("image --ignorefile ignore.txt --exit-code 1 --severity CRITICAL IMAGE", 0, &[]),
        ("image --config own.yaml IMAGE", 0, &[]),
        ("image --config own.yaml --ignore-unfixed=false IMAGE", 3, &["GHSA-acme"]),
        // Before commands there were none, and flags stood where they liked.
        ("--exit-code 1 --severity CRITICAL --no-progress --light IMAGE", 1, &all[..1]),
        ("-q --exit-code 1 image --severity CRITICAL IMAGE", 1, &all[..1]),
        ("client --remote http://127.0.0.1:1 IMAGE", 0, &all),
        ("image --input image.tar", 0, &all),
        ("--input image.tar --exit-code 4", 4, &all),
        ("image --image-src remote --timeout 5m --cache-dir cache IMAGE", 0, &all),
        ("image --skip-update --offline-scan --security-checks vuln IMAGE", 0, &all),
        ("image --parallel 1 IMAGE", 0, &all),
        ("image --parallel 0 IMAGE", 0, &all),
    ] {
        let line = format!("trivy {} -f json", line.replace("IMAGE", &image));
        let run = call(&stage, &line);
        assert_eq!(run.status, status, "{line}: {run:?}");
        assert_eq!(flaws(&report(&run)), expected, "{line}");
    }
}

#[test]
fn trivy_reads_folders_bills_and_reports() {
    let (stage, _registry, host) = staged("facade-trivy-sources");
    let image = format!("{host}/team/app:1.2");
    fs::create_dir_all(stage.folder.join("app/node_modules/@acme/old")).unwrap();
    stage.write("app/node_modules/@acme/old/package.json", br#"{"name": "@acme/old", "version": "1.0.0"}"#);
    let bill = call(&stage, &format!("trivy image --format cyclonedx --output bom.json {image}"));
    assert_eq!(bill.status, 0, "{bill:?}");
    assert!(!fs::read_to_string(stage.folder.join("bom.json")).unwrap().contains("\"vulnerabilities\""));
    let stored = call(&stage, &format!("trivy -q image --format json -o report.json {image}"));
    assert_eq!((stored.status, stored.stdout.as_str(), stored.stderr.as_str()), (0, "", ""));
    for (line, status, expected) in [
        ("fs app --exit-code 1", 1, &["GHSA-acme"][..]),
        ("filesystem ./app --skip-dirs ./app/node_modules", 0, &[]),
        ("rootfs app", 0, &["GHSA-acme"]),
        ("repo ./app --severity HIGH --exit-code 1", 0, &[]),
        ("sbom bom.json --exit-code 1 --severity CRITICAL", 1, &["CVE-2020-14343"]),
        ("convert report.json --severity MEDIUM", 0, &["GHSA-acme"]),
        (
            "convert report.json --exit-code 2",
            2,
            &["CVE-2020-14343", "CVE-2021-3711", "CVE-2021-3712", "GHSA-acme"],
        ),
    ] {
        let run = call(&stage, &format!("trivy {line} -f json"));
        assert_eq!(run.status, status, "{line}: {run:?}");
        assert_eq!(flaws(&report(&run)), expected, "{line}");
    }
    for (line, part) in [
        ("image --format template --template @/contrib/html.tpl IMAGE", "<!doctype html>"),
        ("image --format template --template @contrib/junit.tpl IMAGE", "<testsuites"),
        ("image --format template -t @gitlab.tpl IMAGE", "\"scanner\""),
        ("image --format sarif IMAGE", "\"2.1.0\""),
        ("image --format spdx-json IMAGE", "\"SPDX-2.3\""),
        ("image --format cosign-vuln IMAGE", "\"scanner\""),
        ("image IMAGE", "CVE-2020-14343"),
        ("--version", "Version: "),
        ("version --format json", "\"Version\""),
        ("--help", "--severity"),
    ] {
        let run = call(&stage, &format!("trivy {}", line.replace("IMAGE", &image)));
        assert_eq!(run.status, 0, "{line}: {run:?}");
        assert!(run.stdout.contains(part), "{line}: {run:?}");
        // What another tool ends with is not what the table would say.
        assert!(!run.stdout.contains("exit status 0:"), "{line}: {run:?}");
    }
    for line in ["--clear-cache", "image --clear-cache", "clean --all", "image --reset"] {
        let run = call(&stage, &format!("trivy {line}"));
        assert_eq!(run.status, 0, "{line}: {run:?}");
        assert!(run.stderr.contains("nothing is removed"), "{line}: {run:?}");
    }
}

#[test]
fn trivys_variables_and_ignore_file_hold() {
    let (stage, registry, host) = staged("facade-trivy-variables");
    let line = format!("trivy image -f json {host}/team/app:1.2");
    let run = call_with(&stage, &line, &[("TRIVY_SEVERITY", "CRITICAL"), ("TRIVY_EXIT_CODE", "5")]);
    assert_eq!((run.status, flaws(&report(&run)).len()), (5, 1), "{run:?}");
    stage.write(".trivyignore", b"# why\nCVE-2020-14343 exp:2030-01-01\nGHSA-acme exp:2020-01-01\n");
    let run = call(&stage, &line);
    assert_eq!(flaws(&report(&run)), ["CVE-2021-3711", "CVE-2021-3712", "GHSA-acme"], "{run:?}");
    registry.require(plimsoll_testkit::registry::Auth::Basic {
        user: "me".to_owned(),
        password: "hush".to_owned(),
    });
    let run = call(&stage, &line);
    assert_eq!(run.status, 1, "{run:?}");
    let variables = [("TRIVY_USERNAME", "me"), ("TRIVY_PASSWORD", "hush")];
    let run = call_with(&stage, &line, &variables);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(!run.stderr.contains("hush"), "{run:?}");
}

#[test]
fn what_is_not_known_or_not_done_is_refused_by_name() {
    let stage = Stage::empty("facade-refused");
    for (line, status, parts) in [
        ("trivy image --exitcode 1 app", 1, &["`--exitcode`", "the nearest is `--exit-code`"][..]),
        ("trivy image --fail-on high app", 1, &["`--fail-on`", "`plimsoll scan` has a `--fail-on`"]),
        ("trivy image --removed-pkgs app", 1, &["`--removed-pkgs`"]),
        ("trivy image --ignore-policy x.rego app", 1, &["`--ignore-policy`", "--policy"]),
        ("trivy image --severity HIGHT app", 1, &["`HIGHT`", "the nearest is `HIGH`"]),
        ("trivy image --exit-code many app", 1, &["`many`"]),
        ("trivy image --scanners secret app", 1, &["`secret`"]),
        ("trivy image --format template --template @own.tpl app", 1, &["`@own.tpl`", "html.tpl"]),
        ("trivy image", 1, &["expected one image, found none"]),
        ("trivy imgae app", 1, &["the nearest command is `image`"]),
        ("trivy config .", 1, &["`trivy config`"]),
        ("trivy k8s --report summary cluster", 1, &["`trivy k8s`"]),
        ("trivy repo https://git.example/app", 1, &["clone the repository"]),
        ("trivy fs /nowhere/at/all", 1, &["/nowhere/at/all"]),
        ("trivy image --image-src docker app", 1, &["Docker"]),
        ("trivy image --image-src containerd app", 1, &["containerd"]),
        ("lacework vulnerability container scan a b", 1, &["accepts 3 arg(s), received 2"]),
        ("lacework vuln ctr scan a b c --fail_on_severity bad", 1, &["the severity bad is not valid"]),
        ("lacework vuln ctr scan a b c --fail-on-severity high", 1, &["the nearest is `--fail_on_severity`"]),
        ("lacework vuln ctr scna a b c", 1, &["the nearest is `scan`"]),
        (
            "lacework vulnerability host scan-pkg-manifest --local",
            1,
            &["`lacework vulnerability host scan-pkg-manifest`"],
        ),
        ("lacework iac cfn-scan --upload --fail high", 1, &["`lacework iac cfn-scan`"]),
        (
            "lacework compliance aws run-assessment 1 --noninteractive",
            1,
            &["`lacework compliance aws run-assessment`"],
        ),
        ("lacework vuln ctr list-assessments", 1, &["PLIMSOLL_STORE"]),
        ("lacework", 127, &[]),
        ("lw-scanner image evaluate app", 1, &["expected a repository and a tag"]),
        ("lw-scanner image evaluate app 1 --polcy", 1, &["the nearest is `--policy`"]),
        ("lw-scanner image push app 1", 1, &["`lw-scanner image push`"]),
        ("grype app", 2, &["`grype`", "trivy"]),
        ("--list grype", 2, &["`grype`"]),
    ] {
        let run = call(&stage, line);
        assert_eq!(run.status, status, "{line}: {run:?}");
        assert!(parts.iter().all(|part| run.stderr.contains(part)), "{line}: {run:?}");
        assert!(run.stdout.is_empty() || status == 127, "{line}: {run:?}");
    }
    assert_eq!(stage.run(&["as"]).status, 2);
}

#[test]
fn laceworks_lines_end_as_laceworks_do() {
    let (stage, _registry, host) = staged("facade-lacework");
    for (line, status, parts, message) in [
        (
            "--poll",
            0,
            &["CONTAINER IMAGE DETAILS", "Repository  team/app", "Tags        1.2", "--details"][..],
            "",
        ),
        (
            "--poll --noninteractive --details",
            0,
            &["CVE-2020-14343", "Critical", "5.4", "1.1.1k-1+deb11u1"],
            "",
        ),
        ("--poll --packages", 0, &["CVE COUNT", "PyYAML"], ""),
        ("--poll --severity critical", 0, &["1 of 4 vulnerabilities showing"], ""),
        (
            "--poll --fail_on_severity critical",
            9,
            &["CONTAINER IMAGE DETAILS"],
            "ERROR (FAIL-ON): vulnerabilities found with threshold 'critical' (exit code: 9)",
        ),
        (
            "--poll --fail_on_severity=high --fail_on_fixable",
            9,
            &[],
            "ERROR (FAIL-ON): fixable vulnerabilities found with threshold 'high' (exit code: 9)",
        ),
        ("--poll --fail_on_fixable", 9, &[], "ERROR (FAIL-ON): fixable vulnerabilities found (exit code: 9)"),
        // A scan made here is done when the call ends: a gate that is asked for holds.
        ("--fail_on_severity critical", 9, &["request_id: "], "FAIL-ON"),
        (
            "--profile x -a acme -k KEY -s SECRET --nocolor --nocache --debug",
            0,
            &["request_id: "],
            "without effect",
        ),
    ] {
        let run = call(&stage, &format!("lacework vulnerability container scan {host} team/app 1.2 {line}"));
        assert_eq!(run.status, status, "{line}: {run:?}");
        assert!(parts.iter().all(|part| run.stdout.contains(part)), "{line}: {run:?}");
        assert!(run.stderr.contains(message), "{line}: {run:?}");
        assert!(run.stderr.contains("count as Info: 2"), "{line}: {run:?}");
    }
    let run = call(
        &stage,
        &format!("lacework vuln ctr scan {host} team/app 1.2 --poll --json --fail_on_severity high"),
    );
    assert_eq!(run.status, 9, "{run:?}");
    let rows: Value = serde_json::from_str(&run.stdout).unwrap();
    let row = &rows[0];
    assert_eq!(row["vulnId"], "CVE-2020-14343");
    assert_eq!((&row["severity"], &row["status"]), (&json!("Critical"), &json!("VULNERABLE")));
    assert_eq!(row["fixInfo"], json!({ "compare_result": 1, "fix_available": 1, "fixed_version": "5.4" }));
    assert_eq!(row["evalCtx"]["image_info"]["repo"], "team/app");
    assert_eq!(row["startTime"], "2026-01-01T00:00:00Z");
    let digest = row["evalCtx"]["image_info"]["digest"].as_str().unwrap();
    let by_digest = call(&stage, &format!("lacework vul container scan {host} team/app @{digest} --json"));
    assert_eq!(report(&by_digest).as_array().unwrap().len(), rows.as_array().unwrap().len(), "{by_digest:?}");

    let run = call(&stage, &format!("lacework vuln ctr scan {host} team/app 1.2 --html"));
    assert!(run.stdout.contains(&format!("stored at 'team-app-{digest}.html'")), "{run:?}");
    assert!(stage.folder.join(format!("team-app-{digest}.html")).is_file());

    for line in ["configure --noninteractive", "component install iac", "components list", "version", "help"]
    {
        assert_eq!(call(&stage, &format!("lacework {line}")).status, 0, "{line}");
    }
    let run = call(&stage, "lacework compliance aws get-report 123456789012 --json --noninteractive");
    assert_eq!((run.status, &report(&run)["summary"]), (0, &json!([])), "{run:?}");
    assert!(run.stderr.contains("says nothing"), "{run:?}");
}

#[test]
fn laceworks_assessments_are_those_of_the_results_store() {
    let (stage, _registry, host) = staged("facade-lacework-store");
    let store = [("PLIMSOLL_STORE", "store")];
    let line = format!("lacework vuln ctr scan {host} team/app 1.2 --json");
    let rows = report(&call_with(&stage, &line, &store));
    let digest = rows[0]["evalCtx"]["image_info"]["digest"].as_str().unwrap();
    let shown = call_with(&stage, &format!("lacework vuln ctr show-assessment {digest} --json"), &store);
    assert_eq!(report(&shown).as_array().unwrap().len(), rows.as_array().unwrap().len(), "{shown:?}");
    let gated =
        call_with(&stage, &format!("lacework vuln ctr show {digest} --fail_on_severity critical"), &store);
    assert_eq!(gated.status, 9, "{gated:?}");
    let one = call_with(&stage, &format!("lacework vuln ctr show {digest} CVE-2021-3711 --json"), &store);
    assert_eq!(report(&one).as_array().unwrap().len(), 1, "{one:?}");
    let unknown = call_with(&stage, "lacework vuln ctr show sha256:00 --json", &store);
    assert_eq!(unknown.status, 1, "{unknown:?}");
    let listed = call_with(&stage, "lacework vuln ctr list --json", &store);
    assert_eq!(report(&listed)[0]["repository"], "team/app", "{listed:?}");
    assert_eq!(report(&listed)[0]["vuln_count"]["Critical"], 1, "{listed:?}");
    let table = call_with(&stage, "lacework vuln ctr list-assessments", &store);
    assert!(table.stdout.contains("1 Critical"), "{table:?}");
    let other = call_with(&stage, "lacework vuln ctr list --registry bubu", &store);
    assert!(other.stdout.starts_with("There are no assessments"), "{other:?}");
    let registries = call_with(&stage, "lacework vuln ctr list-registries --json", &store);
    assert_eq!(report(&registries), json!([host]), "{registries:?}");
}

/// How long a request is waited for that should have come.
const WAIT: Duration = Duration::from_secs(5);

/// A request, as a server saw it: its line, the headers in lower case, the body.
type Seen = (String, Vec<String>, Value);

/// A server that answers each request with the next of these answers, JSON.
fn server(answers: Vec<(u16, Value)>) -> (String, mpsc::Receiver<Seen>) {
    let answers = answers.into_iter().map(|(status, answer)| (status, answer.to_string().into_bytes()));
    let (address, seen) = bytes_server(answers.collect());
    (format!("http://{address}"), seen)
}

/// The same, of any bytes.
fn bytes_server(answers: Vec<(u16, Vec<u8>)>) -> (String, mpsc::Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, answer) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_owned());
            }
            let length = lines
                .iter()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.len()
            );
            stream.write_all(&[head.as_bytes(), &answer].concat()).unwrap();
            let line = lines.remove(0);
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            sender.send((line, lines.iter().map(|line| line.to_lowercase()).collect(), body)).ok();
        }
    });
    (address, seen)
}

/// A row as a server has it.
fn row(severity: &str, status: &str) -> Value {
    json!({
        "evalGuid": "e1", "imageId": "sha256:bb", "vulnId": "CVE-2024-0001", "severity": severity, "status": status,
        "startTime": "2026-01-02T03:04:05Z",
        "featureKey": { "name": "openssl", "namespace": "debian:12", "version": "3.0.1" },
        "featureProps": { "introduced_in": "RUN apt-get install openssl", "layer": "sha256:cc" },
        "fixInfo": { "fix_available": 1, "fixed_version": "3.0.2", "compare_result": 1 },
        "evalCtx": { "image_info": { "registry": "registry.example", "repo": "team/app", "tags": ["1.0"],
                     "digest": "sha256:aa", "id": "sha256:bb", "size": 1024 } }
    })
}

const LW: [(&str, &str); 3] = [("LW_ACCOUNT", "acme"), ("LW_API_KEY", "KEY"), ("LW_API_SECRET", "hush")];

fn by_server(stage: &Stage, base: &str, flags: &str) -> Run {
    let line = format!("lacework vulnerability container scan registry.example team/app 1.0 {flags}");
    call_with(stage, &line, &[&LW[..], &[("LW_API_SERVER_URL", base)]].concat())
}

#[test]
fn a_server_is_asked_where_one_is_named() {
    let stage = Stage::empty("facade-lacework-server");
    let token = (201, json!({ "token": "_t", "expiresAt": "2030-01-01T00:00:00Z" }));
    let started = (201, json!({ "data": { "requestId": "r-1", "status": "scanning" } }));
    let scanning = (200, json!({ "data": { "status": "scanning" } }));
    let completed = (200, json!({ "data": { "status": "completed", "evalGuid": "e1" } }));
    let pages = [
        (
            200,
            json!({ "data": [row("Low", "VULNERABLE")],
            "paging": { "rows": 1, "totalRows": 2, "urls": { "nextPage": "https://other.example/api/v2/next?p=1" } } }),
        ),
        (200, json!({ "data": [row("Critical", "VULNERABLE"), row("", "GOOD")] })),
    ];
    let answers = [token.clone(), started.clone(), scanning, completed.clone()];
    let (base, seen) = server([&answers[..], &pages].concat());
    let run = by_server(&stage, &base, "--poll --fail_on_severity critical");
    assert_eq!(run.status, 9, "{run:?}");
    assert!(
        run.stdout.starts_with("A new vulnerability scan has been requested. (request_id: r-1)\n\n"),
        "{run:?}"
    );
    assert!(run.stdout.contains("Repository  team/app"), "{run:?}");
    assert!(run.stderr.contains("threshold 'critical'") && !run.stderr.contains("hush"), "{run:?}");
    let seen: Vec<Seen> = seen.iter().collect();
    let lines: Vec<&str> = seen.iter().map(|(line, _, _)| line.trim_end_matches(" HTTP/1.1")).collect();
    assert_eq!(
        lines,
        [
            "POST /api/v2/access/tokens",
            "POST /api/v2/Vulnerabilities/Containers/scan",
            "GET /api/v2/Vulnerabilities/Containers/scan/r-1",
            "GET /api/v2/Vulnerabilities/Containers/scan/r-1",
            "POST /api/v2/Vulnerabilities/Containers/search",
            "GET /api/v2/next?p=1",
        ]
    );
    assert_eq!(seen[0].2, json!({ "keyId": "KEY", "expiryTime": 3600 }));
    assert!(seen[0].1.contains(&"x-lw-uaks: hush".to_owned()), "{seen:?}");
    assert!(
        seen[1..].iter().all(|(_, headers, _)| headers.contains(&"authorization: _t".to_owned())),
        "{seen:?}"
    );
    assert_eq!(seen[1].2, json!({ "registry": "registry.example", "repository": "team/app", "tag": "1.0" }));
    let filters = seen[4].2["filters"].as_array().unwrap();
    assert!(
        filters.contains(&json!({ "expression": "eq", "field": "evalGuid", "value": "e1" })),
        "{filters:?}"
    );

    // Accepted is enough, unless a gate asks for more.
    let (base, _seen) = server(vec![token.clone(), started.clone()]);
    let run = by_server(&stage, &base, "--json");
    assert_eq!(
        (run.status, report(&run)),
        (0, json!({ "requestId": "r-1", "status": "scanning" })),
        "{run:?}"
    );

    let clean = (200, json!({ "data": [row("", "GOOD")] }));
    let (base, _seen) = server(vec![token.clone(), started.clone(), completed.clone(), clean]);
    let run = by_server(&stage, &base, "--fail_on_severity info");
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("no vulnerabilities") && run.stderr.contains("waited for"), "{run:?}");
}

#[test]
fn a_server_that_fails_fails_the_call() {
    let stage = Stage::empty("facade-lacework-failing");
    let token = (201, json!({ "token": "_t" }));
    let started = (201, json!({ "data": { "requestId": "r-1" } }));
    let completed = (200, json!({ "data": { "status": "completed", "evalGuid": "e1" } }));
    for (answers, part) in [
        (vec![(401, json!({ "message": "no such key" }))], "401"),
        (vec![token.clone(), (404, json!({ "message": "Could not find integration" }))], "404"),
        (
            vec![token.clone(), (200, json!({ "message": "busy" }))],
            "there is a problem with the vulnerability scan: busy",
        ),
        (
            vec![token.clone(), started.clone(), (200, json!({ "data": { "status": "failed" } }))],
            "unable to get status: 'failed'",
        ),
        (
            vec![token.clone(), started.clone(), completed.clone(), (200, json!({ "data": [] }))],
            "unable to fetch assessment results",
        ),
        (vec![token, started, completed, (200, json!({ "data": [{ "severity": 3 }] }))], "JSON"),
    ] {
        let (base, _seen) = server(answers);
        let run = by_server(&stage, &base, "--poll --fail_on_severity critical");
        assert_eq!(run.status, 1, "{part}: {run:?}");
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    let run = by_server(&stage, "http://192.0.2.1", "--poll");
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stderr.contains("https"), "{run:?}");
}

#[test]
fn lw_scanner_leaves_its_result_where_pipelines_look() {
    let (stage, _registry, host) = staged("facade-lw-scanner");
    let run = call_with(
        &stage,
        &format!(
            "lw-scanner image evaluate {host}/team/app 1.2 --build-id 7 --build-plan shop --data-directory . --save"
        ),
        &[("LW_ACCOUNT_NAME", "acme"), ("LW_ACCESS_TOKEN", "_hush"), ("LW_SCANNER_SAVE_RESULTS", "true")],
    );
    assert_eq!(run.status, 0, "{run:?}");
    assert!(
        run.stdout.contains("CONTAINER IMAGE DETAILS") && run.stdout.contains("CVE-2020-14343"),
        "{run:?}"
    );
    let folder = stage.folder.join(format!("evaluations/{host}/team/app/1.2"));
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].file_name().unwrap().to_str().unwrap().starts_with("evaluation_"));
    let result: Value = serde_json::from_str(&fs::read_to_string(&files[0]).unwrap()).unwrap();
    let cve = &result["cve"];
    assert_eq!(
        (&cve["critical_vulnerabilities"], &cve["fixable_vulnerabilities"]),
        (&json!(1), &json!(3)),
        "{cve}"
    );
    assert_eq!(cve["image"]["image_info"]["tags"], json!(["1.2"]));
    let named: Vec<&Value> = cve["image"]["image_layers"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|layer| layer["packages"].as_array().unwrap())
        .map(|package| &package["name"])
        .collect();
    assert!(named.contains(&&json!("PyYAML")), "{named:?}");
    assert_eq!(result["Plimsoll"]["BuildID"], "7");

    let json = call(
        &stage,
        &format!(
            "lw-scanner evaluate {host}/team/app 1.2 -d=data -v=false -q -s --html --html-file page.html"
        ),
    );
    assert_eq!(report(&json)["cve"]["total_vulnerabilities"], cve["total_vulnerabilities"], "{json:?}");
    assert!(stage.folder.join("page.html").is_file());
    for (flags, status) in [
        ("", 0),
        ("--fail-on-violation-exit-code 0", 0),
        // Rules are those that are written; the preset gives days to fix what is new.
        ("--policy --fail-on-violation-exit-code 3", 3),
        ("--fail-on-violation-exit-code 3 --critical-violation-exit-code 5", 5),
    ] {
        let line = format!("lw-scanner image evaluate {host}/team/app 1.2 -d . -q {flags}");
        let run = call_with(&stage, &line, &[("PLIMSOLL_FAIL_ON", "critical")]);
        assert_eq!(run.status, status, "{flags}: {run:?}");
    }
    let run = call(
        &stage,
        &format!(
            "lw-scanner image evaluate {host}/team/app 1.2 -d . --policy --fail-on-violation-exit-code 3"
        ),
    );
    assert!(run.stderr.contains("`production` decides"), "{run:?}");
    let run = call(&stage, &format!("lw-scanner image evaluate {host}/team/app 1.2 -d . --no-pull"));
    assert_eq!(run.status, 1, "{run:?}");
}

#[test]
fn links_are_made_and_what_is_not_ours_stays() {
    let stage = Stage::empty("facade-install");
    let listed = stage.run(&["as", "--list"]);
    assert!(listed.stdout.contains("trivy") && listed.stdout.lines().count() == 3, "{listed:?}");
    let page = stage.run(&["as", "--list", "trivy"]);
    assert!(page.stdout.contains("Refused by name:"), "{page:?}");
    let run = stage.run(&["as", "--install", "bin"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(fs::read_link(stage.folder.join("bin/trivy")).unwrap().is_relative());
    assert_eq!(stage.run(&["as", "--install", "bin"]).status, 0, "links of ours are made again");

    fs::remove_file(stage.folder.join("bin/trivy")).unwrap();
    fs::remove_file(stage.folder.join("bin/lacework")).unwrap();
    stage.write("bin/trivy", b"the real one");
    let run = stage.run(&["as", "--install", "bin"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("bin/trivy") && run.stderr.contains("--force"), "{run:?}");
    assert!(!stage.folder.join("bin/lacework").exists(), "all or none");
    assert_eq!(stage.run(&["as", "--install", "bin", "lacework"]).status, 0);
    assert_eq!(fs::read_to_string(stage.folder.join("bin/trivy")).unwrap(), "the real one");
    assert_eq!(stage.run(&["as", "--install", "bin", "--force", "trivy"]).status, 0);
    let output = Command::new(stage.folder.join("bin/trivy")).arg("--version").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("Version: "));
    assert_eq!(stage.run(&["as", "--install", "bin", "grype"]).status, 2);
}

#[test]
fn an_image_of_the_engine_goes_before_the_registrys() {
    let stage = Stage::new("facade-engine");
    let image = image();
    let inspected = json!({
        "Id": plimsoll_testkit::image::sha256(&image.config),
        "RepoTags": ["app:1.2"], "Os": "linux", "Architecture": "amd64",
        "RootFS": { "Layers": image.layers.iter().map(|layer| layer.diff_id.clone()).collect::<Vec<_>>() },
    });
    let inspected = (200, inspected.to_string().into_bytes());
    let answers = vec![inspected.clone(), inspected, (200, image.docker_archive("app:1.2"))];
    for (line, asked) in [
        ("trivy image -f json --exit-code 6 app:1.2", 3),
        ("lw-scanner image evaluate app 1.2 -d . -v=false --policy --fail-on-violation-exit-code 6", 2),
    ] {
        let (address, seen) = bytes_server(answers.clone());
        let run = call_with(
            &stage,
            line,
            &[("DOCKER_HOST", &format!("tcp://{address}")), ("PLIMSOLL_FAIL_ON", "critical")],
        );
        assert_eq!(run.status, 6, "{line}: {run:?}");
        let seen: Vec<String> = std::iter::from_fn(|| seen.recv_timeout(WAIT).ok())
            .map(|(line, _, _)| line)
            .take(asked)
            .collect();
        // The second call finds the layers in the cache, and asks only what the image is.
        assert_eq!(seen.len(), asked, "{line}: {seen:?}");
        assert!(seen.iter().all(|line| line.starts_with("GET /images/app:1.2/")), "{line}: {seen:?}");
        let written = report(&run);
        let name = if line.starts_with("trivy") {
            &written["ArtifactName"]
        } else {
            &written["cve"]["image"]["image_info"]["repository"]
        };
        assert!(name.as_str().unwrap().starts_with("app"), "{line}: {name}");
    }
}

#[test]
fn a_store_gets_the_whole_with_what_the_lines_gate_decided() {
    let (stage, _registry, host) = staged("facade-store");
    let store = [("PLIMSOLL_STORE", "store")];
    let image = format!("{host}/team/app:1.2");
    for (line, status, verdict) in [
        ("trivy -q image -f json --pkg-types library --severity MEDIUM", 0, "passed"),
        ("trivy -q image -f json --exit-code 1 --severity MEDIUM", 1, "failed"),
        ("trivy -q image -f json --exit-code 1 --severity HIGH", 0, "passed"),
    ] {
        let _ = fs::remove_dir_all(stage.folder.join("store"));
        let run = call_with(&stage, &format!("{line} {image}"), &store);
        assert_eq!(run.status, status, "{line}: {run:?}");
        let stored = stage.run_with(&["store", "get", &image], &store);
        let stored: Value = serde_json::from_str(&stored.stdout).unwrap();
        assert_eq!(flaws(&stored).len(), 4, "{line}: {stored}");
        assert_eq!(stored["Plimsoll"]["Verdict"], verdict, "{line}");
    }
    let stored = stage.run_with(&["store", "get", &image], &store);
    assert!(stored.stdout.contains("\"trivy --exit-code 1 --severity HIGH\""), "{stored:?}");
    let line = format!("lacework vuln ctr scan {host} team/app 1.2 --fail_on_severity critical");
    let _ = fs::remove_dir_all(stage.folder.join("store"));
    assert_eq!(call_with(&stage, &line, &store).status, 9);
    let stored = stage.run_with(&["store", "get", &image], &store);
    assert!(stored.stdout.contains("lacework --fail_on_severity critical"), "{stored:?}");
}

/// The commands of public pipelines, in one build: what gates fails it, what is masked does not.
const BUILDSPEC: &str = "\
version: 0.2
env:
  variables:
    LW_ACCOUNT: acme
    LW_API_KEY: key
    LW_API_SECRET: secret
phases:
  install:
    commands:
      - lacework components list
      - lacework component install iac
  pre_build:
    commands:
      - export LW_ACCOUNT=$LW_ACCOUNT
      - lacework iac cfn-scan --upload --fail high || true
      - lacework compliance aws get-report 123456789012 --json --noninteractive > aws-assessment.json
      - trivy --exit-code 0 --severity UNKNOWN,LOW,MEDIUM --no-progress $DOCKER_REG/$IMAGE_NAME:1.2
      - trivy image --format json --output results.json $DOCKER_REG/$IMAGE_NAME:1.2
  build:
    commands:
      - rm -rf ./evaluations/$IMAGE_NAME/1.2/evaluation_*.json || true
      - lw-scanner image evaluate $DOCKER_REG/$IMAGE_NAME 1.2 --build-id 1 --data-directory .
      - lacework vulnerability container scan $DOCKER_REG $IMAGE_NAME 1.2 --poll --fail_on_severity critical || true
  post_build:
    commands:
      - trivy image --exit-code 1 --severity $SEVERITY --ignore-unfixed $DOCKER_REG/$IMAGE_NAME:1.2
      - echo the gate is open
";

#[test]
fn a_buildspec_keeps_its_lines() {
    let (stage, _registry, host) = staged("facade-buildspec");
    fs::create_dir_all(stage.folder.join("source")).unwrap();
    stage.write("source/buildspec.yml", BUILDSPEC.as_bytes());
    assert_eq!(stage.run(&["as", "--install", "bin"]).status, 0);
    let bin = stage.folder.join("bin");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let database = stage.folder.join("plimsoll.db").display().to_string();
    let build = |severity: &str| {
        let (registry, severity) = (format!("DOCKER_REG={host}"), format!("SEVERITY={severity}"));
        let line = [
            "pipeline",
            "run",
            "--source",
            "source",
            "--env",
            &registry,
            "--env",
            "IMAGE_NAME=team/app",
            "--env",
            &severity,
        ];
        let variables = [
            ("PATH", path.as_str()),
            ("PLIMSOLL_DB", &database),
            ("DOCKER_HOST", "unix:///nowhere/docker.sock"),
            ("CONTAINER_HOST", "unix:///nowhere/podman.sock"),
        ];
        stage.run_with(&line, &variables)
    };
    let open = build("MEDIUM");
    assert_eq!(open.status, 0, "{open:?}");
    assert!(open.stdout.contains("the gate is open"), "{open:?}");
    let closed = build("CRITICAL,HIGH");
    assert_eq!(closed.status, 1, "{closed:?}");
    assert!(closed.stdout.contains("Phase complete: POST_BUILD State: FAILED"), "{closed:?}");
}
