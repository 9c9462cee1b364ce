//! The functions of the field: order of versions, affected versions, package URLs, severities.
//!
//! Each takes texts, of any of Arrow's kinds, and gives null where an argument is null or cannot be read: a version that
//! does not parse is undetermined, never "not affected". They are known by their names alone, so that a plan that calls
//! them can be sent to another machine that has them.

mod purls;
mod severities;
mod texts;
mod versions;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use texts::Texts;

/// Where they stand in lists of functions.
const SECTION: DocSection = DocSection {
    include: true,
    label: "Plimsoll",
    description: Some("Versions, package URLs and severities."),
};

/// What a function is.
struct Entry {
    name: &'static str,
    /// Its arguments, each a text: name and meaning.
    arguments: &'static [(&'static str, &'static str)],
    returns: DataType,
    description: &'static str,
    example: &'static str,
    /// The values of so many rows.
    evaluate: fn(&[Texts<'_>], usize) -> ArrayRef,
}

/// All of them, by name.
const ENTRIES: &[Entry] = &[
    versions::AFFECTED,
    purls::NAME,
    purls::NAMESPACE,
    purls::TYPE,
    purls::VERSION,
    severities::RANK,
    versions::COMPARE,
];

/// The functions, to be registered where SQL is planned and where it is run.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    ENTRIES.iter().map(|entry| Arc::new(ScalarUDF::new_from_impl(Function::new(entry)))).collect()
}

/// A function as DataFusion takes it.
#[derive(Debug)]
struct Function {
    name: &'static str,
    signature: Signature,
    returns: DataType,
    documentation: Documentation,
    evaluate: fn(&[Texts<'_>], usize) -> ArrayRef,
}

impl Function {
    fn new(entry: &Entry) -> Self {
        let names: Vec<&str> = entry.arguments.iter().map(|(name, _)| *name).collect();
        let signature = Signature::string(entry.arguments.len(), Volatility::Immutable);
        let signature =
            signature.with_parameter_names(names.clone()).expect("there are as many names as arguments");
        let syntax = format!("{}({})", entry.name, names.join(", "));
        let mut documentation = Documentation::builder(SECTION, entry.description, syntax)
            .with_sql_example(format!("```sql\n{}\n```", entry.example));
        for (name, meaning) in entry.arguments {
            documentation = documentation.with_argument(*name, *meaning);
        }
        Self {
            name: entry.name,
            signature,
            returns: entry.returns.clone(),
            documentation: documentation.build(),
            evaluate: entry.evaluate,
        }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut texts = Vec::with_capacity(args.args.len());
        for (at, value) in args.args.iter().enumerate() {
            match Texts::of(value) {
                Some(text) => texts.push(text),
                None => {
                    return exec_err!(
                        "cannot call `{}`: expected a text as argument {}, found {}",
                        self.name,
                        at + 1,
                        value.data_type()
                    );
                }
            }
        }
        // Constants alone are one row.
        if texts.iter().all(Texts::is_constant) {
            let value = (self.evaluate)(&texts, 1);
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&value, 0)?));
        }
        Ok(ColumnarValue::Array((self.evaluate)(&texts, args.number_rows)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

#[cfg(test)]
#[path = "functions/tests.rs"]
mod tests;
