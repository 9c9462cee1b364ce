//! Readers of foreign containers of bytes: tar, gzip, zstd and zip, each bounded in bytes, depth and entries.
//!
//! Nothing is ever extracted to disk by a name that came from an archive.

mod read_at;

pub use read_at::{ReadAt, ReadAtCursor};
