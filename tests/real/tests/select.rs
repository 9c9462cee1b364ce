//! `plimsoll select` and `plimsoll summary` beside jq, SQLite and DuckDB, on the same files; Parquet is written by pyarrow.

use std::fmt::Write as _;
use std::fs;

use plimsoll_real::{Plimsoll, Run, Scratch, jq, python};
use serde_json::Value;

/// Findings, each on a line.
fn findings(count: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let odd = number.wrapping_mul(2_654_435_761);
        let severity = ["LOW", "MEDIUM", "HIGH", "CRITICAL"][(odd >> 30) as usize];
        let fixed = if odd % 3 == 0 { String::new() } else { format!(",\"fixed\":\"1.{}\"", odd % 50) };
        let title =
            ["a \\\"quoted\\\" word", "Überlauf\\u00e9", "plain, with a comma", "null"][(odd % 4) as usize];
        let exploited = ["true", "false", "null"][(odd % 3) as usize];
        writeln!(
            text,
            "{{\"id\":\"CVE-2026-{number}\",\"severity\":\"{severity}\",\"score\":{}.{},\"count\":{}{fixed},\"title\":\"{title}\",\"exploited\":{exploited},\"tags\":[\"t{}\",\"t{}\"],\"cvss\":{{\"nvd\":{{\"score\":{}}}}}}}",
            odd % 10,
            odd % 7,
            i64::from(odd % 1_000) - 500,
            odd % 5,
            odd % 11,
            odd % 100
        )
        .expect("a string takes every line");
    }
    text
}

fn select(folder: &Scratch, file: &str, statement: &str, more: &[&str]) -> Run {
    let path = folder.path(file);
    let path = path.to_str().expect("the path is text");
    Plimsoll::bare(&["select", path, statement, "--quiet"]).arguments(more).run()
}

fn lines(run: &Run) -> Vec<Value> {
    assert_eq!(run.status, Some(0), "{}\n{}", run.call, run.stderr);
    let text = String::from_utf8(run.stdout.clone()).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("each record is JSON")).collect()
}

