//! An installation: its folder on disk, opened into an engine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cumulet_engine::Context;
use cumulet_engine::{Engine, Error};
use cumulet_functions::{AwsConnection, Egress, Functions, Runtimes};
use cumulet_identity::iam::{self, Operator};
use cumulet_kernel::blob::Blobs;
use cumulet_kernel::root_key::{RootKeyError, Secret};
use cumulet_kernel::store::PageKey;
use cumulet_kernel::{Clock, Ids, Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::cli::{self, FunctionSettings, OperatorKey, RootKeySource, Up};
use crate::command::runtime::library_roots;
use crate::server::{ProcessRunner, ThisMachineOnly};
use crate::services::registry;

/// Why an installation cannot be opened; the text names what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("{0}; stop that process, or name another folder with --data-dir")]
    InUse(StoreError),
    #[error(
        "{0}; if root.key is not the one this folder was made with, put that one back; otherwise restore a backup, or start afresh with another --data-dir"
    )]
    Corrupt(StoreError),
    #[error("the installation cannot be opened: {0}")]
    Store(StoreError),
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    #[error("the root key's secret is empty")]
    NoSecret,
    #[error("the command that gives the root key's secret failed: {0}: {1}")]
    RootKeyCommand(String, String),
    #[error("the folder {0} cannot be made: {1}")]
    Folder(String, std::io::Error),
    #[error("functions cannot run here: {0}; `cumulet doctor` says what this machine enforces")]
    Functions(String),
    #[error("the certificate authority cannot be made: {0}")]
    Certificate(String),
    #[error("the operator cannot be made: {0}")]
    Operator(Error),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InUse(_) => Self::InUse(error),
            StoreError::Corrupt(..) => Self::Corrupt(error),
            other => Self::Store(other),
        }
    }
}

/// The credentials that `cumulet env` hands out; in a file only its owner reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperatorFile {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) account: String,
}

/// What opens a sealed root key.
#[derive(Debug)]
pub(crate) struct RootSecret;

impl RootSecret {
    /// Reads the file or runs the command that the arguments name; nothing where they name neither.
    pub(crate) fn read(source: &RootKeySource) -> Result<Option<Secret>, OpenError> {
        let text = match (&source.root_passphrase_file, &source.root_key_command) {
            (None, None) => return Ok(None),
            (Some(file), _) => std::fs::read(file)
                .map_err(|error| OpenError::Folder(file.display().to_string(), error))?,
            (None, Some(command)) => printed(command)?,
        };
        let text = Zeroizing::new(text);
        let trimmed = text.trim_ascii_end();
        if trimmed.is_empty() {
            return Err(OpenError::NoSecret);
        }
        Ok(Some(Zeroizing::new(trimmed.to_vec())))
    }
}

fn printed(command: &str) -> Result<Vec<u8>, OpenError> {
    let failed = |why: String| OpenError::RootKeyCommand(command.to_owned(), why);
    let output = std::process::Command::new("sh")
        .args(["-c", command])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(failed(output.status.to_string())),
    }
}

/// Opens the installation that the arguments name, making it if it is new. Inside sandboxes the engine is
/// found at the port of `listen`, as outside.
pub(crate) async fn open(
    arguments: &Up,
    listen: SocketAddr,
) -> Result<(Engine, mpsc::Receiver<AwsConnection>), OpenError> {
    let directory = &arguments.data_dir;
    make_private(directory)?;
    let directory = directory
        .canonicalize()
        .map_err(|error| OpenError::Folder(directory.display().to_string(), error))?;
    let ids = Ids::random();
    let secret = RootSecret::read(&arguments.root_key)?;
    let root_key = cumulet_kernel::root_key::load_or_create(&directory, secret.as_ref(), &ids)?;
    let store = Store::open(&directory, &PageKey::new(root_key.derive("pages")))?;
    make_private(&directory.join("blobs"))?;
    let blobs = Blobs::open(&directory.join("blobs"), store.clone(), &ids)?;
    let clock = Clock::restore(store.read(|tx| cumulet_kernel::clock::load(tx))?);
    let cache_directory: Arc<Path> = directory.join("cache").into();
    let (functions, connections) =
        start_functions(&directory, &cache_directory, listen.port(), &arguments.functions).await?;
    let functions = Arc::new(ProcessRunner::new(functions));
    Ok((
        Engine {
            store,
            blobs,
            clock,
            root_key,
            functions,
            cache_directory,
            metrics: Arc::new(cumulet_cloudwatch::Metrics::default()),
            outbound: Arc::new(ThisMachineOnly { own: listen }),
            memory: cumulet_engine::Memory::default(),
            services: registry().clone(),
        },
        connections,
    ))
}

