//! One proxy at one kind of work: started afresh, warmed up, measured, ended.

use crate::contender::{Contender, Job};
use crate::process::{Process, free_addr};
use crate::scenario::{Kind, Scenario};
use crate::tools::{Strace, Syscalls, valgrind, valgrind_total};
use crate::world::{Load, Stats, World};
use anyhow::Result;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// What is run, and where.
#[derive(Debug)]
pub(crate) struct Trial<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) contender: Contender,
    pub(crate) binary: PathBuf,
    /// The core of the proxy; the load is on another one.
    pub(crate) core: usize,
    pub(crate) seconds: f64,
    /// For fixed rates: requests per second.
    pub(crate) rate: f64,
}

/// What one trial came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// The one that matters, in the unit of [`Kind::figure`].
    pub(crate) figure: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) cpu_micros: f64,
    /// Latencies in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// Octets.
    pub(crate) memory: f64,
}

/// A started proxy and its clients and origin.
struct Stage {
    world: World,
    process: Process,
    dir: TempDir,
}

/// Long enough that pools are filled and code is in the caches.
const WARM_UP: Duration = Duration::from_millis(300);

/// Runs under strace are slow, and only counted.
const STRACED: Duration = Duration::from_millis(500);

/// How long stalled connections take to fill every buffer.
const STALL: Duration = Duration::from_secs(3);

/// Clients that are served before an idle proxy's memory is looked at, and requests that are served at a time.
const AT_ONCE: usize = 64;

