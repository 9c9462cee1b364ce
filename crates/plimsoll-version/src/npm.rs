//! npm's order: SemVer, read as loosely as npm reads what it finds.
//!
//! Taken beyond npm: fewer than three numbers, as bounds of advisories have them, and numbers of any length. Not
//! taken: what npm reads only by cutting a number in two (`1.2.34.5` as `1.2.3-4.5`), and a `-` with nothing behind it.
//!
//! Source: Semantic Versioning 2.0.0; node-semver 7, `SemVer` with `loose`.

use crate::cursor::{Cursor, Fault};
use crate::semver::{Rules, SemVer};

pub(crate) fn read(text: &[u8]) -> Result<SemVer<'_>, Fault<'_>> {
    let mut cursor = Cursor::new(text);
    cursor.run(|byte| matches!(byte, b'v' | b'=') || byte.is_ascii_whitespace());
    SemVer::read_with(
        cursor,
        Rules { numbers: 3, leading_zeros: true, short_with_more: true, bare_pre_release: true },
    )
}
