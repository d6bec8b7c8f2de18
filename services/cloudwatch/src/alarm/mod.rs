//! Alarms: what they watch, when they change state, and what follows.
//!
//! A metric alarm is looked at once a minute (every ten seconds where its period is shorter than one) by
//! a timer in the outbox, so its state survives restarts and moving the clock fires it. A composite
//! alarm has no timer: it follows its children, in the transaction that changes one of them.

mod action;
mod describe;
mod evaluate;
mod history;
mod put;
mod rule;
mod state_data;
mod tags;
#[cfg(test)]
mod tests;
mod transition;
mod verdict;

pub(super) use action::record as record_action;
use cumulet_engine::error::Result;
use cumulet_engine::{Context, arn};
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, decode};
pub(super) use describe::{describe, describe_for_metric};
pub(super) use evaluate::deliver;
pub(super) use history::{describe as describe_history, sweep as sweep_history};
pub(super) use put::{delete, disable_actions, enable_actions, put_composite, put_metric};
pub(super) use tags::{list as list_tags, tag, untag};
pub(super) use transition::set_by_hand;

use super::state::{ALARMS, AlarmRecord, StateValue, Watch, alarm_key, region_key};

pub(super) fn alarm_arn(context: &Context, name: &str) -> String {
    arn::regional(context, "cloudwatch", format_args!("alarm:{name}"))
}

fn load(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Option<AlarmRecord>> {
    Ok(tx.load(ALARMS, alarm_key(&context.account, &context.region, name))?)
}

fn save(tx: &mut Tx<'_>, context: &Context, record: &AlarmRecord) -> Result<()> {
    let key = alarm_key(&context.account, &context.region, &record.name);
    Ok(tx.save(ALARMS, key, record)?)
}

/// All alarms of the account and region, by name.
fn all(tx: &Tx<'_>, context: &Context) -> Result<Vec<AlarmRecord>> {
    let prefix = region_key(&context.account, &context.region);
    let alarms = tx.prefix(ALARMS, prefix, Direction::Forward)?;
    alarms.map(|pair| Ok(decode(&pair?.1)?)).collect()
}

impl AlarmRecord {
    fn type_name(&self) -> &'static str {
        match self.watch {
            Watch::Metric(_) => "MetricAlarm",
            Watch::Composite(_) => "CompositeAlarm",
        }
    }
}

impl StateValue {
    fn text(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData]
            .into_iter()
            .find(|value| value.text() == text)
    }
}
