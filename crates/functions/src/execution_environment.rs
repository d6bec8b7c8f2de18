//! A sandbox with its function: one version for its whole life, one invocation at a time.
//!
//! The runtime process inside may die and be started again (after a timeout, a crash, too much memory); the sandbox,
//! its `/tmp` and its log stream stay.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use crate::egress;
use crate::environment::{self, SandboxFacts};
use crate::log_pipe::LogPipe;
use crate::memory::{MemoryGauge, WATCH_INTERVAL};
use crate::platform_log::Line;
use crate::report::Layer;
use crate::runtime_api::{self, Exchange, RuntimeEvent};
use crate::runtimes::{self, Runtime};
use crate::sandbox::protocol::{Exit, Launch, Notice, Order};
use crate::vacant_sandbox::{SandboxProcess, VacantSandbox, random_hex, remove_tmp_dir};
use crate::{AwsConnection, Config, FunctionVersion, InvokeError, platform_log};

/// A process that waits for a broken disk cannot be killed; its sandbox is then given up.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct ExecutionEnvironment {
    pub(crate) function: Arc<FunctionVersion>,
    pub(crate) log_stream_name: String,
    pub(crate) logs: Arc<LogPipe>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) memory: MemoryGauge,
    /// Whether a runtime process is there that has asked for work.
    pub(crate) initialised: bool,
    pub(crate) born: Instant,
    process: SandboxProcess,
    events: mpsc::UnboundedReceiver<RuntimeEvent>,
    launch: Launch,
    tasks: Tasks,
    namespaces: bool,
    host_tmp_dir: PathBuf,
    /// What the log says once about the program that runs this.
    pub(crate) substitute: Option<String>,
}

