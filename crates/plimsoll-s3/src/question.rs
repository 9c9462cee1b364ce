//! A request of `SelectObjectContent` read: what is asked, of what, and how it is to be written.

use plimsoll_select::{
    Compression, CsvInput, CsvOutput, Header, InputFormat, Options, OutputFormat, Query, ScanRange,
};
use s3s::dto;

use crate::refusal::Refusal;
use crate::select::Question;

fn refused(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(code, 400, message)
}

/// # Errors
/// With Amazon's codes for what is wrong in the request and the statement.
///
/// Source: Amazon S3 API Reference, `SelectObjectContent`.
pub(crate) fn read(
    request: &dto::SelectObjectContentRequest,
    object_bytes: u64,
) -> Result<Question, Refusal> {
    if !request.expression_type.as_str().eq_ignore_ascii_case("SQL") {
        return Err(refused(
            "InvalidExpressionType",
            "The ExpressionType is invalid. Only SQL expressions are supported.",
        ));
    }
    let input = &request.input_serialization;
    let (compression, format) = (compression(input)?, input_format(input)?);
    let output = output_format(&request.output_serialization)?;
    let range = match &request.scan_range {
        None => None,
        Some(range) => {
            let bytes = |bytes: Option<i64>| {
                bytes.map(u64::try_from).transpose().map_err(|_| {
                    refused("InvalidRequestParameter", "expected a scan range of bytes, found a negative one")
                })
            };
            Some(ScanRange::of_request(bytes(range.start)?, bytes(range.end)?, object_bytes)?)
        }
    };
    let query = Query::parse(&request.expression)?;
    let options = Options { compression, input: Some(format), output, range, ..Options::default() };
    let progress = request.request_progress.as_ref().and_then(|progress| progress.enabled).unwrap_or(false);
    Ok(Question { query, options, progress })
}

fn compression(input: &dto::InputSerialization) -> Result<Compression, Refusal> {
    let name = input.compression_type.as_ref().map_or("", dto::CompressionType::as_str);
    match name.to_ascii_uppercase().as_str() {
        "" | "NONE" => Ok(Compression::None),
        "GZIP" => Ok(Compression::Gzip),
        "BZIP2" => Ok(Compression::Bzip2),
        "ZSTD" => Ok(Compression::Zstd),
        _ => Err(refused(
            "InvalidCompressionFormat",
            "The file is not in a supported compression format. Only GZIP, BZIP2 and ZSTD are supported.",
        )),
    }
}

fn input_format(input: &dto::InputSerialization) -> Result<InputFormat, Refusal> {
    match (&input.csv, &input.json, &input.parquet) {
        (Some(csv), None, None) => csv_input(csv).map(InputFormat::Csv),
        (None, Some(json), None) => {
            let kind = json.type_.as_ref().map_or("", dto::JSONType::as_str);
            match kind.to_ascii_uppercase().as_str() {
                "" | "DOCUMENT" => Ok(InputFormat::JsonDocument),
                "LINES" => Ok(InputFormat::JsonLines),
                _ => Err(refused(
                    "InvalidJsonType",
                    "The JsonType is invalid. Only DOCUMENT and LINES are supported.",
                )),
            }
        }
        (None, None, Some(_)) => Ok(InputFormat::Parquet),
        (None, None, None) => Err(refused(
            "MissingRequiredParameter",
            "The SelectRequest entity is missing a required parameter: CSV, JSON or Parquet of InputSerialization.",
        )),
        _ => Err(refused(
            "InvalidDataSource",
            "Invalid data source type. Expected one of CSV, JSON and Parquet, found several.",
        )),
    }
}

/// One ASCII character, or none.
fn character(text: Option<&str>, name: &str, default: u8) -> Result<Option<u8>, Refusal> {
    match text.map(str::as_bytes) {
        None => Ok(Some(default)),
        Some([]) => Ok(None),
        Some([byte]) if byte.is_ascii() => Ok(Some(*byte)),
        Some(_) => Err(refused(
            "InvalidRequestParameter",
            format!(
                "The value of a parameter in the SelectRequest entity is invalid: expected one ASCII character as {name}"
            ),
        )),
    }
}

fn csv_input(csv: &dto::CSVInput) -> Result<CsvInput, Refusal> {
    let default = CsvInput::default();
    let header = csv.file_header_info.as_ref().map_or("", dto::FileHeaderInfo::as_str);
    let header = match header.to_ascii_uppercase().as_str() {
        "" | "NONE" => Header::None,
        "USE" => Header::Use,
        "IGNORE" => Header::Ignore,
        _ => {
            return Err(refused(
                "InvalidFileHeaderInfo",
                "The FileHeaderInfo is invalid. Only NONE, USE, and IGNORE are supported.",
            ));
        }
    };
    Ok(CsvInput {
        header,
        record_delimiter: csv.record_delimiter.clone().unwrap_or(default.record_delimiter),
        field_delimiter: csv.field_delimiter.clone().unwrap_or(default.field_delimiter),
        quote: character(csv.quote_character.as_deref(), "QuoteCharacter", b'"')?,
        quote_escape: character(csv.quote_escape_character.as_deref(), "QuoteEscapeCharacter", b'"')?
            .unwrap_or(b'"'),
        comments: character(csv.comments.as_deref(), "Comments", b'#')?,
        allow_quoted_record_delimiter: csv.allow_quoted_record_delimiter.unwrap_or(false),
    })
}

