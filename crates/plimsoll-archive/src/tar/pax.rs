//! The records of a pax extension header.
//!
//! Source: POSIX.1-2017, `pax`, "pax Header Block"; GNU tar manual, "Storing Sparse Files"; behaviour of Go 1.26,
//! `archive/tar`.

/// Records of one pax header; an empty value counts as none.
#[derive(Clone, Debug, Default)]
pub(super) struct PaxRecords {
    /// The path.
    pub(super) path: Vec<u8>,
    /// What a link leads to.
    pub(super) link: Vec<u8>,
    /// The size of the content in bytes.
    pub(super) size: Option<u64>,
    /// The path of a sparse file.
    pub(super) sparse_name: Vec<u8>,
    sparse_major: Vec<u8>,
    sparse_minor: Vec<u8>,
    has_sparse_map: bool,
}

impl PaxRecords {
    /// Whether the content is one of GNU's sparse formats 0.0, 0.1 and 1.0.
    pub(super) fn is_sparse(&self) -> bool {
        match (self.sparse_major.as_slice(), self.sparse_minor.as_slice()) {
            (b"0", b"0" | b"1") | (b"1", b"0") => true,
            (b"", b"") => self.has_sparse_map,
            _ => false,
        }
    }
}

/// Reads `length key=value\n` records. Unknown keys are passed over; of a key that stands twice the last value counts.
pub(super) fn parse_pax(mut bytes: &[u8]) -> Result<PaxRecords, String> {
    let mut out = PaxRecords::default();
    while !bytes.is_empty() && bytes[0] != 0 {
        let blank = bytes.iter().take(20).position(|&byte| byte == b' ').ok_or("no length")?;
        let length: usize = std::str::from_utf8(&bytes[..blank])
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or("a length that is no number")?;
        let record = bytes.get(blank + 1..length).ok_or("a length beyond the header")?;
        let record = record.strip_suffix(b"\n").ok_or("a record without a line end")?;
        let equals = record.iter().position(|&byte| byte == b'=').ok_or("a record without `=`")?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => out.path = value.to_vec(),
            b"linkpath" => out.link = value.to_vec(),
            b"size" if value.is_empty() => out.size = None,
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                out.size = Some(size.ok_or("a size that is no number")?);
            }
            b"GNU.sparse.name" => out.sparse_name = value.to_vec(),
            b"GNU.sparse.major" => out.sparse_major = value.to_vec(),
            b"GNU.sparse.minor" => out.sparse_minor = value.to_vec(),
            b"GNU.sparse.map" => out.has_sparse_map = !value.is_empty(),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => out.has_sparse_map = true,
            _ => {}
        }
        bytes = &bytes[length..];
    }
    Ok(out)
}
