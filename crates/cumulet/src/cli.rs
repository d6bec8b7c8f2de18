//! The words a person types.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::server::SecureTransport;

/// Run AWS serverless stacks for real, on a machine you own.
#[derive(Debug, Parser)]
#[command(
    name = "cumulet",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the engine, and build and deploy an app on it if one is named
    #[command(after_help = UP_EXAMPLES)]
    Up(Up),
    /// Deploy an app, a cloud assembly or a template to the running engine
    #[command(after_help = DEPLOY_EXAMPLES)]
    Deploy(Deploy),
    /// Print what a deployment would change
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(Diff),
    /// Say what would bite later, before deploying
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Delete stacks
    #[command(after_help = DESTROY_EXAMPLES)]
    Destroy(Destroy),
    /// Print what happened to a stack
    #[command(after_help = EVENTS_EXAMPLES)]
    Events(Events),
    /// Print the outputs of a deployed stack
    #[command(after_help = OUTPUTS_EXAMPLES)]
    Outputs(Outputs),
    /// Print shell settings that point every AWS client at the engine
    #[command(after_help = ENV_EXAMPLES)]
    Env(Env),
    /// Print the certificate that clients must trust to speak HTTPS with the engine
    #[command(after_help = CA_EXAMPLES)]
    Ca(Ca),
    /// Print why a request was allowed or denied, and what would have allowed it
    #[command(after_help = WHY_EXAMPLES)]
    Why(Why),
    /// Work out policies from what was seen
    Policy(Policy),
    /// Print what a request did: its decisions, its calls, its effects
    #[command(after_help = TRACE_EXAMPLES)]
    Trace(Trace),
    /// Print what a function or log group says, and follow it
    #[command(after_help = LOGS_EXAMPLES)]
    Logs(Logs),
    /// List metrics, or print one
    #[command(after_help = METRICS_EXAMPLES)]
    Metrics(Metrics),
    /// Print how the alarms stand, or the history of one
    #[command(after_help = ALARMS_EXAMPLES)]
    Alarms(Alarms),
    /// Replace the root key of an installation that is not running
    #[command(after_help = KEY_EXAMPLES)]
    Key(Key),
    /// Show the engine's clock, or move it and see what falls due
    #[command(after_help = CLOCK_EXAMPLES)]
    Clock(Clock),
    /// Run a function once
    #[command(after_help = INVOKE_EXAMPLES)]
    Invoke(Invoke),
    /// Copy the running installation into a folder, as of one moment
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(BackUp),
    /// Make an installation out of a backup, and prove that it is whole
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(Restore),
    /// Find interpreters for functions, and install the SDKs that AWS's images carry
    #[command(after_help = RUNTIME_EXAMPLES)]
    Runtime(Runtime),
    /// Say what this machine can enforce
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Doctor),
    /// List every operation: built, or missing
    #[command(after_help = COVERAGE_EXAMPLES)]
    Coverage(Coverage),
    /// Start a function's sandbox; the engine calls this itself
    #[command(hide = true)]
    SandboxInit,
}

const UP_EXAMPLES: &str = "Examples:
  cumulet up apps/upload-api             build, start, deploy, serve
  cumulet up apps/upload-api -- --api-key on
  cumulet up                             start the engine alone
  cumulet up --listen 127.0.0.1:4600 --data-dir /srv/cumulet";
const DEPLOY_EXAMPLES: &str = "Examples:
  cumulet deploy apps/upload-api         a folder with a Cargo.toml or a cdk.json
  cumulet deploy cdk.out                 what cdk synth made
  cumulet deploy orders.yaml             a template: the stack orders";
const DIFF_EXAMPLES: &str = "Examples:
  cumulet diff cdk.out                   what deploying it would change
  cumulet diff orders.yaml --json        the same for programs";
const CHECK_EXAMPLES: &str = "Examples:
  cumulet check cdk.out                  exit code 4 where there are findings
  cumulet check cdk.out --json           the same for programs";
const DESTROY_EXAMPLES: &str = "Examples:
  cumulet destroy orders                 one stack, by its name
  cumulet destroy cdk.out                all stacks of an app";
const EVENTS_EXAMPLES: &str = "Examples:
  cumulet events orders                  everything that happened to a stack
  cumulet events orders --failed         what failed, and why
  cumulet events orders --json           the same for programs";
