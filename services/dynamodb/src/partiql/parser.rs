//! Tokens to statements, in bounded depth.

use cumulet_engine::error::{Error, Result};

use super::super::errors::validation;
use super::super::expression::{Comparator, Condition, Operand, Path, Step, Update};
use super::super::value::AttributeValue;
use super::lexer::{Token, tokens};
use super::{Select, Statement};

const DEPTH_MAX: usize = 64;

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    parameters: std::vec::IntoIter<AttributeValue>,
}

pub(super) fn parse(text: &str, parameters: Vec<AttributeValue>) -> Result<Statement> {
    let tokens = tokens(text).map_err(|at| validation(format!("Statement wasn't well formed, can't be processed: Unexpected character at position {at}")))?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        parameters: parameters.into_iter(),
    };
    let statement = parser.statement()?;
    parser.take_symbol(";");
    if parser.peek().is_some() {
        return Err(parser.unexpected());
    }
    if parser.parameters.next().is_some() {
        return Err(validation(
            "Number of parameters in request and statement don't match.",
        ));
    }
    Ok(statement)
}

impl Parser {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1)
    }

    pub(super) fn advance(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    pub(super) fn unexpected(&self) -> Error {
        let shown = self
            .peek()
            .map_or("end of statement".to_owned(), |token| match token {
                Token::Word(text) | Token::Name(text) | Token::Text(text) | Token::Number(text) => {
                    text.clone()
                }
                Token::Symbol(symbol) => (*symbol).to_owned(),
            });
        validation(format!(
            "Statement wasn't well formed, can't be processed: Unexpected token: {shown}"
        ))
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(next)) if *next == symbol);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(validation(
                "Statement wasn't well formed, can't be processed: nested too deeply",
            ));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    pub(super) fn parameter(&mut self) -> Result<AttributeValue> {
        let missing = || validation("Number of parameters in request and statement don't match.");
        self.parameters.next().ok_or_else(missing)
    }

    // Statements.

    fn statement(&mut self) -> Result<Statement> {
        if self.take_word("SELECT") {
            return self.select().map(Statement::Select);
        }
        if self.take_word("INSERT") {
            self.expect_word("INTO")?;
            let (table, _) = self.source()?;
            self.expect_word("VALUE")?;
            return Ok(Statement::Insert {
                table,
                item: self.map()?,
            });
        }
        if self.take_word("UPDATE") {
            let (table, _) = self.source()?;
            let update = self.changes()?;
            return Ok(Statement::Update {
                table,
                update,
                condition: self.condition()?,
                returning: self.returning()?,
            });
        }
        self.expect_word("DELETE")?;
        self.expect_word("FROM")?;
        let (table, _) = self.source()?;
        Ok(Statement::Delete {
            table,
            condition: self.condition()?,
            returning: self.returning()?,
        })
    }

    fn select(&mut self) -> Result<Select> {
        let paths = if self.take_symbol("*") {
            None
        } else {
            Some(self.paths()?)
        };
        self.expect_word("FROM")?;
        let (table, index) = self.source()?;
        let condition = self.condition()?;
        let mut backward = false;
        if self.take_word("ORDER") {
            self.expect_word("BY")?;
            self.path()?;
            backward = self.take_word("DESC");
            if !backward {
                self.take_word("ASC");
            }
        }
        Ok(Select {
            table,
            index,
            paths,
            condition,
            backward,
        })
    }

    fn name(&mut self) -> Result<String> {
        match self.peek().cloned() {
            Some(Token::Word(name) | Token::Name(name)) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `"table"` or `"table"."index"`
    fn source(&mut self) -> Result<(String, Option<String>)> {
        let table = self.name()?;
        let index = if self.take_symbol(".") {
            Some(self.name()?)
        } else {
            None
        };
        Ok((table, index))
    }

    fn paths(&mut self) -> Result<Vec<Path>> {
        let mut paths = vec![self.path()?];
        while self.take_symbol(",") {
            paths.push(self.path()?);
        }
        Ok(paths)
    }

    fn path(&mut self) -> Result<Path> {
        let mut path = Path {
            root: self.name()?,
            steps: Vec::new(),
        };
        loop {
            if self.take_symbol(".") {
                path.steps.push(Step::Attribute(self.name()?));
            } else if self.take_symbol("[") {
                let index = match self.advance() {
                    Some(Token::Number(text)) => text.parse().map(Step::Element).ok(),
                    Some(Token::Text(name)) => Some(Step::Attribute(name)),
                    _ => None,
                };
                path.steps.push(index.ok_or_else(|| self.unexpected())?);
                self.expect_symbol("]")?;
            } else {
                return Ok(path);
            }
            if path.steps.len() >= DEPTH_MAX {
                return Err(self.unexpected());
            }
        }
    }

    fn returning(&mut self) -> Result<Option<&'static str>> {
        if !self.take_word("RETURNING") {
            return Ok(None);
        }
        let all = self.take_word("ALL");
        if !all {
            self.expect_word("MODIFIED")?;
        }
        let old = self.take_word("OLD");
        if !old {
            self.expect_word("NEW")?;
        }
        self.expect_symbol("*")?;
        Ok(Some(match (all, old) {
            (true, true) => "ALL_OLD",
            (true, false) => "ALL_NEW",
            (false, true) => "UPDATED_OLD",
            (false, false) => "UPDATED_NEW",
        }))
    }

    // Updates.

    fn changes(&mut self) -> Result<Update> {
        let mut update = Update::default();
        loop {
            if self.take_word("SET") {
                self.assignment(&mut update)?;
                while self.take_symbol(",") {
                    self.assignment(&mut update)?;
                }
            } else if self.take_word("REMOVE") {
                update.removes.append(&mut self.paths()?);
            } else if update == Update::default() {
                return Err(self.unexpected());
            } else {
                update.check_overlaps()?;
                return Ok(update);
            }
        }
    }

    fn assignment(&mut self, update: &mut Update) -> Result<()> {
        let path = self.path()?;
        self.expect_symbol("=")?;
        for (function, members) in [
            ("set_add", &mut update.adds),
            ("set_delete", &mut update.deletes),
        ] {
            if self.at_word(function) && self.peek_second() == Some(&Token::Symbol("(")) {
                self.at += 2;
                if self.path()? != path {
                    return Err(validation(format!(
                        "{function} changes the attribute it is assigned to"
                    )));
                }
                self.expect_symbol(",")?;
                members.push((path, self.value()?));
                return self.expect_symbol(")");
            }
        }
        let value = self.set_value()?;
        update.sets.push((path, value));
        Ok(())
    }

    fn set_value(&mut self) -> Result<Operand> {
        let left = self.nested(Self::operand)?;
        let plus = self.take_symbol("+");
        if !plus && !self.take_symbol("-") {
            return Ok(left);
        }
        let (left, right) = (Box::new(left), Box::new(self.nested(Self::operand)?));
        Ok(if plus {
            Operand::Plus(left, right)
        } else {
            Operand::Minus(left, right)
        })
    }

    fn operand(&mut self) -> Result<Operand> {
        if let Some(value) = self.take_value()? {
            return Ok(Operand::Value(value));
        }
        if self.peek_second() != Some(&Token::Symbol("(")) {
            return self.path().map(Operand::Path);
        }
        let function = self.name()?.to_ascii_lowercase();
        self.expect_symbol("(")?;
        let operand = match function.as_str() {
            "size" => Operand::Size(self.path()?),
            "list_append" => {
                let first = self.nested(Self::operand)?;
                self.expect_symbol(",")?;
                Operand::ListAppend(Box::new(first), Box::new(self.nested(Self::operand)?))
            }
            "if_not_exists" => {
                let path = self.path()?;
                self.expect_symbol(",")?;
                Operand::IfNotExists(path, Box::new(self.nested(Self::operand)?))
            }
            _ => return Err(validation(format!("Unsupported function: {function}"))),
        };
        self.expect_symbol(")")?;
        Ok(operand)
    }

    // Conditions.

    fn condition(&mut self) -> Result<Option<Condition>> {
        if self.take_word("WHERE") {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    fn any(&mut self) -> Result<Condition> {
        let mut conditions = vec![self.all()?];
        while self.take_word("OR") {
            conditions.push(self.all()?);
        }
        Ok(only_or(conditions, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition> {
        let mut conditions = vec![self.negation()?];
        while self.take_word("AND") {
            conditions.push(self.negation()?);
        }
        Ok(only_or(conditions, Condition::All))
    }

    fn negation(&mut self) -> Result<Condition> {
        if self.take_word("NOT") {
            let condition = self.nested(Self::negation)?;
            return Ok(Condition::Not(Box::new(condition)));
        }
        if self.take_symbol("(") {
            let condition = self.nested(Self::any)?;
            self.expect_symbol(")")?;
            return Ok(condition);
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Condition> {
        for function in ["begins_with", "contains", "attribute_type"] {
            if self.at_word(function) && self.peek_second() == Some(&Token::Symbol("(")) {
                self.at += 2;
                return self.function_condition(function);
            }
        }
        let left = self.operand()?;
        if self.take_word("BETWEEN") {
            let low = self.operand()?;
            self.expect_word("AND")?;
            return Ok(Condition::Between(left, low, self.operand()?));
        }
        if self.take_word("IN") {
            return self.membership(left);
        }
        if self.take_word("IS") {
            return self.presence(left);
        }
        let comparator = match self.advance() {
            Some(Token::Symbol("=")) => Comparator::Equal,
            Some(Token::Symbol("<>" | "!=")) => Comparator::NotEqual,
            Some(Token::Symbol("<")) => Comparator::Less,
            Some(Token::Symbol("<=")) => Comparator::LessOrEqual,
            Some(Token::Symbol(">")) => Comparator::Greater,
            Some(Token::Symbol(">=")) => Comparator::GreaterOrEqual,
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        };
        Ok(Condition::Compare(comparator, left, self.operand()?))
    }

    fn membership(&mut self, left: Operand) -> Result<Condition> {
        if let Some(Token::Symbol("[")) = self.peek() {
            let AttributeValue::L(members) = self.value()? else {
                return Err(self.unexpected());
            };
            return Ok(Condition::In(
                left,
                members.into_iter().map(Operand::Value).collect(),
            ));
        }
        self.expect_symbol("(")?;
        let mut members = vec![self.operand()?];
        while self.take_symbol(",") {
            members.push(self.operand()?);
        }
        self.expect_symbol(")")?;
        Ok(Condition::In(left, members))
    }

    /// `IS [NOT] MISSING` or `IS [NOT] NULL`
    fn presence(&mut self, left: Operand) -> Result<Condition> {
        let negated = self.take_word("NOT");
        let condition = if self.take_word("MISSING") {
            let Operand::Path(path) = left else {
                return Err(self.unexpected());
            };
            Condition::NotExists(path)
        } else {
            self.expect_word("NULL")?;
            Condition::Compare(
                Comparator::Equal,
                left,
                Operand::Value(AttributeValue::Null),
            )
        };
        Ok(if negated {
            Condition::Not(Box::new(condition))
        } else {
            condition
        })
    }

    fn function_condition(&mut self, function: &str) -> Result<Condition> {
        let first = self.operand()?;
        self.expect_symbol(",")?;
        let second = self.operand()?;
        self.expect_symbol(")")?;
        Ok(match (function, first, second) {
            ("begins_with", first, second) => Condition::BeginsWith(first, second),
            ("contains", first, second) => Condition::Contains(first, second),
            (_, Operand::Path(path), Operand::Value(AttributeValue::S(kind))) => {
                Condition::HasType(path, kind)
            }
            _ => {
                return Err(validation(
                    "attribute_type takes a path and the name of a type",
                ));
            }
        })
    }
}

fn only_or(mut conditions: Vec<Condition>, combine: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            combine(conditions)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_read_and_wrong_ones_are_refused() {
        let good = [
            "SELECT * FROM \"t\".\"i\" WHERE pk = 'it''s' AND (n > -1.5e3 OR x IN [1, 2]) ORDER BY sk DESC",
            "SELECT a.b[0], \"c d\" FROM t WHERE a IS NOT MISSING AND begins_with(\"sk\", 'p')",
            "INSERT INTO t VALUE {'pk': 'a', 'l': [1, {'x': null}], 's': <<1, 2>>}",
            "UPDATE t SET a = a + 1 SET s = set_add(s, <<'x'>>) REMOVE q[1] WHERE pk = 'a' RETURNING ALL NEW *",
            "DELETE FROM t WHERE pk = 'a' AND contains(x, 'y');",
        ];
        for text in good {
            assert!(
                parse(text, Vec::new()).is_ok(),
                "{text}: {:?}",
                parse(text, Vec::new())
            );
        }
        let deep = format!("SELECT * FROM t WHERE {}", "(".repeat(5000));
        for text in [
            "SELECTT * FROMM t",
            "SELECT * FROM t WHERE",
            "INSERT INTO t VALUE {'a': <<>>}",
            "SELECT * FROM t WHERE a = ?",
            "DELETE t",
            "'",
            &deep,
        ] {
            assert!(parse(text, Vec::new()).is_err(), "{text}");
        }
        assert!(parse("DELETE FROM t WHERE a = 1", vec![AttributeValue::Null]).is_err());
    }
}
