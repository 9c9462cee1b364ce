//! `plimsoll-fleet`: SQL over a store of results, and the parts of a cluster.

use std::process::ExitCode;

use clap::Parser as _;
use plimsoll_fleet::{Action, Command, Environment, Exit, Failure};

fn main() -> ExitCode {
    // Clap ends the program with status 2 where the usage is wrong, and with 0 for help.
    let command = Command::parse();
    let environment = Environment::read();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
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
