//! The command line of scheduler and executor.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use log::LevelFilter;
use plimsoll_store::Location;

use super::{
    Error, ExecutorOptions, Listen, Parts, SchedulerAddress, SchedulerOptions, logging, run_executor,
    run_scheduler,
};

/// What both take.
#[derive(Debug, Args)]
pub struct PartArgs {
    /// A store that queries may read: a folder, `s3://BUCKET/PREFIX`, `gs://…`, `az://…`. May be repeated; nothing else is read.
    #[arg(long, value_name = "URL", env = "PLIMSOLL_STORE", required = true)]
    pub store: Vec<String>,
    /// Listen where other machines can reach it. There is no authentication: whoever reaches it may run queries and read the
    /// stores.
    #[arg(long)]
    pub allow_anyone: bool,
    /// The name or address that others reach it by, where that is not what it listens on.
    #[arg(long, value_name = "HOST")]
    pub advertise: Option<String>,
    /// What is logged on stderr.
    #[arg(long, value_name = "LEVEL", value_enum, default_value = "off")]
    pub log: Level,
}

/// The scheduler: plans queries and hands their tasks to executors.
#[derive(Debug, Args)]
pub struct SchedulerArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50050")]
    pub listen: Listen,
    /// What executors take too.
    #[command(flatten)]
    pub part: PartArgs,
}

/// An executor: runs tasks of queries.
#[derive(Debug, Args)]
pub struct ExecutorArgs {
    /// The scheduler that gives it work.
    #[arg(long, value_name = "URL", default_value = "df://127.0.0.1:50050", env = "PLIMSOLL_CLUSTER")]
    pub scheduler: SchedulerAddress,
    /// Where to listen, on this port and the next; port 0 takes two free ones.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: Listen,
    /// Where the folder for what tasks put out is made; the system's temporary folder by default.
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Tasks at once; as many as there are processors by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: Option<u16>,
    /// Memory for all tasks together; what does not fit goes to the folder, or is refused. 70 % of the machine's or container's
    /// by default.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// What the scheduler takes too.
    #[command(flatten)]
    pub part: PartArgs,
}

/// A size in bytes: `512MiB`, `2GiB`, `65536`.
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(unit, bytes)| text.strip_suffix(unit).map(|digits| (digits, *bytes)))
        .unwrap_or((text, 1));
    let bytes = digits.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("expected a number and KiB, MiB or GiB, as in `2GiB`, found `{text}`"))
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What may fail.
    Warn,
    /// Jobs, stages and tasks.
    Info,
    /// Plans.
    Debug,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::Off,
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
        }
    }
}

impl PartArgs {
    /// What is said before it begins: functions, fence, log, and that there is no authentication.
    fn begin(&self, what: &str, listen: Listen) -> Result<Parts, Error> {
        logging::begin(self.log.into());
        listen.check(self.allow_anyone)?;
        if !listen.address().ip().is_loopback() {
            eprintln!(
                "plimsoll {what}: warning: `{listen}` is reached from other machines, and there is no authentication: \
                 whoever reaches it may run queries and read the stores"
            );
        }
        let mut stores = Vec::new();
        for store in &self.store {
            stores.push(Location::parse(store).map_err(|error| Error::Service {
                action: "open the stores".to_owned(),
                source: error.into(),
            })?);
        }
        Parts::new(crate::functions(), &stores)
    }
}

impl SchedulerArgs {
    /// Runs the scheduler until it is asked to end.
    ///
    /// # Errors
    /// As [`run_scheduler`].
    pub async fn run(&self) -> Result<(), Error> {
        let parts = self.part.begin("scheduler", self.listen)?;
        let options = SchedulerOptions {
            listen: self.listen,
            allow_anyone: self.part.allow_anyone,
            advertise: self.part.advertise.clone(),
        };
        run_scheduler(options, parts).await
    }
}

impl ExecutorArgs {
    /// Runs the executor until it is asked to end.
    ///
    /// # Errors
    /// As [`run_executor`].
    pub async fn run(&self) -> Result<(), Error> {
        let parts = self.part.begin("executor", self.listen)?;
        let options = ExecutorOptions {
            scheduler: self.scheduler.clone(),
            listen: self.listen,
            allow_anyone: self.part.allow_anyone,
            advertise: self.part.advertise.clone(),
            work_folder: self.work_dir.clone().unwrap_or_else(std::env::temp_dir),
            slots: self.slots.map(usize::from),
            memory_bytes: self.memory,
        };
        run_executor(options, parts).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("1", Some(1)),
            ("512MiB", Some(512 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("0", None),
            ("much", None),
            ("", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
        assert!(size("99999999999999TiB").is_err());
    }
}
