//! S3 buckets, their policy and their notifications.

use serde_json::{Value, json};

use crate::grant::{Condition, Effect, Grant, Statement, document};
use crate::key::{Encryption, KeyHandle};
use crate::properties::Properties;
use crate::stack::{Resource, Stack};
use crate::{Expression, FunctionHandle};

/// A bucket (`AWS::S3::Bucket`), with its policy.
///
/// `empty_on_destroy` tags the bucket `cumulet:empty-on-destroy` = `true`: Cumulet empties such a bucket when its
/// stack is deleted. AWS does not know the tag. There CloudFormation refuses to delete a bucket that holds anything
/// (the stack stays in `DELETE_FAILED`) until somebody has emptied it, versions included.
#[derive(Clone, Debug, Default)]
pub struct Bucket<'a> {
    /// Bucket names are shared by all of AWS: put `${AWS::AccountId}` in it, or leave the choice to CloudFormation.
    pub name: Option<Expression>,
    pub encryption: Encryption<'a>,
    pub versioned: bool,
    /// No policy and no ACL can make anything in it public.
    pub public_access_blocked: bool,
    /// Requests without TLS are denied.
    pub tls_only: bool,
    /// Days until a version that is no longer current is deleted.
    pub noncurrent_days: Option<u32>,
    pub cors: Vec<BucketCors>,
    /// Access logs are written into the bucket itself, under this prefix.
    pub access_log_prefix: Option<&'a str>,
    pub empty_on_destroy: bool,
    /// The bucket and its objects stay when the stack goes.
    pub retained: bool,
}

impl Bucket<'_> {
    /// A bucket that only this account's principals reach, and only over TLS.
    #[must_use]
    pub fn private() -> Self {
        Self {
            public_access_blocked: true,
            tls_only: true,
            ..Self::default()
        }
    }
}

/// Which pages of other origins may use the bucket from a browser.
#[derive(Clone, Debug)]
pub struct BucketCors {
    pub methods: Vec<&'static str>,
    pub origins: Vec<&'static str>,
    pub headers: Vec<&'static str>,
    pub max_age_s: u32,
}

impl Default for BucketCors {
    fn default() -> Self {
        Self {
            methods: vec!["GET"],
            origins: vec!["*"],
            headers: vec!["*"],
            max_age_s: 3000,
        }
    }
}

#[derive(Clone, Debug)]
pub struct BucketHandle {
    id: String,
    name: Option<Expression>,
    key: Option<KeyHandle>,
    /// The keys that grants are for.
    scope: String,
}

impl BucketHandle {
    /// For a bucket with a name this is that name and not a `Ref`, so nothing that mentions the bucket depends on it:
    /// the circle bucket, permission, function, role, bucket never closes.
    #[must_use]
    pub fn name(&self) -> Expression {
        self.name
            .clone()
            .unwrap_or_else(|| Expression::reference(&self.id))
    }

    #[must_use]
    pub fn arn(&self) -> Expression {
        match &self.name {
            Some(name) => name.within("arn:${AWS::Partition}:s3:::", ""),
            None => Expression::attribute(&self.id, "Arn"),
        }
    }

