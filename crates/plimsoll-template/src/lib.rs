//! CloudFormation templates to pipelines, without an AWS account.
//!
//! [`document`] reads YAML and JSON into a tree whose nodes know their lines.

pub mod document;
