//! The command line.

use gomera_model::Layer;
use gomera_sim::{Mortal, Mutant, Options};

/// What the command can do.
pub(crate) const USAGE: &str = "\
gomera-sim: whole clusters in one thread, from one seed

  --seed N [--trace]        one run; --trace tells a notification's way and an operation, line by line
  --seeds N [--from N]      N runs, from seed 1 unless told otherwise
  --all                     with --seeds: goes on behind a broken promise, and counts (where panics unwind)
  --mutant NAME             with either: one rule of the protocol is taken away
  --layer LAYER             with either: only this layer is scaled (connection-points, access-points, matchers,
                            exit-points), whatever the seed draws
  --hosts N                 with either: so many hosts, whatever the seed draws; with two, exit points have backups
  --matcher-replicas N      with either: another matcher stands by for each slot, where N is 1
  --deaths N                with either: so many instances die, one after the other
  --mortal LAYER|hosts      with either: only instances of this layer die, or whole hosts do
  --calm                    with either: nothing goes wrong with hosts and store, whatever the seed draws
  --threads N               with --seeds: on so many threads instead of one a core; the result is the same
  --mutants                 proves that every mutant is caught

Exit codes: 0 all is well, 2 wrong usage, 3 a promise is broken, or a mutant was not caught.";

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Say what can be done.
    Help,
    /// Run seeds.
    Seeds {
        /// The first.
        from: u64,
        /// How many.
        count: u64,
        /// What is different from what the seed draws.
        how: How,
    },
    /// Run all of these seeds and count those that break a promise.
    Count {
        /// The first.
        from: u64,
        /// How many.
        count: u64,
        /// What is different from what the seed draws.
        how: How,
    },
    /// Run one and tell it.
    Tell {
        /// Which.
        seed: u64,
        /// What is different from what the seed draws.
        how: How,
    },
    /// Prove that mutants are caught.
    Mutants,
}

/// What is different from what the seed draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct How {
    /// A rule taken away.
    pub(crate) mutant: Option<Mutant>,
    /// The only layer that is scaled.
    pub(crate) layer: Option<Layer>,
    /// How many hosts there are.
    pub(crate) hosts: Option<u64>,
    /// How many further matchers hold each slot.
    pub(crate) matcher_replicas: u64,
    /// How many instances die.
    pub(crate) deaths: Option<u64>,
    /// Who may die, if not everybody may.
    pub(crate) mortal: Option<Mortal>,
    /// Whether nothing goes wrong with hosts and store.
    pub(crate) is_calm: bool,
    /// On how many threads.
    pub(crate) threads: Option<u64>,
}

impl How {
    /// For a run.
    pub(crate) fn options(self) -> Options {
        let options = self.mutant.map(Mutant::options).unwrap_or_default();
        Options {
            focus: self.layer.or(options.focus),
            hosts: self.hosts.or(options.hosts),
            matcher_replicas: options
                .matcher_replicas
                .max(u32::try_from(self.matcher_replicas).unwrap_or(u32::MAX)),
            deaths: self
                .deaths
                .map(|deaths| u32::try_from(deaths).unwrap_or(u32::MAX))
                .or(options.deaths),
            mortal: self.mortal.or(options.mortal),
            is_calm: self.is_calm || options.is_calm,
            ..options
        }
    }

    /// The arguments that say the same.
    pub(crate) fn arguments(self) -> String {
        let mutant = self
            .mutant
            .map(|mutant| format!(" --mutant {}", mutant.name));
        let named = |option: &str, layer: Layer| {
            let named = LAYERS.iter().find(|(_, named)| *named == layer);
            format!(" {option} {}", named.map_or("", |(name, _)| name))
        };
        let layer = self.layer.map(|layer| named("--layer", layer));
        let mortal = self.mortal.map(|mortal| match mortal {
            Mortal::Layer(layer) => named("--mortal", layer),
            Mortal::Hosts => " --mortal hosts".to_owned(),
        });
        let hosts = self.hosts.map(|hosts| format!(" --hosts {hosts}"));
        let replicas = Some(self.matcher_replicas).filter(|replicas| *replicas > 0);
        let replicas = replicas.map(|replicas| format!(" --matcher-replicas {replicas}"));
        let deaths = self.deaths.map(|deaths| format!(" --deaths {deaths}"));
        let calm = self.is_calm.then(|| " --calm".to_owned());
        let parts = [mutant, layer, hosts, replicas, deaths, mortal, calm]
            .into_iter()
            .flatten();
        parts.collect()
    }
}

