//! `cumulet key rotate`: another root key, and everything written anew under it.

use cumulet_kernel::Ids;
use cumulet_kernel::root_key;

use super::Failure;
use crate::authority;
use crate::cli::{Key, KeyAction};
use crate::console::say;
use crate::installation::{OpenError, RootSecret};

pub(crate) fn run(arguments: &Key) -> Result<(), Failure> {
    let KeyAction::Rotate(rotate) = &arguments.action;
    let directory = &rotate.data_dir;
    if !directory.join("root.key").exists() {
        let place = directory.display();
        return Err(Failure::Failed(format!(
            "there is no installation in {place}"
        )));
    }
    let old = RootSecret::read(&rotate.root_key)?;
    let new = RootSecret::read(&rotate.new())?;
    let secrets = (old.as_ref(), new.as_ref());
    let rotated = root_key::rotate(directory, secrets, &Ids::random(), |old, new| {
        authority::reseal(directory, old, new)
    });
    let rows = rotated.map_err(OpenError::from)?;
    say(&format!(
        "{rows} records are written anew; the old root key opens nothing of what lies in {} now",
        directory.display()
    ));
    Ok(())
}
