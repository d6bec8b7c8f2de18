//! `/_cumulet/clock`: the installation's clock, looked at and moved.
//!
//! Moving it lets what falls due be delivered in the order of its due times, each at its own time: the
//! clock goes from one due time to the next. A long way is taken in at most [`STEPS_MAX`] steps, so that
//! work which leaves itself behind every minute does not take for ever; and each step waits only so long
//! for what it set off, since a function may run for minutes. The new time is durable before anything is
//! delivered at it: time never runs backwards for what is stored.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cumulet_engine::Error;
use cumulet_kernel::clock::{self, ClockState, wall_now};
use cumulet_kernel::{StoreError, Timestamp, outbox};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::TryRecvError;

use super::{Server, measures};

const STEPS_MAX: u64 = 1000;
/// How long a step waits for what it set off, and how long all steps together.
const STEP_WAIT: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A delivery that has ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivered {
    pub(super) due_ms: i64,
    pub(super) event: &'static str,
    /// What it was about: `cloudwatch alarm errors`.
    pub(super) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What may be done to the clock.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum Change {
    Advance { by_ms: u64 },
    Set { to_ms: i64 },
    Freeze,
    Resume,
}

pub(super) fn shown(server: &Server) -> Value {
    let clock = &server.engine.clock;
    let state = clock.state();
    let now = clock.now();
    json!({
        "nowMs": now.milliseconds(),
        "wallMs": wall_now().milliseconds(),
        "aheadMs": now.milliseconds() - wall_now().milliseconds(),
        "frozen": state.frozen_at.is_some(),
    })
}

/// Changes the clock, as the body of a permitted request says.
pub(super) async fn change(server: &Server, body: &[u8]) -> Result<Value, Error> {
    let change: Change =
        serde_json::from_slice(body).map_err(|error| Error::validation(error.to_string()))?;
    // Two movers at once would each see the other's work as its own.
    let _alone = server.clock_moves.lock().await;
    let clock = &server.engine.clock;
    let mut fired = Vec::new();
    match change {
        Change::Advance { by_ms } => fired = advance(server, by_ms).await?,
        Change::Set { to_ms } => {
            let by_ms = u64::try_from(to_ms - clock.now().milliseconds()).map_err(|_| {
                Error::validation("that time has passed already: the clock never runs backwards")
            })?;
            fired = advance(server, by_ms).await?;
        }
        Change::Freeze => {
            clock.freeze();
            keep(server, clock.state()).await?;
        }
        Change::Resume => {
            clock.resume();
            keep(server, clock.state()).await?;
            server.clock_moved.notify_one();
        }
    }
    let mut document = shown(server);
    document["fired"] = json!(fired);
    Ok(document)
}

async fn keep(server: &Server, state: ClockState) -> Result<(), Error> {
    Ok(server
        .engine
        .store
        .write::<_, StoreError, _>(move |tx| clock::save(tx, state))
        .await?)
}

/// Moves the clock forward; what was delivered on the way, in the order it ended.
async fn advance(server: &Server, by_ms: u64) -> Result<Vec<Delivered>, Error> {
    measures::flush(server).await;
    let clock = &server.engine.clock;
    keep(server, clock.state().advanced_ms(by_ms)).await?;
    let mut deliveries = server.deliveries.subscribe();
    let mut fired = Vec::new();
    let step_ms = by_ms / STEPS_MAX;
    let mut left_ms = by_ms;
    let hurry = tokio::spawn(tokio::time::sleep(WAIT));
    while left_ms > 0 {
        let now = clock.now();
        let next = server
            .engine
            .store
            .read(|tx| outbox::next_due_after(tx, now))?;
        let wanted_ms = next.map_or(left_ms, |next| {
            next.0.saturating_sub(now.0).max(0).unsigned_abs()
        });
        let by_ms = if hurry.is_finished() {
            left_ms
        } else {
            wanted_ms.max(step_ms).clamp(1, left_ms)
        };
        clock.advance_ms(by_ms);
        left_ms -= by_ms;
        server.clock_moved.notify_one();
        settle(server).await?;
        collect(&mut deliveries, &mut fired);
    }
    hurry.abort();
    Ok(fired)
}

/// Waits until nothing is due any more, or for as long as a step may.
async fn settle(server: &Server) -> Result<(), Error> {
    let settled = async {
        loop {
            let now = server.engine.clock.now();
            let is_empty = server
                .engine
                .store
                .read(|tx| outbox::due(tx, now, 1))?
                .is_empty();
            // An entry is taken out before its delivery has quite ended.
            if is_empty && server.delivering.load(Ordering::SeqCst) == 0 {
                return Ok::<_, StoreError>(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    // What takes longer goes on beside the next steps.
    match tokio::time::timeout(STEP_WAIT, settled).await {
        Ok(settled) => Ok(settled?),
        Err(_) => Ok(()),
    }
}

fn collect(
    deliveries: &mut tokio::sync::broadcast::Receiver<Delivered>,
    fired: &mut Vec<Delivered>,
) {
    loop {
        match deliveries.try_recv() {
            Ok(delivered) => fired.push(delivered),
            Err(TryRecvError::Lagged(missed)) => fired.push(Delivered {
                due_ms: Timestamp::default().0,
                event: "Unlisted",
                subject: format!("{missed} further deliveries"),
                error: None,
            }),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}
