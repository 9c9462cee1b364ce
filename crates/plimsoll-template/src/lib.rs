//! CloudFormation templates to pipelines, without an AWS account.
//!
//! - [`document`] reads YAML and JSON into a tree whose nodes know their lines.
//! - [`template`] knows the sections of a template, applies its functions, and marks what is made up here.
//! - [`pipeline`] reads pipelines and projects out of it, and plans what runs when.
//! - [`check`] finds what is wrong with a pipeline before it runs.
//!
//! It runs nothing, creates nothing, and reads neither files nor the environment nor the clock: texts and values are
//! given to it. What cannot be known without AWS is a marked value or an error with its place, never a guess in silence.
//!
//! ```
//! use plimsoll_template::document::Limits;
//! use plimsoll_template::pipeline::{Plan, pipelines, projects};
//! use plimsoll_template::template::{Inputs, Template};
//!
//! let text = r#"
//! Resources:
//!   Delivery:
//!     Type: AWS::CodePipeline::Pipeline
//!     Properties:
//!       Name: !Sub "${AWS::StackName}-delivery"
//!       RoleArn: role
//!       ArtifactStore: {Type: S3, Location: bucket}
//!       Stages:
//!         - Name: Source
//!           Actions:
//!             - Name: Code
//!               ActionTypeId: {Category: Source, Owner: AWS, Provider: S3, Version: "1"}
//!               Configuration: {S3Bucket: sources, S3ObjectKey: shop.zip}
//!               OutputArtifacts: [{Name: Shop}]
//!         - Name: Review
//!           Actions:
//!             - Name: Approve
//!               ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: "1"}
//! "#;
//! let inputs = Inputs { stack_name: "shop".to_owned(), ..Inputs::default() };
//! let stack = Template::read("pipeline.yml", text, &Limits::default())?.resolve(inputs)?;
//! let pipeline = pipelines(&stack)?.remove(0);
//! let plan = Plan::new(&stack, pipeline, projects(&stack)?).map_err(|mut errors| errors.remove(0))?;
//! let drawn = "\
//! shop-delivery (V1, superseded)
//! ├─ 1 Source
//! │    1 ─ Code  S3 sources/shop.zip
//! │          → Shop
//! └─ 2 Review
//!      1 ─ Approve  Approval Manual
//! ";
//! assert_eq!(plan.draw(), drawn);
//! # Ok::<(), plimsoll_template::TemplateError>(())
//! ```

pub mod check;
pub mod document;
mod error;
pub mod pipeline;
pub mod template;

pub use error::{Note, TemplateError};
