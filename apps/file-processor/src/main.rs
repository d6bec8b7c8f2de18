use std::process::ExitCode;

fn main() -> ExitCode {
    file_processor::application().run()
}
