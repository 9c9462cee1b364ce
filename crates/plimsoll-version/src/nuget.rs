//! NuGet's order: SemVer with up to four numbers, letters compared without case.
//!
//! Source: NuGet documentation, "Package versioning" and its section "Normalized version numbers".

use crate::cursor::{Cursor, Fault};
use crate::semver::{Rules, SemVer};

pub(crate) fn read(text: &[u8]) -> Result<SemVer<'_>, Fault<'_>> {
    SemVer::read_with(
        Cursor::new(text),
        Rules { numbers: 4, leading_zeros: true, short_with_more: true, bare_pre_release: false },
    )
}
