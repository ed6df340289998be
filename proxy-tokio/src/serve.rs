//! Starts the workers on real sockets and waits for them: threads, runtimes and listeners, nothing else.

use crate::crew::Crew;
use crate::journal_file::{JournalFile, path_of};
use crate::kernel::{TokioNet, listen};
use crate::pipes::PIPES_MAX;
use crate::socket::Door;
use crate::worker::{Journal, Recorder, Setup, run_worker};
use proxy_core::{Config, ConfigError, Core};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::iter::repeat_n;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::SystemTime;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

/// How to serve; what to serve is in [`Config`].
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// How many workers, each a thread: at least one is started.
    pub workers: usize,
    /// How many pipes each of them may hold octets in at a time.
    pub pipes: usize,
    /// Where each worker keeps its journal, with its number behind the name if there are several. It holds everything
    /// that peers sent, and costs time: for finding out, not for every day.
    pub journal: Option<PathBuf>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { workers: 1, pipes: PIPES_MAX, journal: None }
    }
}

/// Starts a proxy and comes back when clients can connect. `recorder` makes each worker's recorder.
///
/// # Errors
/// A configuration that cannot work, an address that cannot be bound, a thread that cannot be started. Nothing is
/// left running then.
pub fn serve<R: Recorder + Send + 'static>(
    mut config: Config,
    options: ServeOptions,
    mut recorder: impl FnMut(usize) -> R,
) -> Result<Running, ServeError> {
    config.validate().map_err(ServeError::Config)?;
    let ServeOptions { workers, pipes, journal: journal_path } = options;
    let workers = workers.max(1);
    let sockets = bind(&config, workers)?;
    // All workers are one proxy: a request that comes back may come to another of them.
    config.instance = instance();
    let (alive, ended) = mpsc::unbounded_channel();
    let mut running = Running {
        addrs: sockets.addrs,
        crew: Crew::new(&config, workers),
        threads: Vec::with_capacity(workers),
        ended,
    };
    // One epoch for all: the times in their outcomes can be compared.
    let epoch = tokio::time::Instant::now();
    for (worker, (listeners, config)) in
        sockets.of_workers.into_iter().zip(repeat_n(config, workers)).enumerate()
    {
        let seed = random_seed();
        let journal = match &journal_path {
            Some(path) => Some(journal(path_of(path, worker, workers), &config, seed)?),
            None => None,
        };
        let core = Core::new(config, seed).map_err(ServeError::Config)?;
        let crew = Arc::clone(&running.crew);
        let recorder = recorder(worker);
        let run = move |runtime: &Runtime| {
            let _guard = runtime.enter();
            let listeners = listeners.into_iter().map(Door::new).collect::<Result<_, _>>()?;
            let journal = journal.map(|journal| Box::new(journal) as Box<dyn Journal>);
            let net = TokioNet;
            let setup =
                Setup { core, net, listeners, crew, worker, pipes, recorder, journal, epoch, unix_seconds };
            runtime.block_on(run_worker(setup));
            Ok(())
        };
        running.start(worker, alive.clone(), run)?;
    }
    Ok(running)
}

/// The listening sockets of all workers.
struct Sockets {
    addrs: Vec<SocketAddr>,
    of_workers: Vec<Vec<TcpListener>>,
}

/// Binds everything before anything starts, so that an address in use is an error and not half a proxy.
fn bind(config: &Config, workers: usize) -> Result<Sockets, ServeError> {
    let mut sockets = Sockets { addrs: Vec::new(), of_workers: Vec::new() };
    sockets.of_workers.resize_with(workers, Vec::new);
    for listener in &config.listeners {
        let addr = listener.bind;
        let bind_error = |error| ServeError::Bind { addr, error };
        let bound = listen(addr, workers, is_v6_only(config, addr)).map_err(bind_error)?;
        let first = bound.first().map_or(Ok(addr), TcpListener::local_addr).map_err(bind_error)?;
        sockets.addrs.push(first);
        sockets.of_workers.iter_mut().zip(bound).for_each(|(of_one, socket)| of_one.push(socket));
    }
    Ok(sockets)
}

