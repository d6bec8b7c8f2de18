//! What isolation a sandbox really has, layer by layer, in words for a person and in a form for a program.

use serde::{Deserialize, Serialize};

/// Whether a layer holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LayerState {
    Enforced { detail: String },
    NotEnforced { why: String },
}

/// One layer of isolation: `user namespace`, `landlock`, `memory limit`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Layer {
    pub name: String,
    #[serde(flatten)]
    pub state: LayerState,
}

impl Layer {
    pub(crate) fn enforced(name: &str, detail: impl Into<String>) -> Layer {
        Layer {
            name: name.to_owned(),
            state: LayerState::Enforced {
                detail: detail.into(),
            },
        }
    }

    pub(crate) fn missing(name: &str, why: impl Into<String>) -> Layer {
        Layer {
            name: name.to_owned(),
            state: LayerState::NotEnforced { why: why.into() },
        }
    }

    pub fn is_enforced(&self) -> bool {
        matches!(self.state, LayerState::Enforced { .. })
    }
}

/// The layers found when the first sandbox of this process was built.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct IsolationReport {
    /// `full` when every layer but the memory limit holds, else `partial` or `process-only`.
    pub grade: String,
    /// Name and release of the kernel.
    pub kernel: String,
    /// Whether sandboxes are started as root, and so run under an unprivileged id of the host.
    pub started_as_root: bool,
    pub layers: Vec<Layer>,
}

impl IsolationReport {
    /// The layer of this name, if it was examined.
    pub fn layer(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.name == name)
    }

    /// Layers that do not hold.
    pub fn missing(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().filter(|layer| !layer.is_enforced())
    }
}
