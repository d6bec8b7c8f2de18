//! Walking a template's tree.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::parse::{Expression, Node, Operator};
use super::{Fault, Input, Result, shown};

/// Bounds on what one template may do.
const STEPS_MAX: usize = 200_000;
const OUTPUT_BYTES_MAX: usize = 10 << 20;
const CALLS_MAX: usize = 32;
const RANGE_MAX: i64 = 100_000;

/// Whether to go on after a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Stop,
}

pub(super) struct Evaluator<'a> {
    pub(super) input: &'a Input,
    /// The variables, `context` and `stageVariables` among them.
    pub(super) scope: Map<String, Value>,
    macros: HashMap<String, (Vec<String>, Vec<Node>)>,
    steps: usize,
    calls: usize,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(input: &'a Input, context: Value, stage_variables: Value) -> Self {
        let mut scope = Map::new();
        scope.insert("context".to_owned(), context);
        scope.insert("stageVariables".to_owned(), stage_variables);
        Self {
            input,
            scope,
            macros: HashMap::new(),
            steps: 0,
            calls: 0,
        }
    }

    pub(super) fn into_context(mut self) -> Value {
        self.scope.remove("context").unwrap_or_default()
    }

    pub(super) fn run(&mut self, nodes: &[Node]) -> Result<String> {
        let mut output = String::new();
        self.block(nodes, &mut output)?;
        Ok(output)
    }

    fn block(&mut self, nodes: &[Node], output: &mut String) -> Result<Flow> {
        for node in nodes {
            self.steps += 1;
            if self.steps > STEPS_MAX || output.len() > OUTPUT_BYTES_MAX {
                return Err(Fault::new("the template does too much"));
            }
            match self.node(node, output)? {
                Flow::On => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, output: &mut String) -> Result<Flow> {
        match node {
            Node::Text(text) => output.push_str(text),
            Node::Show(reference) => output.push_str(&shown(&self.resolve(reference)?)),
            Node::Set(target, expression) => {
                let value = self.value(expression)?;
                self.assign(target, value)?;
            }
            Node::If(branches, otherwise) => {
                for (condition, block) in branches {
                    if is_true(&self.value(condition)?) {
                        return self.block(block, output);
                    }
                }
                return self.block(otherwise, output);
            }
            Node::Foreach(name, list, block) => return self.foreach(name, list, block, output),
            Node::Macro(name, parameters, block) => {
                let defined = (parameters.clone(), block.clone());
                self.macros.insert(name.clone(), defined);
            }
            Node::Call(name, arguments, source) => {
                return self.call(name, arguments, source, output);
            }
            Node::Break => return Ok(Flow::Break),
            Node::Stop => return Ok(Flow::Stop),
        }
        Ok(Flow::On)
    }

    fn foreach(
        &mut self,
        name: &str,
        list: &Expression,
        block: &[Node],
        output: &mut String,
    ) -> Result<Flow> {
        let items = match self.value(list)? {
            Value::Array(items) => items,
            Value::Object(map) => map.into_values().collect(),
            _ => return Ok(Flow::On),
        };
        let outer = [name, "foreach", "velocityCount"].map(|name| (name, self.scope.remove(name)));
        let count = items.len();
        let mut flow = Flow::On;
        for (index, item) in items.into_iter().enumerate() {
            let last = index + 1 == count;
            self.scope.insert(name.to_owned(), item);
            let state = json!({ "index": index, "count": index + 1, "hasNext": !last, "first": index == 0, "last": last });
            self.scope.insert("foreach".to_owned(), state);
            self.scope
                .insert("velocityCount".to_owned(), (index + 1).into());
            flow = self.block(block, output)?;
            if flow != Flow::On {
                break;
            }
        }
        for (name, value) in outer {
            self.restore(name, value);
        }
        // A break ends its own loop and nothing else.
        Ok(if flow == Flow::Stop { flow } else { Flow::On })
    }

    fn restore(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => self.scope.insert(name.to_owned(), value),
            None => self.scope.remove(name),
        };
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &[Expression],
        source: &str,
        output: &mut String,
    ) -> Result<Flow> {
        let Some((parameters, block)) = self.macros.get(name).cloned() else {
            output.push_str(source);
            return Ok(Flow::On);
        };
        if self.calls >= CALLS_MAX {
            return Err(Fault::new(format!("#{name} calls itself without end")));
        }
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        let mut outer = Vec::new();
        for (at, parameter) in parameters.iter().enumerate() {
            let value = values.get(at).cloned().unwrap_or_default();
            outer.push(self.scope.insert(parameter.clone(), value));
        }
        self.calls += 1;
        let flow = self.block(&block, output);
        self.calls -= 1;
        for (parameter, value) in parameters.iter().zip(outer) {
            self.restore(parameter, value);
        }
        flow
    }

    pub(super) fn value(&mut self, expression: &Expression) -> Result<Value> {
        Ok(match expression {
            Expression::Literal(value) => value.clone(),
            Expression::Interpolated(nodes) => {
                let mut text = String::new();
                self.block(nodes, &mut text)?;
                text.into()
            }
            Expression::Reference(reference) => self.resolve(reference)?,
            Expression::List(items) => Value::Array(self.values(items)?),
            Expression::Map(pairs) => {
                let mut map = Map::new();
                for (key, value) in pairs {
                    let key = shown(&self.value(key)?);
                    map.insert(key, self.value(value)?);
                }
                Value::Object(map)
            }
            Expression::Range(first, last) => range(&self.value(first)?, &self.value(last)?)?,
            Expression::Not(inner) => (!is_true(&self.value(inner)?)).into(),
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right)?,
        })
    }

    pub(super) fn values(&mut self, expressions: &[Expression]) -> Result<Vec<Value>> {
        expressions
            .iter()
            .map(|expression| self.value(expression))
            .collect()
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Value> {
        let left = self.value(left)?;
        match operator {
            Operator::Or => return Ok((is_true(&left) || is_true(&self.value(right)?)).into()),
            Operator::And => return Ok((is_true(&left) && is_true(&self.value(right)?)).into()),
            _ => {}
        }
        let right = self.value(right)?;
        Ok(match operator {
            Operator::Equal => equal(&left, &right).into(),
            Operator::NotEqual => (!equal(&left, &right)).into(),
            Operator::Less => compare(&left, &right, f64::lt).into(),
            Operator::LessOrEqual => compare(&left, &right, f64::le).into(),
            Operator::Greater => compare(&left, &right, f64::gt).into(),
            Operator::GreaterOrEqual => compare(&left, &right, f64::ge).into(),
            _ => calculate(operator, &left, &right),
        })
    }
}

