//! Rows of configurations, good and bad, with what comes out. `World` is all that a configuration
//! is made from.

mod bad;
mod ensembles;
mod good;

use super::*;
use expect_test::Expect;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The outside world: arguments, environment and files.
#[derive(Default, Clone)]
struct World {
    arguments: Vec<String>,
    defines: Vec<String>,
    variables: BTreeMap<String, String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl World {
    /// A server started with this `zoo.cfg`.
    fn zoo_cfg(text: impl AsRef<[u8]>) -> Self {
        Self { arguments: vec!["zoo.cfg".to_owned()], ..Self::default() }.file("zoo.cfg", text)
    }

    /// The least that Apache's sample has, and further lines.
    fn sample(further: &str) -> Self {
        Self::zoo_cfg(format!("tickTime=2000\ndataDir=/data\nclientPort=2181\n{further}"))
    }

    fn arguments(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { arguments, ..Self::default() }
    }

    fn file(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.to_owned(), text.as_ref().to_owned());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn define(mut self, define: &str) -> Self {
        self.defines.push(define.to_owned());
        self
    }

    fn load(&self) -> Result<Loaded, ConfigErrors> {
        let variable = |name: &str| self.variables.get(name).cloned();
        let read = |path: &Path| {
            let file = self.files.get(path.to_str().unwrap());
            file.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        load(&Sources {
            arguments: &self.arguments,
            defines: &self.defines,
            variable: &variable,
            read: &read,
        })
    }

    /// The configuration of a world where nothing is wrong.
    fn config(&self) -> ServerConfig {
        match self.load() {
            Ok(loaded) => loaded.config,
            Err(errors) => panic!("{errors}"),
        }
    }
}

/// Compares the errors and warnings of a world.
fn check_messages(world: &World, expected: Expect) {
    let (errors, warnings) = match world.load() {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(ConfigErrors { errors, warnings }) => (errors, warnings),
    };
    let mut shown = String::new();
    for error in errors {
        writeln!(shown, "error: {error}").unwrap();
    }
    for warning in warnings {
        writeln!(shown, "{:?}: {warning}", warning.loudness()).unwrap();
    }
    expected.assert_eq(&shown);
}
