//! Compressed streams: told by their first bytes, decompressed as they are read.

use std::io::{self, BufReader, Chain, Cursor, Read};

/// Bytes that a decoder is given, and gives, at a time. Smaller pieces cost a fifth of the speed, larger ones gain
/// nothing.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// First bytes that are looked at to tell a compression.
const SNIFFED_BYTES: usize = 6;
/// The largest zstd window, as a power of two: 128 MiB, what `zstd --long=27` writes.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// It is not.
    None,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

impl Compression {
    /// Tells the compression by the first bytes (6 suffice); `Err` names one that is known and not read.
    pub fn sniff(head: &[u8]) -> Result<Self, &'static str> {
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Err("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err("xz"),
            _ => Ok(Self::None),
        }
    }
}

/// A stored stream, put together again behind its first bytes.
pub type Stored<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// A stream, decompressed as it is read.
pub enum Decompressed<R: Read> {
    /// It was not compressed.
    None(Stored<R>),
    /// Gzip. All members are read: what follows the first is content too.
    Gzip(Box<flate2::bufread::MultiGzDecoder<Stored<R>>>),
    /// Zstandard.
    Zstd(Box<zstd::Decoder<'static, Stored<R>>>),
}

impl<R: Read> Decompressed<R> {
    /// Looks at the first bytes of a stream and decompresses it accordingly.
    ///
    /// # Errors
    /// The stream's own, and [`io::ErrorKind::Unsupported`] for a compression that is not read.
    pub fn new(mut stream: R) -> io::Result<Self> {
        // A socket may give its first bytes one by one: they are asked for until there are enough.
        let mut head = Vec::with_capacity(SNIFFED_BYTES);
        let mut byte = [0; 1];
        while head.len() < SNIFFED_BYTES {
            match stream.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => head.push(byte[0]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let compression = Compression::sniff(&head);
        let stream = BufReader::with_capacity(CHUNK_BYTES, Cursor::new(head).chain(stream));
        match compression {
            Ok(Compression::None) => Ok(Self::None(stream)),
            Ok(Compression::Gzip) => Ok(Self::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(stream)))),
            Ok(Compression::Zstd) => {
                let mut decoder = zstd::Decoder::with_buffer(stream)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
                Ok(Self::Zstd(Box::new(decoder)))
            }
            Err(name) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("expected gzip, zstd or no compression, found {name}"),
            )),
        }
    }

    /// How the stream is compressed.
    pub fn compression(&self) -> Compression {
        match self {
            Self::None(_) => Compression::None,
            Self::Gzip(_) => Compression::Gzip,
            Self::Zstd(_) => Compression::Zstd,
        }
    }

    /// The stored stream, behind what the decoder took from it.
    pub fn into_stored(self) -> Stored<R> {
        match self {
            Self::None(stream) => stream,
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.finish(),
        }
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(stream) => stream.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read what they wrote themselves, behind `take`")]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A stream that gives one byte at a time, as a slow socket does.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.0.len()).min(1);
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<(Compression, Vec<u8>), String> {
        let mut stream = Decompressed::new(Drip(bytes)).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        (&mut stream).take(1 << 20).read_to_end(&mut out).map_err(|error| error.to_string())?;
        Ok((stream.compression(), out))
    }

    #[test]
    fn each_compression_is_told_by_its_first_bytes() {
        assert_eq!(read(b"plain").unwrap(), (Compression::None, b"plain".to_vec()));
        assert_eq!(read(b"").unwrap(), (Compression::None, Vec::new()));
        assert_eq!(read(&gzip(b"zipped")).unwrap(), (Compression::Gzip, b"zipped".to_vec()));
        let zstd = zstd::encode_all(&b"standard"[..], 3).unwrap();
        assert_eq!(read(&zstd).unwrap(), (Compression::Zstd, b"standard".to_vec()));
    }

    #[test]
    fn every_member_of_a_gzip_stream_is_read() {
        let two = [gzip(b"first "), gzip(b"second")].concat();
        assert_eq!(read(&two).unwrap().1, b"first second");
    }

    #[test]
    fn a_compression_that_is_not_read_is_named() {
        assert!(read(b"BZh91AY").unwrap_err().contains("found bzip2"));
        assert!(read(b"\xfd7zXZ\0\0").unwrap_err().contains("found xz"));
    }

    #[test]
    fn a_cut_stream_is_an_error() {
        let bytes = gzip(&[42; 5000]);
        assert!(read(&bytes[..bytes.len() - 3]).is_err());
    }
}
