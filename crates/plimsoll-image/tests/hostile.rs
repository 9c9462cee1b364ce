//! Damaged and hostile layers: an error where the image is not what it says, a gap where its bytes are bad.

mod support;

use plimsoll_image::{LayerCache, Limits, catalog_folder, catalog_image};
use plimsoll_oci::Source;
use plimsoll_testkit::image::{ImageBuilder, LayerBuilder, Packing, gzip};
use support::{Memory, catalog, options, print, temporary_folder};

fn two_layers() -> ImageBuilder {
    ImageBuilder::from_text("//- layer\n//- file a.list\npypi a 1\n//- layer\n//- file b.list\npypi b 1\n")
}

#[test]
fn every_packing_gives_the_same() {
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        let found = print(&catalog(Memory::new(&two_layers().packed(packing).build())));
        assert_eq!(
            found,
            ["pypi a 1 at a.list since 0 in 0", "pypi b 1 at b.list since 1 in 1"],
            "{packing:?}"
        );
    }
}

#[test]
fn a_layer_with_another_diff_id_is_refused() {
    let built = two_layers().build();
    let other = built.layers[1].blob.clone();
    let source = Source::Layers(Box::new(Memory::new(&built).with_blob(0, other)));
    let error = catalog_image(source, &options(&std::env::temp_dir())).unwrap_err().to_string();
    assert!(error.starts_with("cannot use layer 0 of the image: expected diff ID `sha256:"), "{error}");
}

#[test]
fn damaged_gzip_is_a_gap_and_the_rest_is_read() {
    let built = two_layers().build();
    for (cut, what) in [(built.layers[0].blob.len() / 2, "cut"), (20, "cut early")] {
        let blob = built.layers[0].blob[..cut].to_vec();
        let found = print(&catalog(Memory::new(&built).with_blob(0, blob)));
        assert!(found.iter().any(|line| line == "pypi b 1 at b.list since 1 in 1"), "{what}: {found:?}");
        assert!(
            found.iter().any(|line| line.contains("the rest of the layer was not read")),
            "{what}: {found:?}"
        );
    }
}

#[test]
fn what_is_no_archive_is_a_gap() {
    let built = two_layers().build();
    for blob in [b"<html>login</html>".to_vec(), vec![7; 4096], b"BZh9".to_vec()] {
        let found = print(&catalog(Memory::new(&built).with_blob(0, blob)));
        assert!(found.last().unwrap().starts_with("gap : "), "{found:?}");
    }
}

#[test]
fn a_path_that_escapes_is_a_gap_and_nothing_is_written() {
    let tar = {
        let mut builder = tar_with_raw_path("../../../tmp/plimsoll-escape.list", b"pypi evil 1\n");
        builder.extend(LayerBuilder::new().file("a.list", "pypi a 1\n").tar());
        builder
    };
    let image = ImageBuilder::new().layer(LayerBuilder::new().file("x", "")).build();
    let found = print(&catalog(Memory::new(&image).with_blob(0, gzip(&tar)).claiming(&tar)));
    assert_eq!(found[0], "pypi a 1 at a.list since 0 in 0");
    assert!(found[1].contains("expected a path inside the image"), "{found:?}");
    assert!(!std::path::Path::new("/tmp/plimsoll-escape.list").exists());
}

/// One entry with a path that no writer accepts, without the archive's end.
fn tar_with_raw_path(path: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = LayerBuilder::new().file("placeholder", content).tar();
    tar[..100].fill(0);
    tar[..path.len()].copy_from_slice(path.as_bytes());
    tar[148..156].fill(b' ');
    let sum: u32 = tar[..512].iter().map(|&byte| u32::from(byte)).sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.truncate(1024);
    tar
}

#[test]
fn a_bomb_is_stopped_and_the_rest_is_read() {
    let bomb = LayerBuilder::new().file("zeros", vec![0; 8 << 20]).file("late.list", "pypi late 1\n");
    let image =
        ImageBuilder::new().layer(bomb).layer(LayerBuilder::new().file("b.list", "pypi b 1\n")).build();
    let folder = std::env::temp_dir();
    for limits in [
        Limits { ratio_from_bytes: 1 << 20, ..Limits::default() },
        Limits { layer_bytes: 2 << 20, ..Limits::default() },
    ] {
        let mut options = options(&folder);
        options.limits = limits;
        let inventory = catalog_image(Source::Layers(Box::new(Memory::new(&image))), &options).unwrap();
        let found = print(&inventory);
        assert_eq!(found[0], "pypi b 1 at b.list since 1 in 1");
        assert!(found[1].contains("the rest of the layer was not read"), "{found:?}");
    }
}

