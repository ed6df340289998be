//! Draws scripts from octets: random ones, or a fuzzer's. Small numbers and plain cases are the likely ones; where the
//! octets end, everything is plain.

use crate::faults::{ALL, Fault};
use crate::script::{
    Answer, AnswerEnd, AnswerFraming, Client, Connect, Endpoint, Leave, Limits, Method, Pace, Request,
    RequestBody, Route, Script, Timeouts,
};
use arbitrary::{Arbitrary, Result, Unstructured};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

impl Script {
    /// The script of a seed: the same everywhere, and unlike any other's.
    pub fn from_seed(seed: u64) -> Self {
        Self::from_octets(&random_octets(seed))
    }

    /// The script that any octets stand for.
    pub fn from_octets(octets: &[u8]) -> Self {
        // Drawing never fails: it draws zeros where the octets end.
        Self::arbitrary(&mut Unstructured::new(octets)).unwrap_or_default()
    }
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let dice = &mut Dice(u);
        let mut script = Self {
            seed: dice.any()?,
            faults: faults(dice)?,
            clients: dice.list(1..=5, client)?,
            crowd: if dice.percent(2)? { dice.small(10..=40)? } else { 0 },
            requests: dice.list(1..=5, request)?,
            answers: dice.list(1..=5, answer)?,
            endpoints: dice.list(1..=3, endpoint)?,
            connects: dice.list(1..=5, connect)?,
            reads: dice.list(0..=4, cut)?,
            pipes: dice.any()?,
            writes: dice.list(0..=4, cut)?,
            latencies: dice.list(1..=3, |dice| dice.small(0..=19))?,
            windows: dice.list(0..=3, |dice| dice.number(512..=8_999))?,
            bandwidths: dice.list(0..=2, bandwidth)?,
            exhausted: dice.list(0..=2, |dice| Ok((dice.number(0..=5_999)?, dice.number(0..=1_499)?)))?,
            late_news: dice.list(0..=3, Dice::any)?,
            order: dice.list(0..=7, Dice::any)?,
            late_ticks: dice.list(0..=3, late_tick)?,
            stalls: dice.list(0..=2, |dice| Ok((dice.number(0..=39_999)?, stall(dice)?)))?,
            limits: limits(dice)?,
            timeouts: timeouts(dice)?,
            routes: if dice.percent(30)? { dice.list(1..=4, route)? } else { Vec::new() },
            clusters: if dice.percent(30)? { dice.small(1..=4)? } else { 0 },
            listeners: dice.small(0..=3)?,
            hides_addresses: dice.percent(20)?,
            rivals: dice.list(0..=3, |dice| dice.number(0..=9_999))?,
            drain_at: if dice.one_of([3, 7])? == 0 { None } else { Some(dice.number(0..=19_999)?) },
            batches: false,
        };
        if dice.percent(3)? {
            meet(&mut script);
        }
        if dice.percent(50)? {
            just_fit(&mut script);
        }
        script.batches = dice.one_of([2, 1])? == 1;
        if dice.percent(3)? {
            compete(&mut script, dice)?;
        }
        for answer in &mut script.answers {
            answer.lingers = dice.percent(20)?;
        }
        Ok(script)
    }
}

/// Has servers close idle connections at the very moment at which the next request for them comes in.
fn meet(script: &mut Script) {
    script.latencies.truncate(1);
    let latency = script.latencies.first().copied().map_or(0, u16::from);
    for client in &mut script.clients {
        client.think %= 50;
    }
    let think = script.clients.first().and_then(|client| u16::try_from(client.think).ok()).unwrap_or(0);
    for endpoint in &mut script.endpoints {
        endpoint.idle_close = (2 * latency + think).max(1);
    }
    script.faults.insert(Fault::StaleConnections);
}

/// Has several other workers want connections to a server of which few may be made, all at once, while two that are being
/// made are refused and many requests wait for them.
fn compete(script: &mut Script, dice: &mut Dice<'_, '_>) -> Result<()> {
    script.faults.extend([Fault::Limits, Fault::Connects]);
    script.clients.truncate(1);
    script.endpoints.truncate(1);
    script.crowd = 10;
    script.latencies = vec![10];
    script.connects = vec![Connect::Refused, Connect::Refused, Connect::Stands];
    script.limits.connections = 2;
    let start = script.clients.first().map_or(0, |client| client.start);
    script.rivals = vec![start + dice.number(1..=60)?; 3];
    Ok(())
}