const OUTPUTS_EXAMPLES: &str = "Examples:
  cumulet outputs                        every stack, for people
  cumulet outputs UploadApi-dev --json  one stack, for programs
  cumulet outputs --json | jq -r .ApiGatewayUrlLocal";
const ENV_EXAMPLES: &str = "Examples:
  eval $(cumulet env)                    this shell talks to the engine
  eval $(cumulet env --unset)            and no longer
  cumulet env --json                     the same for programs";
const CA_EXAMPLES: &str = "Examples:
  cumulet ca > cumulet.pem               the certificate, to copy to another machine
  eval $(cumulet ca --env)               this shell's AWS clients trust it
  cumulet ca --path                      where it lies";
const WHY_EXAMPLES: &str = "Examples:
  cumulet why 5f0c2a1e-...               the request with this id (x-amzn-requestid)
  cumulet why --last                     the latest request
  cumulet why --last --json              its decisions, for programs";
const SUGGEST_EXAMPLES: &str = "Examples:
  cumulet policy suggest uploader        the least that the role uploader needs, and what it has beyond
  cumulet policy suggest arn:aws:iam::000000000000:user/ci
  cumulet policy suggest uploader --json | jq .policy";
const TRACE_EXAMPLES: &str = "Examples:
  cumulet trace --last                   the latest request
  cumulet trace 5f0c2a1e-...             the request with this id (x-amzn-requestid)
  cumulet trace --last --json            its spans, for programs";
const LOGS_EXAMPLES: &str = "Examples:
  cumulet logs                           every log group
  cumulet logs -f upload                 a function, as it goes on
  cumulet logs /aws/lambda/upload --filter ERROR --since 1d
  cumulet logs upload --json | jq .message";
const METRICS_EXAMPLES: &str = "Examples:
  cumulet metrics                        every metric
  cumulet metrics AWS/Lambda Errors      the sum for each minute of the last hour
  cumulet metrics AWS/Lambda Duration --stat p99 --dimension FunctionName=upload --since 1d";
const ALARMS_EXAMPLES: &str = "Examples:
  cumulet alarms                         all of them
  cumulet alarms --state ALARM           those that stand in alarm
  cumulet alarms upload-errors           one, with its history";
const KEY_EXAMPLES: &str = "Examples:
  cumulet key rotate --data-dir /srv/cumulet
  cumulet key rotate --new-root-key-command 'pass show cumulet'";
const CLOCK_EXAMPLES: &str = "Examples:
  cumulet clock show                     what time it is for the engine
  cumulet clock advance 31d              a month passes: retention, alarms, deletion windows
  cumulet clock set 2027-01-01T00:00:00Z go to that time
  cumulet clock freeze                   let it stand still, until: cumulet clock resume";
const BACKUP_EXAMPLES: &str = "Examples:
  cumulet backup /backups/monday         while the engine runs and serves
  cumulet backup /backups/monday --json  what was copied, for programs";
const RESTORE_EXAMPLES: &str = "Examples:
  cumulet restore /backups/monday --root-key ~/keys/root.key --data-dir /srv/cumulet";
const COVERAGE_EXAMPLES: &str = "Examples:
  cumulet coverage                       what is built, by service
  cumulet coverage s3                    every operation of one service
  cumulet coverage --json                the same for programs";
const INVOKE_EXAMPLES: &str = "Examples:
  cumulet invoke my-function             with an empty event
  cumulet invoke my-function -e event.json --tail
  cumulet invoke my-function -e '{\"n\": 1}'
  cumulet invoke my-function -e sample:s3-put   or sample:apigw, sample:sqs, sample:dynamodb";
const RUNTIME_EXAMPLES: &str = "Examples:
  cumulet runtime list                   what is here for each of AWS's runtimes
  cumulet runtime install                the SDKs for all interpreters of this machine
  cumulet runtime install python3.12 nodejs22.x
  cumulet runtime download --to-dir usb  for a machine without network; there:
  cumulet runtime install --from-dir usb";
