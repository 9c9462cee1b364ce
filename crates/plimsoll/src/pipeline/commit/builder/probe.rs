//! The smallest image that runs a command: a program that ends with status 0 and needs nothing but a kernel.
//!
//! Source: System V ABI, "ELF-64 Object File Format" 1.5; the calls' numbers are those of Linux.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Where the program lies in memory.
const ADDRESS: u64 = 0x40_0000;
/// Bytes of the file's header and of the one segment's.
const HEADERS: [u16; 2] = [64, 56];
const DOCKERFILE: &str = "FROM scratch\nCOPY program /program\nRUN [\"/program\"]\n";

/// The program for this machine; `None` where its instructions are not written down here.
pub(super) fn program() -> Option<Vec<u8>> {
    // `exit(0)`, and the machine's number.
    let (code, machine): (&[u8], u16) = if cfg!(target_arch = "x86_64") {
        (&[0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05], 62)
    } else if cfg!(target_arch = "aarch64") {
        (&[0xa8, 0x0b, 0x80, 0xd2, 0, 0, 0x80, 0xd2, 0x01, 0, 0, 0xd4], 183)
    } else {
        return None;
    };
    let start = u64::from(HEADERS[0] + HEADERS[1]);
    let length = start + code.len() as u64;
    // 64 bits, the lesser byte first, version 1, of no particular system.
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let short = |bytes: &mut Vec<u8>, numbers: &[u16]| {
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    };
    let long = |bytes: &mut Vec<u8>, numbers: &[u64]| {
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    };
    // A program; version 1; where it begins; where the segment's header is; no sections; flags.
    short(&mut bytes, &[2, machine, 1, 0]);
    long(&mut bytes, &[ADDRESS + start, u64::from(HEADERS[0]), 0]);
    short(&mut bytes, &[0, 0, HEADERS[0], HEADERS[1], 1, 64, 0, 0]);
    // One segment, to be loaded, read and run: all of the file.
    short(&mut bytes, &[1, 0, 5, 0]);
    long(&mut bytes, &[0, ADDRESS, ADDRESS, length, length, 0x1000]);
    bytes.extend_from_slice(code);
    Some(bytes)
}

/// Writes a folder that can be built.
pub(super) fn write(folder: &Path, program: &[u8]) -> io::Result<()> {
    fs::create_dir(folder)?;
    fs::write(folder.join("Dockerfile"), DOCKERFILE)?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o755).open(folder.join("program"))?;
    file.write_all(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_ends_well() {
        let Some(program) = program() else { return };
        let folder = std::env::temp_dir().join(format!("plimsoll-probe-{}", std::process::id()));
        write(&folder, &program).unwrap();
        // A child of another test may hold the file open for writing until it is what it is to be.
        let run = || std::process::Command::new(folder.join("program")).status();
        let is_busy = |status: &io::Result<_>| matches!(status, Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy);
        let status = (0..1000).map(|_| run()).find(|status| !is_busy(status)).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(status.unwrap().success());
    }
}
