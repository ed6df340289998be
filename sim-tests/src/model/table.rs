//! The promises of docs/timeouts.md and docs/logs.md as data: why an exchange may end, what the client is told, what the
//! log says, and who must have been at fault.

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// As logs and metrics call it.
    pub(crate) reason: &'static str,
    /// What the proxy may answer by itself for this reason.
    pub(crate) statuses: &'static [u16],
    /// It may also end a response whose head is out: by cutting it.
    pub(crate) cuts: bool,
    /// The two letters of HAProxy that may stand in the log.
    pub(crate) letters: &'static [&'static str],
    /// Who must have been at fault.
    pub(crate) culprit: Culprit,
}

/// Who can be at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Culprit {
    Nobody,
    Client,
    Upstream,
    /// The proxy chose or had to.
    Proxy,
}

const fn row(
    reason: &'static str,
    statuses: &'static [u16],
    letters: &'static [&'static str],
    culprit: Culprit,
) -> Row {
    Row { reason, statuses, cuts: false, letters, culprit }
}

impl Row {
    const fn or_cut(self) -> Self {
        Self { cuts: true, ..self }
    }
}

/// The closed set of reasons.
pub(crate) const REASONS: &[Row] = &[
    row("ok", &[], &["--"], Culprit::Nobody),
    row("client_head_timeout", &[408], &["cR"], Culprit::Client),
    row("client_body_timeout", &[408], &["cD"], Culprit::Client).or_cut(),
    row("client_write_timeout", &[], &["cD"], Culprit::Client).or_cut(),
    row("queue_timeout", &[503], &["sQ"], Culprit::Proxy),
    row("queue_full", &[503], &["SQ"], Culprit::Proxy),
    row("connect_timeout", &[504], &["sC"], Culprit::Upstream),
    row("upstream_write_timeout", &[504], &["sD"], Culprit::Upstream).or_cut(),
    row("upstream_read_timeout", &[504], &["sH", "sD"], Culprit::Upstream).or_cut(),
    row("upstream_head_timeout", &[504], &["sH"], Culprit::Upstream),
    row("total_timeout", &[504], &["sT"], Culprit::Nobody).or_cut(),
    row("stream_idle_timeout", &[], &["sD"], Culprit::Nobody).or_cut(),
    row("connect_refused", &[502], &["SC"], Culprit::Upstream),
    row("connect_unreachable", &[502], &["SC"], Culprit::Upstream),
    row("connect_exhausted", &[502], &["RC"], Culprit::Proxy),
    row("upstream_reset", &[502], &["SH", "SD"], Culprit::Upstream).or_cut(),
    row("upstream_closed_early", &[502], &["SH", "SD"], Culprit::Upstream).or_cut(),
    row("upstream_bad_response", &[502], &["SH", "SD"], Culprit::Upstream).or_cut(),
    row("upstream_head_too_large", &[502], &["SH"], Culprit::Upstream),
    row("no_healthy_endpoint", &[503], &["SQ"], Culprit::Proxy),
    row("no_route", &[404], &["PR"], Culprit::Proxy),
    row("bad_request", &[400, 417, 501, 505], &["PR", "PQ", "PC", "PH", "PD"], Culprit::Client).or_cut(),
    row("request_too_large", &[413, 414, 431], &["PR", "PQ", "PC", "PH", "PD"], Culprit::Client).or_cut(),
    row("client_aborted", &[], &["CR", "CQ", "CC", "CH", "CD"], Culprit::Client).or_cut(),
    row("draining", &[], &["KR", "KQ", "KC", "KH", "KD"], Culprit::Proxy).or_cut(),
];

/// The error types (RFC 9209 §2.3) that a reply of the proxy's own may name for a reason.
pub(crate) fn proxy_errors(reason: &str) -> &'static [&'static str] {
    match reason {
        "ok" => &["proxy_internal_response"],
        "client_head_timeout" | "client_body_timeout" | "bad_request" => &["http_request_error"],
        // The head, or the body.
        "request_too_large" => &["http_request_error", "http_request_denied"],
        "queue_timeout" | "queue_full" => &["connection_limit_reached"],
        "connect_timeout" => &["connection_timeout"],
        "connect_refused" => &["connection_refused"],
        "connect_unreachable" => &["destination_ip_unroutable"],
        "connect_exhausted" => &["proxy_internal_error"],
        "upstream_write_timeout" => &["connection_write_timeout"],
        "upstream_read_timeout" => &["connection_read_timeout"],
        "upstream_head_timeout" | "total_timeout" => &["http_response_timeout"],
        "upstream_reset" => &["connection_terminated"],
        "upstream_closed_early" => &["http_response_incomplete"],
        "upstream_bad_response" => &["http_protocol_error", "http_upgrade_failed"],
        "upstream_head_too_large" => &["http_response_header_section_size"],
        "no_healthy_endpoint" => &["destination_unavailable"],
        "no_route" => &["destination_not_found"],
        _ => &[],
    }
}

