//! Go modules that were linked into a program, and the toolchain's library.
//!
//! A version that says nothing of the order is left empty, which the matcher answers with *undetermined* where there
//! are advisories, and with nothing where there are none:
//!
//! - the program's own module built from a working copy, `(devel)`, and the pseudo-versions `v0.0.0-…` that Go gives
//!   it where the build saw no tags (as a shallow clone has none): both would order below every fix. A version that
//!   was set at link time (`-ldflags "-X main.version=v1.2.3"`) is taken for it.
//! - a module that a folder replaced: the code may be anything.
//!
//! A module that another replaced is listed as the other, since that is the code in the program.
//!
//! Source: Go 1.26, `runtime/debug`, `BuildInfo.String`; Go modules reference, "Pseudo-versions"; Go documentation,
//! "Go toolchains", "Go versions".

mod build_info;
mod versions;

use std::collections::BTreeSet;

use plimsoll_model::{Package, PackageKind};

use crate::executable::{could_be_program, is_program, programs};
use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError, excerpt};
use build_info::BuildInfo;

/// Reads the build information of ELF, PE and Mach-O programs.
pub(crate) struct GoBinary;

const NAME: &str = "go-binary";

/// The name under which advisories speak of the toolchain's library.
const STANDARD_LIBRARY: &str = "stdlib";

/// Modules of one program.
const MAX_MODULES: usize = 20_000;

impl Cataloger for GoBinary {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        could_be_program(entry)
    }

    fn wants_content(&self, head: &[u8]) -> bool {
        is_program(head)
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        // The programs of a universal file are mostly the same, module by module.
        let mut listed = Listed::new();
        for program in programs(file.content())? {
            match build_info::find(&program) {
                Ok(Some(info)) => list(&info, &mut listed, out),
                Ok(None) if build_info::is_go(&program) => {
                    out.gap("", "expected build information in a Go program, found none: it was stripped");
                }
                Ok(None) => {}
                Err(error) => out.gap("", error),
            }
        }
        Ok(())
    }
}

/// One line of the module list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Module<'a> {
    path: &'a str,
    version: &'a str,
    /// Checksum of the module's archive; empty where it was not taken from a proxy or repository as a module.
    sum: &'a str,
}

/// Names and versions that stand in the catalog.
type Listed = BTreeSet<(String, String)>;

fn add(listed: &mut Listed, out: &mut Catalog, name: &str, version: &str) {
    if !name.is_empty() && listed.insert((name.to_owned(), version.to_owned())) {
        out.package(Package::new(PackageKind::Golang, name, version, NAME));
    }
}

