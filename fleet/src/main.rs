//! `plimsoll-fleet`: SQL over a store of results, and the parts of a cluster.

use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Parser as _;
use plimsoll_fleet::{Action, Command, Environment, Exit, Failure};

/// Threads besides those that queries are divided among.
const SPARE_THREADS: usize = 2;

fn main() -> ExitCode {
    // Clap ends the program with status 2 where the usage is wrong, and with 0 for help.
    let command = Command::parse();
    let environment = Environment::read();
    // More threads than queries are divided among: where all of those compute, signals and sockets are still seen to.
    let threads = std::thread::available_parallelism().map_or(2, NonZeroUsize::get) + SPARE_THREADS;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start threads\n  because: {error}");
            return Exit::Failed.into();
        }
    };
    let result = runtime.block_on(run(&command, &environment));
    // What was given up is not waited for.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit.into()
        }
    }
}

async fn run(command: &Command, environment: &Environment) -> Result<Exit, Failure> {
    match &command.action {
        Action::Sql(arguments) => plimsoll_fleet::sql(arguments, &command.common, environment).await,
        Action::Scheduler(arguments) => arguments.run().await.map(|()| Exit::Answered).map_err(Failure::from),
        Action::Executor(arguments) => arguments.run().await.map(|()| Exit::Answered).map_err(Failure::from),
    }
}
