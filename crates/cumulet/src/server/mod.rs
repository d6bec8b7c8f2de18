//! The running engine: listener, front door, worker.
//!
//! Connections come from the listening socket, or from inside a function's sandbox; both speak to the
//! same front, and only where they come from differs.

mod backup;
mod bodies;
mod chunked;
mod clock;
mod front;
mod housekeeping;
mod listener;
mod management;
mod measures;
mod outbound;
mod patient;
mod prometheus;
mod request_log;
mod runner;
mod tls;
mod traces;
mod tunnel;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;

use cumulet_engine::Engine;
use cumulet_engine::{Context, IamMode, Principal};
use cumulet_functions::AwsConnection;
use cumulet_kernel::Ids;
use cumulet_kernel::trace::{SpanGuard, Trace};
use cumulet_s3::AccessLog;
use cumulet_wire::sigv4::SigningKeys;
use tokio::sync::mpsc;

pub(crate) use outbound::ThisMachineOnly;
pub(crate) use request_log::{RequestLine, RequestLog};
pub(crate) use runner::ProcessRunner;
pub(crate) use tls::Tls;

use traces::Traces;

/// What the server is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) data_directory: std::path::PathBuf,
    /// The account of the operator and of the engine's own work.
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) iam_mode: IamMode,
    pub(crate) secure_transport: SecureTransport,
    /// Whether other machines may speak plain HTTP here.
    pub(crate) insecure: bool,
}

/// What counts as `aws:SecureTransport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SecureTransport {
    /// TLS, and plain HTTP that does not leave this machine
    Loopback,
    /// TLS alone
    Strict,
}

/// The engine and all that serves it; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) settings: Arc<Settings>,
    pub(crate) requests: RequestLog,
    traces: Traces,
    access_log: AccessLog,
    ids: Ids,
    signing_keys: Arc<SigningKeys>,
    tls: Tls,
    /// Every delivery that ends, for whoever moves the clock.
    deliveries: tokio::sync::broadcast::Sender<clock::Delivered>,
    /// How many deliveries are under way.
    delivering: Arc<std::sync::atomic::AtomicUsize>,
    /// Wakes the worker.
    clock_moved: Arc<tokio::sync::Notify>,
    /// Held by whoever moves the clock.
    clock_moves: Arc<tokio::sync::Mutex<()>>,
}

/// Deliveries that a mover of the clock may fall behind by.
const DELIVERIES_KEPT: usize = 65_536;

impl Server {
    pub(crate) fn new(engine: Engine, settings: Settings, tls: Tls) -> Self {
        let traces = Traces::start(engine.store.clone());
        let settings = Arc::new(settings);
        Self {
            engine,
            settings,
            requests: RequestLog::default(),
            traces,
            access_log: AccessLog::default(),
            ids: Ids::random(),
            signing_keys: Arc::default(),
            tls,
            deliveries: tokio::sync::broadcast::Sender::new(DELIVERIES_KEPT),
            delivering: Arc::default(),
            clock_moved: Arc::default(),
            clock_moves: Arc::default(),
        }
    }

    /// Serves connections until `stop` resolves, then lets running requests finish.
    pub(crate) async fn serve(
        self,
        socket: tokio::net::TcpListener,
        sandboxes: mpsc::Receiver<AwsConnection>,
        stop: impl Future<Output = ()> + Send,
    ) {
        let worker = tokio::spawn(worker::run(self.clone()));
        let housekeeping = tokio::spawn(housekeeping::run(self.clone()));
        let measures = tokio::spawn(measures::run(self.clone()));
        listener::run(self.clone(), socket, sandboxes, stop).await;
        worker.abort();
        measures.abort();
        housekeeping.abort();
        measures::flush(&self).await;
        self.traces.flush().await;
    }

    /// `http://127.0.0.1:4566`: always an address, so that no client needs a resolver. Where the engine listens
    /// everywhere, this machine's own way to it; where it listens beyond loopback only, HTTPS unless told otherwise.
    pub(crate) fn endpoint(&self) -> String {
        let mut listen = self.settings.listen;
        if listen.ip().is_unspecified() {
            listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let plain = listen.ip().is_loopback() || self.settings.insecure;
        format!("{}://{listen}", if plain { "http" } else { "https" })
    }

    /// `enforce` or `report`.
    pub(crate) fn iam_mode_name(&self) -> &'static str {
        match self.settings.iam_mode {
            IamMode::Enforce => "enforce",
            IamMode::Report => "report",
        }
    }

    /// A context for what the engine does before it serves.
    pub(crate) fn start_context(&self) -> Context {
        self.internal_context("start", None).0
    }

    /// A context for the engine's own work; handlers act as whoever the work is for.
    fn internal_context(&self, span: &str, trace_id: Option<&str>) -> (Context, SpanGuard) {
        let request_id = self.ids.uuid();
        let (trace, guard) = Trace::begin(
            span,
            &request_id,
            &self.ids,
            trace_id.map(|trace_id| (trace_id, "")),
        );
        (
            self.context(Principal::service("cumulet.internal"), &request_id, trace),
            guard,
        )
    }

    fn context(&self, principal: Principal, request_id: &str, trace: Trace) -> Context {
        Context {
            request_id: request_id.into(),
            now: self.engine.clock.now(),
            account: self.settings.account.as_str().into(),
            region: self.settings.region.as_str().into(),
            principal: Arc::new(principal),
            ids: self.ids.clone(),
            source_ip: None,
            user_agent: None,
            iam_mode: self.settings.iam_mode,
            secure_transport: true,
            via: None,
            source_arn: None,
            source_account: None,
            endpoint: self.endpoint().into(),
            trace,
            services: self.engine.services.clone(),
            meter: self.engine.metrics.clone(),
        }
    }
}
