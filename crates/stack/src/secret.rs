//! Secrets Manager secrets, made where they are kept: no template holds one.

use serde_json::json;

use crate::Expression;
use crate::grant::{Grant, Statement};
use crate::key::{Encryption, KeyHandle};
use crate::properties::Properties;
use crate::stack::{Resource, Stack};

/// A secret (`AWS::SecretsManager::Secret`) with a generated password.
#[derive(Clone, Debug, Default)]
pub struct Secret<'a> {
    pub name: Option<Expression>,
    pub description: &'a str,
    pub generated: GeneratedSecret<'a>,
    pub encryption: Encryption<'a>,
}

/// A JSON object of which one member is generated.
#[derive(Clone, Debug)]
pub struct GeneratedSecret<'a> {
    /// The object without that member: `{"username":"admin"}`.
    pub template: &'a str,
    pub key: &'a str,
    pub length: u32,
    pub exclude_characters: &'a str,
}

impl Default for GeneratedSecret<'_> {
    fn default() -> Self {
        Self {
            template: "{}",
            key: "password",
            length: 32,
            exclude_characters: "\"@/\\",
        }
    }
}

#[derive(Clone, Debug)]
pub struct SecretHandle {
    id: String,
    key: Option<KeyHandle>,
}

impl SecretHandle {
    #[must_use]
    pub fn arn(&self) -> Expression {
        Expression::reference(&self.id)
    }

    #[must_use]
    pub fn read(&self) -> Grant {
        let actions = [
            "secretsmanager:GetSecretValue",
            "secretsmanager:DescribeSecret",
        ];
        let own = Statement::allow(&actions, vec![self.arn()]);
        let key = self
            .key
            .as_ref()
            .map(|key| key.through("secretsmanager", &["kms:Decrypt"]));
        Grant {
            statements: std::iter::once(own).chain(key).collect(),
        }
    }
}

impl Resource for Secret<'_> {
    type Handle = SecretHandle;

    fn add_to(self, stack: &mut Stack, id: &str) -> SecretHandle {
        let key = self.encryption.key();
        let generated = json!({
            "SecretStringTemplate": self.generated.template, "GenerateStringKey": self.generated.key,
            "PasswordLength": self.generated.length, "ExcludeCharacters": self.generated.exclude_characters,
        });
        let properties = Properties::new()
            .with_some("Name", self.name.as_ref())
            .with_text("Description", self.description)
            .with("GenerateSecretString", generated)
            .with_some("KmsKeyId", key.as_ref().map(|key| key.arn().to_value()));
        stack.insert(id, "AWS::SecretsManager::Secret", properties);
        stack.delete(id);
        SecretHandle {
            id: id.to_owned(),
            key,
        }
    }
}
