use std::process::ExitCode;

fn main() -> ExitCode {
    invocation_log::application().run()
}
