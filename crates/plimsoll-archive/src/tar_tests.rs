//! What stands in a tar is read as the container engines read it.

use super::*;

fn walk(bytes: &[u8]) -> Result<Vec<(String, EntryKind, Vec<u8>)>, String> {
    let mut reader = TarReader::new(bytes);
    let mut out = Vec::new();
    loop {
        match reader.next_entry().map_err(|error| error.to_string())? {
            None => return Ok(out),
            Some(TarItem::Escape(path)) => {
                out.push((format!("escape {path}"), EntryKind::Other, Vec::new()));
            }
            Some(TarItem::Entry(entry)) => {
                let mut content = Vec::new();
                (&mut reader).take(1 << 20).read_to_end(&mut content).map_err(|error| error.to_string())?;
                let link = if entry.link.is_empty() { String::new() } else { format!(" -> {}", entry.link) };
                out.push((entry.path + &link, entry.kind, content));
            }
        }
    }
}

fn sample() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind: tar::EntryType, link: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        if link.is_empty() {
            builder.append_data(&mut header, path, content).unwrap();
        } else {
            builder.append_link(&mut header, path, link).unwrap();
        }
    };
    add("./etc/", tar::EntryType::Directory, "", b"");
    add("./etc/hello", tar::EntryType::Regular, "", b"hello");
    add(&format!("{}/name", "long/".repeat(60)), tar::EntryType::Regular, "", &[7; 600]);
    add("etc/link", tar::EntryType::Symlink, "../usr/x", b"");
    add("etc/hard", tar::EntryType::Link, "etc/hello", b"");
    builder.into_inner().unwrap()
}

#[test]
fn what_a_tar_writer_wrote_is_read() {
    let entries = walk(&sample()).unwrap();
    let names: Vec<&str> = entries.iter().map(|(name, _, _)| name.as_str()).collect();
    let long = format!("{}name", "long/".repeat(60));
    assert_eq!(names, ["etc", "etc/hello", &long, "etc/link -> ../usr/x", "etc/hard -> etc/hello"]);
    assert_eq!(entries[1].2, b"hello");
    assert_eq!(entries[2].2.len(), 600);
}

#[test]
fn every_cut_is_an_error_or_a_shorter_archive_and_never_a_panic() {
    let bytes = sample();
    let all = walk(&bytes).unwrap().len();
    for length in 0..bytes.len() {
        if let Ok(entries) = walk(&bytes[..length]) {
            assert!(length % BLOCK == 0 || entries.len() == all, "cut at {length}");
        }
    }
}

#[test]
fn a_path_that_leaves_the_root_is_told_apart() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.as_old_mut().name[..12].copy_from_slice(b"../../passwd");
    header.set_cksum();
    builder.append(&header, &[][..]).unwrap();
    let bytes = builder.into_inner().unwrap();
    assert_eq!(walk(&bytes).unwrap()[0].0, "escape ../../passwd");
}

#[test]
fn pax_records_override_the_header() {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("path", "usr/ümlaut".as_bytes()), ("size", b"3")]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("short").unwrap();
    header.set_size(3);
    header.set_cksum();
    builder.append(&header, &b"abc"[..]).unwrap();
    let entries = walk(&builder.into_inner().unwrap()).unwrap();
    assert_eq!((entries[0].0.as_str(), entries[0].2.as_slice()), ("usr/ümlaut", &b"abc"[..]));
}

/// A header of 512 bytes: name, kind, the size field as it is written, and more changes.
fn block(name: &str, kind: u8, size: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..124 + size.len()].copy_from_slice(size);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn plain(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = block(name, b'0', format!("{:011o}", content.len()).as_bytes(), |_| {});
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// An extension header of this kind.
fn extension(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = plain("extension", content);
    bytes[156] = kind;
    let sum: u32 =
        (0..BLOCK).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(bytes[at]) }).sum();
    bytes[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    bytes
}

fn names(parts: &[Vec<u8>]) -> Vec<String> {
    walk(&parts.concat()).unwrap().into_iter().map(|(name, _, _)| name).collect()
}

#[test]
fn a_size_that_no_stream_has_is_refused_and_does_not_wrap_around() {
    for size in ["18446744073709551615", "9223372036854775808"] {
        let record = format!("{} size={size}\n", size.len() + 9);
        let error = walk(&[extension(b'x', record.as_bytes()), plain("x", b"")].concat()).unwrap_err();
        assert!(error.contains(&format!("expected a size below 2^62, found {size}")), "{error}");
    }
}

