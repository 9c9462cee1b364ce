//! SQL text to statements, and which of them are let through: those that read.

use std::collections::VecDeque;

use anyhow::anyhow;
use datafusion::common::Result;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use datafusion::sql::sqlparser::dialect::GenericDialect;

use crate::error::{Exit, Failure};
use crate::explained;

/// Longest SQL that is read, in bytes.
pub const MAX_SQL_BYTES: usize = 1 << 20;

/// Deepest nesting of expressions and queries.
const MAX_DEPTH: usize = 64;

/// Reads statements, separated by `;`.
///
/// # Errors
/// [`Exit::Usage`] with line and column where the text is no SQL.
pub(crate) fn parse(sql: &str) -> Result<VecDeque<Statement>, Failure> {
    if sql.len() > MAX_SQL_BYTES {
        let what = anyhow!("cannot read SQL: expected at most {MAX_SQL_BYTES} bytes, found {}", sql.len());
        return Err(Failure::new(Exit::Usage, what));
    }
    let parser =
        DFParserBuilder::new(sql).with_dialect(&GenericDialect {}).with_recursion_limit(MAX_DEPTH).build();
    parser
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| explained::failure(&error, sql, &[]))
}

/// Lets a statement through that reads, and no other.
///
/// # Errors
/// [`Exit::Usage`].
pub(crate) fn permit(statement: &Statement, allow_files: bool) -> Result<(), Failure> {
    let reads = match statement {
        Statement::Statement(sql) => matches!(
            **sql,
            Sql::Query(_)
                | Sql::Explain { .. }
                | Sql::ExplainTable { .. }
                | Sql::ShowTables { .. }
                | Sql::ShowColumns { .. }
                | Sql::ShowFunctions { .. }
                | Sql::ShowVariable { .. }
        ),
        Statement::Explain(explain) => return permit(&explain.statement, allow_files),
        Statement::CreateExternalTable(_) => allow_files,
        Statement::CopyTo(_) | Statement::Reset(_) => false,
    };
    if reads { Ok(()) } else { Err(refused(&first_words(&statement.to_string()))) }
}

/// The same for a plan: a query may hold what is none, `WITH … INSERT` or `SELECT … INTO`.
pub(crate) fn permit_plan(plan: &LogicalPlan, allow_files: bool) -> Result<(), Failure> {
    let options =
        SQLOptions::new().with_allow_ddl(allow_files).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(plan).map_err(|_| refused("a query that changes something"))
}

fn refused(what: &str) -> Failure {
    let error = anyhow!("cannot run `{what}`: expected SELECT, WITH, EXPLAIN, SHOW or DESCRIBE");
    Failure::new(Exit::Usage, error)
        .hint("tables are read only; `--output FILE` writes a result, `--allow-files` lets SQL read files")
}

/// The keywords in front, `CREATE EXTERNAL TABLE`.
fn first_words(text: &str) -> String {
    let is_keyword = |word: &&str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    let words: Vec<&str> = text.split_whitespace().take_while(is_keyword).take(3).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_is_let_through_and_nothing_else() {
        for (sql, is_permitted) in [
            ("SELECT 1", true),
            ("WITH a AS (SELECT 1) SELECT * FROM a", true),
            ("VALUES (1)", true),
            ("EXPLAIN ANALYZE SELECT 1", true),
            ("EXPLAIN VERBOSE SELECT 1", true),
            ("SHOW TABLES", true),
            ("SHOW ALL", true),
            ("SHOW FUNCTIONS", true),
            ("SHOW COLUMNS FROM scans", true),
            ("DESCRIBE scans", true),
            ("CREATE TABLE a AS SELECT 1", false),
            ("CREATE VIEW a AS SELECT 1", false),
            ("CREATE EXTERNAL TABLE a STORED AS PARQUET LOCATION '/etc'", false),
            ("EXPLAIN CREATE EXTERNAL TABLE a STORED AS PARQUET LOCATION '/etc'", false),
            ("INSERT INTO scans VALUES (1)", false),
            ("DELETE FROM scans", false),
            ("UPDATE scans SET tag = 'x'", false),
            ("DROP TABLE scans", false),
            ("COPY scans TO '/tmp/a.parquet'", false),
            ("SET datafusion.execution.batch_size = 1", false),
            ("RESET datafusion.execution.batch_size", false),
            ("PREPARE a AS SELECT 1", false),
            ("BEGIN", false),
        ] {
            let statements = parse(sql).unwrap();
            assert_eq!(permit(&statements[0], false).is_ok(), is_permitted, "{sql}");
        }
        let files = parse("CREATE EXTERNAL TABLE a STORED AS PARQUET LOCATION '/etc'").unwrap();
        assert!(permit(&files[0], true).is_ok());
    }

    #[test]
    fn text_that_is_no_sql_is_refused_with_its_place() {
        let failure = parse("SELECT 1;\nSELEC 2").unwrap_err().to_string();
        assert!(failure.contains("line 2, column 1"), "{failure}");
        assert!(parse(&"(".repeat(5000)).is_err());
        assert!(parse(&" ".repeat(MAX_SQL_BYTES + 1)).is_err());
        assert!(parse("").unwrap().is_empty());
    }
}