const DOCTOR_EXAMPLES: &str = "Examples:
  cumulet doctor                         what is enforced here, and what is not
  cumulet doctor --json                  the same for programs
  cumulet doctor --data-dir /srv/cumulet look at another installation";

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The app's folder; without it the engine starts alone
    pub(crate) app: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4566")]
    pub(crate) listen: SocketAddr,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = ".cumulet")]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) root_key: RootKeySource,
    /// The account that the operator and the app belong to
    #[arg(long, value_name = "ID", default_value = DEFAULT_ACCOUNT, value_parser = account_id)]
    pub(crate) account: String,
    /// The region that the app is deployed to
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    /// Seed a further operator with these fixed credentials
    #[arg(long, value_name = "KEY:SECRET[:ACCOUNT]", value_parser = operator)]
    pub(crate) operator: Vec<OperatorKey>,
    /// Ends the names of the app's resources
    #[arg(long, default_value = "dev")]
    pub(crate) suffix: String,
    /// Accept plain HTTP from other machines: anybody on the network can read what is sent
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Whether IAM refuses what no policy allows, or allows it and says so
    #[arg(long, value_enum, default_value_t = Iam::Enforce)]
    pub(crate) iam: Iam,
    /// What policies see as aws:SecureTransport
    #[arg(long, value_enum, default_value_t = SecureTransport::Loopback)]
    pub(crate) secure_transport: SecureTransport,
    /// Show this certificate (PEM, with its chain) instead of the installation's own
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A further host name of this machine that the installation's own authority certifies
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_name: Vec<String>,
    #[command(flatten)]
    pub(crate) functions: FunctionSettings,
    /// One JSON object a line instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// The app's own settings
    #[arg(last = true)]
    pub(crate) settings: Vec<String>,
}

/// What IAM does with a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Iam {
    /// Refuse
    Enforce,
    /// Allow, and record what would have been refused
    Report,
}

/// How functions may run.
#[derive(Clone, Debug, Args)]
pub(crate) struct FunctionSettings {
    /// Let the nearest release run functions whose own is not on this machine
    #[arg(long)]
    pub(crate) allow_runtime_substitution: bool,
    /// Let functions run without the SDK that AWS's image carries
    #[arg(long)]
    pub(crate) allow_bare_runtimes: bool,
    /// Whether functions may reach public addresses; loopback and private networks stay closed to them
    #[arg(long, value_enum, default_value_t = Egress::Deny)]
    pub(crate) egress: Egress,
    /// Let functions reach this one address too, private or not; can be given several times
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) egress_to: Vec<SocketAddrV4>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Egress {
    Deny,
    Allow,
}

/// What opens a sealed root key; without either it lies in the data folder as it is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RootKeySource {
    /// The root key is sealed under the passphrase in this file
    #[arg(long, value_name = "FILE", env = "CUMULET_ROOT_PASSPHRASE_FILE")]
    pub(crate) root_passphrase_file: Option<PathBuf>,
    /// The root key is sealed under what this command prints
    #[arg(
        long,
        value_name = "COMMAND",
        env = "CUMULET_ROOT_KEY_COMMAND",
        conflicts_with = "root_passphrase_file"
    )]
    pub(crate) root_key_command: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) action: KeyAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyAction {
    /// Write everything anew under another root key
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = ".cumulet")]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) root_key: RootKeySource,
    /// Seal the new root key under the passphrase in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) new_root_passphrase_file: Option<PathBuf>,
    /// Seal the new root key under what this command prints
    #[arg(
        long,
        value_name = "COMMAND",
        conflicts_with = "new_root_passphrase_file"
    )]
    pub(crate) new_root_key_command: Option<String>,
}

impl Rotate {
    /// What opens the new root key.
    pub(crate) fn new(&self) -> RootKeySource {
        RootKeySource {
            root_passphrase_file: self.new_root_passphrase_file.clone(),
            root_key_command: self.new_root_key_command.clone(),
        }
    }
}

/// Credentials from `--operator`.
#[derive(Clone, Debug)]
pub(crate) struct OperatorKey {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) account: Option<String>,
}

/// Where the engine is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Endpoint {
    /// The engine's URL
    #[arg(
        long,
        env = "AWS_ENDPOINT_URL",
        default_value = "http://127.0.0.1:4566"
    )]
    pub(crate) endpoint: String,
}

/// Where in the engine.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
}

/// An app, by its path.
macro_rules! on_an_app {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Args)]
        pub(crate) struct $name {
            /// A template, or a folder with a Cargo.toml, a cdk.json or a manifest.json
            pub(crate) app: PathBuf,
            #[command(flatten)]
            pub(crate) target: Target,
            /// Ends the names of the app's resources
            #[arg(long, default_value = "dev")]
            pub(crate) suffix: String,
            #[arg(long)]
            pub(crate) json: bool,
        }
    };
}

