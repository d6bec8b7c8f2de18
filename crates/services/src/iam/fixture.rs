//! An installation for tests: a store in a folder of its own, a clock that stands still.

use cumulet_kernel::clock::Timestamp;
use cumulet_kernel::store::PageKey;
use cumulet_kernel::trace::Trace;
use cumulet_kernel::{Context, Ids, Principal, PrincipalKind, Store, Tx};
use serde_json::{Value, json};

use crate::error::Result;
use crate::registry::registry;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";

pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) ids: Ids,
    pub(crate) now: std::cell::Cell<Timestamp>,
    runtime: tokio::runtime::Runtime,
    _directory: tempfile::TempDir,
}

impl House {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = cumulet_kernel::seal::RootKey::new([7; 32]);
        Self {
            store: Store::open(directory.path(), &PageKey::new(key.derive("pages"))).unwrap(),
            ids: Ids::seeded([9; 32]),
            now: std::cell::Cell::new(Timestamp::from_seconds(1_790_000_000)),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            _directory: directory,
        }
    }

    pub(crate) fn context(&self, principal: &Principal) -> Context {
        let (trace, _guard) = Trace::begin("test", "request", &self.ids, None);
        Context {
            request_id: "request".into(),
            now: self.now.get(),
            account: principal.account.as_str().into(),
            region: "us-east-1".into(),
            principal: principal.clone().into(),
            ids: self.ids.clone(),
            source_ip: Some([127, 0, 0, 1].into()),
            user_agent: None,
            secure_transport: true,
            via: None,
            source_arn: None,
            source_account: None,
            endpoint: "http://127.0.0.1:4566".into(),
            trace,
        }
    }

    /// Runs `operation` in a committed transaction.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.runtime.block_on(self.store.write(operation))
    }

    pub(crate) fn call(
        &self,
        principal: &Principal,
        service: &'static str,
        operation: &'static str,
        input: Value,
    ) -> Result<Value> {
        self.call_in(self.context(principal), service, operation, input)
    }

    pub(crate) fn call_in(
        &self,
        context: Context,
        service: &'static str,
        operation: &'static str,
        input: Value,
    ) -> Result<Value> {
        self.write(move |tx| registry().call_in(tx, &context, service, operation, input))
    }

    /// The code and text of a refusal.
    pub(crate) fn refusal(
        &self,
        principal: &Principal,
        service: &'static str,
        operation: &'static str,
        input: Value,
    ) -> String {
        match self.call(principal, service, operation, input) {
            Ok(output) => format!("allowed: {output}"),
            Err(error) => format!("{} {}: {}", error.status, error.code, error.message),
        }
    }

    /// A role of the account with this trust and inline policy, and the principal of a session of it.
    pub(crate) fn role(&self, name: &str, policy: Option<Value>) -> Principal {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]});
        let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string()});
        self.call(&root(ACCOUNT), "iam", "CreateRole", input)
            .unwrap();
        if let Some(policy) = policy {
            let input =
                json!({"RoleName": name, "PolicyName": "p", "PolicyDocument": policy.to_string()});
            self.call(&root(ACCOUNT), "iam", "PutRolePolicy", input)
                .unwrap();
        }
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        self.store
            .read(|tx| super::role_session(tx, &arn, "session"))
            .unwrap()
    }
}

pub(crate) fn root(account: &str) -> Principal {
    Principal {
        kind: PrincipalKind::Root,
        arn: format!("arn:aws:iam::{account}:root"),
        account: account.into(),
        user_id: account.into(),
        access_key_id: None,
        session_policies: Vec::new(),
        session_tags: Vec::new(),
    }
}

pub(crate) fn allow(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": action, "Resource": resource},
    ]})
}
