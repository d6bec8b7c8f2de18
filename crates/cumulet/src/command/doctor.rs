//! `cumulet doctor`: what this machine can enforce.

use std::path::{Path, PathBuf};

use cumulet_functions::{Functions, IsolationReport, LayerState};

use super::Failure;
use crate::cli::Doctor;
use crate::console::{Colour, paint, print};
use crate::installation::make_private;

pub(crate) async fn run(arguments: &Doctor) -> Result<(), Failure> {
    let scratch = scratch_directory(&arguments.data_dir);
    let (sandboxes, code) = (scratch.join("sandboxes"), scratch.join("code"));
    make_private(&sandboxes)?;
    make_private(&code)?;
    let (sender, _connections) = tokio::sync::mpsc::channel(1);
    let config = cumulet_functions::Config::new(sandboxes, code, sender);
    let functions = Functions::start(config).await;
    let report = functions
        .map(|functions| functions.report())
        .map_err(|error| Failure::Failed(error.to_string()));
    drop(std::fs::remove_dir_all(&scratch));
    let report = report?;
    if arguments.json {
        print(&serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        lines(&report).iter().for_each(|line| print(line));
    }
    Ok(())
}

/// A folder of this process's own, so that a running engine is not disturbed.
fn scratch_directory(data_directory: &Path) -> PathBuf {
    data_directory.join(format!("doctor-{}", std::process::id()))
}

fn lines(report: &IsolationReport) -> Vec<String> {
    let rows = report.layers.iter().map(|layer| match &layer.state {
        LayerState::Enforced { detail } => format!(
            "  {} {:<24} {detail}",
            paint("yes", Colour::Green),
            layer.name
        ),
        LayerState::NotEnforced { why } => {
            format!("  {} {:<24} {why}", paint("no ", Colour::Red), layer.name)
        }
    });
    let heading = format!(
        "isolation of functions: {} ({})",
        report.grade, report.kernel
    );
    std::iter::once(heading).chain(rows).collect()
}