#[test]
fn too_many_entries_are_a_gap() {
    let mut layer = LayerBuilder::new();
    for number in 0..50 {
        layer = layer.file(&format!("f{number}"), "");
    }
    let image = ImageBuilder::new().layer(layer).build();
    let folder = std::env::temp_dir();
    let mut options = options(&folder);
    options.limits = Limits { entries: 20, ..Limits::default() };
    let found = print(&catalog_image(Source::Layers(Box::new(Memory::new(&image))), &options).unwrap());
    assert!(found[0].contains("expected at most 20 entries in a layer"), "{found:?}");
}

#[test]
fn a_large_file_is_put_aside_and_read_all_the_same() {
    let folder = temporary_folder("spool");
    let image = ImageBuilder::from_text("//- layer\n//- file a.list\npypi aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1\n").build();
    let mut options = options(&folder);
    options.limits = Limits { memory_file_bytes: 10, ..Limits::default() };
    let inventory = catalog_image(Source::Layers(Box::new(Memory::new(&image))), &options).unwrap();
    assert_eq!(inventory.packages.len(), 1);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing stays behind");
    options.limits = Limits { file_bytes: 10, memory_file_bytes: 10, ..Limits::default() };
    let found = print(&catalog_image(Source::Layers(Box::new(Memory::new(&image))), &options).unwrap());
    assert!(found[0].contains("expected at most 10 bytes, found"), "{found:?}");
}

#[test]
fn a_cached_layer_gives_the_same_without_its_bytes() {
    let folder = temporary_folder("cache");
    let cache = LayerCache::new(&folder);
    let built = two_layers().build();
    let mut options = options(&folder);
    options.cache = Some(&cache);
    let cold = catalog_image(Source::Layers(Box::new(Memory::new(&built))), &options).unwrap();
    let nothing = Memory::new(&built).with_blob(0, Vec::new()).with_blob(1, Vec::new());
    let warm = catalog_image(Source::Layers(Box::new(nothing)), &options).unwrap();
    assert_eq!(cold, warm);
    assert_eq!(warm.packages.len(), 2);
}

#[test]
fn a_layer_that_is_not_what_it_says_never_enters_the_cache() {
    let folder = temporary_folder("poison");
    let cache = LayerCache::new(&folder);
    let built = two_layers().build();
    let mut options = options(&folder);
    options.cache = Some(&cache);
    let poisoned = Memory::new(&built).with_blob(0, built.layers[1].blob.clone());
    catalog_image(Source::Layers(Box::new(poisoned)), &options).unwrap_err();
    let cut = built.layers[0].blob[..30].to_vec();
    catalog_image(Source::Layers(Box::new(Memory::new(&built).with_blob(0, cut))), &options).unwrap();
    let honest = catalog_image(Source::Layers(Box::new(Memory::new(&built))), &options).unwrap();
    assert_eq!(honest.packages.len(), 2);
    assert!(honest.gaps.is_empty());
}

#[test]
fn a_folder_is_read_without_leaving_it() {
    let folder = temporary_folder("folder");
    let outside = temporary_folder("outside");
    std::fs::write(outside.join("secret"), "pypi secret 1\n").unwrap();
    std::fs::create_dir_all(folder.join("a/b")).unwrap();
    std::fs::write(folder.join("a/b/x.list"), "pypi a 1\n").unwrap();
    std::fs::write(folder.join("data"), "pypi d 1\n").unwrap();
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, folder.join(name)).unwrap();
    link(outside.join("secret").to_str().unwrap(), "out.list");
    link("../../../../../../data", "in.list");
    link("loop.list", "loop.list");
    link("a", "again");
    let spool = std::env::temp_dir();
    let found = print(&catalog_folder(&folder, &options(&spool)).unwrap());
    assert_eq!(found[..2], ["pypi a 1 at a/b/x.list since - in -", "pypi d 1 at in.list since - in -"]);
    assert!(found[2].contains("found a cycle"), "{found:?}");
    assert_eq!(found.len(), 3);
    assert!(catalog_folder(&folder.join("missing"), &options(&spool)).is_err());
}

/// Reads `*.lock`: what would be installed.
struct Locks;

impl plimsoll_catalog::Cataloger for Locks {
    fn name(&self) -> &'static str {
        "locks"
    }
    fn revision(&self) -> u32 {
        1
    }
    fn wants(&self, entry: &plimsoll_catalog::Entry<'_>) -> bool {
        entry.file_name() == "lock"
    }
    fn evidence(&self) -> plimsoll_catalog::Evidence {
        plimsoll_catalog::Evidence::Declared
    }
    fn catalog(
        &self,
        file: &plimsoll_catalog::ImageFile<'_>,
        out: &mut plimsoll_catalog::Catalog,
    ) -> Result<(), plimsoll_catalog::ReadError> {
        plimsoll_catalog::Cataloger::catalog(&support::Lists, file, out)
    }
}

