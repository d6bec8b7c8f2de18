//! Identifiers and keys as AWS forms them.

use cumulet_kernel::Ids;

pub(super) const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `AIDA`, `AROA`, `ANPA`... and 17 characters more.
pub(crate) fn unique_id(ids: &Ids, prefix: &str) -> String {
    format!("{prefix}{}", ids.text(17, BASE32))
}

pub(crate) fn secret_access_key(ids: &Ids) -> String {
    ids.text(40, SECRET)
}

/// `AKIA` or `ASIA` and 80 bits in base 32: a set bit, 40 bits of account, 39 random ones.
pub(crate) fn access_key_id(ids: &Ids, prefix: &str, account: &str) -> String {
    let account: u64 = account.parse().unwrap_or_default();
    let random: [u8; 5] = ids.bytes();
    let head = (1_u64 << 47) | (account & ACCOUNT_MASK) << 7 | u64::from(random[4] & 0x7F);
    let mut bytes = [0_u8; 10];
    bytes[..6].copy_from_slice(&head.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random[..4]);
    format!("{prefix}{}", base32(bytes))
}

const ACCOUNT_MASK: u64 = (1 << 40) - 1;

/// The account that an access key id carries, or `None` where it is not shaped like one.
pub(crate) fn account_of_access_key(id: &str) -> Option<String> {
    let digits = id.get(4..).filter(|digits| digits.len() == 16)?;
    let head = digits.bytes().take(10).try_fold(0_u64, |sum, digit| {
        let value = BASE32.iter().position(|&known| known == digit)?;
        Some(sum << 5 | u64::try_from(value).ok()?)
    })?;
    // Ten digits are 50 bits; the account lies in bits 7 to 46 of the first 48.
    Some(format!("{:012}", head >> 2 >> 7 & ACCOUNT_MASK))
}

fn base32(bytes: [u8; 10]) -> String {
    let mut wide = [0; 16];
    wide[6..].copy_from_slice(&bytes);
    let bits = u128::from_be_bytes(wide);
    let digit = |place: u32| BASE32[usize::try_from(bits >> (5 * place) & 31).unwrap_or_default()];
    (0..16)
        .rev()
        .map(|place| char::from(digit(place)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_id_carries_its_account() {
        let ids = Ids::seeded([4; 32]);
        for account in ["000000000000", "111122223333", "999999999999"] {
            let id = access_key_id(&ids, "AKIA", account);
            assert_eq!(
                (id.len(), account_of_access_key(&id).as_deref()),
                (20, Some(account))
            );
        }
        // From a published example of AWS's format.
        assert_eq!(
            account_of_access_key("ASIAY34FZKBOKMUTVV7A").as_deref(),
            Some("609629065308")
        );
        assert_eq!(account_of_access_key("test"), None);
    }
}
