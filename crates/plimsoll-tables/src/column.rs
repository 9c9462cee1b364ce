//! Builders of columns.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder,
};

use crate::schema::Kind;

/// Collects the values of one column.
#[derive(Debug)]
pub(crate) enum Builder {
    Text(StringBuilder),
    Int(Int32Builder),
    Long(Int64Builder),
    Double(Float64Builder),
    Boolean(BooleanBuilder),
    Instant(TimestampMillisecondBuilder),
}

/// Why a value of another kind cannot be met.
const KINDS: &str = "a column's values are of the kind that the schema names; a test builds every column";

impl Builder {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Int => Self::Int(Int32Builder::new()),
            Kind::Long => Self::Long(Int64Builder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Instant => {
                Self::Instant(TimestampMillisecondBuilder::new().with_data_type(kind.data_type()))
            }
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Long(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Instant(builder) => Arc::new(builder.finish()),
        }
    }

    /// Bytes of the values so far, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Text(builder) => builder.values_slice().len() + builder.offsets_slice().len() * 4,
            Self::Int(builder) => builder.values_slice().len() * 4,
            Self::Long(builder) => builder.values_slice().len() * 8,
            Self::Double(builder) => builder.values_slice().len() * 8,
            Self::Boolean(_) => 0,
            Self::Instant(builder) => builder.values_slice().len() * 8,
        }
    }

    pub(crate) fn texts<S: AsRef<str>>(&mut self, values: impl Iterator<Item = Option<S>>) {
        let Self::Text(builder) = self else { unreachable!("{KINDS}") };
        values.for_each(|value| builder.append_option(value));
    }

    /// As [`Self::texts`]; an empty text is none.
    pub(crate) fn filled<S: AsRef<str>>(&mut self, values: impl Iterator<Item = S>) {
        self.texts(values.map(|value| Some(value).filter(|value| !value.as_ref().is_empty())));
    }

    /// One text for `count` rows.
    pub(crate) fn repeat(&mut self, value: &str, count: usize) {
        self.texts(std::iter::repeat_n(Some(value), count));
    }

    /// As [`Self::repeat`]; an empty text is none.
    pub(crate) fn repeat_filled(&mut self, value: &str, count: usize) {
        self.filled(std::iter::repeat_n(value, count));
    }

    pub(crate) fn ints(&mut self, values: impl Iterator<Item = Option<usize>>) {
        let Self::Int(builder) = self else { unreachable!("{KINDS}") };
        // More than two thousand million layers are no image's.
        values.for_each(|value| builder.append_option(value.and_then(|value| i32::try_from(value).ok())));
    }

    pub(crate) fn longs(&mut self, values: impl Iterator<Item = u64>) {
        let Self::Long(builder) = self else { unreachable!("{KINDS}") };
        values.for_each(|value| builder.append_value(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    pub(crate) fn count(&mut self, value: usize) {
        self.longs(std::iter::once(value as u64));
    }

    pub(crate) fn doubles(&mut self, values: impl Iterator<Item = Option<f64>>) {
        let Self::Double(builder) = self else { unreachable!("{KINDS}") };
        values.for_each(|value| builder.append_option(value));
    }

    pub(crate) fn booleans(&mut self, values: impl Iterator<Item = Option<bool>>) {
        let Self::Boolean(builder) = self else { unreachable!("{KINDS}") };
        values.for_each(|value| builder.append_option(value));
    }

    pub(crate) fn instants(&mut self, values: impl Iterator<Item = Option<i64>>) {
        let Self::Instant(builder) = self else { unreachable!("{KINDS}") };
        values.for_each(|value| builder.append_option(value));
    }

    pub(crate) fn instant(&mut self, value: i64, count: usize) {
        self.instants(std::iter::repeat_n(Some(value), count));
    }
}
