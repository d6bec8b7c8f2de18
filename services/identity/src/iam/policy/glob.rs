//! Wildcards: `*` for any run of characters, `?` for one.
//!
//! Patterns come from whoever writes policies and texts from whoever calls, so matching never
//! recurses and never costs more than the product of the two lengths.

/// One step of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Byte(u8),
    /// `?`
    One,
    /// `*`
    Many,
}

/// Whether the whole of `text` matches.
pub(crate) fn matches(pattern: &[Token], text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut step, mut at) = (0, 0);
    // Where to go on if what follows the last `*` fails: it then swallows one byte more.
    let mut resume = None;
    while at < bytes.len() {
        match pattern.get(step) {
            Some(Token::Many) => {
                step += 1;
                resume = Some((step, at));
            }
            Some(Token::Byte(byte)) if *byte == bytes[at] => (step, at) = (step + 1, at + 1),
            Some(Token::One) if text.is_char_boundary(at) => {
                (step, at) = (step + 1, next_boundary(text, at));
            }
            _ => match resume {
                Some((after, from)) => {
                    (step, at) = (after, from + 1);
                    resume = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[step..].iter().all(|token| *token == Token::Many)
}

fn next_boundary(text: &str, at: usize) -> usize {
    (at + 1..text.len())
        .find(|&next| text.is_char_boundary(next))
        .unwrap_or(text.len())
}

/// How an ARN pattern treats fields that it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingFields {
    /// `Resource`: AWS completes them with `*`.
    MatchAnything,
    /// Conditions: an incomplete ARN matches nothing.
    MatchNothing,
}

/// Whether an ARN matches field by field: no wildcard reaches across one of its first five colons.
pub(crate) fn matches_arn(pattern: &[Token], text: &str, missing: MissingFields) -> bool {
    if pattern == [Token::Many] {
        return true;
    }
    if !text.starts_with("arn:") {
        return matches(pattern, text);
    }
    let mut fields = pattern.splitn(6, |token| *token == Token::Byte(b':'));
    text.splitn(6, ':').all(|field| match fields.next() {
        Some(pattern) => matches(pattern, field),
        None => missing == MissingFields::MatchAnything,
    }) && fields.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(pattern: &str) -> Vec<Token> {
        let token = |byte| match byte {
            b'*' => Token::Many,
            b'?' => Token::One,
            byte => Token::Byte(byte),
        };
        pattern.bytes().map(token).collect()
    }

    #[test]
    fn wildcards_match_as_aws_documents_them() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "ä", true),
            ("*?", "ä", true),
            ("??", "ä", false),
            ("a*b*c", "a/x/b/y/c", true),
            ("*abc", "ababc", true),
            ("abc", "abcd", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(&tokens(pattern), text),
                expected,
                "{pattern} on {text}"
            );
        }
    }

    #[test]
    fn a_hostile_pattern_is_answered_at_once() {
        let pattern = tokens(&"*a".repeat(1000));
        assert!(!matches(&pattern, &"a".repeat(999)));
        assert!(!matches(&pattern, &"b".repeat(5000)));
    }

    #[test]
    fn wildcards_stay_within_a_field_of_an_arn() {
        let object = "arn:aws:s3:::bucket/a/b:c";
        for (pattern, expected) in [
            ("*", true),
            ("arn:aws:s3:::bucket/*", true),
            ("arn:*:s3:::bucket/a/?:c", true),
            ("arn:aws:s3:*:bucket/*", false),
            ("arn:aws:s3:*", true),
            ("arn:aws:*", true),
            ("arn:aws:sqs*", false),
            ("bucket/*", false),
        ] {
            let found = matches_arn(&tokens(pattern), object, MissingFields::MatchAnything);
            assert_eq!(found, expected, "{pattern}");
        }
        assert!(!matches_arn(
            &tokens("arn:aws:s3:*"),
            object,
            MissingFields::MatchNothing
        ));
        assert!(!matches_arn(
            &tokens("arn:aws:s3:::x"),
            "*",
            MissingFields::MatchAnything
        ));
    }
}
