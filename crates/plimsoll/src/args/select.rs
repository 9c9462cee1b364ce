//! The arguments of `plimsoll select` and `plimsoll summary`.

use clap::{Args, ValueEnum};

use super::values::Level;

#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// A file, `-` for stdin, `s3://BUCKET/KEY` (or `gs://`, `az://`), or an `https://` address.
    #[arg(value_name = "OBJECT")]
    pub(crate) object: String,
    /// The statement, in the SQL of Amazon S3 Select: `SELECT … FROM S3Object[*]… s WHERE …`.
    #[arg(value_name = "STATEMENT")]
    pub(crate) statement: String,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Only records that begin between these two bytes, both included; `-N` is the last N bytes, `N-` from byte N on.
    #[arg(long, value_name = "FIRST-LAST", allow_hyphen_values = true)]
    pub(crate) scan_range: Option<ByteRange>,
    /// Say on stderr how many bytes were read, unpacked and written.
    #[arg(long)]
    pub(crate) stats: bool,
    /// Workers; the number of processors by default. The result is the same with any number of them.
    #[arg(long, value_name = "N", env = "PLIMSOLL_THREADS", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: Option<u16>,
}

/// What the object is. What is not said is guessed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// What the object is; guessed by its first bytes and its name by default.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) input: Option<InputWord>,
    /// How it is compressed as a whole; guessed by its first bytes by default.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) compression: CompressionWord,
    /// What the first record of CSV is: names of columns that are used (the default), names that are ignored, or a record like
    /// all others.
    #[arg(long, value_name = "HOW")]
    pub(crate) header: Option<HeaderWord>,
    /// What stands between fields of CSV: `,` by default. `\t` and `\n` are understood.
    #[arg(long, value_name = "TEXT", value_parser = unescaped)]
    pub(crate) field_delimiter: Option<String>,
    /// What ends a record of CSV: a line feed by default, with or without a carriage return.
    #[arg(long, value_name = "TEXT", value_parser = unescaped)]
    pub(crate) record_delimiter: Option<String>,
    /// The character around fields of CSV that hold delimiters: `"` by default; empty if quotes mean nothing.
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) quote: Option<String>,
    /// The character that goes before a quote within quotes: `"` by default.
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) quote_escape: Option<String>,
    /// The character that makes a comment of a record of CSV that begins with it: `#` by default; empty for none.
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) comments: Option<String>,
    /// Records of CSV may hold line feeds within quotes.
    #[arg(long)]
    pub(crate) quoted_record_delimiter: bool,
}

/// How records are written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How records are written.
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "json")]
    pub(crate) output_format: OutputWord,
    /// What follows each record: a line feed by default.
    #[arg(long, value_name = "TEXT", value_parser = unescaped)]
    pub(crate) output_record_delimiter: Option<String>,
    /// What stands between fields of CSV: `,` by default.
    #[arg(long, value_name = "TEXT", value_parser = unescaped)]
    pub(crate) output_field_delimiter: Option<String>,
    /// The character around fields of CSV: `"` by default.
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) output_quote: Option<String>,
    /// The character that goes before a quote within quotes: `"` by default.
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) output_quote_escape: Option<String>,
    /// Which fields of CSV stand between quotes.
    #[arg(long, value_name = "WHICH", default_value = "asneeded")]
    pub(crate) quote_fields: QuoteWord,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputWord {
    /// JSON values, of any form; usually one.
    Json,
    /// JSON values, one a line.
    Jsonl,
    /// Records of fields.
    Csv,
    /// Apache Parquet.
    Parquet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompressionWord {
    Auto,
    None,
    Gzip,
    Bzip2,
    Zstd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeaderWord {
    None,
    Use,
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputWord {
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QuoteWord {
    Always,
    Asneeded,
}

/// `0-99`, `100-`, `-100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
}

impl std::str::FromStr for ByteRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
        let read = || {
            let (first, last) = text.split_once('-')?;
            let (first, last) = (number(first)?, number(last)?);
            (first.is_some() || last.is_some()).then_some(Self { first, last })
        };
        read().ok_or_else(|| format!("expected bytes as `0-99`, `100-` or `-100`, found `{text}`"))
    }
}

/// A text in which `\n`, `\r`, `\t`, `\0` and `\\` stand for what they do elsewhere.
fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        out.push(match letters.next() {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('0') => '\0',
            Some('\\') => '\\',
            other => {
                let found = other.map(String::from).unwrap_or_default();
                return Err(format!("expected `\\n`, `\\r`, `\\t`, `\\0` or `\\\\`, found `\\{found}`"));
            }
        });
    }
    Ok(out)
}

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// JSON reports, ours or Trivy's, compressed or not: files, `-` for stdin, `s3://BUCKET/KEY`, `https://` addresses.
    #[arg(value_name = "REPORT", required = true)]
    pub(crate) reports: Vec<String>,
    /// How the counts are written.
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: SummaryFormat,
    /// A line for each target of a report too, in a table and in CSV.
    #[arg(long)]
    pub(crate) by_target: bool,
    /// Exit with status 1 where a report has findings of this severity or worse.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) fail_on: Option<Level>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// For people.
    Table,
    /// One document, with targets.
    Json,
    /// A line for each report, with a header.
    Csv,
    /// `NAME=VALUE` lines that a shell takes with `eval`, of all reports together.
    Shell,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_delimiters_are_read() {
        let range = |text: &str| text.parse::<ByteRange>().map(|range| (range.first, range.last));
        assert_eq!(range("0-99"), Ok((Some(0), Some(99))));
        assert_eq!(range("7-"), Ok((Some(7), None)));
        assert_eq!(range("-7"), Ok((None, Some(7))));
        for text in ["", "-", "7", "a-b", "1-2-3"] {
            assert!(range(text).is_err(), "{text}");
        }
        assert_eq!(unescaped(r"a\t\n\\n").unwrap(), "a\t\n\\n");
        assert!(unescaped(r"\x").is_err());
        assert!(unescaped("\\").is_err());
    }
}
