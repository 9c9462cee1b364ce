//! Credentials of registries, from Docker's and podman's files and their helpers.
//!
//! Source: Docker CLI, `config.json` (`auths`, `credsStore`, `credHelpers`); docker-credential-helpers protocol;
//! containers-auth.json(5).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use base64::Engine as _;
use plimsoll_http::read_up_to;
use serde::Deserialize;

use crate::{Options, Reference, Secret};

/// The most bytes of a file with credentials.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// The most bytes that a helper may answer.
const MAX_HELPER_BYTES: u64 = 1 << 20;
/// The key of Docker Hub in Docker's files.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// What stands for the user where the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// What opens a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Password {
        user: String,
        password: Secret,
    },
    /// A refresh token, to be changed for an access token.
    Identity(Secret),
    /// An access token, sent as it is.
    Access(Secret),
}

/// What was found for a registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookup {
    /// The credential, and where it came from.
    pub(crate) found: Option<(Credential, String)>,
    /// Why a place could not be asked. That matters only if the registry refuses us.
    pub(crate) troubles: Vec<String>,
}

/// What credential helpers answered. Clones of the same options share it, so that a helper is run once for a registry,
/// whatever number of its repositories is asked, and by how many threads.
#[derive(Clone, Default)]
pub struct HelperAnswers(Arc<Mutex<BTreeMap<(String, String), Asked>>>);

/// Filled by the first who asks; the others wait for it.
type Asked = Arc<OnceLock<Result<Option<Credential>, String>>>;

impl HelperAnswers {
    fn of(
        &self,
        helper: &str,
        server: &str,
        ask: impl FnOnce() -> Result<Option<Credential>, String>,
    ) -> Result<Option<Credential>, String> {
        let asked = {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry((helper.to_owned(), server.to_owned())).or_default())
        };
        asked.get_or_init(ask).clone()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct DockerConfig {
    #[serde(default)]
    auths: Option<BTreeMap<String, AuthEntry>>,
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
struct AuthEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Looks for the credentials of a reference: the first file that knows its registry decides, then who else was named.
pub(crate) fn lookup(options: &Options, reference: &Reference) -> Lookup {
    let mut lookup = Lookup::default();
    if let Some(login) = options.login.as_ref().filter(|login| login.registry == reference.registry()) {
        let credential = match &login.user {
            Some(user) => of_pair(user, login.secret.expose()),
            None => Credential::Access(login.secret.clone()),
        };
        lookup.found = Some((credential, "the credential that was given".to_owned()));
        return lookup;
    }
    for path in &options.credential_files {
        let config = match read(path) {
            Ok(Some(config)) => config,
            Ok(None) => continue,
            Err(trouble) => {
                lookup.troubles.push(format!("`{}` {trouble}", path.display()));
                continue;
            }
        };
        let hub = reference.registry() == "docker.io";
        let server = if hub { HUB_KEY } else { reference.registry() };
        let helpers = config.cred_helpers.unwrap_or_default();
        let own = helpers.iter().find(|(key, _)| {
            host_of_key(key).eq_ignore_ascii_case(reference.registry()) || hub && is_hub(key)
        });
        let helper =
            own.map(|(_, helper)| helper.clone()).or(config.creds_store).filter(|name| !name.is_empty());
        if let Some(name) = helper {
            let ask = || ask_helper(&name, server, options.helper_timeout);
            match options.helper_answers.of(&name, server, ask) {
                Ok(Some(credential)) => {
                    lookup.found = Some((credential, format!("`docker-credential-{name}`")));
                    return lookup;
                }
                Ok(None) => {}
                Err(trouble) => lookup.troubles.push(format!("`docker-credential-{name}` {trouble}")),
            }
        }
        match of_file(&config.auths.unwrap_or_default(), reference) {
            Ok(Some(credential)) => {
                lookup.found = Some((credential, format!("`{}`", path.display())));
                return lookup;
            }
            Ok(None) => {}
            Err(trouble) => lookup.troubles.push(format!("`{}` {trouble}", path.display())),
        }
    }
    match options.login_source.as_ref().and_then(|source| source.login(reference.registry())) {
        Some(Ok(login)) => lookup.found = Some((of_pair(&login.user, login.password.expose()), login.place)),
        Some(Err(trouble)) => lookup.troubles.push(trouble),
        None => {}
    }
    lookup
}

fn read(path: &PathBuf) -> Result<Option<DockerConfig>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("could not be read: {error}")),
    };
    let text = read_up_to(file, MAX_FILE_BYTES).map_err(|error| format!("could not be read: {error}"))?;
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    // The text of the error is left out: it might quote the file.
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        format!("is no JSON of the expected form at line {} column {}", error.line(), error.column())
    })
}

