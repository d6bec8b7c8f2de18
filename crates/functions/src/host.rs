//! All sandboxes of this process: the empty ones kept ready, the idle and busy ones of each function version.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::execution_environment::ExecutionEnvironment;
use crate::runtimes::Runtime;
use crate::vacant_sandbox::{Builder, VacantSandbox};
use crate::{
    Config, FunctionVersion, Invocation, InvocationOutcome, InvokeError, IsolationReport,
    StartError,
};
use crate::{invoke, probe};

/// How often idle sandboxes are looked through, at most.
const REAP_INTERVAL: Duration = Duration::from_secs(30);
/// Building costs as much as a cold start; what was just taken shall run first.
const REFILL_DELAY: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) report: IsolationReport,
    config: Config,
    builder: Builder,
    vacant: Mutex<Vec<VacantSandbox>>,
    /// Sandboxes being built for `vacant`.
    building: AtomicUsize,
    versions: Mutex<HashMap<String, Arc<VersionPool>>>,
    /// Sandboxes with a function, idle ones included.
    occupied: AtomicUsize,
    /// Tasks that hold a sandbox: while one is left, `shutdown` waits.
    holding: AtomicUsize,
    released: Notify,
    closed: watch::Sender<bool>,
}

/// The sandboxes of one version. Those that run are counted by whoever runs them.
#[derive(Debug, Default)]
struct VersionPool {
    retired: AtomicBool,
    /// The most recently used last: taken first, so that the others can grow old and be reaped.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    environment: ExecutionEnvironment,
    since: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a task that holds a sandbox.
struct Holding(Arc<Host>);

impl Holding {
    fn new(host: &Arc<Host>) -> Holding {
        host.holding.fetch_add(1, Ordering::SeqCst);
        Holding(host.clone())
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.0.holding.fetch_sub(1, Ordering::SeqCst);
        self.0.released.notify_waiters();
    }
}

impl Host {
    pub(crate) async fn start(config: Config) -> Result<Arc<Host>, StartError> {
        let (builder, report) = probe::examine(&config).await?;
        let host = Arc::new(Host {
            report,
            config,
            builder,
            vacant: Mutex::default(),
            building: AtomicUsize::new(0),
            versions: Mutex::default(),
            occupied: AtomicUsize::new(0),
            holding: AtomicUsize::new(0),
            released: Notify::new(),
            closed: watch::Sender::new(false),
        });
        host.refill();
        tokio::spawn(reap(Arc::downgrade(&host)));
        Ok(host)
    }

