//! The advisory database: how long it takes to build and how much memory, how large it is, how fast it opens and
//! answers, and what a day's changes cost.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use plimsoll_advisory::{Document, read};
use plimsoll_db::{Generation, Store, Update};
use plimsoll_model::{AdvisoryLookup as _, Ecosystem, Inventory, Namespace, OsRelease, Package, PackageKind};

/// Packages of the inventory that is matched.
const PACKAGES: usize = 1000;
/// How often short things are done.
const ROUNDS: usize = 31;

/// Measures a set of advisories in the OSV bucket's layout; `next_day` is the same set a day later.
pub(crate) fn run(
    program: &str,
    folder: &Path,
    name: &str,
    from: &Path,
    next_day: Option<&Path>,
) -> Result<()> {
    println!("== database of {name}");
    let path = folder.join(format!("store-{name}"));
    let _ = fs::remove_dir_all(&path);
    let text = |path: &Path| path.display().to_string();
    let build = ["db", "build", "--quiet", "--from", &text(from), "--output", &format!("{}/", text(&path))]
        .map(str::to_owned);
    let command: Vec<String> = std::iter::once(program.to_owned()).chain(build).collect();
    let (wall, peak_kib) = crate::one(&command)?;
    println!("built in {:.1} s, {} MB of memory at most", wall.as_secs_f64(), peak_kib / 1000);

    let store = Store::at(&path);
    let generation = current(&store)?;
    let manifest = generation.manifest();
    let sum = |of: fn(&plimsoll_db::PartitionInfo) -> u64| manifest.partitions.iter().map(of).sum::<u64>();
    println!(
        "{} advisories, {} packages, {} ranges in {} partitions: {:.1} MB on disk, {:.1} MB to download",
        manifest.advisories,
        sum(|partition| partition.packages),
        sum(|partition| partition.ranges),
        manifest.partitions.len(),
        megabytes(bytes_below(&path)),
        megabytes(carried(&generation)?),
    );

    let inventory = inventory(&generation)?;
    let wanted = plimsoll_match::needed(&inventory);
    let opening = median(|| black_box(plimsoll_db::open(&path, Some(&wanted), None)).map(drop))?;
    let all = median(|| black_box(plimsoll_db::open(&path, None, None)).map(drop))?;
    println!("opened for {} namespaces in {}, for all in {}", wanted.len(), shown(opening), shown(all));

    let snapshot = plimsoll_db::open(&path, Some(&wanted), None)?;
    let started = Instant::now();
    let mut asked = 0_u32;
    while started.elapsed() < Duration::from_secs(2) {
        for (place, package) in inventory.packages.iter().enumerate() {
            let namespace = match package.kind {
                PackageKind::Deb => Namespace::release(Ecosystem::Debian, "12"),
                _ => Namespace::whole(package.kind.ecosystem().context("a language's package")?),
            };
            // Three in ten are not there.
            let missing;
            let name = if place % 10 < 3 {
                missing = format!("{}-x", package.name);
                &missing
            } else {
                &package.name
            };
            black_box(snapshot.candidates(&namespace, name)?);
            asked += 1;
        }
    }
    println!(
        "{:.0} look-ups a second, one thread, owned answers",
        f64::from(asked) / started.elapsed().as_secs_f64()
    );
    // As one scan does: of a database that was just opened, so no block is unpacked yet.
    let mut findings = 0;
    let first = median_of(|| {
        let snapshot = plimsoll_db::open(&path, Some(&wanted), None)?;
        let started = Instant::now();
        findings = evaluate(&inventory, &snapshot, true)?.findings.len();
        anyhow::Ok(started.elapsed())
    })?;
    let again = median(|| evaluate(&inventory, &snapshot, true).map(drop))?;
    let all = plimsoll_db::open(&path, None, None)?;
    let of_all = median(|| evaluate(&inventory, &all, true).map(drop))?;
    let texts = median_of(|| {
        let snapshot = plimsoll_db::open(&path, Some(&wanted), None)?;
        let started = Instant::now();
        evaluate(&inventory, &snapshot, false)?;
        anyhow::Ok(started.elapsed())
    })?;
    println!(
        "{PACKAGES} packages matched in {} after opening, in {} again, in {} of all partitions; with titles, descriptions \
         and links in {} after opening; {findings} findings",
        shown(first),
        shown(again),
        shown(of_all),
        shown(texts),
    );

    if let Some(next_day) = next_day {
        let changes = changes(from, next_day)?;
        let started = Instant::now();
        let mut update = Update::new();
        let count: usize = changes.iter().map(|(_, documents)| documents.len()).sum();
        for (ecosystem, documents) in changes {
            let of_scope = update.patch("osv", &ecosystem);
            for document in documents {
                of_scope.add(document);
            }
        }
        let newer = store.publish(&update)?;
        println!("a day's {count} records applied in {}", shown(started.elapsed()));
        let started = Instant::now();
        let differences = plimsoll_db::diff(&generation, &newer)?.len();
        println!("{differences} differences found in {}", shown(started.elapsed()));
    }
    println!();
    Ok(())
}

