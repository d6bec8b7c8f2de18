//! The grammar of update expressions: SET, REMOVE, ADD and DELETE, each at most once.

use cumulet_engine::error::Result;

use super::super::value::AttributeValue;
use super::lexer::TokenKind;
use super::parser::{Fault, Parser};
use super::path::Path;
use super::{Operand, Update};

const SECTIONS: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];

impl Parser<'_> {
    pub(super) fn whole_update(&mut self) -> Result<Update> {
        let mut update = Update::default();
        let mut seen = [false; SECTIONS.len()];
        while self.peek().kind != TokenKind::End {
            let section = SECTIONS.iter().position(|section| self.at_keyword(section));
            let Some(section) = section else {
                return Err(self.syntax_error());
            };
            if std::mem::replace(&mut seen[section], true) {
                let name = SECTIONS[section];
                return Err(self.error(&format!(
                    "The \"{name}\" section can only be used once in an update expression;"
                )));
            }
            self.advance();
            match section {
                0 => update.sets = self.assignments()?,
                1 => update.removes = self.paths()?,
                2 => update.adds = self.valued_paths("ADD")?,
                _ => update.deletes = self.valued_paths("DELETE")?,
            }
        }
        Ok(update)
    }

    fn assignments(&mut self) -> Result<Vec<(Path, Operand)>> {
        let mut assignments = Vec::new();
        loop {
            let path = self.path()?;
            self.expect_symbol("=")?;
            assignments.push((path, self.set_value()?));
            if !self.take_symbol(",") {
                return Ok(assignments);
            }
        }
    }

    /// An operand, or a sum or difference of two.
    fn set_value(&mut self) -> Result<Operand> {
        let left = self.set_operand()?;
        let operator = self.peek();
        let minus = self.at_symbol("-");
        if !minus && !self.at_symbol("+") {
            return Ok(left);
        }
        self.advance();
        self.count_operator();
        let right = self.set_operand()?;
        for operand in [&left, &right] {
            if let Operand::Value(value) = operand
                && !matches!(value, AttributeValue::N(_))
            {
                self.note_operand_type(self.text(operator), value.type_name());
            }
        }
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(if minus {
            Operand::Minus(left, right)
        } else {
            Operand::Plus(left, right)
        })
    }

    fn set_operand(&mut self) -> Result<Operand> {
        if self.take_symbol("(") {
            let value = self.nested(Self::set_value)?;
            self.expect_symbol(")")?;
            return Ok(value);
        }
        self.operand()
    }

    fn valued_paths(&mut self, section: &str) -> Result<Vec<(Path, AttributeValue)>> {
        let mut pairs = Vec::new();
        loop {
            let path = self.path()?;
            if self.peek().kind != TokenKind::Value {
                return Err(self.syntax_error());
            }
            let value = self.value();
            self.need_member_type(section, &value);
            pairs.push((path, value));
            if !self.take_symbol(",") {
                return Ok(pairs);
            }
        }
    }

    fn need_member_type(&mut self, section: &str, value: &AttributeValue) {
        let allowed = match value {
            AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => true,
            AttributeValue::N(_) => section == "ADD",
            _ => false,
        };
        if allowed {
            return;
        }
        let kind = match value {
            AttributeValue::S(_) => "STRING",
            AttributeValue::N(_) => "NUMBER",
            AttributeValue::B(_) => "BINARY",
            AttributeValue::Bool(_) => "BOOLEAN",
            AttributeValue::L(_) => "LIST",
            AttributeValue::M(_) => "MAP",
            _ => "NULL",
        };
        let text = format!(
            "Incorrect operand type for operator or function; operator: {section}, operand type: {kind}, typeSet: ALLOWED_FOR_{section}_OPERAND"
        );
        self.note(Fault::OperandType, text);
    }
}
