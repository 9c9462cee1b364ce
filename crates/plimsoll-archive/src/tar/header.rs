//! The header block of a tar entry: its fields, in the forms that writers gave them.
//!
//! Source: POSIX.1-2017, `pax`, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"; behaviour of Go 1.26,
//! `archive/tar`.

/// Length of a tar block in bytes.
pub(super) const BLOCK: usize = 512;

/// A header whose checksum is right.
pub(super) struct Header([u8; BLOCK]);

impl Header {
    /// The header in a block; `None` for the block of zeros that ends an archive.
    ///
    /// # Errors
    /// What the block is instead.
    pub(super) fn of(block: &[u8; BLOCK]) -> Result<Option<Self>, &'static str> {
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(i, &b)| if (148..156).contains(&i) { 32 } else { u64::from(b) })
            .sum();
        // Some old writers summed signed bytes.
        let signed: i64 = block
            .iter()
            .enumerate()
            .map(|(i, &b)| if (148..156).contains(&i) { 32 } else { i64::from(b.cast_signed()) })
            .sum();
        match octal(&block[148..156]) {
            None => Err("bytes without a checksum"),
            Some(written) if written == sum || written.cast_signed() == signed => Ok(Some(Self(*block))),
            Some(_) => Err("a wrong checksum"),
        }
    }

    /// The letter that says what the entry is.
    pub(super) fn kind(&self) -> u8 {
        self.0[156]
    }

    /// The size of the content in bytes.
    ///
    /// # Errors
    /// What stands there that is no size.
    pub(super) fn size(&self) -> Result<u64, String> {
        let field = &self.0[124..136];
        number(field).ok_or_else(|| format!("`{}`", String::from_utf8_lossy(until_nul(field)).escape_debug()))
    }

    /// The permission bits; 0 where there are none.
    pub(super) fn mode(&self) -> u32 {
        u32::try_from(number(&self.0[100..108]).unwrap_or(0) & 0o7777).unwrap_or(0)
    }

    /// The path, with the prefix that some forms have.
    pub(super) fn path(&self) -> Vec<u8> {
        ustar_path(&self.0)
    }

    /// What a link leads to.
    pub(super) fn link(&self) -> &[u8] {
        until_nul(&self.0[157..257])
    }

    /// Whether a block with the rest of a sparse map stands behind this one, in GNU's old form.
    pub(super) fn has_more_sparse_map(&self) -> bool {
        self.0[482] != 0
    }
}

/// The bytes before the first zero byte.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or(bytes)
}

/// A number in octal digits or in base 256.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 == 0 { octal(field) } else { base_256(field) }
}

/// A field of blanks and zero bytes alone is 0: writers leave fields empty that say nothing.
fn octal(field: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for byte in field.iter().copied().skip_while(|&byte| byte == b' ' || byte == 0) {
        match byte {
            b'0'..=b'7' => value = value.checked_mul(8)?.checked_add(u64::from(byte - b'0'))?,
            b' ' | 0 => break,
            _ => return None,
        }
    }
    Some(value)
}

fn base_256(field: &[u8]) -> Option<u64> {
    // The first bit marks the form, the second is the sign: no size is negative.
    if field[0] & 0x40 != 0 {
        return None;
    }
    field.iter().enumerate().try_fold(0_u64, |value, (index, &byte)| {
        let byte = if index == 0 { byte & 0x3f } else { byte };
        value.checked_mul(256)?.checked_add(u64::from(byte))
    })
}

fn ustar_path(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_nul(&block[0..100]);
    let prefix = until_nul(match &block[257..263] {
        // Schilling's form has times where the end of ustar's prefix is.
        b"ustar\0" if &block[508..512] == b"tar\0" => &block[345..476],
        b"ustar\0" => &block[345..500],
        // Go before 1.8 wrote a prefix over the times of GNU's form; what is no time is still read as that.
        b"ustar " if &block[263..265] == b" \0" && !has_gnu_times(block) => {
            Some(&block[345..500]).filter(|prefix| until_nul(prefix).is_ascii()).unwrap_or_default()
        }
        _ => &[],
    });
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

/// Whether both times of a GNU header are numbers, or not set.
fn has_gnu_times(block: &[u8; BLOCK]) -> bool {
    let is_number = |field: &[u8]| {
        if field[0] & 0x80 == 0 {
            let padding = |byte: &u8| matches!(byte, b' ' | 0);
            let start = field.iter().position(|byte| !padding(byte)).unwrap_or(field.len());
            let end = field.iter().rposition(|byte| !padding(byte)).map_or(start, |last| last + 1);
            let digits = until_nul(&field[start..end]);
            return digits.iter().all(|digit| matches!(digit, b'0'..=b'7'));
        }
        // Two's complement that must fit into 64 bits: the bytes before the last eight say nothing but the sign.
        let sign = if field[0] & 0x40 == 0 { 0 } else { 0xff };
        let value = field
            .iter()
            .enumerate()
            .map(|(at, byte)| if at == 0 { (byte ^ sign) & 0x7f } else { byte ^ sign });
        value.take(field.len() - 8).all(|byte| byte == 0) && (field[field.len() - 8] ^ sign) & 0x80 == 0
    };
    [&block[345..357], &block[357..369]].iter().all(|field| field[0] == 0 || is_number(field))
}
