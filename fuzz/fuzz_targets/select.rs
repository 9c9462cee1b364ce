//! A statement of S3 Select's SQL, and an object that it is asked of: the first byte chooses the format, the first line is
//! the statement, the rest the object. What is printed means the same, and workers change nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_select::{
    CsvInput, CsvOutput, Event, Header, InputFormat, Limits, Options, OutputFormat, Query, SelectError,
};

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let Ok(statement) = std::str::from_utf8(&rest[..end]) else { return };
    let object = rest.get(end + 1..).unwrap_or_default();
    let Ok(query) = Query::parse(statement) else { return };
    let printed = query.to_string();
    let again = Query::parse(&printed).expect("what is printed is a statement");
    assert_eq!(again.to_string(), printed);

    let header = if choice & 4 == 0 { Header::None } else { Header::Use };
    let csv = CsvInput { header, allow_quoted_record_delimiter: choice & 8 != 0, ..CsvInput::default() };
    let input = match choice & 3 {
        0 => InputFormat::JsonDocument,
        1 => InputFormat::JsonLines,
        2 => InputFormat::Csv(csv),
        _ => InputFormat::Parquet,
    };
    let output =
        if choice & 16 == 0 { OutputFormat::default() } else { OutputFormat::Csv(CsvOutput::default()) };
    let limits = Limits { record_bytes: 64 << 10, document_bytes: 256 << 10, ..Limits::default() };
    let options = Options { input: Some(input), output, limits, ..Options::default() };
    let (one, one_failed) = run(&query, object, &options);
    let (two, two_failed) = run(&again, object, &Options { threads: 2, ..options });
    assert_eq!(one, two);
    assert_eq!(one_failed, two_failed);
});

/// Records, and the error's text.
fn run(query: &Query, object: &[u8], options: &Options) -> (Vec<u8>, Option<String>) {
    let mut out = Vec::new();
    let done = query.run(&mut &*object, options, &mut |event| {
        if let Event::Records(bytes) = event {
            out.extend_from_slice(bytes);
        }
        Ok(())
    });
    (out, done.err().map(|error: SelectError| error.to_string()))
}
