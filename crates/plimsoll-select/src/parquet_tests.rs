use arrow_array::builder::{
    Int64Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder, StructBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, UInt64Array,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use super::*;
use crate::access::RandomAccess;
use crate::format::{Compression, CsvOutput, InputFormat, OutputFormat, ScanRange};
use crate::limits::Limits;
use crate::run::Event;

fn written(columns: Vec<(&str, ArrayRef)>, codec: Codec, group: usize) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let properties =
        WriterProperties::builder().set_compression(codec).set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn options() -> Options {
    Options { input: Some(InputFormat::Parquet), ..Options::default() }
}

fn try_run(statement: &str, object: &[u8], options: &Options) -> Result<String, SelectError> {
    let object: Arc<dyn RandomAccess> = Arc::new(object.to_vec());
    let mut out = Vec::new();
    Query::parse(statement)?.run_at(&object, options, &mut |event| {
        if let Event::Records(bytes) = event {
            out.extend_from_slice(bytes);
        }
        Ok(())
    })?;
    Ok(String::from_utf8(out).unwrap())
}

fn run(statement: &str, object: &[u8]) -> String {
    try_run(statement, object, &options()).unwrap_or_else(|error| panic!("{statement}: {error}"))
}

fn code(statement: &str, object: &[u8], options: &Options) -> Code {
    try_run(statement, object, options).unwrap_err().code()
}

/// Four packages, one a row.
fn packages() -> Vec<(&'static str, ArrayRef)> {
    let mut versions = ListBuilder::new(StringBuilder::new());
    for row in [Some(&["1.0", "1.1"][..]), Some(&[]), None, Some(&["2"])] {
        match row {
            None => versions.append_null(),
            Some(row) => {
                for version in row {
                    versions.values().append_value(version);
                }
                versions.append(true);
            }
        }
    }
    let fields = vec![Field::new("vendor", DataType::Utf8, true), Field::new("score", DataType::Int64, true)];
    let builders: Vec<Box<dyn arrow_array::builder::ArrayBuilder>> =
        vec![Box::new(StringBuilder::new()), Box::new(Int64Builder::new())];
    let mut source = StructBuilder::new(fields, builders);
    for (vendor, score) in [(Some("a"), Some(1)), (None, Some(2)), (Some("b\"c"), None), (Some("d"), Some(4))]
    {
        source.field_builder::<StringBuilder>(0).unwrap().append_option(vendor);
        source.field_builder::<Int64Builder>(1).unwrap().append_option(score);
        source.append(true);
    }
    let mut labels = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for row in 0..4 {
        for label in 0..row {
            labels.keys().append_value(format!("k{label}"));
            labels.values().append_value(label);
        }
        labels.append(true).unwrap();
    }
    vec![
        ("name", Arc::new(StringArray::from(vec![Some("openssl"), Some("zlib"), None, Some("bash")]))),
        ("Severity", Arc::new(StringArray::from(vec!["HIGH", "LOW", "HIGH", "CRITICAL"]))),
        ("bytes", Arc::new(Int64Array::from(vec![Some(10), Some(-20), None, Some(i64::MAX)]))),
        ("versions", Arc::new(versions.finish())),
        ("source", Arc::new(source.finish())),
        ("labels", Arc::new(labels.finish())),
    ]
}

#[test]
fn columns_are_fields() {
    for codec in [
        Codec::UNCOMPRESSED,
        Codec::SNAPPY,
        Codec::GZIP(parquet::basic::GzipLevel::default()),
        Codec::ZSTD(parquet::basic::ZstdLevel::default()),
        Codec::LZ4,
        Codec::LZ4_RAW,
    ] {
        let object = written(packages(), codec, 3);
        for (statement, expected) in [
            (
                "SELECT s.name FROM S3Object s WHERE s.severity = 'HIGH'",
                "{\"name\":\"openssl\"}\n{\"name\":null}\n",
            ),
            (
                "SELECT name, bytes FROM S3Object WHERE bytes > 0 LIMIT 1",
                "{\"name\":\"openssl\",\"bytes\":10}\n",
            ),
            (
                "SELECT COUNT(*), COUNT(name), SUM(bytes), MIN(name) FROM S3Object",
                "{\"_1\":4,\"_2\":3,\"_3\":9223372036854775797,\"_4\":\"bash\"}\n",
            ),
            ("SELECT COUNT(*) FROM S3Object", "{\"_1\":4}\n"),
            ("SELECT COUNT(*) FROM S3Object[*] s WHERE s.name IS NULL", "{\"_1\":1}\n"),
            ("SELECT _1 n FROM S3Object LIMIT 1", "{\"n\":\"openssl\"}\n"),
            (
                "SELECT s.versions[1] v, s.source.vendor, s.labels.k1 FROM S3Object s",
                "{\"v\":\"1.1\",\"vendor\":\"a\"}\n{\"vendor\":null}\n{\"vendor\":\"b\\\"c\",\"k1\":1}\n{\"vendor\":\"d\",\"k1\":1}\n",
            ),
            ("SELECT name FROM S3Object s WHERE '2' IN s.versions", "{\"name\":\"bash\"}\n"),
            (
                "SELECT SIZE(s.versions) n FROM S3Object s WHERE s.versions IS NOT NULL",
                "{\"n\":2}\n{\"n\":0}\n{\"n\":1}\n",
            ),
            (
                "SELECT v FROM S3Object[*].versions[*] v WHERE v IS NOT MISSING",
                "{\"v\":\"1.0\"}\n{\"v\":\"1.1\"}\n{\"v\":\"2\"}\n",
            ),
            ("SELECT SUM(s.score) t FROM S3Object[*].source s", "{\"t\":7}\n"),
            (
                "SELECT s FROM S3Object s WHERE s.bytes < 0",
                "{\"s\":{\"name\":\"zlib\",\"Severity\":\"LOW\",\"bytes\":-20,\"versions\":[],\"source\":{\"vendor\":null,\"score\":2},\"labels\":{\"k0\":0}}}\n",
            ),
            (
                "SELECT * FROM S3Object s WHERE s.bytes < 0",
                "{\"name\":\"zlib\",\"Severity\":\"LOW\",\"bytes\":-20,\"versions\":[],\"source\":{\"vendor\":null,\"score\":2},\"labels\":{\"k0\":0}}\n",
            ),
            ("SELECT * FROM S3Object LIMIT 0", ""),
        ] {
            assert_eq!(run(statement, &object), expected, "{statement} {codec:?}");
            let threads = Options { threads: 3, ..options() };
            assert_eq!(try_run(statement, &object, &threads).unwrap(), expected, "{statement}");
        }
    }
}

#[test]
fn types_are_what_they_are() {
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.append_value("word");
    let object = written(
        vec![
            ("b", Arc::new(BooleanArray::from(vec![true]))),
            ("i", Arc::new(Int32Array::from(vec![-7]))),
            ("u", Arc::new(UInt64Array::from(vec![u64::MAX]))),
            ("f", Arc::new(Float32Array::from(vec![0.1]))),
            ("d", Arc::new(Float64Array::from(vec![1e300]))),
            ("nan", Arc::new(Float64Array::from(vec![f64::NAN]))),
            ("dec", Arc::new(Decimal128Array::from(vec![12_345]).with_precision_and_scale(20, 3).unwrap())),
            ("day", Arc::new(Date32Array::from(vec![19_723]))),
            ("ms", Arc::new(TimestampMillisecondArray::from(vec![1_507_910_531_123]).with_timezone("UTC"))),
            ("us", Arc::new(TimestampMicrosecondArray::from(vec![-1]))),
            ("t", Arc::new(Time64MicrosecondArray::from(vec![52_200_500_000]))),
            ("raw", Arc::new(BinaryArray::from(vec![&b"text"[..]]))),
            ("bytes", Arc::new(BinaryArray::from(vec![&b"\xff\x00"[..]]))),
            ("fixed", Arc::new(FixedSizeBinaryArray::try_from_iter([b"ab"].iter()).unwrap())),
            ("dict", Arc::new(dictionary.finish())),
        ],
        Codec::SNAPPY,
        10,
    );
    assert_eq!(
        run("SELECT * FROM S3Object", &object),
        "{\"b\":true,\"i\":-7,\"u\":18446744073709551615,\"f\":0.1,\"d\":1e300,\"nan\":\"NaN\",\"dec\":12.345,\"day\":\"2024-01-01T\",\"ms\":\"2017-10-13T16:02:11.123Z\",\"us\":\"1969-12-31T23:59:59.999999Z\",\"t\":\"14:30:00.500000\",\"raw\":\"text\",\"bytes\":\"/wA=\",\"fixed\":\"ab\",\"dict\":\"word\"}\n"
    );
    for condition in [
        "b",
        "b = TRUE AND i < 0",
        "u > 9223372036854775807",
        "f = 0.1",
        "dec = 12.345 AND CAST(dec AS INT) = 12",
        "day = `2024-01-01T`",
        "day BETWEEN `2023T` AND `2025T`",
        "ms < '2018-01-01T'",
        "EXTRACT(YEAR FROM ms) = 2017",
        "DATE_DIFF(day, ms, day) = 2270",
        "us < `1970T`",
        "raw LIKE 'te%' AND dict = 'word'",
        "CAST(day AS STRING) = '2024-01-01T'",
    ] {
        assert_eq!(
            run(&format!("SELECT COUNT(*) FROM S3Object WHERE {condition}"), &object),
            "{\"_1\":1}\n",
            "{condition}"
        );
    }
    let csv = Options { output: OutputFormat::Csv(CsvOutput::default()), ..options() };
    assert_eq!(
        try_run("SELECT b, dec, ms, nan FROM S3Object", &object, &csv).unwrap(),
        "true,12.345,2017-10-13T16:02:11.123Z,NaN\n"
    );
}

#[test]
fn names_are_found_or_refused() {
    let object = written(
        vec![
            ("a", Arc::new(Int32Array::from(vec![1]))),
            ("A", Arc::new(Int32Array::from(vec![2]))),
            ("_1", Arc::new(Int32Array::from(vec![3]))),
        ],
        Codec::SNAPPY,
        10,
    );
    assert_eq!(run("SELECT \"A\", _1, _2 AS b FROM S3Object", &object), "{\"A\":2,\"_1\":3,\"b\":2}\n");
    for (statement, expected) in [
        ("SELECT a FROM S3Object", Code::AmbiguousFieldName),
        ("SELECT b FROM S3Object", Code::EvaluatorBindingDoesNotExist),
        ("SELECT _4 FROM S3Object", Code::EvaluatorBindingDoesNotExist),
    ] {
        assert_eq!(code(statement, &object, &options()), expected, "{statement}");
    }
}

#[test]
fn only_what_is_named_is_read() {
    let texts: Vec<String> = (0..2_000_u32)
        .map(|number| {
            (0..200)
                .map(|part| {
                    char::from(
                        b'a' + u8::try_from(number.wrapping_mul(2_654_435_761).rotate_left(part) % 26)
                            .unwrap(),
                    )
                })
                .collect()
        })
        .collect();
    let object = written(
        vec![
            ("number", Arc::new(Int64Array::from_iter_values(0..2_000))),
            ("text", Arc::new(StringArray::from_iter_values(&texts))),
        ],
        Codec::UNCOMPRESSED,
        500,
    );
    let processed = |statement: &str, options: &Options| {
        let object: Arc<dyn RandomAccess> = Arc::new(object.clone());
        Query::parse(statement).unwrap().run_at(&object, options, &mut |_| Ok(())).unwrap().bytes_processed
    };
    let number = processed("SELECT SUM(number) FROM S3Object", &options());
    let all = processed("SELECT * FROM S3Object", &options());
    assert!(number * 5 < all, "{number} {all}");
    // A range takes the row groups that begin in it.
    let first = Options { range: Some(ScanRange { start: 0, end: 10 }), ..options() };
    assert_eq!(try_run("SELECT COUNT(*) FROM S3Object", &object, &first).unwrap(), "{\"_1\":500}\n");
    let rest = Options { range: Some(ScanRange { start: 11, end: u64::MAX }), ..options() };
    assert_eq!(try_run("SELECT COUNT(*) FROM S3Object", &object, &rest).unwrap(), "{\"_1\":1500}\n");
    // As a stream it is held.
    let count = Query::parse("SELECT * FROM S3Object").unwrap();
    let few = Options { limits: Limits { document_bytes: 100, ..Limits::default() }, ..options() };
    assert!(count.run(&mut object.as_slice(), &options(), &mut |_| Ok(())).is_ok());
    let error = count.run(&mut object.as_slice(), &few, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.code(), Code::OverMaxRecordSize);
}

#[test]
fn what_is_repeated_is_held_once_and_records_are_bounded() {
    let long = "x".repeat(100_000);
    let texts = StringArray::from_iter_values(std::iter::repeat_n(&long, 2_000));
    let object =
        written(vec![("text", Arc::new(texts))], Codec::ZSTD(parquet::basic::ZstdLevel::default()), 10_000);
    assert!(object.len() < 10_000);
    assert_eq!(
        run("SELECT COUNT(*), MAX(CHAR_LENGTH(text)) m FROM S3Object WHERE text LIKE 'x%'", &object),
        "{\"_1\":2000,\"m\":100000}\n"
    );
    let limits = Limits { record_bytes: 50_000, ..Limits::default() };
    assert_eq!(
        code("SELECT * FROM S3Object", &object, &Options { limits, ..options() }),
        Code::OverMaxRecordSize
    );
    let object = written(packages(), Codec::SNAPPY, 10);
    let limits = Limits { record_bytes: 8, ..Limits::default() };
    assert_eq!(
        code("SELECT source FROM S3Object", &object, &Options { limits, ..options() }),
        Code::OverMaxRecordSize
    );
    let limits = Limits { columns: 2, ..Limits::default() };
    assert_eq!(
        code("SELECT name FROM S3Object", &object, &Options { limits, ..options() }),
        Code::OverMaxColumn
    );
}

#[test]
fn foreign_and_cut_objects_are_refused() {
    let object = written(packages(), Codec::SNAPPY, 3);
    for bytes in [
        &b""[..],
        b"PAR1",
        b"{\"a\": 1, \"b\": 2, \"c\": 3}",
        &object[..object.len() - 1],
        &object[8..],
        &[&b"PAR1\xff\xff\xff\xff"[..], b"PAR1"].concat(),
    ] {
        let error = try_run("SELECT * FROM S3Object", bytes, &options()).unwrap_err();
        assert_eq!(error.code(), Code::ParquetParsingError, "{error}");
    }
    let encrypted = [&object[..object.len() - 4], b"PARE"].concat();
    assert_eq!(code("SELECT * FROM S3Object", &encrypted, &options()), Code::ParquetParsingError);
    let whole = Options { compression: Compression::Gzip, ..options() };
    assert_eq!(code("SELECT * FROM S3Object", &object, &whole), Code::InvalidRequestParameter);
    let error = try_run("SELECT * FROM S3Object", &object[..object.len() - 1], &options()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read Parquet: expected `PAR1` at the end, found other bytes");
}

/// A generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn damaged_objects_end_in_an_answer() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for codec in [Codec::UNCOMPRESSED, Codec::SNAPPY] {
        let object = written(packages(), codec, 3);
        let footer = object.len()
            - 8
            - u32::from_le_bytes(object[object.len() - 8..][..4].try_into().unwrap()) as usize;
        for round in 0..1_500 {
            let mut bytes = object.clone();
            for _ in 0..=numbers.below(4) {
                // The footer more often than what it tells of.
                let from = if round % 3 == 0 { 4 } else { footer };
                let at = from + numbers.below(bytes.len() - from);
                bytes[at] = u8::try_from(numbers.below(256)).unwrap();
            }
            let statement = [
                "SELECT * FROM S3Object",
                "SELECT COUNT(*) FROM S3Object",
                "SELECT v FROM S3Object[*].versions[*] v",
            ][round % 3];
            let _ = try_run(statement, &bytes, &options());
        }
    }
}

