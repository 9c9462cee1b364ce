//! Benchmarks, side by side in one run: the program against the work it cannot avoid, and against Syft where it is
//! installed. Figures are for reading, never for asserting.

mod cluster;
mod database;
mod results;

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use plimsoll_db::Database;
use plimsoll_model::{Inventory, OsRelease, Package, PackageKind};
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, LayerBuilder};
use plimsoll_testkit::registry::Registry;

/// Runs of each command; the commands take turns.
const ROUNDS: usize = 7;
/// Uncompressed bytes of each layer, about.
const LAYER_BYTES: u64 = 64 << 20;
/// Layers of files, besides the one with the package database.
const LAYERS: usize = 3;
/// The largest file of this machine that goes into a layer, in bytes.
const MAX_FILE_BYTES: u64 = 24 << 20;

/// One command that is timed.
struct Contender {
    name: &'static str,
    command: Vec<String>,
    walls: Vec<Duration>,
    peak_kib: u64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (program, target_folder, only) = match &arguments[..] {
        [program, target_folder] => (program, target_folder, ""),
        [program, target_folder, only] if only == "database" || only == "results" => {
            (program, target_folder, only.as_str())
        }
        _ => {
            bail!(
                "usage: plimsoll-bench PROGRAM TARGET-FOLDER [database|results]; `cargo xtask bench` does so"
            )
        }
    };
    let target_folder = Path::new(target_folder);
    let folder = target_folder.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    match only {
        "database" => return databases(program, &folder),
        "results" => return results::run(program, target_folder, &folder),
        _ => {}
    }
    let image = image();
    let stored: usize = image.layers.iter().map(|layer| layer.blob.len()).sum();
    let plain: usize = image.layers.iter().map(|layer| layer.tar.len()).sum();
    println!(
        "image: {} layers, {} MB, gzip {} MB, of this machine's files",
        image.layers.len(),
        plain / 1_000_000,
        stored / 1_000_000
    );

    let layout = folder.join("layout");
    let _ = fs::remove_dir_all(&layout);
    image.write_oci_layout(&layout, "bench").context("cannot write the layout")?;
    fs::write(folder.join("image.tar"), image.oci_archive("bench")).context("cannot write the archive")?;
    let registry = Registry::start();
    for layer in &image.layers {
        registry.put_blob("bench", &layer.blob);
    }
    registry.put_blob("bench", &image.config);
    registry.put_manifest("bench", "1", "application/vnd.oci.image.manifest.v1+json", &image.manifest);

    let database = database(program, &folder)?;
    let text = |path: &Path| path.display().to_string();
    let scan = |target: String, more: &[&str]| {
        let mut words = vec![program.clone(), "scan".to_owned(), target, "--quiet".to_owned()];
        words.extend(["--db".to_owned(), text(&database), "--format".to_owned(), "json".to_owned()]);
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words
    };
    let cache = text(&folder.join("cache"));
    let _ = fs::remove_dir_all(&cache);
    let blobs: Vec<String> = image
        .layers
        .iter()
        .map(|layer| text(&layout.join("blobs/sha256").join(layer.digest.trim_start_matches("sha256:"))))
        .collect();
    let inflate = format!("for blob in {}; do gzip -dc $blob | sha256sum; done", blobs.join(" "));
    let from_registry = format!("{}/bench:1", registry.host());
    let archive = format!("oci-archive:{}", text(&folder.join("image.tar")));
    let mut contenders = vec![
        contender("gzip -dc | sha256sum of the layers", vec!["sh".into(), "-c".into(), inflate]),
        contender("cold scan, loopback registry", scan(from_registry.clone(), &["--no-cache"])),
        contender("cold scan, archive", scan(archive.clone(), &["--no-cache"])),
        contender("cold scan, archive, one thread", scan(archive, &["--no-cache", "--threads", "1"])),
        contender("warm scan, loopback registry", scan(from_registry, &["--cache-dir", &cache])),
    ];
    if let Some(syft) = syft(target_folder) {
        let target = format!("oci-dir:{}", text(&layout));
        contenders.push(contender(
            "syft, layout (packages only)",
            vec![syft, target, "-q".into(), "-o".into(), "json".into()],
        ));
    } else {
        println!("syft is not installed: it is left out");
    }
    time(&mut contenders)?;
    print(&contenders);
    lookups(&database)?;
    databases(program, &folder)?;
    results::run(program, target_folder, &folder)
}

