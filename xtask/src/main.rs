//! Chores that make committed data: run as `cargo xtask <chore>`.

mod schemas;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("schemas") => schemas::run(&arguments[1..]),
        other => Err(format!("unknown chore {other:?}; known: schemas").into()),
    }
}
