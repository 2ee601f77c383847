//! The verbs on a cluster, while whatever can happen to a request happens to theirs: `proxy` stands
//! between them and the API server.
//!
//! What passes is overcome: the verb says and does the same as in peace, nothing is done twice. What
//! lasts ends it with an error that says what to do, exit status 2, and a state that a rerun heals:
//! then all is as if there had been no fault. So it is when Ctrl-C ends it, at any of its requests.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::namespace::{Namespace, test};
use crate::outcome::{Outcome, same};
use crate::project::Project;
use crate::proxy::{Asked, Fate, PLANTED, Proxy};
use crate::site::{Site, Sites, Verb, signal};

/// A fault: its name, and what it does to a request.
type Fault = (&'static str, fn(&Asked) -> Fate);

/// What is over when the same is asked again.
const PASSING: [Fault; 9] = [
    ("connections refused", |asked| first(asked, Fate::Refused)),
    ("answers lost", |asked| first(asked, Fate::AnswerLost)),
    ("answers cut", |asked| first(asked, Fate::Cut(30))),
    ("429", |asked| match asked.number {
        0 => answer(429, "TooManyRequests", Some(1)),
        _ => first(asked, answer(429, "TooManyRequests", None)),
    }),
    ("500", |asked| first(asked, answer(500, "InternalError", None))),
    ("502", |asked| first(asked, answer(502, "BadGateway", None))),
    ("503", |asked| first(asked, answer(503, "ServiceUnavailable", None))),
    ("504", |asked| first(asked, answer(504, "GatewayTimeout", None))),
    ("late answers", |_| Fate::Late(Duration::from_millis(150))),
];

/// The same of watches and logs.
const PASSING_OF_STREAMS: [Fault; 3] = [
    ("streams cut again and again", |asked| match asked.streams() && asked.number < 20 {
        true => Fate::CutAfter(Duration::from_millis(200)),
        false => Fate::Pass,
    }),
    ("watches refused as too old", |asked| match asked.watches() {
        true => first(asked, answer(410, "Expired", None)),
        false => Fate::Pass,
    }),
    ("watches that turn out too old", |asked| match asked.watches() {
        true => first(asked, Fate::Expired),
        false => Fate::Pass,
    }),
];

/// What does not pass within the time that the verb has, and a part of what is said of it.
const LASTING: [(Fault, &str); 9] = [
    (("connections refused", |_| Fate::Refused), "does not answer"),
    (("answers lost", |_| Fate::AnswerLost), "does not answer"),
    (("silence", |_| Fate::Silence), "does not answer: it took the request and said nothing"),
    (("429", |_| answer(429, "TooManyRequests", None)), "overloaded"),
    (("500", |_| answer(500, "InternalError", None)), WEBHOOKS),
    (("503", |_| answer(503, "ServiceUnavailable", None)), WEBHOOKS),
    (("an expired token", |_| answer(401, "Unauthorized", None)), "log in again"),
    (("forbidden", |_| Fate::AsNobody), "`ompipe rbac` prints a Role"),
    (
        ("a token that expires on the way", |asked| match asked.number {
            0 => Fate::Pass,
            _ => answer(401, "Unauthorized", None),
        }),
        "log in again",
    ),
];
/// The same of requests that change something.
const LASTING_OF_WRITES: [(Fault, &str); 1] = [(
    ("409", |asked| match asked.writes() {
        true => answer(409, "Conflict", None),
        false => Fate::Pass,
    }),
    "Somebody else changed it at the same time",
)];
/// The same of watches.
const LASTING_OF_WATCHES: [(Fault, &str); 2] = [
    (
        ("watches that fail", |asked| match asked.watches() {
            true => answer(500, "InternalError", None),
            false => Fate::Pass,
        }),
        WEBHOOKS,
    ),
    (
        ("watches that are ever too old", |asked| match asked.watches() {
            true => answer(410, "Expired", None),
            false => Fate::Pass,
        }),
        "Run the same again",
    ),
];
const WEBHOOKS: &str = "The API server or one of its webhooks fails";

fn first(asked: &Asked, fate: Fate) -> Fate {
    if asked.repeated == 0 { fate } else { Fate::Pass }
}

const fn answer(code: u16, reason: &'static str, retry_after: Option<u32>) -> Fate {
    Fate::Answered { code, reason, message: PLANTED, retry_after }
}

pub(crate) fn tests() -> Vec<Trial> {
    let old = test("lists_whose_pages_grow_too_old_are_read_whole", pages_too_old);
    Verb::ALL.into_iter().flat_map(of_verb).chain([old]).collect()
}

fn of_verb(verb: Verb) -> [Trial; 3] {
    let name = |what: &str| -> &'static str {
        Box::leak(format!("{verb:?}_{what}").to_lowercase().into_boxed_str())
    };
    [
        test(name("overcomes_what_passes"), async move |namespace| {
            overcomes(namespace, verb).await;
        }),
        test(name("says_what_lasts_and_heals"), async move |namespace| {
            fails_and_heals(namespace, verb).await;
        }),
        test(name("heals_after_ctrl_c_at_any_request"), async move |namespace| {
            heals_after_interrupts(namespace, verb).await;
        }),
    ]
}

