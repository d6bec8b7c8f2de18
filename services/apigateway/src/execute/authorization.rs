//! Who may come in: the API's resource policy, IAM, and Lambda authorizers.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html>

use cumulet_engine::access::Access;
use cumulet_engine::error::Error;
use cumulet_engine::{Context, Principal, PrincipalKind};
use cumulet_identity::iam;
use serde_json::{Value, json};

use super::authorizer::{self, Authorized};
use super::log::ExecutionLog;
use super::{Call, Failure};

/// Lets a request in or refuses it; answers what an authorizer said of its caller.
pub(super) async fn check(
    call: &Call<'_>,
    log: &mut ExecutionLog,
) -> Result<Option<Authorized>, Failure> {
    let policy = resource_policy(call);
    match call.method.authorization_type.as_str() {
        "AWS_IAM" => {
            let caller = signed_by(call)?;
            decide(call, caller, policy.as_deref(), call.method_arn())?;
            Ok(None)
        }
        "CUSTOM" => authorizer::check(call, policy.as_deref(), log)
            .await
            .map(Some),
        // Without authorization nobody is asked who they are, whatever they signed.
        "NONE" => {
            if policy.is_some() {
                decide(
                    call,
                    Principal::anonymous(),
                    policy.as_deref(),
                    call.method_arn(),
                )?;
            }
            Ok(None)
        }
        other => Err(Failure::not_built(&format!("{other} authorization"))),
    }
}

/// The policy with its short resources (`execute-api:/stage/*`) written out.
fn resource_policy(call: &Call<'_>) -> Option<String> {
    let policy = call.definition.policy.as_deref()?;
    if policy.is_empty() {
        return None;
    }
    let Context {
        region, account, ..
    } = &call.context;
    let whole = format!("\"arn:aws:execute-api:{region}:{account}:{}/", call.api_id);
    let policy = policy.replace("\"execute-api:/", &whole);
    Some(policy)
}

fn signed_by(call: &Call<'_>) -> Result<Principal, Failure> {
    if let Some(error) = &call.request.unproven {
        return Err(unproven(error));
    }
    match call.context.principal.kind {
        PrincipalKind::Anonymous => Err(Failure::of(
            "MISSING_AUTHENTICATION_TOKEN",
            "Missing Authentication Token",
        )),
        _ => Ok((*call.context.principal).clone()),
    }
}

fn unproven(error: &Error) -> Failure {
    let kind = match error.code.as_ref() {
        "ExpiredTokenException" | "ExpiredToken" => "EXPIRED_TOKEN",
        "MissingAuthenticationTokenException" | "MissingAuthenticationToken" => {
            "MISSING_AUTHENTICATION_TOKEN"
        }
        _ => "INVALID_SIGNATURE",
    };
    Failure::of(kind, error.message.clone()).named(error.code.to_string())
}

/// Asks IAM whether `caller` may invoke the method.
fn decide(
    call: &Call<'_>,
    caller: Principal,
    policy: Option<&str>,
    resource: String,
) -> Result<(), Failure> {
    let owner = call.context.account.clone();
    let access =
        Access::new("execute-api:Invoke", resource).governed_by(policy.map(Into::into), &owner);
    let region = call.context.region.clone();
    let context = call.context.acting_as(caller).located(&owner, &region);
    let decided = call
        .engine
        .read(|tx| iam::authorise(tx, &context, std::slice::from_ref(&access)));
    decided.map_err(|error| denied(&error.message, &owner))
}

/// A denial shows the account's last four digits only.
pub(super) fn denied(message: &str, account: &str) -> Failure {
    let tail = account.get(8..).unwrap_or_default();
    let masked = message.replace(&format!(":{account}:"), &format!(":********{tail}:"));
    Failure::of("ACCESS_DENIED", masked)
}

/// Whether an authorizer's policy, with the API's own beside it, lets its principal invoke the method:
/// `Err` says whether it was denied outright.
pub(super) fn allowed_by(
    call: &Call<'_>,
    policy: &Value,
    resource_policy: Option<&str>,
) -> Result<(), bool> {
    let statements = |policy: &Value| match &policy["Statement"] {
        Value::Array(several) => several.clone(),
        one => vec![one.clone()],
    };
    let mut all = Vec::new();
    for mut statement in statements(policy) {
        // An authorizer's policy is about one principal, whom it does not name.
        if let Value::Object(statement) = &mut statement {
            statement.insert("Principal".to_owned(), json!("*"));
        }
        all.push(statement);
    }
    let own = resource_policy.and_then(|policy| serde_json::from_str(policy).ok());
    all.extend(own.as_ref().map(statements).unwrap_or_default());
    let joined = json!({ "Version": "2012-10-17", "Statement": all }).to_string();
    let decided = decide(
        call,
        Principal::anonymous(),
        Some(&joined),
        call.method_arn(),
    );
    decided.map_err(|failure| failure.message().contains("explicit deny"))
}