    /// The same bucket, whose grants reach only keys with this prefix.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        Self {
            scope: format!("{prefix}*"),
            ..self.clone()
        }
    }

    /// May read objects, old versions included, and list them.
    #[must_use]
    pub fn read(&self) -> Grant {
        let objects = Statement::allow(
            &["s3:GetObject", "s3:GetObjectVersion"],
            vec![self.objects()],
        );
        self.with_key(vec![objects, self.listing()], &["kms:Decrypt"])
    }

    /// May create objects and overwrite them.
    #[must_use]
    pub fn write(&self) -> Grant {
        let objects = Statement::allow(
            &["s3:PutObject", "s3:AbortMultipartUpload"],
            vec![self.objects()],
        );
        self.with_key(vec![objects], &["kms:GenerateDataKey", "kms:Decrypt"])
    }

    /// May delete objects and single versions of them.
    #[must_use]
    pub fn delete(&self) -> Grant {
        Statement::allow(
            &["s3:DeleteObject", "s3:DeleteObjectVersion"],
            vec![self.objects()],
        )
        .into()
    }

    #[must_use]
    pub fn read_write(&self) -> Grant {
        Grant::all([self.read(), self.write(), self.delete()])
    }

    fn objects(&self) -> Expression {
        self.arn().within("", &format!("/{}", self.scope))
    }

    fn listing(&self) -> Statement {
        let listing = Statement::allow(&["s3:ListBucket"], vec![self.arn()]);
        if self.scope == "*" {
            return listing;
        }
        let prefix = Condition {
            operator: "StringLike",
            key: "s3:prefix",
            value: self.scope.as_str().into(),
        };
        Statement {
            conditions: vec![prefix],
            ..listing
        }
    }

    fn with_key(&self, mut statements: Vec<Statement>, actions: &[&str]) -> Grant {
        statements.extend(self.key.as_ref().map(|key| key.through("s3", actions)));
        Grant { statements }
    }
}

impl Resource for Bucket<'_> {
    type Handle = BucketHandle;

    fn add_to(self, stack: &mut Stack, id: &str) -> BucketHandle {
        stack.insert(id, "AWS::S3::Bucket", self.properties());
        if self.retained {
            stack.retain(id)
        } else {
            stack.delete(id)
        }
        let key = self.encryption.key();
        let handle = BucketHandle {
            id: id.to_owned(),
            name: self.name.clone(),
            key,
            scope: "*".to_owned(),
        };
        if self.tls_only || self.access_log_prefix.is_some() {
            let properties =
                json!({ "Bucket": { "Ref": id }, "PolicyDocument": self.policy(&handle) });
            stack.insert(&format!("{id}Policy"), "AWS::S3::BucketPolicy", properties);
        }
        handle
    }
}

