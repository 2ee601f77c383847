//! `ompipe logs`: of runs that wait, run, have ended and are gone; long ones; and while servers go.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Child;

use crate::binary::{job, ompipe, pods, run, run_json, start, until_phase};
use crate::namespace::{Namespace, test, test_alone};
use crate::proxy::{Asked, Fate, Proxy};

/// The most memory that the binary may take for a log of any length. It is that of a debug build.
const MOST_MEMORY_KIB: u64 = 40 << 10;
/// A long log: of 200 MB.
const LONG: usize = 200_000_000;
/// The most bytes of a chunk.
const CHUNK: usize = 983_040;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_log_is_the_same_while_it_is_written_and_afterwards", async |namespace| {
            let asked = |exit: i32| json!({"log": {"bytes": 400_000, "seconds": 3}, "exit": exit});
            job(namespace, "good", asked(0), |_| ()).await;
            job(namespace, "bad", asked(3), |_| ()).await;
            // From before there is a pod until the end.
            let good = start(namespace, &["logs", "good", "--follow"]);
            let bad = start(namespace, &["logs", "bad", "--follow"]);
            for (name, follows) in [("good", good), ("bad", bad)] {
                let followed = follows.wait_with_output().await.unwrap();
                assert!(followed.status.success(), "{:?}", followed.stderr);
                is_whole(&followed.stdout, 400_000);
                let (status, afterwards, error) = run(namespace, &["logs", name]).await;
                assert_eq!((status, error.as_str()), (0, ""));
                assert!(afterwards == followed.stdout, "{name} differs afterwards");
                let (_, stamped, _) = run(namespace, &["logs", name, "--timestamps"]).await;
                is_stamped(&stamped, &afterwards);
                let (_, tail, _) = run(namespace, &["logs", name, "--tail", "1"]).await;
                assert!(afterwards.ends_with(&tail) && !tail.is_empty() && tail.len() < 50_000);
            }
        }),
        test("every_try_of_a_run_has_its_log", async |namespace| {
            let name = job(namespace, "again", json!({"exit": 1}), |spec| {
                spec["backoffLimit"] = json!(1);
            })
            .await;
            namespace
                .until("two failed pods", async || {
                    let pods = pods(namespace, &name).await;
                    let failed =
                        |pod: &Pod| pod.status.as_ref().unwrap().phase.as_deref() == Some("Failed");
                    (pods.len() == 2 && pods.iter().all(failed)).then_some(())
                })
                .await;
            let written_by = async |words: &[&str]| {
                let (status, log, error) = run(namespace, words).await;
                assert_eq!(status, 0, "{error}");
                let first = log.split(|byte| *byte == b'\n').next().unwrap();
                let line: Value = serde_json::from_slice(first).unwrap();
                line["pod"].as_str().unwrap().to_owned()
            };
            let pods = pods(namespace, &name).await;
            assert_eq!(written_by(&["logs", "again"]).await, pods[1].name_any());
            assert_eq!(written_by(&["logs", "again", "--attempt", "1"]).await, pods[0].name_any());
            let (status, _, error) = run(namespace, &["logs", "again", "--attempt", "3"]).await;
            assert_eq!(status, 1);
            assert!(error.contains("there are 2"), "{error}");
        }),
        test("a_log_in_chunks_is_the_log", async |namespace| {
            let bytes = 5_000_000;
            let name = job(namespace, "pages", json!({"log": {"bytes": bytes}}), |_| ()).await;
            until_phase(namespace, &name, "Succeeded").await;
            let (_, log, _) = run(namespace, &["logs", "pages"]).await;
            is_whole(&log, bytes);
            let (mut together, mut after, mut number) = (Vec::new(), "0".to_owned(), 0);
            loop {
                let (status, page) =
                    run_json(namespace, &["logs", "pages", "--after", &after]).await;
                assert_eq!(status, 0);
                let chunk = page["profiler_task"].as_str().unwrap().as_bytes();
                assert!(
                    chunk.len() <= CHUNK
                        && chunk.len() * 2 >= CHUNK.min(log.len() - together.len())
                );
                together.extend_from_slice(chunk);
                number += 1;
                match page.get("after") {
                    Some(next) => next.as_str().unwrap().clone_into(&mut after),
                    None => {
                        assert_eq!(page["total"], number.to_string());
                        break;
                    }
                }
            }
            assert!(together == log, "the chunks are not the log");
            let (status, _, error) = run(
                namespace,
                &["logs", "pages", "--format", "json", "--after", &number.to_string()],
            )
            .await;
            assert_eq!(status, 2);
            assert!(error.contains(&format!("there is no chunk {number}")), "{error}");
        }),
        test("a_log_of_200_mb_takes_no_more_memory_than_a_short_one", async |namespace| {
            let name = job(namespace, "long", json!({"log": {"bytes": LONG}}), |_| ()).await;
            until_phase(namespace, &name, "Succeeded").await;
            let began = Instant::now();
            let (memory, log) = read_whole(start(namespace, &["logs", "long"])).await;
            println!("a log of {} bytes: {memory} KiB, {:?}", log.len(), began.elapsed());
            is_whole(&log, LONG);
            assert!(memory < MOST_MEMORY_KIB, "{memory} KiB");
            let chunks = chunks(&log);
            for number in [1, chunks.len() / 2, chunks.len() - 1] {
                let (memory, page) = page_of(namespace, "long", number).await;
                println!("chunk {number} of it: {memory} KiB");
                assert!(memory < MOST_MEMORY_KIB, "{memory} KiB");
                assert_eq!(page["total"], chunks.len().to_string());
                let chunk = page["profiler_task"].as_str().unwrap();
                assert!(chunk.as_bytes() == chunks[number], "chunk {number} differs");
            }
        }),
        test("a_log_is_whole_however_often_its_connection_is_cut", async |namespace| {
            let proxy = Proxy::start();
            let through_it = async |words: &[&str]| {
                let mut command = ompipe(namespace, words);
                let output = command.env("KUBECONFIG", proxy.kubeconfig()).output().await.unwrap();
                let said = String::from_utf8(output.stderr).unwrap();
                assert!(output.status.success(), "{said}");
                (output.stdout, said)
            };
            let is_log = |asked: &Asked| asked.path.contains("/log?");
            let asked = json!({"log": {"bytes": 400_000, "seconds": 5}});
            let name = job(namespace, "cut", asked, |_| ()).await;
            until_phase(namespace, &name, "Running").await;
            proxy.plan(move |asked| match is_log(asked) && asked.number < 30 {
                true => Fate::CutAfter(Duration::from_millis(300)),
                false => Fate::Pass,
            });
            let (followed, said) = through_it(&["logs", "cut", "--follow"]).await;
            assert!(said.contains("asking again"), "{said}");
            is_whole(&followed, 400_000);
            // All of it is there at once, and each time a bit more of it comes.
            let mut bytes = 1;
            proxy.plan(move |asked| {
                if !is_log(asked) || bytes > 300_000 {
                    return Fate::Pass;
                }
                bytes += 23_456;
                Fate::Cut(bytes)
            });
            let (again, _) = through_it(&["logs", "cut"]).await;
            assert!(again == followed, "the log differs");
        }),
        test_alone("a_followed_log_outlives_the_api_server", async |namespace, servers| {
            let asked = json!({"log": {"bytes": 1_000_000, "seconds": 10}});
            let name = job(namespace, "steady", asked, |_| ()).await;
            until_phase(namespace, &name, "Running").await;
            let mut follows = start(namespace, &["logs", "steady", "--follow"]);
            let mut out = follows.stdout.take().unwrap();
            let mut log = vec![0; 100_000];
            out.read_exact(&mut log).await.unwrap();
            for _ in 0..2 {
                servers.kill("kube-apiserver");
                tokio::time::sleep(Duration::from_secs(1)).await;
                servers.start("kube-apiserver");
            }
            out.read_to_end(&mut log).await.unwrap();
            let ended = follows.wait_with_output().await.unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            assert!(ended.status.success(), "{said}");
            assert!(said.contains("asking again"), "{said}");
            is_whole(&log, 1_000_000);
        }),
        test("a_log_that_is_gone_is_told_with_what_is_known", async |namespace| {
            let name = job(namespace, "gone", json!({"exit": 3}), |_| ()).await;
            let pod = until_phase(namespace, &name, "Failed").await;
            let api = namespace.api::<Pod>();
            api.delete(&pod.name_any(), &DeleteParams::default()).await.unwrap();
            namespace
                .until("the pod to be gone", async || {
                    pods(namespace, &name).await.is_empty().then_some(())
                })
                .await;
            let (status, out, error) = run(namespace, &["logs", "gone"]).await;
            assert_eq!((status, out.as_slice()), (1, &[][..]));
            assert!(error.contains("the run failed") && error.contains("Hint: "), "{error}");
            let (status, page) = run_json(namespace, &["logs", "gone"]).await;
            assert_eq!(status, 1);
            assert_eq!((&page["profiler_task"], &page["total"]), (&json!(""), &json!("0")));
            assert!(page["logs"].as_str().unwrap().contains("the run failed"));
            let (status, _, error) = run(namespace, &["logs", "never"]).await;
            assert_eq!(status, 1);
            assert!(error.contains("never has no run"), "{error}");
        }),
        test("a_pod_that_cannot_start_says_why_it_has_no_log", async |namespace| {
            let name = job(namespace, "imageless", json!({}), |spec| {
                spec["template"]["spec"]["containers"][0]["image"] = json!("localhost:1/no/such:1");
            })
            .await;
            until_phase(namespace, &name, "Pending").await;
            namespace
                .until("the image to be missed", async || {
                    let (status, out, error) = run(namespace, &["logs", "imageless"]).await;
                    assert_eq!((status, out.as_slice()), (1, &[][..]));
                    error.contains("localhost:1/no/such:1 cannot be pulled").then_some(())
                })
                .await;
            let mut follows = start(namespace, &["logs", "imageless", "--follow"]);
            let mut said = BufReader::new(follows.stderr.take().unwrap()).lines();
            let first = said.next_line().await.unwrap().unwrap();
            assert!(first.starts_with("no log yet: the image localhost:1/no/such:1"), "{first}");
            follows.kill().await.unwrap();
            // One that is never let in, and is given up.
            job(namespace, "refused", json!({}), |spec| {
                spec["activeDeadlineSeconds"] = json!(8);
                spec["template"]["spec"]["containers"][0]["securityContext"] = json!({});
            })
            .await;
            let (status, _, said) = run(namespace, &["logs", "refused", "--follow"]).await;
            assert_eq!(status, 1);
            assert!(
                said.contains("no log yet: the run waits: no pod of the run was let in"),
                "{said}"
            );
            assert!(
                said.contains("the run failed: the run took longer than its deadline of 8 s"),
                "{said}"
            );
        }),
    ]
}

