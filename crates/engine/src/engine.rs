//! An installation: the store, the clock, the function runner, and the way of a call through them.

use std::sync::Arc;

use cumulet_kernel::blob::Blobs;
use cumulet_kernel::seal::RootKey;
use cumulet_kernel::{Clock, Store, Tx};
use serde_json::Value;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::meter::Meter;
use crate::operation::{Handler, Reply, Request, Run};
use crate::outbound::Outbound;
use crate::registry::Registry;
use crate::runner::FunctionRunner;

/// Handles on everything an installation is made of; clones share them.
#[derive(Clone, Debug)]
pub struct Engine {
    pub store: Store,
    pub blobs: Blobs,
    pub clock: Clock,
    pub root_key: RootKey,
    pub functions: Arc<dyn FunctionRunner>,
    /// A private folder for what can be made again: unpacked function code.
    pub cache_directory: Arc<std::path::Path>,
    /// Where services publish what they measure.
    pub metrics: Arc<dyn Meter>,
    pub outbound: Arc<dyn Outbound>,
    pub memory: Memory,
    pub services: Arc<Registry>,
}

impl Engine {
    /// Runs an operation for whoever the context says is calling.
    pub async fn call(
        &self,
        context: Context,
        service: &str,
        operation: &str,
        request: Request,
    ) -> Result<Reply> {
        let (service, operation) = self.services.operation(service, operation)?;
        let (context, _span) = context.span(&format!("{}:{}", service.name, operation.name));
        let outcome = match &operation.run {
            Run::Read(handler) => self.read_operation(handler, &context, request.input),
            Run::Write(handler) => {
                let handler = handler.clone();
                self.write_operation(&handler, context.clone(), request.input)
                    .await
            }
            Run::Edge(handler) => handler(self.clone(), context.clone(), request).await,
        };
        outcome
            .map_err(|error| service.denial.name(error))
            .inspect_err(|error| context.trace.fail(&error.code))
    }

    fn read_operation(&self, handler: &Handler, context: &Context, input: Value) -> Result<Reply> {
        let prepared = handler(input)?;
        let finished = self.store.read(|tx| prepared(tx, context))?;
        finished().map(reply)
    }

    async fn write_operation(
        &self,
        handler: &Handler,
        context: Context,
        input: Value,
    ) -> Result<Reply> {
        let prepared = handler(input)?;
        let finished = self.store.write(move |tx| prepared(tx, &context)).await?;
        finished().map(reply)
    }

    /// Ends all running functions.
    pub async fn shut_down_functions(&self) {
        self.functions.shut_down().await;
    }

    /// Writes what services have measured so far.
    pub async fn flush_metrics(&self) -> Result<()> {
        self.metrics.flush(self.clone()).await
    }

    /// Runs `operation` on a snapshot.
    pub fn read<T>(&self, operation: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.store.read(operation)
    }

    /// Runs `operation` alone; what it wrote is durable when this returns.
    pub async fn write<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.store.write::<T, Error, F>(operation).await
    }
}

fn reply(output: Value) -> Reply {
    Reply {
        output,
        ..Reply::default()
    }
}
