//! Manual approval: given on the command line, or asked of whoever sits there.
//!
//! Source: AWS CodePipeline User Guide, "Manual approval action reference".

use std::time::Duration;

use super::Local;
use crate::engine::{Done, Job};
use crate::outside::{Answer, Question};
use crate::state::Status;

impl Local<'_> {
    pub(super) fn approval(&self, job: &Job<'_>) -> Result<Done, String> {
        let name = format!("{}/{}", job.stage, job.action.name);
        let approvals = &self.setup.approvals;
        if approvals.reject.contains(&name) {
            return Ok(Done::new(Status::Failed, "rejected on the command line"));
        }
        if approvals.all || approvals.approve.contains(&name) {
            return Ok(Done::new(Status::Succeeded, "approved on the command line"));
        }
        let (custom_data, link) =
            (self.setting(job, "CustomData")?, self.setting(job, "ExternalEntityLink")?);
        let timeout = job.action.timeout_minutes.map(|minutes| Duration::from_mins(u64::from(minutes)));
        let answer = self.outside.ask(&Question {
            stage: job.stage,
            action: &job.action.name,
            pipeline: &job.state.pipeline_name,
            execution: &job.state.execution_id,
            custom_data: custom_data.as_deref(),
            link: link.as_deref(),
            timeout,
            stop: &job.stop,
        });
        let said = |word: &str, comment: String| {
            if comment.is_empty() { word.to_owned() } else { format!("{word}: {comment}") }
        };
        Ok(match answer {
            Answer::Approved(comment) => Done::new(Status::Succeeded, said("approved", comment)),
            Answer::Rejected(comment) => Done::new(Status::Failed, said("rejected", comment)),
            Answer::Stopped => Done::new(Status::Stopped, "nobody waits for an answer any more"),
            Answer::Nobody => {
                let mut message = "waits for approval".to_owned();
                if let Some(text) = custom_data {
                    message = format!("{message}: {text}");
                }
                Done::new(Status::Waiting, message)
            }
        })
    }
}
