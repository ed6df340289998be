//! What the process tells about itself on standard error, in a form for people: `weir: …`.

use super::color_on;
use std::fmt;
use std::io;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, fmt};
use tracing_subscriber::registry::LookupSpan;

/// Sends events of level INFO and above to standard error.
pub(super) fn to_stderr() {
    let subscriber = fmt()
        .with_max_level(Level::INFO)
        .with_writer(io::stderr)
        .with_ansi(color_on(&io::stderr()))
        .event_format(Plain)
        .finish();
    // It fails only if there is one already, and then that one does it.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// `weir: message`, with the level where it is more than news.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("weir: ")?;
        let (level, color) = match *event.metadata().level() {
            Level::ERROR => ("error: ", "\x1b[31m"),
            Level::WARN => ("warning: ", "\x1b[33m"),
            _ => ("", ""),
        };
        match writer.has_ansi_escapes() {
            true if !level.is_empty() => write!(writer, "{color}{level}\x1b[0m")?,
            _ => writer.write_str(level)?,
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
