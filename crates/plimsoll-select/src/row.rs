//! Rows of columns, as Parquet has them, as values.
//!
//! Booleans, numbers, decimals, dates, times and text are what they are; instants are in UTC, also those that say nothing of
//! a zone. Bytes are text where they are UTF-8, else base64. Lists, structures and maps are documents, as JSON has them; a
//! map whose keys are text is an object, another one an array of objects with `key` and `value`.

use std::borrow::Cow;
use std::fmt::Write as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, MapArray, StructArray};
use arrow_schema::{DataType, TimeUnit};
use base64::Engine as _;

use crate::json::write_string;
use crate::number::Number;
use crate::output::write_json;
use crate::timestamp::Timestamp;
use crate::value::Value;

/// A row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'v> {
    pub(crate) columns: &'v [ArrayRef],
    pub(crate) number: usize,
    /// For each column that is no scalar, its value as JSON.
    pub(crate) documents: &'v [String],
    /// For each name of the statement, the column's place.
    pub(crate) places: &'v [usize],
}

impl<'v> Row<'v> {
    /// The value of a column.
    pub(crate) fn value(&self, place: usize) -> Value<'v> {
        let Some(column) = self.columns.get(place) else { return Value::Missing };
        if is_nested(column.data_type()) && !column.is_null(self.number) {
            return self.documents.get(place).map_or(Value::Missing, |text| Value::Json(text));
        }
        scalar(column.as_ref(), self.number)
    }
}

/// Whether a column's values are documents.
pub(crate) fn is_nested(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Struct(_)
            | DataType::Map(..)
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
    )
}

/// A value is longer than the limit that it is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooLong;

fn text_of_bytes(bytes: &[u8]) -> Value<'_> {
    Value::Text(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(base64::engine::general_purpose::STANDARD.encode(bytes)),
    })
}

fn float<'v>(value: f64) -> Value<'v> {
    // JSON has no number for these.
    Number::from_float(value).map_or_else(|| Value::Text(Cow::Owned(value.to_string())), Value::Number)
}

fn decimal<'v>(mantissa: i128, scale: i8) -> Value<'v> {
    Number::from_decimal(mantissa, i32::from(scale))
        .map_or_else(|| Value::Text(Cow::Owned(format!("{mantissa}e{}", -i32::from(scale)))), Value::Number)
}

fn instant<'v>(parts: i64, digits: u8) -> Value<'v> {
    Timestamp::from_unix(parts, digits).map_or(Value::int(parts), Value::Time)
}

fn day<'v>(days: i64) -> Value<'v> {
    Timestamp::from_days(days).map_or(Value::int(days), Value::Time)
}

/// A time of day: `14:30:00.500`.
fn clock<'v>(parts: i64, digits: u8) -> Value<'v> {
    let unit = 10_i64.pow(u32::from(digits));
    let (seconds, fraction) = (parts.div_euclid(unit), parts.rem_euclid(unit));
    let (hours, minutes, seconds) = (seconds.div_euclid(3_600), seconds / 60 % 60, seconds % 60);
    let mut text = format!("{hours:02}:{minutes:02}:{seconds:02}");
    if digits > 0 {
        write!(text, ".{fraction:0width$}", width = usize::from(digits)).expect("a string takes every text");
    }
    Value::Text(Cow::Owned(text))
}

