//! Aggregates: gathered chunk by chunk, put together in the order of the chunks, so that the result is the same whatever
//! the number of workers.

use crate::ast::Aggregate;
use crate::error::{Code, SelectError};
use crate::limits::MAX_EXTREME_BYTES;
use crate::number::{Arithmetic, Number};
use crate::value::Value;

/// What was gathered of one aggregate.
#[derive(Clone, Debug)]
pub(crate) struct Gathered {
    aggregate: Aggregate,
    /// Values that are neither MISSING nor NULL.
    count: u64,
    /// Sum of the integers, which may pass beyond eight bytes and come back.
    integers: i128,
    /// Sum of all other numbers.
    others: Option<Number>,
    /// The least or the greatest value.
    extreme: Option<Value<'static>>,
}

/// The result with this number, once it is there.
pub(crate) fn result<'v>(results: &[Value<'static>], number: usize) -> Value<'v> {
    results.get(number).cloned().unwrap_or(Value::Missing)
}

fn refused(aggregate: Aggregate, value: &Value<'_>) -> SelectError {
    let message =
        format!("expected a number as the argument of `{}`, found {}", aggregate.name(), value.describe());
    SelectError::evaluation(Code::IncorrectSqlFunctionArgumentType, message)
        .hint("`CAST(… AS INT)` makes numbers of text")
}

impl Gathered {
    pub(crate) fn new(aggregate: Aggregate) -> Gathered {
        Gathered { aggregate, count: 0, integers: 0, others: None, extreme: None }
    }

    /// A record for `COUNT(*)`.
    pub(crate) fn count_record(&mut self) {
        self.count += 1;
    }

    pub(crate) fn add(&mut self, value: &Value<'_>) -> Result<(), SelectError> {
        if !value.is_known() {
            return Ok(());
        }
        self.count += 1;
        match self.aggregate {
            Aggregate::Count => Ok(()),
            Aggregate::Sum | Aggregate::Average => {
                match value.as_number().ok_or_else(|| refused(self.aggregate, value))? {
                    Number::Int(number) => self.integers += i128::from(number),
                    number => self.add_other(number)?,
                }
                Ok(())
            }
            Aggregate::Minimum | Aggregate::Maximum => {
                // A field of CSV is a number if it can be.
                match value.as_number() {
                    Some(number) => self.keep(Value::Number(number)),
                    None => self.keep(value.clone()),
                }
            }
        }
    }

    fn add_other(&mut self, number: Number) -> Result<(), SelectError> {
        self.others = Some(match self.others {
            None => number,
            Some(sum) => sum.calculate(Arithmetic::Add, number)?,
        });
        Ok(())
    }

    fn keep(&mut self, value: Value<'_>) -> Result<(), SelectError> {
        let better = match &self.extreme {
            None if value.order(&value).is_none() => return Err(refused(self.aggregate, &value)),
            None => true,
            Some(extreme) => {
                let order = value.order(extreme).ok_or_else(|| refused(self.aggregate, &value))?;
                if self.aggregate == Aggregate::Minimum { order.is_lt() } else { order.is_gt() }
            }
        };
        if let Some(text) = value.as_text().filter(|text| better && text.len() > MAX_EXTREME_BYTES) {
            let message = format!(
                "expected text of at most {MAX_EXTREME_BYTES} bytes as the argument of `{}`, found {}",
                self.aggregate.name(),
                text.len()
            );
            return Err(SelectError::evaluation(Code::OverMaxRecordSize, message));
        }
        if better {
            self.extreme = Some(value.into_owned());
        }
        Ok(())
    }

    /// Adds what was gathered of the records that follow.
    pub(crate) fn merge(&mut self, later: Gathered) -> Result<(), SelectError> {
        self.count += later.count;
        self.integers += later.integers;
        if let Some(number) = later.others {
            self.add_other(number)?;
        }
        later.extreme.map_or(Ok(()), |value| self.keep(value))
    }

    pub(crate) fn finish(self) -> Result<Value<'static>, SelectError> {
        let count = i64::try_from(self.count).expect("no stream has 2^63 records");
        if self.aggregate == Aggregate::Count {
            return Ok(Value::int(count));
        }
        if count == 0 {
            return Ok(Value::Null);
        }
        let integers = Number::from_wide(self.integers);
        let sum = match self.others {
            Some(others) => integers.calculate(Arithmetic::Add, others)?,
            None => integers,
        };
        match self.aggregate {
            Aggregate::Sum => match sum {
                Number::Decimal(_) if self.others.is_none() => Err(SelectError::evaluation(
                    Code::IntegerOverflow,
                    format!("expected a sum of eight bytes, found {sum}"),
                )
                .hint("cast the argument to DECIMAL")),
                sum => Ok(Value::Number(sum)),
            },
            Aggregate::Average => {
                let sum = sum.to_decimal().filter(|_| !matches!(sum, Number::Float(_))).unwrap_or(sum);
                Ok(Value::Number(sum.calculate(Arithmetic::Divide, Number::Int(count))?))
            }
            _ => Ok(self.extreme.unwrap_or(Value::Null)),
        }
    }
}
