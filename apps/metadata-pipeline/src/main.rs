use std::process::ExitCode;

fn main() -> ExitCode {
    metadata_pipeline::application().run()
}
