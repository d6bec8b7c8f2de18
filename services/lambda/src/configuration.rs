//! A version's configuration: what it may hold, and how it is answered.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::StoredCode;
use cumulet_engine::runner::Logging;
use cumulet_identity::iam;
use cumulet_kernel::{Timestamp, Tx};
use jiff::Timestamp as Moment;
use sha2::{Digest, Sha256};

use super::api::{
    ConfigurationInput, DeadLetterConfig, EnvironmentInput, EphemeralStorage,
    FunctionConfiguration, Layer, LoggingConfig, LoggingConfigInput, RuntimeVersionConfig,
    RuntimeVersionError, SnapStart, TracingConfig,
};
use super::errors;
use super::name::FunctionName;
use super::state::{LayerUse, State, UpdateStatus, VersionRecord};

const BEING_CREATED: &str = "The function is being created.";
const TIMEOUT_S_MAX: u32 = 900;
const MEMORY_MB_MAX: u32 = 10_240;
const ENVIRONMENT_BYTES_MAX: usize = 4096;

/// Runtimes that AWS takes no new functions for.
const RETIRED_RUNTIMES: &[&str] = &[
    "nodejs",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "java8",
    "python2.7",
    "python3.6",
    "python3.7",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "provided",
];
const RUNTIMES: &[&str] = &[
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet8",
    "dotnet6",
    "java11",
    "java8.al2",
    "nodejs18.x",
    "provided.al2",
    "dotnet10",
];
/// Variables that are Lambda's own.
const RESERVED_VARIABLES: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// `$LATEST` of a new function, before its configuration is applied.
pub(super) fn blank(context: &Context, name: &FunctionName, code: StoredCode) -> VersionRecord {
    VersionRecord {
        version: super::name::LATEST.into(),
        runtime: String::new(),
        handler: String::new(),
        role: String::new(),
        description: String::new(),
        timeout_s: 3,
        memory_size_mb: 128,
        ephemeral_storage_mb: 512,
        architecture: "x86_64".into(),
        environment: None,
        dead_letter_target: None,
        tracing_mode: "PassThrough".into(),
        log_format: "Text".into(),
        log_group: format!("/aws/lambda/{}", name.name),
        code,
        layers: Vec::new(),
        last_modified: context.now,
        revision_id: context.ids.uuid(),
        environment_id: context.ids.uuid(),
        state: State::Pending,
        state_reason: None,
        update_status: None,
        update_reason: None,
        application_log_level: None,
        system_log_level: None,
        runtime_substitute: None,
    }
}

impl VersionRecord {
    /// Sets what the input gives, in the order AWS checks it.
    pub(super) fn apply(&mut self, input: ConfigurationInput) -> Result<()> {
        refuse_what_is_not_built(&input)?;
        if let Some(runtime) = input.runtime {
            self.runtime = accepted_runtime(runtime)?;
        }
        if let Some(timeout_s) = input.timeout {
            within(timeout_s, TIMEOUT_S_MAX, "timeout")?;
            self.timeout_s = timeout_s;
        }
        if let Some(memory_mb) = input.memory_size {
            within(memory_mb, MEMORY_MB_MAX, "memorySize")?;
            self.memory_size_mb = memory_mb;
        }
        if let Some(environment) = input.environment {
            check_environment(&environment.variables)?;
            self.environment = Some(environment.variables);
        }
        if let Some(target) = input.dead_letter_config {
            check_queue_target(&target.target_arn)?;
            self.dead_letter_target = Some(target.target_arn).filter(|arn| !arn.is_empty());
        }
        if let Some(logging) = input.logging_config {
            self.apply_logging(logging)?;
        }
        self.apply_plain(
            input.handler,
            input.role,
            input.description,
            input.tracing_config.and_then(|tracing| tracing.mode),
            input.ephemeral_storage,
        );
        Ok(())
    }