impl Bucket<'_> {
    fn properties(&self) -> Properties {
        let versioning = self.versioned.then(|| json!({ "Status": "Enabled" }));
        let cors: Vec<Value> = self.cors.iter().map(BucketCors::to_value).collect();
        let rules = Some(json!({ "CorsRules": cors })).filter(|_| !cors.is_empty());
        Properties::new()
            .with_some("BucketName", self.name.as_ref())
            .with("BucketEncryption", self.server_side_encryption())
            .with_some("VersioningConfiguration", versioning)
            .with_some(
                "PublicAccessBlockConfiguration",
                self.public_access_blocked.then(all_blocked),
            )
            .with(
                "OwnershipControls",
                json!({ "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] }),
            )
            .with_some(
                "LifecycleConfiguration",
                self.noncurrent_days.map(noncurrent_expiration),
            )
            .with_some("CorsConfiguration", rules)
            .with_some(
                "LoggingConfiguration",
                self.access_log_prefix
                    .map(|prefix| json!({ "LogFilePrefix": prefix })),
            )
            .with_list("Tags", self.tags())
    }

    fn server_side_encryption(&self) -> Value {
        let rule = match self.encryption {
            Encryption::Service => {
                json!({ "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } })
            }
            Encryption::Kms(key) => json!({
                "ServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key.arn() },
                "BucketKeyEnabled": true,
            }),
        };
        json!({ "ServerSideEncryptionConfiguration": [rule] })
    }

    fn tags(&self) -> Vec<Value> {
        let tag = json!({ "Key": "cumulet:empty-on-destroy", "Value": "true" });
        if self.empty_on_destroy {
            vec![tag]
        } else {
            vec![]
        }
    }

    fn policy(&self, bucket: &BucketHandle) -> Value {
        let mut statements = Vec::new();
        if self.tls_only {
            let insecure = Condition {
                operator: "Bool",
                key: "aws:SecureTransport",
                value: "false".into(),
            };
            let whole = vec![bucket.arn(), bucket.arn().within("", "/*")];
            statements.push(Statement {
                effect: Effect::Deny,
                principal: Some(json!("*")),
                conditions: vec![insecure],
                ..Statement::allow(&["s3:*"], whole)
            });
        }
        if let Some(prefix) = self.access_log_prefix {
            statements.push(log_delivery(bucket, prefix));
        }
        document(&statements)
    }
}

impl BucketCors {
    fn to_value(&self) -> Value {
        json!({
            "AllowedHeaders": self.headers, "AllowedMethods": self.methods, "AllowedOrigins": self.origins,
            "MaxAge": self.max_age_s,
        })
    }
}

fn all_blocked() -> Value {
    json!({
        "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
    })
}

fn noncurrent_expiration(days: u32) -> Value {
    json!({ "Rules": [{
        "Id": "ExpireNoncurrentVersions", "Status": "Enabled",
        "NoncurrentVersionExpiration": { "NoncurrentDays": days },
    }] })
}

/// S3 delivers access logs as a service of its own, which the bucket's policy lets in.
fn log_delivery(bucket: &BucketHandle, prefix: &str) -> Statement {
    let account = Expression::sub("${AWS::AccountId}");
    let own = Condition {
        operator: "StringEquals",
        key: "aws:SourceAccount",
        value: account,
    };
    Statement {
        principal: Some(json!({ "Service": "logging.s3.amazonaws.com" })),
        conditions: vec![own],
        ..Statement::allow(&["s3:PutObject"], vec![bucket.under(prefix).objects()])
    }
}

/// Objects of a bucket, told to a function as they come.
///
/// It is added after both: it writes the bucket's notification and the permission that the bucket waits for.
#[derive(Clone, Copy, Debug)]
pub struct BucketNotification<'a> {
    pub bucket: &'a BucketHandle,
    pub function: &'a FunctionHandle,
    pub event: &'a str,
    pub prefix: &'a str,
    pub suffix: &'a str,
}

impl<'a> BucketNotification<'a> {
    /// Every object that is created.
    #[must_use]
    pub fn created(bucket: &'a BucketHandle, function: &'a FunctionHandle) -> Self {
        Self {
            bucket,
            function,
            event: "s3:ObjectCreated:*",
            prefix: "",
            suffix: "",
        }
    }

    fn configuration(&self) -> Value {
        let rules = [("prefix", self.prefix), ("suffix", self.suffix)];
        let rules = rules.iter().filter(|(_, value)| !value.is_empty());
        let rules: Vec<Value> = rules
            .map(|(name, value)| json!({ "Name": name, "Value": value }))
            .collect();
        let mut configuration = json!({ "Event": self.event, "Function": self.function.arn() });
        if !rules.is_empty() {
            configuration["Filter"] = json!({ "S3Key": { "Rules": rules } });
        }
        configuration
    }
}

impl Resource for BucketNotification<'_> {
    type Handle = ();

    fn add_to(self, stack: &mut Stack, id: &str) {
        let bucket = &self.bucket.id;
        if self.bucket.name.is_none() {
            let problem = format!(
                "{id}: bucket {bucket} needs a name, or it and its function wait for each other"
            );
            stack.problems.push(problem);
        }
        let properties = json!({
            "Action": "lambda:InvokeFunction", "FunctionName": self.function.arn(), "Principal": "s3.amazonaws.com",
            "SourceAccount": { "Ref": "AWS::AccountId" }, "SourceArn": self.bucket.arn(),
        });
        stack.insert(id, "AWS::Lambda::Permission", properties);
        let listed = &mut stack.resources[bucket]["Properties"]["NotificationConfiguration"]["LambdaConfigurations"];
        if listed.is_null() {
            *listed = json!([]);
        }
        if let Some(listed) = listed.as_array_mut() {
            listed.push(self.configuration());
        }
        stack.depends_on(bucket, &[id.to_owned()]);
    }
}