async fn start_functions(
    directory: &Path,
    cache_directory: &Path,
    port: u16,
    settings: &FunctionSettings,
) -> Result<(Functions, mpsc::Receiver<AwsConnection>), OpenError> {
    let (sender, connections) = mpsc::channel(256);
    let (sandboxes, code) = (directory.join("sandboxes"), cache_directory.join("code"));
    for folder in [&sandboxes, cache_directory, &code] {
        make_private(folder)?;
    }
    let mut config = cumulet_functions::Config::new(sandboxes, code, sender);
    // Addresses that the engine hands out, such as a custom resource's ResponseURL, hold inside too.
    config.aws_port = port;
    config.runtimes = runtimes(directory, settings);
    config.egress = match settings.egress {
        cli::Egress::Deny => Egress::Deny,
        cli::Egress::Allow => Egress::Allow,
    };
    config.egress_exceptions.clone_from(&settings.egress_to);
    let functions = Functions::start(config)
        .await
        .map_err(|error| OpenError::Functions(error.to_string()))?;
    Ok((functions, connections))
}

/// The folders must be there when sandboxes are built: what is installed into them later is seen then.
fn runtimes(directory: &Path, settings: &FunctionSettings) -> Runtimes {
    let mut library_roots = library_roots(Some(directory));
    library_roots.retain(|root| std::fs::create_dir_all(root).is_ok());
    let mut runtimes = Runtimes::new(library_roots);
    runtimes.allow_substitution = settings.allow_runtime_substitution;
    runtimes.allow_bare = settings.allow_bare_runtimes;
    runtimes
}

pub(crate) fn make_private(directory: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;

    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(|error| OpenError::Folder(directory.display().to_string(), error))
}

/// Makes the operators: the installation's own, `test`/`test` for existing scripts, and those asked for.
pub(crate) async fn seed_operators(
    engine: &Engine,
    context: Context,
    directory: &Path,
    account: &str,
    further: &[OperatorKey],
) -> Result<OperatorFile, OpenError> {
    let own = load_or_make_operator(&operator_path(directory), account, &context.ids)?;
    let mut operators = vec![
        operator(&own.access_key_id, &own.secret_access_key, account, false),
        operator("test", "test", account, true),
    ];
    for key in further {
        let account = key.account.as_deref().unwrap_or(account);
        operators.push(operator(
            &key.access_key_id,
            &key.secret_access_key,
            account,
            false,
        ));
    }
    let seeded = engine.write(move |tx| {
        operators
            .iter()
            .try_for_each(|operator| iam::seed_operator(tx, &context, operator))
    });
    seeded.await.map_err(OpenError::Operator)?;
    Ok(own)
}

pub(crate) fn operator_path(directory: &Path) -> PathBuf {
    directory.join("operator.json")
}

fn operator(key: &str, secret: &str, account: &str, loopback_only: bool) -> Operator {
    Operator {
        access_key_id: key.to_owned(),
        secret_access_key: secret.to_owned(),
        account: account.to_owned(),
        loopback_only,
    }
}

fn load_or_make_operator(path: &Path, account: &str, ids: &Ids) -> Result<OperatorFile, OpenError> {
    let failed = |error| OpenError::Folder(path.display().to_string(), error);
    if let Ok(text) = std::fs::read(path)
        && let Ok(known) = serde_json::from_slice::<OperatorFile>(&text)
        && known.account == account
    {
        return Ok(known);
    }
    let made = OperatorFile {
        access_key_id: iam::new_access_key_id(ids, "AKIA", account),
        secret_access_key: iam::new_secret_access_key(ids),
        account: account.to_owned(),
    };
    let text = serde_json::to_vec_pretty(&made).unwrap_or_default();
    write_private(path, &text).map_err(failed)?;
    Ok(made)
}

pub(crate) fn write_private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
