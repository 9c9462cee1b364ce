//! What the tests of the language catalogers share: a catalog as lines, and a writer of stored zip archives.

use std::fmt::Write as _;

use flate2::Crc;

use crate::seam::{Catalog, ReadError};

/// A catalog as lines: packages as `name version (direct) [licence, …] @ inner path`, then gaps, then the error.
pub(crate) fn lines(catalog: &Catalog, result: Result<(), ReadError>) -> String {
    let mut out = String::new();
    for package in &catalog.packages {
        write!(out, "{} {} {}", package.kind, package.name, package.version).unwrap();
        if let Some(direct) = package.direct {
            out.push_str(if direct { " (direct)" } else { " (transitive)" });
        }
        if !package.licenses.is_empty() {
            write!(out, " [{}]", package.licenses.join(", ")).unwrap();
        }
        if let Some(inner) = &package.inner_path {
            write!(out, " @ {inner}").unwrap();
        }
        out.push('\n');
    }
    for (place, reason) in &catalog.gaps {
        writeln!(out, "gap {place}: {reason}").unwrap();
    }
    if let Err(error) = result {
        writeln!(out, "error: {error}").unwrap();
    }
    out
}

/// A zip archive whose entries are stored.
pub(crate) fn zip<Name: AsRef<str>, Content: AsRef<[u8]>>(entries: &[(Name, Content)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let short = |length: usize| u16::try_from(length).unwrap().to_le_bytes();
    let long = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    for (name, content) in entries {
        let (name, content) = (name.as_ref().as_bytes(), content.as_ref());
        let mut crc = Crc::new();
        crc.update(content);
        let mut fields = vec![0; 8];
        fields.extend(crc.sum().to_le_bytes());
        fields.extend(long(content.len()));
        fields.extend(long(content.len()));
        fields.extend(short(name.len()));
        fields.extend([0; 2]);

        directory.extend(*b"PK\x01\x02\x14\0\x14\0");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(long(out.len()));
        directory.extend(name);

        out.extend(*b"PK\x03\x04\x14\0");
        out.extend(&fields);
        out.extend(name);
        out.extend(content);
    }
    let offset = out.len();
    out.extend(&directory);
    out.extend(*b"PK\x05\x06\0\0\0\0");
    out.extend(short(entries.len()));
    out.extend(short(entries.len()));
    out.extend(long(directory.len()));
    out.extend(long(offset));
    out.extend([0; 2]);
    out
}
