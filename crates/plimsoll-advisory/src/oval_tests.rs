use super::*;

fn refusal(text: &str) -> String {
    Oval::read(text.as_bytes()).err().expect("it is no OVAL").to_string()
}

/// The facts of the first definition's criteria, one a line.
fn facts(text: &str) -> Vec<String> {
    let oval = Oval::read(text.as_bytes()).expect("it is OVAL");
    let nodes = oval.nodes[oval.definitions[0].criteria.clone()].iter();
    nodes
        .filter_map(|node| match *node {
            Node::Criterion { test, comment, .. } => {
                let fact = oval.fact(test, comment);
                Some(format!("{}|{}|{:?}|{}", fact.comment, fact.object, fact.state, fact.none))
            }
            _ => None,
        })
        .collect()
}

fn document(criteria: &str, rest: &str) -> String {
    format!(
        r#"<oval_definitions><definitions><definition id="d" class="patch">{criteria}</definition></definitions>
        {rest}</oval_definitions>"#
    )
}

#[test]
fn tests_are_resolved_wherever_they_stand() {
    let criteria = r#"<criteria><criterion test_ref="t" comment="c"/></criteria>"#;
    let parts = [
        r#"<tests><rpminfo_test id="t"><object object_ref="o"/><state state_ref="s"/></rpminfo_test></tests>"#,
        r#"<objects><rpminfo_object id="o"><name>bash</name></rpminfo_object></objects>"#,
        r#"<states><rpminfo_state id="s"><evr operation="less than">0:5-1</evr></rpminfo_state></states>"#,
    ];
    let expected = ["c|bash|Some((Evr, LessThan, \"0:5-1\"))|false"];
    assert_eq!(facts(&document(criteria, &parts.concat())), expected);
    let before = format!(
        "<oval_definitions>{}<definitions><definition id='d'>{criteria}</definition></definitions></oval_definitions>",
        parts.concat()
    );
    assert_eq!(facts(&before), expected);
    // Any part that is missing leaves the comment alone.
    for missing in 0..3 {
        let mut rest = parts;
        rest[missing] = "";
        assert_eq!(facts(&document(criteria, &rest.concat())), ["c||None|false"], "{missing}");
    }
}

#[test]
fn states_of_several_qualities_are_told_from_those_with_an_architecture() {
    let criteria = r#"<criteria><criterion test_ref="t" comment=""/></criteria>"#;
    for (state, expected) in [
        ("<evr>1</evr><arch>x</arch>", "Some((Evr, Equals, \"1\"))"),
        ("<arch>x</arch><evr>1</evr>", "Some((Evr, Equals, \"1\"))"),
        ("<arch>x</arch>", "Some((Architecture, Equals, \"x\"))"),
        ("<evr>1</evr><version>2</version>", "Some((Other, Other, \"\"))"),
        ("<signature_keyid>0</signature_keyid>", "Some((Signature, Equals, \"0\"))"),
        ("<evr operation='case insensitive equals'>1</evr>", "Some((Evr, Other, \"1\"))"),
        ("", "None"),
    ] {
        let rest = format!(
            r#"<tests><t id="t" check="none satisfy"><object object_ref="o"/><state state_ref="s"/></t></tests>
            <objects><o id="o"><name>n</name></o></objects><states><s id="s">{state}</s></states>"#
        );
        let (object, none) = if state.is_empty() { ("", false) } else { ("n", true) };
        assert_eq!(facts(&document(criteria, &rest)), [format!("|{object}|{expected}|{none}")], "{state}");
    }
}

#[test]
fn depth_is_limited() {
    let deep = document(&"<criteria>".repeat(100_000), "");
    assert!(refusal(&deep).contains("nested deeper than 64"));
    let closed = document(&format!("{}{}", "<criteria>".repeat(50), "</criteria>".repeat(50)), "");
    assert_eq!(Oval::read(closed.as_bytes()).unwrap().nodes.len(), 50);
}

#[test]
fn damaged_documents_are_refused() {
    for (text, found) in [
        ("", "no element"),
        ("<html/>", "element `html`"),
        ("<oval_definitions><definitions></oval_definitions>", "not well-formed"),
        ("<oval_definitions><definitions><definition>", "cut short"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(found), "{refusal}");
    }
}

#[test]
fn a_huge_attribute_costs_its_own_definition_alone() {
    let huge = "x".repeat(10_000_000);
    let text = format!(
        r#"<oval_definitions><definitions><definition id="a"><metadata><reference ref_url="{huge}"/></metadata></definition>
        <definition id="b"/></definitions><tests><t id="{huge}"/></tests></oval_definitions>"#
    );
    let oval = Oval::read(text.as_bytes()).unwrap();
    assert!(
        oval.definitions[0]
            .trouble
            .as_deref()
            .is_some_and(|trouble| trouble.contains("bytes, at most 65536"))
    );
    assert_eq!(oval.definitions[1].trouble, None);
}
