use super::*;

const USUAL: &str = r#"<?xml version="1.0" ?>
<updates>
<update author="x" status="final" type="security" version="1.4">
  <id>ALAS2023-2024-1</id><title>A &amp; B</title>
  <issued date="2024-01-02 03:04:05"/><updated date="2024-01-03 00:00:00"></updated>
  <severity>important</severity>
  <description><![CDATA[1 < 2]]> &#233;</description>
  <references><reference href="https://x/?a=1&amp;b=2" id="CVE-2024-0001" type="cve"/></references>
  <pkglist>
    <collection short="a"><name>A</name>
      <package name="foo" version="1.2" release="3" epoch="1" arch="x86_64"><filename>f</filename></package>
    </collection>
    <collection short="b"><package name="bar" version="1" release="1" arch="src"/>
      <module name="nodejs" stream="18" version="1" context="c" arch="x86_64"/></collection>
  </pkglist>
  <other><deep><deeper/></deep></other>
</update>
<noise/>
<update type="bugfix"><id>B</id></update>
</updates>"#;

fn updates(bytes: &[u8]) -> (Vec<Update>, Result<(), InvalidRecord>) {
    let mut updates = Vec::new();
    let result = read(bytes, &mut |update| updates.push(update));
    (updates, result)
}

fn refusal(bytes: &[u8]) -> String {
    updates(bytes).1.expect_err("it is no updateinfo").to_string()
}

#[test]
fn an_update_is_read_as_it_is_written() {
    let (updates, result) = updates(USUAL.as_bytes());
    assert_eq!(result, Ok(()));
    let first = &updates[0];
    assert_eq!(
        *first,
        Update {
            id: "ALAS2023-2024-1".into(),
            kind: "security".into(),
            title: "A & B".into(),
            severity: "important".into(),
            issued: "2024-01-02 03:04:05".into(),
            updated: "2024-01-03 00:00:00".into(),
            description: "1 < 2 é".into(),
            references: vec![Link {
                id: "CVE-2024-0001".into(),
                kind: "cve".into(),
                url: "https://x/?a=1&b=2".into()
            }],
            collection: "a".into(),
            packages: vec![
                Package {
                    name: "foo".into(),
                    epoch: "1".into(),
                    version: "1.2".into(),
                    release: "3".into(),
                    architecture: "x86_64".into(),
                    module: String::new(),
                },
                Package {
                    name: "bar".into(),
                    version: "1".into(),
                    release: "1".into(),
                    architecture: "src".into(),
                    module: "nodejs:18".into(),
                    ..Package::default()
                },
            ],
            trouble: None,
        }
    );
    assert_eq!(updates[1].id, "B");
    assert_eq!(updates.len(), 2);
}

#[test]
fn an_empty_list_is_no_trouble() {
    assert_eq!(updates(b"<updates/>"), (vec![], Ok(())));
    assert_eq!(
        updates(b"\xEF\xBB\xBF<?xml version='1.0'?><!-- none --><updates></updates>\n"),
        (vec![], Ok(()))
    );
}

#[test]
fn other_documents_are_refused() {
    for (bytes, found) in [
        (&b""[..], "expected an `updateinfo.xml`, found no element, at byte 0"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "found element `html`"),
        (b"{\"updates\": []}", "found no element"),
        (b"<a:repomd xmlns:a='x'></a:repomd>", "found element `repomd`"),
        (b"\x1F\x8B\x08\x00", "found no element"),
    ] {
        let refusal = refusal(bytes);
        assert!(refusal.contains(found), "{refusal}");
    }
}

#[test]
fn a_file_that_is_cut_short_is_an_error_wherever_it_is_cut() {
    let end = USUAL.len() - "</updates>".len();
    for length in 0..end + 9 {
        if USUAL.is_char_boundary(length) {
            assert!(updates(&USUAL.as_bytes()[..length]).1.is_err(), "{length}");
        }
    }
}

#[test]
fn end_tags_must_be_those_of_their_starts() {
    for text in
        ["<updates><update></updates>", "<updates><update></id></update></updates>", "</updates>", "<updates"]
    {
        assert!(updates(text.as_bytes()).1.is_err(), "{text}");
    }
}

#[test]
fn depth_is_limited() {
    let deep = format!("<updates>{}", "<a>".repeat(100_000));
    assert!(refusal(deep.as_bytes()).contains("nested deeper than 64"));
}

#[test]
fn entities_of_a_document_are_never_expanded() {
    let bomb = r#"<!DOCTYPE updates [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
        <updates><update><id>&b;</id></update><update><id>B</id></update></updates>"#;
    let (updates, result) = updates(bomb.as_bytes());
    assert_eq!(result, Ok(()));
    assert_eq!(
        (updates[0].id.as_str(), updates[0].trouble.as_deref()),
        ("", Some("an entity of the document's own"))
    );
    assert_eq!((updates[1].id.as_str(), &updates[1].trouble), ("B", &None));
}

#[test]
fn entities_of_a_document_are_never_expanded_in_attributes() {
    let attribute = r#"<!DOCTYPE updates [<!ENTITY a "x">]>
        <updates><update type="&a;"><id>A</id></update><update><id>B</id></update></updates>"#;
    let (updates, result) = updates(attribute.as_bytes());
    assert_eq!(result, Ok(()));
    assert_eq!(updates[0].trouble.as_deref(), Some("attribute `type` with an entity of the document's own"));
    assert_eq!(updates[1].trouble, None);
}

#[test]
fn a_huge_attribute_costs_its_own_update_alone() {
    let huge = "x".repeat(10_000_000);
    let text = format!(
        r#"<updates><update type="{huge}" status="final"><id>A</id></update><update type="security"><id>B</id></update></updates>"#
    );
    let (updates, result) = updates(text.as_bytes());
    assert_eq!(result, Ok(()));
    assert_eq!(updates[0].trouble.as_deref(), Some("a tag of 10000029 bytes, at most 65536"));
    assert_eq!((updates[1].kind.as_str(), &updates[1].trouble), ("security", &None));
}

#[test]
fn a_huge_text_is_cut() {
    let text =
        format!("<updates><update><description>{}</description></update></updates>", "é".repeat(1_000_000));
    let (updates, _) = updates(text.as_bytes());
    let description = &updates[0].description;
    assert!(
        description.len() <= crate::xml::MAX_TEXT_BYTES && description.len() > 60_000,
        "{}",
        description.len()
    );
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let (updates, result) = updates(b"<updates><update type='\xFF'><id>\xFF\xFE</id></update></updates>");
    assert_eq!(result, Ok(()));
    assert_eq!(updates[0].id, "\u{FFFD}\u{FFFD}");
    for bytes in
        [&b"<updates><update type=x y></update></updates>"[..], b"<updates><update ===></update></updates>"]
    {
        let _ = read(bytes, &mut |_| {});
    }
}

#[test]
fn a_lone_ampersand_is_text() {
    let (updates, result) =
        updates(b"<updates><update type='R&D'><id>A</id><title>R&D, A & B</title></update></updates>");
    assert_eq!(result, Ok(()));
    assert_eq!(updates[0].title, "R&D, A & B");
}
