//! `plimsoll`: the command. Arguments, settings, output and exit status; everything else is in the libraries.

mod args;
mod attest;
mod attested;
mod aws;
mod base;
mod baseline;
mod carried;
mod catalogers;
mod convert;
mod database;
mod db;
mod diff;
mod environment;
mod exit;
mod explain;
mod facade;
mod gate;
mod handover;
mod kept;
mod object;
mod output;
mod parallel;
mod passed;
mod pipeline;
mod policy;
mod progress;
mod promote;
mod registry;
mod reports;
mod sbom;
mod scan;
mod scanner;
mod select;
mod settings;
mod store;
mod stored;
mod summary;
mod target;
mod texts;
mod update;
mod updated;
mod verify;
mod vex;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Action, Command};
use environment::Environment;
use exit::{Exit, Failure};
use progress::Bars;
use settings::Settings;

fn main() -> ExitCode {
    let environment = Environment::read();
    if let Some(status) = facade::called(std::env::args_os(), &environment) {
        return ExitCode::from(status);
    }
    // Clap ends the program with status 2 where the usage is wrong, and with 0 for help.
    let command = Command::parse();
    if let Action::As(arguments) = &command.action {
        return ExitCode::from(facade::run(arguments, &environment));
    }
    let bars = Bars::new(environment.progress, command.common.quiet);
    match run(&command, &environment, &bars) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // What went wrong on the way is often why it failed.
            bars.finish().iter().for_each(|note| eprintln!("{note}"));
            eprintln!("{failure}");
            failure.exit.into()
        }
    }
}

pub(crate) fn run(command: &Command, environment: &Environment, bars: &Bars) -> Result<Exit, Failure> {
    // Another program reads its own settings.
    if let Some(program) = command.action.program() {
        return program.call();
    }
    let settings = Settings::read(command.common.config.as_deref())?;
    match &command.action {
        Action::Scan(arguments) => scan::run(arguments, &settings, environment, bars),
        Action::Sbom(arguments) => sbom::run(arguments, &settings, environment, bars),
        Action::Convert(arguments) => convert::run(arguments, &settings, environment, bars),
        Action::Diff(arguments) => diff::run(arguments, &settings, environment, bars),
        Action::Db(arguments) => db::run(arguments, &settings, environment, bars, command.common.quiet),
        Action::Explain(arguments) => explain::run(arguments, &settings, environment, bars),
        Action::Policy(arguments) => policy::run(arguments, &settings, environment),
        Action::Vex(arguments) => vex::run(arguments, environment),
        Action::Pipeline(arguments) => pipeline::run(arguments, &settings, environment, &command.common),
        Action::Verify(arguments) => verify::run(arguments, &settings, environment, bars),
        Action::Registry(arguments) => registry::run(arguments, &settings, environment, bars),
        Action::Promote(arguments) => promote::run(arguments, &settings, environment, bars),
        Action::Store(arguments) => store::run(arguments, &settings, environment, bars),
        Action::Select(arguments) => select::run(arguments, &settings, environment, command.common.quiet),
        Action::Summary(arguments) => summary::run(arguments, &settings),
        Action::Catalogers => catalogers::run(),
        Action::As(_) => unreachable!("other tools' command lines were taken above"),
        Action::Sql(_) | Action::Scheduler(_) | Action::Executor(_) | Action::Serve(_) => {
            unreachable!("other programs were called above")
        }
    }
}
