//! Single values: durations and sizes with units, counts, switches. Each is a pure function with a complaint that shows
//! how it should be written.

use super::diagnostic::Complaint;
use super::tree::Value;
use bytesize::ByteSize;
use std::time::Duration;

/// A limit on waiting; `0` and `"off"` are `None`.
pub(super) fn duration_limit(value: &Value) -> Result<Option<Duration>, Complaint> {
    const EXAMPLE: &str = "write it as \"15s\", \"500ms\" or \"5m\"; \"off\" switches it off";
    match value {
        _ if is_off(value) => Ok(None),
        Value::Integer(number) => Err(Complaint::new("a duration needs a unit", "which unit?")
            .help(format!("write \"{number}s\" or \"{number}ms\""))),
        Value::Text(text) => match humantime::parse_duration(text) {
            Ok(duration) => Ok(Some(duration).filter(|duration| !duration.is_zero())),
            Err(error) => {
                Err(Complaint::new(format!("{text:?} is not a duration"), error.to_string()).help(EXAMPLE))
            }
        },
        other => Err(wrong_type("a duration", other).help(EXAMPLE)),
    }
}

/// A number of octets; `0` and `"off"` are `None`.
pub(super) fn size_limit(value: &Value) -> Result<Option<u64>, Complaint> {
    if is_off(value) { Ok(None) } else { size(value).map(Some) }
}

/// A number of octets between `min` and `max`.
pub(super) fn size_between(min: u32, max: u32) -> impl Fn(&Value) -> Result<u32, Complaint> {
    move |value| {
        let size = size(value)?;
        in_range(size, min, max).ok_or_else(|| {
            let (min, max) = (ByteSize(min.into()).display().iec(), ByteSize(max.into()).display().iec());
            Complaint::new(format!("{size} bytes is out of range"), format!("at least {min}, at most {max}"))
        })
    }
}

/// A whole number between `min` and `max`.
pub(super) fn count_between(min: u32, max: u32) -> impl Fn(&Value) -> Result<u32, Complaint> {
    move |value| match value {
        Value::Integer(number) => u64::try_from(*number)
            .ok()
            .and_then(|number| in_range(number, min, max))
            .ok_or_else(|| Complaint::new(format!("{number} is out of range"), range_label(min, max))),
        other => Err(wrong_type("a whole number", other)),
    }
}

/// A whole number; `0` and `"off"` are `None`.
pub(super) fn count_limit(value: &Value) -> Result<Option<u32>, Complaint> {
    if is_off(value) {
        return Ok(None);
    }
    count_between(1, u32::MAX)(value).map(Some).map_err(|complaint| match complaint.help {
        Some(_) => complaint,
        None => complaint.help("\"off\" is no limit"),
    })
}

/// Octets per second, as "500B/s"; `0` and `"off"` are 0.
pub(super) fn rate(value: &Value) -> Result<u32, Complaint> {
    const EXAMPLE: &str = "write it as \"500B/s\" or \"10KiB/s\"; \"off\" switches it off";
    match value {
        _ if is_off(value) => Ok(0),
        Value::Text(text) => {
            let rate = text.trim().strip_suffix("/s").and_then(|size| size.trim().parse::<ByteSize>().ok());
            rate.and_then(|rate| u32::try_from(rate.as_u64()).ok())
                .ok_or_else(|| Complaint::new(format!("{text:?} is not a rate"), "").help(EXAMPLE))
        }
        other => Err(wrong_type("a rate", other).help(EXAMPLE)),
    }
}

/// `true` or `false`.
pub(super) fn boolean(value: &Value) -> Result<bool, Complaint> {
    match value {
        Value::Boolean(truth) => Ok(*truth),
        other => Err(wrong_type("true or false", other)),
    }
}

/// A string.
pub(super) fn text(value: &Value) -> Result<&str, Complaint> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(wrong_type("a string", other)),
    }
}

pub(super) fn wrong_type(wanted: &str, got: &Value) -> Complaint {
    Complaint::new(format!("{wanted} is needed here"), format!("this is {}", got.kind()))
}

fn size(value: &Value) -> Result<u64, Complaint> {
    const EXAMPLE: &str = "write it as \"16KiB\", \"10MB\" or a number of bytes";
    match value {
        Value::Integer(number) => u64::try_from(*number)
            .map_err(|_| Complaint::new(format!("{number} is not a size"), "it is negative").help(EXAMPLE)),
        Value::Text(text) => match text.parse::<ByteSize>() {
            Ok(size) => Ok(size.as_u64()),
            Err(_) => Err(Complaint::new(format!("{text:?} is not a size"), "").help(EXAMPLE)),
        },
        other => Err(wrong_type("a size", other).help(EXAMPLE)),
    }
}

fn is_off(value: &Value) -> bool {
    match value {
        Value::Integer(number) => *number == 0,
        Value::Text(text) => text == "off" || text == "0",
        _ => false,
    }
}

fn in_range(number: u64, min: u32, max: u32) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| (min..=max).contains(number))
}

fn range_label(min: u32, max: u32) -> String {
    if max == u32::MAX { format!("at least {min}") } else { format!("between {min} and {max}") }
}
