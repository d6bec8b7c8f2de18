//! Passwords of users and the account's rules for them. They are kept as salted hashes: nothing here tells
//! one, and no console asks for them, but who manages users manages these too.

use std::num::NonZeroU32;

use cumulet_engine::Context;
use cumulet_engine::PrincipalKind;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use ring::pbkdf2;

use super::access_key::user_of;
use super::account;
use super::api::credentials::{
    ChangePasswordInput, LoginProfile, LoginProfileInput, LoginProfileOutput, PasswordPolicy,
    PasswordPolicyInput, PasswordPolicyOutput,
};
use super::api::{HolderInput, NothingOutput, seconds};
use super::error::{already_exists, no_such};
use super::holder::{caller_name, load, save};
use super::state::{LoginRecord, PasswordPolicyRecord, Secret, UserRecord};

const MINIMUM_LENGTH: u32 = 6;
/// Without a policy of the account's own: AWS's default rules.
const DEFAULT_LENGTH: usize = 8;
const ROUNDS: NonZeroU32 = NonZeroU32::new(20_000).unwrap();
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";

fn no_policy(context: &Context) -> Error {
    no_such(format!(
        "The Password Policy with domain name {} cannot be found.",
        context.account
    ))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>
///
/// AWS resets what is not given.
pub(super) fn update_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PasswordPolicyInput,
) -> Result<NothingOutput> {
    let mut account = account::load(tx, context)?;
    account.password_policy = Some(PasswordPolicyRecord {
        minimum_length: input.minimum_password_length.unwrap_or(MINIMUM_LENGTH),
        symbols: input.require_symbols,
        numbers: input.require_numbers,
        uppercase: input.require_uppercase_characters,
        lowercase: input.require_lowercase_characters,
        may_change: input.allow_users_to_change_password,
        maximum_age_days: input.max_password_age.filter(|days| *days > 0),
        reuse_prevention: input.password_reuse_prevention.filter(|count| *count > 0),
        hard_expiry: input.hard_expiry,
    });
    account::save(tx, context, &account)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountPasswordPolicy.html>
pub(super) fn get_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: HolderInput,
) -> Result<PasswordPolicyOutput> {
    let policy = account::load(tx, context)?.password_policy;
    let policy = policy.ok_or_else(|| no_policy(context))?;
    let password_policy = PasswordPolicy {
        minimum_password_length: policy.minimum_length,
        require_symbols: policy.symbols,
        require_numbers: policy.numbers,
        require_uppercase_characters: policy.uppercase,
        require_lowercase_characters: policy.lowercase,
        allow_users_to_change_password: policy.may_change,
        expire_passwords: policy.maximum_age_days.is_some(),
        max_password_age: policy.maximum_age_days,
        password_reuse_prevention: policy.reuse_prevention,
        hard_expiry: policy.hard_expiry,
    };
    Ok(PasswordPolicyOutput { password_policy })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccountPasswordPolicy.html>
pub(super) fn delete_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: HolderInput,
) -> Result<NothingOutput> {
    let mut account = account::load(tx, context)?;
    account
        .password_policy
        .take()
        .ok_or_else(|| no_policy(context))?;
    account::save(tx, context, &account)
}

fn no_profile(user: &str) -> Error {
    no_such(format!("Login Profile for User {user} cannot be found."))
}

fn hashed(salt: &[u8], password: &str) -> Secret {
    let mut hash = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        ROUNDS,
        salt,
        password.as_bytes(),
        &mut hash,
    );
    Secret(hex::encode(hash))
}

fn is(login: &LoginRecord, password: &str) -> bool {
    let hash = hex::decode(&login.hash.0).unwrap_or_default();
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::verify(algorithm, ROUNDS, &login.salt, password.as_bytes(), &hash).is_ok()
}