/// Databases of partitions: of the real advisories where they are given, and of the made-up ones that
/// `cargo xtask advisories` wrote.
fn databases(program: &str, folder: &Path) -> Result<()> {
    println!();
    if let Some(given) = advisories() {
        database::run(program, folder, "real", Path::new(&given), None)?;
    }
    let (day, next_day) = (folder.join("advisories-0"), folder.join("advisories-1"));
    if day.is_dir() && next_day.is_dir() {
        database::run(program, folder, "full-size", &day, Some(&next_day))?;
    } else {
        println!("no made-up advisories of full size lie in `{}`: they are left out", folder.display());
    }
    Ok(())
}

/// The folder of real advisories, where it is given.
fn advisories() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "benchmarks are steered by the environment")]
    std::env::var("ADVISORIES").ok().filter(|value| !value.is_empty())
}

fn contender(name: &'static str, command: Vec<String>) -> Contender {
    Contender { name, command, walls: Vec::new(), peak_kib: 0 }
}

/// The real advisories where they are given, the project's own where not.
fn database(program: &str, folder: &Path) -> Result<PathBuf> {
    let path = folder.join("plimsoll.db");
    let sources = advisories().unwrap_or_else(|| {
        println!("database: the project's own advisories; give a folder of real ones with ADVISORIES=DIR");
        "examples/advisories".to_owned()
    });
    let started = Instant::now();
    let mut build = Command::new(program);
    build.args(["db", "build", "--quiet", "--from", &sources, "--output"]).arg(&path);
    let status = build.status().context("cannot start the program")?;
    if !status.success() {
        bail!("cannot build the database: {status}");
    }
    let size = fs::metadata(&path).context("cannot read the database")?.len();
    println!("database: {} MB, built in {:.1} s\n", size / 1_000_000, started.elapsed().as_secs_f64());
    Ok(path)
}

/// An image of this machine's own files: its package database, and layers of what lies in `/usr`.
fn image() -> BuiltImage {
    let mut base = LayerBuilder::new();
    for path in ["etc/os-release", "usr/lib/os-release", "var/lib/dpkg/status"] {
        if let Ok(content) = read(&Path::new("/").join(path)) {
            base = base.file(path, content);
        }
    }
    let mut builder = ImageBuilder::new().layer(base);
    let mut files = Vec::new();
    walk(Path::new("/usr"), &mut files);
    files.sort();
    let mut files = files.into_iter();
    for _ in 0..LAYERS {
        let (mut layer, mut bytes) = (LayerBuilder::new(), 0);
        for (path, size) in files.by_ref() {
            let Ok(content) = read(&path) else { continue };
            let name = path.strip_prefix("/").unwrap_or(&path).display().to_string();
            let is_program = path.parent().is_some_and(|folder| folder.ends_with("bin"));
            layer = if is_program { layer.program(&name, content) } else { layer.file(&name, content) };
            bytes += size;
            if bytes >= LAYER_BYTES {
                break;
            }
        }
        builder = builder.layer(layer);
    }
    builder.build()
}

fn walk(folder: &Path, files: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), files);
        } else if metadata.is_file() && metadata.len() <= MAX_FILE_BYTES && entry.path().to_str().is_some() {
            files.push((entry.path(), metadata.len()));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "files of this machine, bounded by the walk")]
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    fs::read(path)
}

fn syft(target_folder: &Path) -> Option<String> {
    let own = target_folder.join("real/venv/bin/syft");
    if own.is_file() {
        return Some(own.display().to_string());
    }
    let runs = Command::new("syft").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    runs.is_ok_and(|status| status.success()).then(|| "syft".to_owned())
}

/// Runs the contenders in turn, so that a machine that drifts drifts for all of them.
fn time(contenders: &mut [Contender]) -> Result<()> {
    for round in 0..=ROUNDS {
        for contender in contenders.iter_mut() {
            let (wall, peak_kib) = one(&contender.command)?;
            // The first round warms files and caches.
            if round > 0 {
                contender.walls.push(wall);
                contender.peak_kib = contender.peak_kib.max(peak_kib);
            }
        }
    }
    Ok(())
}

