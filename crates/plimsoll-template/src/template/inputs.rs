//! What is given to a template from outside: parameters, exports, and what the pseudo-parameters say.

use std::collections::BTreeMap;

use super::value::{Resolved, Value};
use crate::document::Place;

/// What is given from outside. Nothing is read from the environment.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Values of parameters by name; of a list, its items separated by commas.
    pub parameters: BTreeMap<String, String>,
    /// Values of parameters of AWS Systems Manager by their names there.
    pub ssm: BTreeMap<String, String>,
    /// What other stacks export, for `Fn::ImportValue`.
    pub exports: BTreeMap<String, String>,
    /// `AWS::AccountId`, twelve digits; without one, twelve zeros that are marked as local.
    pub account_id: Option<String>,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::StackName`.
    pub stack_name: String,
    /// Whether a parameter that nobody gave is its own name, marked as local, rather than an error.
    pub allow_missing: bool,
    /// `AWS::NotificationARNs`.
    pub notification_arns: Vec<String>,
}

impl Default for Inputs {
    fn default() -> Self {
        Self {
            parameters: BTreeMap::new(),
            ssm: BTreeMap::new(),
            exports: BTreeMap::new(),
            account_id: None,
            region: "us-east-1".to_owned(),
            stack_name: "local".to_owned(),
            allow_missing: false,
            notification_arns: Vec::new(),
        }
    }
}

/// The pseudo-parameters.
///
/// Source: AWS CloudFormation User Guide, "Pseudo parameters reference".
pub(super) const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

impl Inputs {
    /// The account's number, made up where none is given.
    pub fn account(&self) -> &str {
        self.account_id.as_deref().unwrap_or("000000000000")
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// `amazonaws.com`, or that of China.
    pub fn url_suffix(&self) -> &'static str {
        if self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// The value of a pseudo-parameter.
    pub(super) fn pseudo(&self, name: &str, place: Place) -> Option<Resolved> {
        let text = |text: &str| Value::Text(text.to_owned());
        let value = match name {
            "AWS::AccountId" => match &self.account_id {
                Some(account) => text(account),
                None => Value::Local { text: self.account().to_owned(), of: vec![name.to_owned()] },
            },
            "AWS::NoValue" => Value::NoValue,
            "AWS::NotificationARNs" => Value::List(
                self.notification_arns.iter().map(|arn| Resolved::new(place, text(arn))).collect(),
            ),
            "AWS::Partition" => text(self.partition()),
            "AWS::Region" => text(&self.region),
            "AWS::StackId" => Value::Local {
                text: format!(
                    "arn:{}:cloudformation:{}:{}:stack/{}/00000000-0000-0000-0000-000000000000",
                    self.partition(),
                    self.region,
                    self.account(),
                    self.stack_name
                ),
                of: vec![name.to_owned()],
            },
            "AWS::StackName" => text(&self.stack_name),
            "AWS::URLSuffix" => text(self.url_suffix()),
            _ => return None,
        };
        Some(Resolved::new(place, value))
    }
}
