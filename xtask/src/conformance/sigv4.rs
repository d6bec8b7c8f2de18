//! aws-c-auth's signing cases: canonical request, text to sign and signature, in both forms; and each signed request verified.

use std::fs;
use std::path::Path;

use cumulet_wire::sigv4::{
    Credentials, PathStyle, Scope, SigningKeys, Verification, canonical_request, derive, parse,
    string_to_sign,
};
use http::{Request, request};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Outcome;

#[expect(
    clippy::print_stdout,
    reason = "a command line tool reports its findings"
)]
pub(crate) fn run(from: &Path) -> Outcome {
    let mut folders: Vec<_> = fs::read_dir(from)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    folders.sort();
    let (mut passed, mut total) = (0, 0);
    for folder in &folders {
        let case = Case::read(folder)?;
        for form in ["header", "query"] {
            let verified = case.normalises().then(|| ("verified", case.verified(form)));
            for (check, outcome) in [("canonical", case.canonical(form))]
                .into_iter()
                .chain(verified)
            {
                total += 1;
                match outcome {
                    Ok(()) => passed += 1,
                    Err(reason) => println!("    {} {form} {check}: {reason}", case.name),
                }
            }
        }
    }
    println!(
        "{passed} of {total} ({} cases, two forms, at most two checks)",
        folders.len()
    );
    Ok(())
}

struct Case<'a> {
    name: String,
    folder: &'a Path,
    credentials: Credentials,
    context: Value,
}

impl<'a> Case<'a> {
    fn read(folder: &'a Path) -> Result<Self, Box<dyn std::error::Error>> {
        let context: Value =
            serde_json::from_str(&fs::read_to_string(folder.join("context.json"))?)?;
        let text = |name: &str| context["credentials"][name].as_str().map(str::to_owned);
        let credentials = Credentials {
            access_key: text("access_key_id").unwrap_or_default(),
            secret_key: text("secret_access_key").unwrap_or_default(),
            session_token: text("token"),
        };
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            name,
            folder,
            credentials,
            context,
        })
    }

    fn file(&self, name: &str) -> Result<String, String> {
        fs::read_to_string(self.folder.join(name)).map_err(|error| error.to_string())
    }

    fn scope(&self) -> Scope {
        let text = |name: &str| self.context[name].as_str().unwrap_or_default().to_owned();
        let date = text("timestamp")
            .chars()
            .filter(char::is_ascii_digit)
            .take(8)
            .collect();
        Scope {
            date,
            region: text("region"),
            service: text("service"),
        }
    }

    fn timestamp(&self) -> String {
        self.context["timestamp"]
            .as_str()
            .unwrap_or_default()
            .replace(['-', ':'], "")
    }

    fn normalises(&self) -> bool {
        self.context["normalize"].as_bool().unwrap_or(true)
    }

    /// Our canonical request, text and signature of the signed request equal the published ones.
    fn canonical(&self, form: &str) -> Result<(), String> {
        let (head, _) = self.signed(form)?;
        let expected = self.file(&format!("{form}-canonical-request.txt"))?;
        let lines: Vec<&str> = expected.lines().collect();
        let [.., names, hash] = lines.as_slice() else {
            return Err("no canonical request".to_owned());
        };
        let names: Vec<String> = names.split(';').map(str::to_owned).collect();
        let style = if self.normalises() {
            PathStyle::Standard
        } else {
            PathStyle::Unnormalised
        };
        let canonical =
            canonical_request(&head, &names, style, hash).map_err(|fault| format!("{fault:?}"))?;
        same("canonical request", &canonical, &expected)?;
        let text = string_to_sign(&self.timestamp(), &self.scope(), &canonical);
        same(
            "string to sign",
            &text,
            &self.file(&format!("{form}-string-to-sign.txt"))?,
        )?;
        let signature = derive(&self.credentials.secret_key, &self.scope()).sign(text.as_bytes());
        same(
            "signature",
            &signature,
            &self.file(&format!("{form}-signature.txt"))?,
        )
    }

    /// The published signed request passes our verification. Only for cases that normalise paths: among our services only S3
    /// does not, and it encodes them otherwise too.
    fn verified(&self, form: &str) -> Result<(), String> {
        let (head, body) = self.signed(form)?;
        let presented = parse(&head)
            .map_err(|fault| format!("{fault:?}"))?
            .ok_or("no signature found")?;
        let hash = hex::encode(Sha256::digest(&body));
        let verification = Verification {
            secret_key: &self.credentials.secret_key,
            now_s: presented.signed_at_s,
            service: "service",
            region: Some("us-east-1"),
            body_sha256: Some(&hash),
            skew_max_s: 900,
        };
        let verified = presented.verify(&head, &verification, &SigningKeys::default());
        verified.map(|_| ()).map_err(|fault| {
            fault
                .to_error("service", cumulet_wire::Protocol::Json)
                .to_string()
        })
    }

    /// The published request. Our parser of HTTP takes no spaces or raw UTF-8 in a request line: no client sends them.
    fn signed(&self, form: &str) -> Result<(request::Parts, Vec<u8>), String> {
        let text = self.file(&format!("{form}-signed-request.txt"))?;
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let line = lines.next().ok_or("no request line")?;
        let (method, rest) = line.split_once(' ').ok_or("no method")?;
        let (target, _) = rest.rsplit_once(' ').ok_or("no version")?;
        let mut builder = Request::builder().method(method).uri(target);
        let mut unfolded: Vec<String> = Vec::new();
        for line in lines {
            match unfolded.last_mut().filter(|_| line.starts_with(' ')) {
                Some(last) => last.push_str(line),
                None => unfolded.push(line.to_owned()),
            }
        }
        for header in &unfolded {
            let (name, value) = header.split_once(':').ok_or("no header")?;
            builder = builder.header(name, value.trim());
        }
        let head = builder
            .body(())
            .map_err(|error| format!("{target}: {error}"))?
            .into_parts()
            .0;
        Ok((head, body.as_bytes().to_vec()))
    }
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), String> {
    let equal = found.trim_end() == expected.trim_end();
    if equal {
        Ok(())
    } else {
        Err(format!("{what}: {found:?} instead of {expected:?}"))
    }
}
