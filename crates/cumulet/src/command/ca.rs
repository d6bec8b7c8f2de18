//! `cumulet ca`: the certificate of the installation's own authority.

use std::path::PathBuf;

use super::{Failure, env};
use crate::authority::certificate_path;
use crate::cli::Ca;
use crate::client::Client;
use crate::console::print;

/// What the AWS SDKs, the aws CLI and Node read.
pub(super) const NAMES: [&str; 2] = ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];

pub(crate) async fn run(arguments: &Ca) -> Result<(), Failure> {
    let path = path(&arguments.endpoint.endpoint).await?;
    let shown = path.display().to_string();
    if arguments.path {
        print(&shown);
    } else if arguments.env {
        NAMES
            .iter()
            .for_each(|name| print(&format!("export {name}={}", env::quote(&shown))));
    } else {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::Failed(format!("{shown} cannot be read: {error}")))?;
        print(text.trim_end());
    }
    Ok(())
}

/// Where the certificate lies, as the engine says.
pub(super) async fn path(endpoint: &str) -> Result<PathBuf, Failure> {
    let health = Client::anonymous(endpoint).get("/_cumulet/health").await?;
    let directory = health["dataDirectory"].as_str().unwrap_or_default();
    Ok(certificate_path(std::path::Path::new(directory)))
}