/// What the verb asks and what comes of it where nothing happens.
async fn in_peace(all: &Sites<'_>) -> (Vec<Asked>, Outcome) {
    let site = all.site().await;
    let output = site.ompipe("20");
    let asked = all.proxy().asked();
    assert!(!asked.is_empty(), "{output:?}");
    (asked, site.outcome(&output).await)
}

/// The requests with their numbers, without those that ask what was asked since the last change.
fn distinct(asked: &[Asked]) -> impl Iterator<Item = (usize, &Asked)> {
    asked.iter().enumerate().filter(|(number, request)| {
        let before = asked[..*number].iter().rev().take_while(|before| !before.writes());
        request.writes() || before.clone().all(|before| before.path != request.path)
    })
}

async fn overcomes(namespace: &Namespace, verb: Verb) {
    let all = Sites::new(namespace, verb).await;
    let (asked, expected) = in_peace(&all).await;
    let streams = asked.iter().any(Asked::streams);
    let of_streams = PASSING_OF_STREAMS.iter().filter(|_| streams);
    for (name, fault) in PASSING.iter().chain(of_streams) {
        let site = next(&all, verb).await;
        all.proxy().plan(fault);
        let output = site.ompipe("20");
        all.proxy().plan(|_| Fate::Pass);
        same(&site.outcome(&output).await, &expected, &format!("{name}: {output:?}"));
    }
    let site = next(&all, verb).await;
    all.proxy().down();
    let proxy = all.proxy().clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        proxy.up();
    });
    let output = site.ompipe("20");
    same(&site.outcome(&output).await, &expected, &format!("a restart: {output:?}"));
    all.are_as_they_were().await;
}

/// A log is followed while it is written once only.
async fn next<'a>(all: &Sites<'a>, verb: Verb) -> std::rc::Rc<Site<'a>> {
    match verb {
        Verb::LogsFollow => all.new_site().await,
        _ => all.site().await,
    }
}

