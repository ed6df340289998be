//! curl in front of Python's `http.server`, uvicorn and nginx: what a user tries first.

use crate::harness::origin::{Origin, Server};
use crate::harness::process::{Producer, run};
use crate::harness::programs::{LIMIT, command, curl, curl_with_input, requires};
use crate::harness::weir::Weir;
use serde_json::Value;
use std::fs;
use std::time::Duration;

#[test]
fn files_of_http_server_come_through() {
    requires!(Curl, Python);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hello.txt"), "Hello over there\n").unwrap();
    let origin = Server::files(folder.path());
    let weir = Weir::to(&[origin.addr], &[]);

    assert_eq!(curl(&["--fail", &weir.url("/hello.txt")]).ok(), "Hello over there\n");
    assert!(curl(&["--fail", &weir.url("/")]).ok().contains("hello.txt"));

    let head = curl(&["--head", &weir.url("/hello.txt")]);
    assert!(head.ok().starts_with("HTTP/1.1 200 OK\r\n"), "{head:?}");
    assert!(head.text().to_lowercase().contains("content-length: 17\r\n"), "{head:?}");

    let missing = curl(&["--write-out", "%{http_code}", &weir.url("/missing")]);
    assert!(missing.ok().ends_with("404"), "{missing:?}");
    assert!(missing.text().contains("File not found"), "the origin's own words: {missing:?}");
}

