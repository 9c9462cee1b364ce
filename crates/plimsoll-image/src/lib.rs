//! Layers and whiteouts folded into one tree, and that tree's files into packages.
//!
//! A layer is read once, as one stream: hashed, decompressed and walked, and only the files that a cataloger wants are
//! held, one at a time. What a layer holds never changes, so the result is cached under its diff ID. The fold then
//! decides from the results alone which files are visible in the image, who installed them, and which layer brought
//! each package. Nothing is unpacked to disk.

mod analyze;
mod cache;
mod direct;
mod error;
mod fold;
mod folder;
mod in_flight;
mod layer;
mod limits;
mod links;
mod path_hash;
mod spool;
mod weight;

pub use analyze::{NoProgress, Options, Progress, catalog_folder, catalog_image};
pub use cache::LayerCache;
pub use error::Error;
pub use in_flight::InFlight;
pub use limits::Limits;

/// Gives foreign bytes to the walk and the fold, for fuzzing: neither may panic or take without end.
#[doc(hidden)]
pub fn fuzz_layers(bytes: &[u8]) {
    let limits = Limits {
        entries: 1000,
        layer_bytes: 4 << 20,
        memory_file_bytes: 1 << 20,
        file_bytes: 1 << 20,
        ..Limits::default()
    };
    let reader = layer::LayerReader {
        catalogers: plimsoll_catalog::CATALOGERS,
        limits: &limits,
        spool_folder: std::path::Path::new("/nonexistent"),
    };
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let layers: Vec<fold::FoldLayer> = [first, second]
        .into_iter()
        .filter_map(|mut stored| reader.walk(&mut stored).ok())
        .enumerate()
        .map(|(index, walked)| fold::FoldLayer {
            diff_id: index.to_string(),
            catalog: std::sync::Arc::new(walked.catalog),
        })
        .collect();
    let _ = links::links_to_follow(&layers, plimsoll_catalog::CATALOGERS);
    let _ = fold::fold(&layers);
}
