//! Results of a made-up fleet: brought into a store, asked with SQL, counted; beside `DuckDB` and `jq` on the same files,
//! where they are installed.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use plimsoll_model::PackageKind;
use plimsoll_store::{Location, Store};
use plimsoll_tables::{Appender, CompactOptions, ScanFacts, Table, compact};
use plimsoll_testkit::fleet;

use crate::cluster::Cluster;
use crate::{Contender, contender, print, read, time};

/// Packages of each image.
const PACKAGES: usize = 300;
/// Images whose rows are asked.
const IMAGES: u64 = 100_000;
/// Days that their scans are spread over.
const DAYS: i64 = 30;
/// Reports that are brought into a store as files.
const REPORTS: u64 = 2_000;
/// Executors of the cluster.
const EXECUTORS: usize = 3;
/// Advisories that packages are joined with.
const ADVISORIES: u64 = 200;
/// The first scan, in milliseconds: 2026-10-01, UTC.
const FIRST: i64 = 1_790_812_800_000;
/// A day, in milliseconds.
const DAY: i64 = 86_400_000;
/// Size of the large report, in bytes, about.
const LARGE_REPORT_BYTES: u64 = 100_000_000;
/// Size of the large object of JSON lines, in bytes, about.
const LINES_BYTES: u64 = 1_000_000_000;

/// A question, as we ask it, and as others do.
struct Question {
    name: &'static str,
    ours: String,
    theirs: String,
}

pub(crate) fn run(program: &str, target_folder: &Path, folder: &Path) -> Result<()> {
    let folder = folder.join("results");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    ingest(program, &folder)?;
    let lake = lake(program, &folder)?;
    questions(target_folder, &lake)?;
    one_report(program, &folder)?;
    lines(program, &folder)
}

/// Reports as files into a store, by the program.
fn ingest(program: &str, folder: &Path) -> Result<()> {
    let (reports, store) = (folder.join("reports"), folder.join("ingested"));
    if !reports.is_dir() {
        let part = folder.join("reports-part");
        let _ = fs::remove_dir_all(&part);
        fs::create_dir_all(&part)?;
        for number in 0..REPORTS {
            let mut file = BufWriter::new(File::create(part.join(format!("{number}.json")))?);
            plimsoll_report::write_json(&fleet::scan(number, PACKAGES), &mut file)?;
            file.flush()?;
        }
        fs::rename(&part, &reports)?;
    }
    let mut bytes = 0;
    for entry in fs::read_dir(&reports)? {
        bytes += entry?.metadata()?.len();
    }
    let _ = fs::remove_dir_all(&store);
    let started = Instant::now();
    let status = Command::new(program)
        .args(["store", "add", "--quiet", "--store"])
        .arg(&store)
        .arg(&reports)
        .stdout(Stdio::null())
        .status()
        .context("cannot start the program")?;
    if !status.success() {
        bail!("`plimsoll store add` failed: {status}");
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "store add: {REPORTS} reports of {PACKAGES} packages, {} MB: {seconds:.1} s, {:.0} reports a second",
        bytes / 1_000_000,
        crate::per_second(REPORTS, started.elapsed()),
    );
    Ok(())
}