#[test]
fn pages_unfold_to_what_they_say() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(300_000); 3]));
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let properties = WriterProperties::builder()
            .set_compression(Codec::GZIP(GzipLevel::default()))
            .set_dictionary_enabled(false)
            .set_writer_version(version)
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let batch = RecordBatch::try_from_iter_with_nullable([("t", Arc::clone(&text), true)]).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let mut object = writer.into_inner().unwrap();
        assert_eq!(run("SELECT CHAR_LENGTH(t) n FROM S3Object LIMIT 1", &object), "{\"n\":300000}\n");
        // The header of the only page stands at byte 4: its second number is the size of what comes out.
        let page = footer::page(&object[4..]).unwrap();
        assert!(page.packed > 256 && page.unpacked > 300_000, "{page:?}");
        let number = |value: u64| {
            let value = value * 2;
            [0x80 | (value & 0x7f), 0x80 | (value >> 7 & 0x7f), value >> 14]
                .map(|byte| u8::try_from(byte).unwrap())
        };
        let at = 4 + object[4..24].windows(3).position(|bytes| bytes == number(page.unpacked)).unwrap();
        object[at..at + 3].copy_from_slice(&number(20_000));
        let error = try_run("SELECT t FROM S3Object", &object, &options()).unwrap_err();
        assert_eq!(error.code(), Code::ParquetParsingError);
        assert!(error.to_string().contains("bytes, found more"), "{error}");
    }
    // A page of 600 MiB, as it says.
    let mut bytes = vec![0x15, 0, 0x15];
    let mut size = (600_u64 << 20) * 2;
    while size >= 0x80 {
        bytes.push(u8::try_from(size & 0x7f).unwrap() | 0x80);
        size >>= 7;
    }
    bytes.extend_from_slice(&[u8::try_from(size).unwrap(), 0x15, 2, 0]);
    let blocks = Arc::new(Blocks::new(Arc::new(bytes)));
    assert!(Shared(Arc::clone(&blocks)).get_read(0).is_err());
    assert_eq!(blocks.take_refusal().unwrap().code(), Code::OverMaxParquetBlockSize);
}
