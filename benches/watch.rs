//! From a save to the files written, by `ompipe watch`: `cargo bench --bench watch -- N EDITS`, as
//! `watch.sh` does. Without arguments, as among all benchmarks, it does nothing.
//!
//! A program of its own saves a pipeline's file as an editor does, and looks at the folder's lock
//! until it is another one: it is written last, so that nothing but the disk says when it is over. The
//! binary is that of `OMPIPE`.

#![expect(clippy::print_stdout, reason = "a program of its own, whose output is read by people")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up fails")]

mod projects;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Between two saves: longer than any burst of changes.
const PAUSE: Duration = Duration::from_millis(25);

fn main() {
    // Cargo adds `--bench`.
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let numbers = arguments.map(|number| number.parse().unwrap()).collect::<Vec<usize>>();
    if let [count, edits] = numbers.as_slice() {
        measure(*count, *edits);
    }
}

fn measure(count: usize, edits: usize) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    projects::write(folder, count).unwrap();
    let mut child = Command::new(std::env::var_os("OMPIPE").unwrap())
        .args(["watch", "--format", "json", "-o", "rendered"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = Instant::now();
    while !events.next().unwrap().unwrap().contains("\"rendered\"") {}
    println!("{count} pipelines, first render {:.2} s", started.elapsed().as_secs_f64());
    std::thread::spawn(move || events.for_each(drop));
    // A file system that puts all of this on the disk lets others wait for it.
    assert!(Command::new("sync").status().unwrap().success());

    let mut times = Vec::with_capacity(edits);
    for edit in 0..edits {
        let number = edit * 7919 % count;
        let definition = projects::pipeline(number);
        let text = definition.replace("LOG_LEVEL", &format!("LOG_LEVEL_{edit}"));
        std::thread::sleep(PAUSE);
        let path = folder.join(format!("pipelines/p{number:06}.yaml"));
        times.push(save(&path, &text, &folder.join("rendered/ompipe.lock")));
    }
    times.sort();
    let at = |share: usize| times[(times.len() * share).div_ceil(100) - 1].as_secs_f64() * 1e3;
    println!(
        "{edits} saves, to the last file written: p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        at(50),
        at(99),
        at(100)
    );
    rest(&child);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Saves a file, and waits until the lock is another one: it is written last.
fn save(path: &Path, text: &str, lock: &Path) -> Duration {
    let stamp = || fs::metadata(lock).and_then(|there| there.modified()).ok();
    let before = stamp();
    let began = Instant::now();
    fs::write(path, text).unwrap();
    while stamp() == before {
        std::thread::sleep(Duration::from_micros(100));
    }
    began.elapsed()
}

/// What a watch takes at rest.
fn rest(child: &Child) {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.unwrap_or_default().split_whitespace().nth(1).unwrap_or("?").to_owned()
    };
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let fields = fields.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let field = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        field(11).unwrap_or(0) + field(12).unwrap_or(0)
    };
    std::thread::sleep(Duration::from_millis(500));
    let before = ticks();
    std::thread::sleep(Duration::from_secs(10));
    println!(
        "at rest: {} ticks of 10 ms in 10 s; resident {} kB, at most {} kB",
        ticks() - before,
        field("status", "VmRSS:"),
        field("status", "VmHWM:")
    );
}
