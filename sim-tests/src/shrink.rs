//! Makes a failing script small: drops, empties and lowers whatever it can as long as some law stays broken. Works on
//! the script's JSON, in which what is left out is the plain case, and so knows nothing of what a script is made of.

use crate::run::Violation;
use crate::script::Script;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The smallest script found that still breaks a law that the first one broke. `play` says which laws a script breaks, if
/// any.
pub fn shrink(
    script: &Script,
    violation: Violation,
    play: impl Fn(&Script) -> Option<Violation>,
) -> (Script, Violation) {
    let kinds = violation.0.iter().map(|complaint| kind_of(complaint)).collect::<Vec<_>>();
    let is_same =
        |violation: &Violation| violation.0.iter().any(|complaint| kinds.contains(&kind_of(complaint)));
    let mut search = Search::new(script, violation, |script| play(script).filter(is_same));
    while search.pass() {}
    (search.script, search.violation)
}

/// What a complaint is about, whatever the numbers in it: else what is shrunk may end as something quite different.
fn kind_of(complaint: &str) -> String {
    complaint.chars().filter(|letter| !letter.is_ascii_digit()).take(KIND_MAX).collect()
}

impl Script {
    /// This script as JSON; what is plain in it is left out.
    pub fn to_json(&self) -> String {
        let is_same = |other: &Self| (other == self).then(Violation::default);
        let mut search = Search::new(self, Violation::default(), is_same);
        search.pass();
        search.best.to_string()
    }
}

struct Search<P> {
    best: Value,
    script: Script,
    violation: Violation,
    play: P,
    tries: u32,
    until: Instant,
}

impl<P: Fn(&Script) -> Option<Violation>> Search<P> {
    fn new(script: &Script, violation: Violation, play: P) -> Self {
        Self {
            best: serde_json::to_value(script).unwrap_or_default(),
            script: script.clone(),
            violation,
            play,
            tries: TRIES_MAX,
            until: Instant::now() + TIME_MAX,
        }
    }

    /// Tries to simplify every part once. Whether anything came of it.
    fn pass(&mut self) -> bool {
        let mut places = Vec::new();
        collect(&self.best, String::new(), &mut places);
        let mut any = false;
        for place in places {
            any |= match self.best.pointer(&place) {
                Some(Value::Object(fields)) => {
                    let names = fields.keys().cloned().collect::<Vec<_>>();
                    self.drop_fields(&place, &names)
                }
                Some(Value::Array(elements)) => {
                    let len = elements.len();
                    self.drop_elements(&place, len)
                }
                Some(Value::Number(number)) => {
                    let number = number.as_u64().unwrap_or(0);
                    self.lower(&place, number)
                }
                // It went with what it was in, or is as simple as it gets.
                Some(Value::Null | Value::Bool(_) | Value::String(_)) | None => false,
            };
        }
        any
    }

    fn drop_fields(&mut self, place: &str, names: &[String]) -> bool {
        let mut any = false;
        for name in names {
            any |= self.attempt(place, |value| {
                value.as_object_mut().is_some_and(|fields| fields.remove(name).is_some())
            });
        }
        any
    }

    /// Drops runs of elements, long ones first.
    fn drop_elements(&mut self, place: &str, mut len: usize) -> bool {
        let mut any = false;
        let mut run = len;
        while run > 0 {
            let mut at = len;
            while at >= run {
                at -= run;
                if self.attempt(place, |value| {
                    value.as_array_mut().map(|elements| elements.drain(at..at + run)).is_some()
                }) {
                    any = true;
                    len -= run;
                }
            }
            run /= 2;
        }
        any
    }

    /// Halves the distance to the lowest number that will do.
    fn lower(&mut self, place: &str, number: u64) -> bool {
        let (mut too_low, mut will_do) = (None, number);
        while let Some(middle) = between(too_low, will_do) {
            if self.attempt(place, |value| {
                *value = middle.into();
                true
            }) {
                will_do = middle;
            } else {
                too_low = Some(middle);
            }
        }
        will_do < number
    }

    /// Keeps a change if a law stays broken with it.
    fn attempt(&mut self, place: &str, change: impl FnOnce(&mut Value) -> bool) -> bool {
        if self.tries == 0 || Instant::now() > self.until {
            return false;
        }
        let mut value = self.best.clone();
        if !value.pointer_mut(place).is_some_and(change) {
            return false;
        }
        // Not everything may be left out.
        let Ok(script) = serde_json::from_value(value.clone()) else { return false };
        self.tries -= 1;
        let Some(violation) = (self.play)(&script) else { return false };
        (self.best, self.script, self.violation) = (value, script, violation);
        true
    }
}

/// A number from zero to below `high`, first zero, then the middle of what is left.
const fn between(too_low: Option<u64>, high: u64) -> Option<u64> {
    match too_low {
        None if high > 0 => Some(0),
        Some(low) if high - low > 1 => Some(low + (high - low) / 2),
        None | Some(_) => None,
    }
}

/// The JSON pointers of a value and all that it is made of.
fn collect(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                collect(field, format!("{place}/{name}"), places);
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                collect(element, format!("{place}/{at}"), places);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    places.push(place);
}

/// Letters that tell one complaint from another.
const KIND_MAX: usize = 60;

/// Most scripts that are played.
const TRIES_MAX: u32 = 20_000;

/// Longest search.
const TIME_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Pace;

    #[test]
    fn json_leaves_out_what_is_plain_and_reads_the_same() {
        assert_eq!(Script::default().to_json(), "{}");
        for script in (0..20).map(Script::from_seed) {
            assert_eq!(serde_json::from_str::<Script>(&script.to_json()).unwrap(), script);
        }
    }

    #[test]
    fn what_does_not_matter_goes_and_what_matters_is_lowered() {
        let broken = || Violation(vec!["broken".to_owned()]);
        let play = |script: &Script| {
            let is_broken = script.clients.iter().any(|client| client.think > 1_234 && client.pipelined);
            is_broken.then(broken)
        };
        let script = (0..).map(Script::from_seed).find(|script| play(script).is_some()).unwrap();
        let (small, _) = shrink(&script, broken(), play);
        assert_eq!(small.clients.len(), 1);
        assert_eq!((small.clients[0].think, small.clients[0].pipelined), (1_235, true));
        assert_eq!(small.clients[0].reading, Pace::Prompt);
        assert_eq!((small.requests.len(), small.faults.len()), (0, 0));
    }
}
