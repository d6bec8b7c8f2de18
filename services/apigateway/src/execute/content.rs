//! Text and binary: which bodies are which, and how one becomes the other.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::Call;

/// Whether a media type is among those the API calls binary.
pub(super) fn is_binary(binary_types: &[String], media_type: &str) -> bool {
    let media_type = media_type.split(';').next().unwrap_or(media_type).trim();
    binary_types.iter().any(|known| {
        let family = known.strip_suffix("/*");
        known == "*/*"
            || known.eq_ignore_ascii_case(media_type)
            || family.is_some_and(|family| media_type.split('/').next() == Some(family))
    })
}

/// Whether the first media type that the client accepts is one the API calls binary.
pub(super) fn wants_binary(call: &Call<'_>) -> bool {
    let accept = call.request.header("accept").unwrap_or_default();
    let first = accept.split(',').next().unwrap_or_default();
    is_binary(&call.definition.binary_media_types, first)
}

/// A request's body as its integration takes it; `None` where it is no base64 and had to be.
pub(super) fn of_request(body: &Bytes, binary: bool, handling: Option<&str>) -> Option<Bytes> {
    match (binary, handling) {
        (true, Some("CONVERT_TO_TEXT")) => Some(STANDARD.encode(body).into()),
        (false, Some("CONVERT_TO_BINARY")) => decoded(body),
        _ => Some(body.clone()),
    }
}

/// An integration's body as the client takes it.
pub(super) fn of_answer(
    body: Bytes,
    binary: bool,
    wants_binary: bool,
    handling: Option<&str>,
) -> Option<Bytes> {
    match (binary, wants_binary, handling) {
        (true, _, Some("CONVERT_TO_TEXT")) | (true, false, None) => {
            Some(STANDARD.encode(&body).into())
        }
        (false, _, Some("CONVERT_TO_BINARY")) | (false, true, None) => decoded(&body),
        _ => Some(body),
    }
}

fn decoded(body: &Bytes) -> Option<Bytes> {
    STANDARD.decode(body).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide's two tables of content conversions, row by row.
    #[test]
    fn bodies_are_converted_as_the_guides_tables_say() {
        let (text, binary) = (Bytes::from_static(b"aGV5"), Bytes::from_static(b"hey"));
        for (body, is_binary, handling, expected) in [
            (&text, false, None, &text),
            (&text, false, Some("CONVERT_TO_TEXT"), &text),
            (&text, false, Some("CONVERT_TO_BINARY"), &binary),
            (&binary, true, None, &binary),
            (&binary, true, Some("CONVERT_TO_TEXT"), &text),
            (&binary, true, Some("CONVERT_TO_BINARY"), &binary),
        ] {
            assert_eq!(
                of_request(body, is_binary, handling).as_ref(),
                Some(expected)
            );
        }
        for (body, is_binary, wanted, handling, expected) in [
            (&text, false, false, None, &text),
            (&text, false, false, Some("CONVERT_TO_BINARY"), &binary),
            (&text, false, true, None, &binary),
            (&text, false, true, Some("CONVERT_TO_TEXT"), &text),
            (&binary, true, false, None, &text),
            (&binary, true, false, Some("CONVERT_TO_BINARY"), &binary),
            (&binary, true, true, None, &binary),
            (&binary, true, true, Some("CONVERT_TO_TEXT"), &text),
        ] {
            let made = of_answer(body.clone(), is_binary, wanted, handling);
            assert_eq!(made.as_ref(), Some(expected));
        }
        assert_eq!(
            of_request(&Bytes::from_static(b"?"), false, Some("CONVERT_TO_BINARY")),
            None
        );
    }
}
