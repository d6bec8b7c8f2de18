//! Functions really run, in real sandboxes. Nothing here asserts how long anything takes.

mod breakout;
mod egress;
mod failures;
mod host;
mod interpreted;
mod leaks;
mod protocol;
mod semantics;
mod weaker;
