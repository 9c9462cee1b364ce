//! A scheduler, executors and clients on loopback: answers are those of one machine, whoever dies meanwhile.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::tests_outside_test_module, reason = "this is a test as a whole")]

#[expect(dead_code, reason = "values for tables that no test asks")]
mod made_up;

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use made_up::MadeUp;
use plimsoll_fleet::cluster::{Cluster, Error, SchedulerAddress};
use plimsoll_fleet::{Limits, Source, register, session, state};
use plimsoll_store::Location;

/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_mins(4);

/// Clusters do not run side by side: a machine of two processors would be busy with what nobody measures.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Which of these images are affected by these advisories, and by how many?
const AFFECTED: &str = "SELECT image_digest, count(*) AS flaws, count(DISTINCT vulnerability_id) AS vulnerabilities, \
     min(package_name) AS one, max(purl) AS other \
     FROM packages JOIN advisories USING (namespace, advisory_name) \
     WHERE affected(advisories.ecosystem, advisory_version, ranges) \
     GROUP BY image_digest ORDER BY image_digest";

/// A process that does not outlive its test.
struct Process {
    child: Child,
    lines: Receiver<String>,
    /// All that stderr said.
    log: Arc<Mutex<String>>,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll-fleet"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().unwrap();
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, lines, log }
    }

    fn line(&self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                panic!("no line: {}", self.log.lock().unwrap())
            }
        }
    }

    /// Waits for words in the log.
    fn wait_for(&self, words: &str) {
        let begun = Instant::now();
        while !self.log.lock().unwrap().contains(words) {
            assert!(begun.elapsed() < PATIENCE, "no `{words}`: {}", self.log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn kill(&mut self) {
        // SIGKILL.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; the status that it ends with.
    fn end(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "still there: {}", self.log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("plimsoll-cluster-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A scheduler and so many executors over one store.
struct Fleet {
    store: Folder,
    work: Folder,
    scheduler: Process,
    url: String,
    executors: Vec<Process>,
    _alone: MutexGuard<'static, ()>,
}

impl Fleet {
    fn start(name: &str, made_up: MadeUp, executors: usize) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let store = Folder::new(&format!("{name}-store"));
        let work = Folder::new(&format!("{name}-work"));
        made_up.write(&store.0);
        let scheduler = Process::start(&[
            "scheduler",
            "--listen",
            "127.0.0.1:0",
            "--store",
            store.text(),
            "--log",
            "info",
        ]);
        let line = scheduler.line();
        let url = line.rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        let mut fleet = Self { store, work, scheduler, url, executors: Vec::new(), _alone: alone };
        for _ in 0..executors {
            fleet.add();
        }
        fleet
    }

    fn add(&mut self) {
        let executor = Process::start(&[
            "executor",
            "--scheduler",
            &self.url,
            "--store",
            self.store.text(),
            "--work-dir",
            self.work.text(),
            "--slots",
            "1",
            "--memory",
            "512MiB",
            "--log",
            "info",
        ]);
        assert!(executor.line().contains(" joined "));
        self.executors.push(executor);
    }

    fn address(&self) -> SchedulerAddress {
        self.url.parse().unwrap()
    }

    async fn connect(&self) -> Cluster {
        Cluster::connect(self.address()).await.unwrap()
    }

    async fn session(&self, cluster: &Cluster) -> SessionContext {
        session_on(cluster, &self.store.0).await
    }

    /// The answer of this machine alone.
    async fn alone(&self, sql: &str) -> String {
        let source = Source::store(Location::Folder(self.store.0.clone()));
        answer(&session(&source, &Limits::default()).await.unwrap(), sql).await
    }
}

async fn session_on(cluster: &Cluster, store: &Path) -> SessionContext {
    let context = cluster.session(state(&Limits::default()).unwrap()).unwrap();
    register(&context, &Source::store(Location::Folder(store.to_owned()))).await.unwrap();
    context
}

async fn answer(context: &SessionContext, sql: &str) -> String {
    let asked = async { context.sql(sql).await.unwrap().collect().await };
    let batches = tokio::time::timeout(PATIENCE, asked).await.expect("in time").unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

async fn failure(context: &SessionContext, sql: &str) -> datafusion::error::DataFusionError {
    let asked = async { context.sql(sql).await?.collect().await };
    tokio::time::timeout(PATIENCE, asked).await.expect("in time").unwrap_err()
}

const SMALL: MadeUp = MadeUp { images: 60, packages: 20, advisories: 200, files: 4 };

/// Enough for some seconds without optimization.
const LARGE: MadeUp = MadeUp { images: 3_000, packages: 40, advisories: 200, files: 24 };

#[tokio::test(flavor = "multi_thread")]
async fn three_executors_answer_as_one_machine_does() {
    let fleet = Fleet::start("answers", SMALL, 3);
    let cluster = fleet.connect().await;
    let context = fleet.session(&cluster).await;
    for sql in [
        AFFECTED,
        "SELECT count(*) FROM packages",
        "SELECT package_type, count(*) AS n, count(DISTINCT purl) AS d FROM packages GROUP BY 1 ORDER BY 1",
        "SELECT \"date\", count(*) FROM packages WHERE \"date\" < '2026-11-03' GROUP BY 1 ORDER BY 1",
        "SELECT severity, severity_rank(severity) AS r, count(*) FROM advisories GROUP BY 1, 2 ORDER BY r DESC",
        "SELECT image_digest FROM packages WHERE version_cmp(ecosystem, advisory_version, '1.5.0') < 0 \
         AND package_type = 'npm' GROUP BY 1 ORDER BY 1 LIMIT 7",
        "SELECT DISTINCT reference FROM packages WHERE namespace NOT IN (SELECT namespace FROM advisories WHERE \
         is_exploited) ORDER BY 1 LIMIT 3",
        "SELECT count(*) FROM findings",
        "SELECT count(*) FROM latest_findings",
        "SELECT 1 + 1 AS two",
        "SELECT reference, row_number() OVER (PARTITION BY repository ORDER BY reference, purl) AS n FROM packages \
         ORDER BY reference, n LIMIT 5",
    ] {
        assert_eq!(answer(&context, sql).await, fleet.alone(sql).await, "{sql}");
    }
    let tables = answer(&context, "SHOW TABLES").await;
    assert!(tables.contains("packages"), "{tables}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_killed_half_way_changes_nothing() {
    let mut fleet = Fleet::start("killed", LARGE, 3);
    let expected = fleet.alone(AFFECTED).await;
    let cluster = fleet.connect().await;
    let context = fleet.session(&cluster).await;
    let asked = tokio::spawn(async move { answer(&context, AFFECTED).await });
    let fleet_log = Arc::clone(&fleet.scheduler.log);

    let mut victim = fleet.executors.remove(1);
    // It has put something out that others need, and has more to do.
    victim.wait_for("Finished task");
    assert!(!asked.is_finished());
    victim.kill();
    assert!(!asked.is_finished());
    let answered = asked.await.unwrap_or_else(|error| panic!("{error}: {}", fleet_log.lock().unwrap()));
    assert_eq!(answered, expected);
    fleet.scheduler.wait_for("Removing executor");

    // Those who are left, and one that joins, answer on.
    fleet.add();
    let context = fleet.session(&cluster).await;
    assert_eq!(answer(&context, AFFECTED).await, expected);
    // What the killed one left went when the next one came.
    let folders = std::fs::read_dir(&fleet.work.0).unwrap().count();
    assert_eq!(folders, 2 * fleet.executors.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_that_is_asked_to_end_hands_over_and_leaves_nothing() {
    let mut fleet = Fleet::start("ended", LARGE, 2);
    let expected = fleet.alone(AFFECTED).await;
    let cluster = fleet.connect().await;
    let context = fleet.session(&cluster).await;
    let asked = tokio::spawn(async move { answer(&context, AFFECTED).await });
    let mut leaver = fleet.executors.remove(0);
    leaver.wait_for("Finished task");
    assert_eq!(leaver.end(), Some(0));
    let fleet_log = Arc::clone(&fleet.scheduler.log);
    let answered = asked.await.unwrap_or_else(|error| panic!("{error}: {}", fleet_log.lock().unwrap()));
    assert_eq!(answered, expected);
    assert_eq!(std::fs::read_dir(&fleet.work.0).unwrap().count(), 2);

    assert_eq!(fleet.scheduler.end(), Some(0));
    let mut last = fleet.executors.remove(0);
    assert_eq!(last.end(), Some(0));
    assert_eq!(std::fs::read_dir(&fleet.work.0).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_no_longer_ends_the_job() {
    let fleet = Fleet::start("given-up", LARGE, 1);
    let cluster = fleet.connect().await;
    let context = fleet.session(&cluster).await;
    let asked = tokio::time::timeout(Duration::from_millis(700), answer(&context, AFFECTED)).await;
    assert!(asked.is_err());
    cluster.settle().await;
    fleet.scheduler.wait_for("Received cancellation request");
    // The executor is free again.
    assert_eq!(
        answer(&context, "SELECT count(*) AS n FROM advisories").await,
        fleet.alone("SELECT count(*) AS n FROM advisories").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_cannot_answer_says_so_at_once() {
    let begun = Instant::now();
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Cluster::connect(format!("df://127.0.0.1:{port}").parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");

    // Somebody listens who never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let error = Cluster::connect(url.parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));

    let fleet = Fleet::start("nobody", SMALL, 0);
    let error = Cluster::connect(fleet.address()).await.unwrap_err();
    assert!(matches!(error, Error::NoExecutors { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_versions_other_stores_and_wrong_queries_are_refused_with_the_reason() {
    let fleet = Fleet::start("refused", SMALL, 1);
    let cluster = fleet.connect().await;

    let context = fleet.session(&cluster).await;
    let state = context.state_ref();
    state.write().config_mut().options_mut().set("plimsoll_cluster.version", "0.0.1").unwrap();
    let error = failure(&context, "SELECT count(*) FROM packages").await.to_string();
    assert!(error.contains("0.0.1") && error.contains(env!("CARGO_PKG_VERSION")), "{error}");

    let other = Folder::new("refused-other-store");
    SMALL.write(&other.0);
    let context = session_on(&cluster, &other.0).await;
    let error = failure(&context, "SELECT count(*) FROM packages").await.to_string();
    assert!(error.contains(fleet.store.text()), "{error}");

    let context = fleet.session(&cluster).await;
    let files =
        format!("CREATE EXTERNAL TABLE secrets (line VARCHAR) STORED AS CSV LOCATION '{}'", "/etc/passwd");
    context.sql(&files).await.unwrap();
    let error = failure(&context, "SELECT * FROM secrets").await.to_string();
    assert!(error.contains("outside") || error.contains("alone"), "{error}");
    let copy = format!("COPY (SELECT 1 AS one) TO '{}/out.parquet'", fleet.store.text());
    let error = failure(&context, &copy).await.to_string();
    assert!(error.contains("does not write"), "{error}");

    let error = failure(&context, "SELECT CAST(purl AS INT) FROM packages").await;
    assert!(matches!(Error::behind(&error), Some(Error::Failed { .. })), "{error}");
    assert!(error.to_string().contains("pkg:"), "{error}");
    context.sql("CREATE TABLE mine AS VALUES (1)").await.unwrap();
    let error = failure(&context, "SELECT * FROM mine JOIN packages ON true").await.to_string();
    assert!(error.contains("only this program has"), "{error}");
    // It still answers.
    assert_eq!(answer(&context, AFFECTED).await, fleet.alone(AFFECTED).await);
}

#[test]
fn what_others_reach_is_not_opened_unasked() {
    let store = Folder::new("open");
    for (arguments, status, words) in [
        (vec!["scheduler", "--listen", "0.0.0.0:0"], 2, "--allow-anyone"),
        (vec!["executor", "--listen", "0.0.0.0:0"], 2, "--allow-anyone"),
        (vec!["scheduler", "--listen", "0.0.0.0:0", "--allow-anyone"], 2, "--advertise"),
        (vec!["scheduler", "--listen", "somewhere"], 2, "127.0.0.1:50050"),
        (vec!["executor", "--scheduler", "https://x"], 2, "https"),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll-fleet"))
            .args(&arguments)
            .args(["--store", store.text()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut text = String::new();
        child.stderr.take().unwrap().take(64 * 1024).read_to_string(&mut text).unwrap();
        let ended = child.wait().unwrap().code();
        assert_eq!(ended, Some(status), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}