fn output_format(output: &dto::OutputSerialization) -> Result<OutputFormat, Refusal> {
    match (&output.json, &output.csv) {
        (Some(json), None) => Ok(OutputFormat::Json {
            record_delimiter: json.record_delimiter.clone().unwrap_or_else(|| "\n".to_owned()),
        }),
        (None, Some(csv)) => {
            let default = CsvOutput::default();
            let quotes = csv.quote_fields.as_ref().map_or("", dto::QuoteFields::as_str);
            let quote_always = match quotes.to_ascii_uppercase().as_str() {
                "" | "ASNEEDED" => false,
                "ALWAYS" => true,
                _ => {
                    return Err(refused(
                        "InvalidQuoteFields",
                        "The QuoteFields is invalid. Only ALWAYS and ASNEEDED are supported.",
                    ));
                }
            };
            Ok(OutputFormat::Csv(CsvOutput {
                quote_always,
                record_delimiter: csv.record_delimiter.clone().unwrap_or(default.record_delimiter),
                field_delimiter: csv.field_delimiter.clone().unwrap_or(default.field_delimiter),
                quote: character(csv.quote_character.as_deref(), "QuoteCharacter", b'"')?.unwrap_or(b'"'),
                quote_escape: character(csv.quote_escape_character.as_deref(), "QuoteEscapeCharacter", b'"')?
                    .unwrap_or(b'"'),
            }))
        }
        (None, None) => Err(refused(
            "MissingRequiredParameter",
            "The SelectRequest entity is missing a required parameter: CSV or JSON of OutputSerialization.",
        )),
        (Some(_), Some(_)) => {
            Err(refused("InvalidRequestParameter", "Expected one of CSV and JSON as the output, found both."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> dto::SelectObjectContentRequest {
        dto::SelectObjectContentRequest {
            expression: "select * from s3object".to_owned(),
            expression_type: dto::ExpressionType::from_static("SQL"),
            input_serialization: dto::InputSerialization {
                json: Some(dto::JSONInput { type_: Some(dto::JSONType::from_static("Document")) }),
                compression_type: Some(dto::CompressionType::from_static("None")),
                ..Default::default()
            },
            output_serialization: dto::OutputSerialization {
                json: Some(dto::JSONOutput { record_delimiter: Some("-".to_owned()) }),
                csv: None,
            },
            request_progress: None,
            scan_range: None,
        }
    }

    #[test]
    fn a_pipelines_request_is_read() {
        let question = read(&request(), 10).unwrap();
        assert_eq!(question.options.input, Some(InputFormat::JsonDocument));
        assert_eq!(question.options.output, OutputFormat::Json { record_delimiter: "-".to_owned() });
        assert!(!question.progress);
    }

    #[test]
    fn what_is_wrong_has_amazons_code() {
        let code = |change: &dyn Fn(&mut dto::SelectObjectContentRequest)| {
            let mut request = request();
            change(&mut request);
            read(&request, 10).map(|_| ()).map_err(|refusal| refusal.code)
        };
        assert_eq!(code(&|_| {}), Ok(()));
        assert_eq!(
            code(&|request| request.expression_type = dto::ExpressionType::from_static("PQL")),
            Err("InvalidExpressionType")
        );
        assert_eq!(
            code(&|request| request.input_serialization.compression_type =
                Some(dto::CompressionType::from_static("LZ4"))),
            Err("InvalidCompressionFormat")
        );
        assert_eq!(code(&|request| request.input_serialization.json = None), Err("MissingRequiredParameter"));
        assert_eq!(
            code(&|request| request.input_serialization.csv = Some(dto::CSVInput::default())),
            Err("InvalidDataSource")
        );
        assert_eq!(
            code(&|request| request.output_serialization.json = None),
            Err("MissingRequiredParameter")
        );
        assert_eq!(code(&|request| request.expression = "select from".to_owned()), Err("ParseEmptySelect"));
        assert_eq!(
            code(&|request| request.scan_range = Some(dto::ScanRange { start: Some(-1), end: None })),
            Err("InvalidRequestParameter")
        );
        let csv = |change: &dyn Fn(&mut dto::CSVInput)| {
            let mut csv = dto::CSVInput::default();
            change(&mut csv);
            csv_input(&csv).map_err(|refusal| refusal.code)
        };
        assert_eq!(csv(&|csv| csv.quote_character = Some(String::new())).unwrap().quote, None);
        assert_eq!(
            csv(&|csv| csv.file_header_info = Some(dto::FileHeaderInfo::from_static("use"))).unwrap().header,
            Header::Use
        );
        assert_eq!(csv(&|csv| csv.comments = Some("//".to_owned())), Err("InvalidRequestParameter"));
        assert_eq!(
            csv(&|csv| csv.file_header_info = Some(dto::FileHeaderInfo::from_static("maybe"))),
            Err("InvalidFileHeaderInfo")
        );
    }
}
