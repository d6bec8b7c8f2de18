//! What a service brings, and all services of an installation: the one table that dispatch, deployment,
//! delivery and coverage read.

use std::collections::HashMap;

use cumulet_kernel::{Table, Tx};
use serde_json::Value;

use crate::access::Access;
use crate::context::Context;
use crate::delivery::Taker;
use crate::error::{Error, Result};
use crate::operation::{Operation, Run};
use crate::provider::Provider;

/// Tables of a service have numbers from its block's first on.
pub const TABLE_BLOCK: u16 = 100;

/// Refuses a call unless every access it needs is allowed to its principal.
pub type Authorise = fn(&Tx<'_>, &Context, &[Access]) -> Result<()>;
/// Whether a destination with this ARN exists and lets the context's principal send events to it.
pub type Admits = fn(&Tx<'_>, &Context, &str) -> Result<bool>;

/// How a service's protocol words a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// `AccessDenied`, 403: S3 and the query protocols.
    Xml,
    /// `AccessDeniedException`, 400: AWS JSON.
    Json,
    /// `AccessDeniedException`, 403: REST JSON.
    RestJson,
}

impl Denial {
    pub fn code(self) -> &'static str {
        match self {
            Self::Xml => "AccessDenied",
            Self::Json | Self::RestJson => "AccessDeniedException",
        }
    }

    pub fn status(self) -> u16 {
        match self {
            Self::Json => 400,
            Self::Xml | Self::RestJson => 403,
        }
    }

    /// Gives a denial the code and status of this protocol.
    pub fn name(self, mut error: Error) -> Error {
        if error.is_access_denied() {
            error.code = self.code().into();
            error.status = self.status();
        }
        error
    }
}

/// A service: all that the rest of the house knows of it.
#[derive(Debug)]
pub struct Service {
    /// The name of its wire model: `s3`.
    pub name: &'static str,
    pub denial: Denial,
    operations: HashMap<&'static str, Operation>,
    /// Its CloudFormation types.
    pub resource_types: Vec<Provider>,
    /// The first number of its block of tables, and the tables.
    pub tables: (u16, &'static [Table]),
    pub(crate) takes_events: Option<Taker>,
    /// Answers where other services may send events to its resources.
    pub admits: Option<Admits>,
}

impl Service {
    pub fn new(name: &'static str, denial: Denial, operations: Vec<Operation>) -> Self {
        let operations = operations.into_iter();
        Self {
            name,
            denial,
            operations: operations
                .map(|operation| (operation.name, operation))
                .collect(),
            resource_types: Vec::new(),
            tables: (0, &[]),
            takes_events: None,
            admits: None,
        }
    }

    #[must_use]
    pub fn with_tables(mut self, first: u16, tables: &'static [Table]) -> Self {
        self.tables = (first, tables);
        self
    }

    #[must_use]
    pub fn with_resource_types(mut self, resource_types: Vec<Provider>) -> Self {
        self.resource_types = resource_types;
        self
    }

    #[must_use]
    pub fn taking_events(mut self, taker: Taker) -> Self {
        self.takes_events = Some(taker);
        self
    }

    #[must_use]
    pub fn admitting_events(mut self, admits: Admits) -> Self {
        self.admits = Some(admits);
        self
    }

    pub fn operation_names(&self) -> impl Iterator<Item = &'static str> {
        self.operations.keys().copied()
    }
}

/// Every service that is built.
#[derive(Debug)]
pub struct Registry {
    services: HashMap<&'static str, Service>,
    pub(crate) authorise: Authorise,
}

impl Registry {
    /// These services behind this door.
    pub fn new(services: impl IntoIterator<Item = Service>, authorise: Authorise) -> Self {
        let services = services.into_iter();
        Self {
            services: services.map(|service| (service.name, service)).collect(),
            authorise,
        }
    }

    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    /// The operation, or the `NotImplemented` that stands in its place.
    pub fn operation(&self, service: &str, operation: &str) -> Result<(&Service, &Operation)> {
        let missing = || Error::not_implemented(format!("{service}:{operation}"));
        let service = self.service(service).ok_or_else(missing)?;
        let operation = service.operations.get(operation).ok_or_else(missing)?;
        Ok((service, operation))
    }

    /// The resource type of this name: `AWS::S3::Bucket`.
    pub fn resource_type(&self, name: &str) -> Option<&Provider> {
        let all = self.services();
        all.flat_map(|service| &service.resource_types)
            .find(|provider| provider.name == name)
    }

    /// The name of a stored key's table, for those who look at a store from outside.
    pub fn table_name(&self, number: u16) -> Option<&'static str> {
        let tables = self.services().flat_map(|service| service.tables.1);
        tables
            .into_iter()
            .find(|table| table.number == number)
            .map(|table| table.name)
    }
}

impl Context {
    /// Runs an operation inside a transaction that is already open, authorised like any other call.
    pub fn call_in(
        &self,
        tx: &mut Tx<'_>,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value> {
        let (service, operation) = self.services.operation(service, operation)?;
        match &operation.run {
            Run::Read(handler) | Run::Write(handler) => {
                let done = handler(input).and_then(|prepared| prepared(tx, self)?());
                done.map_err(|error| service.denial.name(error))
            }
            Run::Edge(_) => Err(Error::internal(format!(
                "{} runs outside transactions",
                operation.name
            ))),
        }
    }

    /// Refuses unless every access in `needed` is allowed to this call's principal.
    pub fn authorise(&self, tx: &Tx<'_>, needed: &[Access]) -> Result<()> {
        (self.services.authorise)(tx, self, needed)
    }
}
