//! The request: what may be uploaded, and the reason when it may not. Pure, so every refusal is tested without AWS.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answer::Problem;
use crate::price;

const PREFIX: &str = "uploads";
const DEFAULT_FILE_NAME: &str = "upload.bin";
const PRODUCT_ID_CHARACTERS_MAX: usize = 128;
const NAME_CHARACTERS_MAX: usize = 256;
/// S3's limit.
const KEY_BYTES_MAX: usize = 1024;

/// A file of a product, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub product_id: String,
    pub product_name: String,
    /// A decimal as text.
    pub price: String,
    pub file_name: String,
    pub content: Vec<u8>,
}

/// The event of a proxy integration, as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent {
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The members of the body. The price stays the text that it was: a JSON parser would make a float of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    product_id: Option<Value>,
    product_name: Option<Value>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    file_name: Option<Value>,
    file_content: Option<Value>,
}

impl Upload {
    /// Reads the upload out of an API Gateway event.
    pub(crate) fn from_event(event: &Value) -> Result<Self, Problem> {
        let event = ProxyEvent::deserialize(event).map_err(|_| Problem::internal())?;
        let body = event.body.unwrap_or_default();
        if !event.is_base64_encoded {
            return Self::from_body(&body);
        }
        let bytes = STANDARD
            .decode(body)
            .map_err(|_| Problem::invalid_json("The body is not valid base64"))?;
        let text =
            String::from_utf8(bytes).map_err(|_| Problem::invalid_json("The body is not UTF-8"))?;
        Self::from_body(&text)
    }

    fn from_body(body: &str) -> Result<Self, Problem> {
        let body = body.trim();
        if body.is_empty() {
            return Err(Problem::invalid_json("The body is empty"));
        }
        // serde would also take a list, by position.
        if !body.starts_with('{') {
            return Err(Problem::invalid_json("The body is not a JSON object"));
        }
        let members: Members<'_> = serde_json::from_str(body)
            .map_err(|_| Problem::invalid_json("The body is not valid JSON"))?;
        Self::from_members(members)
    }

    /// First what is missing, then what is wrong, each in the order of the documentation.
    fn from_members(members: Members<'_>) -> Result<Self, Problem> {
        let product_id = members
            .product_id
            .ok_or_else(|| Problem::missing_field("productId"))?;
        let product_name = members
            .product_name
            .ok_or_else(|| Problem::missing_field("productName"))?;
        let price = members
            .price
            .ok_or_else(|| Problem::missing_field("price"))?;
        let file_content = members
            .file_content
            .ok_or_else(|| Problem::missing_field("fileContent"))?;
        let upload = Self {
            product_id: product_id_of(&product_id)?,
            product_name: described("productName", &product_name, NAME_CHARACTERS_MAX)?,
            price: price::parse(price.get()).ok_or_else(Problem::invalid_price)?,
            file_name: file_name_of(members.file_name.as_ref())?,
            content: content_of(&file_content)?,
        };
        if upload.key().len() > KEY_BYTES_MAX {
            return Err(Problem::invalid_value(
                "productId and fileName together are too long",
            ));
        }
        Ok(upload)
    }

    /// Where the file goes. Neither part can hold a slash or be `..`, so the key has exactly these three segments.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{PREFIX}/{}/{}", self.product_id, self.file_name)
    }
}

fn product_id_of(value: &Value) -> Result<String, Problem> {
    let product_id = described("productId", value, PRODUCT_ID_CHARACTERS_MAX)?;
    if is_segment(&product_id) {
        Ok(product_id)
    } else {
        Err(Problem::invalid_product_info(
            "productId must not hold slashes or control characters",
        ))
    }
}

fn described(name: &str, value: &Value, characters_max: usize) -> Result<String, Problem> {
    let problem = |reason: &str| Problem::invalid_product_info(format!("{name} {reason}"));
    let text = value.as_str().ok_or_else(|| problem("must be text"))?;
    if text.trim().is_empty() {
        return Err(problem("must not be blank"));
    }
    if text.chars().count() > characters_max {
        return Err(problem(&format!(
            "must not be longer than {characters_max} characters"
        )));
    }
    Ok(text.to_owned())
}

fn file_name_of(value: Option<&Value>) -> Result<String, Problem> {
    let Some(value) = value else {
        return Ok(DEFAULT_FILE_NAME.to_owned());
    };
    let text = value
        .as_str()
        .ok_or_else(|| Problem::invalid_value("fileName must be text"))?;
    if text.trim().is_empty() {
        return Err(Problem::invalid_value("fileName must not be blank"));
    }
    if text.chars().count() > NAME_CHARACTERS_MAX {
        return Err(Problem::invalid_value(
            "fileName must not be longer than 256 characters",
        ));
    }
    if is_segment(text) {
        Ok(text.to_owned())
    } else {
        Err(Problem::invalid_value(
            "fileName must be a plain name, without path or control characters",
        ))
    }
}

