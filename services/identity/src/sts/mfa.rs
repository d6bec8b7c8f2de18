//! The second device of whoever asks for a session: its code, checked before a policy asks for it and used up with the
//! session that it opens.

use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, PrincipalKind};
use cumulet_kernel::{Timestamp, Tx};

use crate::iam;

/// A device and the code it shows, of the calling user.
struct Shown<'a> {
    user: &'a str,
    serial_number: &'a str,
    code: &'a str,
}

fn given<'a>(
    context: &'a Context,
    serial_number: &'a Option<String>,
    code: &'a Option<String>,
) -> Result<Option<Shown<'a>>> {
    let (serial_number, code) = match (serial_number, code) {
        (None, None) => return Ok(None),
        (Some(serial_number), Some(code)) => (serial_number, code),
        _ => {
            let text = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.";
            return Err(Error::access_denied(text));
        }
    };
    match &context.principal.kind {
        PrincipalKind::User { name } => Ok(Some(Shown {
            user: name,
            serial_number,
            code,
        })),
        _ => Err(Error::access_denied(
            "MultiFactorAuthentication failed, only users have MFA devices.",
        )),
    }
}

/// Whether a code was shown; a wrong one is refused.
pub(super) fn shown(
    tx: &Tx<'_>,
    context: &Context,
    serial_number: &Option<String>,
    code: &Option<String>,
) -> Result<bool> {
    let Some(shown) = given(context, serial_number, code)? else {
        return Ok(false);
    };
    iam::check_mfa_code(tx, context, shown.user, shown.serial_number, shown.code)?;
    Ok(true)
}

/// Uses the code up; when that was, where one was shown.
pub(super) fn redeem(
    tx: &mut Tx<'_>,
    context: &Context,
    serial_number: &Option<String>,
    code: &Option<String>,
) -> Result<Option<Timestamp>> {
    let Some(shown) = given(context, serial_number, code)? else {
        return Ok(None);
    };
    iam::redeem_mfa_code(tx, context, shown.user, shown.serial_number, shown.code)?;
    Ok(Some(context.now))
}
