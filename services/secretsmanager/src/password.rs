//! Random passwords.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::{Ids, Tx};

use super::api::{PasswordInput, PasswordOutput};
use super::error::{invalid_parameter, invalid_request};

const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBERS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const LENGTH: usize = 32;

pub(super) fn get_random_password(
    _: &mut Tx<'_>,
    context: &Context,
    input: PasswordInput,
) -> Result<PasswordOutput> {
    Ok(PasswordOutput {
        random_password: password(&context.ids, &input)?,
    })
}

fn password(ids: &Ids, rules: &PasswordInput) -> Result<String> {
    let length = rules.password_length.unwrap_or(LENGTH);
    let types = types(rules);
    let all = types.concat();
    if all.is_empty() {
        return Err(invalid_request(
            "No characters are left to make a password of.",
        ));
    }
    let required = if rules.require_each_included_type.unwrap_or(true) {
        types
    } else {
        Vec::new()
    };
    if length < required.len() {
        return Err(invalid_parameter(format!(
            "Password length {length} is too short based on the required types."
        )));
    }
    let mut drawn: Vec<u8> = Vec::with_capacity(length);
    for characters in &required {
        drawn.extend(ids.text(1, characters).bytes());
    }
    drawn.extend(ids.text(length - required.len(), &all).bytes());
    shuffle(ids, &mut drawn);
    Ok(drawn.into_iter().map(char::from).collect())
}

/// The characters of each included type that are not excluded one by one.
fn types(rules: &PasswordInput) -> Vec<Vec<u8>> {
    let types = [
        (LOWERCASE, !rules.exclude_lowercase),
        (UPPERCASE, !rules.exclude_uppercase),
        (NUMBERS, !rules.exclude_numbers),
        (PUNCTUATION, !rules.exclude_punctuation),
        (" ", rules.include_space),
    ];
    let included = types.into_iter().filter(|(_, included)| *included);
    let left = |(characters, _): (&str, bool)| {
        let left = characters
            .chars()
            .filter(|&character| !rules.exclude_characters.contains(character));
        left.collect::<String>().into_bytes()
    };
    included.map(left).filter(|left| !left.is_empty()).collect()
}

/// So that the required characters lie anywhere.
fn shuffle(ids: &Ids, drawn: &mut [u8]) {
    for last in (1..drawn.len()).rev() {
        // 64 random bits over at most 4,096 places: the bias is below 2^-51.
        let random = u64::from_be_bytes(ids.bytes());
        let place = usize::try_from(random % (last as u64 + 1)).unwrap_or(last);
        drawn.swap(last, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(rules: PasswordInput) -> Result<String> {
        password(&Ids::seeded([1; 32]), &rules)
    }

    #[test]
    fn every_included_type_is_there_and_nothing_excluded() {
        for length in [4, 5, 32, 4096] {
            let rules = PasswordInput {
                password_length: Some(length),
                exclude_characters: "aA0!".into(),
                ..PasswordInput::default()
            };
            let drawn = draw(rules).expect("drawn");
            assert_eq!(drawn.len(), length);
            for characters in [LOWERCASE, UPPERCASE, NUMBERS, PUNCTUATION] {
                assert!(
                    drawn
                        .chars()
                        .any(|character| characters.contains(character)),
                    "{drawn}"
                );
            }
            assert!(!drawn.contains(['a', 'A', '0', '!', ' ']), "{drawn}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        let short = PasswordInput {
            password_length: Some(3),
            ..PasswordInput::default()
        };
        let refused = draw(short.clone()).expect_err("too short");
        assert_eq!(
            refused.message,
            "Password length 3 is too short based on the required types."
        );
        let loose = PasswordInput {
            require_each_included_type: Some(false),
            ..short
        };
        assert_eq!(draw(loose).expect("drawn").len(), 3);
        let only = PasswordInput {
            exclude_lowercase: true,
            exclude_uppercase: true,
            exclude_punctuation: true,
            exclude_characters: NUMBERS.into(),
            ..PasswordInput::default()
        };
        assert!(draw(only).is_err());
    }
}
