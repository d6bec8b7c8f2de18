//! DynamoDB tables.

use serde_json::{Value, json};

use crate::Expression;
use crate::grant::{Grant, Statement};
use crate::key::{Encryption, KeyHandle};
use crate::properties::Properties;
use crate::stack::{Resource, Stack};

/// A table (`AWS::DynamoDB::Table`), on demand.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    pub name: Option<Expression>,
    pub partition_key: Attribute<'a>,
    pub sort_key: Option<Attribute<'a>>,
    pub indexes: Vec<Index<'a>>,
    pub encryption: Encryption<'a>,
    pub point_in_time_recovery: bool,
    /// The attribute that holds the time, in epoch seconds, after which an item goes.
    pub ttl_attribute: Option<&'a str>,
    /// The table and its items stay when the stack goes.
    pub retained: bool,
}

/// An attribute of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub name: &'a str,
    pub kind: AttributeType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    Binary,
    Number,
    String,
}

/// A global secondary index of all attributes.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    pub name: &'a str,
    pub partition_key: Attribute<'a>,
    pub sort_key: Option<Attribute<'a>>,
}

impl<'a> Attribute<'a> {
    #[must_use]
    pub fn string(name: &'a str) -> Self {
        Self {
            name,
            kind: AttributeType::String,
        }
    }

    #[must_use]
    pub fn number(name: &'a str) -> Self {
        Self {
            name,
            kind: AttributeType::Number,
        }
    }
}

impl<'a> Table<'a> {
    /// A table with that key that can be restored to any second of the last 35 days.
    #[must_use]
    pub fn recoverable(partition_key: Attribute<'a>) -> Self {
        Self {
            name: None,
            partition_key,
            sort_key: None,
            indexes: vec![],
            encryption: Encryption::Service,
            point_in_time_recovery: true,
            ttl_attribute: None,
            retained: false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct TableHandle {
    id: String,
    name: Option<Expression>,
    key: Option<KeyHandle>,
}

impl TableHandle {
    /// The name it was given, else a `Ref`.
    #[must_use]
    pub fn name(&self) -> Expression {
        self.name
            .clone()
            .unwrap_or_else(|| Expression::reference(&self.id))
    }

    #[must_use]
    pub fn arn(&self) -> Expression {
        Expression::attribute(&self.id, "Arn")
    }

    /// May read items by key, query and scan, in the table and its indexes.
    #[must_use]
    pub fn read(&self) -> Grant {
        let actions = [
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:Scan",
        ];
        let reading = Statement::allow(
            &actions,
            vec![self.arn(), self.arn().within("", "/index/*")],
        );
        self.with_key(reading, &["kms:Decrypt", "kms:DescribeKey"])
    }

    /// May put, update and delete items.
    #[must_use]
    pub fn write(&self) -> Grant {
        self.allow(&[
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            "dynamodb:BatchWriteItem",
        ])
    }

    /// May put items and nothing else.
    #[must_use]
    pub fn put(&self) -> Grant {
        self.allow(&["dynamodb:PutItem"])
    }

    #[must_use]
    pub fn read_write(&self) -> Grant {
        Grant::all([self.read(), self.write()])
    }

    /// May do exactly this on the table, and use its key for it.
    #[must_use]
    pub fn allow(&self, actions: &[&str]) -> Grant {
        let key = [
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
        ];
        self.with_key(Statement::allow(actions, vec![self.arn()]), &key)
    }

    fn with_key(&self, statement: Statement, actions: &[&str]) -> Grant {
        let key = self
            .key
            .as_ref()
            .map(|key| key.through("dynamodb", actions));
        Grant {
            statements: std::iter::once(statement).chain(key).collect(),
        }
    }
}

impl Resource for Table<'_> {
    type Handle = TableHandle;

    fn add_to(self, stack: &mut Stack, id: &str) -> TableHandle {
        stack.insert(id, "AWS::DynamoDB::Table", self.properties());
        if self.retained {
            stack.retain(id)
        } else {
            stack.delete(id)
        }
        TableHandle {
            id: id.to_owned(),
            name: self.name.clone(),
            key: self.encryption.key(),
        }
    }
}

impl Table<'_> {
    fn properties(&self) -> Properties {
        let recovery = json!({ "PointInTimeRecoveryEnabled": self.point_in_time_recovery });
        let ttl = self
            .ttl_attribute
            .map(|name| json!({ "AttributeName": name, "Enabled": true }));
        Properties::new()
            .with_some("TableName", self.name.as_ref())
            .with("AttributeDefinitions", self.attributes())
            .with("KeySchema", key_schema(self.partition_key, self.sort_key))
            .with("BillingMode", "PAY_PER_REQUEST")
            .with_list(
                "GlobalSecondaryIndexes",
                self.indexes
                    .iter()
                    .map(|index| index.properties())
                    .collect(),
            )
            .with("PointInTimeRecoverySpecification", recovery)
            .with_some(
                "SSESpecification",
                self.encryption.key().map(|key| sse(&key)),
            )
            .with_some("TimeToLiveSpecification", ttl)
    }

    /// Every attribute that some key uses, once.
    fn attributes(&self) -> Vec<Value> {
        let own = [Some(self.partition_key), self.sort_key].into_iter();
        let indexed = self
            .indexes
            .iter()
            .flat_map(|index| [Some(index.partition_key), index.sort_key]);
        let mut attributes: Vec<Attribute<'_>> = Vec::new();
        for attribute in own.chain(indexed).flatten() {
            if !attributes.contains(&attribute) {
                attributes.push(attribute);
            }
        }
        attributes
            .iter()
            .map(|attribute| attribute.definition())
            .collect()
    }
}

impl Attribute<'_> {
    fn definition(self) -> Value {
        let kind = match self.kind {
            AttributeType::Binary => "B",
            AttributeType::Number => "N",
            AttributeType::String => "S",
        };
        json!({ "AttributeName": self.name, "AttributeType": kind })
    }
}

impl Index<'_> {
    fn properties(self) -> Value {
        json!({
            "IndexName": self.name,
            "KeySchema": key_schema(self.partition_key, self.sort_key),
            "Projection": { "ProjectionType": "ALL" },
        })
    }
}

fn key_schema(partition: Attribute<'_>, sort: Option<Attribute<'_>>) -> Vec<Value> {
    let partition = json!({ "AttributeName": partition.name, "KeyType": "HASH" });
    let sort = sort.map(|sort| json!({ "AttributeName": sort.name, "KeyType": "RANGE" }));
    std::iter::once(partition).chain(sort).collect()
}

fn sse(key: &KeyHandle) -> Value {
    json!({ "KMSMasterKeyId": key.arn(), "SSEEnabled": true, "SSEType": "KMS" })
}