/// The entry for a registry, or for the longest part of the repository's path that has its own (podman).
fn of_file(auths: &BTreeMap<String, AuthEntry>, reference: &Reference) -> Result<Option<Credential>, String> {
    let hub = reference.registry() == "docker.io";
    let mut name = format!("{}/{}", reference.registry(), reference.repository());
    loop {
        // Keys with a scheme, or a bare host, are the registry's.
        let is_host = !name.contains('/');
        let entry = auths.get(&name).or_else(|| {
            auths
                .iter()
                .filter(|_| is_host)
                .find(|(key, _)| host_of_key(key).eq_ignore_ascii_case(&name) || hub && is_hub(key))
                .map(|(_, entry)| entry)
        });
        if let Some(entry) = entry
            && let Some(credential) = of_entry(entry)?
        {
            return Ok(Some(credential));
        }
        match name.rfind('/') {
            Some(slash) => name.truncate(slash),
            None => return Ok(None),
        }
    }
}

fn of_entry(entry: &AuthEntry) -> Result<Option<Credential>, String> {
    let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    if let Some(token) = given(&entry.registrytoken) {
        return Ok(Some(Credential::Access(Secret::new(token))));
    }
    if let Some(token) = given(&entry.identitytoken) {
        return Ok(Some(Credential::Identity(Secret::new(token))));
    }
    if let Some(auth) = given(&entry.auth) {
        let bad = || "has an `auth` that is not the Base64 form of `user:password`".to_owned();
        let bytes = base64::engine::general_purpose::STANDARD.decode(auth.trim()).map_err(|_| bad())?;
        let text = String::from_utf8(bytes).map_err(|_| bad())?;
        let (user, password) = text.split_once(':').ok_or_else(bad)?;
        return Ok(Some(of_pair(user, password.trim_end_matches('\0'))));
    }
    match (given(&entry.username), given(&entry.password)) {
        (Some(user), Some(password)) => Ok(Some(of_pair(&user, &password))),
        _ => Ok(None),
    }
}

fn of_pair(user: &str, password: &str) -> Credential {
    if user == TOKEN_USER {
        Credential::Identity(Secret::new(password))
    } else {
        Credential::Password { user: user.to_owned(), password: Secret::new(password) }
    }
}

/// The host of a key: `https://registry.example/v1/` and `registry.example` are the same; `registry.example/team` is
/// podman's and has none.
fn host_of_key(key: &str) -> &str {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    match (bare, key.split_once('/')) {
        (Some(bare), _) => bare.split('/').next().unwrap_or_default(),
        (None, Some((host, "" | "v1" | "v1/" | "v2" | "v2/"))) => host,
        (None, Some(_)) => "",
        (None, None) => key,
    }
}

