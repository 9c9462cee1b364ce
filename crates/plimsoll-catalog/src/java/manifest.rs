//! The main section of `META-INF/MANIFEST.MF`.
//!
//! Source: JAR file specification (Java SE 21), "Notes on Manifest and Signature Files"; `OSGi` Core 8, 3.2.1
//! (`Bundle-…`); Jenkins developer documentation, "Plugin manifest".

/// Characters of one value that are kept.
const MAX_VALUE_CHARS: usize = 500;

/// The headers that are used, each without its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) implementation_title: Option<String>,
    pub(super) implementation_version: Option<String>,
    /// By Maven's convention the group.
    pub(super) implementation_vendor_id: Option<String>,
    pub(super) bundle_symbolic_name: Option<String>,
    pub(super) bundle_version: Option<String>,
    /// Jenkins plugins name group, artifact and version outright.
    pub(super) group_id: Option<String>,
    pub(super) short_name: Option<String>,
    pub(super) plugin_version: Option<String>,
    pub(super) vendor: Option<String>,
    pub(super) license: Option<String>,
}

impl Manifest {
    /// Reads up to the first empty line. Lines have 72 bytes at most and go on behind a blank, even inside a
    /// character.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut manifest = Self::default();
        let mut header: Vec<u8> = Vec::new();
        // A lone carriage return ends a line too; where it is half of a pair, an empty piece follows that is none.
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.iter().position(|&b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
            let (line, tail) = rest.split_at(end);
            rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
            if line.is_empty() {
                break;
            }
            if let Some(more) = line.strip_prefix(b" ") {
                header.extend(more);
            } else {
                manifest.header(&header);
                header = line.to_vec();
            }
        }
        manifest.header(&header);
        manifest
    }

    fn header(&mut self, header: &[u8]) {
        let Some(colon) = header.iter().position(|&b| b == b':') else { return };
        let field = match header[..colon].to_ascii_lowercase().as_slice() {
            b"implementation-title" => &mut self.implementation_title,
            b"implementation-version" => &mut self.implementation_version,
            b"implementation-vendor-id" => &mut self.implementation_vendor_id,
            b"implementation-vendor" => &mut self.vendor,
            b"bundle-symbolicname" => &mut self.bundle_symbolic_name,
            b"bundle-version" => &mut self.bundle_version,
            b"bundle-license" => &mut self.license,
            b"group-id" => &mut self.group_id,
            b"short-name" => &mut self.short_name,
            b"plugin-version" => &mut self.plugin_version,
            _ => return,
        };
        let value = String::from_utf8_lossy(&header[colon + 1..]);
        let value = value.split(';').next().unwrap_or("").trim();
        // A value that the build left unexpanded says nothing.
        if !value.is_empty() && !value.contains("${") && field.is_none() {
            *field = Some(value.chars().take(MAX_VALUE_CHARS).collect());
        }
    }

    /// Whether an artifact of this version may be what the manifest speaks of: one of the versions it states agrees,
    /// or it states none. A bundle's version has three numbers where the artifact's may have two.
    pub(super) fn allows_version(&self, version: &str) -> bool {
        let mut stated =
            [&self.implementation_version, &self.bundle_version].into_iter().flatten().peekable();
        stated.peek().is_none()
            || stated.any(|text| text.starts_with(version) || version.starts_with(text.as_str()))
    }

    /// Whether the archive is a part of a Java runtime, as `rt.jar` and `jrt-fs.jar` are.
    pub(super) fn is_jdk(&self) -> bool {
        self.implementation_title.as_deref() == Some("Java Runtime Environment")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_section_is_read_with_folded_lines_in_any_line_ending() {
        for end in ["\r\n", "\n", "\r"] {
            let text = "Manifest-Version: 1.0\nImplementation-Title: a tit\n le\nBUNDLE-SymbolicName: org.ex\n ample.b;singleton:=\
                        true\nImplementation-Version: ${version}\n\nName: x\nBundle-Version: 9\n"
                .replace('\n', end);
            let manifest = Manifest::parse(text.as_bytes());
            assert_eq!(manifest.implementation_title.as_deref(), Some("a title"), "{end:?}");
            assert_eq!(manifest.bundle_symbolic_name.as_deref(), Some("org.example.b"));
            assert_eq!((manifest.bundle_version, manifest.implementation_version), (None, None));
        }
    }

    #[test]
    fn a_stated_version_must_agree() {
        let states = |text: &str| Manifest { bundle_version: Some(text.to_owned()), ..Manifest::default() };
        assert!(Manifest::default().allows_version("1.0"));
        for (stated, version, agrees) in
            [("1.0.0", "1.0", true), ("1.0", "1.0.Final", true), ("1.0", "1.0", true), ("2.0", "1.0", false)]
        {
            assert_eq!(states(stated).allows_version(version), agrees, "{stated} {version}");
        }
    }

    #[test]
    fn odd_bytes_are_survived() {
        for bytes in [b"".as_slice(), b"\r\n", b" x", b":", b"a", b"\xff\xfe: \xff", b"Bundle-Version", b"\r"]
        {
            assert_eq!(Manifest::parse(bytes), Manifest::default());
        }
        // A fold may cut a character in two.
        let cut = [b"Implementation-Title: \xc3".as_slice(), b"\n \xa9\nBundle-Version: 1"].concat();
        let manifest = Manifest::parse(&cut);
        assert_eq!(manifest.implementation_title.as_deref(), Some("é"));
        assert_eq!(manifest.bundle_version.as_deref(), Some("1"));
    }
}