#[test]
fn a_lock_file_counts_in_a_source_tree_alone() {
    let folder = temporary_folder("locks");
    std::fs::write(folder.join("lock"), "pypi asked 1\n").unwrap();
    let spool = std::env::temp_dir();
    let mut options = options(&spool);
    options.catalogers = &[&support::Lists, &Locks];
    assert_eq!(print(&catalog_folder(&folder, &options).unwrap()), ["pypi asked 1 at lock since - in -"]);
    // With a release file the folder is a root file system.
    std::fs::write(folder.join("os.list"), "os debian\ndeb a 1\n").unwrap();
    let found = print(&catalog_folder(&folder, &options).unwrap());
    assert_eq!(found, ["deb a 1 at os.list since - in -", "os debian from os.list"]);
    let image = ImageBuilder::from_text("//- layer\n//- file lock\npypi asked 1\n").build();
    let inventory = catalog_image(Source::Layers(Box::new(Memory::new(&image))), &options).unwrap();
    assert!(inventory.packages.is_empty());
}

fn with_limits(image: &ImageBuilder, limits: Limits) -> Result<Vec<String>, String> {
    let folder = std::env::temp_dir();
    let mut options = options(&folder);
    options.limits = limits;
    catalog_image(Source::Layers(Box::new(Memory::new(&image.build()))), &options)
        .map(|inventory| print(&inventory))
        .map_err(|error| error.to_string())
}

/// Lists of packages, as one file.
fn many(count: usize) -> String {
    (0..count).fold(String::new(), |text, number| text + &format!("pypi p{number} 1\n"))
}

#[test]
fn many_names_of_one_file_do_not_multiply_its_packages_without_end() {
    let limits = Limits { layer_result_bytes: 1 << 20, ..Limits::default() };
    let stays_small = |layer: LayerBuilder, what: &str| {
        let first = LayerBuilder::new().file("first.list", "pypi a 1\n");
        let found = with_limits(&ImageBuilder::new().layer(first).layer(layer), limits).unwrap();
        assert!(found.len() < 5000, "{what}: {}", found.len());
        assert!(found.iter().any(|line| line == "pypi a 1 at first.list since 0 in 0"), "{what}");
        let reason = "expected results of a layer of at most 1048576 bytes, found more";
        assert!(found.iter().any(|line| line.contains(reason)), "{what}: {:?}", found.last());
    };
    let mut hard = LayerBuilder::new().file("a.list", many(500));
    let mut elsewhere = LayerBuilder::new().file("a", many(500));
    let mut symbolic = LayerBuilder::new().file("a", many(500));
    let mut again = LayerBuilder::new();
    for number in 0..500 {
        hard = hard.hard_link(&format!("{number}.list"), "a.list");
        elsewhere = elsewhere.hard_link(&format!("{number}.list"), "a");
        symbolic = symbolic.symlink(&format!("{number}.list"), "a");
        again = again.file("a.list", many(500));
    }
    stays_small(hard, "hard links");
    stays_small(elsewhere, "hard links to a file nobody wants");
    stays_small(symbolic, "symbolic links");
    stays_small(again, "the same file again and again");
}

#[test]
fn layers_that_hold_too_much_together_are_an_error() {
    let mut image = ImageBuilder::new();
    for number in 0..8 {
        image = image.layer(LayerBuilder::new().file(&format!("{number}.list"), many(1000)));
    }
    let limits = Limits { image_result_bytes: 2 << 20, ..Limits::default() };
    assert_eq!(
        with_limits(&image, limits).unwrap_err(),
        "cannot catalog the image: expected results of its layers of at most 2097152 bytes together, found more"
    );
    assert_eq!(with_limits(&image, Limits::default()).unwrap().len(), 8000);
}

#[test]
fn a_symbolic_link_to_megabytes_is_a_gap_and_not_kept() {
    let layer = LayerBuilder::new().symlink("a.list", &"x/".repeat(500_000)).file("b.list", "pypi b 1\n");
    let found = with_limits(&ImageBuilder::new().layer(layer), Limits::default()).unwrap();
    assert_eq!(
        found,
        [
            "pypi b 1 at b.list since 0 in 0",
            "gap a.list: expected a symbolic link's target of at most 4096 bytes, found 1000000; it is not followed"
        ]
    );
}

#[test]
fn a_reason_quotes_a_path_without_its_control_characters() {
    let layer =
        LayerBuilder::new().file(&format!("\u{1b}[31m{}", "x".repeat(5000)), "").file("b.list", "pypi b 1\n");
    let found = with_limits(&ImageBuilder::new().layer(layer), Limits::default()).unwrap();
    assert!(found[1].contains(r"found 5005 in `\u{1b}[31mxxx"), "{found:?}");
    assert!(found[1].contains("xxx…`; the entry was passed over"), "{found:?}");
}
