//! The image: Debian 11 with Python, npm, Java and Go packages at old versions, in every form it can be had.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::base::Base;
use crate::judges::syft_program;
use crate::registry::{Access, Registry};
use crate::surroundings::work_folder;
use crate::tool::{fetching_tool, make_folder, policy, read_text, run, skopeo, tool, write_file};

/// Python distributions: pure ones, each with a `*.dist-info`.
const PYTHON: &[&str] = &["urllib3==1.26.4", "requests==2.25.1", "Jinja2==2.11.2", "idna==2.10"];
/// npm packages. `handlebars` brings a `minimist` of its own, below its folder.
const NODE: &[&str] = &[
    "lodash@4.17.15",
    "minimist@1.2.0",
    "axios@0.21.0",
    "follow-redirects@1.14.0",
    "handlebars@4.7.6",
    "wordwrap@1.0.0",
    "@hapi/hoek@8.5.0",
];
/// Java archives, and the Debian packages they are taken from.
const JAVA: &[(&str, &str)] = &[
    ("libcommons-text-java", "commons-text.jar"),
    ("libjackson2-databind-java", "jackson-databind.jar"),
    ("liblog4j2-java", "log4j-core.jar"),
    // Names itself nowhere: no `pom.properties`.
    ("libcommons-collections3-java", "commons-collections3.jar"),
];
/// The archive that goes inside another, as Spring Boot packs them.
const INNER_JAVA: (&str, &str) = ("libyaml-snake-java", "snakeyaml.jar");
/// Packages that are put back to the version of Debian 11.0. The mirror keeps the newest only, and the advisories at
/// hand speak of older ones. The files are those of the newest.
const OLDER: &[(&str, &str)] = &[("gzip", "1.10-4"), ("zlib1g", "1:1.2.11.dfsg-2")];

/// The image's name in the registry and in every store.
pub const IMAGE: &str = "team/app:1";
/// The name under which `buildah` keeps it.
const LOCAL: &str = "localhost/app:1";
/// Puts the archive in another one, stored as Spring Boot stores it, for its loader reads it in place.
const PACK: &str = "import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_STORED) as jar:
    jar.writestr('META-INF/MANIFEST.MF', 'Manifest-Version: 1.0\\r\\n\\r\\n')
    jar.write(sys.argv[2], 'BOOT-INF/lib/snakeyaml-1.28.jar')
";

/// The image in its forms. All hold the same layers.
#[derive(Debug)]
pub struct Image {
    folder: PathBuf,
}

/// The image, made by whoever asks first.
///
/// # Panics
///
/// Where it cannot be made, which needs root: `mmdebstrap` and `buildah` make files of many owners.
pub fn image() -> &'static Image {
    static IMAGE: OnceLock<Option<Image>> = OnceLock::new();
    // What failed once takes minutes to fail again: the other tests are told at once.
    let image = IMAGE.get_or_init(|| std::panic::catch_unwind(get).ok());
    image.as_ref().expect("the image could not be built: the first of these tests says why")
}

fn get() -> Image {
    let recipe = [include_str!("image.rs"), include_str!("image/Dockerfile"), include_str!("base.rs")];
    let folder = work_folder().join(format!("image-{}", stamp(&recipe)));
    // Tests run in several processes; one builds, the others wait. The lock goes with the file.
    let lock = File::create(work_folder().join("lock")).expect("the folder is ours");
    lock.lock().expect("the file system of the target folder has locks");
    if !folder.exists() {
        let user = String::from_utf8_lossy(&run(tool("id").arg("-u"))).trim().to_owned();
        assert!(
            user == "0",
            "cannot build the image: expected root, found user {user}\nhint: `sudo -E make test-real`"
        );
        let base = Base::get();
        let part = part_of(&folder);
        build(&base, &part);
        fs::rename(&part, &folder).expect("the folder beside it is ours");
    }
    Image { folder }
}

impl Image {
    /// What `docker save` writes; layers are not compressed.
    pub fn docker_archive(&self) -> PathBuf {
        self.folder.join("docker.tar")
    }

    /// A tar file of an OCI layout.
    pub fn oci_archive(&self) -> PathBuf {
        self.folder.join("oci.tar")
    }

