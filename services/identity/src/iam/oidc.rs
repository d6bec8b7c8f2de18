//! OpenID Connect providers: whose word about a user counts, for which audiences.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::{Key, Tx};

use super::api::credentials::{CreateOidcOutput, ListOidcOutput, OidcArn, OidcInput, OidcOutput};
use super::api::{HolderInput, ListTagsOutput, NothingOutput, Tag, seconds};
use super::error::{already_exists, invalid_input, limit_exceeded, no_such, validation};
use super::page::page;
use super::state::{OIDC_PROVIDERS, OidcProviderRecord};
use super::tags::{merge, remove, tag_list, tag_map, with_request_tags};

const CLIENTS_MAX: usize = 100;
const THUMBPRINTS_MAX: usize = 5;

fn key_of(arn: &str) -> Key {
    let account = arn.split(':').nth(4).unwrap_or_default();
    Key::new().text(account).text(arn)
}

/// The provider with this ARN, in whatever account.
fn find(tx: &Tx<'_>, arn: &str) -> Result<Option<OidcProviderRecord>> {
    Ok(tx.load(OIDC_PROVIDERS, key_of(arn))?)
}

fn load(tx: &Tx<'_>, context: &Context, arn: &str) -> Result<OidcProviderRecord> {
    let own = arn.split(':').nth(4) == Some(&*context.account);
    let found = if own { find(tx, arn)? } else { None };
    found.ok_or_else(|| no_such(format!("OpenIDConnect Provider not found for arn {arn}")))
}

fn save(tx: &mut Tx<'_>, provider: &OidcProviderRecord) -> Result<NothingOutput> {
    tx.save(OIDC_PROVIDERS, key_of(&provider.arn), provider)?;
    Ok(NothingOutput {})
}

pub(super) fn access(action: &str, input: &OidcInput) -> Result<Vec<Access>> {
    let access = Access::new(action, &*input.arn);
    Ok(vec![with_request_tags(access, &input.tags)])
}

pub(super) fn create_access(
    _: &Tx<'_>,
    context: &Context,
    input: &OidcInput,
) -> Result<Vec<Access>> {
    let access = Access::new("iam:CreateOpenIDConnectProvider", arn(context, &input.url));
    Ok(vec![with_request_tags(access, &input.tags)])
}

fn arn(context: &Context, url: &str) -> String {
    let name = url.strip_prefix("https://").unwrap_or(url);
    format!("arn:aws:iam::{}:oidc-provider/{name}", context.account)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>
pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OidcInput,
) -> Result<CreateOidcOutput> {
    let url = input.url.strip_prefix("https://");
    let url = url.filter(|url| !url.is_empty() && !url.contains(['?', '#', ' ']));
    let Some(url) = url else {
        return Err(validation("Invalid Open ID Connect Provider URL"));
    };
    let arn = arn(context, &input.url);
    if find(tx, &arn)?.is_some() {
        return Err(already_exists(format!(
            "Provider with url {} already exists.",
            input.url
        )));
    }
    check_counts(&input.client_ids, &input.thumbprints)?;
    let provider = OidcProviderRecord {
        arn,
        url: url.trim_end_matches('/').to_owned(),
        created: context.now,
        client_ids: input.client_ids,
        thumbprints: input.thumbprints,
        tags: tag_map(&input.tags)?,
    };
    save(tx, &provider)?;
    Ok(CreateOidcOutput {
        arn: provider.arn,
        tags: tag_list(&provider.tags),
    })
}

fn check_counts(client_ids: &[String], thumbprints: &[String]) -> Result<()> {
    if client_ids.len() > CLIENTS_MAX {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENTS_MAX}"
        )));
    }
    if thumbprints.len() > THUMBPRINTS_MAX {
        return Err(invalid_input(
            "Thumbprint list must contain fewer than 5 entries.",
        ));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html>
pub(super) fn get(tx: &mut Tx<'_>, context: &Context, input: OidcInput) -> Result<OidcOutput> {
    let provider = load(tx, context, &input.arn)?;
    Ok(OidcOutput {
        tags: tag_list(&provider.tags),
        url: provider.url,
        client_ids: provider.client_ids,
        thumbprints: provider.thumbprints,
        create_date: seconds(provider.created),
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteOpenIDConnectProvider.html>
pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OidcInput,
) -> Result<NothingOutput> {
    load(tx, context, &input.arn)?;
    tx.delete(OIDC_PROVIDERS, key_of(&input.arn))?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOpenIDConnectProviders.html>
pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: HolderInput,
) -> Result<ListOidcOutput> {
    let prefix = Key::new().text(&context.account);
    let all: Vec<OidcProviderRecord> = super::records(tx, OIDC_PROVIDERS, prefix)?;
    let providers = all
        .into_iter()
        .map(|provider| OidcArn { arn: provider.arn });
    Ok(ListOidcOutput {
        providers: providers.collect(),
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddClientIDToOpenIDConnectProvider.html>
pub(super) fn add_client(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OidcInput,
) -> Result<NothingOutput> {
    let mut provider = load(tx, context, &input.arn)?;
    if !provider.client_ids.contains(&input.client_id) {
        provider.client_ids.push(input.client_id);
    }
    check_counts(&provider.client_ids, &[])?;
    save(tx, &provider)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveClientIDFromOpenIDConnectProvider.html>
pub(super) fn remove_client(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OidcInput,
) -> Result<NothingOutput> {
    let mut provider = load(tx, context, &input.arn)?;
    provider
        .client_ids
        .retain(|known| *known != input.client_id);
    save(tx, &provider)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateOpenIDConnectProviderThumbprint.html>
pub(super) fn update_thumbprints(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OidcInput,
) -> Result<NothingOutput> {
    let mut provider = load(tx, context, &input.arn)?;
    check_counts(&[], &input.thumbprints)?;
    provider.thumbprints = input.thumbprints;
    save(tx, &provider)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagOpenIDConnectProvider.html>
pub(super) fn tag(tx: &mut Tx<'_>, context: &Context, input: OidcInput) -> Result<NothingOutput> {
    let mut provider = load(tx, context, &input.arn)?;
    merge(&mut provider.tags, &input.tags)?;
    save(tx, &provider)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagOpenIDConnectProvider.html>
pub(super) fn untag(tx: &mut Tx<'_>, context: &Context, input: OidcInput) -> Result<NothingOutput> {
    let mut provider = load(tx, context, &input.arn)?;
    remove(&mut provider.tags, &input.tag_keys);
    save(tx, &provider)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOpenIDConnectProviderTags.html>
pub(super) fn list_tags(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OidcInput,
) -> Result<ListTagsOutput> {
    let provider = load(tx, context, &input.arn)?;
    let key = |tag: &Tag| tag.key.to_lowercase();
    let (tags, more) = page(tag_list(&provider.tags), key, &input.page)?;
    Ok(ListTagsOutput { tags, more })
}
