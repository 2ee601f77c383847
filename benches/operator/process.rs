//! The operator under measurement: the binary, as a process.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::Failure;
use super::cluster::Cluster;

/// A running operator; it is killed when this is dropped.
pub(super) struct Operator {
    child: Child,
    port: u16,
    pub(super) started: Instant,
}

impl Operator {
    pub(super) fn start(cluster: &Cluster) -> Result<Self, Failure> {
        let (health, metrics) = (free_port()?, free_port()?);
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_ompipe"))
            .args(["controller", "--kubeconfig", &cluster.kubeconfig, "--log-level", "error"])
            .args(["--health-port", &health.to_string(), "--metrics-port", &metrics.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child, port: metrics, started })
    }

    /// Waits until it leads and its caches are filled; returns how long after its start that was.
    pub(super) async fn ready(&self) -> Result<Duration, Failure> {
        let deadline = self.started + Duration::from_secs(120);
        loop {
            let info = self.get("/info").await.unwrap_or_default();
            let ready = self.get("/health/ready").await.unwrap_or_default();
            if info.contains("\"leader\":true") && ready.starts_with("HTTP/1.1 200") {
                return Ok(self.started.elapsed());
            }
            if Instant::now() > deadline {
                return Err("the operator does not become ready".into());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The sum of a metric over all its labels but those of requests about events.
    pub(super) async fn metric(&self, name: &str) -> Result<f64, Failure> {
        let text = self.get("/metrics").await?;
        let lines =
            text.lines().filter(|line| line.starts_with(name) && !line.contains("\"events\""));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Resident memory, in MiB.
    pub(super) fn memory(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kib: f64 = line.split_whitespace().nth(1).unwrap_or_default().parse()?;
        Ok(kib / 1024.0)
    }

    /// Processor time used so far, in seconds.
    pub(super) fn processor(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let mut fields = after_name.split(' ').skip(11);
        let mut ticks =
            || -> Result<f64, Failure> { Ok(fields.next().unwrap_or_default().parse()?) };
        // A hundred ticks a second, as Linux has them for every program.
        Ok((ticks()? + ticks()?) / 100.0)
    }

    pub(super) async fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().await?;
        Ok(())
    }

    /// Asks it to stop.
    pub(super) async fn terminate(mut self) -> Result<(), Failure> {
        Command::new("kill").arg(self.id().to_string()).status().await?;
        self.child.wait().await?;
        Ok(())
    }

    fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    async fn get(&self, path: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
