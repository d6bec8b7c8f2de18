//! How many invocations may run at once: the account's thousand, and what functions reserve of it.
//!
//! Reservations are stored; what runs now is counted in memory, since it ends with the process.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;
use serde_json::{Map, Value};

use super::api::{Concurrency, FunctionInput, PutConcurrencyInput};
use super::function::whole;
use super::name::FunctionName;
use super::state::{RESERVED, region_prefix};
use super::{errors, resolve};

pub(super) const ACCOUNT_LIMIT: u32 = 1000;
const UNRESERVED_MIN: u32 = 100;

/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html>
pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutConcurrencyInput,
) -> Result<Concurrency> {
    let name = function_itself(context, &input.function_name)?;
    resolve::function(tx, &name)?;
    let own: u32 = tx.load(RESERVED, name.key())?.unwrap_or(0);
    let others = reserved_total(tx, &name)? - own;
    let wanted = input.reserved_concurrent_executions;
    if others.saturating_add(wanted) > ACCOUNT_LIMIT - UNRESERVED_MIN {
        return Err(errors::invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MIN}]."
        )));
    }
    tx.save(RESERVED, name.key(), &wanted)?;
    Ok(Concurrency {
        reserved_concurrent_executions: Some(wanted),
    })
}

pub(super) fn get(tx: &mut Tx<'_>, context: &Context, input: FunctionInput) -> Result<Concurrency> {
    let name = function_itself(context, &input.function_name)?;
    resolve::function(tx, &name)?;
    Ok(Concurrency {
        reserved_concurrent_executions: tx.load(RESERVED, name.key())?,
    })
}

pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: FunctionInput) -> Result<Value> {
    let name = function_itself(context, &input.function_name)?;
    resolve::function(tx, &name)?;
    tx.delete(RESERVED, name.key())?;
    Ok(Value::Object(Map::new()))
}

fn function_itself(context: &Context, function: &str) -> Result<FunctionName> {
    if FunctionName::parse(context, function)?.qualifier.is_some() {
        return Err(errors::invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this \
             operation. Please specify either a function name or an unqualified function ARN.",
        ));
    }
    whole(context, function)
}

/// What all functions of the account and region have reserved.
pub(super) fn reserved_total(tx: &Tx<'_>, name: &FunctionName) -> Result<u32> {
    let prefix = region_prefix(&name.account, &name.region);
    let mut keys = Vec::new();
    for pair in tx.prefix(RESERVED, prefix, Direction::Forward)? {
        keys.push(pair?.0);
    }
    let mut total = 0;
    for key in keys {
        total += tx.load::<u32>(RESERVED, key)?.unwrap_or(0);
    }
    Ok(total)
}

/// The limits an invocation falls under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) reserved: Option<u32>,
    unreserved: u32,
}

pub(super) fn limits(tx: &Tx<'_>, name: &FunctionName) -> Result<Limits> {
    Ok(Limits {
        reserved: tx.load(RESERVED, name.key())?,
        unreserved: ACCOUNT_LIMIT.saturating_sub(reserved_total(tx, name)?),
    })
}

/// What runs now, by installation and pool. A test has many installations in one process, each with a
/// cache folder of its own.
static RUNNING: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

/// The right to run one invocation; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    pool: String,
}

/// Takes a place in the function's own pool, or in the one all others share.
pub(super) fn acquire(engine: &Engine, name: &FunctionName, limits: Limits) -> Result<Permit> {
    let place = engine.cache_directory.display();
    let (pool, limit, reason) = match limits.reserved {
        Some(reserved) => (
            format!("{place} {}", name.arn()),
            reserved,
            "ReservedFunctionConcurrentInvocationLimitExceeded",
        ),
        None => (
            format!("{place} {} {}", name.account, name.region),
            limits.unreserved,
            "ConcurrentInvocationLimitExceeded",
        ),
    };
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let count = running.entry(pool.clone()).or_default();
    if *count >= limit {
        return Err(errors::throttled(reason));
    }
    *count += 1;
    Ok(Permit { pool })
}

impl Permit {
    /// How many run now in the same pool, this one included.
    pub(super) fn running(&self) -> u32 {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(&self.pool).copied().unwrap_or_default()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.pool) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.pool);
            }
        }
    }
}
