//! SSM Parameter Store: names with versioned values, in plain text or sealed by KMS.
//!
//! It knows only parameters; the rest of Systems Manager is not built and says so.

mod api;
mod delete;
mod describe;
mod error;
mod filter;
mod get;
mod label;
mod name;
mod put;
mod resource;
mod sealing;
mod state;
mod tags;
#[cfg(test)]
mod tests;

use api::{
    DescribeInput, HistoryInput, LabelInput, NameInput, NamesInput, PathInput, PutInput, TagsInput,
    UnlabelInput,
};
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_engine::registry::{Denial, Service};
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use state::TABLES;

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("ssm", Denial::Json, operations())
        .with_tables(500, TABLES)
        .with_resource_types(resource::resource_types())
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = parameter_operations();
    operations.extend(label_and_tag_operations());
    operations
}

fn parameter_operations() -> Vec<Operation> {
    vec![
        Operation::write::<PutInput, _>("PutParameter", put::access, put::put_parameter),
        Operation::read::<NameInput, _>(
            "GetParameter",
            |tx, context, input| name::access(tx, context, "ssm:GetParameter", &input.name),
            get::get_parameter,
        ),
        Operation::read::<NamesInput, _>(
            "GetParameters",
            |tx, context, input| on_each(tx, context, "ssm:GetParameters", &input.names),
            get::get_parameters,
        ),
        Operation::read::<PathInput, _>(
            "GetParametersByPath",
            get::path_access,
            get::get_parameters_by_path,
        ),
        Operation::read::<HistoryInput, _>(
            "GetParameterHistory",
            |tx, context, input| name::access(tx, context, "ssm:GetParameterHistory", &input.name),
            get::get_parameter_history,
        ),
        Operation::read::<DescribeInput, _>(
            "DescribeParameters",
            |_, _, _| Ok(vec![Access::new("ssm:DescribeParameters", "*")]),
            describe::describe_parameters,
        ),
        Operation::write::<NameInput, _>(
            "DeleteParameter",
            |tx, context, input| name::access(tx, context, "ssm:DeleteParameter", &input.name),
            delete::delete_parameter,
        ),
        Operation::write::<NamesInput, _>(
            "DeleteParameters",
            |tx, context, input| on_each(tx, context, "ssm:DeleteParameters", &input.names),
            delete::delete_parameters,
        ),
    ]
}

fn label_and_tag_operations() -> Vec<Operation> {
    vec![
        Operation::write::<LabelInput, _>(
            "LabelParameterVersion",
            |tx, context, input| {
                name::access(tx, context, "ssm:LabelParameterVersion", &input.name)
            },
            label::label_parameter_version,
        ),
        Operation::write::<UnlabelInput, _>(
            "UnlabelParameterVersion",
            |tx, context, input| {
                name::access(tx, context, "ssm:UnlabelParameterVersion", &input.name)
            },
            label::unlabel_parameter_version,
        ),
        Operation::write::<TagsInput, _>(
            "AddTagsToResource",
            |tx, context, input| tags::access(tx, context, "ssm:AddTagsToResource", input),
            tags::add_tags_to_resource,
        ),
        Operation::write::<TagsInput, _>(
            "RemoveTagsFromResource",
            |tx, context, input| tags::access(tx, context, "ssm:RemoveTagsFromResource", input),
            tags::remove_tags_from_resource,
        ),
        Operation::read::<TagsInput, _>(
            "ListTagsForResource",
            |tx, context, input| tags::access(tx, context, "ssm:ListTagsForResource", input),
            tags::list_tags_for_resource,
        ),
    ]
}

fn on_each(tx: &Tx<'_>, context: &Context, action: &str, names: &[String]) -> Result<Vec<Access>> {
    let each = names
        .iter()
        .map(|named| name::access(tx, context, action, named));
    Ok(each.collect::<Result<Vec<_>>>()?.concat())
}

/// A parameter as templates see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedParameter {
    pub value: String,
    pub version: u64,
    /// `String`, `StringList` or `SecureString`.
    pub parameter_type: String,
}

/// The value of a parameter (`name`, `name:3`, `name:label` or an ARN), read by the context's principal:
/// needs ssm:GetParameters, and kms:Decrypt for a SecureString `with_decryption`.
pub fn resolve_parameter(
    tx: &Tx<'_>,
    context: &Context,
    name: &str,
    with_decryption: bool,
) -> Result<ResolvedParameter> {
    iam::authorise(
        tx,
        context,
        &name::access(tx, context, "ssm:GetParameters", name)?,
    )?;
    let found = get::find(tx, context, name)?;
    Ok(ResolvedParameter {
        value: sealing::open(
            tx,
            context,
            &found.arn(context),
            &found.version,
            with_decryption,
        )?,
        version: found.version.number,
        parameter_type: found.parameter.parameter_type.wire_name().into(),
    })
}
