//! What users, groups and roles have in common: a name, an ARN, and policies they hold.

use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_engine::{Context, PrincipalKind};
use cumulet_kernel::{Table, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{no_entity, validation};
use super::state::{
    GROUPS, GroupRecord, Held, ROLES, RoleRecord, Tags, USERS, UserRecord, arn, named,
};

/// A user, group or role.
pub(super) trait Holder: Serialize + DeserializeOwned {
    const TABLE: Table;
    /// As messages and ARNs call it: `role`.
    const NOUN: &'static str;
    /// As action and member names call it: `Role`.
    const WORD: &'static str;
    /// Longest inline policies in all, white space aside.
    const INLINE_LIMIT_BYTES: usize;

    fn name(&self) -> &str;
    fn path(&self) -> &str;
    fn held(&self) -> &Held;
    fn held_mut(&mut self) -> &mut Held;
    /// Groups have none.
    fn tags(&self) -> Option<&Tags>;
    fn tags_mut(&mut self) -> Option<&mut Tags>;
    /// The service that a role is linked to.
    fn linked_to(&self) -> Option<&str> {
        None
    }
}

impl Holder for UserRecord {
    const TABLE: Table = USERS;
    const NOUN: &'static str = "user";
    const WORD: &'static str = "User";
    const INLINE_LIMIT_BYTES: usize = 2048;

    fn name(&self) -> &str {
        &self.name
    }
    fn path(&self) -> &str {
        &self.path
    }
    fn held(&self) -> &Held {
        &self.held
    }
    fn held_mut(&mut self) -> &mut Held {
        &mut self.held
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
}

impl Holder for RoleRecord {
    const TABLE: Table = ROLES;
    const NOUN: &'static str = "role";
    const WORD: &'static str = "Role";
    const INLINE_LIMIT_BYTES: usize = 10_240;

    fn name(&self) -> &str {
        &self.name
    }
    fn path(&self) -> &str {
        &self.path
    }
    fn held(&self) -> &Held {
        &self.held
    }
    fn held_mut(&mut self) -> &mut Held {
        &mut self.held
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }
    fn linked_to(&self) -> Option<&str> {
        self.linked_to.as_deref()
    }
}

impl Holder for GroupRecord {
    const TABLE: Table = GROUPS;
    const NOUN: &'static str = "group";
    const WORD: &'static str = "Group";
    const INLINE_LIMIT_BYTES: usize = 5120;

    fn name(&self) -> &str {
        &self.name
    }
    fn path(&self) -> &str {
        &self.path
    }
    fn held(&self) -> &Held {
        &self.held
    }
    fn held_mut(&mut self) -> &mut Held {
        &mut self.held
    }
    fn tags(&self) -> Option<&Tags> {
        None
    }
    fn tags_mut(&mut self) -> Option<&mut Tags> {
        None
    }
}

pub(super) fn find<H: Holder>(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Option<H>> {
    Ok(tx.load(H::TABLE, named(&context.account, name))?)
}

pub(super) fn load<H: Holder>(tx: &Tx<'_>, context: &Context, name: &str) -> Result<H> {
    find(tx, context, name)?.ok_or_else(|| no_entity(H::NOUN, name))
}

pub(super) fn save<H: Holder>(tx: &mut Tx<'_>, context: &Context, holder: &H) -> Result<()> {
    Ok(tx.save(H::TABLE, named(&context.account, holder.name()), holder)?)
}

/// The question whether the caller may do `action` to the holder of this name. What does not exist is
/// asked for as if it lay at the root.
pub(super) fn access<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    name: &str,
) -> Result<Access> {
    let holder = find::<H>(tx, context, name)?;
    let path = holder.as_ref().map_or("/", Holder::path);
    let access = Access::new(action, arn(&context.account, H::NOUN, path, name));
    let tags = holder.as_ref().and_then(Holder::tags);
    Ok(with_resource_tags(access, tags))
}

pub(super) fn with_resource_tags(mut access: Access, tags: Option<&Tags>) -> Access {
    for (key, value) in tags.into_iter().flat_map(Tags::values) {
        access = access.condition(format!("aws:ResourceTag/{key}"), value.as_str());
        access = access.condition(format!("iam:ResourceTag/{key}"), value.as_str());
    }
    access
}

/// The caller's own user name, where an operation on users names none.
pub(super) fn caller_name(context: &Context) -> Result<String> {
    match &context.principal.kind {
        PrincipalKind::User { name } => Ok(name.clone()),
        _ => Err(validation(
            "Must specify userName when calling with non-User credentials",
        )),
    }
}