    fn apply_plain(
        &mut self,
        handler: Option<String>,
        role: Option<String>,
        description: Option<String>,
        tracing_mode: Option<String>,
        ephemeral_storage: Option<EphemeralStorage>,
    ) {
        let set = |field: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *field = value;
            }
        };
        set(&mut self.handler, handler);
        set(&mut self.role, role);
        set(&mut self.description, description);
        set(&mut self.tracing_mode, tracing_mode);
        if let Some(storage) = ephemeral_storage {
            self.ephemeral_storage_mb = storage.size;
        }
    }

    fn apply_logging(&mut self, logging: LoggingConfigInput) -> Result<()> {
        if let Some(format) = logging.log_format {
            self.log_format = format;
        }
        let json = self.log_format == "JSON";
        if !json && (logging.application_log_level.is_some() || logging.system_log_level.is_some())
        {
            return Err(errors::invalid(
                "Log levels can only be set when the log format is JSON.",
            ));
        }
        let level = |given: Option<String>, before: Option<String>| {
            json.then(|| given.or(before).unwrap_or_else(|| "INFO".to_owned()))
        };
        self.application_log_level = level(
            logging.application_log_level,
            self.application_log_level.take(),
        );
        self.system_log_level = level(logging.system_log_level, self.system_log_level.take());
        if let Some(group) = logging.log_group {
            self.log_group = group;
        }
        Ok(())
    }

    /// As the runner needs it.
    pub(super) fn logging(&self) -> Logging {
        Logging {
            json: self.log_format == "JSON",
            application_level: self.application_log_level.clone().unwrap_or_default(),
            system_level: self.system_log_level.clone().unwrap_or_default(),
        }
    }

    pub(super) fn set_architecture(&mut self, architectures: Option<Vec<String>>) -> Result<()> {
        if let Some(architecture) = architectures.and_then(|list| list.into_iter().next()) {
            self.architecture = architecture;
        }
        let here = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        // Interpreted code runs anywhere; what it brings compiled says so itself when it is loaded.
        let compiled = self.runtime.starts_with("provided");
        if compiled && self.architecture != here {
            let what = format!(
                "lambda: running {} code on this {here} machine",
                self.architecture
            );
            return Err(Error::not_implemented(what));
        }
        Ok(())
    }

    /// Marks the record as changed: a new revision that shares no execution environment with older ones.
    pub(super) fn begin_update(&mut self, context: &Context) {
        self.last_modified = context.now;
        self.revision_id = context.ids.uuid();
        self.environment_id = context.ids.uuid();
        self.update_status = Some(UpdateStatus::InProgress);
        self.update_reason = None;
    }

    /// Whether publishing `self` would repeat `published`.
    pub(super) fn same_as(&self, published: &Self) -> bool {
        let comparable = |record: &Self| {
            (
                (
                    record.code.id.clone(),
                    record.runtime.clone(),
                    record.handler.clone(),
                ),
                (record.role.clone(), record.timeout_s, record.memory_size_mb),
                (record.ephemeral_storage_mb, record.architecture.clone()),
                (
                    record.environment.clone(),
                    record.dead_letter_target.clone(),
                ),
                (
                    record.tracing_mode.clone(),
                    record.log_format.clone(),
                    record.logging(),
                    record.log_group.clone(),
                    record.layers.clone(),
                ),
            )
        };
        comparable(self) == comparable(published)
    }

    /// As answered; `arn` is qualified or not, as the operation wants it.
    pub(super) fn answer(&self, name: &FunctionName, arn: String) -> FunctionConfiguration {
        let pending = self.state == State::Pending;
        let updating = self.update_status == Some(UpdateStatus::InProgress);
        FunctionConfiguration {
            function_name: name.name.clone(),
            function_arn: arn,
            runtime: self.runtime.clone(),
            role: self.role.clone(),
            handler: self.handler.clone(),
            code_size: self.code.size_bytes,
            description: self.description.clone(),
            timeout: self.timeout_s,
            memory_size: self.memory_size_mb,
            last_modified: iso_with_offset(self.last_modified),
            code_sha256: self.code.sha256_base64.clone(),
            version: self.version.clone(),
            dead_letter_config: self
                .dead_letter_target
                .clone()
                .map(|target_arn| DeadLetterConfig { target_arn }),
            environment: self
                .environment
                .clone()
                .map(|variables| EnvironmentInput { variables }),
            tracing_config: TracingConfig {
                mode: Some(self.tracing_mode.clone()),
            },
            revision_id: self.revision_id.clone(),
            layers: self.layers.iter().map(told_layer).collect(),
            state: Some(state_name(self.state)),
            state_reason: pending
                .then(|| BEING_CREATED.to_owned())
                .or_else(|| self.state_reason.clone()),
            state_reason_code: match self.state {
                State::Pending => Some("Creating"),
                State::Active => None,
                State::Failed => Some("InvalidRuntime"),
            },
            last_update_status: self.update_status.map(update_status_name),
            last_update_status_reason: updating
                .then(|| BEING_CREATED.to_owned())
                .or_else(|| self.update_reason.clone()),
            last_update_status_reason_code: match self.update_status {
                Some(UpdateStatus::InProgress) => Some("Creating"),
                Some(UpdateStatus::Failed) => Some("InvalidRuntime"),
                Some(UpdateStatus::Successful) | None => None,
            },
            package_type: "Zip",
            architectures: vec![self.architecture.clone()],
            ephemeral_storage: EphemeralStorage {
                size: self.ephemeral_storage_mb,
            },
            snap_start: SnapStart {
                apply_on: "None",
                optimization_status: "Off",
            },
            runtime_version_config: RuntimeVersionConfig {
                runtime_version_arn: runtime_version_arn(name, &self.runtime),
                error: self
                    .runtime_substitute
                    .clone()
                    .map(|message| RuntimeVersionError {
                        error_code: "RuntimeSubstituted",
                        message,
                    }),
            },
            logging_config: LoggingConfig {
                log_format: self.log_format.clone(),
                application_log_level: self.application_log_level.clone(),
                system_log_level: self.system_log_level.clone(),
                log_group: self.log_group.clone(),
            },
        }
    }
}

