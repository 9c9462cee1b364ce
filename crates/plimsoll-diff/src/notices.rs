//! What makes a comparison say less than it seems to.

use plimsoll_model::{DatabaseInfo, Inventory, Notice, NoticeKind};

use crate::mark::{Earlier, Packages};

/// Targets that are files and folders: their names say nothing of what is in them.
const FILE_PREFIXES: [&str; 5] = ["docker-archive:", "oci-archive:", "oci-dir:", "dir:", "sbom:"];

pub(crate) fn of(inventory: &Inventory, database: &DatabaseInfo, earlier: &Earlier<'_>) -> Vec<Notice> {
    let old = &earlier.scan.inventory;
    let mut texts = Vec::new();
    if let (Some(before), Some(now)) = (repository(&old.artifact.name), repository(&inventory.artifact.name))
        && before != now
    {
        texts.push(format!("it is of another image: expected `{now}`, found `{before}`"));
    }
    if let (Some(before), Some(now)) = (&old.artifact.platform, &inventory.artifact.platform)
        && before != now
    {
        texts.push(format!("it is of another platform: expected `{now}`, found `{before}`"));
    }
    if let (Some(before), Some(now)) = (&old.os, &inventory.os) {
        let (before_name, now_name) =
            (format!("{} {}", before.id, before.version_id), format!("{} {}", now.id, now.version_id));
        if before.id != now.id {
            texts.push(format!(
                "it is of another distribution: expected `{}`, found `{}`; all packages of the distribution count as added",
                now_name.trim_end(),
                before_name.trim_end()
            ));
        } else if before.version_id != now.version_id {
            texts.push(format!(
                "it is of another release: expected `{}`, found `{}`",
                now_name.trim_end(),
                before_name.trim_end()
            ));
        }
    }
    if earlier.packages == Packages::WithFindings {
        texts.push(
            "it lists only packages with findings, so it cannot be told whether others were there: findings in them count as added"
                .to_owned(),
        );
    }
    let (before, now) = (&earlier.scan.database.newest_advisory, &database.newest_advisory);
    if !now.is_empty() && now < before {
        texts.push(format!(
            "it knows newer advisories ({}) than this scan ({}): what is gone may only not be known here",
            day(before),
            day(now)
        ));
    }
    let mut notices: Vec<Notice> = texts
        .into_iter()
        .map(|text| Notice { kind: NoticeKind::BaselineDiffers, origin: earlier.name.to_owned(), text })
        .collect();
    notices.sort();
    notices
}

/// The image's name without tag and digest; `None` for files and folders.
fn repository(name: &str) -> Option<&str> {
    if name.is_empty()
        || name.starts_with(['/', '.'])
        || FILE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    {
        return None;
    }
    let name = ["docker:", "podman:", "registry:"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    // A colon before a slash belongs to a port.
    Some(match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    })
}

fn day(time: &str) -> &str {
    time.split_once('T').map_or(time, |(day, _)| day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scan;

    #[test]
    fn names_are_compared_without_tag_and_digest() {
        for (name, expected) in [
            ("registry.example:5000/app:1.2", Some("registry.example:5000/app")),
            ("registry.example:5000/app", Some("registry.example:5000/app")),
            ("registry.example/app@sha256:00", Some("registry.example/app")),
            ("registry.example/app:1@sha256:00", Some("registry.example/app")),
            ("docker:app:1", Some("app")),
            ("oci-dir:layout", None),
            ("./app", None),
            ("", None),
        ] {
            assert_eq!(repository(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_of_something_else_is_told() {
        for (old, new, expected) in [
            ("name r/a:1", "name r/a:2", ""),
            ("name r/b:1", "name r/a:1", "it is of another image: expected `r/a`, found `r/b`"),
            ("os debian 11", "os debian 11", ""),
            (
                "os debian 11",
                "os debian 12",
                "it is of another release: expected `debian 12`, found `debian 11`",
            ),
            (
                "os alpine 3.20",
                "os debian 12",
                "it is of another distribution: expected `debian 12`, found `alpine 3.20`; all packages of the distribution count as added",
            ),
            (
                "database 2026-02-01T00:00:00Z",
                "database 2026-01-01T00:00:00Z",
                "it knows newer advisories (2026-02-01) than this scan (2026-01-01): what is gone may only not be known here",
            ),
            ("database 2026-01-01T00:00:00Z", "database 2026-02-01T00:00:00Z", ""),
        ] {
            let (old, new) = (scan(old), scan(new));
            let earlier = Earlier { name: "base.json", scan: &old, packages: Packages::All };
            let notices = of(&new.inventory, &new.database, &earlier);
            let texts: Vec<&str> = notices.iter().map(|notice| notice.text.as_str()).collect();
            assert_eq!(texts.join("|"), expected);
        }
        let old = scan("");
        let earlier = Earlier { name: "trivy.json", scan: &old, packages: Packages::WithFindings };
        let notices = of(&old.inventory, &old.database, &earlier);
        assert!(notices[0].text.starts_with("it lists only packages with findings"), "{notices:?}");
        assert_eq!(notices[0].origin, "trivy.json");
    }
}
