//! Flags from the configuration file and the environment.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::ffi::OsString;
use std::fs;

use clap::{Arg, ArgAction, Command, value_parser};
use gomera::settings::with_defaults;

mod raw;

use raw::Directory;

/// Two commands with flags of every kind.
fn command() -> Command {
    let shared = || Arg::new("data_dir").long("data-dir").default_value("here");
    let config = || Arg::new("config").long("config");
    let serve = Command::new("serve")
        .arg(config())
        .arg(shared())
        .arg(
            Arg::new("matchers")
                .long("matchers")
                .value_parser(value_parser!(u32))
                .default_value("1"),
        )
        .arg(
            Arg::new("roles")
                .long("roles")
                .value_delimiter(',')
                .action(ArgAction::Append),
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue));
    let scale = Command::new("scale")
        .arg(config())
        .arg(shared())
        .arg(Arg::new("reason").long("reason").required(true));
    Command::new("gomera").subcommand(serve).subcommand(scale)
}

/// What `serve` makes of a file, variables and arguments; or the error's text.
fn read(file: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Result<String, String> {
    let directory = Directory::new();
    fs::create_dir_all(directory.path()).unwrap();
    let path = directory.path().join("gomera.toml");
    fs::write(&path, file).unwrap();
    let first = ["gomera", "serve", "--config", path.to_str().unwrap()];
    let line = first.iter().chain(arguments);
    let line: Vec<OsString> = line.map(OsString::from).collect();
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let command = with_defaults(command(), &line, variables).map_err(|error| error.to_string())?;
    let matches = command
        .try_get_matches_from(line)
        .map_err(|error| error.to_string())?;
    let (_, serve) = matches.subcommand().unwrap();
    let roles: Vec<&String> = serve.get_many("roles").into_iter().flatten().collect();
    Ok(format!(
        "{} {} {roles:?} {}",
        serve.get_one::<String>("data_dir").unwrap(),
        serve.get_one::<u32>("matchers").unwrap(),
        serve.get_flag("json"),
    ))
}

#[track_caller]
fn check(file: &str, variables: &[(&str, &str)], arguments: &[&str], expected: &str) {
    assert_eq!(read(file, variables, arguments).unwrap(), expected);
}

#[track_caller]
fn check_error(file: &str, variables: &[(&str, &str)], expected: &[&str]) {
    let error = read(file, variables, &[]).unwrap_err();
    for part in expected {
        assert!(error.contains(part), "{part} in: {error}");
    }
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let file =
        "[serve]\nmatchers = 2\nroles = ['a', 'b']\njson = true\n[common]\ndata_dir = 'there'";
    let variable = ("GOMERA__SERVE__MATCHERS", "3");
    check("", &[], &[], "here 1 [] false");
    check(file, &[], &[], "there 2 [\"a\", \"b\"] true");
    check(file, &[variable], &[], "there 3 [\"a\", \"b\"] true");
    check(
        file,
        &[variable],
        &["--matchers", "4", "--roles", "c"],
        "there 4 [\"c\"] true",
    );
}

#[test]
fn a_commands_own_section_goes_before_the_common_one() {
    let file = "[serve]\ndata_dir = 'own'\n[common]\ndata_dir = 'there'\n[scale]\nreason = 'mine'";
    check(file, &[], &[], "own 1 [] false");
    check(
        file,
        &[("GOMERA__COMMON__DATA_DIR", "other")],
        &[],
        "own 1 [] false",
    );
}

#[test]
fn what_nothing_has_is_refused_by_name() {
    check_error(
        "[serve]\nmatcher = 2",
        &[],
        &[
            "gomera.toml",
            "`matcher`",
            "data_dir, json, matchers, roles",
        ],
    );
    check_error("[server]\nmatchers = 2", &[], &["gomera.toml", "`server`"]);
    check_error("[serve]\nconfig = 'x'", &[], &["`config`"]);
    check_error(
        "",
        &[("GOMERA__SERVE__MATCHER", "2")],
        &["GOMERA__SERVE__MATCHER", "`matcher`"],
    );
    check_error(
        "",
        &[("GOMERA__MATCHERS", "2")],
        &["GOMERA__MATCHERS", "GOMERA__SECTION__KEY"],
    );
}

#[test]
fn what_is_no_value_is_refused() {
    check_error("[serve]\nmatchers = {a = 1}", &[], &["serve.matchers"]);
    check_error(
        "[serve]\nmatchers = 'many'",
        &[],
        &["invalid value 'many'", "--matchers"],
    );
    check_error("[serve", &[], &["gomera.toml"]);
    check_error("matchers = 2", &[], &["gomera.toml"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let line: Vec<OsString> = ["gomera", "serve", "--config=/none/x.toml"]
        .map(OsString::from)
        .into();
    let error = with_defaults(command(), &line, std::iter::empty()).unwrap_err();
    assert!(error.to_string().contains("/none/x.toml"), "{error}");
}
