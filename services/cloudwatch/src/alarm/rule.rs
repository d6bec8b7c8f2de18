//! Rules of composite alarms: `ALARM(a) AND (OK("b c") OR NOT ALARM(arn))`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>

use cumulet_engine::arn::Arn;

use crate::state::StateValue;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rule {
    Constant(bool),
    Is(StateValue, String),
    Not(Box<Rule>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
}

/// So that no rule can exhaust the stack.
const DEPTH_MAX: usize = 100;

impl Rule {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader {
            rest: text.trim_start(),
            depth: 0,
        };
        let rule = reader.any()?;
        if reader.rest.is_empty() {
            Ok(rule)
        } else {
            Err(reader.unexpected())
        }
    }

    pub(super) fn holds(&self, state: &impl Fn(&str) -> Option<StateValue>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Is(wanted, name) => state(name) == Some(*wanted),
            Self::Not(inner) => !inner.holds(state),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(state)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(state)),
        }
    }

    /// The alarms it names, each once.
    pub(super) fn children(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.collect(&mut names);
        names
    }

    fn collect(&self, names: &mut Vec<String>) {
        match self {
            Self::Constant(_) => {}
            Self::Is(_, name) if names.contains(name) => {}
            Self::Is(_, name) => names.push(name.clone()),
            Self::Not(inner) => inner.collect(names),
            Self::All(rules) | Self::Any(rules) => {
                rules.iter().for_each(|rule| rule.collect(names))
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn any(&mut self) -> Result<Rule, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("nested too deeply".to_owned());
        }
        let mut rules = vec![self.all()?];
        while self.word("OR") {
            rules.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if rules.len() == 1 {
            rules.remove(0)
        } else {
            Rule::Any(rules)
        })
    }

    fn all(&mut self) -> Result<Rule, String> {
        let mut rules = vec![self.single()?];
        while self.word("AND") {
            rules.push(self.single()?);
        }
        Ok(if rules.len() == 1 {
            rules.remove(0)
        } else {
            Rule::All(rules)
        })
    }

    fn single(&mut self) -> Result<Rule, String> {
        let mut is_negated = false;
        while self.word("NOT") {
            is_negated = !is_negated;
        }
        let rule = self.primary()?;
        Ok(if is_negated {
            Rule::Not(Box::new(rule))
        } else {
            rule
        })
    }

    fn primary(&mut self) -> Result<Rule, String> {
        if self.sign('(') {
            let rule = self.any()?;
            return if self.sign(')') {
                Ok(rule)
            } else {
                Err(self.unexpected())
            };
        }
        if self.word("TRUE") {
            return Ok(Rule::Constant(true));
        }
        if self.word("FALSE") {
            return Ok(Rule::Constant(false));
        }
        let states = [
            StateValue::InsufficientData,
            StateValue::Alarm,
            StateValue::Ok,
        ];
        for state in states {
            if self.word(state.text()) {
                return Ok(Rule::Is(state, self.argument()?));
            }
        }
        Err(self.unexpected())
    }

    fn argument(&mut self) -> Result<String, String> {
        if !self.sign('(') {
            return Err(self.unexpected());
        }
        let (name, rest) = match self.rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| self.unexpected())?,
            None => {
                let end = self.rest.find(')').ok_or_else(|| self.unexpected())?;
                self.rest.split_at(end)
            }
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(self.unexpected());
        }
        self.rest = rest.trim_start();
        let named = Arn::parse(name).and_then(|arn| arn.resource.strip_prefix("alarm:"));
        let name = named.unwrap_or(name).to_owned();
        if self.sign(')') {
            Ok(name)
        } else {
            Err(self.unexpected())
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word);
        let ends =
            |after: &&str| !after.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        match after.filter(ends) {
            Some(after) => {
                self.rest = after.trim_start();
                true
            }
            None => false,
        }
    }

    fn sign(&mut self, sign: char) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(after) => {
                self.rest = after.trim_start();
                true
            }
            None => false,
        }
    }

    fn unexpected(&self) -> String {
        let near: String = self.rest.chars().take(20).collect();
        if near.is_empty() {
            "unexpected end".to_owned()
        } else {
            format!("unexpected '{near}'")
        }
    }
}
