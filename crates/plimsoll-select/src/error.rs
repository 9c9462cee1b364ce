//! What a query ends with when it does not end well: Amazon's code, a place, and words for a person.

use std::fmt;

/// Makes the enum of codes and their names at once.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// Amazon's codes of `SelectObjectContent` that this crate answers with.
        ///
        /// Source: Amazon S3 API Reference, Error Responses, "List of SELECT Object Content Error Codes".
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant),+
        }

        impl Code {
            /// Every code, in the order of the enum.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The code as Amazon writes it: `CSVParsingError`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$variant => $name),+
                }
            }
        }
    };
}

codes! {
    /// A name without quotes fits several fields or headers.
    AmbiguousFieldName = "AmbiguousFieldName",
    /// A value cannot be converted as `CAST` asks.
    CastFailed = "CastFailed",
    /// The receiver of the events went away.
    ConnectionClosedByRequester = "ConnectionClosedByRequester",
    /// A quote is open at the end of the object, whose records may hold quoted delimiters.
    CsvParsingError = "CSVParsingError",
    /// A quote is open at the end of a CSV record.
    CsvUnescapedQuote = "CSVUnescapedQuote",
    /// A name in the expression means nothing here.
    EvaluatorBindingDoesNotExist = "EvaluatorBindingDoesNotExist",
    /// An argument of a function or operator is of the wrong kind or out of bounds.
    EvaluatorInvalidArguments = "EvaluatorInvalidArguments",
    /// A time pattern lacks fields.
    EvaluatorInvalidTimestampFormatPattern = "EvaluatorInvalidTimestampFormatPattern",
    /// A time pattern has a letter that means nothing.
    EvaluatorInvalidTimestampFormatPatternSymbol = "EvaluatorInvalidTimestampFormatPatternSymbol",
    /// A time pattern has a letter that can be written and not read.
    EvaluatorInvalidTimestampFormatPatternSymbolForParsing =
        "EvaluatorInvalidTimestampFormatPatternSymbolForParsing",
    /// A time pattern has a letter of a wrong length.
    EvaluatorInvalidTimestampFormatPatternToken = "EvaluatorInvalidTimestampFormatPatternToken",
    /// A pattern of `LIKE` ends with its escape character, or escapes what needs none.
    EvaluatorLikePatternInvalidEscapeSequence = "EvaluatorLikePatternInvalidEscapeSequence",
    /// `LIMIT` is below zero.
    EvaluatorNegativeLimit = "EvaluatorNegativeLimit",
    /// A time pattern names a field twice.
    EvaluatorTimestampFormatPatternDuplicateFields = "EvaluatorTimestampFormatPatternDuplicateFields",
    /// A time pattern has hours of one clock and AM/PM of the other.
    EvaluatorTimestampFormatPatternHourClockAmPmMismatch =
        "EvaluatorTimestampFormatPatternHourClockAmPmMismatch",
    /// A time pattern has a quote without its end.
    EvaluatorUnterminatedTimestampFormatPatternToken = "EvaluatorUnterminatedTimestampFormatPatternToken",
    /// The statement is longer than the limit.
    ExpressionTooLong = "ExpressionTooLong",
    /// Something the API has no code for.
    ExternalEvalException = "ExternalEvalException",
    /// A function has an argument of another type than it takes.
    IncorrectSqlFunctionArgumentType = "IncorrectSqlFunctionArgumentType",
    /// An integer leaves the range of eight bytes.
    IntegerOverflow = "IntegerOverflow",
    /// Reading failed, which is no fault of the request.
    InternalError = "InternalError",
    /// A column number that no record can have.
    InvalidColumnIndex = "InvalidColumnIndex",
    /// A value is of a kind that cannot stand here.
    InvalidDataType = "InvalidDataType",
    /// A path that cannot be followed.
    InvalidKeyPath = "InvalidKeyPath",
    /// A part of the request that contradicts another or itself.
    InvalidRequestParameter = "InvalidRequestParameter",
    /// `FROM` names something else than the object.
    InvalidTableAlias = "InvalidTableAlias",
    /// The bytes are no UTF-8.
    InvalidTextEncoding = "InvalidTextEncoding",
    /// The bytes are no JSON.
    JsonParsingError = "JSONParsingError",
    /// A character that begins no token.
    LexerInvalidChar = "LexerInvalidChar",
    /// A literal between backticks that cannot be read.
    LexerInvalidIonLiteral = "LexerInvalidIONLiteral",
    /// A number or text that cannot be read.
    LexerInvalidLiteral = "LexerInvalidLiteral",
    /// Characters that look like an operator and are none.
    LexerInvalidOperator = "LexerInvalidOperator",
    /// `LIKE` on something else than text.
    LikeInvalidInputs = "LikeInvalidInputs",
    /// A header the expression names is not in the file.
    MissingHeaders = "MissingHeaders",
    /// More columns than the limit.
    OverMaxColumn = "OverMaxColumn",
    /// A row group of Parquet larger than the limit.
    OverMaxParquetBlockSize = "OverMaxParquetBlockSize",
    /// A record larger than the limit.
    OverMaxRecordSize = "OverMaxRecordSize",
    /// The bytes are no Parquet.
    ParquetParsingError = "ParquetParsingError",
    /// Columns are compressed in a way that is not known here.
    ParquetUnsupportedCompressionCodec = "ParquetUnsupportedCompressionCodec",
    /// `*` stands beside other columns.
    ParseAsteriskIsNotAloneInSelectList = "ParseAsteriskIsNotAloneInSelectList",
    /// `CAST` lacks one of its two parts.
    ParseCastArity = "ParseCastArity",
    /// Nothing is selected.
    ParseEmptySelect = "ParseEmptySelect",
    /// A comma was expected.
    ParseExpectedArgumentDelimiter = "ParseExpectedArgumentDelimiter",
    /// A part of a date was expected.
    ParseExpectedDatePart = "ParseExpectedDatePart",
    /// An expression was expected.
    ParseExpectedExpression = "ParseExpectedExpression",
    /// A name was expected.
    ParseExpectedIdentForAlias = "ParseExpectedIdentForAlias",
    /// A certain keyword was expected.
    ParseExpectedKeyword = "ParseExpectedKeyword",
    /// `CAST` is not followed by a parenthesis.
    ParseExpectedLeftParenAfterCast = "ParseExpectedLeftParenAfterCast",
    /// A function is not followed by a parenthesis.
    ParseExpectedLeftParenBuiltinFunctionCall = "ParseExpectedLeftParenBuiltinFunctionCall",
    /// A list of values was expected.
    ParseExpectedLeftParenValueConstructor = "ParseExpectedLeftParenValueConstructor",
    /// A field's name was expected.
    ParseExpectedMember = "ParseExpectedMember",
    /// A number was expected.
    ParseExpectedNumber = "ParseExpectedNumber",
    /// A function's closing parenthesis was expected.
    ParseExpectedRightParenBuiltinFunctionCall = "ParseExpectedRightParenBuiltinFunctionCall",
    /// A certain token was expected.
    ParseExpectedTokenType = "ParseExpectedTokenType",
    /// A type's name was expected.
    ParseExpectedTypeName = "ParseExpectedTypeName",
    /// `CASE` has no `WHEN`.
    ParseExpectedWhenClause = "ParseExpectedWhenClause",
    /// A wildcard stands where none can.
    ParseInvalidContextForWildcardInSelectList = "ParseInvalidContextForWildcardInSelectList",
    /// A type has parameters it does not take.
    ParseInvalidTypeParam = "ParseInvalidTypeParam",
    /// A join, which there is none of.
    ParseMalformedJoin = "ParseMalformedJoin",
    /// An aggregate takes one argument.
    ParseNonUnaryAggregateFunctionCall = "ParseNonUnaryAgregateFunctionCall",
    /// `SELECT` has no `FROM`.
    ParseSelectMissingFrom = "ParseSelectMissingFrom",
    /// A word that is reserved stands where a name is meant.
    ParseUnexpectedKeyword = "ParseUnexpectedKeyword",
    /// An operator stands where none can.
    ParseUnexpectedOperator = "ParseUnexpectedOperator",
    /// A literal or name stands where none can.
    ParseUnexpectedTerm = "ParseUnexpectedTerm",
    /// A token stands where it cannot.
    ParseUnexpectedToken = "ParseUnexpectedToken",
    /// `*` as the argument of another function than `COUNT`.
    ParseUnsupportedCallWithStar = "ParseUnsupportedCallWithStar",
    /// No statement of this kind.
    ParseUnsupportedSelect = "ParseUnsupportedSelect",
    /// The object's bytes are not compressed as the request says, or end too early.
    TruncatedInput = "TruncatedInput",
    /// No function of this name.
    UnsupportedFunction = "UnsupportedFunction",
    /// The input cannot be read in ranges.
    UnsupportedScanRangeInput = "UnsupportedScanRangeInput",
    /// SQL that is valid and beyond this dialect.
    UnsupportedSqlStructure = "UnsupportedSqlStructure",
    /// A form of the dialect that cannot stand with what is asked.
    UnsupportedSyntax = "UnsupportedSyntax",
    /// A text cannot be read as a time.
    ValueParseFailure = "ValueParseFailure",
}

