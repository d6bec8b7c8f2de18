//! `cumulet env`: settings for a shell.

use serde_json::json;

use super::{Failure, ca};
use crate::cli::Env;
use crate::client::Client;
use crate::console::print;
use crate::installation::{OperatorFile, operator_path};

const NAMES: [&str; 8] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    ca::NAMES[0],
    ca::NAMES[1],
];

pub(crate) async fn run(arguments: &Env) -> Result<(), Failure> {
    if arguments.unset {
        print(&format!("unset {}", NAMES.join(" ")));
        return Ok(());
    }
    let operator = operator(&arguments.endpoint.endpoint).await?;
    let certificate = ca::path(&arguments.endpoint.endpoint).await?;
    let certificate = certificate.display().to_string();
    let mut settings = vec![
        ("AWS_ACCESS_KEY_ID", operator.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", operator.secret_access_key.as_str()),
        (
            "AWS_ENDPOINT_URL",
            arguments.endpoint.endpoint.trim_end_matches('/'),
        ),
        ("AWS_REGION", arguments.region.as_str()),
        ("AWS_DEFAULT_REGION", arguments.region.as_str()),
    ];
    if arguments.endpoint.endpoint.starts_with("https://") {
        settings.extend(ca::NAMES.map(|name| (name, certificate.as_str())));
    }
    if arguments.json {
        let settings: serde_json::Map<_, _> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        print(&serde_json::to_string_pretty(&settings).unwrap_or_default());
        return Ok(());
    }
    settings
        .iter()
        .for_each(|(name, value)| print(&format!("export {name}={}", quote(value))));
    // A token or profile left over from elsewhere would be sent along, or win.
    print("unset AWS_SESSION_TOKEN AWS_PROFILE");
    Ok(())
}

/// The operator's credentials, from the engine's folder: whoever may read the file may have them.
async fn operator(endpoint: &str) -> Result<OperatorFile, Failure> {
    let health = Client::anonymous(endpoint).get("/_cumulet/health").await?;
    let directory = health["dataDirectory"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let path = operator_path(std::path::Path::new(&directory));
    let text = std::fs::read(&path).map_err(|error| {
        Failure::Failed(format!(
            "{} cannot be read: {error}; ask the engine's owner for credentials",
            path.display()
        ))
    })?;
    serde_json::from_slice(&text)
        .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}

pub(super) fn quote(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:+=".contains(&byte);
    if value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        assert_eq!(quote("AKIA/+="), "AKIA/+=");
        assert_eq!(quote("a b'c"), "'a b'\\''c'");
    }
}