/// Whether the IPv4 half of `[::]:80` is another listener's, which has `0.0.0.0:80`.
fn is_v6_only(config: &Config, addr: SocketAddr) -> bool {
    let other = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), addr.port());
    addr.is_ipv6() && addr.port() != 0 && config.listeners.iter().any(|listener| listener.bind == other)
}

fn journal(path: PathBuf, config: &Config, seed: u64) -> Result<JournalFile, ServeError> {
    JournalFile::create(path.clone(), config, seed).map_err(|error| ServeError::Journal { path, error })
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Tells this process from others; never 0.
fn instance() -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
    let bits = random_seed() as u32;
    bits.max(1)
}

/// Randomly keyed by the operating system, once per process, and counted on per call.
fn random_seed() -> u64 {
    RandomState::new().hash_one(())
}

/// A proxy at work. Dropped, it goes on until the process ends.
#[derive(Debug)]
pub struct Running {
    addrs: Vec<SocketAddr>,
    crew: Arc<Crew>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    /// Every worker holds a sender for as long as it lives, and sends nothing.
    ended: mpsc::UnboundedReceiver<Infallible>,
}

impl Running {
    /// Where it listens, in the order of `Config::listeners`; a port that was 0 is the real one.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Tells it to stop taking work and finish what runs, within `timeouts.drain`.
    pub fn drain(&self) {
        self.crew.drain();
    }

    /// Ready when every worker has ended.
    pub async fn ended(&mut self) {
        let _: Option<Infallible> = self.ended.recv().await;
    }

    /// Waits until it is drained.
    ///
    /// # Errors
    /// A worker that failed; the others were drained then.
    pub fn join(self) -> Result<(), ServeError> {
        // All are waited for, whatever becomes of the first.
        let ends = self.threads.into_iter().map(JoinHandle::join).collect::<Vec<_>>();
        ends.into_iter().try_for_each(|end| match end {
            Ok(result) => result.map_err(ServeError::Worker),
            Err(_) => Err(ServeError::Panicked),
        })
    }

    fn start(
        &mut self,
        worker: usize,
        alive: mpsc::UnboundedSender<Infallible>,
        run: impl FnOnce(&Runtime) -> io::Result<()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let last_words = DrainOnPanic(Arc::clone(&self.crew));
        // The runtime is made here, where its failure can still be reported as one to start.
        let runtime = Builder::new_current_thread().enable_all().build();
        let thread = runtime.and_then(|runtime| {
            thread::Builder::new().name(format!("worker-{worker}")).spawn(move || {
                let _held_to_the_end = (last_words, alive);
                run(&runtime)
            })
        });
        match thread {
            Ok(thread) => {
                self.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                self.drain();
                Err(ServeError::Worker(error))
            }
        }
    }
}

/// A worker that panics takes its connections and its share of the limits with it. The rest then finish what they do
/// and end, so that a supervisor can start afresh, rather than limp on.
struct DrainOnPanic(Arc<Crew>);

impl Drop for DrainOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.drain();
        }
    }
}

/// Why a proxy did not start, or ended before its time.
#[derive(Debug)]
pub enum ServeError {
    /// The configuration cannot work.
    Config(ConfigError),
    /// An address cannot be listened on.
    Bind {
        /// Which.
        addr: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// A journal can't be kept.
    Journal {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A worker could not be started.
    Worker(io::Error),
    /// A worker ran into a bug of ours; what it said is on standard error.
    Panicked,
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Bind { addr, error } => write!(f, "cannot listen on {addr}: {error}"),
            Self::Journal { path, error } => {
                write!(f, "cannot keep a journal in {}: {error}", path.display())
            }
            Self::Worker(error) => write!(f, "cannot start a worker: {error}"),
            Self::Panicked => f.write_str("a worker panicked"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Bind { error, .. } | Self::Journal { error, .. } | Self::Worker(error) => Some(error),
            Self::Panicked => None,
        }
    }
}

#[cfg(test)]
mod tests;
