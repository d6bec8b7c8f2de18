//! The check of properties against a schema: the part of JSON Schema that the registry uses, in the words of the
//! validator behind CloudFormation, which names a constraint but never repeats a value (it may be a secret).

use std::fmt;

use serde_json::{Map, Value};

use crate::pattern;
use crate::value::{
    as_type, branches, holds_opaque, is_absent, is_opaque, type_title, value_title,
};

/// One broken constraint. It reads as CloudFormation reports it: `#/Tags/0: required key [Key] not found`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as a pointer from the properties: `#/Environment/Variables`.
    pub path: String,
    /// The keyword of the schema that is broken.
    pub keyword: &'static str,
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.message)
    }
}

pub(crate) fn check(schema: &Value, properties: &Value) -> Vec<Violation> {
    let mut checker = Checker {
        root: schema,
        violations: Vec::new(),
    };
    checker.read_only(properties);
    checker.any(schema, properties, "#");
    checker.violations
}

struct Checker<'a> {
    root: &'a Value,
    violations: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn report(&mut self, path: &str, keyword: &'static str, message: String) {
        self.violations.push(Violation {
            path: path.to_owned(),
            keyword,
            message,
        });
    }

    fn constraint(&mut self, path: &str, keyword: &'static str) {
        self.report(
            path,
            keyword,
            format!("failed validation constraint for keyword [{keyword}]"),
        );
    }

    /// What only the service decides cannot be given.
    fn read_only(&mut self, properties: &Value) {
        for pointer in strings(&self.root["readOnlyProperties"]) {
            let name = pointer.trim_start_matches("/properties/");
            if properties.get(name).is_some_and(|value| !is_absent(value)) {
                self.report(
                    "#",
                    "readOnlyProperties",
                    format!("read-only key [{name}] is not permitted"),
                );
            }
        }
    }

    fn any(&mut self, schema: &'a Value, value: &Value, path: &str) {
        for branch in branches(value) {
            if !is_opaque(branch) {
                self.concrete(schema, branch, path);
            }
        }
    }

    fn concrete(&mut self, schema: &'a Value, value: &Value, path: &str) {
        if let Some(definition) = self.definition(schema) {
            self.concrete(definition, value, path);
        }
        let types = type_names(schema);
        let Some(value) = as_type(value, &types) else {
            return self.report(path, "type", wrong_type(&types, value));
        };
        self.enumeration(schema, &value, path);
        match value.as_ref() {
            Value::Object(members) => self.object(schema, members, path),
            Value::Array(items) => self.array(schema, items, path),
            Value::String(text) => self.string(schema, text, path),
            Value::Number(number) => self.number(schema, number.as_f64(), path),
            Value::Bool(_) | Value::Null => {}
        }
        self.combinations(schema, &value, path);
    }

    fn definition(&self, schema: &Value) -> Option<&'a Value> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }

    fn enumeration(&mut self, schema: &Value, value: &Value, path: &str) {
        let listed = schema.get("enum").and_then(Value::as_array);
        if listed.is_some_and(|allowed| !allowed.iter().any(|one| same(one, value))) {
            self.constraint(path, "enum");
        }
        if schema.get("const").is_some_and(|only| !same(only, value)) {
            self.constraint(path, "const");
        }
    }

    fn object(&mut self, schema: &'a Value, members: &Map<String, Value>, path: &str) {
        for name in strings(&schema["required"]) {
            if !is_present(members, name) {
                self.report(path, "required", format!("required key [{name}] not found"));
            }
        }
        self.member_counts(schema, members, path);
        self.dependencies(schema, members, path);
        for (name, value) in members.iter().filter(|(_, value)| !is_absent(value)) {
            self.member(schema, name, value, path);
        }
    }

    fn member(&mut self, schema: &'a Value, name: &str, value: &Value, path: &str) {
        let inner = format!("{path}/{name}");
        if let Some(property) = schema["properties"].get(name) {
            return self.any(property, value, &inner);
        }
        let patterns = schema["patternProperties"]
            .as_object()
            .into_iter()
            .flatten();
        if let Some((_, property)) = patterns
            .into_iter()
            .find(|(regex, _)| pattern::is_match(regex, name))
        {
            return self.any(property, value, &inner);
        }
        match &schema["additionalProperties"] {
            Value::Bool(false) => {
                self.report(
                    path,
                    "additionalProperties",
                    format!("extraneous key [{name}] is not permitted"),
                );
            }
            additional @ Value::Object(_) => self.any(additional, value, &inner),
            _ => {}
        }
    }

    fn member_counts(&mut self, schema: &Value, members: &Map<String, Value>, path: &str) {
        let count = members.values().filter(|value| !is_absent(value)).count();
        if let Some(least) = limit(schema, "minProperties").filter(|least| count < *least) {
            self.report(
                path,
                "minProperties",
                format!("minimum size: [{least}], found: [{count}]"),
            );
        }
        if let Some(most) = limit(schema, "maxProperties").filter(|most| count > *most) {
            self.report(
                path,
                "maxProperties",
                format!("maximum size: [{most}], found: [{count}]"),
            );
        }
    }

    /// Rules between members. `dependentExcluded`, `requiredXor` and `requiredOr` are cfn-lint's words for rules that
    /// the services apply.
    fn dependencies(&mut self, schema: &Value, members: &Map<String, Value>, path: &str) {
        for keyword in ["dependencies", "dependentRequired"] {
            for (name, needed) in
                pairs(&schema[keyword]).filter(|(name, _)| is_present(members, name))
            {
                for missing in strings(needed).filter(|other| !is_present(members, other)) {
                    self.report(
                        path,
                        "dependencies",
                        format!("property [{missing}] is required with [{name}]"),
                    );
                }
            }
        }
        for (name, excluded) in
            pairs(&schema["dependentExcluded"]).filter(|(name, _)| is_present(members, name))
        {
            for other in strings(excluded).filter(|other| is_present(members, other)) {
                self.report(
                    path,
                    "dependentExcluded",
                    format!("property [{other}] is not permitted with [{name}]"),
                );
            }
        }
        self.alternatives(schema, members, path);
    }

    fn alternatives(&mut self, schema: &Value, members: &Map<String, Value>, path: &str) {
        let given = |keyword: &str| {
            strings(&schema[keyword])
                .filter(|name| is_present(members, name))
                .count()
        };
        let names = |keyword: &str| strings(&schema[keyword]).collect::<Vec<_>>().join(", ");
        if schema.get("requiredOr").is_some() && given("requiredOr") == 0 {
            self.report(
                path,
                "requiredOr",
                format!("at least one key of [{}] is required", names("requiredOr")),
            );
        }
        if schema.get("requiredXor").is_some() && given("requiredXor") != 1 {
            self.report(
                path,
                "requiredXor",
                format!("exactly one key of [{}] is required", names("requiredXor")),
            );
        }
    }

    fn array(&mut self, schema: &'a Value, items: &[Value], path: &str) {
        let present: Vec<&Value> = items.iter().filter(|item| !is_absent(item)).collect();
        let count = present.len();
        if let Some(least) =
            limit(schema, "minItems").filter(|least| count < *least && !items.iter().any(is_opaque))
        {
            self.report(
                path,
                "minItems",
                format!("expected minimum item count: {least}, found: {count}"),
            );
        }
        let most = limit(schema, "maxItems").or(limit(schema, "maxUniqueItems"));
        if let Some(most) = most.filter(|most| count > *most) {
            self.report(
                path,
                "maxItems",
                format!("expected maximum item count: {most}, found: {count}"),
            );
        }
        if schema["uniqueItems"] == Value::Bool(true) && has_duplicate(&present) {
            self.report(path, "uniqueItems", "array items are not unique".to_owned());
        }
        self.unique_keys(schema, &present, path);
        self.items(schema, items, path);
    }

    /// No two items share the value of such a key: a table names an attribute once.
    fn unique_keys(&mut self, schema: &Value, items: &[&Value], path: &str) {
        for key in strings(&schema["uniqueKeys"]) {
            let values: Vec<&Value> = items.iter().filter_map(|item| item.get(key)).collect();
            if has_duplicate(&values) {
                self.report(
                    path,
                    "uniqueKeys",
                    format!("array items are not unique by [{key}]"),
                );
            }
        }
    }

    fn items(&mut self, schema: &'a Value, items: &[Value], path: &str) {
        for (index, item) in items.iter().enumerate() {
            let inner = format!("{path}/{index}");
            if let Some(prefix) = schema["prefixItems"].get(index) {
                self.any(prefix, item, &inner);
            }
            if let Some(each) = schema.get("items") {
                self.any(each, item, &inner);
            }
        }
    }

    fn string(&mut self, schema: &Value, text: &str, path: &str) {
        let length = text.chars().count();
        if let Some(least) = limit(schema, "minLength").filter(|least| length < *least) {
            self.report(
                path,
                "minLength",
                format!("expected minLength: {least}, actual: {length}"),
            );
        }
        if let Some(most) = limit(schema, "maxLength").filter(|most| length > *most) {
            self.report(
                path,
                "maxLength",
                format!("expected maxLength: {most}, actual: {length}"),
            );
        }
        let regex = schema.get("pattern").and_then(Value::as_str);
        if regex.is_some_and(|regex| !pattern::is_match(regex, text)) {
            self.constraint(path, "pattern");
        }
    }

    fn number(&mut self, schema: &Value, number: Option<f64>, path: &str) {
        let Some(number) = number else { return };
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        if bound("minimum").is_some_and(|least| number < least) {
            self.constraint(path, "minimum");
        }
        if bound("maximum").is_some_and(|most| number > most) {
            self.constraint(path, "maximum");
        }
    }

    fn combinations(&mut self, schema: &'a Value, value: &Value, path: &str) {
        for each in list(schema, "allOf") {
            self.concrete(each, value, path);
        }
        let any_of = list(schema, "anyOf");
        if !any_of.is_empty() && self.matching(any_of, value) == 0 {
            let message = format!(
                "#: no subschema matched out of the total {} subschemas",
                any_of.len()
            );
            self.report(path, "anyOf", message);
        }
        let one_of = list(schema, "oneOf");
        let matching = self.matching(one_of, value);
        if !one_of.is_empty() && (matching == 0 || (matching > 1 && !holds_opaque(value))) {
            self.report(
                path,
                "oneOf",
                format!("#: {matching} subschemas matched instead of one"),
            );
        }
        if let (Some(condition), Some(then)) = (schema.get("if"), schema.get("then"))
            && self.holds(condition, value)
        {
            self.concrete(then, value, path);
        }
    }

    fn matching(&self, schemas: &'a [Value], value: &Value) -> usize {
        schemas
            .iter()
            .filter(|schema| self.holds(schema, value))
            .count()
    }

    fn holds(&self, schema: &'a Value, value: &Value) -> bool {
        let mut trial = Checker {
            root: self.root,
            violations: Vec::new(),
        };
        trial.concrete(schema, value, "#");
        trial.violations.is_empty()
    }
}

fn wrong_type(types: &[&str], value: &Value) -> String {
    let expected: Vec<&str> = types.iter().map(|name| type_title(name)).collect();
    format!(
        "expected type: {}, found: {}",
        expected.join(" or "),
        value_title(value)
    )
}

fn type_names(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        names => strings(names).collect(),
    }
}

fn is_present(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_some_and(|value| !is_absent(value))
}

/// Some schemas list numbers for a property that templates write as text.
fn same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && one.as_f64() == other.as_f64())
}

fn has_duplicate(values: &[&Value]) -> bool {
    values
        .iter()
        .enumerate()
        .any(|(index, value)| values[..index].contains(value))
}

fn list<'a>(schema: &'a Value, keyword: &str) -> &'a [Value] {
    schema
        .get(keyword)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn pairs(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn limit(schema: &Value, keyword: &str) -> Option<usize> {
    let number = schema.get(keyword)?.as_u64()?;
    usize::try_from(number).ok()
}
