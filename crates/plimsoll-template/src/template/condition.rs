//! Conditions.
//!
//! Source: AWS CloudFormation User Guide, "Condition functions".

use super::evaluate::Evaluator;
use super::reference::call;
use crate::document::{Node, quoted};
use crate::error::TemplateError;

/// Fewest and most conditions that `Fn::And` and `Fn::Or` take.
const BOUNDS: (usize, usize) = (2, 10);

impl Evaluator<'_> {
    /// Whether a condition holds.
    pub(super) fn condition(&mut self, node: &Node) -> Result<bool, TemplateError> {
        self.deeper(node, |this| this.judged(node))
    }

    fn judged(&mut self, node: &Node) -> Result<bool, TemplateError> {
        let call = call(node, true).map_err(|reason| self.error(node.place, reason))?;
        let Some(call) = call else {
            let expected = "`Fn::And`, `Fn::Equals`, `Fn::Not`, `Fn::Or` or `Condition`";
            return Err(self.error(node.place, format!("expected {expected}, found {}", node.kind())));
        };
        let place = call.argument.place;
        match call.name.as_str() {
            "Condition" => {
                let name = call.argument.scalar().unwrap_or_default();
                self.decided(name, place)
            }
            "Fn::Equals" => {
                let Some([one, other]) = call.argument.items() else {
                    let found = call.argument.kind();
                    return Err(
                        self.error(place, format!("expected two values for `Fn::Equals`, found {found}"))
                    );
                };
                let mut text = |node: &Node| -> Result<String, TemplateError> {
                    let value = self.at("Fn::Equals", |this| this.value(node))?;
                    match value.text() {
                        Some(text) => Ok(text.to_owned()),
                        None => {
                            Err(self.error(node.place, format!("expected a text, found {}", value.kind())))
                        }
                    }
                };
                Ok(text(one)? == text(other)?)
            }
            "Fn::Not" => match call.argument.items() {
                Some([one]) => Ok(!self.at("Fn::Not", |this| this.condition(one))?),
                _ => Err(self.error(place, "expected a list of one condition for `Fn::Not`")),
            },
            name @ ("Fn::And" | "Fn::Or") => {
                let items = call.argument.items().unwrap_or_default();
                if items.len() < BOUNDS.0 || items.len() > BOUNDS.1 {
                    let reason = format!(
                        "expected {} to {} conditions for `{name}`, found {}",
                        BOUNDS.0,
                        BOUNDS.1,
                        items.len()
                    );
                    return Err(self.error(place, reason));
                }
                // All are looked at, so that an error in one does not depend on the others.
                let mut held = 0;
                for (index, item) in items.iter().enumerate() {
                    held += usize::from(self.at(format!("{name}/{index}"), |this| this.condition(item))?);
                }
                Ok(if name == "Fn::And" { held == items.len() } else { held > 0 })
            }
            name => {
                let expected = "`Fn::And`, `Fn::Equals`, `Fn::Not`, `Fn::Or` or `Condition`";
                Err(self.error(node.place, format!("expected {expected}, found `{}`", quoted(name))))
            }
        }
    }

    /// Whether the condition of this name holds; those that it may name are decided before.
    pub(super) fn decided(&self, name: &str, place: crate::document::Place) -> Result<bool, TemplateError> {
        match self.stack.conditions.get(name) {
            Some(holds) => Ok(*holds),
            None => Err(self.error(place, format!("expected a condition, found `{}`", quoted(name)))),
        }
    }
}