impl Code {
    /// The HTTP status an answer with this code bears.
    pub fn http_status(self) -> u16 {
        if self == Code::InternalError { 500 } else { 400 }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where something went wrong.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Place {
    /// Nowhere in particular.
    #[default]
    Nowhere,
    /// In the statement.
    Statement {
        /// Bytes from its beginning.
        offset: usize,
        /// Line, from 1.
        line: usize,
        /// Character of the line, from 1.
        column: usize,
    },
    /// In the object.
    Input {
        /// Bytes from its beginning, after decompression.
        offset: u64,
        /// The record's number, from 1, in what was read.
        record: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Nowhere => Ok(()),
            Place::Statement { line, column, .. } => write!(formatter, " at line {line}, column {column}"),
            Place::Input { offset, record } => write!(formatter, " in record {record}, at byte {offset}"),
        }
    }
}

/// Why a statement was refused, or its run ended early.
///
/// ```
/// let error = plimsoll_select::Query::parse("SELECT s.id FORM S3Object s").unwrap_err();
/// assert_eq!(error.code().as_str(), "ParseUnexpectedToken");
/// assert_eq!(error.to_string(), "cannot parse statement at line 1, column 18: expected `FROM`, found `S3Object`");
/// ```
#[derive(Debug)]
pub struct SelectError(Box<Trouble>);

/// In a box, so that results without trouble are small.
#[derive(Debug)]
struct Trouble {
    code: Code,
    /// What was tried: "cannot parse statement".
    tried: &'static str,
    /// What was expected, what was found.
    message: String,
    hint: String,
    place: Place,
    source: Option<std::io::Error>,
}

impl fmt::Display for SelectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trouble { tried, place, message, .. } = &*self.0;
        write!(formatter, "{tried}{place}: {message}")
    }
}

