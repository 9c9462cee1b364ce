//! Laws that hold for every statement and every input.

use proptest::prelude::*;

use crate::{
    Compression, CsvInput, CsvOutput, Event, Header, InputFormat, Options, OutputFormat, Query, SelectError,
};

/// Expressions of the grammar, some of which are refused for what they mean.
fn expr() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("s.a".to_owned()),
        Just("b".to_owned()),
        Just("s.\"Odd \"\"name\"".to_owned()),
        Just("s.list[*].x[0].*".to_owned()),
        Just("_2".to_owned()),
        Just("NULL".to_owned()),
        Just("MISSING".to_owned()),
        Just("`2010-01-01T`".to_owned()),
        Just("COUNT(*)".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f32>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| number.to_string()),
        "[a-z'%_]{0,6}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "||", "=", "<>", "!=", "<", "<=", ">", ">=", "AND", "OR", "LIKE",
            "NOT LIKE",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(one, operator, two)| format!("{one} {operator} {two}")),
            inner.clone().prop_map(|value| format!("({value})")),
            inner.clone().prop_map(|value| format!("NOT {value}")),
            inner.clone().prop_map(|value| format!("- {value}")),
            inner.clone().prop_map(|value| format!("{value} IS NOT NULL")),
            inner.clone().prop_map(|value| format!("CAST({value} AS INT)")),
            inner.clone().prop_map(|value| format!("UPPER({value})")),
            inner.clone().prop_map(|value| format!("SUM({value})")),
            inner.clone().prop_map(|value| format!("TRIM(BOTH 'x' FROM {value})")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("{one} IN ({two}, 1)")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("{one} BETWEEN {two} AND 9")),
            (inner.clone(), inner).prop_map(|(one, two)| format!("CASE WHEN {one} THEN {two} ELSE 0 END")),
        ]
    })
}

fn run(query: &Query, input: &[u8], options: &Options) -> Result<Vec<u8>, SelectError> {
    let mut out = Vec::new();
    query.run(&mut &*input, options, &mut |event| {
        if let Event::Records(bytes) = event {
            out.extend_from_slice(bytes);
        }
        Ok(())
    })?;
    Ok(out)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = Query::parse(&text);
        let _ = Query::parse(&format!("SELECT {text} FROM S3Object s"));
    }

    #[test]
    fn what_is_printed_means_the_same(list in expr(), filter in expr(), limit in any::<u32>()) {
        let statement = format!("SELECT {list} FROM S3Object[*].x s WHERE {filter} LIMIT {limit}");
        if let Ok(query) = Query::parse(&statement) {
            let printed = query.to_string();
            let again = Query::parse(&printed).map_err(|error| TestCaseError::fail(format!("{printed}: {error}")))?;
            prop_assert_eq!(again.to_string(), printed);
        }
    }

    #[test]
    fn any_bytes_end_a_run_well_or_with_an_error(
        list in expr(),
        input in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            "[\\[\\]{}\",:a-b0-1\\\\\n .e-]{0,40}".prop_map(String::into_bytes),
        ],
        kind in 0_u8..4,
    ) {
        let Ok(query) = Query::parse(&format!("SELECT {list} FROM S3Object s")) else { return Ok(()) };
        let csv = |header| InputFormat::Csv(CsvInput { header, ..CsvInput::default() });
        let input_format = match kind {
            0 => InputFormat::JsonDocument,
            1 => InputFormat::JsonLines,
            2 => csv(Header::Use),
            _ => csv(Header::None),
        };
        let mut options = Options { input: Some(input_format), ..Options::default() };
        let _ = run(&query, &input, &options);
        options.output = OutputFormat::Csv(CsvOutput::default());
        options.compression = [Compression::Gzip, Compression::Bzip2, Compression::Zstd, Compression::None][usize::from(kind)];
        let _ = run(&query, &input, &options);
    }

    #[test]
    fn fields_come_back_through_csv(rows in proptest::collection::vec(proptest::collection::vec("[a\",\r\n #é]{0,5}", 1..4), 1..5)) {
        // Written always with quotes, so that none is a comment or an empty record.
        let output = CsvOutput { quote_always: true, ..CsvOutput::default() };
        let lines: Vec<String> = rows
            .iter()
            .map(|row| {
                let fields: Vec<String> = row.iter().enumerate().map(|(number, field)| {
                    let mut text = Vec::new();
                    crate::json::write_string(field, &mut text);
                    format!("\"c{number}\":{}", String::from_utf8_lossy(&text))
                }).collect();
                format!("{{{}}}\n", fields.join(","))
            })
            .collect();
        let lines = lines.concat();
        let all = Query::parse("SELECT * FROM S3Object").expect("the statement is right");
        let write = Options {
            input: Some(InputFormat::JsonLines),
            output: OutputFormat::Csv(output),
            ..Options::default()
        };
        let csv = run(&all, lines.as_bytes(), &write).expect("the lines are right");
        let quoted = CsvInput { allow_quoted_record_delimiter: true, ..CsvInput::default() };
        let read = Options { input: Some(InputFormat::Csv(quoted)), ..Options::default() };
        let back = String::from_utf8(run(&all, &csv, &read).expect("what is written is right")).expect("it is text");
        let mut expected = lines;
        for number in (0..4).rev() {
            expected = expected.replace(&format!("\"c{number}\":"), &format!("\"_{}\":", number + 1));
        }
        prop_assert_eq!(back, expected);
    }

    #[test]
    fn documents_and_lines_are_one(
        values in proptest::collection::vec("(\\{\"a\":(1|\"x\"|\\[\\]|\\[1,\\{\"b\":2\\}\\])\\}|\\[1,null\\]|7|\\{\\})", 0..6),
        statement in prop::sample::select(vec![
            "SELECT * FROM S3Object",
            "SELECT s.a FROM S3Object s",
            "SELECT a[1].b, COALESCE(a, 'none') c FROM S3Object",
            "SELECT * FROM S3Object[*].a",
            "SELECT * FROM S3Object[*].a[*]",
            "SELECT * FROM S3Object[*].*",
            "SELECT x.b FROM S3Object[*].a[1] x",
            "SELECT * FROM S3Object[*]._1[*]",
            "SELECT COUNT(*), COUNT(s.a) FROM S3Object s",
            "SELECT _1 FROM S3Object LIMIT 2",
        ]),
    ) {
        let query = Query::parse(statement).expect("the statement is right");
        let text = values.join("\n");
        let document = run(&query, text.as_bytes(), &Options::default());
        let lines = run(&query, text.as_bytes(), &Options { input: Some(InputFormat::JsonLines), ..Options::default() });
        prop_assert_eq!(document.expect("it is JSON"), lines.expect("it is JSON"));
    }
}
