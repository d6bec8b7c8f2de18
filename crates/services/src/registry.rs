//! All services and their operations: the one table that dispatch, coverage and metrics read.

use std::collections::HashMap;
use std::sync::LazyLock;

use cumulet_kernel::{Context, Tx};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::operation::{Operation, Run};
use crate::{
    apigateway, cloudformation, cloudwatch, dynamodb, iam, kms, lambda, logs, s3, secretsmanager,
    sqs, ssm, sts, xray,
};

/// A service as dispatch knows it.
#[derive(Debug)]
pub struct Service {
    /// The name of its wire model: `s3`.
    pub name: &'static str,
    /// The code of a denial: AWS's protocols differ.
    pub access_denied_code: &'static str,
    pub access_denied_status: u16,
    operations: HashMap<&'static str, Operation>,
}

/// Every service that is built.
#[derive(Debug)]
pub struct Registry {
    services: HashMap<&'static str, Service>,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

pub fn registry() -> &'static Registry {
    &REGISTRY
}

impl Registry {
    fn new() -> Self {
        const XML: (&str, u16) = ("AccessDenied", 403);
        const JSON: (&str, u16) = ("AccessDeniedException", 400);
        const REST_JSON: (&str, u16) = ("AccessDeniedException", 403);
        let services = [
            Service::new("apigateway", REST_JSON, apigateway::operations()),
            Service::new("cloudformation", XML, cloudformation::operations()),
            Service::new("cloudwatch", XML, cloudwatch::operations()),
            Service::new("dynamodb", JSON, dynamodb::operations()),
            Service::new("dynamodbstreams", JSON, dynamodb::stream_operations()),
            Service::new("iam", XML, iam::operations()),
            Service::new("kms", JSON, kms::operations()),
            Service::new("lambda", REST_JSON, lambda::operations()),
            Service::new("logs", JSON, logs::operations()),
            Service::new("s3", XML, s3::operations()),
            Service::new("secretsmanager", JSON, secretsmanager::operations()),
            Service::new("sqs", XML, sqs::operations()),
            Service::new("ssm", JSON, ssm::operations()),
            Service::new("sts", XML, sts::operations()),
            Service::new("xray", REST_JSON, xray::operations()),
        ];
        Self {
            services: services
                .into_iter()
                .map(|service| (service.name, service))
                .collect(),
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

    /// Runs an operation inside a transaction that is already open, authorised like any other call.
    pub fn call_in(
        &self,
        tx: &mut Tx<'_>,
        context: &Context,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value> {
        let (service, operation) = self.operation(service, operation)?;
        match &operation.run {
            Run::Read(handler) | Run::Write(handler) => {
                handler(tx, context, input).map_err(|error| service.name_denial(error))
            }
            Run::Edge(_) => Err(Error::internal(format!(
                "{} runs outside transactions",
                operation.name
            ))),
        }
    }
}

impl Service {
    fn new(name: &'static str, denial: (&'static str, u16), operations: Vec<Operation>) -> Self {
        let operations = operations
            .into_iter()
            .map(|operation| (operation.name, operation))
            .collect();
        Self {
            name,
            access_denied_code: denial.0,
            access_denied_status: denial.1,
            operations,
        }
    }

    pub fn operation_names(&self) -> impl Iterator<Item = &'static str> {
        self.operations.keys().copied()
    }

    /// Gives a denial the code and status of this service's protocol.
    pub(crate) fn name_denial(&self, mut error: Error) -> Error {
        if error.is_access_denied() {
            error.code = self.access_denied_code.into();
            error.status = self.access_denied_status;
        }
        error
    }
}
