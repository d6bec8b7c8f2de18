//! From a template's text to its tree.

use serde_json::Value;

use super::{Fault, Result};

mod expression;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Show(Reference),
    Set(Reference, Expression),
    /// Conditions with their blocks, and the block of `#else`.
    If(Vec<(Expression, Vec<Node>)>, Vec<Node>),
    Foreach(String, Expression, Vec<Node>),
    Macro(String, Vec<String>, Vec<Node>),
    /// A macro's use, and its source for the case that there is no such macro.
    Call(String, Vec<Expression>, String),
    Break,
    Stop,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference {
    pub(super) root: String,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Property(String),
    Index(Expression),
    Method(String, Vec<Expression>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Literal(Value),
    /// Text in double quotes.
    Interpolated(Vec<Node>),
    Reference(Reference),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Range(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// How deep blocks and expressions may nest: a template is not trusted to be sane.
const DEPTH_MAX: usize = 64;

pub(super) fn parse(template: &str) -> Result<Vec<Node>> {
    let mut parser = Parser {
        text: template.chars().collect(),
        at: 0,
        depth: 0,
    };
    let nodes = parser.block()?;
    match parser.peek() {
        None => Ok(nodes),
        Some(_) => Err(parser.fault("a directive ends what was never begun")),
    }
}

pub(super) struct Parser {
    text: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn looking_at(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(ahead, expected)| self.peek_at(ahead) == Some(expected))
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn expect(&mut self, text: &str) -> Result<()> {
        match self.take(text) {
            true => Ok(()),
            false => Err(self.fault(&format!("{text} is missing"))),
        }
    }

    fn fault(&self, what: &str) -> Fault {
        let line = self
            .text
            .iter()
            .take(self.at)
            .filter(|c| **c == '\n')
            .count()
            + 1;
        Fault::new(format!("line {line} of the template: {what}"))
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Space and the line's end after a directive belong to the directive.
    fn skip_line_end(&mut self) {
        let start = self.at;
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.at += 1;
        }
        self.take("\r");
        if !self.take("\n") {
            self.at = start;
        }
    }

    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH_MAX {
            return Err(self.fault("nested too deeply"));
        }
        self.depth += 1;
        let outcome = inside(self);
        self.depth -= 1;
        outcome
    }

    /// Everything up to the end or a directive that closes a block.
    fn block(&mut self) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        while let Some(character) = self.peek() {
            if self.closes_block() {
                break;
            }
            let node = match character {
                '$' => self.reference()?.map(Node::Show),
                '#' => self.directive(&mut text)?,
                '\\' if matches!(self.peek_at(1), Some('$' | '#')) => {
                    self.at += 1;
                    None
                }
                _ => None,
            };
            match (node, self.peek()) {
                (Some(node), _) => {
                    flush(&mut text, &mut nodes);
                    nodes.push(node);
                }
                // Nothing was taken, or a comment was: what stands here is text.
                (None, Some(plain)) if character != '#' || self.unread(plain) => {
                    text.push(plain);
                    self.at += 1;
                }
                (None, _) => {}
            }
        }
        flush(&mut text, &mut nodes);
        Ok(nodes)
    }

    /// Whether a `#` at hand is plain text: no directive, no comment.
    fn unread(&self, character: char) -> bool {
        character == '#' && self.name_at(1).is_none() && !self.is_comment()
    }

    fn is_comment(&self) -> bool {
        ["##", "#*", "#[["].iter().any(|mark| self.looking_at(mark))
    }

    fn closes_block(&self) -> bool {
        self.peek() == Some('#')
            && matches!(self.name_at(1).as_deref(), Some("end" | "else" | "elseif"))
    }

    /// The name at `ahead`, in braces or not.
    fn name_at(&self, ahead: usize) -> Option<String> {
        let braced = self.peek_at(ahead) == Some('{');
        let start = self.at + ahead + usize::from(braced);
        let rest = self.text.get(start..)?;
        let name: String = rest.iter().take_while(|c| is_name(**c)).collect();
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let closed = !braced || rest.get(name.len()) == Some(&'}');
        (begins_well && closed).then_some(name)
    }

    fn take_name(&mut self) -> Option<String> {
        let name = self.name_at(0).filter(|_| self.peek() != Some('{'))?;
        self.at += name.len();
        Some(name)
    }

    /// A directive's name, with its mark and braces.
    fn take_directive(&mut self, name: &str) {
        let braced = self.peek_at(1) == Some('{');
        self.at += 1 + name.len() + if braced { 2 } else { 0 };
    }

    /// Reads what a `#` begins. `None` where it is text (nothing taken) or a comment (taken).
    fn directive(&mut self, text: &mut String) -> Result<Option<Node>> {
        if self.is_comment() {
            self.comment(text);
            return Ok(None);
        }
        let Some(name) = self.name_at(1) else {
            return Ok(None);
        };
        let start = self.at;
        self.take_directive(&name);
        let node = match name.as_str() {
            "set" => self.set()?,
            "if" => self.deeper(Self::condition)?,
            "foreach" => self.deeper(Self::foreach)?,
            "macro" => self.deeper(Self::define_macro)?,
            "break" => Node::Break,
            "stop" | "return" => Node::Stop,
            "define" | "parse" | "include" | "evaluate" => {
                return Err(self.fault(&format!("#{name} is not implemented by Cumulet")));
            }
            _ if self.peek() == Some('(') => {
                let arguments = self.macro_arguments()?;
                Node::Call(name, arguments, self.text[start..self.at].iter().collect())
            }
            _ => Node::Text(self.text[start..self.at].iter().collect()),
        };
        Ok(Some(node))
    }

    fn comment(&mut self, text: &mut String) {
        let rest: String = self.text[self.at..].iter().collect();
        let (length, literal) = if rest.starts_with("##") {
            (rest.find('\n').map_or(rest.len(), |at| at + 1), None)
        } else if rest.starts_with("#*") {
            (rest.find("*#").map_or(rest.len(), |at| at + 2), None)
        } else {
            let end = rest.find("]]#");
            let literal = rest.get(3..end.unwrap_or(rest.len()));
            (end.map_or(rest.len(), |at| at + 3), literal)
        };
        text.push_str(literal.unwrap_or_default());
        self.at += rest.get(..length).map_or(0, |taken| taken.chars().count());
    }

    fn set(&mut self) -> Result<Node> {
        self.open()?;
        let target = self.reference()?;
        let target = target.ok_or_else(|| self.fault("#set wants a reference"))?;
        self.skip_space();
        self.expect("=")?;
        let value = self.expression()?;
        self.close()?;
        Ok(Node::Set(target, value))
    }

    fn condition(&mut self) -> Result<Node> {
        let mut branches = Vec::new();
        loop {
            self.open()?;
            let condition = self.expression()?;
            self.close()?;
            branches.push((condition, self.block()?));
            match self.name_at(1).as_deref() {
                Some("elseif") => self.take_directive("elseif"),
                Some("else") => {
                    self.take_directive("else");
                    self.skip_line_end();
                    let otherwise = self.block()?;
                    self.end()?;
                    return Ok(Node::If(branches, otherwise));
                }
                _ => {
                    self.end()?;
                    return Ok(Node::If(branches, Vec::new()));
                }
            }
        }
    }

    fn foreach(&mut self) -> Result<Node> {
        self.open()?;
        let item = self.reference()?;
        let item = item.ok_or_else(|| self.fault("#foreach wants a reference"))?;
        self.skip_space();
        self.expect("in")?;
        let list = self.expression()?;
        self.close()?;
        let block = self.block()?;
        self.end()?;
        Ok(Node::Foreach(item.root, list, block))
    }

    fn define_macro(&mut self) -> Result<Node> {
        self.open()?;
        let name = self.take_name();
        let name = name.ok_or_else(|| self.fault("#macro wants a name"))?;
        let mut parameters = Vec::new();
        loop {
            self.skip_space();
            self.take(",");
            self.skip_space();
            match self.reference()? {
                Some(parameter) => parameters.push(parameter.root),
                None => break,
            }
        }
        self.close()?;
        let block = self.block()?;
        self.end()?;
        Ok(Node::Macro(name, parameters, block))
    }

    /// Arguments of a macro: commas are optional.
    fn macro_arguments(&mut self) -> Result<Vec<Expression>> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        loop {
            self.skip_space();
            self.take(",");
            self.skip_space();
            if self.take(")") {
                return Ok(arguments);
            }
            arguments.push(self.expression()?);
        }
    }

    fn open(&mut self) -> Result<()> {
        self.skip_space();
        self.expect("(")?;
        self.skip_space();
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.skip_space();
        self.expect(")")?;
        self.skip_line_end();
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.name_at(1).as_deref() != Some("end") {
            return Err(self.fault("#end is missing"));
        }
        self.take_directive("end");
        self.skip_line_end();
        Ok(())
    }
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

fn flush(text: &mut String, nodes: &mut Vec<Node>) {
    if !text.is_empty() {
        nodes.push(Node::Text(std::mem::take(text)));
    }
}
