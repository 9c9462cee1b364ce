//! Runs as a whole: what tests of different subjects share.

mod input;
mod records;
mod values;
mod workers;

use super::*;
use crate::error::Place;
use crate::limits::RECORDS_EVENT_BYTES;

fn options(input: InputFormat) -> Options {
    Options { input: Some(input), ..Options::default() }
}

fn csv(header: Header) -> Options {
    options(InputFormat::Csv(CsvInput { header, ..CsvInput::default() }))
}

/// All records, or the error with what came before it.
fn try_run(statement: &str, input: &[u8], options: &Options) -> Result<String, Box<(SelectError, String)>> {
    let query = Query::parse(statement).map_err(|error| Box::new((error, String::new())))?;
    let mut out = Vec::new();
    let mut ended = false;
    let done = query.run(&mut &*input, options, &mut |event| {
        match event {
            Event::Records(bytes) => {
                assert!(!bytes.is_empty() && bytes.len() <= RECORDS_EVENT_BYTES);
                out.extend_from_slice(bytes);
            }
            Event::End => ended = true,
            Event::Progress(_) | Event::Stats(_) => {}
        }
        Ok(())
    });
    let text = String::from_utf8(out).unwrap();
    match done {
        Ok(stats) => {
            assert!(ended && stats.bytes_returned == text.len() as u64, "{statement}");
            Ok(text)
        }
        Err(error) => Err(Box::new((error, text))),
    }
}

fn run_with(statement: &str, input: &str, options: &Options) -> String {
    try_run(statement, input.as_bytes(), options).unwrap_or_else(|failed| panic!("{statement}: {}", failed.0))
}

fn lines(statement: &str, input: &str) -> String {
    run_with(statement, input, &options(InputFormat::JsonLines))
}

fn document(statement: &str, input: &str) -> String {
    run_with(statement, input, &Options::default())
}