/// Runs a command; its time, and the most memory it held, as the kernel saw it shortly before its end.
fn one(command: &[String]) -> Result<(Duration, u64)> {
    let started = Instant::now();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start `{}`", command.join(" ")))?;
    let status_file = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    loop {
        if let Ok(text) = read(&status_file) {
            let text = String::from_utf8_lossy(&text).into_owned();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            peak =
                line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(peak).max(peak);
        }
        if let Some(status) = child.try_wait().context("cannot wait for a command")? {
            if !status.success() {
                bail!("`{}` failed: {status}", command.join(" "));
            }
            return Ok((started.elapsed(), peak));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn print(contenders: &[Contender]) {
    println!("{:36} {:>9} {:>9} {:>9} {:>8} {:>9}", "", "min ms", "median ms", "max ms", "ratio", "peak MB");
    let mut yardstick = None;
    for contender in contenders {
        let mut walls = contender.walls.clone();
        walls.sort_unstable();
        let ms = |wall: Duration| wall.as_secs_f64() * 1000.0;
        let median = ms(walls[walls.len() / 2]);
        let yardstick = *yardstick.get_or_insert(median);
        println!(
            "{:36} {:9.1} {median:9.1} {:9.1} {:8.2} {:9.1}",
            contender.name,
            ms(walls[0]),
            ms(walls[walls.len() - 1]),
            median / yardstick,
            f64::from(u32::try_from(contender.peak_kib).unwrap_or(u32::MAX)) / 1000.0,
        );
    }
    println!("ratio: median against the first line; {ROUNDS} rounds in turn, one warm-up before\n");
}

/// The database alone: opening it, asking it, and matching whole inventories.
fn lookups(path: &Path) -> Result<()> {
    let mut opens: Vec<Duration> = (0..200)
        .map(|_| {
            let started = Instant::now();
            black_box(Database::open(path)).map(|_| started.elapsed())
        })
        .collect::<Result<_, _>>()?;
    opens.sort_unstable();
    println!("database opened in {:.0} µs (median of 200)", opens[100].as_secs_f64() * 1e6);

    let database = Database::open(path)?;
    let mut names: BTreeMap<String, Vec<(plimsoll_model::Namespace, String)>> = BTreeMap::new();
    database.each_package(|namespace, name, _| {
        names.entry(namespace.to_string()).or_default().push((namespace.clone(), name.to_owned()));
        true
    })?;
    let mut keys: Vec<_> = names.into_values().flatten().collect();
    // Neighbours in the file would be neighbours in memory: their order is scattered, the same in each run.
    let count = keys.len() as u64;
    keys.sort_by_cached_key(|(_, name)| {
        name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte))
    });
    let started = Instant::now();
    let (mut asked, mut found) = (0_u64, 0_u64);
    while started.elapsed() < Duration::from_secs(2) {
        for (index, (namespace, name)) in keys.iter().enumerate() {
            let miss;
            let name = if index % 10 < 3 {
                miss = format!("{name}-x");
                &miss
            } else {
                name
            };
            if database.entries(namespace, name)?.next().is_some() {
                found += 1;
            }
            asked += 1;
        }
    }
    let rate = per_second(asked, started.elapsed());
    println!(
        "{rate:.0} package look-ups a second, one thread ({count} names, 30% misses, {found} of {asked} found)"
    );

    let inventory = debian(&keys);
    let started = Instant::now();
    let (mut rounds, mut findings) = (0_u64, 0);
    while started.elapsed() < Duration::from_secs(2) {
        findings = plimsoll_match::evaluate(&inventory, &database, &plimsoll_match::Options::default())?
            .findings
            .len();
        rounds += 1;
    }
    let rate = per_second(rounds * inventory.packages.len() as u64, started.elapsed());
    println!(
        "{rate:.0} packages matched a second, one thread ({} packages, {findings} findings)",
        inventory.packages.len()
    );
    Ok(())
}

fn per_second(count: u64, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

/// An inventory of every package that the database knows of Debian 11, at a version above all fixes.
fn debian(keys: &[(plimsoll_model::Namespace, String)]) -> Inventory {
    let os = OsRelease { id: "debian".to_owned(), version_id: "11".to_owned(), ..OsRelease::default() };
    let packages = keys
        .iter()
        .filter(|(namespace, _)| namespace.to_string() == "Debian:11")
        .map(|(_, name)| Package::new(PackageKind::Deb, name, "999:1-1", "bench"))
        .collect();
    Inventory { os: Some(os), packages, ..Inventory::default() }
}
