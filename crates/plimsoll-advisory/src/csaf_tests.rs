use super::*;

/// A document without the blanks and repetition that make most of it.
pub(crate) fn shortened(document: &[u8]) -> String {
    let mut document: serde_json::Value = serde_json::from_slice(document).unwrap();
    for list in ["/document/references", "/product_tree/branches/0/branches", "/product_tree/relationships"] {
        if let Some(list) = document.pointer_mut(list).and_then(|list| list.as_array_mut()) {
            list.truncate(2);
        }
    }
    document.to_string()
}

fn reads(json: &str) -> Result<(), String> {
    let mut storage = String::new();
    parse(json.as_bytes(), &mut storage).map(|_| ()).map_err(|error| error.to_string())
}

fn document(rest: &str) -> String {
    format!(r#"{{"document":{{"category":"csaf_vex"}}{rest}}}"#)
}

#[test]
fn what_is_missing_or_null_is_empty() {
    for rest in [
        "",
        r#","product_tree":{},"vulnerabilities":[]"#,
        r#","product_tree":{"branches":null,"relationships":null,"full_product_names":null},"vulnerabilities":null"#,
        r#","product_tree":{"branches":[{"branches":null,"name":3}]}"#,
        r#","vulnerabilities":[{"cve":null,"cwe":null,"scores":[{"cvss_v3":null,"products":null}],"notes":null}]"#,
        r#","unknown":[[[{"deep":1}]]]"#,
    ] {
        assert_eq!(reads(&document(rest)), Ok(()), "{rest}");
    }
}

#[test]
fn what_is_of_another_type_is_refused() {
    for rest in [
        r#","product_tree":{"branches":3}"#,
        r#","product_tree":{"branches":["x"]}"#,
        r#","product_tree":{"relationships":[{}]}"#,
        r#","vulnerabilities":{}"#,
        r#","vulnerabilities":[{"cve":3}]"#,
        r#","vulnerabilities":[{"product_status":{"fixed":[["x"]]}}]"#,
    ] {
        let error = reads(&document(rest)).unwrap_err();
        assert!(error.starts_with("expected a CSAF document, found JSON that says otherwise: "), "{error}");
    }
    assert!(reads(r#"{"document":{}}"#).unwrap_err().ends_with("found ``"));
    assert!(reads("{}").is_err());
}

#[test]
fn a_component_is_followed_through_its_module_to_its_platform() {
    let json = document(
        r#","product_tree":{
            "full_product_names":[{"product_id":"module","name":"m"}],
            "branches":[{"branches":[{"product":{"product_id":"rhel"}},{"product":{"product_id":"package"}}]}],
            "relationships":[
                {"full_product_name":{"product_id":"rhel:module"},"product_reference":"module","relates_to_product_reference":"rhel"},
                {"full_product_name":{"product_id":"rhel:module:package"},"product_reference":"package","relates_to_product_reference":"rhel:module"}
            ]}"#,
    );
    let mut storage = String::new();
    let csaf = parse(json.as_bytes(), &mut storage).unwrap();
    let products = Products::of(&csaf.product_tree);
    let component = products.component("rhel:module:package").unwrap();
    assert_eq!(&*component.platform.id, "rhel");
    assert_eq!((component.reference, component.between), ("package", "module"));
    assert_eq!(component.product.map(|product| &*product.id), Some("package"));
    assert_eq!(products.component("rhel:module").unwrap().between, "");
    assert!(products.component("rhel").is_none());
    assert!(products.product("rhel").is_some());
}
