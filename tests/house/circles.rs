//! Circles among the modules of a crate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::finding::Finding;
use crate::modules::ModulePath;
use crate::uses::Edge;

/// Finds the circles. Two modules are looked at where their ways part: what `a::x` uses of `b::y`, `a` uses of `b`.
/// A folder is one thing in several files: its `mod.rs` and its children may know each other, two children may not.
/// The root of a crate is no such folder: who uses the floors of the house is not known to them.
pub fn check(edges: &[Edge]) -> Vec<Finding> {
    let graph = Graph::of(edges);
    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for start in graph.uses.keys() {
        let Some(circle) = graph.shortest_circle(start) else {
            continue;
        };
        let members: BTreeSet<ModulePath> = circle.iter().cloned().collect();
        if told.insert(members) {
            findings.push(graph.tell(&circle));
        }
    }
    findings
}

/// What each module uses, with one place where it does.
struct Graph<'a> {
    uses: BTreeMap<ModulePath, BTreeMap<ModulePath, &'a Edge>>,
}

impl<'a> Graph<'a> {
    fn of(edges: &'a [Edge]) -> Self {
        let mut uses: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for edge in edges {
            if let Some((from, to)) = where_ways_part(&edge.from, &edge.to) {
                uses.entry(from).or_default().entry(to).or_insert(edge);
            }
        }
        Self { uses }
    }

    /// The modules of the shortest circle through `start`, beginning with it.
    fn shortest_circle(&self, start: &ModulePath) -> Option<Vec<ModulePath>> {
        let mut came_from: BTreeMap<&ModulePath, &ModulePath> = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(at) = next.pop_front() {
            for to in self.uses.get(at).into_iter().flat_map(BTreeMap::keys) {
                if to == start {
                    return Some(way_back(&came_from, start, at));
                }
                if !came_from.contains_key(to) {
                    came_from.insert(to, at);
                    next.push_back(to);
                }
            }
        }
        None
    }

    fn tell(&self, circle: &[ModulePath]) -> Finding {
        let edges: Vec<&Edge> = (0..circle.len())
            .map(|index| self.uses[&circle[index]][&circle[(index + 1) % circle.len()]])
            .collect();
        let steps: Vec<String> = edges
            .iter()
            .map(|edge| {
                let (from, to) = (shown(&edge.from), shown(&edge.to));
                format!("{from} uses {to} ({}:{})", edge.file, edge.line)
            })
            .collect();
        Finding {
            file: edges[0].file.clone(),
            line: edges[0].line,
            what: format!("modules import each other in a circle:\n    {}", steps.join("\n    ")),
            mend: "Move what both need into a module below both, or what only one needs into that one."
                .into(),
        }
    }
}

/// The modules from `start` to `end`, as the search came by.
fn way_back(
    came_from: &BTreeMap<&ModulePath, &ModulePath>,
    start: &ModulePath,
    end: &ModulePath,
) -> Vec<ModulePath> {
    let mut way = vec![end.clone()];
    let mut at = end;
    while at != start {
        at = came_from[at];
        way.push(at.clone());
    }
    way.reverse();
    way
}

/// The first modules on both ways that differ. `None` between a folder and what is inside of it; the root stands
/// among its children as `.`.
fn where_ways_part(from: &ModulePath, to: &ModulePath) -> Option<(ModulePath, ModulePath)> {
    let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let part = |path: &ModulePath| match (path.get(shared), shared) {
        (Some(_), _) => Some(path[..=shared].to_vec()),
        (None, 0) => Some(vec![".".to_owned()]),
        (None, _) => None,
    };
    Some((part(from)?, part(to)?))
}

fn shown(path: &ModulePath) -> String {
    let mut names = vec!["crate"];
    names.extend(path.iter().map(String::as_str));
    names.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges as `from>to`, one a word; the circles found, each as its number of steps.
    fn circles(edges: &str) -> Vec<usize> {
        let path =
            |text: &str| -> ModulePath { text.split_terminator("::").map(Into::into).collect() };
        let edges: Vec<Edge> = edges
            .split_whitespace()
            .map(|edge| {
                let (from, to) = edge.split_once('>').expect("from>to");
                Edge {
                    from: path(from),
                    to: path(to),
                    file: "a.rs".into(),
                    line: 1,
                }
            })
            .collect();
        let steps = |finding: &Finding| finding.what.matches(" uses ").count();
        check(&edges).iter().map(steps).collect()
    }

    #[test]
    fn circles_are_found_and_nothing_else() {
        assert_eq!(circles("a>b b>c a>c"), [0; 0]);
        assert_eq!(circles("a>b b>a"), [2]);
        assert_eq!(circles("a>b b>c c>a"), [3]);
        assert_eq!(circles("a>b b>a c>d d>c d>a"), [2, 2]);
    }

    #[test]
    fn folders_count_as_a_whole_from_outside() {
        assert_eq!(circles("a::x>b::y b::z>a::w"), [2]);
        assert_eq!(circles("a::x>a::y a::y>b"), [0; 0]);
        assert_eq!(circles("a::x>a::y a::y>a::x"), [2]);
    }

    #[test]
    fn a_folder_and_its_children_are_one_thing() {
        assert_eq!(circles("a::x>a a>a::x"), [0; 0]);
        assert_eq!(circles("a::x>a a>a::y a::y>a::x"), [0; 0]);
        assert_eq!(circles("a::x>b b>a"), [2]);
    }

    #[test]
    fn the_root_is_not_known_to_what_it_uses() {
        assert_eq!(circles(">a a>"), [2]);
        assert_eq!(circles(">a a>b"), [0; 0]);
    }
}