/// The tables of the whole fleet, made once.
fn lake(program: &str, folder: &Path) -> Result<PathBuf> {
    let lake = folder.join("lake");
    if lake.is_dir() {
        return Ok(lake);
    }
    let part = folder.join("lake-part");
    let _ = fs::remove_dir_all(&part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(&Location::Folder(part.clone()))?;
        let started = Instant::now();
        let mut appender = Appender::new(&store);
        for number in 0..IMAGES {
            let scan = fleet::scan(number, PACKAGES);
            let at = FIRST + i64::try_from(number)? * DAY * DAYS / i64::try_from(IMAGES)?;
            let id = format!("{number:032x}");
            let key = format!("reports/{number}.json");
            appender.push(&ScanFacts::new(&scan, at, &id, &key, "bench"), true).await?;
        }
        appender.flush().await?;
        let time = started.elapsed();
        println!(
            "tables: rows of {IMAGES} scans of {PACKAGES} packages made up and written in {:.0} s, {:.0} scans a second",
            time.as_secs_f64(),
            crate::per_second(IMAGES, time)
        );
        let started = Instant::now();
        let mut rows = 0;
        for &table in Table::ALL {
            rows += compact(&store, table, &CompactOptions::default()).await?.rows;
        }
        println!("tables: {rows} rows compacted in {:.0} s", started.elapsed().as_secs_f64());
        Ok::<(), anyhow::Error>(())
    })?;
    advisories(program, folder, &part)?;
    fs::rename(&part, &lake)?;
    Ok(lake)
}