/// The log that main is asked for, as `image/main.py` writes it.
fn the_log(bytes: usize) -> Vec<u8> {
    let mut log = Vec::with_capacity(bytes + 50_000);
    for number in 0.. {
        log.extend_from_slice(
            format!("{number:08} {} é😀\n", "x".repeat(number * 7 % 120)).as_bytes(),
        );
        if number % 1000 == 999 {
            log.extend(std::iter::repeat_n(b'y', 40_000));
            log.push(b'\n');
        }
        if log.len() >= bytes {
            break;
        }
    }
    log.truncate(bytes);
    log
}

/// A whole log: what main reports when it starts, what was asked for, what main reports at its end.
fn is_whole(log: &[u8], bytes: usize) {
    let begin = log.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let report = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
    assert_eq!(report(&log[..begin])["event"], "started");
    assert!(log.len() > begin + bytes, "{} bytes are too few", log.len());
    assert!(log[begin..begin + bytes] == the_log(bytes), "the log differs from what was written");
    assert_eq!(report(&log[begin + bytes..])["event"], "ended");
}

/// Each line of a log has a time before it, and is otherwise the same.
fn is_stamped(stamped: &[u8], log: &[u8]) {
    let lines = stamped.split_inclusive(|byte| *byte == b'\n');
    let bare: Vec<u8> = lines
        .flat_map(|line| {
            let space = line.iter().position(|byte| *byte == b' ').unwrap();
            let stamp = std::str::from_utf8(&line[..space]).unwrap();
            stamp.parse::<jiff::Timestamp>().unwrap();
            &line[space + 1..]
        })
        .copied()
        .collect();
    assert!(bare == log);
}

