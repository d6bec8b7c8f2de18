//! Throttling: token buckets, one a scope, refilled by the installation's clock.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html>
//!
//! Buckets live in the engine's memory: AWS's throttles are best effort too, and a restart fills them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cumulet_kernel::Timestamp;

use super::super::state::Throttle;
use super::{Call, Failure};

const ACCOUNT: Throttle = Throttle {
    burst_limit: 5_000,
    rate_limit: 10_000.0,
};
/// Buckets kept at most.
const BUCKETS_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Timestamp,
    /// When it will be full, if nobody takes a token.
    full_at: Timestamp,
}

/// The buckets of an engine, by scope.
#[derive(Debug, Default)]
pub(super) struct Buckets(Mutex<HashMap<String, Bucket>>);

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
    let buckets = call.engine.memory.of::<Buckets>();
    if buckets.take(&scopes, call.now()) {
        Ok(())
    } else {
        Err(Failure::of("THROTTLED", "Too Many Requests"))
    }
}

impl Buckets {
    /// Takes a token from each scope's bucket, or none at all where one of them is empty: a request that is refused
    /// uses up nobody's share.
    fn take(&self, scopes: &[(String, Throttle)], now: Timestamp) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() + scopes.len() > BUCKETS_MAX {
            forget_full(&mut buckets, now);
        }
        // -1 takes a limit back: the account's is left.
        let limited = |throttle: &Throttle| throttle.burst_limit >= 0 && throttle.rate_limit >= 0.0;
        let limits: Vec<_> = scopes.iter().filter(|(_, limit)| limited(limit)).collect();
        let all_have_one = limits
            .iter()
            .all(|(scope, limit)| fill(&mut buckets, scope, *limit, now) >= 1.0);
        if all_have_one {
            for (scope, _) in limits {
                if let Some(bucket) = buckets.get_mut(scope) {
                    bucket.tokens -= 1.0;
                }
            }
        }
        all_have_one
    }
}

/// The tokens in a scope's bucket now.
#[expect(
    clippy::cast_precision_loss,
    reason = "limits and milliseconds are far below 2^53"
)]
fn fill(
    buckets: &mut HashMap<String, Bucket>,
    scope: &str,
    throttle: Throttle,
    now: Timestamp,
) -> f64 {
    let burst = throttle.burst_limit as f64;
    if !buckets.contains_key(scope) {
        let full = Bucket {
            tokens: burst,
            filled: now,
            full_at: now,
        };
        buckets.insert(scope.to_owned(), full);
    }
    let Some(bucket) = buckets.get_mut(scope) else {
        return burst;
    };
    let elapsed_s = (now.0 - bucket.filled.0).max(0) as f64 / 1000.0;
    bucket.tokens = (bucket.tokens + elapsed_s * throttle.rate_limit).min(burst);
    bucket.filled = bucket.filled.max(now);
    let missing_s = (burst - bucket.tokens + 1.0) / throttle.rate_limit;
    bucket.full_at = now.plus_s(seconds_up(missing_s));
    bucket.tokens
}

/// Whole seconds, rounded up; a bucket that nothing flows into is never full again.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float that is too large saturates"
)]
fn seconds_up(seconds: f64) -> i64 {
    const CENTURY_S: f64 = 3.2e9;
    seconds.clamp(0.0, CENTURY_S).ceil() as i64
}

/// A bucket that is full again is as good as a new one. Where nearly all are in use, all begin anew.
fn forget_full(buckets: &mut HashMap<String, Bucket>, now: Timestamp) {
    buckets.retain(|_, bucket| bucket.full_at > now);
    if buckets.len() >= BUCKETS_MAX / 2 {
        buckets.clear();
    }
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
        let buckets = Buckets::default();
        let scopes = [("scope".to_owned(), throttle)];
        let take = |at_ms| buckets.take(&scopes, Timestamp(at_ms));
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

    #[test]
    fn a_refused_request_takes_nothing() {
        let limit = |burst_limit| Throttle {
            burst_limit,
            rate_limit: 0.0,
        };
        let buckets = Buckets::default();
        let both = [("a".to_owned(), limit(1)), ("b".to_owned(), limit(2))];
        let take = |scopes: &[(String, Throttle)]| buckets.take(scopes, Timestamp(0));
        assert_eq!(
            [take(&both), take(&both), take(&both)],
            [true, false, false]
        );
        assert_eq!([take(&both[1..]), take(&both[1..])], [true, false]);
    }
}
