//! How much memory results take, about: what they hold grows with the image, and an image is foreign.

use plimsoll_catalog::{Catalog, OwnedFiles};
use plimsoll_model::Package;

use crate::layer::{FileCatalog, LayerCatalog, LayerGap};

/// Bytes of a text that stands in a list by itself.
pub(crate) fn of_text(text: &str) -> u64 {
    (size_of::<String>() + text.len()) as u64
}

/// Bytes of what was read from one file.
pub(crate) fn of_file(file: &FileCatalog) -> u64 {
    let Catalog { packages, os: _, owned, named, gaps } = &file.catalog;
    let fixed = (size_of::<FileCatalog>() + file.path.len() + file.cataloger.len()) as u64;
    let gaps = gaps.iter().map(|(place, reason)| of_text(place) + of_text(reason));
    packages
        .iter()
        .map(of_package)
        .chain(owned.iter().map(of_owned))
        .chain(named.iter().map(|name| of_text(name)))
        .chain(gaps)
        .fold(fixed, u64::saturating_add)
}

/// Bytes of a layer's whole result.
pub(crate) fn of_layer(layer: &LayerCatalog) -> u64 {
    let LayerCatalog { files, whiteouts, opaque, symlinks, gaps, entries: _, covers, folders } = layer;
    let hashes = ((covers.len() + folders.len()) * size_of::<u64>()) as u64;
    let gap = |gap: &LayerGap| of_text(&gap.path) + of_text(&gap.reporter) + of_text(&gap.reason);
    files
        .iter()
        .map(of_file)
        .chain(whiteouts.iter().chain(opaque).map(|path| of_text(path)))
        .chain(symlinks.iter().map(|(path, target)| of_text(path) + of_text(target)))
        .chain(gaps.iter().map(gap))
        .fold(hashes, u64::saturating_add)
}

fn of_package(package: &Package) -> u64 {
    let Package { name, version, cataloger, path, licenses, source, .. } = package;
    let Package { architecture, module, vendor, inner_path, .. } = package;
    let texts = [name, version, cataloger, path].into_iter().map(String::len);
    let optional = [architecture, module, vendor, inner_path].into_iter().flatten().map(String::len);
    let source = source.iter().map(|source| source.name.len() + source.version.len());
    let licenses = licenses.iter().map(|text| size_of::<String>() + text.len());
    (size_of::<Package>() + texts.chain(optional).chain(source).chain(licenses).sum::<usize>()) as u64
}

fn of_owned(owned: &OwnedFiles) -> u64 {
    let paths = owned.paths.iter().map(|path| of_text(path));
    paths.fold((size_of::<OwnedFiles>() + owned.name.len()) as u64, u64::saturating_add)
}
