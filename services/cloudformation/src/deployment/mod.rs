//! A stack operation on its way: the scheduler.
//!
//! The journal is the store. A delivery reads how far the operation is, starts whatever is ready (as
//! much at once as the graph allows), and each resource is made in one transaction together with its
//! entry in the journal. So nothing is remembered in memory: whenever the process dies, the next delivery
//! finds the same journal and goes on, and no resource is made twice or forgotten.

mod apply;
mod events;
mod failure;
mod finish;
mod remove;
mod restore;
mod run;
mod schedule;
mod turn;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) use apply::way;
use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Event;
use cumulet_kernel::outbox::{self, Entry};
pub(super) use events::stack_event;
pub(super) use finish::{exports_unused, remove_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use run::Run;
pub(super) use run::identity;
use schedule::{Decision, Item};

/// Internal failures are tried again so often before the resource counts as failed.
const ATTEMPTS_MAX: u32 = 5;

/// Takes an operation as far as it goes now.
pub(super) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::StackStep {
        stack_id,
        operation_id,
    } = entry.event.clone()
    else {
        return Err(Error::internal("not a step of a stack operation"));
    };
    let loaded = engine.read(|tx| Run::load(tx, context, &stack_id, &operation_id))?;
    let Some(run) = loaded else {
        return finish_entry(engine, entry).await;
    };
    advance(engine, Arc::new(run), entry).await
}

async fn advance(engine: &Engine, run: Arc<Run>, entry: Entry) -> Result<()> {
    let mut working = FuturesUnordered::new();
    let mut in_flight = BTreeSet::new();
    loop {
        let now = engine.clock.now();
        match engine.read(|tx| schedule::decide(tx, &run, now, &in_flight))? {
            Decision::Start(items) => {
                for item in items {
                    in_flight.insert(item.clone());
                    working.push(work(engine, run.clone(), item, entry.attempts));
                }
            }
            Decision::Busy => {}
            Decision::Turn => {
                let run = run.clone();
                engine.write(move |tx| turn::turn(tx, &run.at(now))).await?;
                continue;
            }
            Decision::Wait(due) => {
                return engine
                    .write(move |tx| {
                        outbox::finish(tx, entry.id)?;
                        outbox::emit(tx, due, entry.event)?;
                        Ok(())
                    })
                    .await;
            }
            Decision::Over => return finish_entry(engine, entry).await,
        }
        if let Some(result) = working.next().await {
            in_flight.remove(&result?);
        }
    }
}

async fn finish_entry(engine: &Engine, entry: Entry) -> Result<()> {
    engine
        .write(move |tx| Ok(outbox::finish(tx, entry.id)?))
        .await
}

/// Does one piece of work and notes it where it failed; errors are our own failures alone.
async fn work(engine: &Engine, run: Arc<Run>, item: Item, attempts: u32) -> Result<Item> {
    let outcome = attempt(engine, &run, &item).await;
    let Err(error) = outcome else {
        return Ok(item);
    };
    if failure::is_our_own(&error) && attempts < ATTEMPTS_MAX {
        return Err(error);
    }
    let (now, failed) = (engine.clock.now(), item.clone());
    engine
        .write(move |tx| match &failed {
            Item::Apply(id) => apply::fail(tx, &run.at(now), id, &error),
            Item::Restore(id) => restore::fail(tx, &run.at(now), id, &error),
            Item::Remove(number) => remove::fail(tx, &run.at(now), *number, &error),
        })
        .await?;
    Ok(item)
}

async fn attempt(engine: &Engine, run: &Arc<Run>, item: &Item) -> Result<()> {
    let code = match item {
        Item::Apply(id) => apply::prepare(engine, run, id).await?,
        Item::Restore(id) => restore::prepare(engine, run, id).await?,
        Item::Remove(_) => None,
    };
    let (run, item, now) = (run.clone(), item.clone(), engine.clock.now());
    engine
        .write(move |tx| match &item {
            Item::Apply(id) => apply::apply(tx, &run.at(now), id, code.as_ref()),
            Item::Restore(id) => restore::restore(tx, &run.at(now), id, code.as_ref()),
            Item::Remove(number) => remove::remove(tx, &run.at(now), *number),
        })
        .await
}

#[cfg(test)]
mod tests;