/// Whether a kind of character is asked for, which it is, and its name.
type Rule = (bool, fn(char) -> bool, &'static str);

/// Refuses a password that the account's rules, or AWS's own, do not let through.
fn check(
    tx: &Tx<'_>,
    context: &Context,
    password: &str,
    before: Option<&LoginRecord>,
) -> Result<()> {
    let violation = |text: String| Err(Error::new("PasswordPolicyViolation", text));
    let policy = account::load(tx, context)?.password_policy;
    let shortest = policy.as_ref().map_or(DEFAULT_LENGTH, |policy| {
        usize::try_from(policy.minimum_length).unwrap_or(DEFAULT_LENGTH)
    });
    if password.chars().count() < shortest {
        return violation(format!(
            "Password should have a minimum length of {shortest}"
        ));
    }
    let Some(policy) = policy else {
        return Ok(());
    };
    let rules: [Rule; 4] = [
        (
            policy.uppercase,
            |each| each.is_ascii_uppercase(),
            "uppercase letter",
        ),
        (
            policy.lowercase,
            |each| each.is_ascii_lowercase(),
            "lowercase letter",
        ),
        (policy.numbers, |each| each.is_ascii_digit(), "number"),
        (policy.symbols, |each| SYMBOLS.contains(each), "symbol"),
    ];
    for (_, has, what) in rules.iter().filter(|(wanted, ..)| *wanted) {
        if !password.chars().any(has) {
            return violation(format!("Password should have at least one {what}"));
        }
    }
    let remembered = usize::try_from(policy.reuse_prevention.unwrap_or(0)).unwrap_or(0);
    let again = before.is_some_and(|login| {
        let hash = hashed(&login.salt, password).0;
        let used = std::iter::once(&login.hash).chain(&login.earlier);
        used.take(remembered).any(|used| used.0 == hash)
    });
    if again {
        return violation("Password has been used recently".into());
    }
    Ok(())
}

fn new_login(context: &Context, password: &str, reset_required: bool) -> LoginRecord {
    let salt = context.ids.bytes::<16>().to_vec();
    LoginRecord {
        created: context.now,
        changed: context.now,
        reset_required,
        hash: hashed(&salt, password),
        salt,
        earlier: Vec::new(),
    }
}

fn change(login: &mut LoginRecord, context: &Context, password: &str) {
    let hash = hashed(&login.salt, password);
    let before = std::mem::replace(&mut login.hash, hash);
    login.earlier.insert(0, before);
    login.earlier.truncate(24);
    login.changed = context.now;
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html>
pub(super) fn create_profile(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LoginProfileInput,
) -> Result<LoginProfileOutput> {
    let mut user = user_of(tx, context, input.user_name)?;
    if user.login.is_some() {
        return Err(already_exists(format!(
            "Login Profile for user {} already exists.",
            user.name
        )));
    }
    let password = input.password.unwrap_or_default();
    check(tx, context, &password, None)?;
    let reset_required = input.password_reset_required.unwrap_or(false);
    let login = new_login(context, &password, reset_required);
    let output = view(&user, &login);
    user.login = Some(login);
    save(tx, context, &user)?;
    Ok(output)
}

fn view(user: &UserRecord, login: &LoginRecord) -> LoginProfileOutput {
    LoginProfileOutput {
        login_profile: LoginProfile {
            user_name: user.name.clone(),
            create_date: seconds(login.created),
            password_reset_required: login.reset_required,
        },
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetLoginProfile.html>
pub(super) fn get_profile(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LoginProfileInput,
) -> Result<LoginProfileOutput> {
    let user = user_of(tx, context, input.user_name)?;
    let login = user.login.as_ref().ok_or_else(|| no_profile(&user.name))?;
    Ok(view(&user, login))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html>
pub(super) fn update_profile(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LoginProfileInput,
) -> Result<NothingOutput> {
    let mut user = user_of(tx, context, input.user_name)?;
    let mut login = user.login.take().ok_or_else(|| no_profile(&user.name))?;
    if let Some(password) = input.password {
        check(tx, context, &password, Some(&login))?;
        change(&mut login, context, &password);
    }
    login.reset_required = input
        .password_reset_required
        .unwrap_or(login.reset_required);
    user.login = Some(login);
    save(tx, context, &user)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteLoginProfile.html>
pub(super) fn delete_profile(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LoginProfileInput,
) -> Result<NothingOutput> {
    let mut user = user_of(tx, context, input.user_name)?;
    user.login.take().ok_or_else(|| no_profile(&user.name))?;
    save(tx, context, &user)?;
    Ok(NothingOutput {})
}

pub(super) fn change_access(
    tx: &Tx<'_>,
    context: &Context,
    _: &ChangePasswordInput,
) -> Result<Vec<Access>> {
    let PrincipalKind::User { .. } = context.principal.kind else {
        let text = "Only IAM Users can change their own password";
        return Err(Error::new("InvalidUserType", text));
    };
    super::operations::on::<UserRecord>(tx, context, "iam:ChangePassword", None)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ChangePassword.html>
pub(super) fn change_password(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ChangePasswordInput,
) -> Result<NothingOutput> {
    let name = caller_name(context)?;
    let mut user: UserRecord = load(tx, context, &name)?;
    let mut login = user.login.take().ok_or_else(|| no_profile(&name))?;
    if !is(&login, &input.old_password) {
        return Err(Error::access_denied("The old password was incorrect."));
    }
    check(tx, context, &input.new_password, Some(&login))?;
    change(&mut login, context, &input.new_password);
    login.reset_required = false;
    user.login = Some(login);
    save(tx, context, &user)?;
    Ok(NothingOutput {})
}
