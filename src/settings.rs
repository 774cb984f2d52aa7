//! Values of flags from the configuration file and the environment.
//!
//! There is one list of flags: the command line's. The file has a section for each command and one, `common`, for all
//! that have the flag; a variable is `GOMERA__SECTION__KEY`. What they say becomes the flag's default, and is read by
//! the same parser. The command line goes before the environment, that before the file; a command's own section goes
//! before `common`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Command};

/// The section whose keys hold for every command that has the flag.
const COMMON: &str = "common";
/// What the variables begin with.
const PREFIX: &str = "GOMERA__";
/// Flags that cannot be set by what they themselves name, or make no sense to set.
const NOT_SETTABLE: [&str; 3] = ["config", "help", "version"];

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}: {source}", path.display())]
    NotToml {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// No command has this name.
    #[error(
        "{origin}: there is no command `{section}`; sections are named after commands, or `common`"
    )]
    UnknownSection {
        /// The file or the variable.
        origin: String,
        /// The name.
        section: String,
    },
    /// The command has no such flag.
    #[error("{origin}: `{section}` has no setting `{key}`; it has: {known}")]
    UnknownKey {
        /// The file or the variable.
        origin: String,
        /// The section.
        section: String,
        /// The key.
        key: String,
        /// What it has.
        known: String,
    },
    /// A table or another value that no flag can have.
    #[error("{origin}: `{section}.{key}` must be text, a number, true or false, or a list of such")]
    NotAValue {
        /// The file or the variable.
        origin: String,
        /// The section.
        section: String,
        /// The key.
        key: String,
    },
    /// A variable whose name or value is not UTF-8, or whose name has not the form.
    #[error("the variable {name} is not of the form GOMERA__SECTION__KEY, in UTF-8")]
    BadVariable {
        /// Its name.
        name: String,
    },
}

/// One value and where it comes from.
#[derive(Clone, Debug)]
struct Setting {
    values: Vec<String>,
    origin: String,
}

/// By section, then key; a later one replaces an earlier one.
type Settings = BTreeMap<String, BTreeMap<String, Setting>>;

/// The command line with the defaults that the file named by `--config` and the environment give.
///
/// # Errors
///
/// A file that cannot be read, a section or a key that nothing has.
pub fn with_defaults(
    command: Command,
    arguments: &[OsString],
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Command, SettingsError> {
    let mut settings = Settings::new();
    if let Some(path) = config_path(arguments) {
        read_file(path, &mut settings)?;
    }
    read_variables(variables, &mut settings)?;
    refuse_unknown(&command, &settings)?;
    let names: Vec<String> = commands(&command)
        .map(|c| c.get_name().to_owned())
        .collect();
    Ok(names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(&name, |subcommand| apply(subcommand, &name, &settings))
    }))
}

/// The value of `--config`, found before the rest can be parsed.
fn config_path(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|a| a.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    None
}

fn read_file(path: PathBuf, settings: &mut Settings) -> Result<(), SettingsError> {
    let origin = path.display().to_string();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(SettingsError::Unreadable { path, source }),
    };
    let sections: BTreeMap<String, BTreeMap<String, toml::Value>> = match toml::from_str(&text) {
        Ok(sections) => sections,
        Err(source) => return Err(SettingsError::NotToml { path, source }),
    };
    for (section, keys) in sections {
        for (key, value) in keys {
            let Some(values) = texts(&value) else {
                return Err(SettingsError::NotAValue {
                    origin,
                    section,
                    key,
                });
            };
            let origin = origin.clone();
            let setting = Setting { values, origin };
            settings
                .entry(section.clone())
                .or_default()
                .insert(key, setting);
        }
    }
    Ok(())
}

/// What the parser of the command line would be given.
fn texts(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::String(text) => Some(vec![text.clone()]),
        toml::Value::Integer(number) => Some(vec![number.to_string()]),
        toml::Value::Float(number) => Some(vec![number.to_string()]),
        toml::Value::Boolean(truth) => Some(vec![truth.to_string()]),
        toml::Value::Array(values) => {
            let lists: Option<Vec<_>> = values.iter().map(texts).collect();
            Some(lists?.into_iter().flatten().collect())
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn read_variables(
    variables: impl Iterator<Item = (OsString, OsString)>,
    settings: &mut Settings,
) -> Result<(), SettingsError> {
    for (name, value) in variables {
        let shown = name.to_string_lossy().into_owned();
        if !shown.starts_with(PREFIX) {
            continue;
        }
        let parts = shown[PREFIX.len()..].to_lowercase();
        let (Some((section, key)), Some(value)) = (parts.split_once("__"), value.to_str()) else {
            return Err(SettingsError::BadVariable { name: shown });
        };
        let values = vec![value.to_owned()];
        let setting = Setting {
            values,
            origin: shown.clone(),
        };
        settings
            .entry(section.to_owned())
            .or_default()
            .insert(key.to_owned(), setting);
    }
    Ok(())
}

fn refuse_unknown(command: &Command, settings: &Settings) -> Result<(), SettingsError> {
    for (section, keys) in settings {
        let named = |c: &&Command| section == COMMON || c.get_name() == section;
        let known: Vec<String> = commands(command).filter(named).flat_map(flags).collect();
        for (key, setting) in keys {
            let (origin, section) = (setting.origin.clone(), section.clone());
            if known.is_empty() {
                return Err(SettingsError::UnknownSection { origin, section });
            }
            if !known.contains(key) {
                let mut known = known;
                known.sort();
                known.dedup();
                let (key, known) = (key.clone(), known.join(", "));
                return Err(SettingsError::UnknownKey {
                    origin,
                    section,
                    key,
                    known,
                });
            }
        }
    }
    Ok(())
}

/// Gives the flags of a command, and of those below it, their defaults.
fn apply(mut command: Command, name: &str, settings: &Settings) -> Command {
    let below: Vec<String> = commands(&command)
        .map(|c| c.get_name().to_owned())
        .collect();
    for inner in below {
        command = command.mut_subcommand(inner, |inner| apply(inner, name, settings));
    }
    for key in own_flags(&command) {
        let of = |section: &str| settings.get(section).and_then(|keys| keys.get(&key));
        let Some(setting) = of(name).or_else(|| of(COMMON)) else {
            continue;
        };
        let values = setting.values.clone();
        command = command.mut_arg(&key, |arg| arg.required(false).default_values(values));
    }
    command
}

fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands()
}

/// The flags of a command and of those below it, by the name that they have in a file.
fn flags(command: &Command) -> Vec<String> {
    let below = commands(command).flat_map(flags);
    own_flags(command).into_iter().chain(below).collect()
}

fn own_flags(command: &Command) -> Vec<String> {
    let settable = command.get_arguments().filter(|arg| {
        let action = arg.get_action();
        let tells = matches!(
            action,
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        arg.get_long().is_some() && !tells && !NOT_SETTABLE.contains(&arg.get_id().as_str())
    });
    settable.map(|arg| arg.get_id().to_string()).collect()
}
