//! The demo of a pipeline: from a commit to production on one machine, and what came to production another way.
//!
//! Two registries and an S3 endpoint run on loopback for as long as it takes; everything it leaves lies below `demo/pipeline` of
//! the target folder.

mod builder;
mod place;

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use plimsoll_testkit::image::{ImageBuilder, LayerBuilder};

use crate::shell;
use place::Place;

pub(crate) use builder::call as build;

/// What the shop's image is built with at first, and what a fix makes of it.
const FIXES: &[(&str, &str)] = &[
    ("Version: 1.1.1k-1\n", "Version: 1.1.1n-0+deb11u5\n"),
    ("1:1.2.11.dfsg-2\n", "1:1.2.11.dfsg-2+deb11u2\n"),
];
const STATUS: &str = "docker/shop/rootfs/var/lib/dpkg/status";

pub(crate) fn run() -> Result<()> {
    if !shell::has("git") {
        bail!("cannot show a pipeline that begins with a commit: expected `git` on the PATH, found none");
    }
    let place = Place::make()?;

    println!("\n== 1. Two registries, an S3 endpoint, a key pair, an advisory database");
    println!("   staging     {}", place.staging.host());
    println!("   production  {}", place.production.host());
    println!("   results     {}/results", place.endpoint);
    place.prepare()?;

    println!("\n== 2. A commit: `The shop opens ::shop:latest`");
    place.commit("The shop opens ::shop:latest")?;

    println!("\n== 3. The pipeline; its gate is meant to fail: openssl 1.1.1k is in the image\n");
    place.pipeline(&[], 1)?;
    if place.production.manifest("shop", "latest").is_some() {
        bail!("the gate failed, and yet an image is in production");
    }

    println!("\n== 4. A fix: `Newer openssl and zlib ::shop:latest`");
    let status = place.repository().join(STATUS);
    let mut text = crate::demo_image::read_text(&status)?;
    for (old, new) in FIXES {
        text = text.replace(old, new);
    }
    fs::write(&status, text).with_context(|| format!("cannot write `{}`", status.display()))?;
    place.commit("Newer openssl and zlib ::shop:latest")?;

    println!("\n== 5. The pipeline again, from Source to DeployToProduction\n");
    place.pipeline(&["--approve-all"], 0)?;
    println!("\n   deployed: {}", place.deployed("production")?);

    println!("\n== 6. Somebody pushes an image into production, past the pipeline");
    let hotfix = ImageBuilder::new()
        .created("2024-01-01T00:00:00Z")
        .layer(
            LayerBuilder::new()
                .file("etc/os-release", "ID=debian\nVERSION_ID=\"11\"\n")
                .file("usr/bin/shop", "#!/bin/sh\necho fixed it by hand\n"),
        )
        .build();
    let digest = place.production.put_image("shop", "hotfix", &hotfix);
    println!("   {}/shop:hotfix  {digest}", place.production.host());

    println!("\n== 7. The audit; it is meant to fail\n");
    place.audit(&digest)?;

    println!("\n== 8. The report that the first stage uploaded, asked with SQL through the S3 endpoint\n");
    place.ask()?;

    println!(
        "\n== From a commit to production: the gate failed where it should, and nothing passed by it unseen."
    );
    println!("   the pipeline: examples/pipeline; what is left to look at: {}", place.folder().display());
    Ok(())
}

/// Runs a command that must end with this exit status.
fn expect(command: &mut Command, status: i32) -> Result<()> {
    let ended = command.status().with_context(|| format!("cannot start `{}`", shell::shown(command)))?;
    match ended.code() {
        Some(code) if code == status => Ok(()),
        other => bail!("`{}`: expected exit status {status}, found {other:?}", shell::shown(command)),
    }
}
