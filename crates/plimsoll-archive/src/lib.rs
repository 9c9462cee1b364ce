//! Readers of foreign containers of bytes: tar, gzip, zstd and zip, each bounded in bytes, depth and entries.
//!
//! Nothing is ever extracted to disk by a name that came from an archive.

mod compression;
mod path;
mod read_at;
mod tar;
mod zip;

pub use compression::{CHUNK_BYTES, Compression, Decompressed, Stored};
pub use path::normalize;
pub use read_at::{ReadAt, ReadAtCursor};
pub use tar::{EntryKind, TarEntry, TarError, TarItem, TarReader};
pub use zip::{Window, Zip, ZipEntry, ZipError, ZipLimits};
