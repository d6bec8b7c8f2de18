//! Throttling: token buckets, one a scope, refilled by the installation's clock.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html>
//!
//! Buckets live in memory: AWS's throttles are best effort too, and a restart fills them.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use cumulet_kernel::Timestamp;

use super::super::state::Throttle;
use super::{Call, Failure};

const ACCOUNT: Throttle = Throttle {
    burst_limit: 5_000,
    rate_limit: 10_000.0,
};
/// Buckets kept at most; full ones are forgotten first, since a new one is full too.
const BUCKETS_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Timestamp,
}

static BUCKETS: LazyLock<Mutex<HashMap<String, Bucket>>> = LazyLock::new(Mutex::default);

/// Takes a token from each bucket the request falls under, the narrowest first.
pub(super) fn take(call: &Call<'_>) -> Result<(), Failure> {
    let stage = format!("{}/{}", call.api_id, call.stage.stage_name);
    let method = format!("{}/{}", call.resource.path, call.method.http_method);
    let mut scopes = Vec::new();
    if let Some(key) = &call.api_key {
        if let Some(throttle) = key.method_throttle(&call.api_scope(), &method) {
            scopes.push((
                format!("plan {} {} {stage} {method}", key.plan_id(), key.key_id()),
                throttle,
            ));
        }
        if let Some(throttle) = key.throttle() {
            scopes.push((format!("plan {} {}", key.plan_id(), key.key_id()), throttle));
        }
    }
    let setting = call.setting();
    let limits = Throttle {
        burst_limit: setting.throttling_burst_limit,
        rate_limit: setting.throttling_rate_limit,
    };
    scopes.push((format!("stage {stage} {method}"), limits));
    scopes.push((
        format!("account {} {}", call.context.account, call.context.region),
        ACCOUNT,
    ));
    let allowed = scopes
        .iter()
        .all(|(scope, throttle)| take_one(scope, *throttle, call.now()));
    if allowed {
        Ok(())
    } else {
        Err(Failure::of("THROTTLED", "Too Many Requests"))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "limits and milliseconds are far below 2^53"
)]
fn take_one(scope: &str, throttle: Throttle, now: Timestamp) -> bool {
    let Ok(mut buckets) = BUCKETS.lock() else {
        return true;
    };
    let burst = throttle.burst_limit as f64;
    // -1 takes a limit back: the account's is left.
    if throttle.burst_limit < 0 || throttle.rate_limit < 0.0 {
        return true;
    }
    if buckets.len() >= BUCKETS_MAX {
        buckets.clear();
    }
    let bucket = buckets.entry(scope.to_owned()).or_insert(Bucket {
        tokens: burst,
        filled: now,
    });
    let elapsed_s = (now.0 - bucket.filled.0).max(0) as f64 / 1000.0;
    bucket.tokens = (bucket.tokens + elapsed_s * throttle.rate_limit).min(burst);
    bucket.filled = bucket.filled.max(now);
    let allowed = bucket.tokens >= 1.0;
    if allowed {
        bucket.tokens -= 1.0;
    }
    allowed
}

impl Call<'_> {
    fn api_scope(&self) -> (String, String) {
        (self.api_id.to_owned(), self.stage.stage_name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let throttle = Throttle {
            burst_limit: 3,
            rate_limit: 2.0,
        };
        let take = |at_ms| take_one("a test's own scope", throttle, Timestamp(at_ms));
        assert_eq!(
            [take(0), take(0), take(0), take(0)],
            [true, true, true, false]
        );
        assert_eq!([take(499), take(500), take(500)], [false, true, false]);
        assert_eq!(
            [take(60_000), take(60_000), take(60_000), take(60_000)],
            [true, true, true, false]
        );
    }
}
