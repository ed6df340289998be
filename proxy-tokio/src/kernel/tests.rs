use super::listen;
use std::io::ErrorKind;
use std::net::SocketAddr;

#[test]
fn all_workers_share_the_port_that_the_first_was_given() {
    let listeners = listen(any_port(), 3, false).unwrap();
    let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    assert_eq!(ports.len(), 3);
    assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]), "{ports:?}");
}

#[test]
fn a_port_that_another_proxy_shares_among_its_workers_is_in_use() {
    for workers in [1, 2] {
        let others = listen(any_port(), workers, false).unwrap();
        let taken = others[0].local_addr().unwrap();
        for workers in [1, 2] {
            assert_eq!(listen(taken, workers, false).unwrap_err().kind(), ErrorKind::AddrInUse);
        }
    }
}

#[test]
fn every_ipv6_address_and_every_ipv4_address_can_be_listened_on_apart() {
    // Where there is no IPv6 nobody listens on it.
    let Ok(six) = listen("[::]:0".parse().unwrap(), 2, true) else { return };
    let port = six[0].local_addr().unwrap().port();
    listen(SocketAddr::from(([0; 4], port)), 2, false).unwrap();
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}
