//! Virtual MFA devices: six digits that change every half minute (RFC 6238), against a seed told once.
//!
//! A code is good for its own half minute and the two beside it, and only once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Key, Timestamp, Tx};
use ring::hmac;

use super::access_key::user_of;
use super::api::credentials::{
    CreateMfaInput, CreateMfaOutput, ListMfaOutput, ListVirtualMfaOutput, MfaDevice, MfaInput,
    NewMfaDevice, VirtualMfaDevice,
};
use super::api::{ListTagsOutput, NothingOutput, seconds};
use super::error::{already_exists, delete_conflict, limit_exceeded, no_such};
use super::keys::BASE32;
use super::page::page;
use super::role::check_path;
use super::state::{MFA_DEVICES, MfaDeviceRecord, Secret, UserRecord, arn};
use super::tags::{merge, remove, tag_list, tag_map, with_request_tags};
use super::user;

const STEP_S: i64 = 30;
const SEED_DIGITS: usize = 64;
const DEVICES_PER_USER: usize = 8;
/// How far the clock of a device may be off when it is enabled, in half minutes.
const ENABLING_STEPS: i64 = 20;

fn key_of(account: &str, serial_number: &str) -> Key {
    Key::new().text(account).text(serial_number)
}

fn load(tx: &Tx<'_>, account: &str, serial_number: &str) -> Result<MfaDeviceRecord> {
    let found: Option<MfaDeviceRecord> = tx.load(MFA_DEVICES, key_of(account, serial_number))?;
    let missing = || {
        no_such(format!(
            "VirtualMFADevice with serial number {serial_number} doesn't exist."
        ))
    };
    found.ok_or_else(missing)
}

fn save(tx: &mut Tx<'_>, account: &str, device: &MfaDeviceRecord) -> Result<NothingOutput> {
    tx.save(MFA_DEVICES, key_of(account, &device.serial_number), device)?;
    Ok(NothingOutput {})
}

fn all(tx: &Tx<'_>, account: &str) -> Result<Vec<MfaDeviceRecord>> {
    super::records(tx, MFA_DEVICES, Key::new().text(account))
}

/// The devices of a user.
pub(super) fn of_user(tx: &Tx<'_>, user: &UserRecord) -> Result<Vec<MfaDeviceRecord>> {
    let mut devices = all(tx, &user.account)?;
    devices.retain(|device| device.user.as_deref() == Some(user.name.as_str()));
    Ok(devices)
}

/// A user that is renamed keeps its devices.
pub(super) fn move_to(tx: &mut Tx<'_>, before: &UserRecord, after: &str) -> Result<()> {
    for mut device in of_user(tx, before)? {
        device.user = Some(after.to_owned());
        save(tx, &before.account, &device)?;
    }
    Ok(())
}

pub(super) fn create_access(
    _: &Tx<'_>,
    context: &Context,
    input: &CreateMfaInput,
) -> Result<Vec<Access>> {
    let access = Access::new("iam:CreateVirtualMFADevice", serial_number(context, input));
    Ok(vec![with_request_tags(access, &input.tags)])
}

pub(super) fn access(context: &Context, action: &str, input: &MfaInput) -> Result<Vec<Access>> {
    let resource = match input.serial_number.as_str() {
        "" => arn(&context.account, "mfa", "/", ""),
        serial_number => serial_number.to_owned(),
    };
    Ok(vec![with_request_tags(
        Access::new(action, resource),
        &input.tags,
    )])
}

