//! DeleteParameter and DeleteParameters.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;

use super::api::{DeletedOutput, NameInput, NamesInput, Nothing};
use super::error::not_found;
use super::name::{load, parse};
use super::state::{PARAMETERS, VERSIONS, parameter_key, version_key};

pub(super) fn delete_parameter(
    tx: &mut Tx<'_>,
    context: &Context,
    input: NameInput,
) -> Result<Nothing> {
    if remove(tx, context, &input.name)? {
        Ok(Nothing {})
    } else {
        Err(not_found())
    }
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html>
pub(super) fn delete_parameters(
    tx: &mut Tx<'_>,
    context: &Context,
    input: NamesInput,
) -> Result<DeletedOutput> {
    let mut output = DeletedOutput {
        deleted_parameters: Vec::new(),
        invalid_parameters: Vec::new(),
    };
    for name in input.names {
        match remove(tx, context, &name)? {
            true => output.deleted_parameters.push(name),
            false => output.invalid_parameters.push(name),
        }
    }
    Ok(output)
}

/// Whether there was one.
fn remove(tx: &mut Tx<'_>, context: &Context, named: &str) -> Result<bool> {
    let named = parse(tx, context, named)?;
    if named.selector.is_some() || load(tx, context, &named.name)?.is_none() {
        return Ok(false);
    }
    let prefix = parameter_key(context, &named.name);
    let keys = tx.prefix(VERSIONS, &prefix, Direction::Forward)?;
    let keys = keys.map(|pair| Ok(pair?.0)).collect::<Result<Vec<_>>>()?;
    for key in keys {
        tx.delete(VERSIONS, key)?;
    }
    tx.delete(PARAMETERS, prefix)?;
    Ok(true)
}

pub(super) fn version(tx: &mut Tx<'_>, context: &Context, name: &str, number: u64) -> Result<()> {
    Ok(tx.delete(VERSIONS, version_key(context, name, number))?)
}