/// Bytes of the dictionaries and blocks of all partitions.
fn carried(generation: &Generation) -> Result<u64> {
    let mut carried = 0;
    for partition in &generation.manifest().partitions {
        let database = generation.partition(&partition.name)?;
        carried += database.dictionary_bytes().len() as u64;
        for block in database.blocks() {
            carried += block?.frame.len() as u64;
        }
    }
    Ok(carried)
}

fn evaluate(
    inventory: &Inventory,
    snapshot: &plimsoll_db::Snapshot,
    without_texts: bool,
) -> Result<plimsoll_match::Matches> {
    let options = plimsoll_match::Options { without_texts, ..plimsoll_match::Options::default() };
    Ok(plimsoll_match::evaluate(inventory, snapshot, &options)?)
}

fn current(store: &Store) -> Result<Generation> {
    store.current()?.context("the store was just built")
}

/// Packages of Debian 12, PyPI and npm that the database knows, at versions of which about half are fixed.
fn inventory(generation: &Generation) -> Result<Inventory> {
    let os = OsRelease { id: "debian".to_owned(), version_id: "12".to_owned(), ..OsRelease::default() };
    let mut inventory = Inventory { os: Some(os), ..Inventory::default() };
    for (partition, kind, count) in [
        ("Debian:12", PackageKind::Deb, PACKAGES / 2),
        ("PyPI", PackageKind::PyPi, PACKAGES / 4),
        ("npm", PackageKind::Npm, PACKAGES / 4),
    ] {
        let Ok(database) = generation.partition(partition) else {
            println!("{partition} is not in this set");
            continue;
        };
        let mut names = Vec::new();
        database.each_package(|_, name, _| {
            names.push(name.to_owned());
            true
        })?;
        let step = (names.len() / count).max(1);
        inventory.packages.extend(
            names.iter().step_by(step).take(count).map(|name| Package::new(kind, name, "6.0.0", "bench")),
        );
    }
    Ok(inventory)
}

/// The records that are new or changed from one day to the next, by ecosystem.
fn changes(before: &Path, after: &Path) -> Result<Vec<(String, Vec<Document>)>> {
    let mut changes = Vec::new();
    for entry in fs::read_dir(after).context("cannot list the advisories")? {
        let folder = entry.context("cannot list the advisories")?.path();
        let Some(name) = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
            continue;
        };
        if !folder.is_dir() {
            continue;
        }
        let rows = |folder: &Path| -> Result<std::collections::HashSet<String>> {
            let text =
                crate::read(&folder.join("modified_id.csv")).context("cannot read `modified_id.csv`")?;
            Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
        };
        let old = rows(&before.join(&name))?;
        let new: std::collections::HashSet<String> = rows(&folder)?
            .into_iter()
            .filter(|row| !old.contains(row))
            .filter_map(|row| row.split_once(',').map(|(_, id)| id.to_owned()))
            .collect();
        let mut documents = Vec::new();
        read(&[PathBuf::from(&folder)], &mut |document| {
            if let Document::Advisory(advisory) = &document
                && new.contains(&advisory.id)
            {
                documents.push(document);
            }
        })?;
        changes.push((name, documents));
    }
    Ok(changes)
}

fn median<T, E>(mut act: impl FnMut() -> Result<T, E>) -> Result<Duration, E> {
    median_of(|| {
        let started = Instant::now();
        act()?;
        Ok(started.elapsed())
    })
}

/// The median of what `time` says.
fn median_of<E>(mut time: impl FnMut() -> Result<Duration, E>) -> Result<Duration, E> {
    let mut times = (0..ROUNDS).map(|_| time()).collect::<Result<Vec<_>, E>>()?;
    times.sort_unstable();
    Ok(times[ROUNDS / 2])
}

fn shown(time: Duration) -> String {
    if time < Duration::from_millis(1) {
        format!("{:.0} µs", time.as_secs_f64() * 1e6)
    } else if time < Duration::from_secs(1) {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0
}

fn bytes_below(folder: &Path) -> u64 {
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => total += metadata.len(),
                Err(_) => {}
            }
        }
    }
    total
}
