//! A host for functions with one test function, made and thrown away by each test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cumulet_functions::{
    AwsConnection, Config, FunctionVersion, Functions, Invocation, InvocationOutcome, LateLog,
    LogLineKind, Logging, StartError,
};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc};

pub(crate) struct TestHost {
    pub(crate) functions: Functions,
    pub(crate) aws: mpsc::Receiver<AwsConnection>,
    pub(crate) late: mpsc::UnboundedReceiver<LateLog>,
    pub(crate) directory: tempfile::TempDir,
    _others: Others,
}

/// Tests that count what this process holds need it for themselves.
static OTHERS: RwLock<()> = RwLock::const_new(());

enum Others {
    Unknown,
    Some(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'static, ()>),
    None(#[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'static, ()>),
}

impl TestHost {
    pub(crate) async fn start() -> TestHost {
        TestHost::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut Config)) -> TestHost {
        TestHost::try_start(adjust)
            .await
            .expect("sandboxes can be built")
    }

    /// While this one lives, no other host of this process does.
    pub(crate) async fn start_alone(adjust: impl FnOnce(&mut Config)) -> TestHost {
        let alone = OTHERS.write().await;
        TestHost {
            _others: Others::None(alone),
            ..TestHost::unguarded(adjust)
                .await
                .expect("sandboxes can be built")
        }
    }

    pub(crate) async fn try_start(
        adjust: impl FnOnce(&mut Config),
    ) -> Result<TestHost, StartError> {
        let others = OTHERS.read().await;
        Ok(TestHost {
            _others: Others::Some(others),
            ..TestHost::unguarded(adjust).await?
        })
    }

    async fn unguarded(adjust: impl FnOnce(&mut Config)) -> Result<TestHost, StartError> {
        let directory = tempfile::tempdir().expect("temporary directory");
        let code = directory.path().join("code");
        install(
            &code.join("bootstrap"),
            "bootstrap",
            &helper("functions-test-bootstrap"),
        );
        let (aws_connections, aws) = mpsc::channel(8);
        let (log_sink, late) = mpsc::unbounded_channel();
        let mut config = Config::new(directory.path().join("private"), code, aws_connections);
        config.init_command = vec![helper("functions-test-init").into()];
        config.log_sink = Some(log_sink);
        adjust(&mut config);
        let functions = Functions::start(config).await?;
        Ok(TestHost {
            functions,
            aws,
            late,
            directory,
            _others: Others::Unknown,
        })
    }

    pub(crate) fn code(&self, name: &str) -> PathBuf {
        self.directory.path().join("code").join(name)
    }

    /// A package with these files.
    pub(crate) fn package(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.code(name);
        open_folder(&folder);
        for (file, text) in files {
            let path = folder.join(file);
            open_folder(path.parent().expect("inside the folder"));
            fs::write(path, text).expect("file of the package");
        }
        folder
    }

    pub(crate) fn function(&self) -> FunctionVersion {
        FunctionVersion {
            key: "one".to_owned(),
            function_name: "one".to_owned(),
            version: "$LATEST".to_owned(),
            function_arn: "arn:aws:lambda:eu-west-1:000000000000:function:one".to_owned(),
            account_id: "000000000000".to_owned(),
            region: "eu-west-1".to_owned(),
            runtime: "provided.al2023".to_owned(),
            handler: "the.handler".to_owned(),
            memory_size_mb: 128,
            timeout_s: 10,
            ephemeral_storage_mb: 512,
            code_dir: self.code("bootstrap"),
            layers: Vec::new(),
            log_group_name: "/aws/lambda/one".to_owned(),
            environment: Vec::new(),
            tracing_active: false,
            logging: Logging::default(),
            environment_source: Arc::new(|| {
                Box::pin(async { Ok(vec![("AWS_ACCESS_KEY_ID".to_owned(), "ASIAONE".to_owned())]) })
            }),
        }
    }

    pub(crate) async fn invoke(
        &self,
        function: &Arc<FunctionVersion>,
        event: &str,
    ) -> InvocationOutcome {
        self.functions
            .invoke(function, invocation(event))
            .await
            .expect("the function ran")
    }
}

/// An event for the test function: its text as JSON.
pub(crate) fn invocation(event: &str) -> Invocation {
    Invocation {
        request_id: "8f5d3c1e-0000-4000-8000-000000000001".to_owned(),
        payload: format!("{event:?}").into_bytes().into(),
        invoked_function_arn: "arn:aws:lambda:eu-west-1:000000000000:function:one:live".to_owned(),
        trace_id: None,
        client_context: None,
        cognito_identity: None,
        stream: None,
    }
}

/// A function's code must be readable by anyone, as in a package for AWS.
fn open_folder(folder: &Path) {
    fs::create_dir_all(folder).expect("folder");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("permissions");
}

fn install(folder: &Path, name: &str, program: &Path) {
    open_folder(folder.parent().expect("parent"));
    open_folder(folder);
    fs::copy(program, folder.join(name)).expect("test function");
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).expect("permissions");
}

pub(crate) fn payload(outcome: &InvocationOutcome) -> &str {
    std::str::from_utf8(&outcome.payload).expect("UTF-8")
}

/// What the function itself wrote.
pub(crate) fn function_lines(outcome: &InvocationOutcome) -> Vec<&str> {
    let lines = outcome
        .log_lines
        .iter()
        .filter(|line| line.kind == LogLineKind::Function);
    lines.map(|line| line.text.as_str()).collect()
}

/// The first word of each line of the platform.
pub(crate) fn platform_words(outcome: &InvocationOutcome) -> Vec<&str> {
    let lines = outcome
        .log_lines
        .iter()
        .filter(|line| line.kind == LogLineKind::Platform);
    lines
        .map(|line| line.text.split_whitespace().next().unwrap_or_default())
        .collect()
}

pub(crate) fn platform_line<'a>(outcome: &'a InvocationOutcome, word: &str) -> &'a str {
    let mut lines = outcome
        .log_lines
        .iter()
        .filter(|line| line.kind == LogLineKind::Platform);
    lines
        .find(|line| line.text.starts_with(word))
        .map_or("", |line| line.text.as_str())
}

/// A helper program: an example of this crate, which cargo builds beside its tests.
fn helper(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("target/<profile>/deps");
    profile.join("examples").join(name)
}
