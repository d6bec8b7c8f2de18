//! What a run of datapoints makes of an alarm: M out of N, and four ways to treat what is missing.
//!
//! More periods are looked at than the alarm evaluates. Real datapoints win over missing ones wherever
//! they lie; only where fewer than N are real does the treatment count.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>

use crate::state::StateValue;

/// Periods that are looked at beyond those evaluated.
pub(super) const FURTHER_PERIODS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

impl Treatment {
    /// Alarms on DynamoDB's metrics ignore missing data, whatever they say.
    pub(super) fn of(text: Option<&str>, namespace: Option<&str>) -> Self {
        match text {
            _ if namespace == Some("AWS/DynamoDB") => Self::Ignore,
            Some("ignore") => Self::Ignore,
            Some("breaching") => Self::Breaching,
            Some("notBreaching") => Self::NotBreaching,
            _ => Self::Missing,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// `None`: the alarm stays as it is.
    pub(super) state: Option<StateValue>,
    /// How many missing datapoints were taken for real ones.
    pub(super) filled: usize,
}

/// Judges datapoints, the oldest first: `Some(true)` breaches, `None` is missing.
pub(super) fn judge(
    datapoints: &[Option<bool>],
    evaluation_periods: usize,
    datapoints_to_alarm: usize,
    treatment: Treatment,
) -> Verdict {
    let real: Vec<bool> = datapoints
        .iter()
        .rev()
        .filter_map(|datapoint| *datapoint)
        .take(evaluation_periods)
        .collect();
    let breaching = real.iter().filter(|breaches| **breaches).count();
    let lacking = evaluation_periods - real.len();
    let alarm_if = |is_alarm: bool| {
        Some(if is_alarm {
            StateValue::Alarm
        } else {
            StateValue::Ok
        })
    };
    let state = match treatment {
        _ if breaching >= datapoints_to_alarm || lacking == 0 => {
            alarm_if(breaching >= datapoints_to_alarm)
        }
        Treatment::Breaching => alarm_if(breaching + lacking >= datapoints_to_alarm),
        Treatment::NotBreaching => alarm_if(false),
        Treatment::Missing | Treatment::Ignore if breaching < real.len() => alarm_if(false),
        Treatment::Ignore => None,
        // A breach that has been followed by nothing for long enough is believed.
        Treatment::Missing if oldest_breach(datapoints) >= Some(datapoints_to_alarm) => {
            alarm_if(true)
        }
        Treatment::Missing => Some(StateValue::InsufficientData),
    };
    let is_filling = matches!(treatment, Treatment::Breaching | Treatment::NotBreaching);
    Verdict {
        state,
        filled: if is_filling { lacking } else { 0 },
    }
}

/// How many periods back the oldest breaching datapoint lies; the newest period is 1.
fn oldest_breach(datapoints: &[Option<bool>]) -> Option<usize> {
    datapoints
        .iter()
        .position(|datapoint| *datapoint == Some(true))
        .map(|at| datapoints.len() - at)
}
