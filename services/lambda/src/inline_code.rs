//! Code written into a template: one file, packed as the archive that Lambda takes.
//!
//! CloudFormation adds a module that answers custom resources to every such function. Ours speaks the
//! same protocol, through whatever scheme, host and port the ResponseURL names.

use std::io::Write;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::error::{Error, Result};
use zip::write::SimpleFileOptions;

const PYTHON: &str = include_str!("inline_code/cfnresponse.py");
const NODE: &str = include_str!("inline_code/cfn-response.js");

/// Base64 of an archive with the source as `index.py` or `index.js`.
pub(crate) fn archive(runtime: &str, source: &str) -> Result<String> {
    let files = if runtime.starts_with("python") {
        [("index.py", source), ("cfnresponse.py", PYTHON)]
    } else if runtime.starts_with("nodejs") {
        [("index.js", source), ("cfn-response.js", NODE)]
    } else {
        return Err(Error::new(
            "InvalidParameterValueException",
            format!(
                "ZipFile can only be used when Runtime is set to Node.js or Python, not {runtime}"
            ),
        ));
    };
    let packed = pack(&files).map_err(|error| Error::internal(error.to_string()))?;
    Ok(BASE64_STANDARD.encode(packed))
}

fn pack(files: &[(&str, &str)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    // A fixed time: the same source is the same archive, so an unchanged function stays unchanged.
    let options = SimpleFileOptions::default()
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    for (name, text) in files {
        archive.start_file(*name, options)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}
