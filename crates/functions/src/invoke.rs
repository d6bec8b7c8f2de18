//! One invocation in one execution environment: initialisation, the event, the answer, and the log lines around them.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::execution_environment::{ExecutionEnvironment, Happening, StartOutcome};
use crate::fault::Fault;
use crate::platform_log::{Line, Report};
use crate::runtime_api::{Event, RuntimeEvent};
use crate::{Invocation, InvocationOutcome, InvokeError};

/// What initialisation may take before it is cut off and run again inside the invocation.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a function answered.
type Answer = Result<Payload, Fault>;

/// An answer in hand, or one that its receiver has already.
enum Payload {
    Whole(Bytes),
    Streamed,
}

/// Runs an invocation. `cold` says that the environment is new.
pub(crate) async fn run(
    environment: &mut ExecutionEnvironment,
    invocation: Invocation,
    cold: bool,
) -> Result<InvocationOutcome, InvokeError> {
    environment.logs.begin();
    let init_duration_ms = if cold {
        first_initialisation(environment, &invocation.request_id).await?
    } else {
        None
    };

    let request_id = invocation.request_id.clone();
    let version = environment.function.version.clone();
    let trace_id = invocation.trace_id.clone();
    environment.tell(&Line::Start {
        request_id: &request_id,
        version: &version,
    });
    let begin = Instant::now();
    let answer = answer(environment, invocation, begin).await?;
    let duration_ms = duration_ms(environment, begin, &answer);
    Ok(conclude(
        environment,
        &request_id,
        answer,
        Timing {
            cold,
            init_duration_ms,
            duration_ms,
        },
        trace_id.as_deref(),
    ))
}

struct Timing {
    cold: bool,
    init_duration_ms: Option<f64>,
    duration_ms: f64,
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// AWS stops the clock at the timeout.
fn duration_ms(environment: &ExecutionEnvironment, begin: Instant, answer: &Answer) -> f64 {
    match answer {
        Err(fault) if fault.timed_out => f64::from(environment.function.timeout_s) * 1000.0,
        _ => milliseconds(begin),
    }
}

/// The phase before the first invocation. A failure here is only logged: the function gets another chance inside it.
async fn first_initialisation(
    environment: &mut ExecutionEnvironment,
    request_id: &str,
) -> Result<Option<f64>, InvokeError> {
    environment.tell(&Line::InitStart {
        runtime: &environment.function.runtime,
        region: &environment.function.region,
    });
    if let Some(substitute) = &environment.substitute {
        environment.tell(&Line::Substituted { substitute });
    }
    let begin = Instant::now();
    let result = initialise(environment, request_id, begin + INIT_TIMEOUT).await?;
    let duration_ms = milliseconds(begin);
    match result {
        Ok(()) => return Ok(Some(duration_ms)),
        Err(InitFailure::TimedOut) => {
            environment.tell(&Line::InitReport {
                duration_ms,
                phase: "init",
                status: "timeout",
                error_type: None,
            });
        }
        Err(InitFailure::Fault(fault)) => {
            report_initialisation(environment, &fault, duration_ms, "init")
        }
    }
    Ok(None)
}

fn report_initialisation(
    environment: &ExecutionEnvironment,
    fault: &Fault,
    duration_ms: f64,
    phase: &str,
) {
    if let Some(text) = &fault.log {
        environment.logs.platform(text.clone());
    }
    environment.tell(&Line::InitReport {
        duration_ms,
        phase,
        status: "error",
        error_type: Some(&fault.error_type),
    });
}

enum InitFailure {
    TimedOut,
    Fault(Fault),
}

/// Starts a runtime process and waits until it asks for work. Whatever fails, nothing of it is left running.
async fn initialise(
    environment: &mut ExecutionEnvironment,
    request_id: &str,
    deadline: Instant,
) -> Result<Result<(), InitFailure>, InvokeError> {
    if let StartOutcome::NotStarted { why } = environment.start_runtime().await? {
        return Ok(Err(InitFailure::Fault(Fault::not_started(
            request_id, &why,
        ))));
    }
    let failure = match environment.happening(deadline).await? {
        Happening::Runtime(RuntimeEvent::Initialised) => {
            environment.initialised = true;
            return Ok(Ok(()));
        }
        Happening::Runtime(RuntimeEvent::InitError(report)) => {
            InitFailure::Fault(Fault::reported(report))
        }
        // The state machine lets no answer through before an event was delivered.
        Happening::Runtime(_) => {
            InitFailure::Fault(Fault::not_started(request_id, "unexpected answer"))
        }
        Happening::Exited(exit) => {
            return Ok(Err(InitFailure::Fault(Fault::exited(request_id, exit))));
        }
        Happening::OutOfMemory => {
            return Ok(Err(InitFailure::Fault(Fault::out_of_memory(request_id))));
        }
        Happening::TimedOut => InitFailure::TimedOut,
    };
    environment.kill_runtime().await?;
    Ok(Err(failure))
}

/// Delivers the event and waits for what comes of it, after a suppressed initialisation where no runtime is there.
async fn answer(
    environment: &mut ExecutionEnvironment,
    invocation: Invocation,
    begin: Instant,
) -> Result<Answer, InvokeError> {
    let timeout_s = environment.function.timeout_s;
    let timeout = Duration::from_secs(u64::from(timeout_s));
    let deadline = begin + timeout;
    let request_id = invocation.request_id.clone();
    let deadline_ms = now_ms() + i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
    environment.notice_end()?;
    if !environment.initialised {
        match initialise(environment, &request_id, deadline).await? {
            Ok(()) => {}
            Err(InitFailure::TimedOut) => return Ok(Err(Fault::timed_out(&request_id, timeout_s))),
            Err(InitFailure::Fault(fault)) => {
                report_initialisation(environment, &fault, milliseconds(begin), "invoke");
                // Its text stands in the log already.
                return Ok(Err(Fault { log: None, ..fault }));
            }
        }
    }
    environment.exchange.deliver(event(invocation, deadline_ms));
    loop {
        return Ok(match environment.happening(deadline).await? {
            // From the first `next` of a runtime started for an invocation before this one.
            Happening::Runtime(RuntimeEvent::Initialised) => continue,
            Happening::Runtime(RuntimeEvent::Response(payload)) => Ok(Payload::Whole(payload)),
            Happening::Runtime(RuntimeEvent::Streamed) => Ok(Payload::Streamed),
            Happening::Runtime(RuntimeEvent::ResponseTooLarge) => Err(Fault::response_too_large()),
            Happening::Runtime(RuntimeEvent::Error(report) | RuntimeEvent::InitError(report)) => {
                Err(Fault::reported(report))
            }
            Happening::Exited(exit) => Err(Fault::exited(&request_id, exit)),
            Happening::OutOfMemory => Err(Fault::out_of_memory(&request_id)),
            Happening::TimedOut => {
                environment.kill_runtime().await?;
                Err(Fault::timed_out(&request_id, timeout_s))
            }
        });
    }
}

fn event(invocation: Invocation, deadline_ms: i64) -> Event {
    Event {
        request_id: invocation.request_id,
        payload: invocation.payload,
        deadline_ms,
        invoked_function_arn: invocation.invoked_function_arn,
        trace_id: invocation.trace_id,
        client_context: invocation.client_context,
        cognito_identity: invocation.cognito_identity,
        stream: invocation.stream,
    }
}

/// Since August 2025 the initialisation is billed too.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a duration: positive and below 2^53 ms"
)]
fn billed_ms(duration_ms: f64, init_duration_ms: Option<f64>) -> u64 {
    (duration_ms + init_duration_ms.unwrap_or(0.0)).ceil() as u64
}