/// Lets the bodies of some requests be just as long as they may be.
fn just_fit(script: &mut Script) {
    let lengths = script.requests.iter().map(|request| match request.body {
        RequestBody::None => 0,
        RequestBody::Length(octets) | RequestBody::Chunked { octets, .. } => octets,
    });
    let lengths = lengths.filter(|octets| *octets >= u32::from(BODY_MAX_MIN));
    let lengths = lengths.filter_map(|octets| u16::try_from(octets).ok());
    for (route, octets) in script.routes.iter_mut().filter(|route| route.body_max > 0).zip(lengths) {
        route.body_max = octets;
    }
}

/// A random subset: each fault alone must be able to show what it does.
fn faults(dice: &mut Dice<'_, '_>) -> Result<BTreeSet<Fault>> {
    let mut chosen = BTreeSet::new();
    if dice.one_of([1, 1])? == 0 {
        chosen.extend(dice.list(0..=3, |dice| dice.choose(&ALL))?);
    } else {
        let odds: u8 = dice.any()?;
        for fault in ALL {
            if dice.any::<u8>()? < odds {
                chosen.insert(fault);
            }
        }
    }
    // TCP promises nothing else.
    if dice.percent(40)? {
        chosen.insert(Fault::Splits);
    }
    Ok(chosen)
}

fn cut(dice: &mut Dice<'_, '_>) -> Result<u16> {
    match dice.one_of([2, 3, 2])? {
        0 => Ok(0),
        1 => dice.number(1..=39),
        _ => dice.number(40..=4_999),
    }
}

fn bandwidth(dice: &mut Dice<'_, '_>) -> Result<u16> {
    match dice.one_of([1, 1, 2])? {
        0 => Ok(0),
        1 => dice.number(16..=99),
        _ => dice.number(100..=2_999),
    }
}

/// Some are late by more than any limit on waiting that is usual.
fn late_tick(dice: &mut Dice<'_, '_>) -> Result<u16> {
    if dice.one_of([11, 1])? == 0 { dice.number(0..=49) } else { dice.any() }
}

fn stall(dice: &mut Dice<'_, '_>) -> Result<u16> {
    if dice.one_of([11, 1])? == 0 { dice.number(0..=2_499) } else { dice.any() }
}

fn client(dice: &mut Dice<'_, '_>) -> Result<Client> {
    Ok(Client {
        start: dice.number(0..=2_999)?,
        more: dice.small(0..=4)?,
        pipelined: dice.percent(25)?,
        http10: dice.percent(15)?,
        think: match dice.one_of([5, 4, 2])? {
            0 => 0,
            1 => dice.number(0..=2_999)?.into(),
            _ => u32::from(dice.number(0..=29_999)?) + 50_000,
        },
        sending: client_pace(dice)?,
        reading: client_pace(dice)?,
        leave: leave(dice)?,
        from: dice.any()?,
        listener: dice.small(0..=3)?,
    })
}

fn client_pace(dice: &mut Dice<'_, '_>) -> Result<Pace> {
    Ok(match dice.one_of([2, 2, 1, 2])? {
        0 => Pace::Prompt,
        1 => Pace::Drip { bytes: dice.number(1..=199)?, every: dice.number(1..=299)? },
        2 => Pace::Drip { bytes: dice.number(1..=1_999)?, every: dice.number(1_000..=19_999)? },
        _ => Pace::Stops { after: octets(dice)? },
    })
}

fn leave(dice: &mut Dice<'_, '_>) -> Result<Leave> {
    Ok(match dice.one_of([4, 1, 1, 2, 1, 1, 4])? {
        0 => Leave::Closes,
        1 => Leave::Stays,
        2 => Leave::HalfCloses,
        3 => Leave::HalfClosesRudely,
        4 => Leave::AbortsSending { after: octets(dice)?, reset: dice.any()? },
        5 => Leave::AbortsReceiving { after: octets(dice)?, reset: dice.any()? },
        _ => Leave::AbortsAt { ms: dice.number(0..=3_999)?, reset: dice.any()? },
    })
}

/// A place in a message: in its head, or anywhere.
fn octets(dice: &mut Dice<'_, '_>) -> Result<u16> {
    if dice.one_of([1, 1])? == 0 { dice.number(0..=199) } else { dice.any() }
}

fn request(dice: &mut Dice<'_, '_>) -> Result<Request> {
    Ok(Request {
        method: method(dice)?,
        body: match dice.one_of([3, 2, 2])? {
            0 => RequestBody::None,
            1 => RequestBody::Length(size(dice)?),
            _ => RequestBody::Chunked { octets: size(dice)?, chunk: chunk(dice)? },
        },
        expects: dice.percent(20)?,
        closes: dice.percent(10)?,
        padding: dice.small(0..=99)?,
        host: if dice.percent(30)? { dice.small(0..=5)? } else { 0 },
        path: if dice.percent(30)? { dice.small(0..=4)? } else { 0 },
        lines: if dice.percent(40)? { dice.any()? } else { 0 },
        trailers: if dice.percent(30)? { dice.any()? } else { 0 },
        upgrades: dice.percent(10)?,
        raw: if dice.percent(20)? { dice.any()? } else { 0 },
    })
}

