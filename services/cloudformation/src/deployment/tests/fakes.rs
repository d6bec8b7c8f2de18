//! Two resource types that live in the store alone, and a machine that can lose its power.
//!
//! Every effect of a fake is one line in a log inside the same store: what happened twice stands there
//! twice, what was forgotten is missing.

use std::sync::{Arc, Mutex};

use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use cumulet_engine::registry::{Denial, Registry, Service};
use cumulet_engine::runner::{FunctionRunner, FunctionVersion, Invocation, RunError};
use cumulet_engine::{Context, Principal, PrincipalKind};
use cumulet_kernel::blob::Blobs;
use cumulet_kernel::seal::RootKey;
use cumulet_kernel::store::Direction;
use cumulet_kernel::trace::Trace;
use cumulet_kernel::{Clock, Ids, Key, Store, Table, Timestamp, Tx, outbox};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

const THINGS: Table = Table::new(1490, "test.things");
const LOG: Table = Table::new(1491, "test.log");
const ACCOUNT: &str = "111122223333";

/// Stands at once; a queue whose delay is 13 is refused.
const QUEUE: Provider = Provider::new(
    "AWS::SQS::Queue",
    &["QueueName", "DelaySeconds"],
    create,
    update,
    delete,
);
/// Takes a while to stand, and to change.
const PARAMETER: Provider = Provider::new(
    "AWS::SSM::Parameter",
    &["Name", "Type", "Value"],
    create_slowly,
    update_slowly,
    delete,
)
.stabilised_by(stand);

fn registry() -> Registry {
    let fakes =
        Service::new("fakes", Denial::Json, vec![]).with_resource_types(vec![QUEUE, PARAMETER]);
    let all = cumulet_identity::services();
    Registry::new(
        all.into_iter().chain([crate::service(), fakes]),
        cumulet_identity::iam::authorise,
    )
}

fn note(call: &mut ResourceCall<'_, '_>, what: &str) -> Result<()> {
    let line = format!("{what} {}", call.logical_id);
    let key = Key::new().number(call.tx.next_sequence()?);
    Ok(call.tx.save(LOG, key, &line)?)
}

fn keep(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    if call.property("DelaySeconds") == Some(&json!(13)) {
        return Err(Error::new("InvalidParameterValue", "13 brings no luck"));
    }
    let key = Key::new().text(&call.physical_id);
    let text = format!("{} {}", call.logical_id, call.properties);
    Ok(call.tx.save(THINGS, key, &text)?)
}

fn create(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("QueueName", 80);
    call.attribute(
        "Arn",
        format!("arn:aws:sqs:eu-central-1:111122223333:{name}"),
    );
    call.attribute("QueueName", name.as_str());
    call.identify(name);
    note(call, "create")?;
    keep(call)?;
    Ok(Outcome::Done)
}

fn update(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    note(call, "update")?;
    keep(call)?;
    Ok(Outcome::Done)
}

fn create_slowly(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    create(call)?;
    Ok(Outcome::AskAgain { after_ms: 50 })
}

fn update_slowly(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    update(call)?;
    Ok(Outcome::AskAgain { after_ms: 50 })
}

fn stand(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let asked = call.journal.as_i64().unwrap_or(0);
    call.journal = (asked + 1).into();
    Ok(if asked == 0 {
        Outcome::AskAgain { after_ms: 50 }
    } else {
        Outcome::Done
    })
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if call.property("Value") == Some(&json!("sticky")) {
        return Err(Error::new("Sticky", "it does not come off").status(409));
    }
    note(call, "delete")?;
    let key = Key::new().text(&call.physical_id);
    call.tx.delete(THINGS, key)?;
    Ok(Outcome::Done)
}

/// A disk in memory that keeps what was flushed, and fails for ever after a number of flushes.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    live: Vec<u8>,
    durable: Vec<u8>,
    flushes_left: Option<usize>,
}

