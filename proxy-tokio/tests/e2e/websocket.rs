//! A WebSocket from end to end: two libraries that know nothing of a proxy between them.

use crate::harness::origin::Server;
use crate::harness::process::run;
use crate::harness::programs::{LIMIT, python, requires, script};
use crate::harness::weir::Weir;

#[test]
fn a_websocket_echoes_text_binary_large_messages_pings_and_its_closing_handshake() {
    requires!(Websockets);
    let origin = Server::websocket_echo();
    // A tunnel has no limit on its whole, only on its silence.
    let weir = Weir::to(&[origin.addr], &["--set", "timeouts.total=1s", "--set", "timeouts.read=1s"]);
    let url = format!("ws://{}/chat?room=1", weir.addr);
    let client = run(&mut python(&[&script("websocket_client.py"), &url]), LIMIT);
    assert_eq!(client.ok().trim(), "all echoed");

    let line = weir.logged(|line| line["status"] == 101);
    assert_eq!((&line["reason"], &line["flags"]), (&"ok".into(), &"--".into()), "{line}");
}
