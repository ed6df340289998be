//! Medians and ratios, as Markdown.

use crate::contender::Contender;
use crate::scenario::Scenario;
use crate::tools::Syscalls;
use crate::trial::Measured;
use std::collections::BTreeMap;
use std::fmt::Write;

/// All that was measured, by scenario and proxy.
#[derive(Debug, Default)]
pub(crate) struct Results(BTreeMap<(usize, Contender), Result>);

#[derive(Debug, Default)]
struct Result {
    rounds: BTreeMap<usize, Measured>,
    syscalls: Option<Syscalls>,
    instructions: Option<f64>,
}

impl Results {
    pub(crate) fn add(&mut self, scenario: usize, contender: Contender, round: usize, measured: Measured) {
        self.0.entry((scenario, contender)).or_default().rounds.insert(round, measured);
    }

    pub(crate) fn add_syscalls(&mut self, scenario: usize, contender: Contender, syscalls: Option<Syscalls>) {
        self.0.entry((scenario, contender)).or_default().syscalls = syscalls;
    }

    pub(crate) fn add_instructions(
        &mut self,
        scenario: usize,
        contender: Contender,
        instructions: Option<f64>,
    ) {
        self.0.entry((scenario, contender)).or_default().instructions = instructions;
    }

    /// One line per scenario: the figure that matters, of everybody, and Weir's share of the others'.
    pub(crate) fn summary(&self, scenarios: &[&Scenario]) -> String {
        let mut out = String::from(
            "| scenario | figure | Weir | nginx | HAProxy | bare relay | ÷ nginx | ÷ HAProxy | ÷ relay |\n\
             |---|---|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for (index, scenario) in scenarios.iter().enumerate() {
            let figures = Contender::ALL.map(|contender| cell(self.figure(index, contender), significant));
            let others = [Contender::Nginx, Contender::Haproxy, Contender::Relay];
            let ratios = others.map(|other| cell(self.ratio(index, other), |ratio| format!("{ratio:.2}")));
            // Writing to a string can't fail, here and below.
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                scenario.about,
                scenario.kind.figure(),
                figures.join(" | "),
                ratios.join(" | ")
            );
        }
        out
    }

    /// One line per scenario and proxy, with everything.
    pub(crate) fn details(&self, scenarios: &[&Scenario]) -> String {
        let mut out = String::from(
            "| scenario | proxy | requests/s | CPU µs/request | system calls/request (data + waits + others) | \
             instructions/request | p50 µs | p99 µs | p99.9 µs | memory MiB |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for ((index, contender), result) in &self.0 {
            let Some(scenario) = scenarios.get(*index) else { continue };
            let timed = |value: fn(&Measured) -> f64| {
                cell(result.median(value).filter(|_| scenario.kind.is_timed()), significant)
            };
            let syscalls = result.syscalls.map_or("–".into(), |calls| {
                format!("{:.2} + {:.2} + {:.2}", calls.data, calls.waits, calls.others)
            });
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {syscalls} | {} | {} | {} | {} | {} |",
                scenario.name,
                contender.name(),
                timed(|measured| measured.requests_per_second),
                timed(|measured| measured.cpu_micros),
                cell(result.instructions, |count| format!("{count:.0}")),
                timed(|measured| measured.p50),
                timed(|measured| measured.p99),
                timed(|measured| measured.p999),
                cell(result.median(|measured| measured.memory / 1024.0 / 1024.0), significant),
            );
        }
        out
    }

    fn figure(&self, scenario: usize, contender: Contender) -> Option<f64> {
        self.0.get(&(scenario, contender))?.median(|measured| measured.figure)
    }

    /// The median of each round's ratio: what disturbs one round disturbs both of its sides.
    fn ratio(&self, scenario: usize, other: Contender) -> Option<f64> {
        let (weir, other) = (self.0.get(&(scenario, Contender::Weir))?, self.0.get(&(scenario, other))?);
        let ratio = |(round, weir): (&usize, &Measured)| Some(weir.figure / other.rounds.get(round)?.figure);
        median(weir.rounds.iter().filter_map(ratio).collect())
    }
}

impl Result {
    fn median(&self, value: impl Fn(&Measured) -> f64) -> Option<f64> {
        median(self.rounds.values().map(value).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2)?;
    if values.len().is_multiple_of(2) {
        Some((values[values.len() / 2 - 1] + middle) / 2.0)
    } else {
        Some(*middle)
    }
}

fn cell(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or("–".into(), show)
}

/// About three digits.
fn significant(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    fn measured(figure: f64) -> Measured {
        Measured { figure, ..Measured::default() }
    }

    #[test]
    fn a_ratio_is_the_median_of_those_of_the_rounds() {
        let mut results = Results::default();
        for (round, (weir, nginx)) in [(10.0, 20.0), (30.0, 40.0), (9.0, 10.0)].into_iter().enumerate() {
            results.add(0, Contender::Weir, round, measured(weir));
            results.add(0, Contender::Nginx, round, measured(nginx));
        }
        assert_eq!(results.ratio(0, Contender::Nginx), Some(0.75));
        assert_eq!(results.figure(0, Contender::Weir), Some(10.0));
        let summary = results.summary(&[&SCENARIOS[0]]);
        let line = summary.lines().last().unwrap();
        assert!(line.ends_with("| 10.0 | 20.0 | – | – | 0.75 | – | – |"), "{line}");
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
