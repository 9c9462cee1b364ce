//! Registries that let in only those they know.

use std::sync::OnceLock;

use plimsoll_real::{
    Access, Plimsoll, Registry, Run, Scratch, TokenServer, USER, comparable, database, docker_config,
};
use serde_json::Value;

/// A scan with what `docker login` would have left, or with nothing.
fn scan(registry: &Registry, credentials: Option<(&str, &str)>) -> Run {
    let folder = Scratch::new();
    let mut call = Plimsoll::scan(&registry.reference(), &database().path).without_cache();
    if let Some((user, password)) = credentials {
        let address = registry.address().to_string();
        call = call.variable("DOCKER_CONFIG", docker_config(&folder, &address, user, password));
    }
    call.run()
}

/// What an open registry gives for the image.
fn expected() -> &'static Value {
    static REPORT: OnceLock<Value> = OnceLock::new();
    REPORT.get_or_init(|| {
        let open = Registry::with_image(Access::Anyone);
        comparable(Plimsoll::scan(&open.reference(), &database().path).without_cache().json())
    })
}

fn assert_let_in(run: &Run) {
    assert_eq!(run.status, Some(0), "{}: {}", run.call, run.stderr);
    let report = serde_json::from_slice(&run.stdout).expect("a report is JSON");
    assert!(comparable(report) == *expected(), "{}: the report differs from an open registry's", run.call);
}

/// Status 3, no report, an error that names the image and not the password, and a hint.
fn assert_kept_out(run: &Run, password: &str) {
    assert_eq!(run.status, Some(3), "{}: {}", run.call, run.stderr);
    assert!(run.stdout.is_empty(), "{}: a report of nothing", run.call);
    assert!(
        run.stderr.contains("team/app"),
        "{}: the error does not name the image: {}",
        run.call,
        run.stderr
    );
    assert!(run.stderr.contains("\nhint: "), "{}: no hint: {}", run.call, run.stderr);
    assert!(!run.stderr.contains(password), "{}: the password is shown: {}", run.call, run.stderr);
}

#[test]
fn a_password_lets_in() {
    let registry = Registry::with_image(Access::Password);
    assert_let_in(&scan(&registry, Some(USER)));
}

#[test]
fn a_wrong_password_or_none_does_not() {
    let registry = Registry::with_image(Access::Password);
    assert_kept_out(&scan(&registry, Some((USER.0, "walk-the-plank"))), "walk-the-plank");
    assert_kept_out(&scan(&registry, None), USER.1);
}

#[test]
fn a_token_lets_in() {
    let server = TokenServer::start();
    let registry = Registry::with_image(Access::Token(&server));
    assert_let_in(&scan(&registry, Some(USER)));
    let scopes = server.scopes();
    assert!(!scopes.is_empty(), "no token was asked for");
    for scope in scopes {
        assert_eq!(scope, "repository:team/app:pull", "more or less was asked for than a pull needs");
    }
}

#[test]
fn a_token_server_that_refuses_does_not() {
    let server = TokenServer::start();
    let registry = Registry::with_image(Access::Token(&server));
    assert_kept_out(&scan(&registry, Some((USER.0, "walk-the-plank"))), "walk-the-plank");
    assert_kept_out(&scan(&registry, None), USER.1);
}

#[test]
fn the_password_of_another_registry_is_not_sent() {
    let server = TokenServer::start();
    let registry = Registry::with_image(Access::Token(&server));
    let folder = Scratch::new();
    let config = docker_config(&folder, "127.0.0.1:1", USER.0, USER.1);
    let call = Plimsoll::scan(&registry.reference(), &database().path).without_cache();
    assert_kept_out(&call.variable("DOCKER_CONFIG", config).run(), USER.1);
}
