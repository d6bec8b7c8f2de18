//! What a reference stands for, and setting it.
//!
//! A method may change the very map it is called on, so a reference is followed as a path into the
//! variables for as long as it goes through properties, and as a value of its own after a method.

use serde_json::{Map, Value};

use super::evaluate::Evaluator;
use super::parse::{Reference, Step};
use super::{Fault, Result, methods, shown, utility};

/// How far a reference is followed.
enum Place {
    /// Keys from the root of the variables on.
    Variable(Vec<String>),
    Value(Value),
    Input,
    Utility,
}

impl Evaluator<'_> {
    pub(super) fn resolve(&mut self, reference: &Reference) -> Result<Value> {
        let mut place = match reference.root.as_str() {
            "input" => Place::Input,
            "util" => Place::Utility,
            root => Place::Variable(vec![root.to_owned()]),
        };
        for step in &reference.steps {
            place = self.follow(place, step)?;
        }
        Ok(match place {
            Place::Variable(path) => self.at(&path).cloned().unwrap_or_default(),
            Place::Value(value) => value,
            Place::Input | Place::Utility => Value::Null,
        })
    }

    fn follow(&mut self, place: Place, step: &Step) -> Result<Place> {
        let (name, arguments) = match step {
            Step::Method(name, arguments) => (name.clone(), Some(self.values(arguments)?)),
            Step::Property(name) => (name.clone(), None),
            Step::Index(index) => (shown(&self.value(index)?), None),
        };
        let Some(arguments) = arguments else {
            return Ok(self.property(place, name));
        };
        Ok(Place::Value(match place {
            Place::Input => self.input.call(&name, &arguments)?,
            Place::Utility => utility::call(&name, &arguments)?,
            Place::Value(mut value) => methods::call(&mut value, &name, &arguments)?,
            Place::Variable(path) => match self.at_mut(&path) {
                Some(value) => methods::call(value, &name, &arguments)?,
                None => Value::Null,
            },
        }))
    }

    fn property(&self, place: Place, name: String) -> Place {
        match place {
            Place::Variable(mut path) => {
                path.push(name);
                Place::Variable(path)
            }
            Place::Value(value) => Place::Value(child(&value, &name).cloned().unwrap_or_default()),
            Place::Input if name == "body" => Place::Value(self.input.body().into()),
            Place::Input | Place::Utility => Place::Value(Value::Null),
        }
    }

    fn at(&self, path: &[String]) -> Option<&Value> {
        let (root, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.scope.get(root)?, |value, key| child(value, key))
    }

    fn at_mut(&mut self, path: &[String]) -> Option<&mut Value> {
        let (root, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.scope.get_mut(root)?, |value, key| match value {
                Value::Object(map) => map.get_mut(key),
                Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
                _ => None,
            })
    }

    /// `#set`: maps on the way are made where they are missing.
    pub(super) fn assign(&mut self, target: &Reference, value: Value) -> Result<()> {
        let mut keys = vec![target.root.clone()];
        for step in &target.steps {
            keys.push(match step {
                Step::Property(name) => name.clone(),
                Step::Index(index) => shown(&self.value(index)?),
                Step::Method(name, _) => {
                    return Err(Fault::new(format!("{name}() cannot be set")));
                }
            });
        }
        let (Some(last), path) = (keys.pop(), keys) else {
            return Ok(());
        };
        let mut map = &mut self.scope;
        for key in &path {
            let next = map.entry(key.clone()).or_insert(Value::Null);
            if let Value::Array(items) = next {
                let slot = last.parse().ok().and_then(|at: usize| items.get_mut(at));
                return slot
                    .map(|slot| *slot = value)
                    .ok_or_else(|| Fault::new("a list has no such index"));
            }
            if !next.is_object() {
                *next = Value::Object(Map::new());
            }
            let Value::Object(inside) = next else {
                return Ok(());
            };
            map = inside;
        }
        map.insert(last, value);
        Ok(())
    }
}

fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}
