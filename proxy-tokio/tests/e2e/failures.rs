//! Upstreams that are dead, hung, unreachable or break off, as curl's user sees them: whose fault, in words.

use crate::harness::origin::{BlackHole, Dead, Origin, Server};
use crate::harness::process::{Output, Producer};
use crate::harness::programs::{command, curl, curl_with_input, requires};
use crate::harness::weir::Weir;
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// Well above what a busy machine adds, well below every default limit but that of connecting.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_dead_upstream_is_a_502_at_once_that_says_why() {
    requires!(Curl);
    let dead = Dead::new();
    let weir = Weir::to(&[dead.addr], &[]);
    let answer = curl(&["--include", &weir.url("/")]);
    let (head, body) = answer.ok().split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
    assert!(head.contains("\r\nProxy-Status: weir; error=connection_refused"), "{head}");
    assert!(head.to_lowercase().contains("\r\ncontent-type: text/plain"), "{head}");
    assert!(body.contains("connection refused") && body.contains(&dead.addr.to_string()), "{body}");
    assert!(answer.took < AT_ONCE, "{:?}", answer.took);
    let line = weir.logged(|line| line["status"] == 502);
    assert_eq!((&line["reason"], &line["flags"]), (&"connect_refused".into(), &"SC".into()), "{line}");
}

#[test]
fn a_post_to_a_dead_upstream_is_answered_though_its_body_goes_nowhere() {
    requires!(Curl);
    let dead = Dead::new();
    let weir = Weir::to(&[dead.addr], &[]);
    let (_producer, pipe) = Producer::spawn(&mut command("head", &["-c", "20000000", "/dev/zero"]));
    let answer =
        curl_with_input(&["--data-binary", "@-", "--write-out", "%{http_code}", &weir.url("/")], pipe);
    assert!(answer.text().ends_with("502"), "{answer:?}");
    assert!(answer.text().contains("connection refused"), "{answer:?}");
    assert!(answer.took < AT_ONCE * 2, "{:?}", answer.took);
}

#[test]
fn a_hung_upstream_is_a_504_after_the_default_15_seconds() {
    requires!(Curl);
    let hung = Origin::hung();
    let weir = Weir::to(&[hung.addr], &[]);
    let answer = timed_out(&weir, "upstream_read_timeout", "sH");
    assert!((14.9..25.0).contains(&answer.took.as_secs_f64()), "{:?}", answer.took);
}

#[test]
fn a_hung_upstream_is_a_504_after_as_long_as_it_was_told() {
    requires!(Curl);
    let hung = Origin::hung();
    let weir = Weir::to(&[hung.addr], &["--set", "timeouts.read=1s"]);
    let answer = timed_out(&weir, "upstream_read_timeout", "sH");
    assert!((0.9..10.0).contains(&answer.took.as_secs_f64()), "{:?}", answer.took);

    let weir = Weir::to(&[hung.addr], &["--set", "timeouts.total=700ms"]);
    let answer = timed_out(&weir, "total_timeout", "sT");
    assert!((0.6..10.0).contains(&answer.took.as_secs_f64()), "{:?}", answer.took);
}

#[test]
fn an_upstream_that_swallows_connections_is_a_504_after_the_default_second() {
    requires!(Curl);
    let hole = BlackHole::new();
    let weir = Weir::to(&[hole.addr], &[]);
    let answer = timed_out(&weir, "connect_timeout", "sC");
    // One second for each try, of which there may be two.
    assert!((0.9..10.0).contains(&answer.took.as_secs_f64()), "{:?}", answer.took);
}

#[test]
fn a_response_that_breaks_off_is_an_error_for_curl_too() {
    requires!(Curl);
    let by_length = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this";
    let by_chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n";
    for reply in [&by_length[..], by_chunks] {
        let origin = Origin::saying(reply);
        let weir = Weir::to(&[origin.addr], &[]);
        let answer = curl(&[&weir.url("/")]);
        // 18: partial file; 56: the connection was reset.
        assert!(matches!(answer.code, Some(18 | 56)), "{answer:?}");
        let line = weir.logged(|line| line["status"] == 200);
        assert_eq!(
            (&line["reason"], &line["flags"]),
            (&"upstream_closed_early".into(), &"SD".into()),
            "{line}"
        );
    }
}

