//! Columns for people. Texts come from hostile images: nothing in them reaches the terminal but letters.
//!
//! On a terminal the widest columns are cut until a row fits a line; where even narrow ones do not, each row becomes a
//! block of lines. Elsewhere nothing is cut.

use std::fmt::Write as _;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use datafusion::arrow::util::display::ArrayFormatter;
use plimsoll_report::printable;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Rows, text_options};

/// Rows that are looked at before the first line is written: they say how wide columns are.
const SAMPLE_ROWS: usize = 1000;

/// The narrowest that a column is cut to, in columns of the terminal.
const MIN_WIDTH: usize = 8;

/// Between columns.
const GAP: &str = "  ";

/// Null, so that it is no empty text.
const NULL: &str = "NULL";

/// Rows of a table.
pub(super) struct Table {
    names: Vec<String>,
    is_number: Vec<bool>,
    width: Option<usize>,
    sample: Vec<Vec<String>>,
    layout: Option<Layout>,
    rows: u64,
}

/// How rows are laid out, once that is known.
enum Layout {
    /// The width of each column.
    Columns(Vec<usize>),
    /// A block of lines for each row.
    Blocks,
}

impl Table {
    pub(super) fn new(schema: &SchemaRef, width: Option<usize>) -> Self {
        let fields = schema.fields().iter();
        Self {
            names: fields.clone().map(|field| printable(field.name()).into_owned()).collect(),
            is_number: fields.map(|field| is_number(field.data_type())).collect(),
            width,
            sample: Vec::new(),
            layout: None,
            rows: 0,
        }
    }

    fn lay_out(&mut self, out: &mut Vec<u8>) {
        let natural = (0..self.names.len()).map(|column| {
            let cells = self.sample.iter().map(|row| row[column].width());
            cells.chain([self.names[column].width()]).max().unwrap_or(0)
        });
        let natural: Vec<usize> = natural.collect();
        let layout = match self.width {
            Some(width) => fit(natural, width).map_or(Layout::Blocks, Layout::Columns),
            None => Layout::Columns(natural),
        };
        if let Layout::Columns(widths) = &layout {
            let none = vec![false; widths.len()];
            push_line(out, &self.names, widths, &none);
            let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            push_line(out, &rules, widths, &none);
        }
        self.layout = Some(layout);
        for row in std::mem::take(&mut self.sample) {
            self.row(&row, out);
        }
    }

    fn row(&mut self, cells: &[String], out: &mut Vec<u8>) {
        self.rows += 1;
        match &self.layout {
            Some(Layout::Columns(widths)) if self.width.is_some() => {
                let cells: Vec<String> =
                    cells.iter().zip(widths).map(|(cell, width)| cut(cell, *width)).collect();
                push_line(out, &cells, widths, &self.is_number);
            }
            Some(Layout::Columns(widths)) => push_line(out, cells, widths, &self.is_number),
            Some(Layout::Blocks) => {
                let widest = self.names.iter().map(|name| name.width()).max().unwrap_or(0);
                out.extend(format!("─── row {}\n", self.rows).as_bytes());
                for (name, cell) in self.names.iter().zip(cells) {
                    let padding = " ".repeat(widest - name.width());
                    out.extend(format!("{name}{padding}{GAP}{cell}\n").as_bytes());
                }
            }
            None => self.sample.push(cells.to_vec()),
        }
    }
}

impl Rows for Table {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let options = text_options(NULL);
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns: Vec<ArrayFormatter<'_>> = columns.collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            let cells: Result<Vec<String>, ArrowError> =
                columns.iter().map(|column| Ok(shown(&column.value(row).try_to_string()?))).collect();
            let cells = cells?;
            if self.layout.is_none() && self.sample.len() < SAMPLE_ROWS {
                self.sample.push(cells);
                continue;
            }
            if self.layout.is_none() {
                self.lay_out(out);
            }
            self.row(&cells, out);
        }
        Ok(())
    }

    fn end(mut self: Box<Self>, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        if self.layout.is_none() {
            self.lay_out(out);
        }
        let word = if self.rows == 1 { "row" } else { "rows" };
        out.extend(format!("({} {word})\n", self.rows).as_bytes());
        Ok(())
    }
}

/// A cell: plans of `EXPLAIN` have lines, which are kept apart; nothing else steers the terminal.
fn shown(text: &str) -> String {
    printable(text).trim_end().to_owned()
}

fn is_number(kind: &DataType) -> bool {
    kind.is_numeric()
}

/// Widths that fit a line: the widest columns give first. `None` where the narrowest do not fit.
fn fit(mut widths: Vec<usize>, width: usize) -> Option<Vec<usize>> {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let room = width.checked_sub(gaps)?;
    loop {
        let used: usize = widths.iter().sum();
        let Some(over) = used.checked_sub(room).filter(|over| *over > 0) else { return Some(widths) };
        let widest = widths.iter().copied().max()?;
        if widest <= MIN_WIDTH {
            return None;
        }
        let wide = widths.iter().filter(|width| **width == widest).count();
        let next = widths.iter().copied().filter(|width| *width < widest).max().unwrap_or(0).max(MIN_WIDTH);
        // All of the widest go down together: to the next narrower, or as far as is needed.
        let step = (widest - next).min(over.div_ceil(wide)).max(1);
        for width in &mut widths {
            if *width == widest {
                *width -= step;
            }
        }
    }
}

/// The text in at most so many columns, with `…` where it is longer.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let next = used + c.width().unwrap_or(0);
        if next + 1 > columns {
            break;
        }
        used = next;
        out.push(c);
    }
    out.push('…');
    out
}

/// One line; numbers stand to the right.
fn push_line(out: &mut Vec<u8>, cells: &[String], widths: &[usize], to_the_right: &[bool]) {
    let mut line = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if at > 0 {
            line.push_str(GAP);
        }
        let padding = width.saturating_sub(cell.width());
        if to_the_right[at] {
            let _ = write!(line, "{:padding$}{cell}", "");
        } else {
            let _ = write!(line, "{cell}{:padding$}", "");
        }
    }
    out.extend(line.trim_end().as_bytes());
    out.push(b'\n');
}
