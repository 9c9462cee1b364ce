//! Rust crates that were linked into a program, from the list that `cargo auditable` leaves in it.
//!
//! Crates that only the build used are left out: none of their code is in the program. The program's own crate is
//! listed with its version whatever its source, since `cargo install` unpacks a crate from crates.io before it builds
//! it, and then calls it local. Of every other crate that did not come from crates.io (a folder, a Git repository,
//! another registry) the advisories of crates.io may be true or not: its version is left empty, which the matcher
//! answers with *undetermined* where there are advisories for the name, and with nothing where there are none.
//!
//! Source: cargo-auditable, `PARSING.md` and `cargo-auditable.schema.json`.

use std::collections::HashSet;
use std::io::Read;

use flate2::read::ZlibDecoder;
use plimsoll_model::{Package, PackageKind};
use serde::Deserialize;

use crate::executable::{Program, could_be_program, is_program, programs};
use crate::lock::either_direct;
use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError, excerpt};

/// Reads the audit data of ELF, PE and Mach-O programs. A program that is none is left to the cataloger `go-binary`
/// to report, which reads the same files.
pub(crate) struct RustBinary;

const NAME: &str = "rust-binary";

const SECTION: &str = ".dep-v0";

/// Compressed and uncompressed size of a crate list in bytes. 10,000 crates take about 1 MiB.
const MAX_COMPRESSED_BYTES: u64 = 4 << 20;
const MAX_LIST_BYTES: u64 = 32 << 20;

/// How much of the compilers' comments is read, in bytes.
const MAX_COMMENT_BYTES: u64 = 16 << 10;

impl Cataloger for RustBinary {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        2
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        could_be_program(entry)
    }

    fn wants_content(&self, head: &[u8]) -> bool {
        is_program(head)
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let mut packages: Vec<Package> = Vec::new();
        for program in programs(file.content()).unwrap_or_default() {
            match crates(&program) {
                Ok(Some(crates)) => packages.extend(crates.linked()),
                Ok(None) => {
                    if let Some(compiler) = compiler(&program)? {
                        let found =
                            format!("none in code of `{compiler}`: it was not built by `cargo auditable`");
                        out.gap("", format!("expected a list of crates, found {found}"));
                    }
                }
                Err(error) => out.gap("", error),
            }
        }
        packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        packages.dedup_by(|one, first| {
            let is_same = (&one.name, &one.version) == (&first.name, &first.version);
            if is_same {
                first.direct = either_direct(first.direct, one.direct);
            }
            is_same
        });
        for package in packages {
            out.package(package);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct AuditList {
    packages: Vec<AuditPackage>,
}

#[derive(Deserialize)]
struct AuditPackage {
    name: String,
    version: String,
    source: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    root: bool,
    /// Places in the list.
    #[serde(default)]
    dependencies: Vec<usize>,
}

impl AuditList {
    /// What is in the program. What its own crate and those of its folders depend on was named by its authors.
    fn linked(&self) -> impl Iterator<Item = Package> {
        let own = || self.packages.iter().filter(|package| package.is_linked() && package.is_own());
        let named: HashSet<usize> = own().flat_map(|package| &package.dependencies).copied().collect();
        let is_told = own().next().is_some();
        let linked = self.packages.iter().enumerate().filter(|(_, package)| package.is_linked());
        linked.map(move |(place, package)| {
            let direct = (is_told && !package.is_own()).then(|| named.contains(&place));
            Package { direct, ..package.package() }
        })
    }
}

impl AuditPackage {
    fn is_linked(&self) -> bool {
        self.kind.as_deref() != Some("build")
    }

    fn is_own(&self) -> bool {
        self.root || self.source == "local"
    }

    fn package(&self) -> Package {
        let version = if self.root || self.source == "crates.io" { self.version.as_str() } else { "" };
        Package::new(PackageKind::Cargo, &self.name, version, NAME)
    }
}

fn crates(program: &Program<'_>) -> Result<Option<AuditList>, ReadError> {
    let Some(section) = program.section(SECTION) else { return Ok(None) };
    if section.size > MAX_COMPRESSED_BYTES {
        return Err(ReadError::TooLarge { size: section.size, limit: MAX_COMPRESSED_BYTES });
    }
    let compressed = program.read(section.offset, section.size, MAX_COMPRESSED_BYTES)?;
    let mut text = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    ZlibDecoder::new(compressed.as_slice()).take(MAX_LIST_BYTES + 1).read_to_end(&mut text).map_err(
        |error| ReadError::malformed(format!("zlib data in section `{SECTION}`"), error.to_string()),
    )?;
    if text.len() as u64 > MAX_LIST_BYTES {
        return Err(ReadError::TooLarge { size: text.len() as u64, limit: MAX_LIST_BYTES });
    }
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        ReadError::malformed(format!("a list of crates in section `{SECTION}`"), error.to_string())
    })
}