impl Trial<'_> {
    /// What is tried, for people.
    pub(crate) fn describe(&self) -> String {
        format!("{}, {}", self.scenario.name, self.contender.name())
    }

    /// # Errors
    /// The proxy can't be started, or does not do its work.
    pub(crate) fn measure(&self) -> Result<Measured> {
        let mut stage = self.stage(&[])?;
        match self.scenario.kind {
            Kind::Requests | Kind::Bulk | Kind::Tail => self.measure_time(&mut stage),
            Kind::Idle => self.measure_idle(&mut stage),
            Kind::StalledClients | Kind::StalledOrigins => self.measure_stalled(&mut stage),
        }
    }

    /// System calls per request; `None` without strace.
    ///
    /// # Errors
    /// As for [`Trial::measure`].
    pub(crate) fn syscalls(&self) -> Result<Option<Syscalls>> {
        if self.scenario.kind != Kind::Requests {
            return Ok(None);
        }
        let mut stage = self.stage(&[])?;
        stage.world.connect(self.scenario.clients)?;
        stage.world.run(self.warm_up())?;
        let Some(strace) = Strace::attach(&stage.process.pids(), stage.dir.path())? else { return Ok(None) };
        let stats = stage.world.run(Load::Closed(STRACED))?;
        Ok(Some(strace.detach()?.per(stats.requests)))
    }

    /// Instructions in user space per request; `None` without valgrind. The profile goes to `profiles`, if anywhere.
    ///
    /// # Errors
    /// As for [`Trial::measure`].
    pub(crate) fn instructions(&self, profiles: Option<&Path>) -> Result<Option<f64>> {
        let profile = profiles.map_or("/dev/null".into(), |dir| {
            dir.join(format!("{}-{}.callgrind", self.scenario.name, self.contender.name()))
        });
        let Some(prefix) = valgrind(&profile) else { return Ok(None) };
        if self.scenario.kind != Kind::Requests {
            return Ok(None);
        }
        // The difference of two runs leaves out starting and ending.
        let (few, many) = (1_000, 3_000);
        let [less, more] = [few, many].map(|requests| -> Result<u64> {
            let mut stage = self.stage(&prefix)?;
            stage.world.connect(self.scenario.clients)?;
            // Not a multiple of what is sent at once would be rounded up.
            let batches = requests / self.scenario.pipelined as u64;
            stage.world.run(Load::Count { requests: batches, at_once: self.scenario.clients })?;
            drop(stage.world);
            stage.process.terminate()?;
            valgrind_total(stage.dir.path())
        });
        #[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
        let each = more?.saturating_sub(less?) as f64 / (many - few) as f64;
        Ok(Some(each))
    }

    /// The most requests per second.
    ///
    /// # Errors
    /// As for [`Trial::measure`].
    pub(crate) fn capacity(&self) -> Result<f64> {
        let mut stage = self.stage(&[])?;
        stage.world.connect(self.scenario.clients)?;
        stage.world.run(self.warm_up())?;
        Ok(per_second(&stage.world.run(Load::Closed(self.during()))?))
    }

    fn stage(&self, prefix: &[String]) -> Result<Stage> {
        let dir = TempDir::with_prefix("weir-compare-")?;
        let origin = TcpListener::bind("127.0.0.1:0")?;
        let listen = free_addr()?;
        let job = Job {
            listen,
            origin: origin.local_addr()?,
            access_log: self.scenario.access_log,
            dir: dir.path(),
            single_process: !prefix.is_empty(),
        };
        let command = [prefix, &self.contender.command(&self.binary, &job)?].concat();
        let process = Process::start(&command, self.core, listen, dir.path())?;
        let world = World::new(self.scenario.plan(), origin, listen)?;
        Ok(Stage { world, process, dir })
    }

    fn warm_up(&self) -> Load {
        Load::Closed(WARM_UP.min(self.during()))
    }

    fn during(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    fn load(&self) -> Load {
        match self.scenario.kind {
            Kind::Tail => Load::Rate { per_second: self.rate, during: self.during() },
            Kind::Requests | Kind::Bulk | Kind::Idle | Kind::StalledClients | Kind::StalledOrigins => {
                Load::Closed(self.during())
            }
        }
    }

    fn measure_time(&self, stage: &mut Stage) -> Result<Measured> {
        let Stage { world, process, .. } = stage;
        world.connect(self.scenario.clients)?;
        world.run(self.warm_up())?;
        let before = process.cpu();
        let stats = world.run(self.load())?;
        let cpu = process.cpu().saturating_sub(before);
        let micros = |quantile| to_f64(stats.latency.value_at_quantile(quantile)) / 1e3;
        let cpu_micros = cpu.as_secs_f64() * 1e6 / to_f64(stats.requests);
        let p99 = micros(0.99);
        let figure = match self.scenario.kind {
            Kind::Tail => p99,
            Kind::Bulk => cpu_micros * 1e3 / to_f64(self.scenario.octets()),
            Kind::Requests | Kind::Idle | Kind::StalledClients | Kind::StalledOrigins => cpu_micros,
        };
        Ok(Measured {
            figure,
            requests_per_second: per_second(&stats),
            cpu_micros,
            p50: micros(0.5),
            p99,
            p999: micros(0.999),
            memory: to_f64(process.memory()),
        })
    }

    fn measure_idle(&self, stage: &mut Stage) -> Result<Measured> {
        let Stage { world, process, .. } = stage;
        world.connect(AT_ONCE)?;
        world.run(self.warm_up())?;
        let before = process.memory();
        world.connect(self.scenario.clients)?;
        let requests = (self.scenario.clients + AT_ONCE) as u64;
        world.run(Load::Count { requests, at_once: AT_ONCE })?;
        Ok(self.memory_since(before, process))
    }

    fn measure_stalled(&self, stage: &mut Stage) -> Result<Measured> {
        let Stage { world, process, .. } = stage;
        let before = process.memory();
        world.connect(self.scenario.clients)?;
        world.run(Load::Stall(STALL))?;
        Ok(self.memory_since(before, process))
    }

    fn memory_since(&self, before: u64, process: &Process) -> Measured {
        sleep(Duration::from_millis(200));
        let memory = process.memory();
        let each = to_f64(memory.saturating_sub(before)) / 1024.0 / to_f64(self.scenario.clients as u64);
        Measured { figure: each, memory: to_f64(memory), ..Measured::default() }
    }
}

fn per_second(stats: &Stats) -> f64 {
    to_f64(stats.requests) / stats.elapsed.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2⁵³")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
