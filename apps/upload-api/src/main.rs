use std::process::ExitCode;

fn main() -> ExitCode {
    upload_api::application().run()
}
