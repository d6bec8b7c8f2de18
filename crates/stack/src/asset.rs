//! The code of the functions: one zip with one file, `bootstrap`, which is the application itself.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::assembly::SynthesisError;

/// The zip, named by its content.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) hash: String,
    pub(crate) zip: Vec<u8>,
    /// Lambda's name of the processor that the program was built for.
    pub(crate) architecture: &'static str,
}

impl Default for Asset {
    /// The empty asset, for templates that are looked at and not deployed.
    fn default() -> Self {
        Self {
            hash: "0".repeat(64),
            zip: vec![],
            architecture: "x86_64",
        }
    }
}

impl Asset {
    /// Packs a program. The same program gives the same bytes: no time, no owner, no path of this machine.
    pub(crate) fn pack(program: &Path) -> Result<Self, SynthesisError> {
        let bytes = fs::read(program).map_err(|error| SynthesisError::file(program, error))?;
        let architecture =
            architecture(&bytes).ok_or_else(|| SynthesisError::NotLinux(program.to_owned()))?;
        let zip = zipped(&bytes).map_err(|error| SynthesisError::file(program, error))?;
        Ok(Self {
            hash: hex::encode(Sha256::digest(&zip)),
            zip,
            architecture,
        })
    }

    pub(crate) fn file_name(&self) -> String {
        format!("asset.{}.zip", self.hash)
    }
}

fn zipped(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bootstrap", options)?;
    writer.write_all(program)?;
    Ok(writer.finish()?.into_inner())
}

/// Read from the header of the ELF file; a program for another system than Linux has none.
fn architecture(program: &[u8]) -> Option<&'static str> {
    let machine = program.strip_prefix(b"\x7fELF")?.get(14..16)?;
    match machine {
        [0x3e, 0] => Some("x86_64"),
        [0xb7, 0] => Some("arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::{architecture, zipped};

    #[test]
    fn the_zip_is_the_same_each_time_and_can_be_run() {
        let program = [b"\x7fELF".as_slice(), &[0; 14], &[0xb7, 0], &[7; 1000]].concat();
        let zip = zipped(&program).expect("packs");
        assert_eq!(zip, zipped(&program).expect("packs"));
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("opens");
        let mut file = archive.by_name("bootstrap").expect("holds the program");
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut unpacked = Vec::new();
        file.read_to_end(&mut unpacked).expect("unpacks");
        assert_eq!(unpacked, program);
        assert_eq!(architecture(&program), Some("arm64"));
        assert_eq!(architecture(b"\xcf\xfa\xed\xfe not for linux"), None);
    }
}
