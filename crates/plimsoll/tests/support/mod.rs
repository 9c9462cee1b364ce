//! The command, run on images and advisories that the tests make.
#![allow(dead_code, reason = "each test file uses its part")]
#![expect(clippy::unwrap_used, reason = "tests")]

pub(crate) mod amazon;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plimsoll_testkit::image::{BuiltImage, ImageBuilder};
use plimsoll_testkit::registry::Registry;

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A folder of its own for one test, with an image, advisories and a database.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
}

pub(crate) const IMAGE: &str = "\
//- layer
//- file etc/os-release
ID=debian
VERSION_ID=\"11\"
PRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"
//- file var/lib/dpkg/status
Package: libssl1.1
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 1.1.1k-1

Package: python3-yaml
Status: install ok installed
Architecture: amd64
Source: pyyaml
Version: 5.3.1-5
//- file var/lib/dpkg/info/python3-yaml.list
/usr/lib/python3/dist-packages/PyYAML-5.3.1.egg-info
//- file usr/lib/python3/dist-packages/PyYAML-5.3.1.egg-info
Metadata-Version: 1.1
Name: PyYAML
Version: 5.3.1
//- layer
//- file usr/local/lib/python3.9/site-packages/PyYAML-5.3.dist-info/METADATA
Metadata-Version: 2.1
Name: PyYAML
Version: 5.3
//- file srv/node_modules/@acme/old/package.json
{\"name\": \"@acme/old\", \"version\": \"1.0.0\"}
//- file srv/node_modules/lodash/package.json
{\"name\": \"lodash\", \"version\": \"4.17.15\"}
";

const ADVISORIES: [(&str, &str); 5] = [
    (
        "DSA-1.json",
        r#"{"id": "DSA-1", "modified": "2024-01-02T00:00:00Z", "upstream": ["CVE-2021-3711", "CVE-2021-3712"],
            "summary": "openssl - security update", "affected": [{"package": {"ecosystem": "Debian:11", "name": "openssl"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1.1k-1+deb11u1"}]}]}]}"#,
    ),
    (
        "PYSEC-1.json",
        r#"{"id": "PYSEC-1", "modified": "2024-01-01T00:00:00Z", "aliases": ["CVE-2020-14343", "GHSA-8q59-q68h-6hv4"],
            "affected": [{"package": {"ecosystem": "PyPI", "name": "pyyaml"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "5.4"}]}]}]}"#,
    ),
    (
        "GHSA-8q59-q68h-6hv4.json",
        r#"{"id": "GHSA-8q59-q68h-6hv4", "modified": "2024-01-01T00:00:00Z", "aliases": ["CVE-2020-14343"],
            "summary": "Arbitrary code in PyYAML", "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [{"package": {"ecosystem": "PyPI", "name": "PyYAML"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "5.4"}]}]}]}"#,
    ),
    (
        "GHSA-acme.json",
        r#"{"id": "GHSA-acme", "modified": "2024-01-01T00:00:00Z", "summary": "No fix yet",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"}],
            "affected": [{"package": {"ecosystem": "npm", "name": "@acme/old"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}"#,
    ),
    (
        "kev.json",
        r#"{"title": "t", "catalogVersion": "1", "count": 1, "vulnerabilities": [{"cveID": "CVE-2021-3711", "vendorProject": "OpenSSL",
            "product": "OpenSSL", "vulnerabilityName": "OpenSSL overflow", "dateAdded": "2022-01-01", "shortDescription": "d",
            "requiredAction": "a", "dueDate": "2022-02-01", "knownRansomwareCampaignUse": "Unknown", "notes": ""}]}"#,
    ),
];

impl Stage {
    /// A folder for the test of this name, with a database built.
    pub(crate) fn new(name: &str) -> Self {
        let stage = Self::empty(name);
        stage.write_advisories();
        let built = stage.run(&["db", "build", "--from", "advisories", "--output", "plimsoll.db"]);
        assert_eq!(built.status, 0, "{built:?}");
        stage
    }

    /// A folder for the test of this name, with nothing in it.
    pub(crate) fn empty(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    pub(crate) fn write_advisories(&self) {
        fs::create_dir_all(self.folder.join("advisories")).unwrap();
        for (name, text) in ADVISORIES {
            fs::write(self.folder.join("advisories").join(name), text).unwrap();
        }
    }

    /// Runs the command in the folder, with nothing of this machine's environment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    /// The same, with these variables.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", self.folder.join("home"))
            .env("CI", "true")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Run {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Scans, as JSON.
    pub(crate) fn scan_json(&self, target: &str) -> serde_json::Value {
        let run = self.run(&["scan", target, "--db", "plimsoll.db", "--format", "json"]);
        assert_eq!(run.status, 0, "{run:?}");
        serde_json::from_str(&run.stdout).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.join(name), bytes).unwrap();
    }
}

pub(crate) fn image() -> BuiltImage {
    ImageBuilder::from_text(IMAGE).build()
}

/// Puts an image into a registry under `repository:tag`.
pub(crate) fn push(registry: &Registry, image: &BuiltImage, repository: &str, tag: &str) {
    for layer in &image.layers {
        registry.put_blob(repository, &layer.blob);
    }
    registry.put_blob(repository, &image.config);
    registry.put_manifest(repository, tag, "application/vnd.oci.image.manifest.v1+json", &image.manifest);
}
