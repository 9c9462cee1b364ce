//! Pipelines run on this machine: stages, actions, artifacts between them, approvals; which image a commit asks for.

pub mod commit;