on_an_app!(Deploy);
on_an_app!(Diff);
on_an_app!(Check);

#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// A stack's name, or the path of an app
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// The stack's name; of a deleted stack the ARN
    pub(crate) stack: String,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only what failed
    #[arg(long)]
    pub(crate) failed: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Outputs {
    /// The stack; all stacks without it
    pub(crate) stack: Option<String>,
    /// Write all values of all stacks into one JSON file, keyed by output name
    #[arg(long, value_name = "FILE")]
    pub(crate) flat: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    /// Lead AWS's own names here, with true TLS, instead of naming an endpoint: stack outputs work as they are
    #[arg(long)]
    pub(crate) proxy: bool,
    /// Take the settings back
    #[arg(long)]
    pub(crate) unset: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// A request id
    #[arg(required_unless_present = "last")]
    pub(crate) id: Option<String>,
    /// The latest request that was served
    #[arg(long, conflicts_with = "id")]
    pub(crate) last: bool,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) action: PolicyAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyAction {
    /// Print the least a role or user needs, and how that differs from what it was given
    #[command(after_help = SUGGEST_EXAMPLES)]
    Suggest(Suggest),
}

#[derive(Debug, Args)]
pub(crate) struct Suggest {
    /// A role's name, or the ARN of a role or user
    pub(crate) principal: String,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ca {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    /// Print settings for a shell instead
    #[arg(long, conflicts_with = "path")]
    pub(crate) env: bool,
    /// Print where the certificate lies instead
    #[arg(long)]
    pub(crate) path: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// A request id or a trace id
    #[arg(required_unless_present = "last")]
    pub(crate) id: Option<String>,
    /// The latest request that was served
    #[arg(long, conflicts_with = "id")]
    pub(crate) last: bool,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// A function, or a log group; every log group without it
    pub(crate) name: Option<String>,
    /// Go on printing what comes
    #[arg(short, long, requires = "name")]
    pub(crate) follow: bool,
    /// A filter pattern, as CloudWatch Logs has them
    #[arg(long, value_name = "PATTERN", requires = "name")]
    pub(crate) filter: Option<String>,
    /// How far to look back
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) since: Milliseconds,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// Only of this namespace
    pub(crate) namespace: Option<String>,
    /// Print the values of this metric, of each of its dimensions
    pub(crate) metric: Option<String>,
    /// Only with this dimension
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) dimension: Vec<(String, String)>,
    /// Sum, Average, Minimum, Maximum, SampleCount, p99, ...
    #[arg(long, default_value = "Sum")]
    pub(crate) stat: String,
    /// Seconds
    #[arg(long, default_value_t = 60)]
    pub(crate) period: u32,
    /// How far to look back
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) since: Milliseconds,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    #[arg(long)]
    pub(crate) json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "expected NAME=VALUE".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Alarms {
    /// One alarm, with its history
    pub(crate) name: Option<String>,
    /// Only those in this state
    #[arg(long, value_parser = ["OK", "ALARM", "INSUFFICIENT_DATA"])]
    pub(crate) state: Option<String>,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Clock {
    #[command(subcommand)]
    pub(crate) action: ClockAction,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1", global = true)]
    pub(crate) region: String,
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ClockAction {
    /// Print the time
    Show,
    /// Move the clock forward, delivering what falls due in order
    Advance {
        /// How far: 90s, 5m, 12h, 31d, or several together: 1d12h
        #[arg(value_parser = duration)]
        by: Milliseconds,
    },
    /// Move the clock forward to a time
    Set {
        /// RFC 3339, or seconds since 1970
        #[arg(value_parser = time)]
        to: PointInTime,
    },
    /// Let the clock stand still
    Freeze,
    /// Let it go on
    Resume,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Milliseconds(pub(crate) u64);

/// In milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PointInTime(pub(crate) i64);

fn duration(text: &str) -> Result<Milliseconds, String> {
    let wrong = || format!("{text} is no duration: write 90s, 5m, 12h or 31d");
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|each: char| !each.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (count, unit) = rest.split_at(digits);
        let after = unit
            .find(|each: char| each.is_ascii_digit())
            .unwrap_or(unit.len());
        let unit_ms = match &unit[..after] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(wrong()),
        };
        let count: u64 = count.parse().map_err(|_| wrong())?;
        total = count
            .checked_mul(unit_ms)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(wrong)?;
        rest = &unit[after..];
    }
    if total == 0 {
        Err(wrong())
    } else {
        Ok(Milliseconds(total))
    }
}

fn time(text: &str) -> Result<PointInTime, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(PointInTime(seconds.saturating_mul(1000)));
    }
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|at| PointInTime(at.as_millisecond()))
        .map_err(|_| format!("{text} is no time: write 2027-01-01T00:00:00Z"))
}