fn method(dice: &mut Dice<'_, '_>) -> Result<Method> {
    use Method::{Brew, Delete, Get, Head, Options, Patch, Post, Put, Trace};
    Ok([Get, Head, Post, Put, Delete, Patch, Options, Trace, Brew]
        [dice.one_of([8, 2, 4, 2, 1, 1, 1, 1, 1])?])
}

/// A few are longer than any number of two octets can say.
fn size(dice: &mut Dice<'_, '_>) -> Result<u32> {
    match dice.one_of([15, 15, 5, 1])? {
        0 => dice.number(0..=49).map(u32::from),
        1 => dice.number(0..=4_999).map(u32::from),
        2 => dice.number(0..=59_999).map(u32::from),
        _ => dice.long(60_000..=200_000),
    }
}

fn chunk(dice: &mut Dice<'_, '_>) -> Result<u32> {
    if dice.percent(5)? { dice.long(60_000..=150_000) } else { dice.number(0..=4_999).map(u32::from) }
}

fn answer(dice: &mut Dice<'_, '_>) -> Result<Answer> {
    Ok(Answer {
        status: dice.any::<u8>().map(|status| if status < 180 { 0 } else { status })?,
        framing: [AnswerFraming::Length, AnswerFraming::Chunked, AnswerFraming::Close]
            [dice.one_of([3, 3, 1])?],
        octets: size(dice)?,
        chunk: chunk(dice)?,
        interims: if dice.percent(20)? { dice.any()? } else { 0 },
        continues: dice.percent(50)?,
        http10: dice.percent(10)?,
        lines: if dice.percent(40)? { dice.any()? } else { 0 },
        trailers: if dice.percent(30)? { dice.any()? } else { 0 },
        early: dice.percent(20)?,
        deaf: dice.percent(25)?,
        delay: match dice.one_of([4, 3, 1])? {
            0 => 0,
            1 => dice.number(0..=1_999)?,
            _ => dice.number(0..=24_999)?,
        },
        pace: match dice.one_of([4, 2, 1, 1])? {
            0 => Pace::Prompt,
            1 => Pace::Drip { bytes: dice.number(1..=499)?, every: dice.number(0..=99)? },
            2 => Pace::Drip { bytes: dice.number(1..=499)?, every: dice.number(1_000..=19_999)? },
            _ => Pace::Stops { after: octets(dice)? },
        },
        end: answer_end(dice)?,
        closes: dice.percent(15)?,
        lingers: false,
        switches: dice.percent(60)?,
        streams: dice.percent(8)?,
        endless: if dice.percent(4)? { dice.number(200..=9_999)? } else { 0 },
        raw: if dice.percent(15)? { dice.any()? } else { 0 },
    })
}

fn answer_end(dice: &mut Dice<'_, '_>) -> Result<AnswerEnd> {
    Ok(match dice.one_of([6, 2, 2, 2, 1])? {
        0 => AnswerEnd::Whole,
        1 => AnswerEnd::Hangs { at: octets(dice)? },
        2 => AnswerEnd::Fin { at: octets(dice)? },
        3 => AnswerEnd::Reset { at: octets(dice)? },
        _ => AnswerEnd::OverLong,
    })
}

fn endpoint(dice: &mut Dice<'_, '_>) -> Result<Endpoint> {
    Ok(Endpoint {
        idle_close: match dice.one_of([1, 1, 1])? {
            0 => 0,
            1 => dice.number(1..=59)?,
            _ => dice.number(1..=4_999)?,
        },
        idle_reset: dice.any()?,
        grumbles: dice.percent(30)?,
        up: dice.number(1..=9_999)?,
        down: if dice.percent(60)? { dice.number(1..=4_999)? } else { 0 },
        hint: if dice.one_of([1, 1])? == 0 { 0 } else { dice.small(1..=9)? },
        cluster: dice.small(0..=3)?,
        weight: if dice.percent(30)? { dice.small(1..=4)? } else { 0 },
    })
}

fn connect(dice: &mut Dice<'_, '_>) -> Result<Connect> {
    Ok(match dice.one_of([12, 3, 6, 3, 3, 1, 1, 3])? {
        0 => Connect::Stands,
        1 => Connect::Slow { ms: dice.number(0..=1_499)? },
        2 => Connect::Refused,
        3 => Connect::Unreachable,
        4 => Connect::Exhausted,
        5 => Connect::Reset,
        6 => Connect::Other,
        _ => Connect::Blackhole,
    })
}

