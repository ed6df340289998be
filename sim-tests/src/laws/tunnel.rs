//! Tunnels: every octet in its place, both ways, and neither half ends cleanly before its sender ended it.

use super::Facts;
use crate::content::{Body, first_wrong};

/// What is known of a tunnel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tunnel {
    /// Octets that the client sent, and whether it ended its half behind them.
    client: (usize, bool),
    /// The same of the server.
    server: (usize, bool),
    /// The 101 is out.
    is_open: bool,
}

impl Facts {
    fn tunnel(&mut self, id: u32) -> &mut Tunnel {
        &mut self.told(id).tunnel
    }

    /// A client sent so many octets into a tunnel.
    pub(crate) fn client_tunnelled(&mut self, id: u32, octets: usize) {
        self.tunnel(id).client.0 = octets;
    }

    /// A client ended its half.
    pub(crate) fn client_ended_half(&mut self, id: u32) {
        self.tunnel(id).client.1 = true;
    }

    /// A server sent its 101, and so many octets behind it.
    pub(crate) fn origin_tunnelled(&mut self, id: u32, octets: usize) {
        let tunnel = self.tunnel(id);
        tunnel.server.0 = octets;
        tunnel.is_open = true;
    }

    /// A server ended its half.
    pub(crate) fn origin_ended_half(&mut self, id: u32) {
        self.tunnel(id).server.1 = true;
    }

    pub(crate) fn client_got_tunnelled(&mut self, id: u32, offset: usize, data: &[u8]) {
        self.check_tunnelled(id, Body::Response, offset, data);
    }

    pub(crate) fn origin_got_tunnelled(&mut self, id: u32, offset: usize, data: &[u8]) {
        if !data.is_empty() && !self.tunnel(id).is_open {
            self.violate(format!("{id}: octets for a tunnel came ahead of the 101"));
        }
        self.check_tunnelled(id, Body::Request, offset, data);
    }

    fn check_tunnelled(&mut self, id: u32, body: Body, offset: usize, data: &[u8]) {
        if let Some(at) = first_wrong(id, body, offset, data) {
            self.violate(format!("octet {at} in the tunnel of {id} is another's"));
        }
    }

    /// A client saw the end of the server's half.
    pub(crate) fn client_saw_half_end(&mut self, id: u32, octets: usize) {
        let sent = self.tunnel(id).server;
        self.check_half_end(id, octets, sent);
    }

    /// A server saw the end of the client's half.
    pub(crate) fn origin_saw_half_end(&mut self, id: u32, octets: usize) {
        let sent = self.tunnel(id).client;
        self.check_half_end(id, octets, sent);
    }

    fn check_half_end(&mut self, id: u32, octets: usize, (sent, is_over): (usize, bool)) {
        if !is_over || octets != sent {
            self.violate(format!("half of the tunnel of {id} ended cleanly after {octets} of {sent} octets"));
        }
    }

    /// Whether both halves were ended by those who sent them.
    pub(super) fn is_tunnel_over(&mut self, id: u32) -> bool {
        let tunnel = self.tunnel(id);
        tunnel.client.1 && tunnel.server.1
    }
}
