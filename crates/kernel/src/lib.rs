//! What every service stands on, and nothing that is AWS's.
//!
//! The kernel keeps things (`store`, `blob`), tells the time (`clock`), makes ids (`id`), carries what
//! one service leaves for another (`event`, `outbox`, `bell`), and remembers what happened (`trace`). It must
//! never learn what a bucket, a table or a function is: that is `services`' business.

pub mod backup;
pub mod bell;
pub mod blob;
pub mod clock;
pub mod event;
pub mod id;
pub mod key;
pub mod outbox;
pub mod root_key;
pub mod seal;
pub mod store;
pub mod trace;

pub use clock::{Clock, Timestamp};
pub use event::Event;
pub use id::Ids;
pub use key::Key;
pub use store::{Store, StoreError, Table, Tx};