#[test]
fn a_global_header_names_nothing() {
    let global = extension(b'g', b"10 path=x\n");
    assert_eq!(names(&[global.clone(), plain("a", b"1"), plain("b", b"")]), ["a", "b"]);
    // It stands between an extension header and what that would have spoken of.
    assert_eq!(names(&[extension(b'L', b"long\0"), global, plain("a", b"")]), ["a"]);
}

#[test]
fn the_last_extension_header_counts_and_gnus_own_goes_first() {
    let pax = |text: &[u8]| extension(b'x', text);
    let long = || extension(b'L', b"long\0");
    for (parts, expected) in [
        (vec![pax(b"10 path=x\n")], "x"),
        (vec![pax(b"10 path=x\n"), pax(b"11 other=y\n")], "a"),
        (vec![long(), pax(b"10 path=x\n")], "long"),
        (vec![pax(b"10 path=x\n"), long()], "long"),
        (vec![pax(b"8 path=\n")], "a"),
        (vec![extension(b'L', b"\0")], "a"),
        (vec![pax(b"8 size=\n")], "a"),
        (vec![pax(b"21 GNU.sparse.name=x\n")], "a"),
        (vec![pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=x\n")], "x"),
        (vec![pax(b"22 GNU.sparse.major=9\n21 GNU.sparse.name=x\n")], "a"),
    ] {
        let parts = [parts, vec![plain("a", b"")]].concat();
        assert_eq!(names(&parts), [expected], "{:?}", String::from_utf8_lossy(&parts[0][BLOCK..]));
    }
}

#[test]
fn a_size_written_for_what_has_no_content_hides_nothing() {
    for kind in *b"123456" {
        let first = block("first", kind, b"00000001000", |_| {});
        assert_eq!(names(&[first, plain("second", b"")])[1..], ["second"], "{}", char::from(kind));
    }
    let old_folder = block("folder/", 0, b"00000001000", |_| {});
    assert_eq!(names(&[old_folder, plain("second", b"")]), ["folder", "second"]);
    let larger = extension(b'x', b"13 size=1024\n");
    let link = block("hard", b'1', b"", |block| block[157..160].copy_from_slice(b"abc"));
    assert_eq!(names(&[larger, link, plain("second", b"")]), ["hard -> abc", "second"]);
}

#[test]
fn the_prefix_stands_where_each_form_has_it() {
    let name = |change: fn(&mut [u8])| names(&[block("name", b'0', b"", change)]).remove(0);
    let long = |block: &mut [u8]| block[345..485].fill(b'p');
    assert_eq!(name(|block| block[345..348].copy_from_slice(b"dir")), "dir/name");
    assert_eq!(name(long), format!("{}/name", "p".repeat(140)));
    let star = name(|block| {
        block[345..485].fill(b'p');
        block[508..512].copy_from_slice(b"tar\0");
    });
    assert_eq!(star, format!("{}/name", "p".repeat(131)));
    let gnu = |prefix: &'static [u8]| {
        names(&[block("name", b'0', b"", |block| {
            block[257..265].copy_from_slice(b"ustar  \0");
            block[345..345 + prefix.len()].copy_from_slice(prefix);
        })])
        .remove(0)
    };
    for (prefix, expected) in [
        (&b"14370123456\x0014370123456"[..], "name"),
        (b"\x80\0\0\0\0\0\0\0\0\0\0\x01", "name"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "name"),
        (b"var/lib", "var/lib/name"),
        (b"7/7", "7/7/name"),
        (b"7\0\0\0\0\0\0\0\0\0\0\0\x80\x01", "7/name"),
        (b"v\xc3\xa4r", "name"),
    ] {
        assert_eq!(gnu(prefix), expected, "{prefix:?}");
    }
}

#[test]
fn records_of_the_new_sparse_form_do_not_name_the_old() {
    let records = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=x\n";
    let old = block("old", b'S', b"", |_| {});
    assert_eq!(names(&[extension(b'x', records), old]), ["old"]);
}

#[test]
fn an_endless_sparse_map_is_refused() {
    let mut bytes = block("s", b'S', b"", |block| block[482] = 1);
    let mut more = vec![0; BLOCK];
    more[504] = 1;
    bytes.extend(more.repeat(3000));
    assert!(walk(&bytes).unwrap_err().contains("expected a sparse map of at most 1 MiB"));
}

#[test]
fn a_size_field_of_blanks_is_none() {
    assert_eq!(names(&[block("a", b'5', b"           ", |_| {}), plain("b", b"")]), ["a", "b"]);
}

#[test]
fn an_endless_extension_header_is_refused() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(10 << 30);
    header.set_cksum();
    let error = walk(header.as_bytes()).unwrap_err();
    assert!(error.contains("at most 1 MiB, found 10737418240 bytes"), "{error}");
}
