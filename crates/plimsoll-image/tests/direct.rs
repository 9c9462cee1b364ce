//! Installed Node packages that their application names itself.

mod support;

use plimsoll_catalog::CATALOGERS;
use plimsoll_image::{Options, catalog_folder, catalog_image};
use plimsoll_model::Inventory;
use plimsoll_oci::Source;
use plimsoll_testkit::image::ImageBuilder;
use support::{Memory, options, temporary_folder};

/// Packages with their folders, and whether their application names them; a line a package.
fn check(text: &str, expected: &[&str]) {
    let spool = std::env::temp_dir();
    let options = Options { catalogers: CATALOGERS, ..options(&spool) };
    let source = Memory::new(&ImageBuilder::from_text(text).build());
    let inventory =
        catalog_image(Source::Layers(Box::new(source)), &options).expect("an image in memory can be had");
    assert_eq!(told(&inventory), expected);
}

fn told(inventory: &Inventory) -> Vec<String> {
    let mut found: Vec<String> = inventory
        .packages
        .iter()
        .map(|package| {
            let word = match package.direct {
                Some(true) => "direct",
                Some(false) => "transitive",
                None => "unknown",
            };
            format!("{} {} {word}", package.path.trim_end_matches("/package.json"), package.version)
        })
        .collect();
    found.sort();
    found
}

fn package(folder: &str, version: &str) -> String {
    let name = folder.rsplit("node_modules/").next().unwrap_or(folder);
    format!("//- file {folder}/package.json\n{{\"name\":\"{name}\",\"version\":\"{version}\"}}\n")
}

#[test]
fn what_the_application_names_is_direct_and_the_rest_is_not() {
    let packages = [
        package("app/node_modules/@s/a", "1.0.0"),
        package("app/node_modules/b", "1.0.0"),
        package("app/node_modules/@s/a/node_modules/b", "2.0.0"),
        package("usr/lib/node_modules/npm", "10.0.0"),
    ];
    let application = "//- file app/package.json\n{\"dependencies\":{\"@s/a\":\"^1\",\"gone\":\"1\"}}\n";
    let expected = [
        "app/node_modules/@s/a 1.0.0 direct",
        "app/node_modules/@s/a/node_modules/b 2.0.0 transitive",
        "app/node_modules/b 1.0.0 transitive",
        "usr/lib/node_modules/npm 10.0.0 unknown",
    ];
    check(&format!("//- layer\n{}//- layer\n{application}", packages.concat()), &expected);
    // One that was removed again says nothing, and neither does one that cannot be read.
    let unknown: Vec<String> = expected
        .iter()
        .map(|line| line.replace(" direct", " unknown").replace(" transitive", " unknown"))
        .collect();
    let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
    let packages = packages.concat();
    check(&format!("//- layer\n{packages}{application}//- layer\n//- whiteout app/package.json\n"), &unknown);
    check(&format!("//- layer\n{packages}//- file app/package.json\n{{\"dependencies\":\n"), &unknown);
}

#[test]
fn a_workspace_finds_what_lies_above_it_and_its_own_first() {
    let text = [
        "//- layer\n//- file package.json\n{\"devDependencies\":{\"a\":\"1\"}}\n".to_owned(),
        "//- file packages/w/package.json\n{\"dependencies\":{\"b\":\"2\",\"c\":\"1\"}}\n".to_owned(),
        package("node_modules/a", "1.0.0"),
        package("node_modules/b", "1.0.0"),
        package("node_modules/c", "1.0.0"),
        package("packages/w/node_modules/b", "2.0.0"),
    ];
    check(
        &text.concat(),
        &[
            "node_modules/a 1.0.0 direct",
            "node_modules/b 1.0.0 transitive",
            "node_modules/c 1.0.0 direct",
            "packages/w/node_modules/b 2.0.0 direct",
        ],
    );
}

#[test]
fn the_links_of_pnpm_lead_to_what_is_named() {
    let text = [
        "//- layer\n//- file app/package.json\n{\"dependencies\":{\"a\":\"1\",\"loop\":\"1\"}}\n".to_owned(),
        package("app/node_modules/.pnpm/a@1.0.0/node_modules/a", "1.0.0"),
        package("app/node_modules/.pnpm/b@1.0.0/node_modules/b", "1.0.0"),
        "//- symlink app/node_modules/a -> .pnpm/a@1.0.0/node_modules/a\n".to_owned(),
        "//- symlink app/node_modules/.pnpm/a@1.0.0/node_modules/b -> ../../b@1.0.0/node_modules/b\n"
            .to_owned(),
        "//- symlink app/node_modules/loop -> loop\n".to_owned(),
    ];
    check(
        &text.concat(),
        &[
            "app/node_modules/.pnpm/a@1.0.0/node_modules/a 1.0.0 direct",
            "app/node_modules/.pnpm/b@1.0.0/node_modules/b 1.0.0 transitive",
        ],
    );
}

#[test]
fn names_that_lead_out_of_the_folder_find_nothing() {
    let text = [
        "//- layer\n//- file app/package.json\n{\"dependencies\":{\"../../other/node_modules/a\":\"1\",\"/\":\"1\",\"..\":\"1\"}}\n"
            .to_owned(),
        package("other/node_modules/a", "1.0.0"),
    ];
    check(&text.concat(), &["other/node_modules/a 1.0.0 unknown"]);
}

#[test]
fn in_a_folder_the_links_of_pnpm_lead_there_too() {
    let root = temporary_folder("direct");
    let write = |path: &str, text: &str| {
        let place = root.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    };
    write("package.json", r#"{"dependencies":{"a":"1"}}"#);
    for name in ["a", "b"] {
        let path = format!("node_modules/.pnpm/{name}@1.0.0/node_modules/{name}/package.json");
        write(&path, &format!(r#"{{"name":"{name}","version":"1.0.0"}}"#));
    }
    std::os::unix::fs::symlink(".pnpm/a@1.0.0/node_modules/a", root.join("node_modules/a")).unwrap();
    let spool = std::env::temp_dir();
    let inventory = catalog_folder(&root, &Options { catalogers: CATALOGERS, ..options(&spool) }).unwrap();
    let expected = [
        "node_modules/.pnpm/a@1.0.0/node_modules/a 1.0.0 direct",
        "node_modules/.pnpm/b@1.0.0/node_modules/b 1.0.0 transitive",
    ];
    assert_eq!(told(&inventory), expected);
    std::fs::remove_dir_all(root).unwrap();
}
