use super::{ServeError, ServeOptions, serve};
use crate::Recorder;
use proxy_core::{Config, Outcome};
use std::net::{SocketAddr, TcpListener};

#[test]
fn an_address_in_use_is_named_with_the_reason() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let error =
        serve(config(addr), ServeOptions { workers: 2, ..ServeOptions::default() }, |_| Nowhere).unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }));
    assert!(
        error.to_string().starts_with(&format!("cannot listen on {addr}: Address already in use")),
        "{error}"
    );
}

#[test]
fn a_configuration_that_cannot_work_binds_nothing() {
    let mut config = config("127.0.0.1:0".parse().unwrap());
    config.routes[0].path.clear();
    let error = serve(config, ServeOptions::default(), |_| Nowhere).unwrap_err();
    assert!(matches!(error, ServeError::Config(_)));
}

fn config(bind: SocketAddr) -> Config {
    Config::simple(bind, &["127.0.0.1:1".parse().unwrap()])
}

struct Nowhere;

impl Recorder for Nowhere {
    fn record(&mut self, _outcome: &Outcome) {}
    fn flush(&mut self) {}
}