/// Refuses a role that Lambda may not take, or that the caller may not give it.
pub(super) fn check_role(tx: &Tx<'_>, context: &Context, role: &str) -> Result<()> {
    iam::authorise_pass_role(tx, context, role, "lambda.amazonaws.com")?;
    if iam::service_may_assume(tx, context, role, "lambda.amazonaws.com")? {
        return Ok(());
    }
    Err(errors::invalid(
        "The role defined for the function cannot be assumed by Lambda.",
    ))
}

/// A target that events are sent to; refused where they would go nowhere.
pub(super) fn check_queue_target(arn: &str) -> Result<()> {
    let service = arn.split(':').nth(2).unwrap_or_default();
    match service {
        "" | "lambda" | "sqs" => Ok(()),
        service => Err(Error::not_implemented(format!(
            "lambda: sending events to {service}"
        ))),
    }
}

fn refuse_what_is_not_built(input: &ConfigurationInput) -> Result<()> {
    let vpc = input.vpc_config.as_ref();
    let snap_start = input.snap_start.as_ref();
    let file_systems = input.file_system_configs.as_deref().unwrap_or_default();
    let asked = [
        (
            "VpcConfig",
            vpc.is_some_and(|vpc| !vpc.subnet_ids.is_empty() || !vpc.security_group_ids.is_empty()),
        ),
        (
            "KMSKeyArn",
            input
                .kms_key_arn
                .as_deref()
                .is_some_and(|arn| !arn.is_empty()),
        ),
        ("FileSystemConfigs", !file_systems.is_empty()),
        ("ImageConfig", input.image_config.is_some()),
        (
            "SnapStart",
            snap_start.is_some_and(|snap| snap.apply_on.as_deref() == Some("PublishedVersions")),
        ),
        (
            "CapacityProviderConfig",
            input.capacity_provider_config.is_some(),
        ),
        ("DurableConfig", input.durable_config.is_some()),
        ("RuntimeConfig", input.runtime_config.is_some()),
        ("AcceleratorConfig", input.accelerator_config.is_some()),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((what, _)) => Err(Error::not_implemented(format!("lambda: {what}"))),
        None => Ok(()),
    }
}

fn accepted_runtime(runtime: String) -> Result<String> {
    if RETIRED_RUNTIMES.contains(&runtime.as_str()) {
        return Err(errors::invalid(format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda \
             functions. We recommend you use a supported runtime while creating or updating functions."
        )));
    }
    if !RUNTIMES.contains(&runtime.as_str()) {
        return Err(errors::invalid(format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: \
             Member must satisfy enum value set: [{}] or be a valid ARN",
            RUNTIMES.join(", ")
        )));
    }
    Ok(runtime)
}

fn within(value: u32, maximum: u32, at: &str) -> Result<()> {
    if value <= maximum {
        return Ok(());
    }
    let reason = format!("Member must have value less than or equal to {maximum}");
    Err(errors::constraint(value, at, &reason))
}

fn check_environment(variables: &BTreeMap<String, String>) -> Result<()> {
    let reserved: Vec<_> = variables
        .keys()
        .filter(|name| RESERVED_VARIABLES.contains(&name.as_str()))
        .map(String::as_str)
        .collect();
    if !reserved.is_empty() {
        return Err(errors::invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you \
             have provided contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let measured = serde_json::to_string(variables).unwrap_or_default();
    if measured.len() > ENVIRONMENT_BYTES_MAX {
        return Err(errors::invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you \
             have provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(())
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Pending => "Pending",
        State::Active => "Active",
        State::Failed => "Failed",
    }
}

fn update_status_name(status: UpdateStatus) -> &'static str {
    match status {
        UpdateStatus::InProgress => "InProgress",
        UpdateStatus::Successful => "Successful",
        UpdateStatus::Failed => "Failed",
    }
}

pub(super) fn refuse_unless_active(record: &VersionRecord) -> Result<()> {
    match record.state {
        State::Active => Ok(()),
        state => Err(errors::not_ready(state_name(state))),
    }
}

fn told_layer(layer: &LayerUse) -> Layer {
    Layer {
        arn: layer.arn.clone(),
        code_size: layer.content.size_bytes,
    }
}

/// AWS names each release of a runtime by a hash; ours are named by the runtime alone.
fn runtime_version_arn(name: &FunctionName, runtime: &str) -> String {
    let digest = Sha256::digest(runtime);
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:lambda:{}::runtime:{hash}", name.region)
}

/// `2026-11-21T08:00:00.000+0000`.
pub(super) fn iso_with_offset(moment: Timestamp) -> String {
    format!("{}+0000", iso(moment))
}

/// `2026-11-21T08:00:00.000Z`.
pub(super) fn iso_utc(moment: Timestamp) -> String {
    format!("{}Z", iso(moment))
}

fn iso(moment: Timestamp) -> String {
    Moment::from_millisecond(moment.0)
        .unwrap_or(Moment::UNIX_EPOCH)
        .strftime("%Y-%m-%dT%H:%M:%S.%3f")
        .to_string()
}
