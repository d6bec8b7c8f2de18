//! Where the supervisor and the runtime process meet: one event goes in, one answer comes out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::StreamPart;

/// An invocation as the runtime gets it from `next`.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) deadline_ms: i64,
    pub(crate) invoked_function_arn: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) client_context: Option<String>,
    pub(crate) cognito_identity: Option<String>,
    pub(crate) stream: Option<mpsc::Sender<StreamPart>>,
}

/// What a runtime says.
#[derive(Debug)]
pub(crate) enum RuntimeEvent {
    /// It asked for its first event.
    Initialised,
    InitError(ErrorReport),
    Response(Bytes),
    /// The whole answer went to the invocation's stream.
    Streamed,
    ResponseTooLarge,
    Error(ErrorReport),
}

#[derive(Debug)]
pub(crate) struct ErrorReport {
    pub(crate) error_type: String,
    pub(crate) payload: Bytes,
}

/// The states of AWS's emulator that a runtime without extensions and snapshots can be in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Started,
    InitError,
    Ready,
    Running,
    ResponseSent,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Started => "Started",
            State::InitError => "InitError",
            State::Ready => "Ready",
            State::Running => "Running",
            State::ResponseSent => "RuntimeResponseSent",
        }
    }
}

#[derive(Debug)]
enum Slot {
    Empty,
    /// The runtime waits in `next`.
    Waiting(oneshot::Sender<Event>),
    /// An event waits for the runtime.
    Pending(Event),
}

#[derive(Debug)]
struct Inner {
    /// Counts runtime processes: what a killed one still says is not heard.
    generation: u64,
    state: State,
    request_id: Option<String>,
    stream: Option<mpsc::Sender<StreamPart>>,
    slot: Slot,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Exchange {
    inner: Mutex<Inner>,
    events: mpsc::UnboundedSender<RuntimeEvent>,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    InvalidRequestId,
    Transition {
        from: &'static str,
        to: &'static str,
    },
    Stale,
}

impl Exchange {
    pub(crate) fn new() -> (Exchange, mpsc::UnboundedReceiver<RuntimeEvent>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let inner = Inner {
            generation: 0,
            state: State::Started,
            request_id: None,
            stream: None,
            slot: Slot::Empty,
        };
        (
            Exchange {
                inner: Mutex::new(inner),
                events,
            },
            receiver,
        )
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Before a new runtime process starts: forgets the one before.
    pub(crate) fn reset(&self) {
        let mut inner = self.lock();
        let generation = inner.generation + 1;
        *inner = Inner {
            generation,
            state: State::Started,
            request_id: None,
            stream: None,
            slot: Slot::Empty,
        };
    }

    /// Hands an invocation to the runtime, now or when it next asks.
    pub(crate) fn deliver(&self, event: Event) {
        let mut inner = self.lock();
        inner.request_id = Some(event.request_id.clone());
        inner.stream = event.stream.clone();
        match std::mem::replace(&mut inner.slot, Slot::Empty) {
            Slot::Waiting(waiter) => {
                inner.state = State::Running;
                if let Err(event) = waiter.send(event) {
                    inner.slot = Slot::Pending(event);
                }
            }
            Slot::Empty | Slot::Pending(_) => inner.slot = Slot::Pending(event),
        }
    }

    /// `next`: the event, when there is one.
    pub(super) fn next(&self, generation: u64) -> Result<oneshot::Receiver<Event>, Refusal> {
        let mut inner = self.lock();
        let from = inner.current(generation)?;
        // A runtime may repeat `next` when its connection broke while it waited.
        if !matches!(from, State::Started | State::Ready | State::ResponseSent) {
            return Err(Refusal::Transition {
                from: from.name(),
                to: State::Ready.name(),
            });
        }
        inner.state = State::Ready;
        let (sender, receiver) = oneshot::channel();
        match std::mem::replace(&mut inner.slot, Slot::Empty) {
            Slot::Pending(event) => {
                inner.state = State::Running;
                // The receiver is in our hands, so this cannot fail.
                drop(sender.send(event));
            }
            Slot::Empty | Slot::Waiting(_) => inner.slot = Slot::Waiting(sender),
        }
        if from == State::Started {
            self.tell(RuntimeEvent::Initialised);
        }
        Ok(receiver)
    }

    /// Where the running request's answer may be streamed to.
    pub(super) fn stream(&self) -> Option<mpsc::Sender<StreamPart>> {
        self.lock().stream.clone()
    }

    /// Whether an answer to this request may be given: checked before the body is read.
    pub(super) fn may_answer(
        &self,
        generation: u64,
        request_id: &str,
        to: &'static str,
    ) -> Result<(), Refusal> {
        self.lock().may_answer(generation, request_id, to)
    }

    /// The answer to the running request.
    pub(super) fn finish(
        &self,
        generation: u64,
        request_id: &str,
        to: &'static str,
        event: RuntimeEvent,
    ) -> Result<(), Refusal> {
        let mut inner = self.lock();
        inner.may_answer(generation, request_id, to)?;
        inner.state = State::ResponseSent;
        // The receiver learns from this that nothing more comes.
        inner.stream = None;
        self.tell(event);
        Ok(())
    }

    pub(super) fn init_error(&self, generation: u64, report: ErrorReport) -> Result<(), Refusal> {
        let mut inner = self.lock();
        match inner.current(generation)? {
            State::Started => {
                inner.state = State::InitError;
                self.tell(RuntimeEvent::InitError(report));
                Ok(())
            }
            from => Err(Refusal::Transition {
                from: from.name(),
                to: State::InitError.name(),
            }),
        }
    }

    fn tell(&self, event: RuntimeEvent) {
        // Nobody listens any more when the sandbox is being closed.
        drop(self.events.send(event));
    }
}

impl Inner {
    fn current(&self, generation: u64) -> Result<State, Refusal> {
        if self.generation == generation {
            Ok(self.state)
        } else {
            Err(Refusal::Stale)
        }
    }

