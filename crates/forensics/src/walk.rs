//! Going through a tree, parents first, siblings in the order of their names.

use zoarium_tree::{Tree, Znode};

/// One step of the way.
#[derive(Debug)]
pub enum Step<'a> {
    /// A znode is reached.
    Enter {
        /// Its path.
        path: &'a str,
        /// The znode.
        znode: Znode<'a>,
        /// How far below the beginning it is.
        depth: usize,
    },
    /// All below the znode reached last, and not left yet, has been passed.
    Leave,
}

/// A znode on the way down, with the names that are still to be visited below it.
struct Level<'t> {
    path_length: usize,
    /// Last name first.
    waiting: Vec<&'t str>,
}

/// Visits the znode at `start` and all below it. The way is kept in memory, not on the stack, because
/// a path may have half a million names. Gives back `false` if there is no znode at `start`.
///
/// # Errors
/// As the visitor says.
pub fn walk<E>(
    tree: &Tree,
    start: &str,
    visit: &mut dyn FnMut(Step<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let Some(znode) = tree.find(start) else { return Ok(false) };
    // The root's path is empty while children are appended to it.
    let mut path = start.trim_end_matches('/').to_owned();
    visit(Step::Enter { path: shown(&path), znode, depth: 0 })?;
    let mut levels = vec![Level::of(&znode, &path)];
    while let Some(level) = levels.last_mut() {
        path.truncate(level.path_length);
        let Some(name) = level.waiting.pop() else {
            levels.pop();
            visit(Step::Leave)?;
            continue;
        };
        path.push('/');
        path.push_str(name);
        let Some(znode) = tree.find(&path) else { continue };
        visit(Step::Enter { path: &path, znode, depth: levels.len() })?;
        levels.push(Level::of(&znode, &path));
    }
    Ok(true)
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

impl<'t> Level<'t> {
    fn of(znode: &Znode<'t>, path: &str) -> Self {
        let mut waiting: Vec<_> = znode.children().collect();
        waiting.sort_unstable_by(|one, other| other.cmp(one));
        Self { path_length: path.len(), waiting }
    }
}

/// The nearest znode above `path` that is there, for messages; `None` if `path` is no path.
pub fn nearest_ancestor(tree: &Tree, path: &str) -> Option<String> {
    let mut rest = path.strip_prefix('/').map(|_| path)?;
    while let Some((parent, _)) = rest.rsplit_once('/') {
        if tree.find(shown(parent)).is_some() {
            return Some(shown(parent).to_owned());
        }
        rest = parent;
    }
    None
}