/// Advisories of the fleet's packages, as a publisher would write them, through the database into the store.
fn advisories(program: &str, folder: &Path, store: &Path) -> Result<()> {
    let source = folder.join("advisories/npm");
    fs::create_dir_all(&source)?;
    for number in 0..ADVISORIES {
        let name = fleet::name(PackageKind::Npm, number * 7);
        let fixed = fleet::version(PackageKind::Npm, 6);
        let mut file = File::create(source.join(format!("GHSA-bench-{number}.json")))?;
        write!(
            file,
            r#"{{"schema_version":"1.6.0","id":"GHSA-bench-{number}","modified":"2026-10-01T00:00:00Z",
"affected":[{{"package":{{"ecosystem":"npm","name":"{name}"}},
"ranges":[{{"type":"SEMVER","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
        )?;
    }
    let database = folder.join("advisories.db");
    let mut build = Command::new(program);
    build.args(["db", "build", "--quiet", "--from"]).arg(folder.join("advisories"));
    build.arg("--output").arg(&database);
    let mut bring = Command::new(program);
    bring.args(["store", "advisories", "--db"]).arg(&database).arg("--store").arg(store);
    for command in [&mut build, &mut bring] {
        let status = command.stdout(Stdio::null()).status().context("cannot start the program")?;
        if !status.success() {
            bail!("`{command:?}` failed: {status}");
        }
    }
    Ok(())
}

/// The same questions of the same files.
fn questions(target_folder: &Path, lake: &Path) -> Result<()> {
    let program = target_folder.join("fleet/plimsoll-fleet");
    let python = target_folder.join("real/lake/bin/python3");
    if !program.is_file() {
        println!(
            "plimsoll-fleet is not built (`cargo build --profile fleet -p plimsoll-fleet`): SQL is left out"
        );
        return Ok(());
    }
    let has_duckdb = Command::new(&python)
        .args(["-c", "import duckdb"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    println!("\nSQL over {IMAGES} images of {PACKAGES} packages; whole processes, the warm-up aside");
    for question in asked() {
        let ours = sql(&program, lake, &[], &question.ours);
        let answer = first_line(&ours)?;
        println!("\n{}: {answer}", question.name);
        let mut contenders = vec![contender("plimsoll sql", ours)];
        if has_duckdb {
            let theirs = duckdb(&python, lake, &question.theirs);
            contenders.push(answering("DuckDB (in Python)", theirs, &answer)?);
            contenders.push(contender("Python and DuckDB alone", duckdb(&python, lake, "SELECT 1")));
        }
        time(&mut contenders)?;
        print(&contenders);
    }
    if !has_duckdb {
        println!("DuckDB is not installed: it is left out");
    }
    distributed(&program, lake)
}

/// The dearest question, asked of a cluster on this machine: what handing it out costs.
fn distributed(program: &Path, lake: &Path) -> Result<()> {
    let cluster = Cluster::start(program, lake, EXECUTORS)?;
    let asked = asked();
    let question = asked.last().context("there are questions")?;
    let alone = sql(program, lake, &[], &question.ours);
    let answer = first_line(&alone)?;
    let shared = sql(program, lake, &["--cluster", &cluster.address], &question.ours);
    println!("\n{}, alone and on {EXECUTORS} executors of this machine: {answer}", question.name);
    let mut contenders =
        vec![contender("plimsoll sql", alone), answering("plimsoll sql --cluster", shared, &answer)?];
    time(&mut contenders)?;
    print(&contenders);
    Ok(())
}

/// A query of the tables of a store.
fn sql(program: &Path, lake: &Path, more: &[&str], query: &str) -> Vec<String> {
    let mut command = vec![program.display().to_string(), "sql".to_owned()];
    command.extend(["--store".to_owned(), lake.display().to_string()]);
    command.extend(["--format".to_owned(), "csv".to_owned()]);
    command.extend(more.iter().map(|word| (*word).to_owned()));
    command.push(query.to_owned());
    command
}

/// A contender whose answer is looked at first.
fn answering(name: &'static str, command: Vec<String>, answer: &str) -> Result<Contender> {
    let other = first_line(&command)?;
    if other != answer {
        println!("{name} answers {other}");
    }
    Ok(contender(name, command))
}

fn asked() -> Vec<Question> {
    let name = fleet::name(PackageKind::Npm, 0);
    let below = fleet::version(PackageKind::Npm, 6);
    let older: Vec<String> =
        (0..6).map(|number| format!("'{}'", fleet::version(PackageKind::Npm, number))).collect();
    let older = older.join(", ");
    let by_severity = "SELECT count(*), severity FROM findings GROUP BY severity ORDER BY 1 DESC, 2";
    let point = |condition: String| {
        format!(
            "SELECT count(DISTINCT image_digest) FROM packages WHERE ecosystem = 'npm' AND package_name = '{name}' \
             AND {condition}"
        )
    };
    let join = |condition: String| {
        format!(
            "SELECT count(DISTINCT p.image_digest) FROM packages p JOIN advisories a ON p.namespace = a.namespace \
             AND p.advisory_name = a.advisory_name WHERE {condition}"
        )
    };
    vec![
        Question { name: "GROUP BY severity", ours: by_severity.to_owned(), theirs: by_severity.to_owned() },
        Question {
            name: "images with X below Y",
            ours: point(format!("version_cmp('npm', package_version, '{below}') < 0")),
            theirs: point(format!("package_version IN ({older})")),
        },
        Question {
            name: "packages JOIN advisories",
            ours: join("affected(p.ecosystem, p.advisory_version, a.ranges)".to_owned()),
            theirs: join(format!("p.package_version IN ({older})")),
        },
    ]
}

/// `DuckDB` in Python, over the same files as Hive partitions, on as many threads.
fn duckdb(python: &Path, lake: &Path, query: &str) -> Vec<String> {
    let mut script = "import duckdb\nc = duckdb.connect()\n".to_owned();
    for table in ["findings", "packages", "advisories"] {
        let _ = writeln!(
            script,
            "c.execute(\"CREATE VIEW {table} AS SELECT * FROM read_parquet('{}/tables/v1/{table}/*/*.parquet', \
             hive_partitioning = true)\")",
            lake.display()
        );
    }
    let _ = writeln!(script, "r = c.execute(\"{query}\").fetchall()");
    let _ = writeln!(script, "print(','.join(str(v) for v in r[0]))");
    vec![python.display().to_string(), "-c".to_owned(), script]
}

/// The first line of the answer, below the names of columns where there are some.
fn first_line(command: &[String]) -> Result<String> {
    let out = Command::new(&command[0])
        .args(&command[1..])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", command[0]))?;
    if !out.status.success() {
        bail!("`{}` failed: {}", command.join(" "), out.status);
    }
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let is_number = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
    Ok(text.lines().find(is_number).unwrap_or_default().to_owned())
}

/// One large report counted by severity.
fn one_report(program: &str, folder: &Path) -> Result<()> {
    let path = folder.join("large.json");
    if !path.is_file() {
        let mut scan = fleet::scan(0, PACKAGES);
        let mut small = Vec::new();
        plimsoll_report::write_json(&scan, &mut small)?;
        let times = usize::try_from(LARGE_REPORT_BYTES)? / small.len();
        let (packages, findings) = (scan.inventory.packages.clone(), scan.findings.clone());
        for number in 1..times {
            let before = scan.inventory.packages.len();
            scan.inventory.packages.extend(packages.iter().cloned().map(|mut package| {
                package.name = format!("{}-{number}", package.name);
                package
            }));
            scan.findings.extend(findings.iter().cloned().map(|mut finding| {
                finding.packages[0] += before;
                finding
            }));
        }
        let part = folder.join("large.part");
        let mut file = BufWriter::new(File::create(&part)?);
        plimsoll_report::write_json(&scan, &mut file)?;
        file.flush()?;
        fs::rename(&part, &path)?;
    }
    let text = path.display().to_string();
    println!("\none report of {} MB counted by severity", fs::metadata(&path)?.len() / 1_000_000);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let select = "SELECT v.Severity FROM S3Object[*].Results[*].Vulnerabilities[*] v";
    let jq = "[.Results[]?.Vulnerabilities[]?.Severity] | group_by(.) | map({(.[0]): length}) | add";
    let mut contenders = vec![
        contender("jq", words(&["jq", "-c", jq, &text])),
        contender("plimsoll summary", words(&[program, "summary", &text])),
        contender("plimsoll select", words(&[program, "select", &text, select])),
    ];
    time(&mut contenders)?;
    print(&contenders);
    Ok(())
}

/// A large object of JSON lines, asked for a few of them.
fn lines(program: &str, folder: &Path) -> Result<()> {
    let path = folder.join("findings.jsonl");
    if !path.is_file() {
        let part = folder.join("findings.part");
        let mut file = BufWriter::new(File::create(&part)?);
        let mut written = 0_u64;
        for number in 0.. {
            for finding in fleet::scan(number, PACKAGES).findings {
                let line = serde_json::to_string(&finding)?;
                writeln!(file, "{line}")?;
                written += line.len() as u64 + 1;
            }
            if written >= LINES_BYTES {
                break;
            }
        }
        file.flush()?;
        fs::rename(&part, &path)?;
    }
    let bytes = fs::metadata(&path)?.len();
    let text = path.display().to_string();
    println!("\n{} MB of JSON lines", bytes / 1_000_000);
    for (name, query) in [
        ("count(*) with a condition", "SELECT count(*) FROM S3Object s WHERE s.risk > 900"),
        ("few lines of many", "SELECT s.id, s.title FROM S3Object s WHERE s.risk = 999"),
    ] {
        let started = Instant::now();
        let status = Command::new(program)
            .args(["select", &text, query])
            .stdout(Stdio::null())
            .status()
            .context("cannot start the program")?;
        if !status.success() {
            bail!("`plimsoll select` failed: {status}");
        }
        println!("plimsoll select, {name}: {}", rate(bytes, started.elapsed()));
    }
    let started = Instant::now();
    let status = Command::new("jq")
        .args(["-c", "select(.risk == 999) | {id, title}", &text])
        .stdout(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => {
            println!("jq, few lines of many: {}", rate(bytes, started.elapsed()));
        }
        _ => println!("jq is not installed: it is left out"),
    }
    // The file is in the page cache for all of them: read once more to say how fast that alone is.
    let started = Instant::now();
    let held = read(&path)?.len();
    println!("the file read into memory: {}", rate(held as u64, started.elapsed()));
    Ok(())
}

fn rate(bytes: u64, time: Duration) -> String {
    let megabytes = f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX)) / 1_000.0;
    format!("{:.2} s, {:.0} MB/s", time.as_secs_f64(), megabytes / time.as_secs_f64())
}