#[test]
fn jq_gives_the_same_of_json() {
    let folder = Scratch::new();
    fs::write(folder.path("rows.jsonl"), findings(20_000)).expect("the folder takes files");
    for (statement, filter) in [
        (
            "SELECT s.id FROM S3Object s WHERE s.severity = 'CRITICAL'",
            r#"select(.severity == "CRITICAL") | {id}"#,
        ),
        (
            "SELECT s.id, s.fixed FROM S3Object s WHERE s.fixed IS NOT MISSING AND s.score >= 9",
            "select(has(\"fixed\") and .score >= 9) | {id, fixed}",
        ),
        (
            "SELECT s.title t FROM S3Object s WHERE s.title LIKE '%\"quoted\"%' AND s.exploited",
            r#"select((.title | contains("\"quoted\"")) and .exploited == true) | {t: .title}"#,
        ),
        (
            "SELECT s.cvss.nvd.score n FROM S3Object s WHERE 't3' IN s.tags",
            r#"select(.tags | index("t3")) | {n: .cvss.nvd.score}"#,
        ),
        (
            "SELECT s.\"count\" + 1 c, s.\"count\" % 7 m FROM S3Object s WHERE s.\"count\" BETWEEN -3 AND 3",
            "select(.count >= -3 and .count <= 3) | {c: (.count + 1), m: (.count % 7)}",
        ),
        (
            "SELECT UPPER(s.tags[0]) u FROM S3Object s WHERE s.exploited IS NULL",
            "select(.exploited == null) | {u: (.tags[0] | ascii_upcase)}",
        ),
        (
            "SELECT s.id, s.title FROM S3Object s WHERE CHAR_LENGTH(s.title) = 9",
            "select((.title | length) == 9) | {id, title}",
        ),
        ("SELECT t FROM S3Object[*].tags[*] t", ".tags[] | {t: .}"),
    ] {
        let ours = lines(&select(&folder, "rows.jsonl", statement, &[]));
        let theirs: Vec<Value> = jq(folder.path("").as_path(), filter, "rows.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).expect("jq writes JSON"))
            .collect();
        assert!(!theirs.is_empty(), "{filter}");
        assert!(ours == theirs, "{statement}: {} records, jq {}", ours.len(), theirs.len());
        // As a document it is the same.
        assert!(
            lines(&select(&folder, "rows.jsonl", statement, &["--input", "json"])) == ours,
            "{statement}"
        );
    }
    let ours = lines(&select(
        &folder,
        "rows.jsonl",
        "SELECT COUNT(*) n, SUM(s.\"count\") t, MAX(s.score) m FROM S3Object s WHERE s.severity <> 'LOW'",
        &[],
    ));
    let theirs = jq(
        &folder.path(""),
        "[inputs, .] | map(select(.severity != \"LOW\")) | {n: length, t: (map(.count) | add), m: (map(.score) | max)}",
        "rows.jsonl",
    );
    assert_eq!(ours[0], serde_json::from_str::<Value>(&theirs).expect("jq writes JSON"));
}

/// Answers of SQLite about CSV that Python reads.
const SQLITE: &str = r"
import csv, json, sqlite3, sys
rows = list(csv.DictReader(open('rows.csv', newline='')))
names = list(rows[0])
base = sqlite3.connect(':memory:')
base.execute('CREATE TABLE t (' + ', '.join(f'\x22{name}\x22 TEXT' for name in names) + ')')
base.executemany('INSERT INTO t VALUES (' + ','.join('?' * len(names)) + ')', [list(row.values()) for row in rows])
base.execute('PRAGMA case_sensitive_like = ON')
for row in base.execute(sys.argv[1]):
    print(json.dumps(list(row), ensure_ascii=False))
";

#[test]
fn sqlite_gives_the_same_of_csv() {
    let folder = Scratch::new();
    let script = "
import csv, json, sys
out = csv.writer(open('rows.csv', 'w', newline=''))
names = ['id', 'severity', 'score', 'count', 'fixed', 'title']
out.writerow(names)
for line in open('rows.jsonl'):
    row = json.loads(line)
    out.writerow([row.get(name, '') for name in names])
";
    fs::write(folder.path("rows.jsonl"), findings(5_000)).expect("the folder takes files");
    python(&folder.path(""), script, &[]);
    for (statement, query) in [
        (
            "SELECT s.id, s.title FROM S3Object s WHERE s.title LIKE '%a%\"%'",
            "SELECT id, title FROM t WHERE title LIKE '%a%\"%'",
        ),
        (
            "SELECT id FROM S3Object WHERE CAST(count AS INT) BETWEEN 0 AND 5 OR fixed = ''",
            "SELECT id FROM t WHERE CAST(count AS INT) BETWEEN 0 AND 5 OR fixed = ''",
        ),
        (
            "SELECT id, SUBSTRING(title, 2, 3) FROM S3Object WHERE title LIKE '_lain%' AND severity IN ('HIGH', 'LOW')",
            "SELECT id, SUBSTR(title, 2, 3) FROM t WHERE title LIKE '_lain%' AND severity IN ('HIGH', 'LOW')",
        ),
        (
            "SELECT CASE severity WHEN 'LOW' THEN 'a' WHEN 'HIGH' THEN 'b' ELSE 'c' END, COALESCE(NULLIF(fixed, ''), 'none') FROM S3Object",
            "SELECT CASE severity WHEN 'LOW' THEN 'a' WHEN 'HIGH' THEN 'b' ELSE 'c' END, COALESCE(NULLIF(fixed, ''), 'none') FROM t",
        ),
        (
            "SELECT CAST(count AS INT) * 2 - 1, CAST(count AS INT) / 7, CAST(count AS INT) % 7 FROM S3Object WHERE id < 'CVE-2026-2'",
            "SELECT CAST(count AS INT) * 2 - 1, CAST(count AS INT) / 7, CAST(count AS INT) % 7 FROM t WHERE id < 'CVE-2026-2'",
        ),
        (
            "SELECT COUNT(*), MIN(title), MAX(CAST(count AS INT)), SUM(CAST(count AS INT)) FROM S3Object WHERE NOT severity = 'LOW'",
            "SELECT COUNT(*), MIN(title), MAX(CAST(count AS INT)), SUM(CAST(count AS INT)) FROM t WHERE NOT severity = 'LOW'",
        ),
    ] {
        // `count` is a word that Amazon reserves.
        let statement = statement.replace("(count ", "(\"count\" ");
        let ours: Vec<Vec<Value>> = lines(&select(&folder, "rows.csv", &statement, &[]))
            .into_iter()
            .map(|record| record.as_object().expect("a record is an object").values().cloned().collect())
            .collect();
        let theirs: Vec<Vec<Value>> = python(&folder.path(""), SQLITE, &[query])
            .lines()
            .map(|line| serde_json::from_str(line).expect("the script writes JSON"))
            .collect();
        let sorted = |record: &Vec<Value>| {
            let mut texts: Vec<String> = record.iter().map(Value::to_string).collect();
            texts.sort();
            texts
        };
        assert!(!theirs.is_empty(), "{query}");
        // The test's own reader of JSON sorts the names of members.
        assert!(
            ours.iter().map(sorted).eq(theirs.iter().map(sorted)),
            "{statement}: {} and {}",
            ours.len(),
            theirs.len()
        );
    }
}

/// Files of all codecs and of many types.
const PARQUET: &str = r"
import datetime, decimal, json
import pyarrow as pa, pyarrow.parquet as pq
rows = [json.loads(line) for line in open('rows.jsonl')]
base = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
table = pa.table({
    'id': [row['id'] for row in rows],
    'severity': pa.array([row['severity'] for row in rows]).dictionary_encode(),
    'score': pa.array([row['score'] for row in rows], pa.float64()),
    'half': pa.array([row['score'] for row in rows], pa.float32()),
    'number': pa.array([row['count'] for row in rows], pa.int32()),
    'price': pa.array([decimal.Decimal(row['count']) / 100 for row in rows], pa.decimal128(9, 2)),
    'fixed': [row.get('fixed') for row in rows],
    'seen': pa.array([base + datetime.timedelta(minutes=row['count'], milliseconds=7) for row in rows], pa.timestamp('us', 'UTC')),
    'day': pa.array([(base + datetime.timedelta(days=row['count'])).date() for row in rows]),
    'exploited': [row['exploited'] for row in rows],
    'tags': [row['tags'] for row in rows],
    'cvss': [row['cvss'] for row in rows],
})
for codec in ['none', 'snappy', 'gzip', 'zstd', 'lz4']:
    pq.write_table(table, codec + '.parquet', compression=codec, row_group_size=3000)
pq.write_table(table, 'old.parquet', use_deprecated_int96_timestamps=True, version='1.0', data_page_version='1.0', use_dictionary=False)
pq.write_table(table, 'new.parquet', version='2.6', data_page_version='2.0', column_encoding={'number': 'DELTA_BINARY_PACKED', 'id': 'DELTA_BYTE_ARRAY', 'half': 'BYTE_STREAM_SPLIT'}, use_dictionary=['severity'])
pq.write_table(table, 'brotli.parquet', compression='brotli')
";

const DUCKDB: &str = r"
import duckdb, json, sys
duckdb.sql('SET TimeZone = \'UTC\'')
for row in duckdb.sql(sys.argv[1].replace('FROM t', f'FROM read_parquet(\'{sys.argv[2]}\')')).fetchall():
    print(json.dumps(list(row), default=str))
";

#[test]
fn duckdb_gives_the_same_of_parquet_that_pyarrow_wrote() {
    let folder = Scratch::new();
    fs::write(folder.path("rows.jsonl"), findings(10_000)).expect("the folder takes files");
    python(&folder.path(""), PARQUET, &[]);
    for file in ["none", "snappy", "gzip", "zstd", "lz4", "old", "new"] {
        let file = format!("{file}.parquet");
        for (statement, query) in [
            (
                "SELECT COUNT(*) a, SUM(number) b, MIN(id) c, MAX(score) d, COUNT(fixed) e FROM S3Object",
                "SELECT COUNT(*), SUM(number)::BIGINT, MIN(id), MAX(score), COUNT(fixed) FROM t",
            ),
            (
                "SELECT id FROM S3Object WHERE severity = 'CRITICAL' AND number > 400",
                "SELECT id FROM t WHERE severity = 'CRITICAL' AND number > 400",
            ),
            (
                "SELECT COUNT(*) FROM S3Object WHERE half > 3.1 AND half < 3.3 AND exploited",
                "SELECT COUNT(*) FROM t WHERE half > 3.1::FLOAT AND half < 3.3::FLOAT AND exploited",
            ),
            (
                "SELECT COUNT(*) FROM S3Object WHERE price = 1.25 OR price < -4.99",
                "SELECT COUNT(*) FROM t WHERE price = 1.25 OR price < -4.99",
            ),
            (
                "SELECT COUNT(*) FROM S3Object WHERE seen < '2026-01-01T00:00:01Z' AND EXTRACT(HOUR FROM seen) = 23",
                "SELECT COUNT(*) FROM t WHERE seen < TIMESTAMPTZ '2026-01-01 00:00:01+00' AND EXTRACT(HOUR FROM seen) = 23",
            ),
            (
                "SELECT COUNT(*) FROM S3Object WHERE day BETWEEN `2025-12-01T` AND `2025-12-31T` AND fixed IS NULL",
                "SELECT COUNT(*) FROM t WHERE day BETWEEN '2025-12-01' AND '2025-12-31' AND fixed IS NULL",
            ),
            (
                "SELECT COUNT(*) FROM S3Object s WHERE 't3' IN s.tags AND s.cvss.nvd.score > 50",
                "SELECT COUNT(*) FROM t WHERE list_contains(tags, 't3') AND cvss.nvd.score > 50",
            ),
            (
                "SELECT COUNT(*) FROM S3Object[*].tags[*] x WHERE x = 't10'",
                "SELECT COUNT(*) FROM (SELECT unnest(tags) x FROM t) WHERE x = 't10'",
            ),
            (
                "SELECT id, number, fixed FROM S3Object WHERE exploited IS NULL LIMIT 500",
                "SELECT id, number, fixed FROM t WHERE exploited IS NULL LIMIT 500",
            ),
        ] {
            let ours: Vec<Value> = lines(&select(&folder, &file, statement, &["--threads", "2"]));
            let theirs: Vec<Vec<Value>> = python(&folder.path(""), DUCKDB, &[query, &file])
                .lines()
                .map(|line| serde_json::from_str(line).expect("the script writes JSON"))
                .collect();
            let texts = |values: &mut dyn Iterator<Item = &Value>| {
                let mut texts: Vec<String> = values.map(Value::to_string).collect();
                texts.sort();
                texts
            };
            let ours: Vec<Vec<String>> = ours
                .iter()
                .map(|record| texts(&mut record.as_object().expect("a record is an object").values()))
                .collect();
            let theirs: Vec<Vec<String>> = theirs.iter().map(|row| texts(&mut row.iter())).collect();
            assert_eq!(ours, theirs, "{statement} of {file}");
        }
    }
    let refused = select(&folder, "brotli.parquet", "SELECT * FROM S3Object", &[]);
    assert_eq!(refused.status, Some(3));
    assert!(refused.stderr.contains("ParquetUnsupportedCompressionCodec"), "{}", refused.stderr);
    // Instants are the same whether they were written as integers or, of old, in twelve bytes.
    let all = |file: &str| {
        lines(&select(&folder, file, "SELECT s.id, s.\"day\", s.tags, s.cvss FROM S3Object s", &[]))
    };
    assert!(all("old.parquet") == all("zstd.parquet"));
}

#[test]
fn jq_counts_the_same() {
    let folder = Scratch::new();
    let findings =
        findings(3_000).replace("\"severity\"", "\"Severity\"").replace("\"fixed\"", "\"FixedVersion\"");
    let list = findings.trim_end().replace('\n', ",");
    let report = format!(
        "{{\"SchemaVersion\":2,\"ArtifactName\":\"app\",\"Results\":[{{\"Target\":\"a\",\"Vulnerabilities\":[{list}]}},{{\"Target\":\"b\"}},{{\"Target\":\"c\",\"Vulnerabilities\":[{list}]}}]}}"
    );
    fs::write(folder.path("report.json"), report).expect("the folder takes files");
    let path = folder.path("report.json");
    let run =
        Plimsoll::bare(&["summary", path.to_str().expect("the path is text"), "--format", "json"]).run();
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let ours: Value = serde_json::from_slice(&run.stdout).expect("the summary is JSON");
    let filter = "[.Results[] | .Vulnerabilities[]?] | {
        Severities: ({UNKNOWN: 0, LOW: 0, MEDIUM: 0, HIGH: 0, CRITICAL: 0} + (group_by(.Severity) | map({(.[0].Severity): length}) | add)),
        Total: length, Fixable: (map(select(.FixedVersion)) | length), Exploited: 0}";
    let theirs: Value =
        serde_json::from_str(&jq(&folder.path(""), filter, "report.json")).expect("jq writes JSON");
    assert_eq!(ours["Counts"], theirs);
}