impl std::error::Error for SelectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

impl SelectError {
    #[cold]
    pub(crate) fn new(code: Code, tried: &'static str, message: impl Into<String>) -> SelectError {
        let (message, hint) = (message.into(), String::new());
        SelectError(Box::new(Trouble { code, tried, message, hint, place: Place::Nowhere, source: None }))
    }

    /// Of evaluating an expression.
    pub(crate) fn evaluation(code: Code, message: impl Into<String>) -> SelectError {
        SelectError::new(code, "cannot evaluate expression", message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> SelectError {
        self.0.hint = hint.into();
        self
    }

    pub(crate) fn at(mut self, place: Place) -> SelectError {
        self.0.place = place;
        self
    }

    /// Where nothing more exact is known.
    pub(crate) fn at_least_at(mut self, place: Place) -> SelectError {
        if self.0.place == Place::Nowhere {
            self.0.place = place;
        }
        self
    }

    pub(crate) fn caused_by(mut self, source: std::io::Error) -> SelectError {
        self.0.source = Some(source);
        self
    }

    /// Amazon's code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Where it went wrong.
    pub fn place(&self) -> Place {
        self.0.place
    }

    /// What to do about it; empty where there is nothing to say.
    pub fn advice(&self) -> &str {
        &self.0.hint
    }

    /// Moves a place in the object by what lies before.
    pub(crate) fn moved(mut self, offset_bytes: u64, records: u64) -> SelectError {
        if let Place::Input { offset, record } = &mut self.0.place {
            *offset += offset_bytes;
            *record += records;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_once_each() {
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(Code::ALL.iter().all(|code| code.http_status() >= 400));
    }

    #[test]
    fn a_place_in_the_object_moves_with_what_lies_before() {
        let place = Place::Input { offset: 3, record: 1 };
        let error =
            SelectError::new(Code::JsonParsingError, "cannot read JSON", "expected a value").at(place);
        assert_eq!(
            error.moved(100, 7).to_string(),
            "cannot read JSON in record 8, at byte 103: expected a value"
        );
    }
}
