//! `cumulet doctor`: what this machine can enforce.

use super::Failure;
use crate::cli::Doctor;
use crate::console::print;

pub(crate) async fn run(arguments: &Doctor) -> Result<(), Failure> {
    let report = cumulet_functions::inspect(&arguments.data_dir)
        .await
        .map_err(|error| Failure::Failed(error.to_string()))?;
    if arguments.json {
        print(&serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        print(&report.to_string());
    }
    Ok(())
}
