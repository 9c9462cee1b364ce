//! Where images come from: references, registries, engine sockets, layouts and archives.

mod source;

pub use source::{ImageSource, ImageStream, ResolvedImage, Source, StoredLayer};
