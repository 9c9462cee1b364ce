//! `plimsoll select`: a statement of Amazon S3 Select's SQL over one object.

use std::io::{self, Write as _};

use anyhow::anyhow;
use plimsoll_select::{
    Code, Compression, CsvInput, CsvOutput, Event, Guess, Header, InputFormat, Options, OutputFormat, Place,
    Query, ScanRange, SelectError, Stats, guess,
};

use crate::args::{
    ByteRange, CompressionWord, HeaderWord, InputArgs, InputWord, OutputArgs, OutputWord, QuoteWord,
    SelectArgs,
};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::object::Object;
use crate::settings::Settings;

/// Most names that no record has of which a note is made.
const SHOWN_NAMES: usize = 5;
/// Most characters of a statement's line that are shown with an error.
const SHOWN_CHARS: usize = 100;

pub(crate) fn run(
    arguments: &SelectArgs,
    settings: &Settings,
    environment: &Environment,
    quiet: bool,
) -> Result<Exit, Failure> {
    let query = Query::parse(&arguments.statement).map_err(|error| refused(&error, &arguments.statement))?;
    let output = output(&arguments.output)?;
    let object = Object::open(&arguments.object, settings)?;
    let guessed = guess(object.sample(), &object.name);
    let (input, compression) = input(&arguments.input, &guessed)?;
    // What neither the name nor an option says.
    let is_guess = (input == guessed.input && arguments.input.input.is_none() && !guessed.input_is_named)
        || (arguments.input.compression == CompressionWord::Auto && !guessed.compression_is_named);
    if !quiet && is_guess {
        eprintln!("note: `{}` is read as {}", object.name, described(&input, compression));
    }
    let range = arguments.scan_range.map(|range| scan_range(range, &object)).transpose()?;
    let threads = arguments.threads.or(settings.threads).map_or(environment.threads, usize::from);
    let options = Options {
        compression,
        output,
        range,
        threads,
        now: plimsoll_select::Timestamp::from_unix_millis(environment.now.as_millisecond()),
        input: Some(input),
        ..Options::default()
    };
    match execute(&query, object, &options) {
        Ok(stats) => {
            let is_json = matches!(options.input, Some(InputFormat::JsonDocument | InputFormat::JsonLines));
            if !quiet && is_json && stats.bytes_processed > 0 {
                for name in query.unseen().iter().take(SHOWN_NAMES) {
                    eprintln!("{}", unseen(name));
                }
            }
            if arguments.stats {
                let Stats { bytes_scanned, bytes_processed, bytes_returned } = stats;
                eprintln!(
                    "scanned {bytes_scanned} bytes, processed {bytes_processed}, returned {bytes_returned}"
                );
            }
            Ok(Exit::Passed)
        }
        // The reader has seen enough, as `head` does.
        Err(error) if is_closed(&error) => Ok(Exit::Passed),
        Err(error) => Err(refused(&error, &arguments.statement)),
    }
}

/// What is said of a name that no record has: a word between double quotes is often meant as text.
fn unseen(name: &str) -> String {
    let shown: String =
        name.chars().take(SHOWN_CHARS).map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let hint = if name.starts_with('"') { "; text stands between single quotes" } else { "" };
    format!("note: no record that was read has a field `{shown}`{hint}")
}

fn execute(query: &Query, object: Object, options: &Options) -> Result<Stats, SelectError> {
    let mut stdout = io::stdout().lock();
    let mut sink = |event: Event<'_>| match event {
        Event::Records(bytes) => stdout.write_all(bytes),
        Event::End => stdout.flush(),
        Event::Progress(_) | Event::Stats(_) => Ok(()),
    };
    // Of these only a part is read.
    if options.input == Some(InputFormat::Parquet) || options.range.is_some() {
        return match object.random() {
            Ok(object) => query.run_at(&object, options, &mut sink),
            Err(mut stream) => query.run(&mut *stream, options, &mut sink),
        };
    }
    query.run(&mut *object.reader(), options, &mut sink)
}