fn list(info: &BuildInfo, listed: &mut Listed, out: &mut Catalog) {
    if let Some(version) = versions::of_toolchain(&info.toolchain) {
        add(listed, out, STANDARD_LIBRARY, &version);
    } else {
        let found = excerpt(info.toolchain.as_bytes());
        out.gap("", format!("expected a released Go toolchain as `go1.21.3`, found `{found}`"));
    }
    let mut main = Module::default();
    let mut program = "";
    let mut ldflags = "";
    let mut dependencies: Vec<(Module<'_>, Option<Module<'_>>)> = Vec::new();
    for line in info.modules.lines() {
        let (key, rest) = line.split_once('\t').unwrap_or((line, ""));
        let mut fields = rest.split('\t');
        let mut next = || fields.next().unwrap_or("");
        let module = Module { path: next(), version: next(), sum: next() };
        match key {
            "path" => program = module.path,
            "mod" => main = module,
            "dep" if dependencies.len() == MAX_MODULES => {
                out.gap("", format!("expected at most {MAX_MODULES} modules, found more: not listed"));
                break;
            }
            "dep" => dependencies.push((module, None)),
            // A main module may be replaced too, by itself at a version; the code is its own.
            "=>" => {
                if let Some((_, replacement)) = dependencies.last_mut() {
                    *replacement = Some(module);
                }
            }
            "build" => ldflags = rest.strip_prefix("-ldflags=").unwrap_or(ldflags),
            _ => {}
        }
    }
    // The toolchain's own programs, and a single file, need no modules; any other was built with what nobody lists.
    let needs_none = program.starts_with("cmd/") || program == "command-line-arguments";
    if main.path.is_empty() && dependencies.is_empty() && !needs_none {
        out.gap("", "expected the modules of a Go program, found none: it was built without modules");
    }
    let version = if main.sum.is_empty() {
        let own = versions::of_main(main.version).map(str::to_owned);
        own.or_else(|| versions::set_at_link_time(ldflags, main.path)).unwrap_or_default()
    } else {
        // `go install example.com/m@v0.0.0-…` was asked for exactly that.
        versions::of_dependency(main.version).to_owned()
    };
    add(listed, out, main.path, &version);
    for (module, replacement) in dependencies {
        match replacement {
            Some(folder) if versions::is_folder(folder.path) => add(listed, out, module.path, ""),
            Some(other) => add(listed, out, other.path, versions::of_dependency(other.version)),
            None => add(listed, out, module.path, versions::of_dependency(module.version)),
        }
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::build_info::tests::inline_section;
    use super::*;
    use crate::executable::testing;
    use expect_test::{Expect, expect};

    fn check_bytes(bytes: &[u8], expect: &Expect) {
        let mut out = Catalog::default();
        let bytes = bytes.to_vec();
        let result = GoBinary.catalog(&ImageFile::new("app/server", &bytes), &mut out);
        expect.assert_eq(&crate::testing::lines(&out, result));
    }

    fn check(toolchain: &str, modules: &str, expect: &Expect) {
        let section = inline_section(toolchain, modules);
        check_bytes(&testing::elf(&[(".go.buildinfo", true, &section)]), expect);
    }

    #[test]
    fn a_program_built_without_modules_is_a_gap_and_the_toolchains_own_is_not() {
        for (modules, gaps) in [
            ("path\tgithub.com/docker/distribution/cmd/registry\nbuild\t-compiler=gc\n", 1),
            ("path\tcmd/gofmt\nbuild\t-compiler=gc\n", 0),
            ("path\tcommand-line-arguments\n", 0),
            ("path\texample.com/m\nmod\texample.com/m\tv1.0.0\t\n", 0),
            ("", 1),
        ] {
            let info = BuildInfo { toolchain: "go1.21.3".to_owned(), modules: modules.to_owned() };
            let mut out = Catalog::default();
            list(&info, &mut Listed::default(), &mut out);
            assert_eq!(out.gaps.len(), gaps, "{modules}");
        }
    }

    #[test]
    fn modules_replacements_and_the_standard_library_are_listed() {
        check(
            "go1.21.3",
            "path\texample.com/app/cmd\nmod\texample.com/app\tv1.4.0\th1:x=\n\
             dep\tgolang.org/x/text\tv0.3.0\th1:y=\n\
             dep\tgithub.com/a/b\tv1.0.0\n=>\tgithub.com/fork/b/v2\tv2.0.1\th1:z=\n\
             dep\texample.com/lib\tv0.0.0\n=>\t./lib\t(devel)\t\n\
             dep\texample.com/workspace\t(devel)\n\
             build\t-compiler=gc\nbuild\tvcs.revision=abc\n",
            &expect![[r#"
                golang stdlib v1.21.3
                golang example.com/app v1.4.0
                golang golang.org/x/text v0.3.0
                golang github.com/fork/b/v2 v2.0.1
                golang example.com/lib 
                golang example.com/workspace 
            "#]],
        );
    }

    #[test]
    fn the_own_module_has_a_version_only_where_it_orders() {
        let main = |version| format!("path\tm\nmod\texample.com/m\t{version}\t\n");
        check(
            "go1.21",
            &main("(devel)"),
            &expect![[r#"
            golang stdlib v1.21.0
            golang example.com/m 
        "#]],
        );
        check(
            "go1.24.1",
            &main("v0.0.0-20240102030405-0123456789ab+dirty"),
            &expect![[r#"
            golang stdlib v1.24.1
            golang example.com/m 
        "#]],
        );
        check(
            "go1.24.1",
            &main("v1.2.4-0.20240102030405-0123456789ab"),
            &expect![[r#"
            golang stdlib v1.24.1
            golang example.com/m v1.2.4-0.20240102030405-0123456789ab
        "#]],
        );
        check(
            "go1.24.1",
            &main("v0.0.0-20240102030405-0123456789ab\th1:x="),
            &expect![[r#"
            golang stdlib v1.24.1
            golang example.com/m v0.0.0-20240102030405-0123456789ab
        "#]],
        );
        check(
            "go1.24.1",
            &main("v1.2.3+dirty"),
            &expect![[r#"
            golang stdlib v1.24.1
            golang example.com/m v1.2.3+dirty
        "#]],
        );
        let flags = "build\t-ldflags=\"-s -w -X main.version=1.9.0 -X 'main.date=2024-01-01'\"\n";
        check(
            "go1.21.0",
            &(main("(devel)") + flags),
            &expect![[r#"
            golang stdlib v1.21.0
            golang example.com/m v1.9.0
        "#]],
        );
    }

    #[test]
    fn each_format_gives_the_same_and_a_universal_file_gives_it_once() {
        let section = inline_section("go1.22.1", "path\tm\nmod\tm\tv1.0.0\t\n");
        let formats = testing::each_format(&[("__go_buildinfo", true, &section)]);
        assert_eq!(formats.len(), 5);
        for (format, bytes) in formats {
            let mut out = Catalog::default();
            let result = GoBinary.catalog(&ImageFile::new("app/server", &bytes), &mut out);
            let lines = crate::testing::lines(&out, result);
            assert_eq!(lines, "golang stdlib v1.22.1\ngolang m v1.0.0\n", "{format}");
        }
    }

    #[test]
    fn what_a_go_program_lacks_is_a_gap() {
        check(
            "go1.12",
            "",
            &expect![[r#"
            golang stdlib v1.12.0
            gap : expected the modules of a Go program, found none: it was built without modules
        "#]],
        );
        check(
            "devel go1.23-0123456789 Mon Jan 1 00:00:00 2024 +0000",
            "path\tcmd/go\n",
            &expect![[r#"
            gap : expected a released Go toolchain as `go1.21.3`, found `devel go1.23-0123456789 Mon Jan 1 00:00:00 2024 +0000`
        "#]],
        );
        check_bytes(
            &testing::elf(&[(".gopclntab", false, b"x")]),
            &expect![[r#"
            gap : expected build information in a Go program, found none: it was stripped
        "#]],
        );
    }

    #[test]
    fn other_programs_and_other_files_are_silent() {
        check_bytes(&testing::elf(&[(".text", false, b"x")]), &expect![[""]]);
        check_bytes(b"#!/bin/sh\necho hello, world\n", &expect![[""]]);
        check_bytes(b"MZ", &expect![[""]]);
        check_bytes(b"", &expect![[""]]);
    }
}
