//! Keys of S3 as paths of a store, and back.
//!
//! S3's keys are any text: `a` and `a/b` live beside each other, `..` and `//` mean nothing. A folder cannot hold that, so
//! every key has one path, from which it can be read again, and an ordinary key is its own path:
//!
//! - `reports/app.json` is `reports/app.json`. A last part is written as it is if it ends with an extension that files
//!   have ([`EXTENSIONS`]); else `%` follows it: `README` is `README%`.
//! - Folders are written as they are, unless they end with such an extension: `app.json/1` is `app%2Ejson/1%`. So no
//!   file and no folder ever want the same name.
//! - Control characters, `%`, `\`, `#` and parts that are `.` or `..` are written `%XX`. An empty folder's name (`a//b`,
//!   `/a`) is `%%`, an empty last part (`a/`) is `%`.
//!
//! What others put into the folder under a plain name is found as well: see [`Key::plain`].

use object_store::path::Path;

use crate::refusal::Refusal;

/// Longest key, in bytes of UTF-8.
///
/// Source: Amazon S3 User Guide, "Naming Amazon S3 objects".
pub(crate) const MAX_KEY_BYTES: usize = 1024;
/// Longest part of a path, in bytes; what writes files appends a few characters while it does.
const MAX_PART_BYTES: usize = 240;

/// Extensions by which a part of a path is known as a file.
const EXTENSIONS: &[&str] = &[
    "bin", "bz2", "csv", "gz", "html", "json", "jsonl", "log", "md", "ndjson", "parquet", "pdf", "png",
    "sarif", "sig", "svg", "tar", "tgz", "toml", "tsv", "txt", "xml", "yaml", "yml", "zip", "zst",
];

/// A key that a path exists for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    text: String,
    path: String,
}

impl Key {
    /// # Errors
    /// `KeyTooLongError` if it is longer than S3 or a file's name allows, `InvalidArgument` if it is empty.
    pub(crate) fn new(text: &str) -> Result<Key, Refusal> {
        if text.is_empty() {
            return Err(Refusal::argument("expected a key of at least one character, found none"));
        }
        if text.len() > MAX_KEY_BYTES {
            return Err(Refusal::key_too_long());
        }
        let mut path = String::with_capacity(text.len() + 8);
        let mut rest = text;
        while let Some((folder, behind)) = rest.split_once('/') {
            let begin = path.len();
            write_folder(folder, &mut path);
            if path.len() - begin > MAX_PART_BYTES {
                return Err(part_too_long());
            }
            path.push('/');
            rest = behind;
        }
        let begin = path.len();
        write_file(rest, &mut path);
        if path.len() - begin > MAX_PART_BYTES {
            return Err(part_too_long());
        }
        Ok(Key { text: text.to_owned(), path })
    }

    /// As S3 has it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Its path below the bucket: `reports/app.json`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The path that is the key itself, where that is another one and can be a path at all: under it others may have put a
    /// file. Never a path that another key has: `README%` is where `README` lies.
    pub(crate) fn plain(&self) -> Option<Path> {
        if self.text == self.path || self.text.split('/').any(|part| part.is_empty() || part.contains('\\')) {
            return None;
        }
        let (folders, file) = self.text.rsplit_once('/').unwrap_or(("", &self.text));
        let means_itself = file_name(file) == file
            && folders.split_terminator('/').all(|folder| folder_name(folder) == folder);
        if !means_itself {
            return None;
        }
        Path::parse(&self.text).ok().filter(|path| path.as_ref() == self.text)
    }
}

fn part_too_long() -> Refusal {
    Refusal::new(
        "KeyTooLongError",
        400,
        format!("Your key is too long: expected at most {MAX_PART_BYTES} bytes between slashes"),
    )
}

/// What the path of a key whose folders are these begins with: `reports/`; empty for no folders.
pub(crate) fn folder_path(folders: &str) -> String {
    let mut path = String::with_capacity(folders.len());
    for folder in folders.split_terminator('/') {
        write_folder(folder, &mut path);
        path.push('/');
    }
    path
}

/// The key's part that a folder's name stands for.
pub(crate) fn folder_name(part: &str) -> String {
    if !part.contains('%') {
        return part.to_owned();
    }
    if part == "%%" {
        return String::new();
    }
    let name = unescaped(part);
    let mut written = String::with_capacity(part.len());
    write_folder(&name, &mut written);
    // A name that we would not have written is somebody else's, and means itself.
    if written == part { name } else { part.to_owned() }
}

/// The key's last part that a file's name stands for.
pub(crate) fn file_name(part: &str) -> String {
    if !part.contains('%') {
        return part.to_owned();
    }
    let name = unescaped(part.strip_suffix('%').unwrap_or(part));
    let mut written = String::with_capacity(part.len());
    write_file(&name, &mut written);
    if written == part { name } else { part.to_owned() }
}

/// Whether a name is written as a file's without a mark.
fn is_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty() && EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

fn write_folder(name: &str, path: &mut String) {
    if name.is_empty() {
        path.push_str("%%");
    } else if is_file(name) {
        let dot = name.rfind('.').expect("a file's name has an extension");
        write_escaped(&name[..dot], path);
        path.push_str("%2E");
        path.push_str(&name[dot + 1..]);
    } else {
        write_escaped(name, path);
    }
}

fn write_file(name: &str, path: &mut String) {
    write_escaped(name, path);
    if !is_file(name) {
        path.push('%');
    }
}

