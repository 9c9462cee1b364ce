use super::*;

#[test]
fn the_last_whole_line_is_the_status() {
    for (mark, expected) in [
        (&b""[..], None),
        (b"0\n", Some(0)),
        (b"12", None),
        (b"sh: warning\n127\n", Some(127)),
        (b"0\nnoise\n", None),
        (b"\xff\n", None),
    ] {
        assert_eq!(last_status(mark), expected, "{mark:?}");
    }
}

#[test]
fn a_shell_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        shell: Shell::Other("/no/such/dash".to_owned()),
        workspace: folder.path().to_owned(),
        folder: folder.path().to_owned(),
        environment: BTreeMap::new(),
        is_isolated: false,
        deadline: Instant::now() + Duration::from_secs(10),
        command_limit: None,
        grace: Duration::ZERO,
        stop: Arc::default(),
    };
    let error = Session::new(setup).unwrap().run("true", true, &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "cannot start shell `/no/such/dash`");
}
