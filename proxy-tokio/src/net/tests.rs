use super::net_error;
use proxy_core::NetError;
use std::io;

#[test]
fn errors_of_the_kernel_are_told_by_what_they_mean() {
    let cases = [
        (libc::ECONNREFUSED, NetError::Refused),
        (libc::EHOSTUNREACH, NetError::Unreachable),
        (libc::ENETUNREACH, NetError::Unreachable),
        (libc::ENETDOWN, NetError::Unreachable),
        (libc::ECONNRESET, NetError::Reset),
        (libc::ECONNABORTED, NetError::Reset),
        (libc::EPIPE, NetError::Reset),
        (libc::ENOTCONN, NetError::Reset),
        (libc::ETIMEDOUT, NetError::TimedOut),
        (libc::EADDRNOTAVAIL, NetError::Exhausted),
        (libc::EMFILE, NetError::Exhausted),
        (libc::ENFILE, NetError::Exhausted),
        (libc::ENOBUFS, NetError::Exhausted),
        (libc::ENOMEM, NetError::Exhausted),
        (libc::EINVAL, NetError::Other),
    ];
    for (errno, expected) in cases {
        let error = io::Error::from_raw_os_error(errno);
        assert_eq!(net_error(&error), expected, "{error}");
    }
}
