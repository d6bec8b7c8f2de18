//! `cumulet up`: build, start, deploy, serve.

use std::net::SocketAddr;

use cumulet_engine::{Engine, IamMode};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use super::assembly::{App, Assembly};
use super::deploy;
use crate::authority::{self, Authority};
use crate::cli::{Iam, Up};
use crate::client::{Client, Credentials};
use crate::console::{Colour, paint, print, say};
use crate::installation::{self, OperatorFile};
use crate::server::{RequestLine, RequestLog, Server, Settings, Tls};

pub(crate) async fn run(arguments: Up) -> Result<(), Failure> {
    // A missing app is told before anything starts, a broken one before anything is deployed.
    let app = arguments.app.as_deref().map(App::find).transpose()?;
    if let Some(app) = &app {
        app.build().await?;
    }
    let socket = bind(arguments.listen).await?;
    let listen = socket.local_addr().unwrap_or(arguments.listen);
    let (engine, connections) = installation::open(&arguments, listen).await?;
    let settings = Settings {
        listen,
        data_directory: absolute(&arguments.data_dir),
        account: arguments.account.clone(),
        region: arguments.region.clone(),
        iam_mode: match arguments.iam {
            Iam::Enforce => IamMode::Enforce,
            Iam::Report => IamMode::Report,
        },
        secure_transport: arguments.secure_transport,
        insecure: arguments.insecure,
    };
    let tls = tls(&arguments, &engine)?;
    let server = Server::new(engine, settings, tls);
    let operator = seed(&server, &arguments).await?;
    let serving = tokio::spawn(server.clone().serve(socket, connections, stop_signal()?));
    welcome(&server, &arguments);
    if let Some(app) = app {
        deploy_app(&server, &arguments, &operator, &app).await?;
    }
    let watching = tokio::spawn(show_requests(server.requests.clone(), arguments.json));
    let served = serving.await;
    watching.abort();
    server.engine.shut_down_functions().await;
    say("stopped; everything is kept, `cumulet up` goes on with it");
    served.map_err(|error| Failure::Failed(format!("the engine broke: {error}")))
}

/// The certificate given, or the installation's own authority.
fn tls(arguments: &Up, engine: &Engine) -> Result<Tls, Failure> {
    if let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        return Tls::given(certificate, key).map_err(Failure::Usage);
    }
    let names = arguments
        .tls_name
        .iter()
        .map(|name| name.to_ascii_lowercase());
    let authority =
        Authority::load_or_make(&arguments.data_dir, &engine.root_key, names.collect())?;
    Ok(Tls::own(authority))
}

async fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::Failed(format!(
            "another program listens on {listen}; stop it, or choose another port: cumulet up --listen 127.0.0.1:4600"
        )),
        _ => Failure::Failed(format!("cannot listen on {listen}: {error}")),
    })
}

async fn seed(server: &Server, arguments: &Up) -> Result<OperatorFile, Failure> {
    let context = server.start_context();
    let directory = &server.settings.data_directory;
    let seeded = installation::seed_operators(
        &server.engine,
        context,
        directory,
        &arguments.account,
        &arguments.operator,
    );
    Ok(seeded.await?)
}

/// Resolves on Ctrl-C or SIGTERM.
fn stop_signal() -> Result<impl Future<Output = ()> + Send, Failure> {
    let failed =
        |error: std::io::Error| Failure::Failed(format!("signals cannot be caught: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn welcome(server: &Server, arguments: &Up) {
    let endpoint = server.endpoint();
    if arguments.json {
        let data = &server.settings.data_directory;
        print(
            &serde_json::json!({
                "event": "ready",
                "endpoint": endpoint,
                "dataDirectory": data,
                "iam": server.iam_mode_name(),
            })
            .to_string(),
        );
        return;
    }
    let data = server.settings.data_directory.display();
    say(&format!(
        "{} {}",
        paint("cumulet", Colour::Bold),
        env!("CARGO_PKG_VERSION")
    ));
    say(&format!("  endpoint   {endpoint}"));
    say(&format!(
        "  account    {}   region {}",
        arguments.account, arguments.region
    ));
    say(&format!("  data       {data}"));
    say(match arguments.iam {
        Iam::Enforce => "  identity   signatures verified, IAM enforced",
        Iam::Report => "  identity   signatures verified, IAM only reports: denied calls go on",
    });
    say(&format!(
        "  functions  {}",
        server.engine.functions.isolation()
    ));
    say(&paint(
        "  eval $(cumulet env) points this shell's AWS clients here",
        Colour::Faint,
    ));
}

async fn deploy_app(
    server: &Server,
    arguments: &Up,
    operator: &OperatorFile,
    app: &App,
) -> Result<(), Failure> {
    let credentials = Credentials {
        access_key_id: operator.access_key_id.clone(),
        secret_access_key: operator.secret_access_key.clone(),
    };
    let client = Client::new(&server.endpoint(), credentials, &arguments.region)
        .trusting(authority::certificate_path(&server.settings.data_directory));
    let out = server
        .settings
        .data_directory
        .join("assemblies")
        .join(app.name());
    let assembly: Assembly = app
        .synthesise(
            &out,
            &settings(arguments),
            &arguments.account,
            &arguments.region,
        )
        .await?;
    deploy::run(
        &client,
        &assembly,
        &arguments.account,
        &arguments.region,
        arguments.json,
    )
    .await
}

/// The suffix, which every app has, and what was given after `--`, which may say it again.
fn settings(arguments: &Up) -> Vec<String> {
    let suffix = ["--suffix".to_owned(), arguments.suffix.clone()];
    suffix
        .into_iter()
        .chain(arguments.settings.clone())
        .collect()
}

/// Prints a line for every request, until aborted.
async fn show_requests(requests: RequestLog, json: bool) {
    let mut lines = requests.listen();
    loop {
        match lines.recv().await {
            Ok(line) if json => print(&serde_json::to_string(&line).unwrap_or_default()),
            Ok(line) => say(&request_text(&line)),
            Err(tokio::sync::broadcast::error::RecvError::Lagged(missed)) => {
                say(&format!("  ({missed} more)"))
            }
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn request_text(line: &RequestLine) -> String {
    let colour = match line.status {
        0..400 => Colour::Green,
        400..500 => Colour::Yellow,
        _ => Colour::Red,
    };
    let status = paint(&line.status.to_string(), colour);
    let milliseconds = format!(
        "{}.{:01}",
        line.duration_us / 1000,
        line.duration_us % 1000 / 100
    );
    let depth = if line.from_function { "    " } else { "  " };
    let error = line.error.as_deref().unwrap_or_default();
    let would_deny = line.would_deny.as_ref().map_or_else(String::new, |denial| {
        paint(&format!("\n    would be denied: {denial}"), Colour::Yellow)
    });
    format!(
        "{depth}{status} {milliseconds:>7} ms  {}  {error}  {}{would_deny}",
        line.what,
        paint(&line.request_id, Colour::Faint)
    )
}

fn absolute(directory: &std::path::Path) -> std::path::PathBuf {
    directory
        .canonicalize()
        .unwrap_or_else(|_| directory.to_owned())
}