#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// Its name or ARN, with or without a qualifier
    pub(crate) function: String,
    /// The event: a file, `-` for standard input, JSON, or sample:NAME
    #[arg(short, long, value_name = "EVENT")]
    pub(crate) event: Option<String>,
    /// Print the last 4 KB of its log
    #[arg(long, conflicts_with = "async")]
    pub(crate) tail: bool,
    /// Only queue it
    #[arg(long)]
    pub(crate) r#async: bool,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
}

#[derive(Debug, Args)]
pub(crate) struct BackUp {
    /// A folder that holds nothing yet
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup's folder
    pub(crate) directory: PathBuf,
    /// The key of the installation that was backed up; otherwise the one in the new folder
    #[arg(long, value_name = "FILE")]
    pub(crate) root_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) opened_by: RootKeySource,
    /// Where the installation shall be
    #[arg(long, value_name = "DIR", default_value = ".cumulet")]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Runtime {
    #[command(subcommand)]
    pub(crate) action: RuntimeAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RuntimeAction {
    /// Print what is here for each of AWS's runtimes
    List {
        /// Look into this installation too, not only into the folder that all share
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Install the pinned SDK of runtimes; all that this machine has without a name
    Install {
        #[command(flatten)]
        choice: RuntimeChoice,
        /// Take packages from a folder that `download` filled, and use no network
        #[arg(long, value_name = "DIR")]
        from_dir: Option<PathBuf>,
        /// Install into this installation alone, not for all
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Fill a folder with packages for a machine without network
    Download {
        #[command(flatten)]
        choice: RuntimeChoice,
        #[arg(long, value_name = "DIR")]
        to_dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RuntimeChoice {
    /// AWS's names, such as python3.12 or nodejs22.x
    pub(crate) runtimes: Vec<String>,
    /// Take the nearest release for one that is not on this machine
    #[arg(long)]
    pub(crate) allow_runtime_substitution: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[arg(long, value_name = "DIR", default_value = ".cumulet")]
    pub(crate) data_dir: PathBuf,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Coverage {
    /// One service, with all its operations
    pub(crate) service: Option<String>,
    /// The page docs/coverage.md
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) const DEFAULT_ACCOUNT: &str = "000000000000";

fn account_id(text: &str) -> Result<String, String> {
    let well_formed = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    well_formed
        .then(|| text.to_owned())
        .ok_or_else(|| "an account id has 12 digits".to_owned())
}

fn operator(text: &str) -> Result<OperatorKey, String> {
    let mut parts = text.splitn(3, ':');
    let (key, secret) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    if key.is_empty() || secret.is_empty() {
        return Err("expected KEY:SECRET or KEY:SECRET:ACCOUNT".to_owned());
    }
    let account = parts.next().map(account_id).transpose()?;
    Ok(OperatorKey {
        access_key_id: key.into(),
        secret_access_key: secret.into(),
        account,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_and_times_are_read_and_others_refused() {
        assert_eq!(duration("31d"), Ok(Milliseconds(31 * 86_400_000)));
        assert_eq!(duration("1h30m5s"), Ok(Milliseconds(5_405_000)));
        for text in ["", "5", "d", "5x", "0s", "-1d", "99999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(time("1970-01-02T00:00:00Z"), Ok(PointInTime(86_400_000)));
        assert_eq!(time("10"), Ok(PointInTime(10_000)));
        assert!(time("tomorrow").is_err());
    }

    #[test]
    fn operators_are_taken_apart_and_misspelt_ones_refused() {
        let full = operator("AKIA:se/cret:111122223333").expect("well formed");
        assert_eq!(full.account.as_deref(), Some("111122223333"));
        assert!(operator("AKIA").is_err());
        assert!(operator("AKIA:x:12").is_err());
    }
}