/// What serves the sandbox's listeners and its log: it ends with the sandbox, however that ends.
#[derive(Debug)]
struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    async fn end(mut self) {
        let tasks = std::mem::take(&mut self.0);
        for task in tasks {
            task.abort();
            // An aborted task has nothing to say; waiting for it closes its sockets.
            drop(task.await);
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// What can happen while one waits for a runtime.
#[derive(Debug)]
pub(crate) enum Happening {
    Runtime(RuntimeEvent),
    Exited(Exit),
    /// Everything inside is killed when this is told.
    OutOfMemory,
    TimedOut,
}

/// Whether a runtime process could be started.
#[derive(Debug)]
pub(crate) enum StartOutcome {
    Started(Vec<Layer>),
    NotStarted { why: String },
}

impl ExecutionEnvironment {
    /// Gives a vacant sandbox its function. No code of it runs yet.
    pub(crate) fn occupy(
        vacant: VacantSandbox,
        function: &Arc<FunctionVersion>,
        runtime: &Runtime,
        config: &Config,
        sandbox_variables: &[(String, String)],
        trace_id: Option<&str>,
    ) -> io::Result<ExecutionEnvironment> {
        let log_stream_name = platform_log::stream_name(&function.version, &random_hex()?);
        let mut launch = launch(function, runtime, config, &vacant)?;
        let runtime_dir = host_libraries(&launch, config).filter(|_| !vacant.namespaces);
        launch.environment = launch_environment(
            function,
            &vacant,
            &launch,
            &Given {
                log_stream_name: &log_stream_name,
                runtime_dir: &runtime_dir.unwrap_or_else(|| "/var/runtime".into()),
                sandbox_variables,
                trace_id,
            },
        );
        let sink = config.log_sink.clone();
        let logs = Arc::new(LogPipe::new(
            vacant.log_pipe,
            sink,
            function.clone(),
            log_stream_name.clone(),
        )?);
        let (exchange, events) = Exchange::new();
        let exchange = Arc::new(exchange);
        let mut tasks = Tasks(vec![
            tokio::spawn(runtime_api::serve(
                vacant.runtime_listener,
                exchange.clone(),
            )),
            tokio::spawn(accept_aws(
                vacant.aws_listener,
                vacant.id,
                function.clone(),
                config.aws_connections.clone(),
            )),
            tokio::spawn(logs.clone().keep_reading()),
        ]);
        if let Some((device, listener)) = vacant.tunnel {
            let way_out = egress::serve(
                device,
                listener,
                config.egress,
                config.egress_exceptions.clone(),
                logs.clone(),
            );
            tasks.0.push(tokio::spawn(way_out));
        }
        Ok(ExecutionEnvironment {
            function: function.clone(),
            log_stream_name,
            logs,
            exchange,
            memory: MemoryGauge::new(vacant.process.guard_pid),
            initialised: false,
            born: Instant::now(),
            process: vacant.process,
            events,
            launch,
            tasks,
            namespaces: vacant.namespaces,
            host_tmp_dir: vacant.host_tmp_dir,
            substitute: match runtime {
                Runtime::Provided => None,
                Runtime::Interpreted { substitute, .. } => substitute.clone(),
            },
        })
    }

    /// Writes a line of the platform in the function's log format, where its level asks for it.
    pub(crate) fn tell(&self, line: &Line<'_>) {
        if let Some(text) = line.render(&self.function.logging) {
            self.logs.platform(text);
        }
    }

    /// Starts a runtime process, the first or the next one.
    pub(crate) async fn start_runtime(&mut self) -> Result<StartOutcome, InvokeError> {
        self.initialised = false;
        self.exchange.reset();
        while self.events.try_recv().is_ok() {}
        self.process
            .channel
            .send(&Order::Start(Box::new(self.launch.clone())))
            .await
            .map_err(lost)?;
        loop {
            match self.process.channel.receive().await.map_err(lost)?.0 {
                Notice::Started { layers } => return Ok(StartOutcome::Started(layers)),
                Notice::NotStarted { why } => return Ok(StartOutcome::NotStarted { why }),
                Notice::Failed { step, why } => {
                    return Err(InvokeError::Sandbox(format!("{step}: {why}")));
                }
                // The end of the one before.
                _ => {}
            }
        }
    }

    /// Learns whether the runtime ended while nobody was waiting for it.
    pub(crate) fn notice_end(&mut self) -> Result<(), InvokeError> {
        while let Some(notice) = self.process.channel.try_receive::<Notice>().map_err(lost)? {
            if let Notice::Exited(exit) = notice {
                self.initialised = false;
                self.memory.note_peak_kb(exit.peak_memory_kb);
            }
        }
        Ok(())
    }

    /// Waits for the runtime to say something, to end, to use too much memory, or for the deadline.
    pub(crate) async fn happening(&mut self, deadline: Instant) -> Result<Happening, InvokeError> {
        let mut watch = interval_at(Instant::now() + WATCH_INTERVAL, WATCH_INTERVAL);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => return Ok(Happening::Runtime(event)),
                notice = self.process.channel.receive::<Notice>() => {
                    if let (Notice::Exited(exit), _) = notice.map_err(lost)? {
                        return Ok(self.last_words(exit));
                    }
                }
                () = sleep_until(deadline) => return Ok(Happening::TimedOut),
                _ = watch.tick() => {
                    if self.memory.sample_kb() > u64::from(self.function.memory_size_mb) * 1024 {
                        self.kill_runtime().await?;
                        return Ok(Happening::OutOfMemory);
                    }
                }
            }
        }
    }

    /// An answer given just before the end counts.
    fn last_words(&mut self, exit: Exit) -> Happening {
        self.initialised = false;
        self.memory.note_peak_kb(exit.peak_memory_kb);
        match self.events.try_recv() {
            Ok(event) => Happening::Runtime(event),
            Err(_) => Happening::Exited(exit),
        }
    }

    /// Kills all that runs inside. The sandbox and its `/tmp` stay.
    pub(crate) async fn kill_runtime(&mut self) -> Result<(), InvokeError> {
        self.initialised = false;
        match timeout(KILL_TIMEOUT, self.killed()).await {
            Ok(result) => result.map_err(lost),
            Err(_) => Err(InvokeError::Sandbox("its processes do not die".to_owned())),
        }
    }

    async fn killed(&mut self) -> io::Result<()> {
        self.process.channel.send(&Order::Kill).await?;
        loop {
            match self.process.channel.receive().await?.0 {
                Notice::Killed { peak_memory_kb } => {
                    self.memory.note_peak_kb(peak_memory_kb);
                    return Ok(());
                }
                Notice::Exited(exit) => self.memory.note_peak_kb(exit.peak_memory_kb),
                _ => {}
            }
        }
    }

    /// Ends the sandbox for good.
    pub(crate) async fn close(self) {
        let ExecutionEnvironment {
            process,
            tasks,
            namespaces,
            host_tmp_dir,
            ..
        } = self;
        tasks.end().await;
        process.close().await;
        remove_tmp_dir(namespaces, host_tmp_dir).await;
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function value in map_err"
)]
fn lost(error: io::Error) -> InvokeError {
    InvokeError::Sandbox(error.to_string())
}

