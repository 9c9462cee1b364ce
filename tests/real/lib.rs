//! Tests against real parts: Debian's registry, buildah, skopeo, podman, and Syft on the same image.
//!
//! `setup.sh` installs the programs. The first test to run builds the image ([`image`]) below the target folder, where
//! it stays until its recipe changes. Each test starts its own servers on free ports of loopback and stops them.
//!
//! What is deliberately absent: a way to go on without a part. A test that cannot run fails and says what is missing.

mod attest;
mod aws;
mod base;
mod browser;
mod bucket;
mod data;
mod database;
mod endpoint;
mod image;
mod judges;
mod lake;
mod nginx;
mod objects;
mod pair;
mod plimsoll;
mod podman;
mod proxy;
mod registry;
mod report;
mod schemas;
mod server;
mod skopeo;
mod sources;
mod surroundings;
mod token;
mod tool;

pub use attest::attest_judge;
pub use aws::{Amazon, lint_templates, project_file};
pub use browser::{Opened, open_in_browser};
pub use bucket::Bucket;
pub use data::{jq, python};
pub use database::{Database, database, database_store, own_database};
pub use endpoint::Endpoint;
pub use image::{IMAGE, Image, image};
pub use judges::{
    Package, debian_packages, node_packages, python_packages, syft_packages, validate_cyclonedx,
};
pub use lake::{ask_duckdb, ask_lake};
pub use nginx::{Hit, Manner, Nginx};
pub use objects::Objects;
pub use pair::{ADDED, LEARNT, Pair, pair};
pub use plimsoll::{Plimsoll, Run, docker_config};
pub use podman::Podman;
pub use proxy::{CuttingProxy, Request};
pub use registry::{Access, Registry, USER};
pub use report::{comparable, findings, packages, purls};
pub use schemas::{Schema, own_document};
pub use skopeo::{copy_as_docker, fetch_all, push_layout, raw_manifest};
pub use sources::{PipelineFile, Sources, actionlint, is_taken, whole_lines};
pub use surroundings::{Scratch, advisories};
pub use token::TokenServer;