fn serial_number(context: &Context, input: &CreateMfaInput) -> String {
    let path = input.path.as_deref().unwrap_or("/");
    arn(&context.account, "mfa", path, &input.name)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateVirtualMFADevice.html>
///
/// Without a QR code: the seed in base 32 is the same to every authenticator.
pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateMfaInput,
) -> Result<CreateMfaOutput> {
    check_path(input.path.as_deref())?;
    let serial_number = serial_number(context, &input);
    if tx
        .get(MFA_DEVICES, key_of(&context.account, &serial_number))?
        .is_some()
    {
        return Err(already_exists(
            "MFADevice entity at the same path and name already exists.",
        ));
    }
    let device = MfaDeviceRecord {
        serial_number,
        seed: Secret(context.ids.text(SEED_DIGITS, BASE32)),
        user: None,
        enabled: None,
        last_step: 0,
        tags: tag_map(&input.tags)?,
    };
    save(tx, &context.account, &device)?;
    Ok(CreateMfaOutput {
        device: NewMfaDevice {
            serial_number: device.serial_number,
            seed: STANDARD.encode(device.seed.0),
            tags: tag_list(&device.tags),
        },
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteVirtualMFADevice.html>
pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: MfaInput) -> Result<NothingOutput> {
    let device = load(tx, &context.account, &input.serial_number)?;
    if device.user.is_some() {
        return Err(delete_conflict(
            "The device is still associated to a user. You must deactivate it first.",
        ));
    }
    tx.delete(MFA_DEVICES, key_of(&context.account, &input.serial_number))?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html>
pub(super) fn enable(tx: &mut Tx<'_>, context: &Context, input: MfaInput) -> Result<NothingOutput> {
    let user = user_of(tx, context, input.user_name.clone())?;
    let mut device = load(tx, &context.account, &input.serial_number)?;
    if device.user.is_some() {
        return Err(already_exists("MFA Device is already in use."));
    }
    if of_user(tx, &user)?.len() >= DEVICES_PER_USER {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for MFADevicesPerUser: {DEVICES_PER_USER}"
        )));
    }
    device.last_step = two_in_a_row(&device, context.now, &input)?;
    device.user = Some(user.name);
    device.enabled = Some(context.now);
    save(tx, &context.account, &device)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ResyncMFADevice.html>
pub(super) fn resync(tx: &mut Tx<'_>, context: &Context, input: MfaInput) -> Result<NothingOutput> {
    let mut device = owned(tx, context, &input)?;
    device.last_step = two_in_a_row(&device, context.now, &input)?;
    save(tx, &context.account, &device)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html>
pub(super) fn deactivate(
    tx: &mut Tx<'_>,
    context: &Context,
    input: MfaInput,
) -> Result<NothingOutput> {
    let mut device = owned(tx, context, &input)?;
    device.user = None;
    device.enabled = None;
    save(tx, &context.account, &device)
}

fn owned(tx: &Tx<'_>, context: &Context, input: &MfaInput) -> Result<MfaDeviceRecord> {
    let user = user_of(tx, context, input.user_name.clone())?;
    let device = load(tx, &context.account, &input.serial_number)?;
    match device.user.as_deref() == Some(user.name.as_str()) {
        true => Ok(device),
        false => Err(no_such(format!(
            "MFA Device invalid for user: {}",
            user.name
        ))),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListMFADevices.html>
pub(super) fn list(tx: &mut Tx<'_>, context: &Context, input: MfaInput) -> Result<ListMfaOutput> {
    let user = user_of(tx, context, input.user_name)?;
    let name = |device: &MfaDeviceRecord| device.serial_number.clone();
    let (devices, more) = page(of_user(tx, &user)?, name, &input.page)?;
    let devices = devices.into_iter().map(view).collect();
    Ok(ListMfaOutput { devices, more })
}

fn view(device: MfaDeviceRecord) -> MfaDevice {
    MfaDevice {
        user_name: device.user.unwrap_or_default(),
        serial_number: device.serial_number,
        enable_date: device.enabled.map_or(0, seconds),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetMFADevice.html>
pub(super) fn get(tx: &mut Tx<'_>, context: &Context, input: MfaInput) -> Result<MfaDevice> {
    Ok(view(owned(tx, context, &input)?))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListVirtualMFADevices.html>
pub(super) fn list_virtual(
    tx: &mut Tx<'_>,
    context: &Context,
    input: MfaInput,
) -> Result<ListVirtualMfaOutput> {
    let mut devices = all(tx, &context.account)?;
    devices.retain(|device| match input.assignment_status.as_deref() {
        Some("Assigned") => device.user.is_some(),
        Some("Unassigned") => device.user.is_none(),
        _ => true,
    });
    let name = |device: &MfaDeviceRecord| device.serial_number.clone();
    let (page, more) = page(devices, name, &input.page)?;
    let mut devices = Vec::with_capacity(page.len());
    for device in page {
        let owner: Option<UserRecord> = match &device.user {
            Some(user) => super::holder::find(tx, context, user)?,
            None => None,
        };
        devices.push(VirtualMfaDevice {
            serial_number: device.serial_number,
            user: owner.as_ref().map(user::short_view),
            enable_date: device.enabled.map(seconds),
        });
    }
    Ok(ListVirtualMfaOutput { devices, more })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagMFADevice.html>
pub(super) fn tag(tx: &mut Tx<'_>, context: &Context, input: MfaInput) -> Result<NothingOutput> {
    let mut device = load(tx, &context.account, &input.serial_number)?;
    merge(&mut device.tags, &input.tags)?;
    save(tx, &context.account, &device)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagMFADevice.html>
pub(super) fn untag(tx: &mut Tx<'_>, context: &Context, input: MfaInput) -> Result<NothingOutput> {
    let mut device = load(tx, &context.account, &input.serial_number)?;
    remove(&mut device.tags, &input.tag_keys);
    save(tx, &context.account, &device)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListMFADeviceTags.html>
pub(super) fn list_tags(
    tx: &mut Tx<'_>,
    context: &Context,
    input: MfaInput,
) -> Result<ListTagsOutput> {
    let device = load(tx, &context.account, &input.serial_number)?;
    let key = |tag: &super::api::Tag| tag.key.to_lowercase();
    let (tags, more) = page(tag_list(&device.tags), key, &input.page)?;
    Ok(ListTagsOutput { tags, more })
}

/// Whether the code is one that the user's device shows now. STS words the refusal.
pub(crate) fn check(
    tx: &Tx<'_>,
    context: &Context,
    user: &str,
    serial_number: &str,
    code: &str,
) -> Result<()> {
    step_of(tx, context, user, serial_number, code).map(drop)
}

/// The same, and the code is used up.
pub(crate) fn redeem(
    tx: &mut Tx<'_>,
    context: &Context,
    user: &str,
    serial_number: &str,
    code: &str,
) -> Result<()> {
    let account = &context.principal.account;
    let step = step_of(tx, context, user, serial_number, code)?;
    let mut device = load(tx, account, serial_number)?;
    device.last_step = step;
    save(tx, account, &device).map(drop)
}

fn step_of(
    tx: &Tx<'_>,
    context: &Context,
    user: &str,
    serial_number: &str,
    code: &str,
) -> Result<i64> {
    let key = key_of(&context.principal.account, serial_number);
    let device: Option<MfaDeviceRecord> = tx.load(MFA_DEVICES, key)?;
    let device = device.filter(|device| device.user.as_deref() == Some(user));
    let device = device.ok_or_else(|| {
        Error::access_denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number \
             is valid and associated with this user.",
        )
    })?;
    let now = step_at(context.now);
    let fresh = (now - 1..=now + 1).filter(|step| *step > device.last_step);
    let mut fresh = fresh.filter(|step| code_at(&device, *step) == code);
    fresh.next().ok_or_else(|| {
        Error::access_denied(
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
        )
    })
}

fn step_at(time: Timestamp) -> i64 {
    time.seconds().div_euclid(STEP_S)
}

/// The half minute of the second of two codes that follow each other.
fn two_in_a_row(device: &MfaDeviceRecord, now: Timestamp, input: &MfaInput) -> Result<i64> {
    let now = step_at(now);
    let mut steps = now - ENABLING_STEPS..=now + ENABLING_STEPS;
    let is_pair = |step: &i64| {
        code_at(device, *step) == input.first_code && code_at(device, step + 1) == input.second_code
    };
    let found = steps.find(is_pair).map(|step| step + 1);
    found.ok_or_else(|| {
        Error::new(
            "InvalidAuthenticationCode",
            "Authentication code for device is not valid.",
        )
        .status(403)
    })
}

/// <https://www.rfc-editor.org/rfc/rfc4226#section-5.3>
fn code_at(device: &MfaDeviceRecord, step: i64) -> String {
    let key = hmac::Key::new(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        &from_base32(&device.seed.0),
    );
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes[19] & 0xF);
    let number = u32::from_be_bytes([
        bytes[offset] & 0x7F,
        bytes[offset + 1],
        bytes[offset + 2],
        bytes[offset + 3],
    ]);
    format!("{:06}", number % 1_000_000)
}

fn from_base32(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|digit| {
        let place = BASE32.iter().position(|&known| known == digit)?;
        u32::try_from(place).ok()
    });
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        bits = bits << 5 | digit;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xFF).unwrap_or_default());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 6238, the last six of their eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let device = MfaDeviceRecord {
            serial_number: String::new(),
            seed: Secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into()),
            user: None,
            enabled: None,
            last_step: 0,
            tags: Default::default(),
        };
        for (time_s, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(&device, time_s / STEP_S), code);
        }
    }
}
