//! What CloudWatch is told of every request.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html>
//!
//! Always by API and by stage; by method too where the stage asks for detailed metrics.

use cumulet_engine::meter::{Measure, Owner};

use super::Call;
use super::log::Latency;

const NAMESPACE: &str = "AWS/ApiGateway";

/// Publishes the request that was answered with `status`.
pub(super) fn publish(call: &Call<'_>, status: u16, latency: &Latency) {
    let measures = measures(status, latency);
    let owner = Owner {
        account: &call.context.account,
        region: &call.context.region,
    };
    let api = ("ApiName", call.definition.name.as_str());
    let stage = ("Stage", call.stage.stage_name.as_str());
    let resource = ("Resource", call.resource.path.as_str());
    let method = ("Method", call.request.method.as_str());
    let meter = &call.engine.metrics;
    let publish = |dimensions: &[(&str, &str)]| {
        meter.publish(owner, call.now(), NAMESPACE, dimensions, &measures);
    };
    publish(&[api]);
    publish(&[api, stage]);
    // A path that leads nowhere is no method's.
    if call.setting().metrics_enabled && !call.resource.path.is_empty() {
        publish(&[api, method, resource, stage]);
    }
}

fn measures(status: u16, latency: &Latency) -> Vec<Measure> {
    let count = |metric, counts| Measure {
        metric,
        value: f64::from(u8::from(counts)),
        unit: "Count",
    };
    let time = |metric, time_ms| Measure {
        metric,
        value: milliseconds(time_ms),
        unit: "Milliseconds",
    };
    let mut measures = vec![
        count("Count", true),
        count("4XXError", (400..500).contains(&status)),
        count("5XXError", status >= 500),
        time("Latency", latency.whole_ms),
    ];
    measures.extend(
        latency
            .integration_ms
            .map(|time_ms| time("IntegrationLatency", time_ms)),
    );
    measures
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a request takes no 2^53 milliseconds"
)]
fn milliseconds(time_ms: i64) -> f64 {
    time_ms as f64
}