impl Disk {
    fn with<T>(
        &self,
        action: impl FnOnce(&mut Platter) -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        let mut platter = self.0.lock().expect("no test panics with the disk in hand");
        action(&mut platter)
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.with(|platter| Ok(platter.live.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.with(|platter| {
            let start = usize::try_from(offset).expect("small");
            out.copy_from_slice(&platter.live[start..start + out.len()]);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> std::io::Result<()> {
        self.with(|platter| {
            platter
                .live
                .resize(usize::try_from(length).expect("small"), 0);
            Ok(())
        })
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.with(|platter| {
            if let Some(left) = &mut platter.flushes_left {
                if *left == 0 {
                    return Err(std::io::Error::other("the power is gone"));
                }
                *left -= 1;
            }
            platter.durable.clone_from(&platter.live);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.with(|platter| {
            let start = usize::try_from(offset).expect("small");
            platter.live[start..start + data.len()].copy_from_slice(data);
            Ok(())
        })
    }
}

#[derive(Debug)]
struct NoFunctions;

impl FunctionRunner for NoFunctions {
    fn invoke(
        &self,
        _function: Arc<FunctionVersion>,
        _invocation: Invocation,
    ) -> BoxFuture<'static, std::result::Result<cumulet_engine::runner::Outcome, RunError>> {
        Box::pin(async { Err(RunError::Busy) })
    }

    fn retire(&self, _key: &str) {}

    fn runtime_available(&self, _runtime: &str) -> std::result::Result<(), String> {
        Ok(())
    }

    fn shut_down(&self) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }

    fn isolation(&self) -> String {
        String::new()
    }
}

/// An installation whose power can be cut after any flush.
pub(crate) struct Machine {
    disk: Disk,
    directory: tempfile::TempDir,
    clock: Clock,
    engine: Option<Engine>,
    services: Arc<Registry>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let mut machine = Self {
            disk: Disk::default(),
            directory: tempfile::tempdir().expect("a folder"),
            clock: Clock::manual(Timestamp::from_seconds(1_800_000_000)),
            engine: None,
            services: Arc::new(registry()),
        };
        machine.start();
        machine
    }

    /// Starts over from what was flushed.
    pub(crate) fn start(&mut self) {
        self.engine = None;
        let restored = self.disk.with(|platter| {
            platter.flushes_left = None;
            Ok(platter.durable.clone())
        });
        self.disk = Disk::default();
        let image = restored.expect("the disk is read");
        self.disk
            .with(|platter| {
                platter.live.clone_from(&image);
                platter.durable = image;
                Ok(())
            })
            .expect("the disk is written");
        let store = Store::with_backend(self.disk.clone()).expect("the store opens");
        let blobs = Blobs::open(self.directory.path(), store.clone(), &Ids::random());
        self.engine = Some(Engine {
            blobs: blobs.expect("the bodies open"),
            store,
            clock: self.clock.clone(),
            root_key: RootKey::new([3; 32]),
            functions: Arc::new(NoFunctions),
            cache_directory: self.directory.path().into(),
            metrics: Arc::new(cumulet_fixture::Unmeasured),
            outbound: Arc::new(cumulet_fixture::NoWayOut),
            memory: cumulet_engine::Memory::default(),
            services: self.services.clone(),
        });
    }

    pub(crate) fn cut_power_after(&self, flushes: usize) {
        self.disk
            .with(|platter| {
                platter.flushes_left = Some(flushes);
                Ok(())
            })
            .expect("the disk is there");
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the machine runs")
    }

    pub(crate) fn context(&self) -> Context {
        let ids = Ids::random();
        let request_id = ids.uuid();
        let mut principal = Principal::anonymous();
        principal.kind = PrincipalKind::Root;
        principal.account = ACCOUNT.to_owned();
        Context {
            request_id: request_id.as_str().into(),
            now: self.clock.now(),
            account: ACCOUNT.into(),
            region: "eu-central-1".into(),
            principal: Arc::new(principal),
            source_ip: None,
            user_agent: None,
            iam_mode: cumulet_engine::IamMode::Enforce,
            secure_transport: false,
            via: None,
            source_arn: None,
            source_account: None,
            endpoint: "http://127.0.0.1:4566".into(),
            trace: Trace::begin("test", &request_id, &ids, None).0,
            services: self.services.clone(),
            meter: self.engine().metrics.clone(),
            ids,
        }
    }

    /// Runs an operation of CloudFormation, past its authorisation.
    pub(crate) async fn ask<I>(
        &self,
        operation: fn(&mut Tx<'_>, &Context, I) -> Result<Value>,
        input: Value,
    ) -> Result<Value>
    where
        I: serde::de::DeserializeOwned + Send + 'static,
    {
        let context = self.context();
        let input: I = serde_json::from_value(input).expect("the input has its shape");
        self.engine()
            .write(move |tx| operation(tx, &context, input))
            .await
    }

    /// Delivers what falls due until nothing is left; the clock jumps to whatever is next.
    pub(crate) async fn settle(&self) -> Result<()> {
        let engine = self.engine();
        for _ in 0..1000 {
            let now = self.clock.now();
            let entries = engine.read(|tx| Ok::<_, Error>(outbox::due(tx, now, 1)?))?;
            let Some(entry) = entries.into_iter().next() else {
                let next = engine.read(|tx| Ok::<_, Error>(outbox::next_due(tx)?))?;
                let Some(next) = next else { return Ok(()) };
                let ahead = u64::try_from(next.0 - now.0).expect("not far");
                self.clock.advance_ms(ahead);
                continue;
            };
            crate::deliver_step(engine, self.context(), entry).await?;
        }
        panic!("the operation does not come to an end");
    }

    /// What stands, as `logical id properties`, sorted.
    pub(crate) fn things(&self) -> Vec<String> {
        let mut things = self.records(THINGS);
        things.sort();
        things
    }

    /// Every effect there ever was, sorted.
    pub(crate) fn effects(&self) -> Vec<String> {
        let mut effects = self.records(LOG);
        effects.sort();
        effects
    }

    fn records(&self, table: Table) -> Vec<String> {
        let read = self.engine().read(|tx| {
            let mut keys = Vec::new();
            for pair in tx.prefix(table, Key::new(), Direction::Forward)? {
                keys.push(pair?.0);
            }
            let mut records = Vec::new();
            for key in keys {
                records.extend(tx.load::<String>(table, key)?);
            }
            Ok(records)
        });
        read.expect("the records are read")
    }
}
