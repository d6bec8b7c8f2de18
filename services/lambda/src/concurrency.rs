//! How many invocations may run at once: the account's thousand, and what functions reserve of it.
//!
//! Reservations are stored; what runs now is counted in memory, since it ends with the process.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use super::running::{Permit, Running};
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

/// Takes a place in the function's own pool, or in the one all others share.
pub(super) fn acquire(engine: &Engine, name: &FunctionName, limits: Limits) -> Result<Permit> {
    let (pool, limit, reason) = match limits.reserved {
        Some(reserved) => (
            name.arn(),
            reserved,
            "ReservedFunctionConcurrentInvocationLimitExceeded",
        ),
        None => (
            format!("lambda {} {}", name.account, name.region),
            limits.unreserved,
            "ConcurrentInvocationLimitExceeded",
        ),
    };
    let permit = engine.memory.of::<Running>().take(pool, limit);
    permit.ok_or_else(|| errors::throttled(reason))
}
