//! Deployment packages made to do harm.

use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::archive::{ArchiveError, unpack, unpack_within};
use super::zip_of;

fn plain() -> SimpleFileOptions {
    SimpleFileOptions::default().unix_permissions(0o644)
}

#[test]
fn nothing_is_written_outside_the_folder() {
    let outer = tempfile::tempdir().expect("a directory");
    let inside = outer.path().join("inside");
    for path in [
        "../evil",
        "a/../../evil",
        "/evil",
        "..\\evil",
        "a/../../../tmp/evil",
    ] {
        let unpacked = unpack(&zip_of(&[(path, "x")]), &inside);
        let harmless = std::fs::read_dir(outer.path()).expect("a listing").count() <= 1;
        // A leading slash or backslash may be read as a name within the folder; it must stay there.
        assert!(harmless, "{path} got out: {unpacked:?}");
        drop(std::fs::remove_dir_all(&inside));
    }
    assert!(matches!(
        unpack(&zip_of(&[("../evil", "x")]), &inside),
        Err(ArchiveError::Broken(_))
    ));
}

#[test]
fn nothing_is_written_through_a_link() {
    let outer = tempfile::tempdir().expect("a directory");
    let target = outer.path().join("target");
    std::fs::create_dir(&target).expect("a folder");
    for link_first in [true, false] {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let link = |writer: &mut ZipWriter<_>| {
            writer
                .add_symlink("link", target.display().to_string(), plain())
                .expect("a link");
        };
        if link_first {
            link(&mut writer);
        }
        writer.start_file("link/evil", plain()).expect("a file");
        writer.write_all(b"x").expect("its content");
        if !link_first {
            link(&mut writer);
        }
        let zip = writer.finish().expect("a zip").into_inner();
        let inside = outer.path().join(format!("inside-{link_first}"));
        assert!(matches!(
            unpack(&zip, &inside),
            Err(ArchiveError::Broken(_))
        ));
        assert_eq!(std::fs::read_dir(&target).expect("a listing").count(), 0);
    }
}

#[test]
fn links_and_executable_bits_are_kept_and_others_dropped() {
    let outer = tempfile::tempdir().expect("a directory");
    let inside = outer.path().join("inside");
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file("run", SimpleFileOptions::default().unix_permissions(0o4755))
        .expect("a file");
    writer.write_all(b"x").expect("its content");
    writer
        .start_file("data", SimpleFileOptions::default().unix_permissions(0o600))
        .expect("a file");
    writer
        .add_symlink("lib/alias", "../run", plain())
        .expect("a link");
    unpack(&writer.finish().expect("a zip").into_inner(), &inside).expect("unpacked");
    let mode = |name: &str| {
        let metadata = std::fs::metadata(inside.join(name)).expect("it is there");
        metadata.permissions().mode() & 0o7777
    };
    assert_eq!(
        (mode("run"), mode("data"), mode(".")),
        (0o755, 0o644, 0o700)
    );
    let link = std::fs::read_link(inside.join("lib/alias")).expect("a link");
    assert_eq!(link.to_str(), Some("../run"));
}

#[test]
fn a_bomb_stops_at_the_limit_whatever_its_headers_say() {
    let outer = tempfile::tempdir().expect("a directory");
    let options = plain()
        .compression_method(CompressionMethod::Deflated)
        .large_file(false);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let half = vec![0; 600_000];
    for part in 0..2 {
        writer
            .start_file(format!("zeros-{part}"), options)
            .expect("a file");
        writer.write_all(&half).expect("zeros");
    }
    let zip = writer.finish().expect("a zip").into_inner();
    let mut lying = zip.clone();
    // Both headers of an entry tell its size: say one byte everywhere.
    for signature in [&b"PK\x03\x04"[..], &b"PK\x01\x02"[..]] {
        let offset = if signature[2] == 3 { 22 } else { 24 };
        let places: Vec<_> = (0..lying.len() - 4)
            .filter(|&at| &lying[at..at + 4] == signature)
            .collect();
        for at in places {
            lying[at + offset..at + offset + 4].copy_from_slice(&1_u32.to_le_bytes());
        }
    }
    let unpack = |zip: &[u8], name: &str| unpack_within(zip, &outer.path().join(name), 1_000_000);
    assert!(matches!(unpack(&zip, "a"), Err(ArchiveError::TooLarge)));
    assert!(unpack(&lying, "b").is_err());
}

#[test]
fn what_is_no_zip_or_a_broken_one_is_refused() {
    let outer = tempfile::tempdir().expect("a directory");
    let good = zip_of(&[
        ("bootstrap", "some code that is long enough to be cut"),
        ("other", "more"),
    ]);
    for cut in [0, 10, good.len() / 2, good.len() - 1] {
        let inside = outer.path().join(cut.to_string());
        assert!(
            matches!(unpack(&good[..cut], &inside), Err(ArchiveError::Broken(_))),
            "cut at {cut}"
        );
    }
    let mut altered = good;
    let at = altered
        .windows(9)
        .position(|window| window.starts_with(b"bootstrap"))
        .expect("the name")
        + 12;
    altered[at] ^= 0xFF;
    assert!(
        unpack(&altered, &outer.path().join("altered")).is_err(),
        "the checksum does not fit"
    );
}
