//! The demo: the project's own image and advisories, scanned by the release build.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell;

pub(crate) fn run() -> Result<()> {
    let program = crate::release_program("plimsoll")?;
    let folder = crate::target_folder().join("demo");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let (image, database) = (folder.join("image"), folder.join("plimsoll.db"));

    println!("\n== 1. A small real image, six layers, from examples/image");
    crate::demo_image::write(&image)?;
    println!("   {}", image.display());

    println!("\n== 2. An advisory database");
    let mut build = Command::new(&program);
    build.current_dir(crate::root()).args(["db", "build", "--from", "examples/advisories"]);
    if let Some(advisories) = crate::variable("ADVISORIES") {
        build.arg(advisories);
    } else {
        println!("   from examples/advisories alone; give a folder of real ones with ADVISORIES=DIR");
    }
    build.arg("--output").arg(&database);
    shell::run(&mut build)?;

    println!("\n== 3. The scan, with a gate: fail on findings that are high or critical\n");
    let mut scan = Command::new(&program);
    scan.current_dir(crate::root()).args(["scan", "--fail-on", "high", "--db"]).arg(&database);
    scan.arg("--cache-dir").arg(folder.join("cache"));
    scan.arg(format!("oci-dir:{}", image.display()));
    let status = scan.status().context("cannot start the release build")?;
    match status.code() {
        // The gate is meant to fail here: that is what the demo shows.
        Some(1) => {
            println!(
                "\n== The gate failed, as it should: this image is old on purpose. A build that runs this line stops here."
            );
            println!(
                "   JSON for programs: add `--format json`; why one flaw holds: `plimsoll explain CVE PURL`"
            );
            Ok(())
        }
        other => bail!("expected exit status 1, the failing gate, found {other:?}"),
    }
}
