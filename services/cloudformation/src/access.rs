//! What a call needs to be allowed: the action on the stack that it names.

use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_engine::{Context, arn};
use cumulet_kernel::Tx;

use super::api::{
    ChangeSetInput, CreateChangeSetInput, CreateStackInput, DeleteStackInput, EventsInput,
    StackInput, TemplateInput, UpdateStackInput,
};
use super::state;

/// An input that may name a stack.
pub(super) trait StackRequest {
    fn stack(&self) -> Option<&str>;

    /// Condition keys of the request beside the stack.
    fn conditions(&self) -> Vec<(String, Vec<String>)> {
        Vec::new()
    }
}

macro_rules! names_a_stack {
    ($($input:ty => |$one:ident| $name:expr),* $(,)?) => {
        $(impl StackRequest for $input {
            fn stack(&self) -> Option<&str> {
                let $one = self;
                $name
            }
        })*
    };
}

names_a_stack! {
    CreateStackInput => |one| Some(&one.stack_name),
    UpdateStackInput => |one| Some(&one.stack_name),
    CreateChangeSetInput => |one| Some(&one.stack_name),
    DeleteStackInput => |one| Some(&one.stack_name),
    ChangeSetInput => |one| one.stack_name.as_deref(),
    StackInput => |one| one.stack_name.as_deref(),
    TemplateInput => |one| one.stack_name.as_deref(),
    EventsInput => |one| one.stack_name.as_deref(),
}

/// `cloudformation:<action>` on the stack named, else on everything.
pub(super) fn access<I: StackRequest>(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &I,
) -> Result<Vec<Access>> {
    let resource = match input.stack() {
        None => "*".to_owned(),
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        Some(name) => match state::find_stack(tx, context, name)? {
            Some(stack) => stack.id,
            None => arn::regional(context, "cloudformation", format!("stack/{name}/*")),
        },
    };
    let mut access = Access::new(&format!("cloudformation:{action}"), resource);
    access.conditions = input.conditions();
    Ok(vec![access])
}