#[test]
fn an_upstream_that_speaks_something_else_is_a_502() {
    requires!(Curl);
    let nonsense: [&[u8]; 4] = [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<html>HTTP/0.9 had no head</html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nxxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    for reply in nonsense {
        let origin = Origin::saying(reply);
        let weir = Weir::to(&[origin.addr], &[]);
        let answer = curl(&["--write-out", "%{http_code}", &weir.url("/")]);
        assert!(answer.ok().ends_with("502"), "{answer:?}");
        let line = weir.logged(|line| line["status"] == 502);
        assert_eq!(line["reason"], "upstream_bad_response", "{line}");
    }
    // Nothing at all is not nonsense.
    let origin = Origin::saying(b"");
    let weir = Weir::to(&[origin.addr], &[]);
    assert!(curl(&["--write-out", "%{http_code}", &weir.url("/")]).ok().ends_with("502"));
    assert_eq!(weir.logged(|line| line["status"] == 502)["reason"], "upstream_closed_early");
}

#[test]
fn all_of_several_upstreams_dead_is_a_502_at_once() {
    requires!(Curl);
    let dead = [Dead::new(), Dead::new(), Dead::new()];
    let weir = Weir::to(&[dead[0].addr, dead[1].addr, dead[2].addr], &[]);
    for _ in 0..5 {
        let answer = curl(&["--write-out", "%{http_code}", &weir.url("/")]);
        assert!(answer.ok().ends_with("502"), "{answer:?}");
        assert!(answer.took < AT_ONCE, "{:?}", answer.took);
    }
}

#[test]
fn with_one_of_several_upstreams_dead_every_request_succeeds_by_turns_on_the_others() {
    requires!(Curl);
    let (dead, a, b) = (Dead::new(), Origin::named("a"), Origin::named("b"));
    let weir = Weir::to(&[a.addr, dead.addr, b.addr], &["--workers", "1"]);
    let url = weir.url("/[1-60]");
    for arguments in [&["--fail", &url][..], &["--fail", "--data", "x", &url]] {
        // A connect that was refused sent nothing: also a POST goes to the next one.
        let answers = curl(arguments);
        let of_a = answers.ok().matches('a').count();
        assert_eq!(answers.text().len(), 60, "{}", answers.text());
        assert!((15..=45).contains(&of_a), "both take their turns: {}", answers.text());
    }
}

#[test]
fn requests_go_to_live_upstreams_in_turn() {
    requires!(Curl);
    let (a, b, c) = (Origin::named("a"), Origin::named("b"), Origin::named("c"));
    let weir = Weir::to(&[a.addr, b.addr, c.addr], &["--workers", "1"]);
    let answers = curl(&["--fail", &weir.url("/[1-30]")]);
    let turns = answers.ok().as_bytes();
    assert_eq!(turns.len(), 30);
    assert!(turns.windows(4).all(|four| four[0] == four[3] && four[0] != four[1]), "{}", answers.text());
}

#[test]
fn an_upstream_that_comes_alive_is_used_at_once() {
    requires!(Curl);
    let dead = Dead::new();
    let weir = Weir::to(&[dead.addr], &[]);
    assert!(curl(&["--write-out", "%{http_code}", &weir.url("/")]).ok().ends_with("502"));
    let _alive = dead.come_alive();
    assert_eq!(curl(&["--fail", &weir.url("/risen")]).ok(), "/risen");
}

#[test]
fn a_megabyte_of_base64_is_echoed_from_a_file_and_from_a_pipe() {
    requires!(Curl, Uvicorn);
    let origin = Server::echo();
    let weir = Weir::to(&[origin.addr], &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    let path = file.to_str().unwrap();
    let make = format!("head -c 1000000 /dev/urandom | base64 > {path}");
    assert!(command("sh", &["-c", &make]).status().unwrap().success());
    let sent = fs::read_to_string(&file).unwrap();

    let from_file = format!("@{path}");
    let answer = curl(&["--fail", "--data-binary", &from_file, &weir.url("/")]);
    assert!(serde_json::from_str::<Value>(answer.ok()).unwrap()["body"] == sent.as_str());

    let post = ["--fail", "--data-binary", "@-", &weir.url("/")];
    let (_producer, pipe) = Producer::spawn(&mut command("cat", &[path]));
    let answer = curl_with_input(&post, pipe);
    assert!(serde_json::from_str::<Value>(answer.ok()).unwrap()["body"] == sent.as_str());

    let chunked = ["--fail", "--request", "POST", "--upload-file", "-", &weir.url("/")];
    let (_producer, pipe) = Producer::spawn(&mut command("cat", &[path]));
    let answer = curl_with_input(&chunked, pipe);
    assert!(serde_json::from_str::<Value>(answer.ok()).unwrap()["body"] == sent.as_str());
}

/// Asks once and gets the 504 that a limit on waiting leads to.
#[track_caller]
fn timed_out(weir: &Weir, reason: &str, flags: &str) -> Output {
    let answer = curl(&["--include", &weir.url("/")]);
    assert!(answer.ok().starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{answer:?}");
    assert!(answer.text().contains("\r\nProxy-Status: weir; error="), "{answer:?}");
    let line = weir.logged(|line| line["status"] == 504);
    assert_eq!((line["reason"].as_str(), line["flags"].as_str()), (Some(reason), Some(flags)), "{line}");
    answer
}
