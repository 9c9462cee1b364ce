//! The packages of the image, judged by dpkg, pip, npm and Syft; and the bill of materials, by CycloneDX's schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use plimsoll_real::{
    Package, Plimsoll, database, debian_packages, image, node_packages, packages, purls, python_packages,
    syft_packages, validate_cyclonedx,
};
use serde_json::Value;

fn target() -> String {
    format!("oci-dir:{}", image().oci_dir().display())
}

fn report() -> &'static Value {
    static REPORT: OnceLock<Value> = OnceLock::new();
    REPORT.get_or_init(|| Plimsoll::scan(&target(), &database().path).without_cache().json())
}

fn name_and_version(package: &Value) -> Package {
    let text = |key: &str| package[key].as_str().expect("every package has a name and a version").to_owned();
    (text("Name"), text("Version"))
}

/// Those whose file lies below `folder`.
fn below(packages: &[&Value], folder: &str) -> BTreeSet<Package> {
    let path = |package: &Value| package["FilePath"].as_str().unwrap_or("").to_owned();
    packages
        .iter()
        .filter(|package| path(package).starts_with(folder))
        .map(|package| name_and_version(package))
        .collect()
}

#[test]
fn debian_packages_are_those_of_dpkg() {
    let report = report();
    let found: BTreeSet<Package> = packages(report, "debian")
        .into_iter()
        .map(|package| {
            let (name, version) = name_and_version(package);
            let epoch = package["Epoch"].as_u64().map_or(String::new(), |epoch| format!("{epoch}:"));
            let release = package["Release"].as_str().map_or(String::new(), |release| format!("-{release}"));
            (name, format!("{epoch}{version}{release}"))
        })
        .collect();
    let expected = debian_packages(image());
    assert!(expected.len() > 80, "{expected:?}");
    assert_eq!(found, expected);
    // What later layers did to it.
    let version =
        |name: &str| expected.iter().find(|package| package.0 == name).map(|package| package.1.as_str());
    assert_eq!(version("zlib1g"), Some("1:1.2.11.dfsg-2"), "put back by a later layer");
    assert_eq!(version("ed"), None, "purged by a later layer");
    assert_eq!(version("netbase"), None, "removed by a later layer, its configuration is still there");
}

#[test]
fn a_package_of_a_later_layer_says_which_one() {
    let report = report();
    let layers = report["Metadata"]["Layers"].as_array().unwrap();
    let made_by = |name: &str| {
        let packages = packages(report, "debian");
        let package = packages.iter().find(|package| package["Name"] == name).unwrap();
        let layer = layers.iter().find(|layer| layer["DiffID"] == package["Layer"]["DiffID"]).unwrap();
        layer["CreatedBy"].as_str().unwrap_or("").to_owned()
    };
    assert!(made_by("gzip").contains("dpkg --install"), "{}", made_by("gzip"));
    // The status file was written anew after that; what it says of `bash` is as old as the base.
    assert!(!made_by("bash").contains("dpkg"), "{}", made_by("bash"));
}

#[test]
fn python_packages_are_those_of_pip() {
    let report = report();
    let python = packages(report, "python-pkg");
    for folder in ["opt/python", "usr/lib/python3/dist-packages"] {
        let expected = python_packages(image(), folder);
        assert!(expected.len() >= 2, "{expected:?}");
        assert_eq!(below(&python, folder), expected, "{folder}");
    }
    assert!(!python.iter().any(|package| package["Name"] == "idna"), "deleted by a later layer");
}

#[test]
fn python_packages_of_the_distribution_have_an_owner() {
    let report = report();
    for package in packages(report, "python-pkg") {
        let (path, owner) = (package["FilePath"].as_str().unwrap(), &package["Plimsoll"]["Owner"]);
        let expected = match (path.starts_with("usr/lib/python3/"), package["Name"].as_str().unwrap()) {
            (true, name) => Value::String(format!("python3-{name}")),
            (false, _) => Value::Null,
        };
        assert_eq!(owner["Name"], expected, "{path}");
    }
}

#[test]
fn node_packages_are_those_of_npm() {
    let report = report();
    let found = below(&packages(report, "node-pkg"), "opt/web");
    let expected = node_packages(image(), "opt/web");
    assert!(expected.contains(&("@hapi/hoek".to_owned(), "8.5.0".to_owned())), "{expected:?}");
    assert_eq!(found, expected);
    let minimist: Vec<&str> =
        found.iter().filter(|package| package.0 == "minimist").map(|package| package.1.as_str()).collect();
    assert!(
        minimist.len() == 2 && minimist.contains(&"1.2.0"),
        "one below `handlebars` besides: {minimist:?}"
    );
    assert!(!found.iter().any(|package| package.0 == "wordwrap"), "its files were deleted by a later layer");
}