/// Whether the text is one segment of a key and stays one for whoever maps keys to paths later.
fn is_segment(text: &str) -> bool {
    let splits = |character: char| matches!(character, '/' | '\\') || character.is_control();
    !text.contains(splits) && !matches!(text.trim(), "." | "..")
}

fn content_of(value: &Value) -> Result<Vec<u8>, Problem> {
    let text = value
        .as_str()
        .ok_or_else(|| Problem::invalid_file_content("fileContent must be base64 text"))?;
    let content = STANDARD
        .decode(text)
        .map_err(|_| Problem::invalid_file_content("fileContent is not valid base64"))?;
    if content.is_empty() {
        return Err(Problem::invalid_file_content("fileContent is empty"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Upload;

    fn body() -> Value {
        json!({
            "productId": "PROD-001", "productName": "Test Product", "price": 99.99, "fileName": "a.txt",
            "fileContent": "VGhpcyBpcyBhIHRlc3QgZmlsZQ==",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut body = body();
        body[name] = value;
        body
    }

    fn without(name: &str) -> Value {
        let mut body = body();
        body.as_object_mut().expect("an object").remove(name);
        body
    }

    fn parse(body: &str) -> Result<Upload, (u16, &'static str)> {
        let event = json!({ "body": body, "isBase64Encoded": false });
        Upload::from_event(&event).map_err(|problem| (problem.status, problem.code))
    }

    fn code(body: &Value) -> &'static str {
        match parse(&body.to_string()) {
            Ok(_) => "OK",
            Err((status, code)) => {
                assert_eq!(status, 400, "a refusal is the caller's to mend");
                code
            }
        }
    }

    #[test]
    fn a_complete_request_is_taken_as_it_stands() {
        let upload = parse(&body().to_string()).expect("valid");
        assert_eq!(upload.key(), "uploads/PROD-001/a.txt");
        assert_eq!(upload.price, "99.99");
        assert_eq!(upload.product_name, "Test Product");
        assert_eq!(upload.content, b"This is a test file");
    }

    #[test]
    fn the_price_never_passes_through_a_float() {
        let text = r#"{"productId":"p","productName":"n","price":0.1000000000000000055511151231257827,"fileContent":"YQ=="}"#;
        assert_eq!(
            parse(text).expect("valid").price,
            "0.1000000000000000055511151231257827"
        );
    }

    #[test]
    fn a_body_may_come_in_base64() {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(body().to_string());
        let upload = Upload::from_event(&json!({ "body": encoded, "isBase64Encoded": true }))
            .expect("valid");
        assert_eq!(upload.file_name, "a.txt");
        let broken = Upload::from_event(&json!({ "body": "***", "isBase64Encoded": true }));
        assert_eq!(broken.map_err(|problem| problem.code), Err("INVALID_JSON"));
    }

    #[test]
    fn what_is_no_json_object_is_invalid_json() {
        let texts = [
            "",
            "  ",
            "{",
            "{\"productId\":",
            "[1]",
            "\"text\"",
            "42",
            "null",
            "{} {}",
            "{'a':1}",
        ];
        for text in texts {
            assert_eq!(parse(text), Err((400, "INVALID_JSON")), "{text}");
        }
        let list = r#"["PROD-001","Test Product",1,"a.txt","YQ=="]"#;
        assert_eq!(
            parse(list),
            Err((400, "INVALID_JSON")),
            "fields have names, not positions"
        );
        let twice =
            r#"{"productId":"a","productId":"b","productName":"n","price":1,"fileContent":"YQ=="}"#;
        assert_eq!(
            parse(twice),
            Err((400, "INVALID_JSON")),
            "which of the two would count?"
        );
        let none = Upload::from_event(&json!({ "body": null, "isBase64Encoded": false }));
        assert_eq!(none.map_err(|problem| problem.code), Err("INVALID_JSON"));
    }

    #[test]
    fn each_required_field_is_missed_by_name() {
        for name in ["productId", "productName", "price", "fileContent"] {
            for body in [without(name), with(name, Value::Null)] {
                let problem =
                    Upload::from_event(&json!({ "body": body.to_string() })).expect_err("refused");
                assert_eq!(
                    (problem.code, problem.error),
                    ("MISSING_FIELD", format!("Missing required field: {name}"))
                );
            }
        }
        assert_eq!(code(&json!({})), "MISSING_FIELD");
    }

    #[test]
    fn a_price_is_a_number_and_not_negative() {
        for price in [
            json!(-1),
            json!(-0.01),
            json!("99.99"),
            json!("abc"),
            json!(true),
            json!([1]),
            json!({}),
        ] {
            assert_eq!(
                code(&with("price", price.clone())),
                "INVALID_PRICE",
                "{price}"
            );
        }
        for price in [
            json!(0),
            json!(0.0),
            json!(19),
            json!(1e-7),
            json!(123_456_789.01),
        ] {
            assert_eq!(code(&with("price", price.clone())), "OK", "{price}");
        }
    }

    #[test]
    fn product_id_and_name_are_text_within_limits() {
        for name in ["productId", "productName"] {
            for value in [
                json!(""),
                json!("   "),
                json!("\t\n"),
                json!(7),
                json!(["x"]),
                json!(false),
            ] {
                assert_eq!(
                    code(&with(name, value.clone())),
                    "INVALID_PRODUCT_INFO",
                    "{name} {value}"
                );
            }
        }
        assert_eq!(code(&with("productId", json!("x".repeat(128)))), "OK");
        assert_eq!(
            code(&with("productId", json!("x".repeat(129)))),
            "INVALID_PRODUCT_INFO"
        );
        assert_eq!(code(&with("productName", json!("ü".repeat(256)))), "OK");
        assert_eq!(
            code(&with("productName", json!("x".repeat(257)))),
            "INVALID_PRODUCT_INFO"
        );
    }

    #[test]
    fn no_product_id_leaves_its_place_in_the_key() {
        for id in [
            "..", ".", " .. ", "a/b", "../a", "/a", "a\\b", "a\u{0}b", "a\nb", "a\u{7f}",
            "a\u{85}b",
        ] {
            assert_eq!(
                code(&with("productId", json!(id))),
                "INVALID_PRODUCT_INFO",
                "{id:?}"
            );
        }
        assert_eq!(code(&with("productId", json!("PROD 001.v2"))), "OK");
    }

    #[test]
    fn no_file_name_leaves_its_prefix() {
        let escapes = [
            "..",
            ".",
            "../a",
            "a/../b",
            "/etc/passwd",
            "a/b",
            "..\\a",
            "C:\\a",
            "a\u{0}",
            "a\r\nb",
            "\u{1b}[2J",
        ];
        for name in escapes {
            assert_eq!(
                code(&with("fileName", json!(name))),
                "VALUE_ERROR",
                "{name:?}"
            );
        }
        for name in [
            "a.txt",
            "a..b",
            "..a",
            ".hidden",
            "naïve – 文件.txt",
            "a b",
            "%2e%2e%2fa",
            "~a",
        ] {
            let upload = parse(&with("fileName", json!(name)).to_string()).expect("a plain name");
            assert_eq!(upload.key(), format!("uploads/PROD-001/{name}"));
        }
    }

    #[test]
    fn a_file_name_is_text_within_limits_or_absent() {
        for name in [
            json!(""),
            json!(" "),
            json!(3),
            json!({}),
            json!("x".repeat(257)),
        ] {
            assert_eq!(
                code(&with("fileName", name.clone())),
                "VALUE_ERROR",
                "{name}"
            );
        }
        assert_eq!(code(&with("fileName", json!("x".repeat(256)))), "OK");
        for body in [without("fileName"), with("fileName", Value::Null)] {
            assert_eq!(
                parse(&body.to_string()).expect("valid").key(),
                "uploads/PROD-001/upload.bin"
            );
        }
    }

    #[test]
    fn a_key_fits_into_s3() {
        let mut body = with("fileName", json!("文".repeat(256)));
        assert_eq!(code(&body), "OK");
        body["productId"] = json!("𝒳".repeat(128));
        assert_eq!(code(&body), "VALUE_ERROR");
    }

    #[test]
    fn file_content_is_base64_of_something() {
        let broken = [
            "",
            "=",
            "====",
            "!!!!",
            "VGhpcw",
            "VGhpcw=",
            "VGhp cw==",
            "VGhp\ncw==",
            "VGhp-_8=",
            "VGhpcx==",
        ];
        for content in broken {
            assert_eq!(
                code(&with("fileContent", json!(content))),
                "INVALID_FILE_CONTENT",
                "{content:?}"
            );
        }
        for content in [json!(1), json!(["YQ=="]), json!(true)] {
            assert_eq!(code(&with("fileContent", content)), "INVALID_FILE_CONTENT");
        }
        assert_eq!(
            code(&with("fileContent", json!("AA=="))),
            "OK",
            "a zero byte is content"
        );
    }

    #[test]
    fn missing_is_told_before_wrong() {
        let mut body = with("price", json!(-1));
        body["fileContent"] = Value::Null;
        assert_eq!(code(&body), "MISSING_FIELD");
    }

    #[test]
    fn an_event_that_is_none_is_a_failure_of_ours() {
        for event in [json!([]), json!("x"), json!({ "body": 5 })] {
            let problem = Upload::from_event(&event).expect_err("refused");
            assert_eq!(
                (problem.status, problem.code),
                (500, "INTERNAL_ERROR"),
                "{event}"
            );
        }
    }
}
