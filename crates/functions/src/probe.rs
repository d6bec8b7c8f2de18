//! Finding out what this host can enforce: a sandbox is built and a program is run in it, from the strongest mode down.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::execution_environment::{ExecutionEnvironment, StartOutcome};
use crate::host::mount_point;
use crate::memory::MemoryGauge;
use crate::report::Layer;
use crate::runtimes::{self, Runtime};
use crate::sandbox::protocol::Plan;
use crate::sandbox::{host_ids, kernel};
use crate::vacant_sandbox::{Builder, Mode};
use crate::{
    Config, Egress, FunctionVersion, IsolationReport, Logging, RequiredIsolation, StartError,
};

/// The one layer that strict isolation does without: most hosts delegate no memory cgroup.
const KERNEL_MEMORY_LIMIT: &str = "memory limit by the kernel";

pub(crate) async fn examine(config: &Config) -> Result<(Builder, IsolationReport), StartError> {
    let mut builder = builder(config)
        .await
        .map_err(|error| StartError::Sandbox(error.to_string()))?;
    let mut refused = Vec::new();
    for mode in Mode::candidates(config.use_namespaces) {
        builder.set_mode(*mode);
        match try_mode(&builder, config).await {
            Ok(layers) => {
                let report = report(*mode, egress_layer(config, layers), &refused);
                check(config, &report)?;
                return Ok((builder, report));
            }
            Err(why) => refused.push((*mode, why)),
        }
    }
    let reasons: Vec<String> = refused
        .iter()
        .map(|(mode, why)| format!("{mode:?}: {why}"))
        .collect();
    Err(StartError::Sandbox(reasons.join("; ")))
}

fn check(config: &Config, report: &IsolationReport) -> Result<(), StartError> {
    let missing: Vec<String> = report
        .missing()
        .filter(|layer| layer.name != KERNEL_MEMORY_LIMIT)
        .map(|layer| format!("{}: {:?}", layer.name, layer.state))
        .collect();
    if config.require == RequiredIsolation::Strict && !missing.is_empty() {
        return Err(StartError::IsolationTooWeak(missing.join("; ")));
    }
    Ok(())
}

async fn builder(config: &Config) -> io::Result<Builder> {
    let (mount_point, tmp_root) = (mount_point(&config.root_dir), config.root_dir.join("tmp"));
    let client_dir = config.root_dir.join("clients");
    fs::create_dir_all(&config.root_dir)?;
    // It holds the temporary files of functions where there is no mount namespace.
    fs::set_permissions(&config.root_dir, fs::Permissions::from_mode(0o700))?;
    for directory in [&mount_point, &tmp_root, &client_dir] {
        fs::create_dir_all(directory)?;
    }
    for (name, text) in runtimes::CLIENTS {
        fs::write(client_dir.join(name), text)?;
    }
    let mut prefixes = tokio::task::spawn_blocking(runtimes::interpreter_prefixes)
        .await
        .map_err(io::Error::other)?;
    prefixes.retain(|prefix| prefix.is_dir());
    let plan = Plan {
        namespaces: true,
        as_root: false,
        mount_point,
        code_root: config.code_root.clone(),
        library_roots: config.runtimes.library_roots.clone(),
        interpreter_prefixes: prefixes,
        clients: runtimes::CLIENTS
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        aws_port: config.aws_port,
        host_client_dir: client_dir.clone(),
        host_tmp_dir: PathBuf::new(),
    };
    Ok(Builder {
        init_command: config.init_command.clone(),
        plan,
        tmp_root,
        client_dir,
    })
}

/// Says what is let out, where the sandbox itself has not said why nothing can be.
fn egress_layer(config: &Config, mut layers: Vec<Layer>) -> Vec<Layer> {
    if !layers.iter().any(|layer| layer.name == "egress") {
        layers.push(Layer::enforced(
            "egress",
            match config.egress {
                Egress::Deny => "closed; what is refused is named in the function's log",
                Egress::Allow => {
                    "open to public addresses alone; what is refused is named in the function's log"
                }
            },
        ));
    }
    layers
}

