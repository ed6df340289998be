//! What is wrong with a configuration, and where: sources, places in them, and their rendering with carets. Knows
//! nothing of what the text means.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt;

/// A text that a configuration came from: a file, or the argument of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) kind: SourceKind,
}

/// Where a source comes from: mistakes in a file and on the command line end with different exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceKind {
    File,
    Flag,
}

/// A span of octets in one of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) source: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Diagnostic {
    pub(super) place: Option<Place>,
    pub(super) complaint: Complaint,
    /// Another place that explains it.
    pub(super) related: Option<(Place, &'static str)>,
}

/// What is wrong, without where.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Complaint {
    pub(super) message: String,
    /// Stands beside the caret.
    pub(super) label: String,
    /// What to do about it.
    pub(super) help: Option<String>,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), label: label.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything that is wrong with a configuration, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    sources: Vec<Source>,
    list: Vec<Diagnostic>,
}

/// One mistake, for programs: what [`Problems::render`] shows to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<'a> {
    /// The file or flag, its line and its column, counted from 1 in characters.
    pub at: Option<(&'a str, usize, usize)>,
    /// What is wrong.
    pub message: &'a str,
    /// What stands beside the caret.
    pub label: &'a str,
    /// What to do about it.
    pub help: Option<&'a str>,
}

impl Problems {
    /// Most that are told: nobody reads more, and a file that is no config file at all has one per line.
    pub const MAX: usize = 100;

    pub(super) fn new(sources: Vec<Source>, mut list: Vec<Diagnostic>) -> Self {
        list.sort();
        list.dedup();
        list.truncate(Self::MAX);
        Self { sources, list }
    }

    /// How many are told: at least one, at most [`Self::MAX`].
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether all are in flags and none in a file.
    pub fn only_in_flags(&self) -> bool {
        let is_flag =
            |place: Place| self.sources.get(place.source).is_some_and(|it| it.kind == SourceKind::Flag);
        self.list.iter().all(|it| it.place.is_some_and(is_flag))
    }

    /// Them, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Problem<'_>> {
        self.list.iter().map(|it| Problem {
            at: it.place.and_then(|place| {
                let source = self.sources.get(place.source)?;
                let (line, column) = line_and_column(&source.text, place.start);
                Some((source.name.as_str(), line, column))
            }),
            message: &it.complaint.message,
            label: &it.complaint.label,
            help: it.complaint.help.as_deref(),
        })
    }

    /// All of them with the lines concerned and carets, ready to print.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let render = |it| renderer.render(&[self.group(it)]) + "\n\n";
        self.list.iter().map(render).collect()
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> annotate_snippets::Group<'a> {
        let complaint = &diagnostic.complaint;
        let mut group = Level::ERROR
            .primary_title(&complaint.message)
            .elements(None::<Snippet<'_, annotate_snippets::Annotation<'_>>>);
        if let Some(place) = diagnostic.place {
            let label = Some(complaint.label.as_str()).filter(|label| !label.is_empty());
            group = self.show(group, place, AnnotationKind::Primary, label, diagnostic.related);
        }
        match &complaint.help {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }

    /// Two places of one source share a snippet; of two sources, each has its own.
    fn show<'a>(
        &'a self,
        mut group: annotate_snippets::Group<'a>,
        place: Place,
        kind: AnnotationKind,
        label: Option<&'a str>,
        related: Option<(Place, &'static str)>,
    ) -> annotate_snippets::Group<'a> {
        let Some(source) = self.sources.get(place.source) else { return group };
        let (same, elsewhere) = match related {
            Some((other, note)) if other.source == place.source => (Some((other, note)), None),
            elsewhere => (None, elsewhere),
        };
        // Only the lines concerned: the renderer looks at all that it is given, for each mistake.
        let spans = [Some(place), same.map(|(other, _)| other)]
            .into_iter()
            .flatten()
            .map(|it| clamp(&source.text, it));
        let (start, end) =
            spans.fold((usize::MAX, 0), |(start, end), span| (start.min(span.start), end.max(span.end)));
        let lines = whole_lines(&source.text, start..end);
        let span = |place: Place| {
            let span = clamp(&source.text, place);
            span.start - lines.start..span.end - lines.start
        };
        let mut snippet = Snippet::source(source.text.get(lines.clone()).unwrap_or_default())
            .path(&source.name)
            .line_start(line_and_column(&source.text, lines.start).0)
            .annotation(kind.span(span(place)).label(label));
        if let Some((other, note)) = same {
            snippet = snippet.annotation(AnnotationKind::Context.span(span(other)).label(note));
        }
        group = group.element(snippet);
        match elsewhere {
            Some((other, note)) => self.show(group, other, AnnotationKind::Context, Some(note), None),
            None => group,
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Both from 1, the column in characters.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    (before.matches('\n').count() + 1, column + 1)
}

/// `span`, widened to the lines that it touches.
fn whole_lines(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let end = text
        .get(span.end..)
        .and_then(|after| after.find('\n'))
        .map_or(text.len(), |newline| span.end + newline);
    start..end
}

/// A span that is surely inside the text: a renderer must not be handed another.
fn clamp(text: &str, place: Place) -> std::ops::Range<usize> {
    let border = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = border(place.start);
    start..border(place.end).max(start)
}
