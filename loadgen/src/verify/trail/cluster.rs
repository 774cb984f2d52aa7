//! What was seen and asked of the cluster.

use super::{CLUSTER_FILE, TrailError, decimal, lines, malformed, word};

/// The cluster's file, read.
#[derive(Debug, Default)]
pub(crate) struct Cluster<'a> {
    /// When which topology was first seen, and what it said to survive.
    pub(crate) topologies: Vec<(u64, u64, &'a str)>,
    pub(crate) steps: Vec<Step<'a>>,
}

/// One step of the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) asked: u64,
    pub(crate) plan: &'a str,
    /// When it was over, and how.
    pub(crate) ended: Option<(u64, &'a str)>,
}

impl<'a> Cluster<'a> {
    /// Reads the file.
    pub(crate) fn read(text: &'a str) -> Result<Self, TrailError> {
        let mut cluster = Self::default();
        for line in lines(text) {
            let line = line.map_err(|line| malformed(CLUSTER_FILE, line))?;
            let taken = cluster.take(line.at, line.what, line.rest);
            taken.ok_or_else(|| malformed(CLUSTER_FILE, line.rest))?;
        }
        Ok(cluster)
    }

    fn take(&mut self, at: u64, what: &str, mut rest: &'a str) -> Option<()> {
        match what {
            "t" => {
                let epoch = decimal(&mut rest)?;
                self.topologies.push((at, epoch, rest));
            }
            "w" => {
                word(&mut rest);
                self.steps.push(Step {
                    asked: at,
                    plan: rest,
                    ended: None,
                });
            }
            "y" => {
                let index = usize::try_from(decimal(&mut rest)?).ok()?;
                self.steps.get_mut(index)?.ended = Some((at, rest));
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether the placement has ever said before this moment that it survives something.
    pub(crate) fn survived_something(&self, before: u64) -> bool {
        let mut said = self.topologies.iter().filter(|(at, _, _)| *at <= before);
        said.any(|(_, _, survives)| matches!(*survives, "instance" | "host"))
    }
}
