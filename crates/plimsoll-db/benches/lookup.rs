//! Look-ups in a synthetic database of 300,000 packages, one to five entries each, 30% misses.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_db::{Builder, Database};
use plimsoll_model::{
    Advisory, AdvisoryLookup, Affected, AffectedEvent, AffectedRange, Ecosystem, EventKind, Namespace,
};

const PACKAGES: u32 = 300_000;
const LOOKUPS: u32 = 10_000;

/// Numbers that look random and are the same in each run.
fn scatter(number: u32) -> u32 {
    (number ^ (number >> 15)).wrapping_mul(0x2c1b_3c6d).rotate_left(13).wrapping_mul(0x297a_2d39)
}

fn namespace(number: u32) -> Namespace {
    let releases = ["10", "11", "12", "13"];
    match number % 12 {
        n @ 0..4 => Namespace::release(Ecosystem::Debian, releases[n as usize]),
        n @ 4..8 => Namespace::release(Ecosystem::AlmaLinux, releases[n as usize - 4]),
        8 => Namespace::whole(Ecosystem::Npm),
        9 => Namespace::whole(Ecosystem::PyPi),
        10 => Namespace::whole(Ecosystem::Go),
        _ => Namespace::whole(Ecosystem::Wolfi),
    }
}

fn name(number: u32) -> String {
    format!("lib{:x}-package", scatter(number))
}

fn affected(number: u32, entry: u32) -> Affected {
    let event = |kind, version: String| AffectedEvent { kind, version };
    let fixed = format!("{}.{}.{}-1", number % 30, entry, number % 7);
    let events = vec![event(EventKind::Introduced, "0".to_owned()), event(EventKind::Fixed, fixed)];
    Affected { ranges: vec![AffectedRange { events }], ..Affected::new(namespace(number), name(number)) }
}

fn database() -> Database {
    let mut builder = Builder::new();
    // Advisories of ten packages each.
    for advisory in 0..PACKAGES / 10 {
        let numbers = advisory * 10..advisory * 10 + 10;
        builder.add(Advisory {
            id: format!("CVE-2024-{advisory}"),
            affected: numbers
                .flat_map(|n| (0..=scatter(n) % 5).map(move |entry| affected(n, entry)))
                .collect(),
            ..Advisory::default()
        });
    }
    Database::from_bytes(builder.to_bytes().expect("within the limits")).expect("just built")
}

fn lookups(criterion: &mut Criterion) {
    let database = database();
    let keys: Vec<(Namespace, String)> = (0..LOOKUPS)
        .map(|n| {
            let number = scatter(n) % PACKAGES;
            let name = if n % 10 < 3 { format!("missing-{number}") } else { name(number) };
            (namespace(number), name)
        })
        .collect();
    let mut group = criterion.benchmark_group("lookup");
    group.sample_size(20).throughput(Throughput::Elements(u64::from(LOOKUPS)));
    group.bench_function("entries and their events, 30% misses", |bench| {
        bench.iter(|| {
            let mut bytes = 0;
            for (namespace, name) in &keys {
                for entry in database.entries(namespace, name).expect("whole") {
                    for event in entry.and_then(|entry| entry.events()).expect("whole") {
                        bytes += event.expect("whole").event.version.len();
                    }
                }
            }
            black_box(bytes)
        });
    });
    group.bench_function("candidates, owned, 30% misses", |bench| {
        bench.iter(|| {
            keys.iter().map(|(n, name)| database.candidates(n, name).expect("whole").len()).sum::<usize>()
        });
    });
    group.bench_function("candidates, misses only", |bench| {
        bench.iter(|| {
            keys.iter()
                .map(|(n, name)| database.candidates(n, &name[1..]).expect("whole").len())
                .sum::<usize>()
        });
    });
    group.bench_function("covers", |bench| {
        bench.iter(|| keys.iter().filter(|(namespace, _)| database.covers(namespace)).count());
    });
    group.finish();
}

criterion_group!(benches, lookups);
criterion_main!(benches);
