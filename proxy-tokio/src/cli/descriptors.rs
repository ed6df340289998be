//! File descriptors: how many a proxy needs, and what becomes of it where the system allows fewer.

use super::table::grouped;
use proxy_core::Config;
use proxy_tokio::PIPES_MAX;

/// The most descriptors that a proxy needs: each client has one and its exchange another; each worker has its
/// listeners, its reactor and its pipes.
pub(super) fn descriptors(config: &Config, workers: usize) -> Option<u64> {
    let clients = u64::from(config.limits.client_connections?);
    Some(
        2 * clients + workers as u64 * PIPE_ENDS * PIPES_MAX as u64 + descriptors_of_process(config, workers),
    )
}

/// What is open however many clients there are.
fn descriptors_of_process(config: &Config, workers: usize) -> u64 {
    workers as u64 * (config.listeners.len() as u64 + REACTOR) + OTHERS
}

/// epoll, its event descriptor and the signal pipe's share of one runtime.
const REACTOR: u64 = 4;
const PIPE_ENDS: u64 = 2;
/// Standard streams and the like.
const OTHERS: u64 = 16;

/// How many clients, and how many pipes of each worker, so many descriptors are enough for. A pipe saves time, a client
/// can't do without: pipes get an eighth.
///
/// A client needs one descriptor and its exchange another; as many connections may idle in the pools of workers that served
/// it before. Where workers are many, they hardly ever all do.
fn affordable(config: &Config, workers: usize, descriptors: u64) -> (u32, usize) {
    let left = descriptors.saturating_sub(descriptors_of_process(config, workers));
    let workers = workers as u64;
    let pipes = (left / 8 / (PIPE_ENDS * workers)).min(PIPES_MAX as u64);
    let clients = (left - workers * PIPE_ENDS * pipes) / (1 + workers.min(2));
    (u32::try_from(clients.max(1)).unwrap_or(u32::MAX), usize::try_from(pipes).unwrap_or(PIPES_MAX))
}

/// Makes use of what the system allows: the soft limit is often 1,024 for the sake of programs that use select(2). Where that
/// is not enough, fewer clients are let in than was said, so that those can be served. Answers how many pipes a worker
/// may have.
pub(super) fn fit_descriptors(config: &mut Config, workers: usize) -> usize {
    let (Some(needed), Some(clients)) = (descriptors(config, workers), config.limits.client_connections)
    else {
        return PIPES_MAX;
    };
    let soft = rlimit::Resource::NOFILE.get_soft().unwrap_or(0);
    match rlimit::increase_nofile_limit(needed.max(soft)) {
        Ok(allowed) if allowed < needed => {
            let (fit, pipes) = affordable(config, workers, allowed);
            if fit < clients {
                config.limits.client_connections = Some(fit);
                tracing::warn!(
                    "limits.client_connections is {} instead of {}: {} file descriptors are allowed, {} would be \
                     needed (ulimit -n)",
                    grouped(fit.into()),
                    grouped(clients.into()),
                    grouped(allowed),
                    grouped(needed)
                );
            }
            pipes
        }
        Ok(_) => PIPES_MAX,
        Err(error) => {
            tracing::warn!("the limit on file descriptors can't be raised: {error}");
            PIPES_MAX
        }
    }
}
