use super::*;

#[test]
fn names_of_report_groups_are_folders() {
    for (name, expected) in [
        ("unit", "unit"),
        ("arn:aws:codebuild:eu-west-1:1:report-group/unit-tests", "unit-tests"),
        ("..", "__"),
        ("a b/", "report"),
        ("", "report"),
    ] {
        assert_eq!(report_folder(name), expected);
    }
}

#[test]
fn a_base_directory_may_be_a_pattern() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["my-build1", "my-build2", "other", "deep/my-1", "[x]"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("my-buildfile"), "").unwrap();
    let shown = |base: &str| {
        let found = base_folders(folder.path(), base);
        let names = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown("my-build*"), "my-build1 my-build2");
    assert_eq!(shown("deep/*"), "deep/my-1");
    assert_eq!(shown("other"), "other");
    assert_eq!(shown("[x]"), "[x]");
    assert_eq!(shown("none*"), "");
    assert_eq!(shown("none"), "");
}
