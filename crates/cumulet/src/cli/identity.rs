//! The words about who may do what: decisions, suggestions, certificates.

use clap::{Args, Subcommand};

use super::Endpoint;

pub(super) const WHY_EXAMPLES: &str = "Examples:
  cumulet why 5f0c2a1e-...               the request with this id (x-amzn-requestid)
  cumulet why --last                     the latest request
  cumulet why --last --json              its decisions, for programs";
const SUGGEST_EXAMPLES: &str = "Examples:
  cumulet policy suggest uploader        the least that the role uploader needs, and what it has beyond
  cumulet policy suggest arn:aws:iam::000000000000:user/ci
  cumulet policy suggest uploader --json | jq .policy";
pub(super) const CA_EXAMPLES: &str = "Examples:
  cumulet ca > cumulet.pem               the certificate, to copy to another machine
  eval $(cumulet ca --env)               this shell's AWS clients trust it
  cumulet ca --path                      where it lies";

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// A request id
    #[arg(required_unless_present = "last")]
    pub(crate) id: Option<String>,
    /// The latest request that was served
    #[arg(long, conflicts_with = "id")]
    pub(crate) last: bool,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) action: PolicyAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyAction {
    /// Print the least a role or user needs, and how that differs from what it was given
    #[command(after_help = SUGGEST_EXAMPLES)]
    Suggest(Suggest),
}

#[derive(Debug, Args)]
pub(crate) struct Suggest {
    /// A role's name, or the ARN of a role or user
    pub(crate) principal: String,
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ca {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    /// Print settings for a shell instead
    #[arg(long, conflicts_with = "path")]
    pub(crate) env: bool,
    /// Print where the certificate lies instead
    #[arg(long)]
    pub(crate) path: bool,
}
