//! Apache's system properties, gathered from every place that operators set them.
//!
//! Apache reads about two hundred settings from Java system properties. A process has them from
//! the `-D` options of its command line, to which `zkServer.sh` adds the variables
//! `SERVER_JVMFLAGS` and `JVMFLAGS`; then `QuorumPeerConfig` sets `zookeeper.KEY` for every key
//! of `zoo.cfg` that it does not know. So the file wins over `-D`, and of equal options the last.

use super::error::{Origin, Setting};
use super::warning::ConfigWarning;
use std::collections::BTreeMap;

/// Environment variables with JVM options. `zkServer.sh` puts them in this order.
const JVM_FLAGS: [&str; 2] = ["SERVER_JVMFLAGS", "JVMFLAGS"];

/// `zkServer.sh` turns it, when not empty, into `-Dzookeeper.datadir.autocreate=false`.
const AUTOCREATE_DISABLE: &str = "ZOO_DATADIR_AUTOCREATE_DISABLE";

/// Names and values, each with its origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemProperties {
    settings: BTreeMap<String, Setting>,
}

impl SystemProperties {
    /// Adds the properties of the environment and, over them, of the command line.
    ///
    /// `defines` are the command line's `-D` options without the `-D`.
    pub(crate) fn gather(
        &mut self,
        variable: &dyn Fn(&str) -> Option<String>,
        defines: &[String],
        warnings: &mut Vec<ConfigWarning>,
    ) {
        if variable(AUTOCREATE_DISABLE).is_some_and(|value| !value.is_empty()) {
            let origin = Origin::Environment { variable: AUTOCREATE_DISABLE };
            self.define("zookeeper.datadir.autocreate=false", origin, warnings);
        }
        for name in JVM_FLAGS {
            let flags = variable(name).unwrap_or_default();
            // The shell splits at spaces and does not look for quotes in a variable's value.
            for flag in flags.split_ascii_whitespace() {
                match flag.strip_prefix("-D") {
                    Some(define) => {
                        let origin = Origin::Environment { variable: name };
                        self.define(define, origin, warnings);
                    }
                    None => warnings
                        .push(ConfigWarning::JvmFlag { variable: name, flag: flag.to_owned() }),
                }
            }
        }
        for define in defines {
            self.define(define, Origin::CommandLine, warnings);
        }
    }

    /// Sets a property over any value it has. The loser is reported.
    pub(crate) fn set(
        &mut self,
        property: &str,
        setting: Setting,
        warnings: &mut Vec<ConfigWarning>,
    ) {
        let by = setting.origin.clone();
        let loser = self.settings.insert(property.to_owned(), setting);
        if let Some(loser) = loser.filter(|loser| loser.origin != Origin::BuiltIn) {
            warnings.push(ConfigWarning::Overridden { setting: loser, by });
        }
    }

    /// What is set under this name.
    pub fn find(&self, property: &str) -> Option<&Setting> {
        self.settings.get(property)
    }

    /// All names with their values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings.iter().map(|(name, setting)| (name.as_str(), setting))
    }

    /// `name=value`, or `name` alone, which Java gives the empty value.
    fn define(&mut self, define: &str, origin: Origin, warnings: &mut Vec<ConfigWarning>) {
        let (name, value) = define.split_once('=').unwrap_or((define, ""));
        let setting = Setting { name: format!("-D{name}"), value: value.trim().to_owned(), origin };
        self.set(name, setting, warnings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(variables: &[(&str, &str)], defines: &[&str], expected: Expect) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let defines: Vec<_> = defines.iter().map(|define| (*define).to_owned()).collect();
        let mut warnings = Vec::new();
        let mut properties = SystemProperties::default();
        properties.gather(&variable, &defines, &mut warnings);
        let mut shown: String =
            properties.iter().map(|(name, setting)| format!("{name}: {setting}\n")).collect();
        shown.extend(warnings.iter().map(|w| format!("{:?}: {w}\n", w.loudness())));
        expected.assert_eq(&shown);
    }

    #[test]
    fn the_command_line_wins_over_jvmflags_and_those_over_server_jvmflags() {
        check(
            &[
                ("SERVER_JVMFLAGS", "-Dzookeeper.a=1 -Dzookeeper.b=1 -Dzookeeper.c=1"),
                ("JVMFLAGS", "-Dzookeeper.b=2 -Dzookeeper.c=2"),
            ],
            &["zookeeper.c=3"],
            expect![[r"
                zookeeper.a: SERVER_JVMFLAGS: -Dzookeeper.a=1
                zookeeper.b: JVMFLAGS: -Dzookeeper.b=2
                zookeeper.c: command line: -Dzookeeper.c=3
                Info: SERVER_JVMFLAGS: -Dzookeeper.b=1: overridden by JVMFLAGS
                Info: SERVER_JVMFLAGS: -Dzookeeper.c=1: overridden by JVMFLAGS
                Info: JVMFLAGS: -Dzookeeper.c=2: overridden by command line
            "]],
        );
    }

    #[test]
    fn flags_for_the_jvm_are_passed_over_quietly() {
        check(
            &[("SERVER_JVMFLAGS", " -Xmx1g  -XX:+UseG1GC -Djute.maxbuffer=0x9fffff\t-Da=b=c -Dd ")],
            &[],
            expect![[r"
                a: SERVER_JVMFLAGS: -Da=b=c
                d: SERVER_JVMFLAGS: -Dd=
                jute.maxbuffer: SERVER_JVMFLAGS: -Djute.maxbuffer=0x9fffff
                Debug: SERVER_JVMFLAGS: -Xmx1g: meant for a JVM, ignored
                Debug: SERVER_JVMFLAGS: -XX:+UseG1GC: meant for a JVM, ignored
            "]],
        );
    }

    #[test]
    fn the_scripts_variable_against_autocreation_counts_unless_empty() {
        check(
            &[("ZOO_DATADIR_AUTOCREATE_DISABLE", "1")],
            &[],
            expect![[r"
                zookeeper.datadir.autocreate: ZOO_DATADIR_AUTOCREATE_DISABLE: -Dzookeeper.datadir.autocreate=false
            "]],
        );
        check(&[("ZOO_DATADIR_AUTOCREATE_DISABLE", "")], &[], expect![""]);
    }
}
