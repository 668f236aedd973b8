//! Reads the captured answers.

/// Every section of a golden file: title and exact answer.
pub(crate) struct Golden(Vec<(&'static str, &'static str)>);

impl Golden {
    /// Panics on a file that is not as its header says.
    pub(crate) fn parse(file: &'static str) -> Self {
        let mut rest = file.split_once("\n=== ").expect("a section").1;
        let mut sections = Vec::new();
        loop {
            let (title, text) = rest.split_once(" bytes)\n").expect("a title");
            let (title, length) = title.rsplit_once(" (").expect("a length");
            let (answer, after) = text.split_at(length.parse().expect("a number"));
            sections.push((title, answer));
            match after.strip_prefix("\n=== ") {
                Some(next) => rest = next,
                None => break,
            }
        }
        Self(sections)
    }

    /// The answer to a four letter word, or to `GET /commands/<name>`.
    pub(crate) fn answer(&self, title: &str) -> &'static str {
        let found = self.0.iter().find(|(name, _)| *name == title);
        found.unwrap_or_else(|| panic!("no section {title}")).1
    }

    pub(crate) fn titles(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(title, _)| *title)
    }
}

macro_rules! golden {
    ($($name:ident)*) => {
        $(pub(crate) fn $name() -> Golden {
            Golden::parse(include_str!(concat!("../golden/", stringify!($name), ".txt")))
        })*
    };
}

golden!(standalone leader observed_leader follower local_sessions observer read_only not_serving);
