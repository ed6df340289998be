//! What clients ask and upstreams answer: as browsers, curl and nginx write it.

use bytes::Bytes;
use proxy_core::{Cluster, ClusterId, Config, Route};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// One kind of load.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What a client sends at once.
    pub(crate) request: Bytes,
    /// How many requests that is.
    pub(crate) requests: usize,
    /// The answer to one.
    pub(crate) response: Bytes,
    /// Whether each request comes on a connection of its own.
    pub(crate) is_new_connection: bool,
    /// Whether there is a policy for everything that there can be one for.
    has_policy: bool,
}

const KIB: usize = 1024;

impl Scenario {
    pub(crate) fn all() -> [Self; 8] {
        let get_1k = Self {
            name: "get_1k",
            request: Bytes::from(get(BROWSER)),
            requests: 1,
            response: Bytes::from(sized(KIB)),
            is_new_connection: false,
            has_policy: false,
        };
        [
            get_1k.copy(),
            Self { name: "get_1k_policy", has_policy: true, ..get_1k.copy() },
            Self {
                name: "get_1k_short",
                request: get("Host: origin.test\r\nUser-Agent: weir-compare\r\nAccept: */*\r\n").into(),
                response: short(KIB).into(),
                ..get_1k.copy()
            },
            Self { name: "get_16k", response: sized(16 * KIB).into(), ..get_1k.copy() },
            Self {
                name: "post_16k",
                request: post(16 * KIB).into(),
                response: sized(2).into(),
                ..get_1k.copy()
            },
            Self { name: "chunked_16k", response: chunked(4, 4 * KIB).into(), ..get_1k.copy() },
            Self {
                name: "pipelined_8",
                request: get(BROWSER).repeat(8).into(),
                requests: 8,
                ..get_1k.copy()
            },
            Self {
                name: "new_connection",
                request: get("Host: 127.0.0.1:8080\r\nConnection: close\r\n").into(),
                is_new_connection: true,
                ..get_1k.copy()
            },
        ]
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|scenario| scenario.name == name)
    }

    fn copy(&self) -> Self {
        Self { request: self.request.clone(), response: self.response.clone(), ..*self }
    }

    /// Two endpoints and all defaults; or twenty hosts with two routes each, trusted proxies and every limit on.
    pub(crate) fn config(&self) -> Config {
        let endpoint = |at: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, 9_000 + at));
        let mut config =
            Config::simple(SocketAddr::from((Ipv4Addr::LOCALHOST, 8_080)), &[endpoint(1), endpoint(2)]);
        if self.has_policy {
            add_policy(&mut config);
        }
        config
    }
}

fn add_policy(config: &mut Config) {
    config.timeouts.head = Some(Duration::from_secs(10));
    config.trusted_proxies =
        ["10.0.0.0/8", "172.16.0.0/12", "fd00::/8"].map(|net| net.parse().expect("a network")).into();
    let default = config.routes[0].clone();
    for host in 0..20u32 {
        let name = if host == 0 { "www.example.com".to_owned() } else { format!("site{host}.example.com") };
        config.clusters.push(Cluster { name: name.clone(), ..config.clusters[0].clone() });
        let cluster = ClusterId(host + 1);
        for path in ["/", "/static/"] {
            config.routes.push(Route {
                host: Some(name.clone()),
                path: path.into(),
                cluster,
                request_body_max: Some(1 << 20),
                timeouts: config.timeouts.clone(),
                ..default.clone()
            });
        }
    }
    for cluster in &mut config.clusters {
        for endpoint in &mut cluster.endpoints {
            endpoint.max_connections = Some(1_000);
        }
    }
}

const BROWSER: &str = "Host: www.example.com\r\n\
    Connection: keep-alive\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Cookie: session=6f1d2c4b8a; theme=dark\r\n\
    Cache-Control: no-cache\r\n";

fn get(fields: &str) -> Vec<u8> {
    format!("GET /static/page.html?id=42 HTTP/1.1\r\n{fields}\r\n").into()
}

fn post(length: usize) -> Vec<u8> {
    let head = format!(
        "POST /api/items HTTP/1.1\r\n{BROWSER}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), &content(length)].concat()
}

const NGINX: &str = "HTTP/1.1 200 OK\r\n\
    Server: nginx/1.22.1\r\n\
    Date: Mon, 06 Jan 2025 10:00:00 GMT\r\n\
    Content-Type: text/html\r\n\
    Last-Modified: Sun, 05 Jan 2025 09:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    ETag: \"677a4c10-400\"\r\n\
    Accept-Ranges: bytes\r\n";

fn sized(length: usize) -> Vec<u8> {
    [format!("{NGINX}Content-Length: {length}\r\n\r\n").as_bytes(), &content(length)].concat()
}

/// What `benches/compare` answers.
fn short(length: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\n\
         Server: origin\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Content-Type: text/plain\r\n\
         Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT\r\n\
         ETag: \"5a7c2f01-400\"\r\n\
         Cache-Control: max-age=60\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), &content(length)].concat()
}

fn chunked(chunks: usize, length: usize) -> Vec<u8> {
    let chunk = [format!("{length:x}\r\n").as_bytes(), &content(length), b"\r\n"].concat();
    let head = format!("{NGINX}Transfer-Encoding: chunked\r\n\r\n");
    [head.as_bytes(), &chunk.repeat(chunks), b"0\r\n\r\n"].concat()
}

fn content(length: usize) -> Vec<u8> {
    b"0123456789abcdef".iter().copied().cycle().take(length).collect()
}
