//! The engine that a command works on, and the place in it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Failure;
use super::assembly::{App, Assembly};
use crate::cli;
use crate::client::{Client, Credentials};

/// A client with the account and region that it stands for.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) client: Client,
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Target {
    /// Asks the engine whose account the credentials are of.
    pub(crate) async fn of(arguments: &cli::Target) -> Result<Self, Failure> {
        let endpoint = &arguments.endpoint.endpoint;
        let client = Client::new(endpoint, Credentials::from_environment(), &arguments.region);
        let caller = client.call("sts", "GetCallerIdentity", json!({})).await?;
        Ok(Self {
            client,
            account: caller["Account"].as_str().unwrap_or_default().to_owned(),
            region: arguments.region.clone(),
        })
    }

    /// What a path holds, built and synthesised.
    pub(crate) async fn assembly(&self, path: &Path, suffix: &str) -> Result<Assembly, Failure> {
        let app = App::find(path)?;
        app.build().await?;
        let out = out_folder(&app);
        let settings = ["--suffix".to_owned(), suffix.to_owned()];
        app.synthesise(&out, &settings, &self.account, &self.region)
            .await
    }

    /// The stacks that a word means: those of an app, or one by its name.
    pub(crate) async fn stack_names(&self, what: &str) -> Result<Vec<String>, Failure> {
        let name = json!({ "StackName": what });
        let described = self
            .client
            .call("cloudformation", "DescribeStacks", name)
            .await;
        let by_name = described
            .ok()
            .and_then(|found| found["Stacks"][0]["StackName"].as_str().map(Value::from));
        if by_name.is_some() || !Path::new(what).exists() {
            return Ok(vec![what.to_owned()]);
        }
        let assembly = self.assembly(Path::new(what), "dev").await?;
        let stacks = assembly.stacks(&self.account, &self.region)?;
        Ok(stacks.into_iter().map(|stack| stack.name).collect())
    }
}

/// Where an app is synthesised to: a folder of its own among those that may go.
fn out_folder(app: &App) -> PathBuf {
    std::env::temp_dir().join(format!("cumulet-{}-{}", std::process::id(), app.name()))
}
