//! One program per application: run by a person it synthesises, run under the Lambda Runtime API it serves.
//!
//! So what is deployed and what describes the deployment can never be of different versions, and there is one thing to
//! build. Which of the two it is, the environment says: Lambda sets `AWS_LAMBDA_RUNTIME_API` and, in `_HANDLER`, the
//! handler of the function.

use std::env;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;

use crate::assembly::{Synthesis, template_without_code};
use crate::setting::{Setting, Settings};
use crate::stack::Stack;

/// An application: its handlers, its settings and its stack.
#[derive(Debug)]
pub struct Application {
    pub name: &'static str,
    pub handlers: Vec<Handler>,
    pub settings: Vec<Setting>,
    pub stack: fn(&Settings) -> Stack,
}

/// A handler: `serve` takes invocations from the Runtime API and returns only when it cannot go on.
#[derive(Debug)]
pub struct Handler {
    pub name: &'static str,
    pub serve: fn() -> Result<(), Box<dyn Error + Send + Sync>>,
}

/// A command line as typed.
#[derive(Debug)]
struct Command {
    out: PathBuf,
    bootstrap: Option<PathBuf>,
    settings: Settings,
}

enum Refusal {
    Help,
    Wrong(String),
}

impl Application {
    /// Does what the environment and the command line ask for. It is all that `main` has to call.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        if env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
            return self.serve(&env::var("_HANDLER").unwrap_or_default());
        }
        match self.command(env::args().skip(1)) {
            Ok(command) => self.synthesise(&command),
            Err(Refusal::Help) => {
                say(&self.usage());
                ExitCode::SUCCESS
            }
            Err(Refusal::Wrong(problem)) => {
                say(&format!("{}: {problem}\n{}", self.name, self.usage()));
                ExitCode::from(2)
            }
        }
    }

    /// The template that a synthesis with these settings writes, checked but without code: for tests.
    pub fn template(&self, chosen: &[(&str, &str)]) -> Result<Value, String> {
        let mut settings = Settings::defaults(&self.settings);
        for (name, value) in chosen {
            settings.choose(&self.settings, name, value)?;
        }
        let names: Vec<&str> = self.handlers.iter().map(|handler| handler.name).collect();
        template_without_code(&(self.stack)(&settings), &names).map_err(|error| error.to_string())
    }

    fn serve(&self, name: &str) -> ExitCode {
        let Some(handler) = self.handlers.iter().find(|handler| handler.name == name) else {
            say(&format!("{}: no handler {name:?}", self.name));
            return ExitCode::FAILURE;
        };
        match (handler.serve)() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => self.fail(error.as_ref()),
        }
    }

    fn synthesise(&self, command: &Command) -> ExitCode {
        let program = match command.bootstrap.clone().map_or_else(env::current_exe, Ok) {
            Ok(program) => program,
            Err(error) => return self.fail(&error),
        };
        let stack = (self.stack)(&command.settings);
        let handlers: Vec<&str> = self.handlers.iter().map(|handler| handler.name).collect();
        let synthesis = Synthesis {
            stack: &stack,
            handlers: &handlers,
            program: &program,
        };
        match synthesis.write(&command.out) {
            Ok(()) => {
                say(&format!(
                    "{}: wrote {} ({} resources)",
                    stack.name(),
                    command.out.display(),
                    stack.resources.len()
                ));
                ExitCode::SUCCESS
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&self, error: &dyn Error) -> ExitCode {
        say(&format!("{}: {error}", self.name));
        ExitCode::FAILURE
    }

    fn command(&self, arguments: impl Iterator<Item = String>) -> Result<Command, Refusal> {
        let out = env::var_os("CDK_OUTDIR").map_or_else(|| PathBuf::from("cdk.out"), PathBuf::from);
        let settings = Settings::defaults(&self.settings);
        let mut command = Command {
            out,
            bootstrap: None,
            settings,
        };
        let mut arguments = arguments.skip_while(|argument| argument == "synth");
        while let Some(argument) = arguments.next() {
            if matches!(argument.as_str(), "-h" | "--help" | "help") {
                return Err(Refusal::Help);
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, arguments.next()),
            };
            self.set(&mut command, &name, value)?;
        }
        Ok(command)
    }

    fn set(&self, command: &mut Command, name: &str, value: Option<String>) -> Result<(), Refusal> {
        let value = value.ok_or_else(|| Refusal::Wrong(format!("{name} needs a value")))?;
        match name {
            "--out" => command.out = value.into(),
            "--bootstrap" => command.bootstrap = Some(value.into()),
            _ => {
                let setting = name.strip_prefix("--").unwrap_or_default();
                let chosen = command.settings.choose(&self.settings, setting, &value);
                chosen.map_err(Refusal::Wrong)?;
            }
        }
        Ok(())
    }

    fn usage(&self) -> String {
        let mut lines = vec![
            format!(
                "usage: {} [synth] [--out DIR] [--bootstrap FILE] [settings]",
                self.name
            ),
            "  --out DIR        where the cloud assembly goes (CDK_OUTDIR, else cdk.out)"
                .to_owned(),
            "  --bootstrap FILE the program the functions run (else this one)".to_owned(),
        ];
        let setting = |setting: &Setting| {
            format!(
                "  --{} ({})  {}",
                setting.name, setting.default, setting.meaning
            )
        };
        lines.extend(self.settings.iter().map(setting));
        lines.join("\n")
    }
}

/// People and tools read standard output of a synthesis as its result, so words go to standard error. A closed
/// standard error is nobody listening, not a failure.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Application, Command, Refusal, Setting};
    use crate::stack::Stack;

    fn command(arguments: &[&str]) -> Result<Command, String> {
        let suffix = Setting::suffix("");
        let application = Application {
            name: "app",
            handlers: vec![],
            settings: vec![suffix],
            stack: |_| Stack::new("App"),
        };
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        application
            .command(arguments)
            .map_err(|refusal| match refusal {
                Refusal::Help => "help".to_owned(),
                Refusal::Wrong(problem) => problem,
            })
    }

    #[test]
    fn settings_have_defaults_and_are_chosen_by_name() {
        assert_eq!(
            command(&[])
                .expect("nothing is needed")
                .settings
                .get("suffix"),
            "dev"
        );
        let chosen = command(&["synth", "--out", "there", "--suffix=prod"]).expect("valid");
        assert_eq!(chosen.settings.get("suffix"), "prod");
        assert_eq!(chosen.out, Path::new("there"));
        assert_eq!(chosen.bootstrap, None);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert_eq!(
            command(&["deploy", "x"]).expect_err("refused"),
            "unknown setting \"\""
        );
        assert_eq!(
            command(&["--sufix", "x"]).expect_err("refused"),
            "unknown setting \"sufix\""
        );
        assert_eq!(
            command(&["--suffix"]).expect_err("refused"),
            "--suffix needs a value"
        );
        assert_eq!(command(&["synth", "--help"]).expect_err("refused"), "help");
    }
}
