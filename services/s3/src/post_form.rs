//! The form of a browser upload: its fields as they come, and the file streamed behind them.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html>

use bytes::{Bytes, BytesMut};
use cumulet_engine::body::Body;
use cumulet_engine::error::{Error, Result};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::errors::invalid_argument;

const FIELDS_BYTES_MAX: usize = 20 * 1024;
const HEADER_END: &[u8] = b"\r\n\r\n";

/// A form whose fields are read and whose file is still on its way.
#[derive(Debug, Default)]
pub struct Form {
    /// Names in lower case, in the order they came.
    pub fields: Vec<(String, String)>,
    pub file_name: Option<String>,
    pub file: Body,
}

impl Form {
    /// The value of a field, whatever the case of its name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut named = self.fields.iter().filter(|(field, _)| field == name);
        named.next().map(|(_, value)| value.as_str())
    }
}

fn malformed() -> Error {
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    Error::new("MalformedPOSTRequest", message)
}

/// Reads a form up to its file; what follows the file is ignored, as S3 does.
pub async fn read_form(content_type: &str, body: Body) -> Result<Form> {
    let boundary = boundary(content_type).ok_or_else(malformed)?;
    let mut reader = Reader {
        chunks: body.into_chunks(),
        // The first boundary has no line break before it: give it one, so that all look alike.
        held: BytesMut::from(&b"\r\n"[..]),
        delimiter: format!("\r\n--{boundary}").into_bytes(),
    };
    reader.take_until_delimiter().await?;
    let mut form = Form::default();
    let mut read_bytes = 0;
    while let Some(part) = reader.next_head().await? {
        if part.name == "file" {
            form.file_name = part.file_name;
            form.file = reader.into_file();
            return Ok(form);
        }
        let value = reader.take_until_delimiter().await?;
        read_bytes += part.name.len() + value.len();
        if read_bytes > FIELDS_BYTES_MAX {
            let message = "Your POST request fields preceding the upload file were too large.";
            return Err(Error::new("MaxPostPreDataLengthExceeded", message));
        }
        let value = String::from_utf8(value.to_vec()).map_err(|_| malformed())?;
        form.fields.push((part.name, value));
    }
    let message = "POST requires exactly one file upload per request.";
    Err(invalid_argument(message, "file", "0"))
}

fn boundary(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1);
    let mut boundaries = parameters.filter_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary")
            .then(|| value.trim_matches('"').to_owned())
    });
    boundaries.next()
}

struct Reader {
    chunks: BoxStream<'static, Result<Bytes>>,
    held: BytesMut,
    delimiter: Vec<u8>,
}

struct Head {
    name: String,
    file_name: Option<String>,
}

impl Reader {
    /// Waits for more bytes; a body that ends before its last boundary is cut.
    async fn fill(&mut self) -> Result<()> {
        let chunk = self.chunks.next().await.ok_or_else(malformed)??;
        self.held.extend_from_slice(&chunk);
        Ok(())
    }

    /// Everything before the next delimiter, which is taken off too.
    async fn take_until_delimiter(&mut self) -> Result<Bytes> {
        loop {
            if let Some(at) = find(&self.held, &self.delimiter) {
                let taken = self.held.split_to(at).freeze();
                drop(self.held.split_to(self.delimiter.len()));
                return Ok(taken);
            }
            if self.held.len() > FIELDS_BYTES_MAX {
                return Err(malformed());
            }
            self.fill().await?;
        }
    }

    /// The head of the next part; `None` behind the last.
    async fn next_head(&mut self) -> Result<Option<Head>> {
        while self.held.len() < 2 {
            self.fill().await?;
        }
        if self.held.starts_with(b"--") {
            return Ok(None);
        }
        let end = loop {
            match find(&self.held, HEADER_END) {
                Some(end) => break end,
                None if self.held.len() > FIELDS_BYTES_MAX => return Err(malformed()),
                None => self.fill().await?,
            }
        };
        let head = self.held.split_to(end + HEADER_END.len());
        let head = std::str::from_utf8(&head).map_err(|_| malformed())?;
        parse_head(head).ok_or_else(malformed).map(Some)
    }

    /// The file: what comes until the next delimiter.
    fn into_file(self) -> Body {
        let chunks = stream::unfold(Some(self), |reader| async {
            let mut reader = reader?;
            loop {
                if let Some(at) = find(&reader.held, &reader.delimiter) {
                    let last = reader.held.split_to(at).freeze();
                    return Some((Ok(last), None));
                }
                // A delimiter may have begun in the last bytes.
                let safe = reader.held.len().saturating_sub(reader.delimiter.len() - 1);
                if safe > 0 {
                    let bytes = reader.held.split_to(safe).freeze();
                    return Some((Ok(bytes), Some(reader)));
                }
                if let Err(error) = reader.fill().await {
                    return Some((Err(error), None));
                }
            }
        });
        Body::Stream {
            length: None,
            chunks: chunks.boxed(),
            trailers: None,
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn parse_head(head: &str) -> Option<Head> {
    let mut lines = head.split("\r\n");
    let disposition = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let parameter = |wanted: &str| {
        disposition.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.trim().split_once('=')?;
            name.eq_ignore_ascii_case(wanted)
                .then(|| value.trim_matches('"').to_owned())
        })
    };
    Some(Head {
        name: parameter("name")?.to_ascii_lowercase(),
        file_name: parameter("filename"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_is_read_whatever_the_chunks() {
        let text = "--B\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\na/${filename}\r\n--B\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\nContent-Type: text/plain\
                    \r\n\r\nline\r\n--almost\r\n--B\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\n\
                    ignored\r\n--B--\r\n";
        for size in [1, 7, 1000] {
            let chunks: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
                .collect();
            let body = Body::Stream {
                length: None,
                chunks: stream::iter(chunks).boxed(),
                trailers: None,
            };
            let form = read_form("multipart/form-data; boundary=\"B\"", body)
                .await
                .expect("a form");
            assert_eq!(form.field("key"), Some("a/${filename}"));
            assert_eq!(form.file_name.as_deref(), Some("x.txt"));
            let file = form.file.collect(100, malformed).await;
            assert_eq!(file.as_deref(), Ok(&b"line\r\n--almost"[..]));
        }
    }
}