async fn fails_and_heals(namespace: &Namespace, verb: Verb) {
    let all = Sites::new(namespace, verb).await;
    let (asked, expected) = in_peace(&all).await;
    let writes = asked.iter().any(Asked::writes);
    let watches = asked.iter().any(Asked::watches);
    let of_writes = LASTING_OF_WRITES.iter().filter(|_| writes);
    let of_watches = LASTING_OF_WATCHES.iter().filter(|_| watches);
    for ((name, fault), said) in LASTING.iter().chain(of_writes).chain(of_watches) {
        if asked.len() < 2 && name.ends_with("on the way") {
            continue;
        }
        let site = all.site().await;
        all.proxy().plan(fault);
        let began = Instant::now();
        let output = site.ompipe("1");
        all.proxy().plan(|_| Fate::Pass);
        match (verb, *name) {
            // That is what it is asked for.
            (Verb::Doctor, "forbidden") => {
                assert_eq!(output.status.code(), Some(1), "{output:?}");
                let stdout = String::from_utf8_lossy(&output.stdout);
                assert!(stdout.contains("`ompipe rbac "), "{stdout}");
            }
            _ => failed(&output, name, said),
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{name}: not in time");
        heals(&site, name, &expected).await;
    }
    // Every single request of it in turn, which writes the others of the same run may have done.
    for (number, _) in distinct(&asked) {
        let site = all.site().await;
        let failing: Mutex<Option<String>> = Mutex::new(None);
        all.proxy().plan(move |asked| {
            let mut failing = failing.lock().unwrap();
            if asked.number == number {
                *failing = Some(asked.path.clone());
            }
            match failing.as_ref() == Some(&asked.path) {
                true => answer(503, "ServiceUnavailable", None),
                false => Fate::Pass,
            }
        });
        let output = site.ompipe("0");
        all.proxy().plan(|_| Fate::Pass);
        // What it can do without it does without.
        if output.status.code() != expected.code {
            failed(&output, &format!("request {number}"), PLANTED);
        }
        heals(&site, &format!("after request {number}"), &expected).await;
    }
    let site = all.site().await;
    all.proxy().down();
    let output = site.ompipe("1");
    all.proxy().up();
    failed(&output, "nobody there", "does not answer");
    heals(&site, "nobody there", &expected).await;
    all.are_as_they_were().await;
}

/// It ended as the tool's own failures do, and says this.
fn failed(output: &Output, name: &str, said: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
    assert!(stderr.contains("Error: ") && stderr.contains("Hint: "), "{name}: {stderr}");
    assert!(stderr.contains(said), "{name}: not {said:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{name}: {stderr}");
}

/// Run again without a fault it does what it did not, and all is as without one.
async fn heals(site: &Site<'_>, name: &str, expected: &Outcome) {
    let output = site.ompipe("20");
    let outcome = site.outcome(&output).await;
    let expected = Outcome { said: outcome.said.clone(), ..expected.clone() };
    same(&outcome, &expected, &format!("{name}: {output:?}"));
}

async fn heals_after_interrupts(namespace: &Namespace, verb: Verb) {
    let all = Sites::new(namespace, verb).await;
    let (mut asked, expected) = in_peace(&all).await;
    if verb == Verb::StatusWatch {
        // Those until it has nothing more to ask, as long as nothing changes.
        let site = all.site().await;
        let child = site.start("20");
        tokio::time::sleep(Duration::from_secs(3)).await;
        signal("INT", &child.id().to_string());
        site.ended(child);
        asked = all.proxy().asked();
    }
    for (number, request) in distinct(&asked) {
        // What only looks is the same whether the API server has heard of it or not.
        let heard = if request.writes() { &[false, true][..] } else { &[false] };
        for done in heard {
            let name = format!("Ctrl-C at request {number}, done by the API server: {done}");
            let site = all.site().await;
            let (send, process) = mpsc::channel::<String>();
            let done = *done;
            all.proxy().plan(move |asked| {
                if asked.number < number {
                    return Fate::Pass;
                }
                if asked.number == number {
                    let process = process.recv().unwrap();
                    if done {
                        // After the answer is lost, when the API server has done it.
                        std::thread::spawn(move || {
                            std::thread::sleep(Duration::from_millis(30));
                            signal("INT", &process);
                        });
                        return Fate::AnswerLost;
                    }
                    signal("INT", &process);
                }
                Fate::Refused
            });
            let child = site.start("20");
            send.send(child.id().to_string()).unwrap();
            let output = site.ended(child);
            let is_reached = all.proxy().asked().len() > number;
            all.proxy().plan(|_| Fate::Pass);
            let ended = match verb {
                // What is waited for may come sooner, and then there are fewer.
                _ if !is_reached => output.status.code() == expected.code,
                // That is how it ends.
                Verb::StatusWatch => output.status.success(),
                _ => output.status.signal() == Some(2) || output.status.code() == Some(2),
            };
            assert!(ended, "{name}: {output:?}");
            heals(&site, &name, &expected).await;
        }
    }
    all.are_as_they_were().await;
}

/// Lists in several pages, of which the API server forgets the rest after the first.
async fn pages_too_old(namespace: &Namespace) {
    let project = Project::new(namespace, "pages", "");
    for pipeline in ["one", "two", "three"] {
        project.pipeline(pipeline, "0 3 31 12 *", "");
    }
    project.run(&["apply"]).with_status(0);
    let proxy = Proxy::start();
    let status = || {
        let words = ["status", "-n", &namespace.name, "--format", "json", "--retry-for", "1"];
        let command = project.command_by(proxy.kubeconfig().to_str().unwrap(), &words);
        Project::said(command).with_status(0).json()
    };
    let expected = status();
    assert_eq!(expected["pipelines"].as_array().unwrap().len(), 3, "{expected}");
    let continues = |asked: &Asked| asked.path.contains("continue=");
    proxy.plan(|_| Fate::OneByOne);
    assert_eq!(status(), expected);
    assert_eq!(proxy.asked().iter().filter(|asked| continues(asked)).count(), 2);
    proxy.plan(move |asked| match continues(asked) {
        true => answer(410, "Expired", None),
        false => Fate::OneByOne,
    });
    assert_eq!(status(), expected);
    let asked = proxy.asked();
    let of_schedules: Vec<_> = asked.iter().filter(|one| one.path.contains("/cronjobs")).collect();
    assert_eq!(of_schedules.len(), 3, "{of_schedules:?}");
    assert!(!of_schedules[2].path.contains("limit="), "{of_schedules:?}");
}
