//! Go's order: of modules (`v1.2.3-0.20240102030405-abcdefabcdef+incompatible`) and of toolchains (`go1.21rc2`).
//!
//! A toolchain takes the place of the module version that Go's own vulnerability database writes for it:
//! `go1.21rc2` that of `1.21.0-rc.2`. A missing number is 0, so `go1.21` is the release 1.21.0; to `go version` it
//! names the language from 1.21 on, which no program is built with. What follows `go1.21.3` behind `-`, `+` or a
//! space (`go1.21.3 X:boringcrypto`) names a build of the same release.
//!
//! Source: Go modules reference, "Versions"; `golang.org/x/mod/semver`; `go/version`.

use crate::cursor::{Cursor, Fault};
use crate::semver::{Rules, SemVer};

pub(crate) fn read(text: &[u8]) -> Result<SemVer<'_>, Fault<'_>> {
    let mut cursor = Cursor::new(text);
    if let Some(toolchain) = text.strip_prefix(b"go") {
        let build = toolchain.iter().position(|byte| matches!(byte, b'-' | b'+' | b' '));
        let release = build.map_or(toolchain, |at| &toolchain[..at]);
        return read_toolchain(Cursor::new(release));
    }
    let has_v = cursor.eat(b"v");
    let module = SemVer::read_with(
        cursor,
        Rules { numbers: 3, leading_zeros: false, short_with_more: false, bare_pre_release: false },
    );
    match module {
        Err(_) if !has_v => read_toolchain(cursor).or(module),
        module => module,
    }
}

/// `1.21.3` or `1.21rc2`.
fn read_toolchain(mut cursor: Cursor<'_>) -> Result<SemVer<'_>, Fault<'_>> {
    let mut numbers = [&[][..]; 4];
    let mut count = 0;
    for number in numbers.iter_mut().take(3) {
        if count > 0 && !cursor.eat(b".") {
            break;
        }
        let before = cursor;
        *number = cursor.number()?;
        if number.len() > 1 && number.starts_with(b"0") {
            return Err(before.fault("a number without leading zeros"));
        }
        count += 1;
    }
    let mut pre_release = &[][..];
    if count == 2 && !cursor.rest.is_empty() {
        pre_release = cursor.rest;
        let letters = cursor.run(|byte| byte.is_ascii_lowercase());
        if letters.is_empty() {
            return Err(cursor.fault("`.` and digits, or letters as in `rc2`"));
        }
        let digits = cursor.digits();
        if digits.len() > 1 && digits.starts_with(b"0") {
            return Err(Fault { expected: "a number without leading zeros", found: digits });
        }
    }
    cursor.end("`.` and digits, or letters as in `rc2`")?;
    Ok(SemVer { numbers, pre_release, parts_digits: true })
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::semver::Letters;

    #[test]
    fn a_toolchain_takes_the_place_of_its_module_version() {
        for (left, order, right) in [
            ("go1.21.3", Ordering::Equal, "1.21.3"),
            ("go1.21.3", Ordering::Equal, "v1.21.3"),
            ("go1.20", Ordering::Equal, "1.20.0"),
            ("go1.21", Ordering::Equal, "1.21.0"),
            ("go1.21rc2", Ordering::Equal, "1.21.0-rc.2"),
            ("1.21rc2", Ordering::Equal, "go1.21rc2"),
            ("go1.21rc2", Ordering::Less, "go1.21rc10"),
            ("go1.21rc2", Ordering::Greater, "1.21.0-0"),
            ("go1.9beta2", Ordering::Less, "1.9.0-rc.1"),
            ("go1.21.3-custom", Ordering::Equal, "1.21.3"),
            ("go1.21.3 X:boringcrypto", Ordering::Equal, "1.21.3"),
            ("go1.21.3+auto", Ordering::Equal, "1.21.3"),
        ] {
            let (left_place, right_place) = (read(left.as_bytes()).unwrap(), read(right.as_bytes()).unwrap());
            assert_eq!(left_place.compare(&right_place, Letters::Exact), order, "{left} {right}");
            assert_eq!(right_place.compare(&left_place, Letters::Exact), order.reverse(), "{right} {left}");
        }
    }

    #[test]
    fn a_build_from_no_release_is_refused() {
        for text in
            ["(devel)", "devel", "devel go1.23-abcdef", "go", "v", "latest", "go1.21.3rc1", "go1.21RC1"]
        {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
