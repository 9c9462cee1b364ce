//! Transfers that are cut, and registries that die under them.

use std::sync::{Arc, Mutex, OnceLock};

use plimsoll_real::{Access, CuttingProxy, IMAGE, Plimsoll, Registry, comparable, database};
use serde_json::Value;

/// Far into the larger layers, in bytes.
const AFTER_BYTES: u64 = 1 << 20;

fn expected() -> &'static Value {
    static REPORT: OnceLock<Value> = OnceLock::new();
    REPORT.get_or_init(|| {
        let registry = Registry::with_image(Access::Anyone);
        comparable(Plimsoll::scan(&registry.reference(), &database().path).without_cache().json())
    })
}

fn scan_through(proxy: &CuttingProxy) -> Value {
    let target = format!("{}/{IMAGE}", proxy.address());
    comparable(Plimsoll::scan(&target, &database().path).without_cache().json())
}

#[test]
fn a_cut_transfer_goes_on_where_it_stopped() {
    let registry = Registry::with_image(Access::Anyone);
    let proxy = CuttingProxy::start(registry.address(), 3, AFTER_BYTES, || ());
    let report = scan_through(&proxy);
    assert_eq!(proxy.cuts_left(), 0, "the transfers were not cut: the image is too small");
    assert!(report == *expected(), "the report differs from one without cuts");
    let requests = proxy.blob_requests();
    let resumed = requests.iter().filter(|request| request.resumes()).count();
    assert_eq!(resumed, 3, "each cut transfer goes on by one request with a range: {requests:#?}");
}

#[test]
fn a_registry_that_is_killed_and_started_again_is_waited_for() {
    let registry = Registry::with_image(Access::Anyone);
    let address = registry.address();
    let registry = Arc::new(Mutex::new(registry));
    let proxy = CuttingProxy::start(address, 1, AFTER_BYTES, {
        let registry = Arc::clone(&registry);
        move || registry.lock().unwrap().crash_and_start()
    });
    let report = scan_through(&proxy);
    assert_eq!(proxy.cuts_left(), 0, "the registry was not killed: the image is too small");
    assert!(report == *expected(), "the report differs from one of a registry that lives");
    assert!(
        proxy.blob_requests().iter().any(plimsoll_real::Request::resumes),
        "{:#?}",
        proxy.blob_requests()
    );
}

#[test]
fn a_registry_that_stays_dead_could_not_be_scanned() {
    let registry = Registry::with_image(Access::Anyone);
    let (target, address) = (registry.reference(), registry.address());
    drop(registry);
    let run = Plimsoll::scan(&target, &database().path).without_cache().run();
    assert_eq!(run.status, Some(3), "{}: {}", run.call, run.stderr);
    assert!(run.stdout.is_empty(), "{}: a report of nothing", run.call);
    let asked = format!("{address}/v2/team/app/manifests/1");
    assert!(run.stderr.contains(&asked), "the error does not say what was asked: {}", run.stderr);
}