fn is_hub(key: &str) -> bool {
    matches!(host_of_key(key), "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

/// Runs `docker-credential-NAME get` with the server's address as its input.
fn ask_helper(name: &str, server: &str, timeout: Duration) -> Result<Option<Credential>, String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !plain {
        return Err("has a name with foreign characters, and was not run".to_owned());
    }
    let program = format!("docker-credential-{name}");
    let (output, succeeded) = run(Path::new(&program), server, timeout)?;
    if !succeeded {
        // The protocol tells an unknown server by this text alone.
        let unknown = String::from_utf8_lossy(&output).contains("credentials not found");
        return if unknown { Ok(None) } else { Err("failed".to_owned()) };
    }
    let answer: HelperAnswer =
        serde_json::from_slice(&output).map_err(|_| "did not answer in JSON".to_owned())?;
    if answer.secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(of_pair(&answer.username, &answer.secret)))
}

fn run(program: &Path, input: &str, timeout: Duration) -> Result<(Vec<u8>, bool), String> {
    let failed = |error: std::io::Error| format!("could not be run: {error}");
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input breaks the pipe; its answer is what counts.
        let _ = stdin.write_all(input.as_bytes());
    }
    let stdout = child.stdout.take().expect("a piped output is there");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let result = read_up_to(stdout, MAX_HELPER_BYTES);
        // The receiver is gone when the helper took too long.
        let _ = sender.send(result);
    });
    let Ok(output) = receiver.recv_timeout(timeout) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("did not answer within {} s", timeout.as_secs()));
    };
    let output = output.map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    Ok((output, status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(config: &str, reference: &str) -> String {
        let config: DockerConfig = serde_json::from_str(config).unwrap();
        match of_file(&config.auths.unwrap_or_default(), &reference.parse().unwrap()) {
            Ok(Some(Credential::Password { user, password })) => format!("{user}:{}", password.expose()),
            Ok(Some(Credential::Identity(token))) => format!("identity {}", token.expose()),
            Ok(Some(Credential::Access(token))) => format!("access {}", token.expose()),
            Ok(None) => "none".to_owned(),
            Err(trouble) => format!("trouble {trouble}"),
        }
    }

    #[test]
    fn a_helper_is_asked_once_for_a_registry() {
        let answers = HelperAnswers::default();
        let runs = std::sync::atomic::AtomicUsize::new(0);
        let ask = |server: &str| {
            answers.clone().of("pass", server, || {
                runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                Ok(Some(of_pair("user", server)))
            })
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(ask("r.example"), Ok(Some(of_pair("user", "r.example")))));
            }
        });
        assert_eq!(ask("other.example"), Ok(Some(of_pair("user", "other.example"))));
        assert_eq!(runs.into_inner(), 2);
    }

    #[test]
    fn entries_are_found_under_the_keys_that_tools_write() {
        // dTpw is u:p, dTI6cDI= is u2:p2.
        for (auths, reference, expected) in [
            (r#"{"https://index.docker.io/v1/":{"auth":"dTpw"}}"#, "app", "u:p"),
            (r#"{"docker.io":{"auth":"dTpw"}}"#, "app", "u:p"),
            (r#"{"registry.example":{"auth":"dTpw"}}"#, "registry.example/app", "u:p"),
            (r#"{"https://registry.example/v2/":{"auth":"dTpw"}}"#, "registry.example/app", "u:p"),
            (r#"{"registry.example":{"auth":"dTpw"}}"#, "registry.example:5000/app", "none"),
            (r#"{"registry.example":{"auth":"dTpw"}}"#, "other.example/app", "none"),
            (r#"{"registry.example":{"auth":"dTpw"}}"#, "evil-registry.example/app", "none"),
            (
                r#"{"r.example":{"auth":"dTpw"},"r.example/team":{"auth":"dTI6cDI="}}"#,
                "r.example/team/app",
                "u2:p2",
            ),
            (
                r#"{"r.example":{"auth":"dTpw"},"r.example/team":{"auth":"dTI6cDI="}}"#,
                "r.example/teams/app",
                "u:p",
            ),
            (r#"{"r.example/team":{"auth":"dTpw"}}"#, "r.example/app", "none"),
            (r#"{"r.example":{"username":"a","password":"b"}}"#, "r.example/app", "a:b"),
            (r#"{"r.example":{"auth":"dTpw","identitytoken":"t"}}"#, "r.example/app", "identity t"),
            (r#"{"r.example":{"registrytoken":"t"}}"#, "r.example/app", "access t"),
            (r#"{"r.example":{}}"#, "r.example/app", "none"),
            (
                r#"{"r.example":{"auth":"!!"}}"#,
                "r.example/app",
                "trouble has an `auth` that is not the Base64 form of `user:password`",
            ),
        ] {
            assert_eq!(find(&format!(r#"{{"auths":{auths}}}"#), reference), expected, "{auths} {reference}");
        }
    }

    #[test]
    fn a_helper_that_is_missing_is_a_trouble_and_no_error() {
        let folder = std::env::temp_dir().join(format!("plimsoll-credentials-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("config.json");
        std::fs::write(
            &path,
            r#"{"credsStore":"plimsoll-no-such-helper","auths":{"r.example":{"auth":"dTpw"}}}"#,
        )
        .unwrap();
        let broken = folder.join("broken.json");
        std::fs::write(&broken, r#"{"auths": "secret-text""#).unwrap();
        let missing = folder.join("missing.json");
        let options = Options { credential_files: vec![missing, broken, path.clone()], ..Options::default() };
        let found = lookup(&options, &"r.example/app".parse().unwrap());
        assert_eq!(found.found.unwrap().1, format!("`{}`", path.display()));
        assert_eq!(found.troubles.len(), 2, "{:?}", found.troubles);
        assert!(found.troubles[1].contains("docker-credential-plimsoll-no-such-helper"));
        assert!(!found.troubles[0].contains("secret-text"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn who_else_was_named_is_asked_where_files_have_none() {
        use std::sync::Arc;

        use crate::{FoundLogin, LoginSource};

        struct One;
        impl LoginSource for One {
            fn login(&self, registry: &str) -> Option<Result<FoundLogin, String>> {
                let (user, password, place) = ("AWS".to_owned(), Secret::new("p"), "ECR".to_owned());
                match registry {
                    "ecr.example" => Some(Ok(FoundLogin { user, password, place })),
                    "shut.example" => Some(Err("ECR said no".to_owned())),
                    _ => None,
                }
            }
        }
        let folder = std::env::temp_dir().join(format!("plimsoll-logins-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("config.json");
        std::fs::write(&path, r#"{"auths":{"shut.example":{"auth":"dTpw"}}}"#).unwrap();
        let options =
            Options { credential_files: vec![path], login_source: Some(Arc::new(One)), ..Options::default() };
        let ask = |options: &Options, reference: &str| lookup(options, &reference.parse().unwrap());
        let (credential, place) = ask(&options, "ecr.example/app").found.unwrap();
        assert_eq!((credential, place.as_str()), (of_pair("AWS", "p"), "ECR"));
        // The file goes before.
        assert_eq!(ask(&options, "shut.example/app").found.unwrap().0, of_pair("u", "p"));
        let bare = Options { credential_files: Vec::new(), ..options };
        assert_eq!(ask(&bare, "shut.example/app").troubles, ["ECR said no"]);
        let other = ask(&bare, "r.example/app");
        assert!(other.found.is_none() && other.troubles.is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_helper_is_asked_and_not_waited_for_without_end() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir().join(format!("plimsoll-helper-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let script = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let echo = script(
            "echo",
            "#!/bin/sh\nread server\nprintf '{\"Username\":\"%s\",\"Secret\":\"s\"}' \"$server\"\n",
        );
        let (output, succeeded) = run(&echo, "r.example\n", Duration::from_secs(20)).unwrap();
        assert!(succeeded);
        assert_eq!(output, br#"{"Username":"r.example","Secret":"s"}"#);
        let slow = script("slow", "#!/bin/sh\nexec sleep 30\n");
        let trouble = run(&slow, "", Duration::from_millis(50)).unwrap_err();
        assert!(trouble.contains("did not answer"), "{trouble}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
