//! A deflate stream, read with a decoder that is lent.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// What a deflate stream holds.
pub(super) struct Inflating<'d, R> {
    compressed: R,
    decoder: &'d mut Decompress,
    is_done: bool,
}

impl<'d, R: BufRead> Inflating<'d, R> {
    /// From the beginning of a stream; whatever the decoder did before is forgotten.
    pub(super) fn new(compressed: R, decoder: &'d mut Decompress) -> Self {
        decoder.reset(false);
        Self { compressed, decoder, is_done: false }
    }
}

impl<R: BufRead> Read for Inflating<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.is_done && !out.is_empty() {
            let input = self.compressed.fill_buf()?;
            let is_end = input.is_empty();
            let flush = if is_end { FlushDecompress::Finish } else { FlushDecompress::None };
            let (read_before, made_before) = (self.decoder.total_in(), self.decoder.total_out());
            let status = self.decoder.decompress(input, out, flush)?;
            let read =
                usize::try_from(self.decoder.total_in() - read_before).expect("no more than the input");
            let made =
                usize::try_from(self.decoder.total_out() - made_before).expect("no more than the output");
            self.compressed.consume(read);
            self.is_done = status == Status::StreamEnd;
            if made > 0 || self.is_done {
                return Ok(made);
            }
            if is_end {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream is cut short"));
            }
        }
        Ok(0)
    }
}