/// `rustc version 1.80.0 …` where a compiler of Rust left its name.
fn compiler(program: &Program<'_>) -> Result<Option<String>, ReadError> {
    let Some(section) = program.section(".comment") else { return Ok(None) };
    let comments = program.read(section.offset, section.size, MAX_COMMENT_BYTES)?;
    let rust = comments.split(|&b| b == 0).find(|comment| comment.starts_with(b"rustc version "));
    Ok(rust.map(excerpt))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::executable::testing;
    use expect_test::{Expect, expect};
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    fn check_bytes(bytes: &[u8], expect: &Expect) {
        let mut out = Catalog::default();
        let bytes = bytes.to_vec();
        let result = RustBinary.catalog(&ImageFile::new("usr/bin/probe", &bytes), &mut out);
        expect.assert_eq(&crate::testing::lines(&out, result));
    }

    fn deflated(text: &str) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn check(list: &str, expect: &Expect) {
        check_bytes(&testing::elf(&[(SECTION, false, &deflated(list))]), expect);
    }

    const LIST: &str = r#"{"packages":[
        {"name":"probe","version":"0.1.0","source":"local","dependencies":[1,2],"root":true},
        {"name":"time","version":"0.2.22","source":"crates.io"},
        {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
        {"name":"forked","version":"1.0.0","source":"git"},
        {"name":"own-part","version":"0.1.0","source":"local"},
        {"name":"house","version":"3.0.0","source":"registry"}],"format":1}"#;

    #[test]
    fn linked_crates_are_listed_and_build_tools_are_not() {
        check(
            LIST,
            &expect![[r#"
                cargo forked  (transitive)
                cargo house  (transitive)
                cargo own-part 
                cargo probe 0.1.0
                cargo time 0.2.22 (direct)
            "#]],
        );
    }

    #[test]
    fn each_format_gives_the_same() {
        let section = deflated(r#"{"packages":[{"name":"time","version":"0.2.22","source":"crates.io"}]}"#);
        for (format, bytes) in testing::each_format(&[(SECTION, false, &section)]) {
            let mut out = Catalog::default();
            let result = RustBinary.catalog(&ImageFile::new("usr/bin/probe", &bytes), &mut out);
            assert_eq!(crate::testing::lines(&out, result), "cargo time 0.2.22\n", "{format}");
        }
    }

    #[test]
    fn a_program_without_a_list_is_a_gap_where_rust_made_it_and_silent_elsewhere() {
        let comment = b"GCC: (Debian 12.2.0)\0rustc version 1.80.0 (051478957 2024-07-21)\0";
        check_bytes(
            &testing::elf(&[(".comment", false, comment)]),
            &expect![[r#"
            gap : expected a list of crates, found none in code of `rustc version 1.80.0 (051478957 2024-07-21)`: it was not built by `cargo auditable`
        "#]],
        );
        check_bytes(&testing::elf(&[(".comment", false, b"GCC: (Debian 12.2.0)\0")]), &expect![[""]]);
        check_bytes(b"", &expect![[""]]);
        check_bytes(b"MZ and no program", &expect![[""]]);
    }

    #[test]
    fn damaged_lists_are_gaps() {
        check(
            "",
            &expect![[r#"
            gap : expected a list of crates in section `.dep-v0`, found EOF while parsing a value at line 1 column 0
        "#]],
        );
        check(
            "{}",
            &expect![[r#"
            gap : expected a list of crates in section `.dep-v0`, found missing field `packages` at line 1 column 2
        "#]],
        );
        check(
            r#"{"packages":[{"name":1}]}"#,
            &expect![[r#"
            gap : expected a list of crates in section `.dep-v0`, found invalid type: integer `1`, expected a string at line 1 column 22
        "#]],
        );
        check(
            &"[".repeat(10_000),
            &expect![[r#"
            gap : expected a list of crates in section `.dep-v0`, found invalid type: sequence, expected a string at line 1 column 3
        "#]],
        );
        check_bytes(
            &testing::elf(&[(SECTION, false, b"not zlib")]),
            &expect![[r#"
            gap : expected zlib data in section `.dep-v0`, found corrupt deflate stream
        "#]],
        );
        let whole = deflated(LIST);
        check_bytes(
            &testing::elf(&[(SECTION, false, &whole[..whole.len() / 2])]),
            &expect![[r#"
            gap : expected zlib data in section `.dep-v0`, found incomplete deflate stream
        "#]],
        );
    }

    #[test]
    fn a_bomb_is_stopped() {
        let bomb = deflated(&" ".repeat(33 << 20));
        check_bytes(
            &testing::elf(&[(SECTION, false, &bomb)]),
            &expect![[r#"
            gap : expected at most 33554432 bytes, found 33554433
        "#]],
        );
    }
}
