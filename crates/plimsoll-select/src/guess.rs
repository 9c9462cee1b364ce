//! What an object is, by its first bytes and its name.

use std::io::Read;

use crate::format::{Compression, CsvInput, Header, InputFormat};
use crate::json::{skip_space, skip_value};
use crate::limits::DEFAULT_DEPTH;

/// Bytes of an object that are enough to guess by.
pub const SAMPLE_BYTES: usize = 64 << 10;

/// What an object seems to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Guess {
    /// How it is compressed, by its first bytes.
    pub compression: Compression,
    /// What it is: by its first bytes if it is Parquet or JSON, else by its name, else CSV.
    pub input: InputFormat,
    /// Whether the name's ending says that it is so compressed, or not at all.
    pub compression_is_named: bool,
    /// Whether the name's ending says that it is this.
    pub input_is_named: bool,
}

/// Guesses by the first bytes of an object, [`SAMPLE_BYTES`] of them or all that there are, and by its name.
///
/// CSV is taken to have a header, which is used; a name that ends in `.tsv` has tabs between fields. JSON whose first line is
/// a whole value with another one behind it is taken as lines.
///
/// ```
/// use plimsoll_select::{InputFormat, guess};
///
/// assert_eq!(guess(b"{\"a\": 1}\n{\"a\": 2}\n", "rows").input, InputFormat::JsonLines);
/// assert_eq!(guess(b"[{\"a\": 1}]\n", "report.json").input, InputFormat::JsonDocument);
/// ```
pub fn guess(sample: &[u8], name: &str) -> Guess {
    let compression = match sample {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Compression::Bzip2,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => Compression::None,
    };
    let unpacked = unpacked(sample, compression);
    let name = name.to_ascii_lowercase();
    let (name, packed) =
        [(".gz", Compression::Gzip), (".bz2", Compression::Bzip2), (".zst", Compression::Zstd)]
            .into_iter()
            .find_map(|(ending, packed)| Some((name.strip_suffix(ending)?, packed)))
            .unwrap_or((&name, Compression::None));
    let named = named(name);
    let input = input(unpacked.as_deref().unwrap_or(sample), named.as_ref());
    Guess {
        compression,
        compression_is_named: packed == compression,
        input_is_named: named.as_ref() == Some(&input),
        input,
    }
}

/// What a name says, in small letters and without the ending of a compression.
fn named(name: &str) -> Option<InputFormat> {
    let csv = |field_delimiter: &str| {
        let field_delimiter = field_delimiter.to_owned();
        InputFormat::Csv(CsvInput { header: Header::Use, field_delimiter, ..CsvInput::default() })
    };
    match name.rsplit_once('.')?.1 {
        "json" => Some(InputFormat::JsonDocument),
        "jsonl" | "ndjson" => Some(InputFormat::JsonLines),
        "parquet" => Some(InputFormat::Parquet),
        "csv" => Some(csv(",")),
        "tsv" => Some(csv("\t")),
        _ => None,
    }
}

/// What can be unpacked of a sample, which is cut anywhere.
fn unpacked(sample: &[u8], compression: Compression) -> Option<Vec<u8>> {
    let mut reader: Box<dyn Read + '_> = match compression {
        Compression::None => return None,
        Compression::Gzip => Box::new(flate2::bufread::GzDecoder::new(sample)),
        Compression::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(sample)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(sample).ok()?),
    };
    let mut bytes = vec![0; SAMPLE_BYTES];
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..]) {
            Ok(0) | Err(_) => break,
            Ok(length) => filled += length,
        }
    }
    bytes.truncate(filled);
    Some(bytes)
}