fn limits(dice: &mut Dice<'_, '_>) -> Result<Limits> {
    let one = |dice: &mut Dice<'_, '_>, max| if dice.any()? { Ok(1) } else { dice.small(0..=max) };
    Ok(Limits {
        clients: one(dice, 3)?,
        connections: one(dice, 3)?,
        queue: one(dice, 2)?,
        buffer_kib: dice.small(0..=39)?,
        head_bytes: if dice.any()? { dice.number(1_024..=3_999)? } else { 0 },
        fields: if dice.percent(20)? { dice.any()? } else { 0 },
        body_rate: if dice.percent(20)? { dice.any()? } else { 0 },
    })
}

/// Most are as usual, some are short, and a few are off.
fn timeouts(dice: &mut Dice<'_, '_>) -> Result<Timeouts> {
    let mut one = || {
        Ok(match dice.one_of([12, 4, 2, 1])? {
            0 => 0,
            1 => dice.small(1..=20)?,
            2 => dice.small(1..=254)?,
            _ => 255,
        })
    };
    Ok(Timeouts {
        client_head: one()?,
        client_body: one()?,
        client_write: one()?,
        client_keepalive: one()?,
        queue: one()?,
        connect: one()?,
        write: one()?,
        read: one()?,
        head: one()?,
        total: one()?,
        stream_idle: one()?,
        upstream_keepalive: one()?,
        drain: one()?,
    })
}

fn route(dice: &mut Dice<'_, '_>) -> Result<Route> {
    Ok(Route {
        host: dice.small(0..=4)?,
        path: dice.small(0..=3)?,
        cluster: dice.small(0..=3)?,
        stream: dice.percent(15)?,
        body_max: if dice.percent(25)? { dice.number(BODY_MAX_MIN..=3_000)? } else { 0 },
        timeouts: if dice.percent(20)? { timeouts(dice)? } else { Timeouts::default() },
    })
}

/// The shortest limit on request bodies, in octets: no message of the catalogue has a longer one.
const BODY_MAX_MIN: u16 = 16;

/// Draws from octets. Where they end, the first of every choice is drawn: 0, false, the plain case.
struct Dice<'a, 'u>(&'u mut Unstructured<'a>);

impl<'a> Dice<'a, '_> {
    fn any<T: Arbitrary<'a>>(&mut self) -> Result<T> {
        self.0.arbitrary()
    }

    fn number(&mut self, range: RangeInclusive<u16>) -> Result<u16> {
        self.0.int_in_range(range)
    }

    fn long(&mut self, range: RangeInclusive<u32>) -> Result<u32> {
        self.0.int_in_range(range)
    }

    fn small(&mut self, range: RangeInclusive<u8>) -> Result<u8> {
        self.0.int_in_range(range)
    }

    fn percent(&mut self, percent: u8) -> Result<bool> {
        Ok(self.small(0..=99)? >= 100 - percent)
    }

    fn choose<T: Copy>(&mut self, all: &[T]) -> Result<T> {
        self.0.choose(all).copied()
    }

    /// The place of one of several cases, by their weights.
    fn one_of<const N: usize>(&mut self, weights: [u8; N]) -> Result<usize> {
        let mut drawn = self.small(0..=weights.iter().sum::<u8>() - 1)?;
        let mut at = 0;
        while drawn >= weights[at] {
            drawn -= weights[at];
            at += 1;
        }
        Ok(at)
    }

    fn list<T>(
        &mut self,
        len: RangeInclusive<u8>,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let len = self.small(len)?;
        (0..len).map(|_| element(self)).collect()
    }
}

fn random_octets(seed: u64) -> [u8; OCTETS] {
    let mut octets = [0; OCTETS];
    let mut state = seed;
    for word in octets.chunks_exact_mut(8) {
        word.copy_from_slice(&split_mix(&mut state).to_le_bytes());
    }
    octets
}

/// The next output of SplitMix64, a generator good enough for choosing.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// More than any script draws.
const OCTETS: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_octets_stand_for_a_plain_script() {
        let script = Script::from_octets(&[]);
        assert_eq!(script.faults, BTreeSet::new());
        assert_eq!(script.answers, [Answer::default()]);
        assert_eq!(script.drain_at, None);
    }

    #[test]
    fn a_seed_has_octets_to_spare() {
        for seed in 0..10_000 {
            let octets = random_octets(seed);
            let mut u = Unstructured::new(&octets);
            Script::arbitrary(&mut u).unwrap();
            assert!(!u.is_empty(), "the script of seed {seed} ends in zeros");
        }
    }
}
