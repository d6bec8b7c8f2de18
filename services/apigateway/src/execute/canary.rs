//! Which requests go to a stage's canary: each takes its chance.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/canary-release.html>

use cumulet_kernel::Ids;

use super::super::state::Stage;

/// Makes the stage that of its canary for its share of the requests; `None` where it has no canary.
pub(super) fn choose(stage: &mut Stage, ids: &Ids) -> Option<bool> {
    let canary = stage.canary_settings.as_ref()?;
    let drawn = f64::from(u32::from_be_bytes(ids.bytes())) / f64::from(u32::MAX) * 100.0;
    // All of them at 100, none at 0, whatever is drawn.
    let is_canary = canary.percent_traffic >= 100.0 || drawn < canary.percent_traffic;
    if is_canary {
        stage.deployment_id.clone_from(&canary.deployment_id);
        let overrides = canary.stage_variable_overrides.clone();
        stage.variables.extend(overrides);
    }
    Some(is_canary)
}

#[cfg(test)]
mod tests {
    use super::super::super::state::CanarySettings;
    use super::*;

    #[test]
    fn a_canary_gets_its_share() {
        let ids = Ids::seeded([5; 32]);
        let share = |percent_traffic| {
            let canary_settings = Some(CanarySettings {
                percent_traffic,
                ..CanarySettings::default()
            });
            let stage = Stage {
                canary_settings,
                ..Stage::default()
            };
            let chosen = |_: &u32| choose(&mut stage.clone(), &ids) == Some(true);
            (0..10_000).filter(chosen).count()
        };
        assert_eq!((share(0.0), share(100.0)), (0, 10_000));
        assert!((2_300..2_700).contains(&share(25.0)));
        assert_eq!(choose(&mut Stage::default(), &ids), None);
    }
}
