//! What the flags mean, and that they win over files.

use super::layers::loaded;
use super::*;
use proxy_core::Config;
use std::io::Write;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

/// The arguments of the bare command or of `run`.
fn args(line: &str) -> RunArgs {
    let cli = parse(line).unwrap();
    match cli.command {
        None => cli.run,
        Some(Command::Run(args)) => args,
        Some(other) => panic!("{other:?}"),
    }
}

fn config(line: &str) -> Config {
    loaded(&args(line)).unwrap().config
}

fn binds(config: &Config) -> Vec<String> {
    config.listeners.iter().map(|listener| listener.bind.to_string()).collect()
}

fn servers(config: &Config) -> Vec<String> {
    config.endpoints().map(|(_, endpoint)| endpoint.addr.to_string()).collect()
}

#[test]
fn clap_finds_nothing_wrong_with_the_definition() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn the_bare_command_needs_nothing() {
    let config = config("weir");
    assert_eq!(
        (binds(&config), servers(&config)),
        (vec!["127.0.0.1:8080".into()], vec!["127.0.0.1:9001".into()])
    );
}

#[test]
fn host_and_port_are_where_to_listen() {
    let cases = [
        ("weir 0.0.0.0 8081", "0.0.0.0:8081"),
        ("weir run 0.0.0.0 8081", "0.0.0.0:8081"),
        ("weir 127.0.0.2", "127.0.0.2:8080"),
        ("weir ::1 8081", "[::1]:8081"),
        ("weir --listen :8081", "0.0.0.0:8081"),
        ("weir run --listen [::]:8081", "[::]:8081"),
    ];
    for (line, bind) in cases {
        assert_eq!(binds(&config(line)), [bind], "{line}");
    }
    assert!(parse("weir 0.0.0.0 8081 --listen :1").is_err(), "one of the two ways");
}

#[test]
fn to_may_be_said_more_than_once() {
    let config = config("weir 127.0.0.1 8080 --to 127.0.0.1:9001 --to :9002");
    assert_eq!(servers(&config), ["127.0.0.1:9001", "127.0.0.1:9002"]);
}

#[test]
fn flags_win_over_the_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "listen = \":1\"\nto = \":2\"\nworkers = 3\nlog = \"json\"\n[timeouts]\nread = \"3s\"\nwrite = \"4s\""
    )
    .unwrap();
    let path = file.path().display();
    let config = config(&format!("weir run -c {path} --listen :11 --to :12 --set timeouts.read=13s"));
    assert_eq!((binds(&config), servers(&config)), (vec!["0.0.0.0:11".into()], vec!["127.0.0.1:12".into()]));
    let timeouts = &config.timeouts;
    assert_eq!((timeouts.read.unwrap().as_secs(), timeouts.write.unwrap().as_secs()), (13, 4));
    let args = args(&format!("weir -c {path} --workers 5 --log off"));
    assert_eq!((args.process.workers, args.process.log), (Some(5), Some(LogFormat::Off)));
    let settings = loaded(&args).unwrap().settings;
    assert_eq!((settings.workers, settings.log), (Some(3), LogFormat::Json), "what the flags are laid over");
}

#[test]
fn mistakes_end_with_the_code_of_their_kind() {
    assert_eq!(loaded(&args("weir --to nowhere")).unwrap_err(), Exit::Usage);
    assert_eq!(loaded(&args("weir 127.0.0.1 http")).unwrap_err(), Exit::Usage);
    assert_eq!(loaded(&args("weir -c /does/not/exist.toml")).unwrap_err(), Exit::Config);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "nonsense = 1").unwrap();
    let line = format!("weir -c {} --to :1", file.path().display());
    assert_eq!(loaded(&args(&line)).unwrap_err(), Exit::Config);
    for line in ["weir --workers 0", "weir --log loud", "weir --no-such-flag", "weir check", "weir route a b"]
    {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
    assert_eq!([Exit::Ok, Exit::Failed, Exit::Usage, Exit::Config].map(Exit::code), [0, 1, 2, 78]);
}

#[test]
fn a_mistyped_command_is_not_taken_for_a_host() {
    assert_eq!(run::run(&args("weir chekc weir.toml")), Exit::Usage);
}
