//! Tokens to trees.
//!
//! Recursive descent with a bounded depth: no request may end the process. A syntax error ends the
//! parse; any other fault is kept, the gravest first, and refused when the whole text has been read.

use cumulet_engine::error::{Error, Result};

use super::super::errors::validation;
use super::super::value::AttributeValue;
use super::lexer::{Token, TokenKind, tokens};
use super::path::{Path, Step};
use super::placeholder::Placeholders;
use super::reserved::is_reserved;
use super::{Comparator, Condition, Kind, Operand};

const SIZE_MAX_BYTES: usize = 4096;
/// A megabyte of stack carries this, unoptimised; threads have two.
const DEPTH_MAX: usize = 64;
const OPERATORS_MAX: usize = 300;
const IN_OPERANDS_MAX: usize = 100;
const PATH_DEPTH_MAX: usize = 32;

/// Which of several faults is refused: the first of the gravest kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Reserved,
    UnknownFunction,
    MisplacedFunction,
    UndefinedName,
    UndefinedValue,
    OperandCount,
    OperandType,
    Redundant,
}

pub(super) struct Parser<'a> {
    kind: Kind,
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    operators: usize,
    placeholders: &'a mut Placeholders,
    fault: Option<(Fault, String)>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(
        kind: Kind,
        source: &'a str,
        placeholders: &'a mut Placeholders,
    ) -> Result<Self> {
        let refuse = |text: &str| Err(validation(format!("Invalid {}: {text}", kind.parameter())));
        if source.trim().is_empty() {
            return refuse("The expression can not be empty;");
        }
        if source.len() > SIZE_MAX_BYTES {
            let size = source.len();
            return refuse(&format!(
                "Expression size has exceeded the maximum allowed size; expression size: {size}"
            ));
        }
        Ok(Self {
            kind,
            source,
            tokens: tokens(source),
            at: 0,
            depth: 0,
            operators: 0,
            placeholders,
            fault: None,
        })
    }

    /// Refuses what follows the expression, and the gravest fault found in it.
    pub(super) fn finish(self) -> Result<()> {
        if self.peek().kind != TokenKind::End {
            return Err(self.syntax_error());
        }
        if self.operators > OPERATORS_MAX {
            return Err(self.error(&format!(
                "The expression contains too many operators; operator count: {}",
                self.operators
            )));
        }
        match &self.fault {
            Some((_, text)) => Err(self.error(text)),
            None => Ok(()),
        }
    }

    pub(super) fn error(&self, text: &str) -> Error {
        validation(format!("Invalid {}: {text}", self.kind.parameter()))
    }

    pub(super) fn note(&mut self, fault: Fault, text: String) {
        // Key conditions report what comes first; elsewhere the graver fault wins.
        let in_order = self.kind == Kind::KeyCondition;
        if self
            .fault
            .as_ref()
            .is_none_or(|(present, _)| !in_order && fault < *present)
        {
            self.fault = Some((fault, text));
        }
    }

    pub(super) fn count_operator(&mut self) {
        self.operators += 1;
    }

    // Tokens.

    pub(super) fn peek(&self) -> Token {
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn peek_second(&self) -> &'a str {
        self.tokens
            .get(self.at + 1)
            .map_or("", |token| self.text(*token))
    }

    pub(super) fn text(&self, token: Token) -> &'a str {
        &self.source[token.start..token.end]
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Symbol && self.text(token) == symbol
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.syntax_error())
        }
    }

    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Word && self.text(token).eq_ignore_ascii_case(keyword)
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        self.at += usize::from(found);
        found
    }

    /// A refusal of the next token, shown with its neighbours.
    pub(super) fn syntax_error(&self) -> Error {
        let at = self.at.min(self.tokens.len() - 1);
        let token = self.tokens[at];
        let shown = if token.kind == TokenKind::End {
            "<EOF>"
        } else {
            self.text(token)
        };
        let start = at
            .checked_sub(1)
            .map_or(token.start, |before| self.tokens[before].start);
        let end = self.tokens.get(at + 1).map_or(token.end, |after| after.end);
        let near = &self.source[start..end];
        self.error(&format!(
            "Syntax error; token: \"{shown}\", near: \"{near}\""
        ))
    }

    /// Runs `parse` one level deeper.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("The expression is nested too deeply;"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    // Conditions.

    pub(super) fn whole_condition(&mut self) -> Result<Condition> {
        Ok(self.any()?.0)
    }

    /// A condition, and whether it is one pair of parentheses.
    fn any(&mut self) -> Result<(Condition, bool)> {
        let (first, parenthesised) = self.all()?;
        let mut conditions = vec![first];
        while self.take_keyword("OR") {
            self.count_operator();
            conditions.push(self.all()?.0);
        }
        Ok(collect(conditions, parenthesised, Condition::Any))
    }

    fn all(&mut self) -> Result<(Condition, bool)> {
        let (first, parenthesised) = self.negation()?;
        let mut conditions = vec![first];
        while self.take_keyword("AND") {
            self.count_operator();
            conditions.push(self.negation()?.0);
        }
        Ok(collect(conditions, parenthesised, Condition::All))
    }

    fn negation(&mut self) -> Result<(Condition, bool)> {
        if self.at_keyword("NOT") {
            self.advance();
            self.count_operator();
            let (condition, _) = self.nested(Self::negation)?;
            return Ok((Condition::Not(Box::new(condition)), false));
        }
        if self.take_symbol("(") {
            let (condition, parenthesised) = self.nested(Self::any)?;
            self.expect_symbol(")")?;
            if parenthesised {
                self.note(
                    Fault::Redundant,
                    "The expression has redundant parentheses;".into(),
                );
            }
            return Ok((condition, true));
        }
        Ok((self.predicate()?, false))
    }

    fn at_function(&self) -> bool {
        self.peek().kind == TokenKind::Word && self.peek_second() == "("
    }

    fn predicate(&mut self) -> Result<Condition> {
        if self.at_function() && self.text(self.peek()) != "size" {
            return self.function_condition();
        }
        let left = self.operand()?;
        let operator = self.peek();
        if self.take_keyword("BETWEEN") {
            return self.between(left);
        }
        if self.take_keyword("IN") {
            return self.membership(left);
        }
        let comparator = match self.text(operator) {
            "=" => Comparator::Equal,
            "<>" => Comparator::NotEqual,
            "<" => Comparator::Less,
            "<=" => Comparator::LessOrEqual,
            ">" => Comparator::Greater,
            ">=" => Comparator::GreaterOrEqual,
            _ => return Err(self.syntax_error()),
        };
        self.advance();
        self.count_operator();
        let right = self.operand()?;
        let name = self.text(operator);
        if !matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
            self.need_ordered(name, &left);
            self.need_ordered(name, &right);
        }
        self.need_distinct(name, &left, std::slice::from_ref(&right));
        Ok(Condition::Compare(comparator, left, right))
    }

    fn between(&mut self, value: Operand) -> Result<Condition> {
        self.count_operator();
        let low = self.operand()?;
        if !self.take_keyword("AND") {
            return Err(self.syntax_error());
        }
        let high = self.operand()?;
        for operand in [&value, &low, &high] {
            self.need_ordered("BETWEEN", operand);
        }
        if let (Operand::Value(low), Operand::Value(high)) = (&low, &high) {
            self.need_bounds(low, high);
        }
        Ok(Condition::Between(value, low, high))
    }

    fn need_bounds(&mut self, low: &AttributeValue, high: &AttributeValue) {
        let requirement = if low.type_name() != high.type_name() {
            "same data type for lower and upper bounds"
        } else if super::evaluate::order(low, high) == Some(std::cmp::Ordering::Greater) {
            "upper bound to be greater than or equal to lower bound"
        } else {
            return;
        };
        let text = format!(
            "The BETWEEN operator requires {requirement}; lower bound operand: AttributeValue: {}, upper bound operand: AttributeValue: {}",
            shown(low),
            shown(high)
        );
        self.note(Fault::OperandType, text);
    }

    fn membership(&mut self, value: Operand) -> Result<Condition> {
        self.count_operator();
        self.expect_symbol("(")?;
        let mut members = vec![self.operand()?];
        while self.take_symbol(",") {
            members.push(self.operand()?);
        }
        self.expect_symbol(")")?;
        if members.len() > IN_OPERANDS_MAX {
            let count = members.len();
            self.note(
                Fault::OperandCount,
                format!("Number of operands for operator or function exceeds the limit; operator or function: IN, number of operands: {count}"),
            );
        }
        Ok(Condition::In(value, members))
    }

    /// A function that is true or false.
    fn function_condition(&mut self) -> Result<Condition> {
        let name = self.text(self.peek());
        let arguments = self.arguments()?;
        self.count_operator();
        let condition = match (name, arguments.as_slice()) {
            ("attribute_exists", [path]) => self.need_path(name, path).map(Condition::Exists),
            ("attribute_not_exists", [path]) => {
                self.need_path(name, path).map(Condition::NotExists)
            }
            ("attribute_type", [path, kind]) => {
                let path = self.need_path(name, path);
                let kind = self.need_type_name(kind);
                path.zip(kind)
                    .map(|(path, kind)| Condition::HasType(path, kind))
            }
            ("begins_with", [text, beginning]) => {
                self.need_text(name, text);
                self.need_text(name, beginning);
                self.need_distinct(name, text, &arguments[1..]);
                Some(Condition::BeginsWith(text.clone(), beginning.clone()))
            }
            ("contains", [container, member]) => {
                self.need_distinct(name, container, &arguments[1..]);
                Some(Condition::Contains(container.clone(), member.clone()))
            }
            (
                "attribute_exists"
                | "attribute_not_exists"
                | "attribute_type"
                | "begins_with"
                | "contains",
                _,
            ) => {
                self.note_operand_count(name, arguments.len());
                None
            }
            _ => {
                self.note_misplaced(name);
                None
            }
        };
        // Where a fault is noted the tree is never evaluated.
        Ok(condition.unwrap_or(Condition::All(Vec::new())))
    }

    pub(super) fn note_operand_count(&mut self, name: &str, count: usize) {
        let text = format!(
            "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}"
        );
        self.note(Fault::OperandCount, text);
    }

    pub(super) fn note_misplaced(&mut self, name: &str) {
        let known = [
            "if_not_exists",
            "list_append",
            "size",
            "attribute_exists",
            "attribute_not_exists",
            "attribute_type",
            "begins_with",
            "contains",
        ];
        if known.contains(&name) {
            self.note(
                Fault::MisplacedFunction,
                format!("The function is not allowed to be used this way in an expression; function: {name}"),
            );
        } else {
            self.note(
                Fault::UnknownFunction,
                format!("Invalid function name; function: {name}"),
            );
        }
    }

    fn need_ordered(&mut self, operator: &str, operand: &Operand) {
        if let Operand::Value(value) = operand
            && !value.is_ordered()
        {
            self.note_operand_type(operator, value.type_name());
        }
    }

    pub(super) fn note_operand_type(&mut self, operator: &str, type_name: &str) {
        let text = format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {type_name}"
        );
        self.note(Fault::OperandType, text);
    }

    fn need_text(&mut self, function: &str, operand: &Operand) {
        if let Operand::Value(value) = operand
            && !matches!(value, AttributeValue::S(_) | AttributeValue::B(_))
        {
            self.note_operand_type(function, value.type_name());
        }
    }

    pub(super) fn need_path(&mut self, function: &str, operand: &Operand) -> Option<Path> {
        if let Operand::Path(path) = operand {
            return Some(path.clone());
        }
        let text = format!(
            "Operator or function requires a document path; operator or function: {function}"
        );
        self.note(Fault::OperandType, text);
        None
    }

    fn need_type_name(&mut self, operand: &Operand) -> Option<String> {
        const TYPES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];
        let text = match operand {
            Operand::Value(AttributeValue::S(name)) if TYPES.contains(&name.as_str()) => {
                return Some(name.clone());
            }
            Operand::Value(AttributeValue::S(name)) => {
                let types = TYPES.join(",");
                format!("Invalid attribute type name found; type: {name}, valid types: {{ {types} }}")
            }
            Operand::Value(value) => {
                self.note_operand_type("attribute_type", value.type_name());
                return None;
            }
            _ => "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: PATH".to_owned(),
        };
        self.note(Fault::OperandType, text);
        None
    }

    fn need_distinct(&mut self, operator: &str, first: &Operand, others: &[Operand]) {
        let Operand::Path(path) = first else { return };
        if others.contains(first) {
            self.note(
                Fault::OperandType,
                format!("The first operand must be distinct from the remaining operands for this operator or function; operator: {operator}, first operand: {path}"),
            );
        }
    }

    // Operands.

    /// The operands between a function's parentheses, its name first.
    pub(super) fn arguments(&mut self) -> Result<Vec<Operand>> {
        self.advance();
        self.expect_symbol("(")?;
        let mut arguments = Vec::new();
        if self.take_symbol(")") {
            return Err(self.syntax_error());
        }
        loop {
            arguments.push(self.nested(Self::operand)?);
            if !self.take_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        Ok(arguments)
    }

    pub(super) fn operand(&mut self) -> Result<Operand> {
        if self.at_function() {
            return self.function_operand();
        }
        if self.peek().kind == TokenKind::Value {
            return Ok(Operand::Value(self.value()));
        }
        self.path().map(Operand::Path)
    }

    pub(super) fn value(&mut self) -> AttributeValue {
        let token = self.advance();
        let text = self.text(token);
        if let Some(value) = self.placeholders.value(text) {
            return value;
        }
        let fault = format!(
            "An expression attribute value used in expression is not defined; attribute value: {text}"
        );
        self.note(Fault::UndefinedValue, fault);
        AttributeValue::Null
    }

    fn function_operand(&mut self) -> Result<Operand> {
        let name = self.text(self.peek());
        let arguments = self.arguments()?;
        let in_update = self.kind == Kind::Update;
        let operand = match (name, arguments.as_slice()) {
            ("size", [path]) if !in_update => self.need_path(name, path).map(Operand::Size),
            ("if_not_exists", [path, otherwise]) if in_update => self
                .need_path(name, path)
                .map(|path| Operand::IfNotExists(path, Box::new(otherwise.clone()))),
            ("list_append", [first, second]) if in_update => {
                for operand in [first, second] {
                    match operand {
                        Operand::Value(AttributeValue::L(_)) => {}
                        Operand::Value(value) => self.note_operand_type(name, value.type_name()),
                        _ => {}
                    }
                }
                Some(Operand::ListAppend(
                    Box::new(first.clone()),
                    Box::new(second.clone()),
                ))
            }
            ("size", _) if !in_update => {
                self.note_operand_count(name, arguments.len());
                None
            }
            ("if_not_exists" | "list_append", _) if in_update => {
                self.note_operand_count(name, arguments.len());
                None
            }
            _ => {
                self.note_misplaced(name);
                None
            }
        };
        self.count_operator();
        Ok(operand.unwrap_or(Operand::Value(AttributeValue::Null)))
    }

    /// Paths between commas.
    pub(super) fn paths(&mut self) -> Result<Vec<Path>> {
        let mut paths = vec![self.path()?];
        while self.take_symbol(",") {
            paths.push(self.path()?);
        }
        Ok(paths)
    }

    pub(super) fn path(&mut self) -> Result<Path> {
        let mut path = Path {
            root: self.path_name()?,
            steps: Vec::new(),
        };
        loop {
            if self.take_symbol(".") {
                let name = self.path_name()?;
                path.steps.push(Step::Attribute(name));
            } else if self.take_symbol("[") {
                path.steps.push(Step::Element(self.index()?));
                self.expect_symbol("]")?;
            } else {
                break;
            }
        }
        if path.depth() > PATH_DEPTH_MAX {
            self.note(
                Fault::OperandCount,
                "The document path has too many nesting elements; nesting levels: ".to_owned()
                    + &path.depth().to_string(),
            );
        }
        Ok(path)
    }

    fn index(&mut self) -> Result<usize> {
        let token = self.peek();
        if token.kind != TokenKind::Digits {
            return Err(self.syntax_error());
        }
        self.advance();
        let index: Option<u32> = self.text(token).parse().ok();
        index
            .and_then(|index| usize::try_from(index).ok())
            .ok_or_else(|| {
                self.error(&format!(
                    "List index is not within the allowable range; index: [{}]",
                    self.text(token)
                ))
            })
    }

    fn path_name(&mut self) -> Result<String> {
        let token = self.peek();
        let text = self.text(token);
        match token.kind {
            TokenKind::Word => {
                if is_keyword_here(text) {
                    return Err(self.syntax_error());
                }
                if is_reserved(text) {
                    self.note(
                        Fault::Reserved,
                        format!("Attribute name is a reserved keyword; reserved keyword: {text}"),
                    );
                }
                self.advance();
                Ok(text.to_owned())
            }
            TokenKind::Name => {
                self.advance();
                Ok(self.placeholder_name(text))
            }
            _ => Err(self.syntax_error()),
        }
    }

    fn placeholder_name(&mut self, placeholder: &str) -> String {
        if let Some(name) = self.placeholders.name(placeholder) {
            return name;
        }
        let fault = format!(
            "An expression attribute name used in the document path is not defined; attribute name: {placeholder}"
        );
        self.note(Fault::UndefinedName, fault);
        placeholder.to_owned()
    }
}

/// Words of the grammar itself stand for nothing else.
fn is_keyword_here(word: &str) -> bool {
    ["AND", "OR", "NOT", "BETWEEN", "IN"]
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

fn collect(
    mut conditions: Vec<Condition>,
    parenthesised: bool,
    combine: fn(Vec<Condition>) -> Condition,
) -> (Condition, bool) {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => (only, parenthesised),
        last => {
            conditions.extend(last);
            (combine(conditions), false)
        }
    }
}

/// `{S:text}`, as refusals show values.
fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => format!("{{S:{text}}}"),
        AttributeValue::N(number) => format!("{{N:{number}}}"),
        other => format!("{{{}:...}}", other.type_name()),
    }
}
