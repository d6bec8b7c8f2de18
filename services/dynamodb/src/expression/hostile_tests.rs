//! Expressions that nobody would write: soups of tokens, and random trees against a second evaluator.
//!
//! Each test names the number its choices start from; the same number makes the same choices.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::super::value::{Item, read_item};
use super::{Kind, Placeholders, condition, projection, update};

struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

const STARTS: [u64; 3] = [1, 99, 20_261_121];
const TOKENS: &[&str] = &[
    "(",
    ")",
    ",",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    ".",
    "[",
    "]",
    "[0]",
    "[99999999999999999999]",
    "a",
    "b.c",
    "l[1]",
    "#n",
    "#missing",
    ":n",
    ":s",
    ":set",
    ":list",
    ":missing",
    "#",
    ":",
    "AND",
    "or",
    "NOT",
    "IN",
    "BETWEEN",
    "SET",
    "REMOVE",
    "ADD",
    "DELETE",
    "size",
    "size(",
    "contains(",
    "begins_with(",
    "attribute_exists(",
    "attribute_type(",
    "if_not_exists(",
    "list_append(",
    "status",
    "\u{0}",
    "\u{1F600}",
    "é",
    "\"",
    "'",
    "0",
    "1e5",
    "\n",
    "\t",
    "_x",
    "a-b",
    "==",
];

fn placeholders() -> Placeholders {
    let names = BTreeMap::from([("#n".to_owned(), "n".to_owned())]);
    let values = json!({":n": {"N": "1"}, ":s": {"S": "x"}, ":set": {"NS": ["1"]}, ":list": {"L": [{"S": "x"}]}});
    let values = values.as_object().cloned();
    Placeholders::new(Some(names), values).unwrap_or_else(|error| panic!("{error}"))
}

fn item() -> Item {
    let item = json!({"a": {"N": "1"}, "b": {"M": {"c": {"S": "x"}}}, "l": {"L": [{"N": "1"}, {"S": "x"}]}, "n": {"NS": ["1"]}});
    read_item(item.as_object().cloned().unwrap_or_default()).unwrap_or_default()
}

/// Parses a text as everything it could be, and does what it says where it says something.
fn try_all(text: &str) -> usize {
    let mut understood = 0;
    for kind in [Kind::Condition, Kind::Filter, Kind::KeyCondition] {
        if let Ok(condition) = condition(kind, text, &mut placeholders()) {
            condition.holds(&item());
            understood += 1;
        }
    }
    if let Ok(projection) = projection(text, &mut placeholders()) {
        projection.apply(&item());
        understood += 1;
    }
    if let Ok(update) = update(text, &mut placeholders()) {
        drop(update.apply(&item()));
        understood += 1;
    }
    understood
}

#[test]
fn no_soup_of_tokens_does_harm() {
    for start in STARTS {
        let (mut draw, mut understood) = (Draw(start), 0);
        for _ in 0..1500 {
            let length = 1 + draw.below(24);
            let glue = draw.of(&[" ", "", "  "]);
            let tokens: Vec<&str> = (0..length).map(|_| draw.of(TOKENS)).collect();
            understood += try_all(&tokens.join(glue));
        }
        assert!(
            understood > 3,
            "start {start}: only {understood} made sense"
        );
    }
}

#[test]
fn no_change_of_a_character_in_a_sound_expression_does_harm() {
    let sound = [
        "attribute_exists(b.c) AND (a BETWEEN :n AND :n OR NOT contains(l, :s))",
        "SET a = if_not_exists(a, :n) + :n, l[1] = list_append(l, :list) REMOVE b.c ADD n :set",
        "a, b.c, l[0], #n",
        "size(l) >= :n AND attribute_type(a, :s) OR a IN (:n, :s)",
    ];
    for start in STARTS {
        let mut draw = Draw(start);
        for _ in 0..1000 {
            let mut characters: Vec<char> = sound[draw.below(sound.len())].chars().collect();
            for _ in 0..1 + draw.below(3) {
                let at = draw.below(characters.len());
                let other = draw.of(TOKENS).chars().next().unwrap_or(' ');
                match draw.below(3) {
                    0 => characters[at] = other,
                    1 => characters.insert(at, other),
                    _ => drop(characters.remove(at)),
                }
            }
            try_all(&characters.into_iter().collect::<String>());
        }
    }
}

