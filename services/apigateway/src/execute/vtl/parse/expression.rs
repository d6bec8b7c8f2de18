//! References and expressions.

use serde_json::Value;

use super::{Expression, Operator, Parser, Reference, Step, is_name};
use crate::execute::vtl::Result;

/// Operators from the loosest to the tightest; a longer spelling stands before its beginning.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("eq", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("ne", Operator::NotEqual),
    ],
    &[
        ("<=", Operator::LessOrEqual),
        ("le", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("ge", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        ("lt", Operator::Less),
        (">", Operator::Greater),
        ("gt", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
    ],
];

impl Parser {
    /// `$name.property[0].method("x")`; `None` where a dollar is just a dollar.
    pub(super) fn reference(&mut self) -> Result<Option<Reference>> {
        let start = self.at;
        if !self.take("$") {
            return Ok(None);
        }
        self.take("!");
        let braced = self.take("{");
        let name = self.name_at(0).filter(|_| self.peek() != Some('{'));
        let Some(root) = name else {
            self.at = start;
            return Ok(None);
        };
        self.at += root.len();
        let steps = self.steps()?;
        if braced {
            self.expect("}")?;
        }
        Ok(Some(Reference { root, steps }))
    }

    fn steps(&mut self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            let begins_name = |c: char| c.is_ascii_alphabetic() || c == '_';
            if self.peek() == Some('.') && self.peek_at(1).is_some_and(begins_name) {
                self.at += 1;
                let name = self.word();
                steps.push(match self.peek() {
                    Some('(') => Step::Method(name, self.arguments()?),
                    _ => Step::Property(name),
                });
            } else if self.take("[") {
                let index = self.expression()?;
                self.skip_space();
                self.expect("]")?;
                steps.push(Step::Index(index));
            } else {
                return Ok(steps);
            }
        }
    }

    fn word(&mut self) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word: String = rest.iter().take_while(|c| is_name(**c)).collect();
        self.at += word.len();
        word
    }

    fn arguments(&mut self) -> Result<Vec<Expression>> {
        self.expect("(")?;
        self.list(")")
    }

    /// Expressions with commas between them, up to `end`.
    fn list(&mut self, end: &str) -> Result<Vec<Expression>> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.take(end) {
                return Ok(items);
            }
            items.push(self.expression()?);
            self.skip_space();
            if !self.take(",") && !self.looking_at(end) {
                return Err(self.fault(&format!("{end} is missing")));
            }
        }
    }

    pub(super) fn expression(&mut self) -> Result<Expression> {
        self.deeper(|parser| parser.level(0))
    }

    fn level(&mut self, level: usize) -> Result<Expression> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.level(level + 1)?;
        loop {
            self.skip_space();
            let found = operators.iter().find(|(mark, _)| self.is_operator(mark));
            let Some((mark, operator)) = found else {
                return Ok(left);
            };
            self.at += mark.len();
            let right = self.level(level + 1)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
    }

    /// A word is an operator only where it ends.
    fn is_operator(&self, mark: &str) -> bool {
        let is_word = mark.starts_with(|c: char| c.is_ascii_alphabetic());
        self.looking_at(mark) && !(is_word && self.peek_at(mark.len()).is_some_and(is_name))
    }

    fn unary(&mut self) -> Result<Expression> {
        self.skip_space();
        let negates = self.is_operator("not") || (self.peek() == Some('!'));
        if !negates {
            return self.primary();
        }
        self.at += if self.peek() == Some('!') { 1 } else { 3 };
        let inner = self.deeper(Self::unary)?;
        Ok(Expression::Not(Box::new(inner)))
    }

    fn primary(&mut self) -> Result<Expression> {
        self.skip_space();
        match self.peek() {
            Some('$') => {
                let reference = self.reference()?;
                let reference = reference.ok_or_else(|| self.fault("a name is missing"))?;
                Ok(Expression::Reference(reference))
            }
            Some('(') => {
                self.at += 1;
                let inner = self.expression()?;
                self.skip_space();
                self.expect(")")?;
                Ok(inner)
            }
            Some('[') => self.list_or_range(),
            Some('{') => self.map(),
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            Some(digit) if digit.is_ascii_digit() || digit == '-' => self.number(),
            _ => match self.word().as_str() {
                "true" => Ok(Expression::Literal(true.into())),
                "false" => Ok(Expression::Literal(false.into())),
                "null" => Ok(Expression::Literal(Value::Null)),
                other => Err(self.fault(&format!("{other:?} is no expression"))),
            },
        }
    }

    fn list_or_range(&mut self) -> Result<Expression> {
        self.expect("[")?;
        self.skip_space();
        if self.take("]") {
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.expression()?;
        self.skip_space();
        if self.take("..") {
            let last = self.expression()?;
            self.skip_space();
            self.expect("]")?;
            return Ok(Expression::Range(Box::new(first), Box::new(last)));
        }
        self.take(",");
        let mut items = vec![first];
        items.extend(self.list("]")?);
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Result<Expression> {
        self.expect("{")?;
        let mut pairs = Vec::new();
        loop {
            self.skip_space();
            if self.take("}") {
                return Ok(Expression::Map(pairs));
            }
            let key = self.expression()?;
            self.skip_space();
            self.expect(":")?;
            let value = self.expression()?;
            pairs.push((key, value));
            self.skip_space();
            if !self.take(",") && self.peek() != Some('}') {
                return Err(self.fault("} is missing"));
            }
        }
    }

    /// Text in single quotes is literal, in double quotes it is a template; a quote is doubled.
    fn quoted(&mut self, quote: char) -> Result<Expression> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                Some(found) if found == quote && self.peek_at(1) == Some(quote) => {
                    text.push(quote);
                    self.at += 2;
                }
                Some(found) if found == quote => break,
                Some(other) => {
                    text.push(other);
                    self.at += 1;
                }
                None => return Err(self.fault("a quote is not closed")),
            }
        }
        self.at += 1;
        if quote == '\'' || !text.contains(['$', '#']) {
            return Ok(Expression::Literal(text.into()));
        }
        Ok(Expression::Interpolated(super::parse(&text)?))
    }

    fn number(&mut self) -> Result<Expression> {
        let start = self.at;
        self.take("-");
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        while digit(self.peek()) || (self.peek() == Some('.') && digit(self.peek_at(1))) {
            self.at += 1;
        }
        let text: String = self.text[start..self.at].iter().collect();
        let value: Option<Value> = serde_json::from_str(&text).ok();
        value
            .map(Expression::Literal)
            .ok_or_else(|| self.fault(&format!("{text:?} is no number")))
    }
}
