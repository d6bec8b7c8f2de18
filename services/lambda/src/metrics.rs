//! What Lambda publishes to CloudWatch, under `AWS/Lambda`.
//!
//! Each measure comes three times, as on AWS: for the whole region, for the function, and for the name
//! it was asked for by. Success publishes `Errors` of zero, so that an alarm on errors finds its way back.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>

use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::meter::{Measure, Owner};
use cumulet_engine::runner::Outcome;

use super::run::Prepared;

const NAMESPACE: &str = "AWS/Lambda";

fn count(metric: &'static str, value: impl Into<f64>) -> Measure {
    Measure {
        metric,
        value: value.into(),
        unit: "Count",
    }
}

/// An invocation ended, well or not; one that could not be run at all is no invocation.
pub(super) fn ended(engine: &Engine, prepared: &Prepared, outcome: &Result<Outcome>, running: u32) {
    let Ok(outcome) = outcome else {
        return;
    };
    let duration = Measure {
        metric: "Duration",
        value: outcome.duration_ms,
        unit: "Milliseconds",
    };
    let measures = [
        count("Invocations", 1),
        count("Errors", u8::from(outcome.function_error.is_some())),
        count("Throttles", 0),
        count("ConcurrentExecutions", running),
        duration,
    ];
    publish(engine, prepared, &measures);
}

pub(super) fn throttled(engine: &Engine, prepared: &Prepared) {
    publish(engine, prepared, &[count("Throttles", 1)]);
}

fn publish(engine: &Engine, prepared: &Prepared, measures: &[Measure]) {
    let name = &prepared.name;
    let owner = Owner {
        account: &name.account,
        region: &name.region,
    };
    let resource = match &name.qualifier {
        Some(qualifier) => format!("{}:{qualifier}", name.name),
        None => name.name.clone(),
    };
    let function = ("FunctionName", name.name.as_str());
    let at = engine.clock.now();
    let sets: [&[(&str, &str)]; 3] = [&[], &[function], &[function, ("Resource", &resource)]];
    for dimensions in sets {
        engine
            .metrics
            .publish(owner, at, NAMESPACE, dimensions, measures);
    }
}