fn write_escaped(name: &str, path: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let dots = name == "." || name == "..";
    for character in name.chars() {
        match character {
            '%' | '\\' | '#' | '\0'..='\x1f' | '\x7f' => {
                let byte = character as u8;
                path.push('%');
                path.push(char::from(HEX[usize::from(byte >> 4)]));
                path.push(char::from(HEX[usize::from(byte & 15)]));
            }
            '.' if dots => path.push_str("%2E"),
            other => path.push(other),
        }
    }
}

/// The name itself where it is not one of ours.
fn unescaped(name: &str) -> String {
    let decode = || {
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.as_bytes();
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let (digits, behind) = rest.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = behind;
        }
        String::from_utf8(bytes).ok()
    };
    decode().unwrap_or_else(|| name.to_owned())
}

/// Whether a bucket may be called so.
///
/// Source: Amazon S3 User Guide, "General purpose bucket naming rules".
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        && edge(bytes.first())
        && edge(bytes.last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_path() {
        for (key, path) in [
            ("reports/app.json", "reports/app.json"),
            ("reports/registry.example/app/1.2.3/t.JSON", "reports/registry.example/app/1.2.3/t.JSON"),
            ("tables/v1/findings/date=2026-11-22/a.parquet", "tables/v1/findings/date=2026-11-22/a.parquet"),
            ("README", "README%"),
            (".json", ".json%"),
            ("a", "a%"),
            ("a/b", "a/b%"),
            ("a.json/b.json", "a%2Ejson/b.json"),
            ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd%"),
            ("./x.json", "%2E/x.json"),
            ("/a.json", "%%/a.json"),
            ("a//b.json", "a/%%/b.json"),
            ("a/", "a/%"),
            ("/", "%%/%"),
            ("a\\b.json", "a%5Cb.json"),
            ("a\0.json", "a%00.json"),
            ("%2e%2e/x.json", "%252e%252e/x.json"),
            ("100%", "100%25%"),
            ("part#1.json", "part%231.json"),
            ("grün und …/ß.json", "grün und …/ß.json"),
        ] {
            let found = Key::new(key).unwrap();
            assert_eq!(found.path(), path, "{key:?}");
            let (folders, file) = path.rsplit_once('/').map_or(("", path), |(folders, file)| (folders, file));
            let mut back: Vec<String> =
                if folders.is_empty() { vec![] } else { folders.split('/').map(folder_name).collect() };
            back.push(file_name(file));
            assert_eq!(back.join("/"), key);
            let stored = Path::parse(path).unwrap();
            assert_eq!(stored.as_ref(), path, "the store takes the path as it is");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert!(Key::new(&"a/".repeat(511)).is_ok());
        assert_eq!(Key::new(&"a/".repeat(513)).unwrap_err().code, "KeyTooLongError");
        assert_eq!(Key::new(&"a".repeat(241)).unwrap_err().code, "KeyTooLongError");
        assert_eq!(Key::new(&format!("{}/a", "\u{1}".repeat(100))).unwrap_err().code, "KeyTooLongError");
        assert_eq!(Key::new("").unwrap_err().code, "InvalidArgument");
    }

    #[test]
    fn names_of_others_are_themselves() {
        for name in ["100%.json", "50%x", "%zz", "README", "a%3Ab.json", "%%", "a%2ejson%"] {
            assert_eq!(file_name(name), name);
        }
        for name in ["a.json", "100%", "a%3Ab", "%"] {
            assert_eq!(folder_name(name), name);
        }
        for (key, plain) in
            [("README", Some("README")), ("a/b.json", None), ("../x", None), ("a//b", None), ("a\\b", None)]
        {
            assert_eq!(Key::new(key).unwrap().plain().as_ref().map(AsRef::as_ref), plain, "{key}");
        }
    }

    #[test]
    fn no_key_is_found_under_the_path_of_another() {
        let keys = [
            "a",
            "a%",
            "a%%",
            "a%25",
            "../b.txt",
            "%2E%2E/b.txt",
            "x.json/y",
            "x%2Ejson/y",
            "x%2Ejson/y%",
            "a\\b.txt",
            "a%5Cb.txt",
            "/z.txt",
            "%%/z.txt",
            "50%.txt",
            "50%25.txt",
            "#",
            "%23",
            "%23%",
        ];
        let keys = keys.map(|key| Key::new(key).unwrap());
        for key in &keys {
            for other in &keys {
                let is_other = key.text() != other.text();
                assert!(!is_other || key.path() != other.path(), "{key:?} and {other:?}");
                let plain = key.plain();
                let found = plain.as_ref().map(AsRef::as_ref);
                assert!(!is_other || found != Some(other.path()), "{key:?} is found where {other:?} lies");
            }
        }
        // What others put there under such a name is still found.
        assert_eq!(Key::new("50%.txt").unwrap().plain().map(String::from), Some("50%.txt".to_owned()));
    }

    #[test]
    fn buckets_are_called_as_amazon_allows() {
        for name in ["results", "a-b.c", "123", &"a".repeat(63)] {
            assert!(is_bucket_name(name), "{name}");
        }
        for name in [
            "",
            "ab",
            ".plimsoll",
            "Results",
            "a_b",
            "-ab",
            "ab-",
            "a..b",
            "10.0.0.1",
            "xn--a",
            "a-s3alias",
            &"a".repeat(64),
        ] {
            assert!(!is_bucket_name(name), "{name}");
        }
    }
}