/// The value of a column that is not nested.
fn scalar(column: &dyn Array, row: usize) -> Value<'_> {
    if column.is_null(row) {
        return Value::Null;
    }
    macro_rules! get {
        ($kind:ty) => {
            column.as_primitive::<$kind>().value(row)
        };
    }
    match column.data_type() {
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Int8 => Value::int(i64::from(get!(Int8Type))),
        DataType::Int16 => Value::int(i64::from(get!(Int16Type))),
        DataType::Int32 => Value::int(i64::from(get!(Int32Type))),
        DataType::Int64 => Value::int(get!(Int64Type)),
        DataType::UInt8 => Value::int(i64::from(get!(UInt8Type))),
        DataType::UInt16 => Value::int(i64::from(get!(UInt16Type))),
        DataType::UInt32 => Value::int(i64::from(get!(UInt32Type))),
        DataType::UInt64 => Value::Number(Number::from_wide(i128::from(get!(UInt64Type)))),
        DataType::Float16 => single(f32::from(get!(Float16Type))),
        DataType::Float32 => single(get!(Float32Type)),
        DataType::Float64 => float(get!(Float64Type)),
        DataType::Decimal32(_, scale) => decimal(i128::from(get!(Decimal32Type)), *scale),
        DataType::Decimal64(_, scale) => decimal(i128::from(get!(Decimal64Type)), *scale),
        DataType::Decimal128(_, scale) => decimal(get!(Decimal128Type), *scale),
        DataType::Decimal256(_, scale) => {
            let text = format!("{}e{}", get!(Decimal256Type), -i32::from(*scale));
            Number::parse(&text).map_or(Value::Text(Cow::Owned(text)), Value::Number)
        }
        DataType::Date32 => day(i64::from(get!(Date32Type))),
        DataType::Date64 => day(get!(Date64Type).div_euclid(86_400_000)),
        DataType::Timestamp(TimeUnit::Second, _) => instant(get!(TimestampSecondType), 0),
        DataType::Timestamp(TimeUnit::Millisecond, _) => instant(get!(TimestampMillisecondType), 3),
        DataType::Timestamp(TimeUnit::Microsecond, _) => instant(get!(TimestampMicrosecondType), 6),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => instant(get!(TimestampNanosecondType), 9),
        DataType::Time32(TimeUnit::Second) => clock(i64::from(get!(Time32SecondType)), 0),
        DataType::Time32(_) => clock(i64::from(get!(Time32MillisecondType)), 3),
        DataType::Time64(TimeUnit::Microsecond) => clock(get!(Time64MicrosecondType), 6),
        DataType::Time64(_) => clock(get!(Time64NanosecondType), 9),
        DataType::Utf8 => Value::Text(Cow::Borrowed(column.as_string::<i32>().value(row))),
        DataType::Utf8View => Value::Text(Cow::Borrowed(column.as_string_view().value(row))),
        DataType::Binary => text_of_bytes(column.as_binary::<i32>().value(row)),
        DataType::BinaryView => text_of_bytes(column.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => text_of_bytes(column.as_fixed_size_binary().value(row)),
        // Columns of other kinds are refused before.
        _ => Value::Null,
    }
}

/// By its shortest text, so that 0.1 stays 0.1.
fn single<'v>(value: f32) -> Value<'v> {
    float(value.to_string().parse().unwrap_or_else(|_| f64::from(value)))
}

/// Whether all values of such a column are understood; depth is bounded by the footer.
pub(crate) fn is_known(kind: &DataType) -> bool {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_known(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().all(|field| is_known(field.data_type())),
        DataType::Map(entries, _) => is_known(entries.data_type()),
        DataType::Interval(_)
        | DataType::Duration(_)
        | DataType::Union(..)
        | DataType::Dictionary(..)
        | DataType::RunEndEncoded(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::LargeUtf8
        | DataType::LargeBinary => false,
        _ => true,
    }
}

/// Writes a value as JSON; depth is bounded by the footer. Gives up once `out` is longer than `most` bytes.
pub(crate) fn write_document(
    column: &dyn Array,
    row: usize,
    out: &mut Vec<u8>,
    most: usize,
) -> Result<(), TooLong> {
    if out.len() > most {
        return Err(TooLong);
    }
    if column.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match column.data_type() {
        DataType::List(_) => write_list(column.as_list::<i32>().value(row).as_ref(), out, most),
        DataType::LargeList(_) => write_list(column.as_list::<i64>().value(row).as_ref(), out, most),
        DataType::FixedSizeList(..) => write_list(column.as_fixed_size_list().value(row).as_ref(), out, most),
        DataType::Struct(_) => write_struct(column.as_struct(), row, out, most),
        DataType::Map(..) => write_map(column.as_map(), row, out, most),
        _ => {
            write_json(&scalar(column, row), out);
            if out.len() > most { Err(TooLong) } else { Ok(()) }
        }
    }
}

fn write_list(items: &dyn Array, out: &mut Vec<u8>, most: usize) -> Result<(), TooLong> {
    out.push(b'[');
    for number in 0..items.len() {
        if number > 0 {
            out.push(b',');
        }
        write_document(items, number, out, most)?;
    }
    out.push(b']');
    Ok(())
}

fn write_struct(fields: &StructArray, row: usize, out: &mut Vec<u8>, most: usize) -> Result<(), TooLong> {
    out.push(b'{');
    for (number, (name, column)) in fields.column_names().iter().zip(fields.columns()).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write_document(column.as_ref(), row, out, most)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_map(map: &MapArray, row: usize, out: &mut Vec<u8>, most: usize) -> Result<(), TooLong> {
    let entries = map.value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    let named = matches!(keys.data_type(), DataType::Utf8 | DataType::Utf8View);
    out.push(if named { b'{' } else { b'[' });
    for number in 0..entries.len() {
        if number > 0 {
            out.push(b',');
        }
        if named {
            write_document(keys.as_ref(), number, out, most)?;
            out.push(b':');
        } else {
            out.extend_from_slice(b"{\"key\":");
            write_document(keys.as_ref(), number, out, most)?;
            out.extend_from_slice(b",\"value\":");
        }
        write_document(values.as_ref(), number, out, most)?;
        if !named {
            out.push(b'}');
        }
    }
    out.push(if named { b'}' } else { b']' });
    Ok(())
}
