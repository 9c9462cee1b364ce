//! Speed of a simple condition over 64 MiB of lines in memory, in bytes of the object a second.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_select::{CsvInput, Event, Header, InputFormat, Options, OutputFormat, Query};

const BYTES: usize = 64 << 20;

/// Findings as lines, of some 400 bytes each.
fn json_lines() -> String {
    let mut text = String::with_capacity(BYTES + 1_024);
    let mut number = 0_u32;
    while text.len() < BYTES {
        let severity =
            ["LOW", "MEDIUM", "HIGH", "CRITICAL"][(number.wrapping_mul(2_654_435_761) >> 30) as usize];
        writeln!(
            text,
            "{{\"VulnerabilityID\":\"CVE-2026-{number}\",\"PkgName\":\"lib{}\",\"InstalledVersion\":\"1.{}.0-r{}\",\
             \"Severity\":\"{severity}\",\"Title\":\"a flaw in a function that reads what it is given\",\
             \"CVSS\":{{\"nvd\":{{\"V3Score\":{}.{},\"V3Vector\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}}}},\
             \"References\":[\"https://example.org/advisories/{number}\",\"https://example.org/commits/{number}\"]}}",
            number % 997,
            number % 31,
            number % 7,
            number % 10,
            number % 3,
        )
        .expect("a string takes every text");
        number += 1;
    }
    text
}

fn csv() -> String {
    let mut text = String::from("id,package,version,severity,title\n");
    let mut number = 0_u32;
    while text.len() < BYTES {
        let severity =
            ["LOW", "MEDIUM", "HIGH", "CRITICAL"][(number.wrapping_mul(2_654_435_761) >> 30) as usize];
        writeln!(
            text,
            "CVE-2026-{number},lib{},1.{}.0,{severity},\"a flaw, in a function\"",
            number % 997,
            number % 31
        )
        .expect("a string takes every text");
        number += 1;
    }
    text
}

fn run(criterion: &mut Criterion) {
    let lines = json_lines();
    let table = csv();
    let document =
        format!("{{\"Results\":[{{\"Vulnerabilities\":[{}]}}]}}", lines.trim_end().replace('\n', ","));
    let csv_format = InputFormat::Csv(CsvInput { header: Header::Use, ..CsvInput::default() });
    let cases = [
        (
            "lines where",
            &lines,
            InputFormat::JsonLines,
            "SELECT s.VulnerabilityID FROM S3Object s WHERE s.Severity = 'CRITICAL'",
        ),
        (
            "lines nested",
            &lines,
            InputFormat::JsonLines,
            "SELECT * FROM S3Object s WHERE s.CVSS.nvd.V3Score > 8.9",
        ),
        ("lines count", &lines, InputFormat::JsonLines, "SELECT COUNT(*) FROM S3Object"),
        ("lines all", &lines, InputFormat::JsonLines, "SELECT * FROM S3Object"),
        ("csv where", &table, csv_format, "SELECT id FROM S3Object s WHERE s.severity = 'CRITICAL'"),
        (
            "document where",
            &document,
            InputFormat::JsonDocument,
            "SELECT v.VulnerabilityID FROM S3Object[*].Results[*].Vulnerabilities[*] v WHERE v.Severity = 'CRITICAL'",
        ),
    ];
    let mut group = criterion.benchmark_group("select");
    group.sample_size(10);
    for (name, input, format, statement) in cases {
        let query = Query::parse(statement).expect("the statement is right");
        for threads in [1, 2] {
            if threads == 2 && format == InputFormat::JsonDocument {
                continue;
            }
            let options = Options {
                input: Some(format.clone()),
                output: OutputFormat::default(),
                threads,
                ..Options::default()
            };
            group.throughput(Throughput::Bytes(input.len() as u64));
            group.bench_function(format!("{name}, {threads} threads"), |bencher| {
                bencher.iter(|| {
                    let mut bytes = 0;
                    let stats = query.run(&mut input.as_bytes(), &options, &mut |event| {
                        if let Event::Records(records) = event {
                            bytes += black_box(records).len();
                        }
                        Ok(())
                    });
                    stats.expect("the input is right")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, run);
criterion_main!(benches);
