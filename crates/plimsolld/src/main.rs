//! `plimsolld`: what runs for long. `plimsolld serve --s3 ADDRESS` is an S3 endpoint over a store.

mod environment;
mod failure;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Plimsoll's service.
#[derive(Debug, Parser)]
#[command(name = "plimsolld", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until told to stop
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let done = match command {
        Command::Serve(arguments) => serve::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
