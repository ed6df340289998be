//! The process-wide limits as the other workers share them: a count, a queue, and rivals who want a unit too.

use proxy_core::{Config, EndpointId, Input, Permit};
use std::collections::{BTreeMap, VecDeque};

/// Who asked for a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Core,
    Rival,
}

#[derive(Debug, Default)]
struct Limit {
    max: u32,
    ours: u32,
    rivals: u32,
    waiting: VecDeque<Asker>,
}

/// All limits of the process.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    limits: BTreeMap<Permit, Limit>,
}

impl Permits {
    pub(crate) fn new(config: &Config) -> Self {
        let mut permits = Self::default();
        let clients = config.limits.client_connections.map(|max| (Permit::Client, max));
        let endpoints = (0..)
            .map(EndpointId)
            .zip(config.endpoints())
            .filter_map(|(id, (_, endpoint))| Some((Permit::Endpoint(id), endpoint.max_connections?)));
        for (permit, max) in clients.into_iter().chain(endpoints) {
            permits.limits.insert(permit, Limit { max, ..Limit::default() });
        }
        permits
    }

    /// Takes a unit for the core, or puts it in the queue.
    pub(crate) fn acquire(&mut self, permit: Permit) -> Result<bool, String> {
        let limit = self.limits.get_mut(&permit).ok_or_else(|| format!("{permit:?} is not limited"))?;
        if limit.waiting.contains(&Asker::Core) {
            return Err(format!("{permit:?} was asked for twice"));
        }
        if limit.ours + limit.rivals < limit.max {
            limit.ours += 1;
            return Ok(true);
        }
        limit.waiting.push_back(Asker::Core);
        Ok(false)
    }

    /// Takes a unit back from the core. Some inputs may follow.
    pub(crate) fn release(&mut self, permit: Permit) -> Result<Vec<Input>, String> {
        let limit = self.limits.get_mut(&permit).ok_or_else(|| format!("{permit:?} is not limited"))?;
        limit.ours = limit.ours.checked_sub(1).ok_or_else(|| format!("{permit:?} was given back unowned"))?;
        Ok(limit.hand_on(permit))
    }

    /// A rival wants a unit; the core may have to be told.
    pub(crate) fn rival_wants(&mut self, permit: Permit) -> Vec<Input> {
        let Some(limit) = self.limits.get_mut(&permit) else { return Vec::new() };
        if limit.ours + limit.rivals < limit.max {
            limit.rivals += 1;
            return Vec::new();
        }
        limit.waiting.push_back(Asker::Rival);
        vec![Input::Wanted { permit }]
    }

    /// Rivals give one unit back, if they have any, or stop waiting.
    pub(crate) fn rival_leaves(&mut self, permit: Permit) -> Vec<Input> {
        let Some(limit) = self.limits.get_mut(&permit) else { return Vec::new() };
        if limit.rivals > 0 {
            limit.rivals -= 1;
            return limit.hand_on(permit);
        }
        if let Some(at) = limit.waiting.iter().position(|asker| *asker == Asker::Rival) {
            limit.waiting.remove(at);
        }
        Vec::new()
    }

    /// Whether the next unit that comes free is a rival's.
    pub(crate) fn is_rivals_turn(&self, permit: Permit) -> bool {
        self.limits.get(&permit).is_some_and(|limit| limit.waiting.front() == Some(&Asker::Rival))
    }

    /// Whether the core waits for a unit.
    pub(crate) fn is_asked(&self, permit: Permit) -> bool {
        self.limits.get(&permit).is_some_and(|limit| limit.waiting.contains(&Asker::Core))
    }

    /// Units of one limit that the core holds; `None` if there is no such limit.
    pub(crate) fn ours(&self, permit: Permit) -> Option<u32> {
        self.limits.get(&permit).map(|limit| limit.ours)
    }

    /// Units that the core holds.
    pub(crate) fn held(&self) -> u32 {
        self.limits.values().map(|limit| limit.ours).sum()
    }
}

impl Limit {
    /// Whoever is granted a unit while another waits is told so.
    fn hand_on(&mut self, permit: Permit) -> Vec<Input> {
        match self.waiting.pop_front() {
            Some(Asker::Core) => {
                self.ours += 1;
                let is_wanted = self.waiting.contains(&Asker::Rival) && permit != Permit::Client;
                let wanted = is_wanted.then_some(Input::Wanted { permit });
                [Input::Granted { permit }].into_iter().chain(wanted).collect()
            }
            Some(Asker::Rival) => {
                self.rivals += 1;
                Vec::new()
            }
            None => Vec::new(),
        }
    }
}
