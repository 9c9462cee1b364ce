//! Arguments that are texts: one for all rows, or one for each.

use arrow_array::{Array as _, ArrayRef, LargeStringArray, StringArray, StringViewArray};
use datafusion::logical_expr::ColumnarValue;

/// An argument.
pub(super) enum Texts<'a> {
    Constant(Option<&'a str>),
    Short(&'a StringArray),
    Long(&'a LargeStringArray),
    View(&'a StringViewArray),
}

impl<'a> Texts<'a> {
    /// `None` for what is no text.
    pub(super) fn of(value: &'a ColumnarValue) -> Option<Self> {
        match value {
            ColumnarValue::Scalar(scalar) if scalar.is_null() => Some(Self::Constant(None)),
            ColumnarValue::Scalar(scalar) => scalar.try_as_str().map(Self::Constant),
            ColumnarValue::Array(array) => Self::of_array(array),
        }
    }

    fn of_array(array: &'a ArrayRef) -> Option<Self> {
        let any = array.as_any();
        None.or_else(|| any.downcast_ref().map(Self::Short))
            .or_else(|| any.downcast_ref().map(Self::View))
            .or_else(|| any.downcast_ref().map(Self::Long))
    }

    pub(super) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// The text of a row; `None` for null.
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Constant(text) => *text,
            Self::Short(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Long(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}