const LAYERS: [(&str, Layer); 4] = [
    ("connection-points", Layer::ConnectionPoints),
    ("access-points", Layer::AccessPoints),
    ("matchers", Layer::Matchers),
    ("exit-points", Layer::ExitPoints),
];

/// Reads the arguments.
pub(crate) fn parse(arguments: &[String]) -> Result<Task, String> {
    let mut words = arguments.iter().map(String::as_str);
    let (mut seed, mut count, mut from) = (None, None, 1);
    let (mut is_told, mut is_mutants, mut is_all) = (false, false, false);
    let mut how = How::default();
    while let Some(word) = words.next() {
        match word {
            "--seed" => seed = Some(number(word, words.next())?),
            "--seeds" => count = Some(number(word, words.next())?),
            "--from" => from = number(word, words.next())?,
            "--mutant" => how.mutant = Some(named(words.next())?),
            "--deaths" => how.deaths = Some(number(word, words.next())?),
            "--mortal" => how.mortal = Some(mortal(words.next())?),
            "--hosts" => how.hosts = Some(number(word, words.next())?),
            "--matcher-replicas" => how.matcher_replicas = number(word, words.next())?,
            "--layer" => how.layer = Some(layer(words.next())?),
            "--calm" => how.is_calm = true,
            "--threads" => how.threads = Some(number(word, words.next())?),
            "--trace" => is_told = true,
            "--all" => is_all = true,
            "--mutants" => is_mutants = true,
            "--help" | "-h" => return Ok(Task::Help),
            word => return Err(format!("there is no option {word}")),
        }
    }
    match (seed, count) {
        (None, None) if is_mutants => Ok(Task::Mutants),
        (Some(seed), None) if is_told => Ok(Task::Tell { seed, how }),
        (Some(from), None) => Ok(Task::Seeds {
            from,
            count: 1,
            how,
        }),
        (None, Some(count)) if is_all => Ok(Task::Count { from, count, how }),
        (None, Some(count)) => Ok(Task::Seeds { from, count, how }),
        (Some(_), Some(_)) => Err("--seed and --seeds exclude each other".to_owned()),
        (None, None) => Err("one of --seed, --seeds, --mutants is needed".to_owned()),
    }
}

fn number(option: &str, value: Option<&str>) -> Result<u64, String> {
    let value = value.ok_or(format!("{option} needs a number"))?;
    value
        .parse()
        .map_err(|_| format!("{option} needs a number, not {value}"))
}

fn layer(name: Option<&str>) -> Result<Layer, String> {
    let name = name.ok_or("--layer needs a name")?;
    let named = LAYERS.iter().find(|(known, _)| *known == name);
    named.map(|(_, layer)| *layer).ok_or_else(|| {
        let names: Vec<_> = LAYERS.iter().map(|(name, _)| *name).collect();
        format!("there is no layer {name}; there are {}", names.join(", "))
    })
}

fn mortal(name: Option<&str>) -> Result<Mortal, String> {
    match name {
        Some("hosts") => Ok(Mortal::Hosts),
        name => layer(name).map(Mortal::Layer),
    }
}

fn named(name: Option<&str>) -> Result<Mutant, String> {
    let name = name.ok_or("--mutant needs a name")?;
    Mutant::named(name).ok_or_else(|| {
        let names: Vec<_> = gomera_sim::MUTANTS.iter().map(|m| m.name).collect();
        format!("there is no mutant {name}; there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<Task, &str>) {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match (parse(&arguments), expected) {
            (Err(fault), Err(part)) => assert!(fault.contains(part), "{fault}"),
            (parsed, expected) => assert_eq!(parsed, expected.map_err(str::to_owned)),
        }
    }

    #[test]
    fn the_command_line_is_read() {
        let (from, count, how) = (7, 1, How::default());
        check("--seed 7", Ok(Task::Seeds { from, count, how }));
        check("--seed 7 --trace", Ok(Task::Tell { seed: 7, how }));
        let (from, count) = (3, 100);
        check("--seeds 100 --from 3", Ok(Task::Seeds { from, count, how }));
        let how = How {
            layer: Some(Layer::ExitPoints),
            ..how
        };
        check(
            "--seed 3 --trace --layer exit-points",
            Ok(Task::Tell { seed: 3, how }),
        );
        assert_eq!(how.arguments(), " --layer exit-points");
        check("--seed 1 --layer matcher", Err("there is no layer matcher"));
        check("--mutants", Ok(Task::Mutants));
        check("--seed", Err("needs a number"));
        check("--seed x", Err("not x"));
        check("--seed 1 --mutant nobody", Err("there is no mutant nobody"));
        check("", Err("is needed"));
        check("--seed 1 --seeds 2", Err("exclude"));
    }
}
