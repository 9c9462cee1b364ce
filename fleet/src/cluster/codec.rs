//! A store's tables as they stand in a plan that travels: the store's address and the table's name.
//!
//! The files of a table are listed by the scheduler, not by the client: a plan of a large lake stays small.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use ballista_core::serde::BallistaLogicalExtensionCodec;
use datafusion::catalog::TableProvider;
use datafusion::common::{TableReference, exec_datafusion_err, plan_err};
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use plimsoll_store::Location;
use plimsoll_tables::{SCHEMA_VERSION, Table};

use super::fence::Fence;
use crate::store_table::StoreTable;

/// What our tables begin with; the version of the tables follows, then name and store, each on a line.
const MARK: &str = "plimsoll store table";

/// Longest description of a table, in bytes.
const MAX_TABLE_BYTES: usize = 64 * 1024;

/// Ballista's codec, and our tables.
#[derive(Debug)]
pub(super) struct Codec {
    ballista: BallistaLogicalExtensionCodec,
    /// What may be opened; a client opens nothing.
    fence: Option<Arc<Fence>>,
}

impl Codec {
    /// Writes plans.
    pub(super) fn of_client() -> Self {
        Self { ballista: BallistaLogicalExtensionCodec::default(), fence: None }
    }

    /// Reads them, and opens what lies within the fence.
    pub(super) fn of_scheduler(fence: Arc<Fence>) -> Self {
        Self { ballista: BallistaLogicalExtensionCodec::default(), fence: Some(fence) }
    }
}

/// A table as text.
fn print(table: &StoreTable) -> Result<String> {
    let location = match table.store().location() {
        Location::Folder(folder) => Location::Folder(std::fs::canonicalize(folder)?),
        bucket @ Location::Bucket { .. } => bucket.clone(),
    };
    if let Location::Folder(folder) = &location
        && folder.to_str().is_none_or(|text| text.contains("://"))
    {
        return plan_err!(
            "cannot ask a cluster for `{location}`: expected a folder whose name is UTF-8 and no address"
        );
    }
    Ok(format!("{MARK}\n{SCHEMA_VERSION}\n{}\n{location}", table.table().name()))
}

/// Table and store of such a text; `None` where it is none of ours.
fn parse(text: &[u8]) -> Option<Result<(Table, Location)>> {
    let text = std::str::from_utf8(text.get(..text.len().min(MAX_TABLE_BYTES))?).ok()?;
    let rest = text.strip_prefix(MARK)?.strip_prefix('\n')?;
    let mut parts = rest.splitn(3, '\n');
    let version = parts.next().and_then(|version| u32::from_str(version).ok());
    if version != Some(SCHEMA_VERSION) {
        return Some(plan_err!(
            "cannot read a plan: expected tables of version {SCHEMA_VERSION}, found another"
        ));
    }
    let (Some(name), Some(location)) = (parts.next(), parts.next()) else {
        return Some(plan_err!("cannot read a plan: its description of a table is cut short"));
    };
    let Some(table) = Table::named(name) else {
        return Some(plan_err!("cannot read a plan: there is no table `{name}`"));
    };
    Some(Ok((
        table,
        if location.contains("://") {
            match Location::parse(location) {
                Ok(location) => location,
                Err(error) => return Some(Err(exec_datafusion_err!("{error}"))),
            }
        } else {
            Location::Folder(PathBuf::from(location))
        },
    )))
}

impl LogicalExtensionCodec for Codec {
    fn try_decode(&self, bytes: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        self.ballista.try_decode(bytes, inputs, context)
    }

    fn try_encode(&self, node: &Extension, bytes: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode(node, bytes)
    }

    fn try_decode_table_provider(
        &self,
        bytes: &[u8],
        reference: &TableReference,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        let Some(table) = parse(bytes) else {
            return self.ballista.try_decode_table_provider(bytes, reference, schema, context);
        };
        let (table, location) = table?;
        let Some(fence) = &self.fence else {
            return plan_err!("cannot read a plan: clients only write them");
        };
        Ok(Arc::new(StoreTable::plain(fence.store(&location)?, table)))
    }

    fn try_encode_table_provider(
        &self,
        reference: &TableReference,
        provider: Arc<dyn TableProvider>,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        match provider.downcast_ref::<StoreTable>() {
            Some(table) => {
                bytes.extend_from_slice(print(table)?.as_bytes());
                Ok(())
            }
            None if self
                .ballista
                .try_encode_table_provider(reference, Arc::clone(&provider), bytes)
                .is_ok() =>
            {
                Ok(())
            }
            None => plan_err!(
                "cannot ask a cluster for the table `{reference}`: expected a table of a store, found one that only this \
                 program has"
            ),
        }
    }

    fn try_decode_file_format(
        &self,
        bytes: &[u8],
        context: &TaskContext,
    ) -> Result<Arc<dyn FileFormatFactory>> {
        self.ballista.try_decode_file_format(bytes, context)
    }

    fn try_encode_file_format(&self, bytes: &mut Vec<u8>, format: Arc<dyn FileFormatFactory>) -> Result<()> {
        self.ballista.try_encode_file_format(bytes, format)
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_store::Store;

    use super::*;

    #[test]
    fn a_table_travels_as_its_store_and_name_and_is_opened_within_the_fence() {
        let folder = std::env::temp_dir().join(format!("plimsoll-codec-{}", std::process::id()));
        let location = Location::Folder(folder.clone());
        let store = Store::open(&location).unwrap();
        let reference = TableReference::bare("packages");
        let mut bytes = Vec::new();
        let sent: Arc<dyn TableProvider> = Arc::new(StoreTable::plain(store, Table::Packages));
        Codec::of_client().try_encode_table_provider(&reference, Arc::clone(&sent), &mut bytes).unwrap();

        let context = TaskContext::default();
        let fence = Arc::new(Fence::new(&[location]).unwrap());
        let read = Codec::of_scheduler(fence)
            .try_decode_table_provider(&bytes, &reference, sent.schema(), &context)
            .unwrap();
        assert_eq!(read.schema(), sent.schema());

        let elsewhere = Arc::new(Fence::new(&[Location::Folder(folder.join("inner"))]).unwrap());
        let error = Codec::of_scheduler(elsewhere)
            .try_decode_table_provider(&bytes, &reference, sent.schema(), &context)
            .unwrap_err();
        assert!(error.to_string().contains("alone"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_table_of_ours_is_told() {
        assert!(parse(b"").is_none());
        assert!(parse(b"\xff\xfe").is_none());
        assert!(parse(b"something else").is_none());
        for text in [
            format!("{MARK}\n"),
            format!("{MARK}\n99\npackages\n/store"),
            format!("{MARK}\n{SCHEMA_VERSION}\npackages"),
            format!("{MARK}\n{SCHEMA_VERSION}\nsecrets\n/store"),
            format!("{MARK}\n{SCHEMA_VERSION}\npackages\nftp://host"),
        ] {
            assert!(parse(text.as_bytes()).unwrap().is_err(), "{text}");
        }
    }
}
