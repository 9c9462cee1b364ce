//! Keys of objects: which may be used.

use crate::Error;

/// The longest key, in bytes, as S3 has it.
pub const MAX_KEY_BYTES: usize = 1024;
/// The longest part of a key in a folder, in bytes: 255 are a file's, and a name beside it must fit while it is written.
const MAX_PART_BYTES: usize = 240;

/// Refuses a key that is none: empty, absolute, with empty parts, `.`, `..` or control characters, or too long.
///
/// # Errors
/// [`Error::Key`].
pub(crate) fn check(key: &str, is_folder: bool) -> Result<(), Error> {
    let wrong = |expected, found: String| {
        // A key that is much too long is told by its beginning.
        Err(Error::Key { key: key.chars().take(MAX_PART_BYTES).collect(), expected, found })
    };
    let expected = "parts separated by `/`, none of them empty";
    if key.is_empty() {
        return wrong(expected, "nothing".to_owned());
    }
    if key.len() > MAX_KEY_BYTES {
        return wrong("at most 1024 bytes", format!("{}", key.len()));
    }
    if let Some(c) = key.chars().find(|c| c.is_control()) {
        return wrong("no control characters", format!("{c:?}"));
    }
    for part in key.split('/') {
        match part {
            "" => return wrong(expected, "an empty one".to_owned()),
            "." | ".." => return wrong("parts that are names", format!("`{part}`")),
            _ if is_folder && part.len() > MAX_PART_BYTES => {
                return wrong("parts of at most 240 bytes", format!("{}", part.len()));
            }
            _ => {}
        }
    }
    // In a folder such names are those of objects that are being written.
    let name = key.rsplit('/').next().unwrap_or_default();
    if is_folder
        && let Some((_, digits)) = name.rsplit_once('#')
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return wrong("a name that does not end with `#` and digits", format!("`{name}`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_where_they_belong() {
        let long = "a".repeat(241);
        let longest = format!("{}b", "a/".repeat(511));
        for key in ["a", "a/b.json", "a b/ü~{}%", "..a/b..", longest.as_str()] {
            assert!(check(key, true).is_ok(), "{key}");
        }
        for key in
            ["", "/a", "a/", "a//b", ".", "a/../b", "../a", "a\0b", "a\nb", &long, "a#1", &"a/".repeat(600)]
        {
            assert!(check(key, true).is_err(), "{key:?}");
        }
        assert!(check(&long, false).is_ok() && check("a#1", false).is_ok());
    }
}
