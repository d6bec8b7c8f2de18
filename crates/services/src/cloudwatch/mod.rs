//! CloudWatch: metrics, what is told from them, and alarms that watch them.
//!
//! It knows nothing of who publishes: the other services hand their measures to [`Metrics`], which folds
//! them in memory and loses those of the last second in a crash (see `publish.rs`). An alarm's actions
//! go to services above this one, so they leave as events.

mod api;
mod bucket;
mod errors;
mod get_data;
mod get_statistics;
mod label;
mod list;
mod math;
mod publish;
mod put;
mod series;
mod state;
mod statistic;
mod token;

use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Context, Event, Tx};

use crate::access::Access;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::operation::{AccessRule, Operation};

use api::{GetMetricDataInput, GetMetricStatisticsInput, ListMetricsInput, PutMetricDataInput};

pub use publish::{Measure, Metrics, Owner, flush, record};
#[cfg(test)]
pub(crate) use state::TABLES;

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    metric_operations()
}

/// Metrics have no ARNs: their actions are on everything.
macro_rules! on_all {
    ($input:ty, $action:literal) => {{
        let rule: AccessRule<$input> =
            |_, _, _| Ok(vec![Access::new(concat!("cloudwatch:", $action), "*")]);
        rule
    }};
}

fn metric_operations() -> Vec<Operation> {
    let put: AccessRule<PutMetricDataInput> = |_: &Tx<'_>, _: &Context, input| {
        let access = Access::new("cloudwatch:PutMetricData", "*");
        Ok(vec![
            access.condition("cloudwatch:namespace", &input.namespace),
        ])
    };
    vec![
        Operation::write("PutMetricData", put, put::put),
        Operation::read(
            "GetMetricStatistics",
            on_all!(GetMetricStatisticsInput, "GetMetricStatistics"),
            get_statistics::get,
        ),
        Operation::read(
            "GetMetricData",
            on_all!(GetMetricDataInput, "GetMetricData"),
            get_data::get,
        ),
        Operation::read(
            "ListMetrics",
            on_all!(ListMetricsInput, "ListMetrics"),
            list::list,
        ),
    ]
}

/// Does what only time sets off: rolling up.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::Timer { kind, detail, .. } = &entry.event else {
        return Err(Error::internal("not a timer"));
    };
    let text = |name: &str| detail[name].as_str().unwrap_or_default();
    let context = context.located(text("account"), text("region"));
    match kind.as_str() {
        "roll-up" => series::deliver_sweep(engine, context, entry).await,
        other => Err(Error::internal(format!(
            "nobody handles the timer cloudwatch/{other}"
        ))),
    }
}