/// A log whose lines are short, cut as it should be: after the last line that fits.
fn chunks(log: &[u8]) -> Vec<&[u8]> {
    let (mut chunks, mut rest) = (Vec::new(), log);
    while rest.len() >= CHUNK {
        let end = rest[..CHUNK].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        let (chunk, more) = rest.split_at(end);
        chunks.push(chunk);
        rest = more;
    }
    chunks.push(rest);
    chunks
}

/// All that a process writes, and its peak of memory in KiB.
async fn read_whole(mut of: Child) -> (u64, Vec<u8>) {
    let id = of.id().unwrap();
    let mut out = of.stdout.take().unwrap();
    let (mut log, mut memory, mut piece) = (Vec::with_capacity(LONG + 1000), 0, vec![0; 1 << 20]);
    loop {
        let read = out.read(&mut piece).await.unwrap();
        if read == 0 {
            break;
        }
        memory = peak(id).unwrap_or(memory);
        log.extend_from_slice(&piece[..read]);
    }
    assert!(of.wait().await.unwrap().success());
    (memory, log)
}

/// The peak of a process's memory so far, in KiB.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A chunk of a log, and the peak of memory that it took.
async fn page_of(namespace: &Namespace, pipeline: &str, after: usize) -> (u64, Value) {
    let after = after.to_string();
    let words = ["logs", pipeline, "--format", "json", "--after", &after];
    let child = start(namespace, &words);
    let id = child.id().unwrap();
    let watched = tokio::spawn(async move {
        let mut memory = 0;
        while let Some(now) = peak(id) {
            memory = now;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        memory
    });
    let output = child.wait_with_output().await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    (watched.await.unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}