/// False and nothing are false, as in Velocity; everything else is true.
fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ if left.is_string() != right.is_string() => shown(left) == shown(right),
        _ => left == right,
    }
}

fn compare(left: &Value, right: &Value, holds: fn(&f64, &f64) -> bool) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => holds(&left, &right),
        _ => false,
    }
}

/// Whole numbers stay whole; a sum with text is text; division by zero is nothing.
fn calculate(operator: Operator, left: &Value, right: &Value) -> Value {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        let result = match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => left.checked_div(right),
            _ => left.checked_rem(right),
        };
        return result.map_or(Value::Null, Value::from);
    }
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => Value::from(match operator {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
            _ => left % right,
        }),
        _ if operator == Operator::Add => format!("{}{}", shown(left), shown(right)).into(),
        _ => Value::Null,
    }
}

fn range(first: &Value, last: &Value) -> Result<Value> {
    let (Some(first), Some(last)) = (first.as_i64(), last.as_i64()) else {
        return Ok(Value::Null);
    };
    if last.abs_diff(first) > RANGE_MAX.unsigned_abs() {
        return Err(Fault::new("a range is too long"));
    }
    Ok(if first <= last {
        (first..=last).map(Value::from).collect()
    } else {
        (last..=first).rev().map(Value::from).collect()
    })
}