    pub(crate) fn check_runtime(&self, runtime: &str) -> Result<Option<String>, String> {
        self.config.runtimes.check(runtime)
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    pub(crate) async fn invoke(
        self: &Arc<Host>,
        function: &Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> Result<InvocationOutcome, InvokeError> {
        let _holding = Holding::new(self);
        let mut closed = self.closed.subscribe();
        let pool = self.pool(&function.key);
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(InvokeError::ShutDown),
            outcome = self.run(&pool, function, invocation) => outcome,
        }
    }

    async fn run(
        self: &Arc<Host>,
        pool: &Arc<VersionPool>,
        function: &Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> Result<InvocationOutcome, InvokeError> {
        let idle = lock(&pool.idle).pop();
        let (mut environment, cold) = match idle {
            Some(idle) => (Occupied::again(self, idle.environment), false),
            None => (
                self.occupy(function, invocation.trace_id.as_deref())
                    .await?,
                true,
            ),
        };
        let outcome = invoke::run(environment.get(), invocation, cold).await;
        match &outcome {
            Ok(_) => self.give_back(pool, environment),
            Err(_) => self.dispose(environment.take()),
        }
        outcome
    }

    fn pool(&self, key: &str) -> Arc<VersionPool> {
        lock(&self.versions)
            .entry(key.to_owned())
            .or_default()
            .clone()
    }

    /// A new sandbox for this version.
    async fn occupy(
        self: &Arc<Host>,
        function: &Arc<FunctionVersion>,
        trace_id: Option<&str>,
    ) -> Result<Occupied, InvokeError> {
        let runtime = self.config.runtimes.find(&function.runtime);
        let runtime = runtime.map_err(|why| InvokeError::RuntimeUnavailable {
            runtime: function.runtime.clone(),
            why,
        })?;
        let slot = self.slot()?;
        let variables = (function.environment_source)()
            .await
            .map_err(InvokeError::Environment)?;
        let vacant = self.take_vacant().await?;
        self.refill();
        let environment = self.settle(vacant, function, &runtime, &variables, trace_id)?;
        slot.keep();
        Ok(Occupied::again(self, environment))
    }

    fn settle(
        &self,
        vacant: VacantSandbox,
        function: &Arc<FunctionVersion>,
        runtime: &Runtime,
        variables: &[(String, String)],
        trace_id: Option<&str>,
    ) -> Result<ExecutionEnvironment, InvokeError> {
        let result = ExecutionEnvironment::occupy(
            vacant,
            function,
            runtime,
            &self.config,
            variables,
            trace_id,
        );
        result.map_err(|error| InvokeError::Sandbox(error.to_string()))
    }

    /// A place among `sandboxes_max`; the longest idle sandbox of any version makes room.
    fn slot(self: &Arc<Host>) -> Result<Slot, InvokeError> {
        let max = self.config.sandboxes_max;
        if self.occupied.fetch_add(1, Ordering::SeqCst) < max {
            return Ok(Slot(Some(self.clone())));
        }
        match self.longest_idle() {
            Some(idle) => {
                self.dispose(idle.environment);
                Ok(Slot(Some(self.clone())))
            }
            None => {
                self.occupied.fetch_sub(1, Ordering::SeqCst);
                Err(InvokeError::TooManySandboxes(max))
            }
        }
    }

    fn longest_idle(&self) -> Option<Idle> {
        let pools: Vec<_> = lock(&self.versions).values().cloned().collect();
        let oldest = |pool: &Arc<VersionPool>| lock(&pool.idle).first().map(|idle| idle.since);
        let pool = pools
            .iter()
            .filter(|pool| oldest(pool).is_some())
            .min_by_key(|pool| oldest(pool))?;
        let mut idle = lock(&pool.idle);
        if idle.is_empty() {
            None
        } else {
            Some(idle.remove(0))
        }
    }

    async fn take_vacant(&self) -> Result<VacantSandbox, InvokeError> {
        let ready = lock(&self.vacant).pop();
        match ready {
            Some(vacant) => Ok(vacant),
            None => self
                .builder
                .build()
                .await
                .map_err(|error| InvokeError::Sandbox(error.to_string())),
        }
    }

    /// Builds what is missing among the vacant sandboxes, without anyone waiting for it.
    fn refill(self: &Arc<Host>) {
        while !self.is_closed() {
            let building = self.building.fetch_add(1, Ordering::SeqCst);
            if lock(&self.vacant).len() + building >= self.config.pool_size {
                self.building.fetch_sub(1, Ordering::SeqCst);
                return;
            }
            let holding = Holding::new(self);
            tokio::spawn(async move {
                let host = &holding.0;
                tokio::time::sleep(REFILL_DELAY).await;
                let built = host.builder.build().await;
                host.building.fetch_sub(1, Ordering::SeqCst);
                match built {
                    Ok(vacant) if host.is_closed() => vacant.close().await,
                    Ok(vacant) => lock(&host.vacant).push(vacant),
                    Err(error) => tracing::warn!(%error, "no sandbox could be built in advance"),
                }
            });
        }
    }

    fn give_back(self: &Arc<Host>, pool: &VersionPool, mut environment: Occupied) {
        let environment = environment.take();
        let old = environment.born.elapsed() >= self.config.lifetime_max;
        let mut idle = lock(&pool.idle);
        // Under the lock that `retire` takes after it has set the flag: no sandbox can slip in behind it.
        if old || pool.retired.load(Ordering::SeqCst) || self.is_closed() {
            drop(idle);
            self.dispose(environment);
        } else {
            idle.push(Idle {
                environment,
                since: Instant::now(),
            });
        }
    }

    /// Ends a sandbox, without anyone waiting for it.
    fn dispose(self: &Arc<Host>, environment: ExecutionEnvironment) {
        let holding = Holding::new(self);
        tokio::spawn(async move {
            environment.close().await;
            holding.0.occupied.fetch_sub(1, Ordering::SeqCst);
        });
    }

    pub(crate) fn retire(self: &Arc<Host>, version_key: &str) {
        let Some(pool) = lock(&self.versions).remove(version_key) else {
            return;
        };
        pool.retired.store(true, Ordering::SeqCst);
        let idle = std::mem::take(&mut *lock(&pool.idle));
        for idle in idle {
            self.dispose(idle.environment);
        }
    }

    pub(crate) async fn shutdown(self: &Arc<Host>) {
        self.closed.send_replace(true);
        let keys: Vec<String> = lock(&self.versions).keys().cloned().collect();
        for key in keys {
            self.retire(&key);
        }
        let vacant = std::mem::take(&mut *lock(&self.vacant));
        for sandbox in vacant {
            sandbox.close().await;
        }
        loop {
            let released = self.released.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            if self.holding.load(Ordering::SeqCst) == 0 {
                return;
            }
            released.await;
        }
    }

    /// Ends what has been idle for too long.
    fn reap_idle(self: &Arc<Host>) {
        let pools: Vec<_> = lock(&self.versions).values().cloned().collect();
        for pool in pools {
            let mut idle = lock(&pool.idle);
            let old = idle
                .iter()
                .take_while(|idle| idle.since.elapsed() >= self.config.idle_timeout)
                .count();
            let expired: Vec<Idle> = idle.drain(..old).collect();
            drop(idle);
            for idle in expired {
                self.dispose(idle.environment);
            }
        }
    }
}

async fn reap(host: Weak<Host>) {
    loop {
        let Some(interval) = host
            .upgrade()
            .map(|host| host.config.idle_timeout.min(REAP_INTERVAL))
        else {
            return;
        };
        tokio::time::sleep(interval).await;
        match host.upgrade() {
            Some(host) if !host.is_closed() => host.reap_idle(),
            _ => return,
        }
    }
}

/// A counted place that is given up unless it is kept.
struct Slot(Option<Arc<Host>>);

impl Slot {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(host) = &self.0 {
            host.occupied.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A sandbox at work. Dropped half-way (at shutdown) it is ended.
struct Occupied {
    host: Arc<Host>,
    environment: Option<ExecutionEnvironment>,
}

impl Occupied {
    fn again(host: &Arc<Host>, environment: ExecutionEnvironment) -> Occupied {
        Occupied {
            host: host.clone(),
            environment: Some(environment),
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "only `take` empties it, and consumes what it is called for"
    )]
    fn get(&mut self) -> &mut ExecutionEnvironment {
        self.environment.as_mut().expect("not taken yet")
    }

    #[expect(
        clippy::expect_used,
        reason = "taken once, at the end of an invocation"
    )]
    fn take(&mut self) -> ExecutionEnvironment {
        self.environment.take().expect("not taken yet")
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        if let Some(environment) = self.environment.take() {
            self.host.dispose(environment);
        }
    }
}

/// The directory where nothing is: sandboxes build their root on it, each in its own mount namespace.
pub(crate) fn mount_point(root_dir: &Path) -> std::path::PathBuf {
    root_dir.join("root")
}