    /// An OCI layout, layers in gzip.
    pub fn oci_dir(&self) -> PathBuf {
        self.folder.join("oci")
    }

    /// An OCI layout, layers in zstd.
    pub fn zstd_dir(&self) -> PathBuf {
        self.folder.join("zstd")
    }

    /// The store of a registry that has it under [`IMAGE`]; registries may share it, as none writes.
    pub(crate) fn registry_store(&self) -> PathBuf {
        self.folder.join("registry")
    }

    /// `buildah`'s and `podman`'s store.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Files of the finished image, unpacked by `buildah`, for other programs to judge.
    pub(crate) fn unpacked(&self) -> PathBuf {
        self.folder.join("unpacked")
    }

    /// The name `podman` knows it by.
    pub fn local_name(&self) -> &'static str {
        LOCAL
    }
}

fn build(base: &Base, folder: &Path) {
    eprintln!("building the image: about a minute, once");
    let context = folder.join("context");
    make_folder(&context);
    write_file(&context.join("Dockerfile"), include_bytes!("image/Dockerfile"));
    python(&context);
    node(&context);
    java(base, &context);
    go(&context);
    older_packages(base, &context);
    layers(base, folder, &context);
    forms(folder);
    fs::remove_dir_all(context).expect("the folder is ours");
}

