//! What a person sees: progress and refusals on stderr, data on stdout.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the one place that prints"
)]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Prints data, for a pipe or a person.
pub(crate) fn print(text: &str) {
    println!("{text}");
}

/// Prints progress.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints why a command failed.
pub(crate) fn fail(text: &str) -> ExitCode {
    eprintln!("{} {text}", paint("error:", Colour::Red));
    ExitCode::FAILURE
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Faint,
    Bold,
}

/// Colours text for a terminal; plain where stderr is none, or `NO_COLOR` is set.
pub(crate) fn paint(text: &str, colour: Colour) -> String {
    if !in_colour() {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Red => "31",
        Colour::Green => "32",
        Colour::Yellow => "33",
        Colour::Faint => "2",
        Colour::Bold => "1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

fn in_colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// A block of lines that is drawn again in place on a terminal, and printed line by line as things
/// change elsewhere.
#[derive(Debug, Default)]
pub(crate) struct LiveLines {
    drawn: Vec<String>,
}

impl LiveLines {
    pub(crate) fn show(&mut self, lines: Vec<String>) {
        if lines == self.drawn {
            return;
        }
        if std::io::stderr().is_terminal() {
            self.redraw(&lines);
        } else {
            lines
                .iter()
                .filter(|line| !self.drawn.contains(line))
                .for_each(|line| say(line));
        }
        self.drawn = lines;
    }

    fn redraw(&self, lines: &[String]) {
        let mut screen = String::new();
        if !self.drawn.is_empty() {
            screen.push_str(&format!("\x1b[{}A", self.drawn.len()));
        }
        for line in lines {
            screen.push_str(&format!("\x1b[2K{line}\n"));
        }
        let mut stderr = std::io::stderr().lock();
        drop(stderr.write_all(screen.as_bytes()));
    }
}
