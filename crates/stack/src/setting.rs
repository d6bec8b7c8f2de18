//! What a person may choose at synthesis: `--suffix prod`.

use std::collections::BTreeMap;

/// A setting of an application. What is chosen is checked before the stack is built.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
    pub kind: SettingKind,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// The end of names: 1 to 20 lower-case letters, digits and hyphens, as the name of a bucket needs them.
    Suffix,
    /// `on` or `off`
    Switch,
    /// A whole number from 0 to this.
    Number(u32),
    Text,
}

/// The settings as chosen.
#[derive(Clone, Debug)]
pub struct Settings {
    values: BTreeMap<&'static str, String>,
}

impl Setting {
    /// What `cumulet up --suffix` sets, for every application: it ends the names of its resources.
    #[must_use]
    pub const fn suffix(meaning: &'static str) -> Self {
        Self {
            name: "suffix",
            default: "dev",
            meaning,
            kind: SettingKind::Suffix,
        }
    }

    /// Something that is off until it is switched on.
    #[must_use]
    pub const fn switch(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            default: "off",
            meaning,
            kind: SettingKind::Switch,
        }
    }
}

impl SettingKind {
    fn check(self, value: &str) -> Result<(), String> {
        let (fits, rule) = match self {
            Self::Suffix => (
                is_suffix(value),
                "1 to 20 lower-case letters, digits and hyphens".to_owned(),
            ),
            Self::Switch => (matches!(value, "on" | "off"), "on or off".to_owned()),
            Self::Number(most) => (
                value.parse::<u32>().is_ok_and(|number| number <= most),
                format!("a number from 0 to {most}"),
            ),
            Self::Text => (true, String::new()),
        };
        if fits { Ok(()) } else { Err(rule) }
    }
}

fn is_suffix(suffix: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=20).contains(&suffix.len()) && suffix.bytes().all(allowed) && !suffix.ends_with('-')
}

impl Settings {
    pub(crate) fn defaults(declared: &[Setting]) -> Self {
        let values = declared.iter();
        let values = values.map(|setting| (setting.name, setting.default.to_owned()));
        Self {
            values: values.collect(),
        }
    }

    pub(crate) fn choose(
        &mut self,
        declared: &[Setting],
        name: &str,
        value: &str,
    ) -> Result<(), String> {
        let setting = declared.iter().find(|setting| setting.name == name);
        let setting = setting.ok_or_else(|| format!("unknown setting {name:?}"))?;
        let checked = setting.kind.check(value);
        checked.map_err(|rule| format!("--{name} is {rule}, not {value:?}"))?;
        self.values.insert(setting.name, value.to_owned());
        Ok(())
    }

    /// The value of a setting; empty when the application declares no such setting.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// The setting that `Setting::suffix` declares.
    #[must_use]
    pub fn suffix(&self) -> &str {
        self.get("suffix")
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == "on"
    }

    /// The value of a number; 0 when the application declares no such setting.
    #[must_use]
    pub fn number(&self, name: &str) -> u32 {
        self.get(name).parse().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Setting, SettingKind, Settings};

    const CONCURRENCY: Setting = Setting {
        name: "concurrency",
        default: "5",
        meaning: "",
        kind: SettingKind::Number(900),
    };

    fn chosen(name: &str, value: &str) -> Result<Settings, String> {
        let declared = [
            Setting::suffix(""),
            Setting::switch("api-key", ""),
            CONCURRENCY,
        ];
        let mut settings = Settings::defaults(&declared);
        settings.choose(&declared, name, value)?;
        Ok(settings)
    }

    #[test]
    fn what_fits_is_taken() {
        assert_eq!(chosen("suffix", "pr-12").expect("fits").suffix(), "pr-12");
        assert!(chosen("api-key", "on").expect("fits").is_on("api-key"));
        let settings = chosen("concurrency", "0").expect("fits");
        assert_eq!(settings.number("concurrency"), 0);
        assert_eq!(settings.suffix(), "dev");
        assert!(!settings.is_on("api-key"));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_rule() {
        let twenty_one = "x".repeat(21);
        for suffix in ["", "Prod", "a_b", "dev-", "ü", &twenty_one] {
            let refused = chosen("suffix", suffix).expect_err("refused");
            assert!(refused.starts_with("--suffix is 1 to 20"), "{refused}");
        }
        for (name, value) in [
            ("api-key", "yes"),
            ("concurrency", "901"),
            ("concurrency", "-1"),
        ] {
            assert!(chosen(name, value).is_err(), "{name} {value}");
        }
        assert_eq!(
            chosen("sufix", "x").expect_err("refused"),
            "unknown setting \"sufix\""
        );
    }
}
