use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use expect_test::{Expect, expect};

use super::*;

fn check(width: Option<usize>, expected: &Expect) {
    let schema = Arc::new(Schema::new(vec![
        Field::new("reference", DataType::Utf8, false),
        Field::new("title", DataType::Utf8, true),
        Field::new("count", DataType::Int64, false),
    ]));
    let references = StringArray::from(vec!["registry.example/shop/web:1.4", "registry.example/ü"]);
    let titles = StringArray::from(vec![Some("a title that is far too long for a line"), None]);
    let counts = Int64Array::from(vec![7, 1234]);
    let columns = vec![Arc::new(references) as _, Arc::new(titles) as _, Arc::new(counts) as _];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let mut out = Vec::new();
    let mut rows = rows(Format::Table, &schema, width).unwrap();
    rows.batch(&batch, &mut out).unwrap();
    rows.end(&mut out).unwrap();
    expected.assert_eq(&String::from_utf8(out).unwrap());
}

#[test]
fn a_table_is_as_wide_as_it_has_to_be() {
    check(
        None,
        &expect![[r"
        reference                      title                                    count
        ─────────────────────────────  ───────────────────────────────────────  ─────
        registry.example/shop/web:1.4  a title that is far too long for a line      7
        registry.example/ü             NULL                                      1234
        (2 rows)
    "]],
    );
}

#[test]
fn on_a_terminal_the_widest_columns_give_first() {
    check(
        Some(60),
        &expect![[r"
        reference                  title                      count
        ─────────────────────────  ─────────────────────────  ─────
        registry.example/shop/we…  a title that is far too …      7
        registry.example/ü         NULL                        1234
        (2 rows)
    "]],
    );
}

#[test]
fn where_not_even_narrow_columns_fit_each_row_is_a_block() {
    check(
        Some(20),
        &expect![[r"
        ─── row 1
        reference  registry.example/shop/web:1.4
        title      a title that is far too long for a line
        count      7
        ─── row 2
        reference  registry.example/ü
        title      NULL
        count      1234
        (2 rows)
    "]],
    );
}