/// Builds a sandbox and runs a program in it, so that every layer is tried, not assumed.
async fn try_mode(builder: &Builder, config: &Config) -> Result<Vec<Layer>, String> {
    let vacant = builder.build().await.map_err(|error| error.to_string())?;
    let wants_out = config.egress == Egress::Allow || !config.egress_exceptions.is_empty();
    if wants_out && vacant.tunnel.is_none() {
        vacant.close().await;
        return Err("--egress allow needs network namespaces and /dev/net/tun".to_owned());
    }
    let mut layers = vacant.layers.clone();
    let function = Arc::new(probe_function(config));
    // No package is needed: any program that lies outside one will do.
    let runtime = Runtime::Interpreted {
        interpreter: a_program()?,
        client: "",
        libraries: String::new(),
        substitute: None,
    };
    let occupied = ExecutionEnvironment::occupy(vacant, &function, &runtime, config, &[], None);
    let mut environment = occupied.map_err(|error| error.to_string())?;
    let started = environment.start_runtime().await;
    environment.close().await;
    match started.map_err(|error| error.to_string())? {
        StartOutcome::Started(own) => layers.extend(own),
        StartOutcome::NotStarted { why } => return Err(why),
    }
    Ok(layers)
}

fn a_program() -> Result<PathBuf, String> {
    let programs = ["/usr/bin/true", "/bin/true", "/bin/sh"].map(PathBuf::from);
    programs
        .into_iter()
        .find(|program| program.exists())
        .ok_or_else(|| "no /bin/true to try a sandbox with".to_owned())
}

fn probe_function(config: &Config) -> FunctionVersion {
    FunctionVersion {
        key: "probe".to_owned(),
        function_name: "probe".to_owned(),
        version: "$LATEST".to_owned(),
        function_arn: String::new(),
        account_id: String::new(),
        region: String::new(),
        runtime: "provided.al2023".to_owned(),
        handler: String::new(),
        memory_size_mb: 128,
        timeout_s: 3,
        ephemeral_storage_mb: 512,
        code_dir: config.code_root.clone(),
        layers: Vec::new(),
        log_group_name: String::new(),
        environment: Vec::new(),
        tracing_active: false,
        logging: Logging::default(),
        environment_source: Arc::new(|| Box::pin(async { Ok(Vec::new()) })),
    }
}

fn report(mode: Mode, mut layers: Vec<Layer>, refused: &[(Mode, String)]) -> IsolationReport {
    let why = |wanted: Mode| {
        refused
            .iter()
            .find(|(mode, _)| *mode == wanted)
            .map(|(_, why)| why.clone())
    };
    if mode == Mode::ProcessOnly {
        let why = why(Mode::Namespaces).unwrap_or_else(|| "switched off".to_owned());
        for name in [
            "user namespace",
            "mount namespace",
            "pid namespace",
            "network namespace",
        ] {
            layers.push(Layer::missing(name, why.clone()));
        }
    }
    if let Some(why) = why(Mode::NamespacesAsRoot) {
        layers.push(Layer::missing("unprivileged id of the host", why));
    }
    layers.push(if MemoryGauge::is_supported() {
        Layer::enforced(
            "memory watchdog",
            "resident memory is read every 20 ms; a faster burst can exceed the limit",
        )
    } else {
        Layer::missing(
            "memory watchdog",
            "this kernel does not list the children of a process",
        )
    });
    layers.push(Layer::missing(
        KERNEL_MEMORY_LIMIT,
        "memory cgroups are not used yet",
    ));
    let missing = layers
        .iter()
        .filter(|layer| !layer.is_enforced() && layer.name != KERNEL_MEMORY_LIMIT)
        .count();
    let grade = match (mode, missing) {
        (Mode::ProcessOnly, _) => "process-only",
        (_, 0) => "full",
        _ => "partial",
    };
    let started_as_root = host_ids().0 == 0;
    IsolationReport {
        grade: grade.to_owned(),
        kernel: kernel(),
        started_as_root,
        layers,
    }
}
