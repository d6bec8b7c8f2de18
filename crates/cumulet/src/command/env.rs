//! `cumulet env`: settings for a shell.

use serde_json::json;

use super::{Failure, ca};
use crate::cli::Env;
use crate::client::Client;
use crate::console::print;
use crate::installation::{OperatorFile, operator_path};

/// What programs read to find a proxy; Node from its version 24 on, where it is told to.
const PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
/// What they read to know whom to trust, beside what AWS's clients read.
const TRUST: [&str; 3] = ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"];

const NAMES: [&str; 16] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    ca::NAMES[0],
    ca::NAMES[1],
    PROXY[0],
    PROXY[1],
    TRUST[0],
    TRUST[1],
    TRUST[2],
    "NO_PROXY",
    "no_proxy",
    "NODE_USE_ENV_PROXY",
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
        ("AWS_REGION", arguments.region.as_str()),
        ("AWS_DEFAULT_REGION", arguments.region.as_str()),
    ];
    let endpoint = arguments.endpoint.endpoint.trim_end_matches('/');
    if arguments.proxy {
        settings.extend(proxied(endpoint, &certificate));
    } else {
        settings.push(("AWS_ENDPOINT_URL", endpoint));
    }
    if arguments.proxy || endpoint.starts_with("https://") {
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
    let endpoint = if arguments.proxy {
        " AWS_ENDPOINT_URL"
    } else {
        ""
    };
    print(&format!("unset AWS_SESSION_TOKEN AWS_PROFILE{endpoint}"));
    Ok(())
}

/// The engine as the proxy of everything but this machine's own names.
fn proxied<'a>(endpoint: &'a str, certificate: &'a str) -> Vec<(&'static str, &'a str)> {
    const OWN: &str = "127.0.0.1,localhost,::1";
    let mut settings = vec![
        ("NO_PROXY", OWN),
        ("no_proxy", OWN),
        ("NODE_USE_ENV_PROXY", "1"),
    ];
    settings.extend(PROXY.map(|name| (name, endpoint)));
    settings.extend(TRUST.map(|name| (name, certificate)));
    settings
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