/// A condition as this test sees it; numbers and absent attributes only.
enum Tree {
    Compare(&'static str, &'static str, i64),
    Pair(&'static str),
    Between(&'static str, i64, i64),
    In(&'static str, [i64; 2]),
    Exists(&'static str),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Not(Box<Tree>),
}

type Numbers = BTreeMap<&'static str, i64>;

const NAMES: [&str; 3] = ["x", "y", "z"];
const COMPARATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

fn compare(comparator: &str, left: Option<i64>, right: Option<i64>) -> bool {
    match (comparator, left, right) {
        ("<>", Some(left), Some(right)) => left != right,
        ("<>", _, _) => true,
        (_, None, _) | (_, _, None) => false,
        ("=", left, right) => left == right,
        ("<", left, right) => left < right,
        ("<=", left, right) => left <= right,
        (">", left, right) => left > right,
        (_, left, right) => left >= right,
    }
}

impl Tree {
    fn random(draw: &mut Draw, depth: usize) -> Self {
        let name = NAMES[draw.below(3)];
        let mut number = || i64::try_from(draw.below(7)).unwrap_or(0) - 3;
        let (low, high) = (number(), number());
        let mut below = || Box::new(Self::random(draw, depth - 1));
        if depth > 0 {
            let (left, right) = (below(), below());
            match draw.below(4) {
                0 => return Self::And(left, right),
                1 => return Self::Or(left, right),
                2 => return Self::Not(left),
                _ => {}
            }
        }
        match draw.below(5) {
            0 => Self::Between(name, low.min(high), low.max(high)),
            1 => Self::In(name, [low, high]),
            2 => Self::Exists(name),
            3 => Self::Pair(COMPARATORS[draw.below(6)]),
            _ => Self::Compare(COMPARATORS[draw.below(6)], name, low),
        }
    }

    fn holds(&self, numbers: &Numbers) -> bool {
        let of = |name: &str| numbers.get(name).copied();
        match self {
            Self::Compare(comparator, name, number) => compare(comparator, of(name), Some(*number)),
            Self::Pair(comparator) => compare(comparator, of("x"), of("y")),
            Self::Between(name, low, high) => of(name).is_some_and(|n| (*low..=*high).contains(&n)),
            Self::In(name, members) => of(name).is_some_and(|n| members.contains(&n)),
            Self::Exists(name) => of(name).is_some(),
            Self::And(left, right) => left.holds(numbers) && right.holds(numbers),
            Self::Or(left, right) => left.holds(numbers) || right.holds(numbers),
            Self::Not(inner) => !inner.holds(numbers),
        }
    }

    fn strength(&self) -> u8 {
        match self {
            Self::Or(..) => 1,
            Self::And(..) => 2,
            Self::Not(..) => 3,
            _ => 4,
        }
    }

    /// The text with no more parentheses than it needs: precedence does the rest.
    fn text(&self) -> String {
        let inside = |tree: &Self, least: u8| match tree.strength() < least {
            true => format!("({})", tree.text()),
            false => tree.text(),
        };
        let value = |number: &i64| format!(":v{}", number + 3);
        match self {
            Self::Compare(comparator, name, number) => {
                format!("{name} {comparator} {}", value(number))
            }
            Self::Pair(comparator) => format!("x {comparator} y"),
            Self::Between(name, low, high) => {
                format!("{name} BETWEEN {} AND {}", value(low), value(high))
            }
            Self::In(name, [one, two]) => format!("{name} IN ({}, {})", value(one), value(two)),
            Self::Exists(name) => format!("attribute_exists({name})"),
            Self::And(left, right) => format!("{} AND {}", inside(left, 2), inside(right, 3)),
            Self::Or(left, right) => format!("{} OR {}", inside(left, 1), inside(right, 2)),
            Self::Not(inner) => format!("NOT {}", inside(inner, 3)),
        }
    }
}

fn random_item(draw: &mut Draw) -> (Numbers, Item) {
    let (mut numbers, mut members) = (Numbers::new(), Map::new());
    for name in NAMES {
        let number = i64::try_from(draw.below(9)).unwrap_or(0) - 3;
        if number <= 3 {
            numbers.insert(name, number);
            members.insert(name.to_owned(), json!({"N": number.to_string()}));
        }
    }
    (numbers, read_item(members).unwrap_or_default())
}

#[test]
fn random_conditions_hold_as_a_second_evaluator_says() {
    let values: Map<_, _> = (0..7)
        .map(|at: i64| (format!(":v{at}"), json!({"N": (at - 3).to_string()})))
        .collect();
    for start in STARTS {
        let mut draw = Draw(start);
        for _ in 0..400 {
            let tree = Tree::random(&mut draw, 3);
            let text = tree.text();
            let mut placeholders = Placeholders::new(None, Some(values.clone()))
                .unwrap_or_else(|error| panic!("{error}"));
            let parsed = condition(Kind::Condition, &text, &mut placeholders);
            let parsed = parsed.unwrap_or_else(|error| panic!("start {start}, {text}: {error}"));
            for _ in 0..5 {
                let (numbers, item) = random_item(&mut draw);
                assert_eq!(
                    parsed.holds(&item),
                    tree.holds(&numbers),
                    "start {start}, {text}, {numbers:?}"
                );
            }
        }
    }
}