#[test]
fn a_request_reaches_uvicorn_as_it_was_sent() {
    requires!(Curl, Uvicorn);
    let origin = Server::echo();
    let weir = Weir::to(&[origin.addr], &[]);

    let seen = echoed(&[&weir.url("/some/path?a=1&b=%20x"), "-H", "X-Custom: One", "-H", "Cookie: a=b"]);
    assert_eq!((&seen["method"], &seen["path"]), (&"GET".into(), &"/some/path".into()));
    assert_eq!(seen["query"], "a=1&b=%20x");
    assert_eq!(header(&seen, "x-custom"), ["One"]);
    assert_eq!(header(&seen, "cookie"), ["a=b"]);
    assert_eq!(header(&seen, "host"), [weir.addr.to_string()]);
    assert_eq!(header(&seen, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(header(&seen, "x-forwarded-proto"), ["http"]);

    let seen = echoed(&["--data", "name=weir & more", &weir.url("/form")]);
    assert_eq!((&seen["method"], &seen["body"]), (&"POST".into(), &"name=weir & more".into()));
    assert_eq!(header(&seen, "content-length"), ["16"]);

    for method in ["DELETE", "PATCH", "OPTIONS", "BREW"] {
        assert_eq!(echoed(&["--request", method, &weir.url("/")])["method"], method);
    }
}

#[test]
fn an_upload_from_a_pipe_arrives_in_chunks() {
    requires!(Curl, Uvicorn);
    let origin = Server::echo();
    let weir = Weir::to(&[origin.addr], &[]);

    let script = "for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done";
    let (_producer, pipe) = Producer::spawn(&mut command("sh", &["-c", script]));
    let answer = curl_with_input(&["--fail", "--upload-file", "-", &weir.url("/up")], pipe);
    let seen = serde_json::from_str::<Value>(answer.ok()).unwrap();
    assert_eq!(seen["method"], "PUT");
    assert_eq!(seen["body"], "line 1\nline 2\nline 3\nline 4\nline 5\n");
    assert_eq!(header(&seen, "transfer-encoding"), ["chunked"]);
    assert!(header(&seen, "content-length").is_empty());
}

#[test]
fn expect_100_continue_is_answered_before_the_body_is_sent() {
    requires!(Curl, Uvicorn);
    let origin = Server::echo();
    let weir = Weir::to(&[origin.addr], &[]);

    // Without an interim response curl would wait for as long as it is told here, and the test would fail.
    let expect = ["-H", "Expect: 100-continue", "--expect100-timeout", "50", "--max-time", "30", "--verbose"];
    let url = weir.url("/");
    let answer = curl(&[&expect[..], &["--fail", "--data", "patience", &url]].concat());
    assert_eq!(serde_json::from_str::<Value>(answer.ok()).unwrap()["body"], "patience");
    assert!(answer.stderr.contains("HTTP/1.1 100 Continue"), "{}", answer.stderr);
}

#[test]
fn an_http_1_0_client_gets_its_answer_and_the_end_of_the_connection() {
    requires!(Curl, Uvicorn, Python);
    let origin = Server::echo();
    let weir = Weir::to(&[origin.addr], &[]);

    let answer = curl(&["--http1.0", "--fail", "--include", "--data", "old", &weir.url("/")]);
    let (head, body) = answer.ok().split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200"), "{head}");
    let seen = serde_json::from_str::<Value>(body).unwrap();
    assert_eq!(seen["body"], "old");
    // RFC 9110 §2.5: we speak our own version to the origin.
    assert_eq!(seen["http_version"], "1.1");

    // A chunked response can't be sent to an HTTP/1.0 client: the connection's end is the body's.
    let origin = Server::stream();
    let weir = Weir::to(&[origin.addr], &[]);
    let url = weir.url("/chunked/100000");
    let answer =
        curl(&["--http1.0", "--fail", "--output", "/dev/null", "--write-out", "%{size_download}", &url]);
    assert_eq!(answer.ok(), "100000");
}

#[test]
fn two_urls_of_one_curl_share_a_connection_on_both_sides() {
    requires!(Curl);
    let origin = Origin::of_targets();
    let weir = Weir::to(&[origin.addr], &["--workers", "1"]);

    let (one, two) = (weir.url("/one"), weir.url("/two"));
    let answer = curl(&["--fail", "--write-out", " %{num_connects}\n", &one, &two]);
    assert_eq!(answer.ok(), "/one 1\n/two 0\n");
    assert_eq!(origin.connections(), 1);
    // A kept connection must not keep curl: it leaves when it has its answer.
    assert!(answer.took < Duration::from_secs(10), "{:?}", answer.took);
}

#[test]
fn ranges_conditions_and_compression_of_nginx_come_through() {
    requires!(Curl, Nginx);
    let folder = tempfile::tempdir().unwrap();
    let content = (0..200_000).map(|i| format!("{i}\n")).collect::<String>();
    fs::write(folder.path().join("numbers.txt"), &content).unwrap();
    let origin = Server::nginx(folder.path());
    let weir = Weir::to(&[origin.addr], &[]);
    let url = weir.url("/numbers.txt");

    assert!(curl(&["--fail", &url]).ok() == content, "the whole file, as it is");
    let part = curl(&["--fail", "--range", "100-199", "--write-out", "%{http_code}", &url]);
    assert_eq!(part.ok(), format!("{}206", &content[100..200]));

    let etag = curl(&["--head", &url]);
    let etag = etag.ok().lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap().trim().to_owned();
    let condition = format!("If-None-Match: {etag}");
    // A 304 has the length of what it doesn't send; curl must not wait for it.
    let unchanged = curl(&["-H", &condition, "--write-out", "%{http_code}", &url, &url]);
    assert_eq!(unchanged.ok(), "304304");
    assert!(unchanged.took < Duration::from_secs(10), "{:?}", unchanged.took);
}

#[test]
fn netcat_can_ask_by_hand() {
    requires!(Nc);
    let origin = Origin::of_targets();
    let weir = Weir::to(&[origin.addr], &[]);
    let request = "printf 'GET /by-hand HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'";
    let pipe = format!("{request} | nc -w 20 127.0.0.1 {}", weir.addr.port());
    let answer = run(&mut command("sh", &["-c", &pipe]), LIMIT);
    assert!(answer.ok().starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
    assert!(answer.text().ends_with("\r\n\r\n/by-hand"), "{answer:?}");
}

/// What the echoing origin saw of a request that succeeded.
#[track_caller]
fn echoed(arguments: &[&str]) -> Value {
    let answer = curl(&[&["--fail"], arguments].concat());
    serde_json::from_str(answer.ok()).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

/// All values of a field that the echoing origin saw.
fn header<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    let lines = seen["headers"].as_array().expect("the echo lists them");
    lines.iter().filter(|line| line[0] == name).filter_map(|line| line[1].as_str()).collect()
}
