//! Statements run, one after the other, and their results written.

use std::sync::mpsc;
use std::time::Duration;

use anyhow::anyhow;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use futures::StreamExt as _;

use crate::error::{Exit, Failure};
use crate::explained;
use crate::limits::Limits;
use crate::output::{self, Destination, Format, Place};
use crate::session::table_names;
use crate::statements::{parse, permit, permit_plan};

/// How statements are run.
#[derive(Clone)]
pub struct Runner {
    /// Tables and functions.
    pub context: SessionContext,
    /// Time and rows.
    pub limits: Limits,
    /// Whether SQL may read files.
    pub allow_files: bool,
    /// How results are written.
    pub format: Format,
    /// Columns of the terminal, where results go there.
    pub width: Option<usize>,
}

/// What a statement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All rows were written.
    Whole,
    /// More rows than were asked for: the others were left out.
    Cut,
    /// Nobody wants more.
    Unwanted,
}

impl Runner {
    /// Runs all statements of a text.
    ///
    /// # Errors
    /// The first that fails ends the others.
    pub async fn run(&self, sql: &str, place: &Place) -> Result<Answer, Failure> {
        let statements = parse(sql)?;
        for statement in &statements {
            permit(statement, self.allow_files)?;
        }
        if statements.is_empty() {
            return Err(Failure::new(Exit::Usage, anyhow!("cannot run an empty text: expected a query")));
        }
        let goes_on = matches!(place, Place::Stdout) && self.format != Format::Parquet;
        let results = statements.iter().filter(|statement| has_rows(statement)).count();
        if results > 1 && !goes_on {
            let what = anyhow!("cannot write {results} results into one: expected a single query");
            return Err(Failure::new(Exit::Usage, what));
        }
        let mut answer = Answer::Whole;
        for statement in statements {
            match self.statement(statement, sql, place).await? {
                Answer::Unwanted => return Ok(Answer::Unwanted),
                Answer::Cut => answer = Answer::Cut,
                Answer::Whole => {}
            }
        }
        Ok(answer)
    }

    async fn statement(&self, statement: Statement, sql: &str, place: &Place) -> Result<Answer, Failure> {
        let work = async {
            let (stream, is_definition) = self.begin(statement, sql).await?;
            if is_definition {
                return Ok(Answer::Whole);
            }
            self.write(stream, sql, place).await
        };
        match self.limits.timeout {
            Some(timeout) => tokio::select! {
                result = work => result,
                () = elapsed(timeout) => Err(explained::too_slow(timeout)),
            },
            None => work.await,
        }
    }

    /// Plans it and begins; with `true` where it defines something and has no rows.
    async fn begin(
        &self,
        statement: Statement,
        sql: &str,
    ) -> Result<(SendableRecordBatchStream, bool), Failure> {
        let plan = self.context.state().statement_to_plan(statement).await;
        let plan = plan.map_err(|error| self.explain(&error, sql))?;
        permit_plan(&plan, self.allow_files)?;
        let is_definition = matches!(plan, LogicalPlan::Ddl(_));
        let rows = async { self.context.execute_logical_plan(plan).await?.execute_stream().await };
        Ok((apart(rows.await.map_err(|error| self.explain(&error, sql))?), is_definition))
    }

    async fn write(
        &self,
        mut stream: SendableRecordBatchStream,
        sql: &str,
        place: &Place,
    ) -> Result<Answer, Failure> {
        let cannot = |error| self.explain(&DataFusionError::ArrowError(Box::new(error), None), sql);
        let mut rows = output::rows(self.format, &stream.schema(), self.width).map_err(cannot)?;
        let mut bytes = Vec::new();
        let mut left = self.limits.max_rows;
        let mut answer = Answer::Whole;
        // A file that is there stays as it is until there is something to put in its place.
        let mut destination = None;
        while let Some(batch) = stream.next().await {
            let mut batch = batch.map_err(|error| self.explain(&error, sql))?;
            if let Some(left) = &mut left {
                let count = batch.num_rows();
                let taken = usize::try_from(*left).map_or(count, |left| left.min(count));
                if taken < count {
                    answer = Answer::Cut;
                    batch = batch.slice(0, taken);
                }
                *left -= taken as u64;
            }
            rows.batch(&batch, &mut bytes).map_err(cannot)?;
            if !bytes.is_empty() {
                let destination = match &mut destination {
                    Some(destination) => destination,
                    None => destination.insert(Destination::open(place)?),
                };
                if !destination.write(&bytes).await? {
                    return Ok(Answer::Unwanted);
                }
                bytes.clear();
            }
            if answer == Answer::Cut {
                break;
            }
        }
        drop(stream);
        rows.end(&mut bytes).map_err(cannot)?;
        let mut destination = match destination {
            Some(destination) => destination,
            None => Destination::open(place)?,
        };
        if !destination.write(&bytes).await? {
            return Ok(Answer::Unwanted);
        }
        destination.finish().await?;
        Ok(answer)
    }

    fn explain(&self, error: &DataFusionError, sql: &str) -> Failure {
        let names = table_names(&self.context);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        explained::failure(error, sql, &names)
    }
}

/// Ends after a time, by a thread of its own: timers of the runtime go off where one of its threads has nothing to do, and
/// a query may keep all of them busy.
async fn elapsed(time: Duration) {
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    let (_given_up, is_given_up) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        // The other side is dropped where nobody waits any more.
        if is_given_up.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = ended.send(());
        }
    });
    if end.await.is_err() {
        // The thread never ends without a word while the other side is here.
        std::future::pending::<()>().await;
    }
}

/// The same rows, computed by a task of their own: one that computes for long without a pause shall keep neither the time
/// limit waiting, nor a person who gives up.
fn apart(mut rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStreamBuilder::new(rows.schema(), 1);
    let sender = builder.tx();
    builder.spawn(async move {
        while let Some(batch) = rows.next().await {
            if sender.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    });
    builder.build()
}

/// Whether a statement gives rows.
fn has_rows(statement: &Statement) -> bool {
    !matches!(statement, Statement::CreateExternalTable(_))
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