fn python(context: &Path) {
    run(fetching_tool(work_folder().join("venv/bin/python3"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"])
        // No compiled files: they would hold paths and times.
        .args(["--no-deps", "--only-binary=:all:", "--no-compile", "--target"])
        .arg(context.join("python"))
        .args(PYTHON));
}

fn node(context: &Path) {
    let folder = context.join("web");
    make_folder(&folder);
    run(fetching_tool("npm")
        .current_dir(&folder)
        .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"])
        .args(NODE));
}

/// Archives as Debian 11 ships them, in a folder that no package owns.
fn java(base: &Base, context: &Path) {
    let folder = context.join("java");
    make_folder(&folder);
    let take = |package: &str, archive: &str| {
        let unpacked = context.join("unpacked");
        run(tool("dpkg-deb").arg("--extract").arg(base.package_file(package)).arg(&unpacked));
        // Debian's names are links, some to another folder of the package.
        let found = run(tool("find").arg("-L").arg(&unpacked).args(["-name", archive, "-type", "f"]));
        let found = String::from_utf8(found).expect("Debian's file names are ASCII");
        let file =
            found.lines().next().unwrap_or_else(|| panic!("cannot find `{archive}` in package `{package}`"));
        fs::copy(file, folder.join(archive)).expect("both files are ours");
        fs::remove_dir_all(unpacked).expect("the folder is ours");
    };
    for (package, archive) in JAVA {
        take(package, archive);
    }
    let (package, archive) = INNER_JAVA;
    take(package, archive);
    let inner = folder.join(archive);
    run(tool(work_folder().join("venv/bin/python3"))
        .args(["-c", PACK])
        .arg(folder.join("service.jar"))
        .arg(&inner));
    fs::remove_file(inner).expect("the file is ours");
}

/// Programs of two Go versions, one with modules and one without.
fn go(context: &Path) {
    let folder = context.join("go");
    make_folder(&folder);
    let registry = run(tool("sh").args(["-c", "command -v docker-registry"]));
    let registry = String::from_utf8(registry).expect("the path of a Debian program is ASCII");
    for program in [syft_program(), PathBuf::from(registry.trim())] {
        let name = program.file_name().expect("it is a program");
        fs::copy(&program, folder.join(name))
            .unwrap_or_else(|error| panic!("cannot copy `{}`: {error}", program.display()));
    }
}

/// The packages of [`OLDER`], each file with its version put back.
fn older_packages(base: &Base, context: &Path) {
    let folder = context.join("debs");
    make_folder(&folder);
    for (package, version) in OLDER {
        put_back(base, package, version, &folder);
    }
}

/// Writes the file of a package into `folder`, with another version.
pub(crate) fn put_back(base: &Base, package: &str, version: &str, folder: &Path) {
    let unpacked = folder.join("unpacked");
    run(tool("dpkg-deb").arg("--raw-extract").arg(base.package_file(package)).arg(&unpacked));
    let control = unpacked.join("DEBIAN/control");
    let text: Vec<String> = read_text(&control)
        .lines()
        .map(
            |line| {
                if line.starts_with("Version: ") { format!("Version: {version}") } else { line.to_owned() }
            },
        )
        .collect();
    write_file(&control, format!("{}\n", text.join("\n")).as_bytes());
    run(tool("dpkg-deb")
        .args(["--root-owner-group", "--build"])
        .arg(&unpacked)
        .arg(folder.join(format!("{package}.deb"))));
    fs::remove_dir_all(unpacked).expect("the folder is ours");
}

/// The base image from the root file system, and the application's layers over it; then what judges look at.
fn layers(base: &Base, folder: &Path, context: &Path) {
    let runtime = folder.join("runtime");
    let store = folder.join("store");
    let buildah = || -> Command {
        let mut command = tool("buildah");
        command.args(["--storage-driver", "vfs", "--root"]).arg(&store).arg("--runroot").arg(&runtime);
        command
    };
    let line = |output: Vec<u8>| String::from_utf8(output).expect("buildah writes names").trim().to_owned();
    let container = line(run(buildah().args(["from", "scratch"])));
    run(buildah().args(["add", "--quiet", &container]).arg(base.root_file_system()).arg("/"));
    run(buildah()
        .args(["commit", "--quiet", "--rm", "--signature-policy"])
        .arg(policy())
        .args([&container, "localhost/base:1"]));
    run(buildah()
        .args(["bud", "--quiet", "--layers", "--isolation", "chroot", "--tag", LOCAL, "--signature-policy"])
        .arg(policy())
        .arg(context));

    let container = line(run(buildah().args(["from", "--signature-policy"]).arg(policy()).arg(LOCAL)));
    let mounted = PathBuf::from(line(run(buildah().args(["mount", &container]))));
    let unpacked = folder.join("unpacked");
    make_folder(&unpacked);
    for part in ["var/lib/dpkg", "opt", "usr/lib/python3"] {
        let above = unpacked.join(part);
        make_folder(above.parent().expect("it has one"));
        run(tool("cp").arg("-a").arg(mounted.join(part)).arg(above));
    }
    run(buildah().args(["rm", &container]));
    // The first OCI layout comes from the store, all else from that: one compression for all.
    let from = format!("containers-storage:[vfs@{}+{}]{LOCAL}", store.display(), runtime.display());
    run(skopeo().args(["copy", "--quiet", &from, &format!("oci:{}:app", folder.join("oci").display())]));
}

/// Every other form of it.
fn forms(folder: &Path) {
    let form = |transport: &str, name: &str| format!("{transport}:{}", folder.join(name).display());
    let copy = |options: &[&str], to: &str| {
        run(skopeo().args(["copy", "--quiet"]).args(options).arg(form("oci", "oci:app")).arg(to));
    };
    copy(&[], &format!("{}:{IMAGE}", form("docker-archive", "docker.tar")));
    copy(&[], &format!("{}:app", form("oci-archive", "oci.tar")));
    copy(&["--dest-compress-format=zstd"], &format!("{}:app", form("oci", "zstd")));
    let registry = Registry::start(&folder.join("registry"), &Access::Anyone);
    copy(&["--dest-tls-verify=false"], &format!("docker://{}/{IMAGE}", registry.address()));
}

/// A folder beside `folder` to make it in. Others of the same kind are removed: their recipe is gone.
pub(crate) fn part_of(folder: &Path) -> PathBuf {
    let name = folder.file_name().expect("it has a name").to_string_lossy().into_owned();
    let kind = name.split('-').next().expect("a split has a first part");
    for entry in fs::read_dir(work_folder()).expect("the folder is ours") {
        let entry = entry.expect("the folder is ours");
        if entry.file_name().to_string_lossy().starts_with(&format!("{kind}-")) {
            fs::remove_dir_all(entry.path()).expect("the folder is ours");
        }
    }
    // Paths stay as they are when it is renamed, and some tools write them down: none of those is used after.
    let part = folder.with_added_extension("part");
    make_folder(&part);
    part
}

/// Sixteen hexadecimal digits that change with the texts: FNV-1a of 64 bits.
pub(crate) fn stamp(texts: &[&str]) -> String {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