fn is_closed(error: &SelectError) -> bool {
    use std::error::Error as _;
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    error.code() == Code::ConnectionClosedByRequester
        && cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// The error, with the line of the statement that it is in.
fn refused(error: &SelectError, statement: &str) -> Failure {
    let exit = match (error.place(), error.code()) {
        (Place::Statement { .. }, _)
        | (
            _,
            Code::AmbiguousFieldName
            | Code::EvaluatorBindingDoesNotExist
            | Code::ExpressionTooLong
            | Code::InvalidColumnIndex
            | Code::InvalidKeyPath
            | Code::InvalidRequestParameter
            | Code::MissingHeaders
            | Code::UnsupportedScanRangeInput
            | Code::UnsupportedSyntax,
        ) => Exit::Usage,
        _ => Exit::CouldNotScan,
    };
    let hint = error.advice().to_owned();
    let mark = match error.place() {
        Place::Statement { line, column, .. } => marked(statement, line, column),
        _ => String::new(),
    };
    let code = error.code();
    let text = format!("{error} ({code}){mark}");
    let failure = match std::error::Error::source(error) {
        Some(source) => Failure::new(exit, anyhow!("{source}").context(text)),
        None => Failure::new(exit, anyhow!(text)),
    };
    if hint.is_empty() { failure } else { failure.hint(hint) }
}

/// A line of the statement, and a caret below the place.
fn marked(statement: &str, line: usize, column: usize) -> String {
    let Some(text) = statement.split('\n').nth(line.saturating_sub(1)) else { return String::new() };
    let place = column.saturating_sub(1);
    let skipped = place.saturating_sub(SHOWN_CHARS * 2 / 3);
    let shown: String = text
        .chars()
        .skip(skipped)
        .take(SHOWN_CHARS)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let dots = if skipped > 0 { "…" } else { "" };
    let before = " ".repeat(place - skipped + dots.chars().count());
    format!("\n  {dots}{}\n  {before}^", shown.trim_end())
}

fn described(input: &InputFormat, compression: Compression) -> String {
    let input = match input {
        InputFormat::JsonDocument => "JSON".to_owned(),
        InputFormat::JsonLines => "JSON lines".to_owned(),
        InputFormat::Parquet => "Parquet".to_owned(),
        InputFormat::Csv(csv) => match csv.header {
            Header::Use => "CSV with a header".to_owned(),
            Header::Ignore => "CSV with a header that is ignored".to_owned(),
            Header::None => "CSV".to_owned(),
        },
    };
    match compression {
        Compression::None => input,
        Compression::Gzip => input + ", gzip",
        Compression::Bzip2 => input + ", bzip2",
        Compression::Zstd => input + ", zstd",
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, anyhow!(message.into()))
}

/// One ASCII character of an option, or none where it is empty.
fn character(option: &str, text: &str) -> Result<Option<u8>, Failure> {
    match text.as_bytes() {
        [] => Ok(None),
        [byte] if byte.is_ascii() => Ok(Some(*byte)),
        _ => Err(wrong(format!("cannot use `--{option}`: expected one ASCII character, found `{text}`"))),
    }
}

fn needed(option: &str, text: &str) -> Result<u8, Failure> {
    let found = character(option, text)?;
    found.ok_or_else(|| wrong(format!("cannot use `--{option}`: expected one ASCII character, found none")))
}

fn input(arguments: &InputArgs, guessed: &Guess) -> Result<(InputFormat, Compression), Failure> {
    let compression = match arguments.compression {
        CompressionWord::Auto => guessed.compression,
        CompressionWord::None => Compression::None,
        CompressionWord::Gzip => Compression::Gzip,
        CompressionWord::Bzip2 => Compression::Bzip2,
        CompressionWord::Zstd => Compression::Zstd,
    };
    let is_of_csv = arguments.header.is_some()
        || arguments.field_delimiter.is_some()
        || arguments.record_delimiter.is_some()
        || arguments.quote.is_some()
        || arguments.quote_escape.is_some()
        || arguments.comments.is_some()
        || arguments.quoted_record_delimiter;
    let csv = match &guessed.input {
        InputFormat::Csv(csv) => csv.clone(),
        _ => CsvInput { header: Header::Use, ..CsvInput::default() },
    };
    let input = match arguments.input {
        Some(InputWord::Json) => InputFormat::JsonDocument,
        Some(InputWord::Jsonl) => InputFormat::JsonLines,
        Some(InputWord::Parquet) => InputFormat::Parquet,
        Some(InputWord::Csv) => InputFormat::Csv(csv),
        // Who speaks of quotes and headers means CSV.
        None if is_of_csv => InputFormat::Csv(csv),
        None => guessed.input.clone(),
    };
    let InputFormat::Csv(mut csv) = input else {
        if is_of_csv {
            return Err(wrong(
                "cannot use options of CSV: expected `--input csv` with them, found another format",
            ));
        }
        return Ok((input, compression));
    };
    if let Some(header) = arguments.header {
        csv.header = match header {
            HeaderWord::None => Header::None,
            HeaderWord::Use => Header::Use,
            HeaderWord::Ignore => Header::Ignore,
        };
    }
    if let Some(delimiter) = &arguments.field_delimiter {
        csv.field_delimiter.clone_from(delimiter);
    }
    if let Some(delimiter) = &arguments.record_delimiter {
        csv.record_delimiter.clone_from(delimiter);
    }
    if let Some(quote) = &arguments.quote {
        csv.quote = character("quote", quote)?;
        // A quote of one's own is doubled, unless something else is said.
        csv.quote_escape = csv.quote.unwrap_or(csv.quote_escape);
    }
    if let Some(escape) = &arguments.quote_escape {
        csv.quote_escape = needed("quote-escape", escape)?;
    }
    if let Some(comments) = &arguments.comments {
        csv.comments = character("comments", comments)?;
    }
    csv.allow_quoted_record_delimiter = arguments.quoted_record_delimiter;
    Ok((InputFormat::Csv(csv), compression))
}

fn output(arguments: &OutputArgs) -> Result<OutputFormat, Failure> {
    let record_delimiter = arguments.output_record_delimiter.clone().unwrap_or_else(|| "\n".to_owned());
    if arguments.output_format == OutputWord::Json {
        let is_of_csv = arguments.output_field_delimiter.is_some()
            || arguments.output_quote.is_some()
            || arguments.output_quote_escape.is_some()
            || arguments.quote_fields == QuoteWord::Always;
        if is_of_csv {
            return Err(wrong(
                "cannot use options of CSV: expected `--output-format csv` with them, found JSON",
            ));
        }
        return Ok(OutputFormat::Json { record_delimiter });
    }
    let mut csv = CsvOutput {
        quote_always: arguments.quote_fields == QuoteWord::Always,
        record_delimiter,
        ..CsvOutput::default()
    };
    if let Some(delimiter) = &arguments.output_field_delimiter {
        csv.field_delimiter.clone_from(delimiter);
    }
    if let Some(quote) = &arguments.output_quote {
        csv.quote = needed("output-quote", quote)?;
        csv.quote_escape = csv.quote;
    }
    if let Some(escape) = &arguments.output_quote_escape {
        csv.quote_escape = needed("output-quote-escape", escape)?;
    }
    Ok(OutputFormat::Csv(csv))
}

fn scan_range(range: ByteRange, object: &Object) -> Result<ScanRange, Failure> {
    let length = match (range, object.length_bytes()) {
        (_, Some(length)) => length,
        // What is known without the length.
        (ByteRange { first: Some(_), last: Some(_) }, None) => 0,
        (ByteRange { first: Some(first), last: None }, None) => {
            return Ok(ScanRange { start: first, end: u64::MAX });
        }
        _ => {
            return Err(wrong(
                "cannot count bytes from the end of a stream: expected `--scan-range FIRST-LAST`",
            ));
        }
    };
    ScanRange::of_request(range.first, range.last, length).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked_below_the_line() {
        assert_eq!(marked("SELECT\n\ta b FROM x", 2, 4), "\n   a b FROM x\n     ^");
        let long = "x".repeat(500) + "!";
        let shown = marked(&long, 1, 501);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines[1].chars().position(|letter| letter == '!'),
            lines[2].chars().position(|letter| letter == '^')
        );
        assert!(lines[1].chars().count() < 120);
        assert_eq!(marked("a", 7, 1), "");
    }
}