#[test]
fn what_names_itself_nowhere_is_a_gap() {
    let report = report();
    let gaps = report["Plimsoll"]["Gaps"].as_array().unwrap();
    let of = |path: &str| gaps.iter().filter(|gap| gap["Path"] == path).count();
    assert_eq!(of("opt/java/commons-collections3.jar"), 1, "{gaps:#?}");
    assert_eq!(of("opt/java/service.jar"), 0, "it holds archives and nothing of its own: {gaps:#?}");
}

#[test]
fn the_bill_of_materials_is_valid_cyclonedx_and_lists_what_the_report_lists() {
    let bytes = Plimsoll::sbom(&target()).without_cache().bytes();
    validate_cyclonedx(&bytes);
    let bill = purls(&serde_json::from_slice(&bytes).unwrap());
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for result in report()["Results"].as_array().unwrap() {
        for package in result["Packages"].as_array().into_iter().flatten() {
            let purl = package["Identifier"]["PURL"].as_str().unwrap().split('?').next().unwrap();
            let kind = purl.trim_start_matches("pkg:").split('/').next().unwrap();
            listed.entry(kind.to_owned()).or_default().insert(purl.to_owned());
        }
    }
    assert_eq!(bill, listed);
}

#[test]
fn a_bill_read_back_gives_the_same_packages() {
    let folder = plimsoll_real::Scratch::new();
    let file = folder.path("bill.json");
    let bytes = Plimsoll::sbom(&target()).without_cache().bytes();
    std::fs::write(&file, &bytes).unwrap();
    let again = Plimsoll::sbom(&format!("sbom:{}", file.display())).without_cache().bytes();
    validate_cyclonedx(&again);
    let purls = |bytes: &[u8]| purls(&serde_json::from_slice(bytes).unwrap());
    assert_eq!(purls(&again), purls(&bytes));
}

/// A difference from Syft, and why it is right.
struct Explained {
    purl: &'static str,
    because: &'static str,
}

/// What only Syft lists.
const ONLY_SYFT: &[Explained] = &[
    Explained {
        purl: "pkg:deb/debian/netbase@6.3",
        because: "removed by a later layer: dpkg keeps its configuration files and calls it `config-files`",
    },
    Explained {
        purl: "pkg:golang/github.com/docker/distribution/cmd/registry@v2.8.2%2Bds1",
        because: "built without modules: this is the path of the program's package, no module has that name",
    },
    Explained { purl: "pkg:golang/stdlib@go1.19.8", because: "the same as ours, under the toolchain's name" },
    Explained { purl: "pkg:golang/stdlib@go1.23.4", because: "the same as ours, under the toolchain's name" },
    Explained {
        purl: "pkg:maven/commons-collections/commons-collections3@3.2.2",
        because: "the archive names no group; Syft guesses one, and no such artefact exists",
    },
    Explained {
        purl: "pkg:maven/service/service",
        because: "our own archive around another one: it is no artefact and has no version",
    },
];

/// What only we list.
const ONLY_OURS: &[Explained] = &[
    Explained {
        purl: "pkg:golang/stdlib@v1.19.8",
        because: "the same as Syft's, in the form of a Go version",
    },
    Explained {
        purl: "pkg:golang/stdlib@v1.23.4",
        because: "the same as Syft's, in the form of a Go version",
    },
    Explained {
        purl: "pkg:maven/commons-collections3@3.2.2",
        because: "the archive names no group; listed without one, with a gap that says it cannot be looked up",
    },
];

#[test]
fn every_difference_from_syft_is_explained() {
    let bill = Plimsoll::sbom(&target()).without_cache().json();
    let ours: BTreeSet<String> = purls(&bill).into_values().flatten().collect();
    let syft = syft_packages();
    let explained = |table: &'static [Explained]| -> BTreeMap<&str, &str> {
        table.iter().map(|difference| (difference.purl, difference.because)).collect()
    };
    let unexplained = |only: BTreeSet<&String>, table: &'static [Explained], who: &str| {
        let mut table = explained(table);
        let mut left: Vec<String> = only
            .into_iter()
            .filter(|purl| table.remove(purl.as_str()).is_none())
            .map(|purl| format!("only {who}: {purl}"))
            .collect();
        // A reason for what does not happen is as wrong as a difference without one.
        left.extend(
            table.into_iter().map(|(purl, because)| format!("no longer only {who}: {purl} ({because})")),
        );
        left
    };
    let mut left = unexplained(syft.difference(&ours).collect(), ONLY_SYFT, "Syft");
    left.extend(unexplained(ours.difference(&syft).collect(), ONLY_OURS, "ours"));
    assert!(left.is_empty(), "unexplained differences from Syft:\n{}", left.join("\n"));
    assert!(ours.len() > 250, "expected Debian, Python, Node, Java and Go packages, found {}", ours.len());
}