    fn may_answer(
        &self,
        generation: u64,
        request_id: &str,
        to: &'static str,
    ) -> Result<(), Refusal> {
        let from = self.current(generation)?;
        if self.request_id.as_deref() != Some(request_id) {
            return Err(Refusal::InvalidRequestId);
        }
        if from == State::Running {
            Ok(())
        } else {
            Err(Refusal::Transition {
                from: from.name(),
                to,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(request_id: &str) -> Event {
        Event {
            request_id: request_id.to_owned(),
            payload: Bytes::from_static(b"{}"),
            deadline_ms: 0,
            invoked_function_arn: String::new(),
            trace_id: None,
            client_context: None,
            cognito_identity: None,
            stream: None,
        }
    }

    #[test]
    fn an_answer_is_taken_once_and_only_for_the_running_request() {
        let (exchange, mut events) = Exchange::new();
        let mut next = exchange.next(0).expect("first next");
        assert!(matches!(events.try_recv(), Ok(RuntimeEvent::Initialised)));
        exchange.deliver(event("one"));
        assert_eq!(next.try_recv().expect("delivered").request_id, "one");
        let refused = exchange.next(0).expect_err("running");
        assert!(matches!(
            refused,
            Refusal::Transition {
                from: "Running",
                to: "Ready"
            }
        ));

        let answer = |id: &str| {
            exchange.finish(
                0,
                id,
                "InvocationResponse",
                RuntimeEvent::Response(Bytes::new()),
            )
        };
        assert!(matches!(answer("two"), Err(Refusal::InvalidRequestId)));
        assert!(answer("one").is_ok());
        assert!(matches!(
            answer("one"),
            Err(Refusal::Transition {
                from: "RuntimeResponseSent",
                ..
            })
        ));
    }

    #[test]
    fn a_killed_runtime_is_not_heard() {
        let (exchange, _events) = Exchange::new();
        exchange.reset();
        assert!(matches!(exchange.next(0), Err(Refusal::Stale)));
        assert!(exchange.next(1).is_ok());
    }

    #[test]
    fn init_errors_are_for_initialisation_only() {
        let (exchange, _events) = Exchange::new();
        drop(exchange.next(0));
        let report = ErrorReport {
            error_type: "Runtime.Unknown".to_owned(),
            payload: Bytes::new(),
        };
        let refused = exchange.init_error(0, report).expect_err("ready");
        assert!(matches!(
            refused,
            Refusal::Transition {
                from: "Ready",
                to: "InitError"
            }
        ));
    }
}
