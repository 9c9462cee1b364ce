//! An image in memory, and a cataloger of lists, so that these tests speak of layers alone.
#![allow(dead_code, reason = "each test file uses its part")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{self, Read};
use std::path::PathBuf;

use plimsoll_catalog::{Catalog, Cataloger, Entry, ImageFile, ReadError};
use plimsoll_image::{Limits, NoProgress, Options};
use plimsoll_model::{Inventory, OsRelease, Package, PackageKind};
use plimsoll_oci::{ImageSource, ResolvedImage, Source, StoredLayer};
use plimsoll_testkit::image::{BuiltImage, ImageBuilder};

/// Reads `*.list`: `deb name version`, `pypi name version`, `owns name path`, `os id`, `gap reason`.
pub(crate) struct Lists;

fn is_list(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|extension| extension == "list")
}

impl Cataloger for Lists {
    fn name(&self) -> &'static str {
        "lists"
    }
    fn revision(&self) -> u32 {
        1
    }
    fn wants(&self, entry: &Entry<'_>) -> bool {
        is_list(entry.path)
    }
    fn wants_content(&self, head: &[u8]) -> bool {
        !head.starts_with(b"not")
    }
    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        for line in file.text(1 << 20)?.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["os", id] if is_list(file.path) => {
                    out.os =
                        Some(OsRelease { id: id.into(), path: file.path.into(), ..OsRelease::default() });
                }
                ["owns", name, path] => out.owned.push(plimsoll_catalog::OwnedFiles {
                    kind: PackageKind::Deb,
                    name: name.into(),
                    architecture: None,
                    paths: vec![path.into()],
                }),
                ["gap", reason] => out.gap("line", reason),
                [kind, name, version] => {
                    let kind = PackageKind::from_purl_type(kind).unwrap();
                    out.package(Package::new(kind, name, version, "lists"));
                }
                [""] => {}
                _ => return Err(ReadError::malformed("a list", line)),
            }
        }
        Ok(())
    }
}

pub(crate) struct Memory {
    image: ResolvedImage,
    blobs: Vec<Vec<u8>>,
}

impl Memory {
    pub(crate) fn new(built: &BuiltImage) -> Self {
        let layers = built
            .layers
            .iter()
            .map(|layer| StoredLayer {
                diff_id: layer.diff_id.parse().unwrap(),
                digest: Some(layer.digest.parse().unwrap()),
                media_type: layer.media_type.to_owned(),
                size_bytes: layer.blob.len() as u64,
                urls: Vec::new(),
            })
            .collect();
        let blobs = built.layers.iter().map(|layer| layer.blob.clone()).collect();
        Self { image: ResolvedImage { layers, ..ResolvedImage::default() }, blobs }
    }

    pub(crate) fn with_blob(mut self, index: usize, blob: Vec<u8>) -> Self {
        self.blobs[index] = blob;
        self
    }

    /// Makes the first layer's diff ID that of `tar`.
    pub(crate) fn claiming(mut self, tar: &[u8]) -> Self {
        self.image.layers[0].diff_id = plimsoll_testkit::image::sha256(tar).parse().unwrap();
        self
    }
}

impl ImageSource for Memory {
    fn image(&self) -> &ResolvedImage {
        &self.image
    }
    fn open_layer(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.blobs[index].as_slice()))
    }
}

pub(crate) const LISTS: &[&dyn Cataloger] = &[&Lists];

pub(crate) fn temporary_folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("plimsoll-image-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn options(spool: &std::path::Path) -> Options<'_> {
    Options {
        catalogers: LISTS,
        cache: None,
        in_flight: None,
        spool_folder: spool,
        limits: Limits::default(),
        threads: 2,
        progress: &NoProgress,
    }
}

pub(crate) fn catalog(source: Memory) -> Inventory {
    let spool = std::env::temp_dir();
    plimsoll_image::catalog_image(Source::Layers(Box::new(source)), &options(&spool)).unwrap()
}

/// An image written as text, cataloged, and printed a line a package: `pypi a 1 at path from 0 in 1`.
pub(crate) fn lines(text: &str) -> Vec<String> {
    print(&catalog(Memory::new(&ImageBuilder::from_text(text).build())))
}

pub(crate) fn print(inventory: &Inventory) -> Vec<String> {
    let mut lines: Vec<String> = inventory
        .packages
        .iter()
        .map(|package| {
            let index = |layer: &Option<plimsoll_model::Layer>| {
                layer.as_ref().map_or(String::from("-"), |l| l.index.to_string())
            };
            let owner = package
                .owner
                .as_ref()
                .map_or(String::new(), |owner| format!(" owned by {} {}", owner.name, owner.version));
            format!(
                "{} {} {} at {} since {} in {}{owner}",
                package.kind,
                package.name,
                package.version,
                package.path,
                index(&package.introduced_in),
                index(&package.layer),
            )
        })
        .collect();
    lines.extend(inventory.os.iter().map(|os| format!("os {} from {}", os.id, os.path)));
    lines.extend(
        inventory
            .gaps
            .iter()
            .filter(|gap| !(gap.path.is_empty() && gap.reason.starts_with("expected packages")))
            .map(|gap| format!("gap {}: {}", gap.path, gap.reason)),
    );
    lines
}