/// What stands in the table about a reason.
pub(crate) fn row_of(reason: &str) -> Option<&'static Row> {
    REASONS.iter().find(|row| row.reason == reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxy_core::{Kind, Timeouts, Timer};
    use std::collections::BTreeSet;
    use std::time::Duration;

    const TIMEOUTS: &str = include_str!("../../../docs/timeouts.md");
    const LOGS: &str = include_str!("../../../docs/logs.md");

    /// The cells of the table that follows `heading`, row by row.
    fn table<'a>(document: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
        let section = document.split_once(heading).expect(heading).1;
        let lines = section.lines().skip_while(|line| !line.starts_with('|'));
        let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    /// What stands between backticks.
    fn quoted(text: &str) -> Vec<&str> {
        text.split('`').skip(1).step_by(2).collect()
    }

    fn numbers(text: &str) -> Vec<u16> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
    }

    #[test]
    fn the_documented_reasons_are_these() {
        let documented = table(LOGS, "## Reasons");
        let names = documented.iter().flat_map(|row| quoted(row[0])).collect::<BTreeSet<_>>();
        assert_eq!(names, REASONS.iter().map(|row| row.reason).collect());
        for cells in &documented {
            for reason in quoted(cells[0]) {
                let row = row_of(reason).unwrap();
                let sent = numbers(cells[1]).into_iter().filter(|status| *status != 499).collect::<Vec<_>>();
                assert_eq!(sent, row.statuses, "{reason}");
                // A client that left before any status was sent shows as 499 in the log.
                let cuts = cells[1].contains("cut") || cells[1].contains("499");
                assert_eq!(cuts, row.cuts, "{reason}");
            }
        }
    }

    #[test]
    fn each_limit_blames_whom_the_table_of_reasons_does() {
        for limit in &Timer::ALL {
            let Some(row) = row_of(limit.reason) else {
                let is_silent =
                    matches!(limit.timer, Timer::ClientKeepAlive | Timer::Linger | Timer::UpstreamKeepAlive);
                assert!(is_silent, "{} is no reason", limit.reason);
                continue;
            };
            assert!(row.statuses.is_empty() || row.statuses == [limit.status], "{}", limit.reason);
            let who = char::from(limit.late as u8);
            let phase = limit.phase.map(|phase| char::from(phase as u8));
            for letters in row.letters {
                assert!(letters.starts_with(who), "{}", limit.reason);
                assert!(phase.is_none_or(|phase| letters.ends_with(phase)), "{}", limit.reason);
            }
        }
    }

    #[test]
    fn the_documented_failures_without_a_timeout_are_these() {
        for cells in table(TIMEOUTS, "## Failures without a timeout") {
            let row = row_of(quoted(cells[2])[0]).unwrap_or_else(|| panic!("{cells:?}"));
            let sent = numbers(cells[1]).into_iter().filter(|status| *status != 499).collect::<Vec<_>>();
            assert_eq!(sent, row.statuses, "{cells:?}");
            assert_eq!(cells[1].contains("cut") || cells[1].contains("499"), row.cuts, "{cells:?}");
        }
    }

    #[test]
    fn the_documented_limits_are_these() {
        let documented = table(TIMEOUTS, "## One by one");
        let settings = Timer::ALL.iter().filter_map(|limit| Some((limit, limit.setting?.key)));
        let settings = settings.collect::<Vec<_>>();
        assert_eq!(documented.len(), settings.len());
        for (cells, (limit, key)) in documented.iter().zip(settings) {
            let default = match cells[1] {
                "off" => None,
                text if text.ends_with('m') => Some(Duration::from_secs(u64::from(numbers(text)[0]) * 60)),
                text => Some(Duration::from_secs(numbers(text)[0].into())),
            };
            assert_eq!((quoted(cells[0])[0], default), (key, limit.of(&Timeouts::default())));
            let kind = match limit.kind {
                Kind::Absolute => "absolute",
                Kind::Idle => "idle",
            };
            assert_eq!(cells[2].split(',').next(), Some(kind), "{key}");
        }
    }

    #[test]
    fn the_time_line_tells_the_same_statuses_and_letters() {
        let line = TIMEOUTS.split("```").nth(1).unwrap();
        for line in line.lines() {
            let Some((_, end)) = line.split_once("→") else { continue };
            let reason = Timer::ALL.iter().map(|limit| limit.reason).find(|reason| end.contains(reason));
            let Some(reason) = reason else {
                assert!(end.contains("closed silently"), "{line}");
                continue;
            };
            let row = row_of(reason).unwrap();
            let words = end.split_whitespace().collect::<Vec<_>>();
            assert!(words.last().is_some_and(|letters| row.letters.contains(letters)), "{line}");
            let is_known = |word: &&str| word.parse().is_ok_and(|status| row.statuses.contains(&status));
            assert!(words.iter().any(is_known) || (row.cuts && words.contains(&"cut")), "{line}");
        }
    }
}