fn input(bytes: &[u8], named: Option<&InputFormat>) -> InputFormat {
    if bytes.starts_with(b"PAR1") {
        return InputFormat::Parquet;
    }
    if let Some(named) = named.filter(|named| **named != InputFormat::JsonDocument) {
        return named.clone();
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let begin = skip_space(bytes, 0);
    if !matches!(bytes.get(begin), Some(b'{' | b'[')) {
        let csv = || InputFormat::Csv(CsvInput { header: Header::Use, ..CsvInput::default() });
        return named.cloned().unwrap_or_else(csv);
    }
    // A value that ends with its line, and another one behind it.
    let end = memchr::memchr(b'\n', &bytes[begin..]).map_or(bytes.len(), |length| begin + length);
    let whole =
        skip_value(&bytes[..end], begin, DEFAULT_DEPTH).is_ok_and(|at| skip_space(&bytes[..end], at) == end);
    if whole && matches!(bytes.get(skip_space(bytes, end)), Some(b'{' | b'[')) {
        InputFormat::JsonLines
    } else {
        InputFormat::JsonDocument
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn word(sample: &[u8], name: &str) -> &'static str {
        match guess(sample, name).input {
            InputFormat::JsonDocument => "document",
            InputFormat::JsonLines => "lines",
            InputFormat::Csv(csv) if csv.field_delimiter == "\t" => "tsv",
            InputFormat::Csv(_) => "csv",
            InputFormat::Parquet => "parquet",
        }
    }

    #[test]
    fn objects_are_what_they_begin_with_or_are_called() {
        for (sample, name, expected) in [
            (&b""[..], "", "csv"),
            (b"", "a.json", "document"),
            (b"", "a.CSV", "csv"),
            (b"a\tb", "a.tsv", "tsv"),
            (b"PAR1\x15", "a.csv", "parquet"),
            (b"", "a.parquet", "parquet"),
            (b"{}", "a.jsonl", "lines"),
            (b"{}", "a.ndjson.gz", "lines"),
            (b"{\"a\":1}", "a", "document"),
            (b"\xef\xbb\xbf {\"a\":1}\r\n{\"a\":2}", "a", "lines"),
            (b"{\"a\":1}\n\n[2]", "a.json", "lines"),
            (b"{\"a\":\n1}\n{\"a\":2}", "a", "document"),
            (b"[1,\n2]", "a", "document"),
            (b"{\"a\":1}\n", "a", "document"),
            (b"{\"a\":1} {\"a\":2}\n{\"a\":3}", "a", "document"),
            (b"id,name\n1,x\n", "-", "csv"),
            (b"<html>", "a.json", "document"),
        ] {
            assert_eq!(word(sample, name), expected, "{name} {sample:?}");
        }
    }

    #[test]
    fn what_a_name_says_is_no_guess() {
        for (sample, name, input_is_named, compression_is_named) in [
            (&b"{}"[..], "a.json", true, true),
            (b"{}\n{}", "a.json", false, true),
            (b"{}", "a.jsonl", true, true),
            (b"{}", "a", false, true),
            (b"{}", "-", false, true),
            (b"a\n", "A.CSV", true, true),
            (b"a\n", "a.txt", false, true),
            (b"PAR1", "a.parquet", true, true),
            (b"PAR1", "a.csv", false, true),
            (b"\x1f\x8b", "a.json.gz", true, true),
            (b"\x1f\x8b", "a.json", true, false),
            (b"{}", "a.json.gz", true, false),
        ] {
            let guess = guess(sample, name);
            assert_eq!(
                (guess.input_is_named, guess.compression_is_named),
                (input_is_named, compression_is_named),
                "{name}"
            );
        }
    }

    #[test]
    fn compressed_objects_are_looked_into_though_cut() {
        let text = "{\"a\":1}\n".repeat(100_000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        gzip.write_all(text.as_bytes()).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(text.as_bytes()).unwrap();
        for (bytes, compression) in [
            (gzip.finish().unwrap(), Compression::Gzip),
            (bzip2.finish().unwrap(), Compression::Bzip2),
            (zstd::stream::encode_all(text.as_bytes(), 1).unwrap(), Compression::Zstd),
        ] {
            let cut = &bytes[..bytes.len().min(SAMPLE_BYTES)];
            let guess = guess(cut, "");
            assert_eq!((guess.compression, guess.input), (compression, InputFormat::JsonLines));
            assert!(!guess.compression_is_named && !guess.input_is_named);
        }
        assert_eq!(guess(b"\x1f\x8b", "a.json.gz").input, InputFormat::JsonDocument);
    }
}
