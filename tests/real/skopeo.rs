//! `skopeo`, which says of our copies what it would have made.

use std::path::Path;

use crate::tool::{run, skopeo};

/// Copies an OCI layout with all its platforms into a registry that lets in whoever asks: `127.0.0.1:5000/team/app:1`.
pub fn push_layout(layout: &Path, tag: &str, image: &str) {
    run(skopeo()
        .args(["copy", "--quiet", "--all", "--dest-tls-verify=false"])
        .arg(format!("oci:{}:{tag}", layout.display()))
        .arg(format!("docker://{image}")));
}

/// Copies an image from one open registry to another in the form of Docker: the same layers under another digest.
pub fn copy_as_docker(from: &str, to: &str) {
    run(skopeo()
        .args(["copy", "--quiet", "--format", "v2s2", "--src-tls-verify=false", "--dest-tls-verify=false"])
        .args([format!("docker://{from}"), format!("docker://{to}")]));
}

/// The manifest or the index under a name, byte for byte.
pub fn raw_manifest(image: &str, user: Option<(&str, &str)>) -> Vec<u8> {
    let mut command = skopeo();
    command.args(["inspect", "--raw", "--tls-verify=false"]);
    if let Some((name, password)) = user {
        command.arg("--creds").arg(format!("{name}:{password}"));
    }
    run(command.arg(format!("docker://{image}")))
}

/// Fetches an image with all platforms, so that the digest of every blob is checked.
pub fn fetch_all(image: &str, user: Option<(&str, &str)>, folder: &Path) {
    let mut command = skopeo();
    command.args(["copy", "--quiet", "--all", "--src-tls-verify=false"]);
    if let Some((name, password)) = user {
        command.arg("--src-creds").arg(format!("{name}:{password}"));
    }
    run(command.arg(format!("docker://{image}")).arg(format!("oci:{}:fetched", folder.display())));
}
