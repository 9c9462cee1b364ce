//! Pipelines run on this machine: stages, actions, artifacts between them, approvals; which image a commit asks for.
//!
//! A [`Plan`](plimsoll_template::pipeline::Plan) says what runs when. [`Local::prepare`] looks what stands in the way of
//! it, and tells all of that at once; [`Engine::run`] runs it in an [`Execution`], whose state is written after every
//! action, so that whatever ends the process, the next one goes on where it ended. Each action works in copies of its
//! artifacts: sources and artifacts are never half changed.
//!
//! Absent: templates, the commands of one build, scanning, stores and registries. Those are of other crates, or behind
//! [`Outside`]. It is no sandbox: what an action runs can do what the user can. It reads neither the environment nor the
//! time of day of its process: both are arguments.

pub mod commit;

mod console;
mod engine;
mod error;
mod folder;
mod local;
mod outside;
mod place;
mod state;
mod tree;
mod zip;

pub use console::Console;
pub use engine::{Course, Doer, Done, Engine, Input, Job, Retry, begun};
pub use error::Error;
pub use folder::{Execution, Executions};
pub use local::{Approvals, Local, Problem, Setup};
pub use outside::{Answer, Fetched, ImageFacts, Outside, Question};
pub use state::{ActionState, ArtifactState, Mark, StageState, State, Status};