/// What is run, without its environment.
fn launch(
    function: &FunctionVersion,
    runtime: &Runtime,
    config: &Config,
    vacant: &VacantSandbox,
) -> io::Result<Launch> {
    let relative = |path: &PathBuf| {
        let below = path.strip_prefix(&config.code_root).map(PathBuf::from);
        below
            .map_err(|_| io::Error::other(format!("{} is not below the code root", path.display())))
    };
    if !vacant.namespaces && !function.layers.is_empty() {
        return Err(io::Error::other(
            "layers need a mount namespace, which this host does not give",
        ));
    }
    if let Some(layer) = function.layers.iter().find(|layer| has_extensions(layer)) {
        return Err(io::Error::other(format!(
            "extensions are not built yet: {}",
            layer.display()
        )));
    }
    let task_root = if vacant.namespaces {
        PathBuf::from("/var/task")
    } else {
        function.code_dir.clone()
    };
    let (programs, arguments) = match runtime {
        Runtime::Provided => (
            vec![task_root.join("bootstrap"), PathBuf::from("/opt/bootstrap")],
            Vec::new(),
        ),
        Runtime::Interpreted {
            interpreter,
            client,
            ..
        } => {
            let client = vacant.client_dir.join(client).display().to_string();
            (
                vec![interpreter_inside(interpreter, vacant.namespaces)],
                vec![client],
            )
        }
    };
    let interpreter_prefix = match runtime {
        Runtime::Interpreted { interpreter, .. } => runtimes::prefix(interpreter),
        Runtime::Provided => None,
    };
    Ok(Launch {
        code: relative(&function.code_dir)?,
        layers: function
            .layers
            .iter()
            .map(relative)
            .collect::<io::Result<_>>()?,
        libraries: libraries(runtime, config),
        interpreter_prefix,
        ephemeral_storage_mb: function.ephemeral_storage_mb,
        programs,
        arguments,
        environment: Vec::new(),
        task_root,
    })
}

fn libraries(runtime: &Runtime, config: &Config) -> Option<(usize, String)> {
    match runtime {
        Runtime::Provided => None,
        Runtime::Interpreted { libraries, .. } => config.runtimes.place(libraries),
    }
}

/// Where a sandbox without a tree of its own finds the SDK.
fn host_libraries(launch: &Launch, config: &Config) -> Option<PathBuf> {
    let (root, folder) = launch.libraries.as_ref()?;
    Some(config.runtimes.library_roots.get(*root)?.join(folder))
}

/// Whether AWS would start something of this layer beside the runtime. Leaving it out silently would be a lie.
fn has_extensions(layer: &Path) -> bool {
    layer
        .join("extensions")
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
}

/// AWS's interpreters lie below `/var/lang`, and so does one that this host has outside its system directories.
fn interpreter_inside(interpreter: &Path, namespaces: bool) -> PathBuf {
    let relative = runtimes::prefix(interpreter)
        .and_then(|prefix| interpreter.strip_prefix(prefix).ok().map(Path::to_owned));
    match relative {
        Some(relative) if namespaces => Path::new("/var/lang").join(relative),
        _ => interpreter.to_owned(),
    }
}

/// What differs between sandboxes of one version.
struct Given<'a> {
    log_stream_name: &'a str,
    runtime_dir: &'a Path,
    sandbox_variables: &'a [(String, String)],
    trace_id: Option<&'a str>,
}

fn launch_environment(
    function: &FunctionVersion,
    vacant: &VacantSandbox,
    launch: &Launch,
    given: &Given<'_>,
) -> Vec<(String, String)> {
    // Recorded: the older custom runtime is told the loopback address.
    let link_local = vacant.namespaces && function.runtime != "provided.al2";
    let host = if link_local {
        "169.254.100.1"
    } else {
        "127.0.0.1"
    };
    let mut variables = environment::variables(
        function,
        &SandboxFacts {
            log_stream_name: given.log_stream_name,
            runtime_api: &format!("{host}:{}", vacant.runtime_port),
            aws_endpoint: &format!("http://127.0.0.1:{}", vacant.aws_port),
            task_root: &launch.task_root.display().to_string(),
            runtime_dir: &given.runtime_dir.display().to_string(),
            sandbox_variables: given.sandbox_variables,
            trace_id: given.trace_id,
        },
    );
    if !vacant.namespaces {
        variables.push((
            "TMPDIR".to_owned(),
            vacant.host_tmp_dir.display().to_string(),
        ));
    }
    variables
}

/// Hands connections for AWS's endpoint out, with the name of who makes them.
async fn accept_aws(
    listener: std::net::TcpListener,
    sandbox_id: String,
    function: Arc<FunctionVersion>,
    connections: mpsc::Sender<AwsConnection>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // Nagle's delay is only lost latency here.
        drop(stream.set_nodelay(true));
        let connection = AwsConnection {
            sandbox_id: sandbox_id.clone(),
            function_arn: function.function_arn.clone(),
            stream,
        };
        if connections.send(connection).await.is_err() {
            return;
        }
    }
}
