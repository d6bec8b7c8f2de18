//! Expressions: fields, literals, functions and operators, by precedence.

use std::cmp::Ordering;

use regex::Regex;

use super::Refusal;
use super::aggregate::Aggregate;
use super::function::{self, Function};
use super::scanner::{self, Scanner};
use super::value::Value;

const DEPTH_MAX: usize = 64;

#[derive(Clone, Debug)]
pub(super) enum Expression {
    Field(String),
    Literal(Value),
    /// A period of so many milliseconds: `5m`.
    Period(i64),
    Call(Function, Vec<Expression>),
    /// A column made before under this text, else the expression itself: `sort bin(5m)` behind `stats`.
    Named(String, Box<Expression>),
    /// The result of an aggregation, by its place in the command.
    Aggregate(usize),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Compare(&'static [Ordering], Box<[Expression; 2]>),
    Arithmetic(Arithmetic, Box<[Expression; 2]>),
    Like(Box<Expression>, Regex),
    In(Box<Expression>, Vec<Expression>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Remainder,
}

const COMPARISONS: [(&str, &[Ordering]); 6] = [
    ("!=", &[Ordering::Less, Ordering::Greater]),
    ("<=", &[Ordering::Less, Ordering::Equal]),
    (">=", &[Ordering::Greater, Ordering::Equal]),
    ("=", &[Ordering::Equal]),
    ("<", &[Ordering::Less]),
    (">", &[Ordering::Greater]),
];

/// Reads expressions, and gathers the aggregations in them.
#[derive(Debug)]
pub(super) struct Reader<'s, 't> {
    pub(super) scanner: &'s mut Scanner<'t>,
    /// None where aggregations have no place.
    pub(super) aggregates: Option<Vec<Aggregate>>,
    depth: usize,
}

impl<'s, 't> Reader<'s, 't> {
    pub(super) fn new(scanner: &'s mut Scanner<'t>) -> Self {
        Self {
            scanner,
            aggregates: None,
            depth: 0,
        }
    }

    pub(super) fn expression(&mut self) -> Result<Expression, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.scanner.wrong("the expression is nested too deeply"));
        }
        let mut any = vec![self.conjunction()?];
        while self.scanner.take_word("or") || self.scanner.take("||") {
            any.push(self.conjunction()?);
        }
        self.depth -= 1;
        Ok(alone_or(any, Expression::Any))
    }

    fn conjunction(&mut self) -> Result<Expression, Refusal> {
        let mut all = vec![self.negation()?];
        while self.scanner.take_word("and") || self.scanner.take("&&") {
            all.push(self.negation()?);
        }
        Ok(alone_or(all, Expression::All))
    }

    fn negation(&mut self) -> Result<Expression, Refusal> {
        let is_not = !self.scanner.rest().starts_with("!=");
        if self.scanner.take_word("not") || (is_not && self.scanner.take("!")) {
            return Ok(Expression::Not(Box::new(self.negation()?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expression, Refusal> {
        let left = self.sum()?;
        if self.scanner.take("=~") {
            return self.like(left);
        }
        if self.scanner.take_word("not") {
            let positive = match self.scanner.word().to_ascii_lowercase().as_str() {
                "like" | "ilike" | "in" => self.wordy(left)?,
                _ => return Err(self.scanner.wrong("expected 'like' or 'in'")),
            };
            return Ok(Expression::Not(Box::new(positive)));
        }
        if matches!(
            self.scanner.word().to_ascii_lowercase().as_str(),
            "like" | "in"
        ) {
            return self.wordy(left);
        }
        let found = COMPARISONS
            .iter()
            .find(|(symbol, _)| self.scanner.take(symbol));
        match found {
            None => Ok(left),
            Some((_, wanted)) => {
                let right = self.sum()?;
                Ok(Expression::Compare(wanted, Box::new([left, right])))
            }
        }
    }

    fn wordy(&mut self, left: Expression) -> Result<Expression, Refusal> {
        if self.scanner.take_word("like") {
            return self.like(left);
        }
        if !self.scanner.take_word("in") {
            return Err(self.scanner.wrong("expected 'in'"));
        }
        self.scanner.expect("[")?;
        let mut listed = Vec::new();
        while !self.scanner.take("]") {
            listed.push(self.sum()?);
            if !self.scanner.take(",") {
                self.scanner.expect("]")?;
                break;
            }
        }
        Ok(Expression::In(Box::new(left), listed))
    }

    fn like(&mut self, left: Expression) -> Result<Expression, Refusal> {
        let regex = match self.scanner.quoted()? {
            Some(text) => scanner::compile(&regex::escape(&text)),
            None => self.scanner.regex()?,
        };
        let regex = regex.ok_or_else(|| self.scanner.wrong("expected a text or /expression/"))?;
        Ok(Expression::Like(Box::new(left), regex))
    }

    fn sum(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.product()?;
        loop {
            let operator = match () {
                () if self.scanner.take("+") => Arithmetic::Add,
                () if self.scanner.take("-") => Arithmetic::Subtract,
                () => return Ok(left),
            };
            left = Expression::Arithmetic(operator, Box::new([left, self.product()?]));
        }
    }

    fn product(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.power()?;
        loop {
            let operator = match () {
                () if self.scanner.take("*") => Arithmetic::Multiply,
                () if self.scanner.take("/") => Arithmetic::Divide,
                () if self.scanner.take("%") => Arithmetic::Remainder,
                () => return Ok(left),
            };
            left = Expression::Arithmetic(operator, Box::new([left, self.power()?]));
        }
    }

    fn power(&mut self) -> Result<Expression, Refusal> {
        let base = self.primary()?;
        if !self.scanner.take("^") {
            return Ok(base);
        }
        let exponent = self.power()?;
        Ok(Expression::Arithmetic(
            Arithmetic::Power,
            Box::new([base, exponent]),
        ))
    }

    fn primary(&mut self) -> Result<Expression, Refusal> {
        if self.scanner.take("(") {
            let inner = self.expression()?;
            self.scanner.expect(")")?;
            return Ok(inner);
        }
        if self.scanner.take("-") {
            let zero = Expression::Literal(Value::Number(0.0));
            let negated = Box::new([zero, self.primary()?]);
            return Ok(Expression::Arithmetic(Arithmetic::Subtract, negated));
        }
        if let Some(text) = self.scanner.quoted()? {
            return Ok(Expression::Literal(Value::Text(text)));
        }
        if self
            .scanner
            .rest()
            .starts_with(|first: char| first.is_ascii_digit())
        {
            return self.number();
        }
        let is_bare = !self.scanner.rest().starts_with('`');
        let name = self.scanner.name()?;
        if is_bare && self.scanner.rest().starts_with('(') {
            return self.call(&name);
        }
        Ok(match name.as_str() {
            "true" if is_bare => Expression::Literal(Value::Flag(true)),
            "false" if is_bare => Expression::Literal(Value::Flag(false)),
            _ => Expression::Field(name),
        })
    }

    fn number(&mut self) -> Result<Expression, Refusal> {
        let wrong = |reader: &Self| reader.scanner.wrong("not a number or a period");
        let (number, unit) = self.scanner.number().ok_or_else(|| wrong(self))?;
        if unit.is_empty() {
            return Ok(Expression::Literal(Value::Number(number)));
        }
        function::period_ms(number, unit)
            .map(Expression::Period)
            .ok_or_else(|| wrong(self))
    }

    fn call(&mut self, name: &str) -> Result<Expression, Refusal> {
        self.scanner.expect("(")?;
        let mut arguments = Vec::new();
        if self.scanner.take("*") {
            self.scanner.expect(")")?;
        } else {
            while !self.scanner.take(")") {
                arguments.push(self.expression()?);
                if !self.scanner.take(",") {
                    self.scanner.expect(")")?;
                    break;
                }
            }
        }
        if let Some(aggregates) = &mut self.aggregates
            && let Some(aggregate) = Aggregate::named(name, &arguments)
        {
            aggregates.push(aggregate);
            return Ok(Expression::Aggregate(aggregates.len() - 1));
        }
        let function = Function::named(name, arguments.len());
        let function = function.ok_or_else(|| match function::is_known_elsewhere(name) {
            true => Refusal::NotBuilt(format!("the function {name}")),
            false => self
                .scanner
                .wrong(format!("unknown function or wrong arguments: {name}")),
        })?;
        Ok(Expression::Call(function, arguments))
    }
}

fn alone_or(mut list: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match list.len() {
        1 => list.remove(0),
        _ => many(list),
    }
}
