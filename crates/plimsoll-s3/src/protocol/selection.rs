//! `SelectObjectContent`: a statement asked, its events told.

use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use s3s::{S3Error, S3Request, S3Response, S3Result, dto};

use crate::key::Key;
use crate::protocol::Operations;
use crate::refusal::Refusal;
use crate::select::Answer;

impl Operations {
    pub(crate) async fn select_object_content(
        &self,
        request: S3Request<dto::SelectObjectContentInput>,
    ) -> S3Result<S3Response<dto::SelectObjectContentOutput>> {
        let input = request.input;
        refuse_unkept!(input, sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm");
        let found = self.vault.find(&input.bucket, &Key::new(&input.key)?).await?;
        let mut question = crate::question::read(&input.request, found.bytes)?;
        question.options.threads = self.select_threads;
        let now = (self.now)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        question.options.now =
            i64::try_from(now.as_millis()).ok().and_then(plimsoll_select::Timestamp::from_unix_millis);
        // Of Parquet some places are read, and those alone.
        let content = match &question.options.input {
            Some(plimsoll_select::InputFormat::Parquet) => self.vault.open_parts(&found).await?,
            _ => self.vault.open(&found, None).await?,
        };
        drop(found);
        let answers = crate::select::answer(question, content, &self.permits).await?;
        let events = answers.map(|answer| answer.map(event).map_err(S3Error::from));
        let payload = dto::SelectObjectContentEventStream::new(events);
        Ok(S3Response::new(dto::SelectObjectContentOutput { payload: Some(payload) }))
    }
}

fn event(answer: Answer) -> dto::SelectObjectContentEvent {
    let count = |bytes: u64| i64::try_from(bytes).ok();
    match answer {
        Answer::Records(bytes) => {
            dto::SelectObjectContentEvent::Records(dto::RecordsEvent { payload: Some(bytes) })
        }
        Answer::Progress(stats) => dto::SelectObjectContentEvent::Progress(dto::ProgressEvent {
            details: Some(dto::Progress {
                bytes_processed: count(stats.bytes_processed),
                bytes_returned: count(stats.bytes_returned),
                bytes_scanned: count(stats.bytes_scanned),
            }),
        }),
        Answer::Stats(stats) => dto::SelectObjectContentEvent::Stats(dto::StatsEvent {
            details: Some(dto::Stats {
                bytes_processed: count(stats.bytes_processed),
                bytes_returned: count(stats.bytes_returned),
                bytes_scanned: count(stats.bytes_scanned),
            }),
        }),
        Answer::Cont => dto::SelectObjectContentEvent::Cont(dto::ContinuationEvent::default()),
        Answer::End => dto::SelectObjectContentEvent::End(dto::EndEvent::default()),
    }
}