/// The last lines, and everything put together.
fn conclude(
    environment: &mut ExecutionEnvironment,
    request_id: &str,
    answer: Answer,
    timing: Timing,
    trace_id: Option<&str>,
) -> InvocationOutcome {
    let max_memory_used_mb = environment.memory.peak_mb();
    let billed_duration_ms = billed_ms(timing.duration_ms, timing.init_duration_ms);
    let streamed = matches!(answer, Ok(Payload::Streamed));
    let (payload, fault) = match answer {
        Ok(Payload::Whole(payload)) => (payload, None),
        Ok(Payload::Streamed) => (Bytes::new(), None),
        Err(fault) => (fault.payload.clone(), Some(fault)),
    };
    if let Some(text) = fault.as_ref().and_then(|fault| fault.log.clone()) {
        environment.logs.platform(text);
    }
    environment.tell(&Line::End { request_id });
    environment.tell(&Line::Report(Report {
        request_id,
        duration_ms: timing.duration_ms,
        billed_duration_ms,
        memory_size_mb: environment.function.memory_size_mb,
        max_memory_used_mb,
        init_duration_ms: timing.init_duration_ms,
        status: fault.as_ref().and_then(|fault| fault.status),
        error_type: fault.as_ref().map(|fault| fault.error_type.as_str()),
        trace: trace_id.filter(|_| environment.function.tracing_active),
    }));
    InvocationOutcome {
        payload,
        streamed,
        function_error: fault.is_some().then(|| "Unhandled".to_owned()),
        timed_out: fault.as_ref().is_some_and(|fault| fault.timed_out),
        error_type: fault.map(|fault| fault.error_type),
        log_stream_name: environment.log_stream_name.clone(),
        log_lines: environment.logs.end(),
        cold: timing.cold,
        init_duration_ms: timing.init_duration_ms,
        duration_ms: timing.duration_ms,
        billed_duration_ms,
        max_memory_used_mb,
    }
}
