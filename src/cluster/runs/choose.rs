//! Which of several runs is meant.
//!
//! In: runs, the newest first, and what somebody calls one. Out: that run.

use super::run::Run;

/// No run, or not just one, is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unchosen {
    /// There are no runs at all.
    NoRuns,
    /// None of them is called so.
    Unknown,
    /// Several are: their ids.
    Ambiguous(Vec<String>),
}

/// The newest run; or the one of this id, of this name, or of an id or name that begins so; or the
/// newest of the automation or application whose runs are named so.
pub fn choose<'runs>(runs: &'runs [Run], called: Option<&str>) -> Result<&'runs Run, Unchosen> {
    let Some(newest) = runs.first() else { return Err(Unchosen::NoRuns) };
    let Some(called) = called else { return Ok(newest) };
    let is_called = |run: &&Run| run.id == called || run.name == called || run.is_of_entity(called);
    if let Some(run) = runs.iter().find(is_called) {
        return Ok(run);
    }
    let begins = |run: &&Run| run.id.starts_with(called) || run.name.starts_with(called);
    let meant: Vec<&Run> = runs.iter().filter(begins).collect();
    match meant.as_slice() {
        [] => Err(Unchosen::Unknown),
        [run] => Ok(run),
        some => Err(Unchosen::Ambiguous(some.iter().map(|run| run.id.clone()).collect())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::run::of_job;
    use super::*;

    fn runs() -> Vec<Run> {
        let run = |id: &str| {
            let job = json!({"metadata": {
                "name": format!("om-job-orders-{}", &id[..8]),
                "labels": {"app.kubernetes.io/run-id": id},
            }});
            of_job(&serde_json::from_value(job).unwrap(), None)
        };
        vec![run("aaaa1111-x"), run("aaaa2222-x"), run("bbbb1111-x")]
    }

    #[test]
    fn without_a_name_the_newest_run_is_meant() {
        assert_eq!(choose(&runs(), None).unwrap().id, "aaaa1111-x");
        assert_eq!(choose(&[], None), Err(Unchosen::NoRuns));
    }

    #[test]
    fn the_newest_run_of_an_automation_is_called_by_what_their_names_have_in_common() {
        assert_eq!(choose(&runs(), Some("om-job-orders")).unwrap().id, "aaaa1111-x");
    }

    #[test]
    fn a_run_is_called_by_its_id_its_object_or_a_unique_begin() {
        for called in ["bbbb1111-x", "b", "om-job-orders-bbbb1111"] {
            assert_eq!(choose(&runs(), Some(called)).unwrap().id, "bbbb1111-x");
        }
        let ids = vec!["aaaa1111-x".to_owned(), "aaaa2222-x".to_owned()];
        assert_eq!(choose(&runs(), Some("aaaa")), Err(Unchosen::Ambiguous(ids)));
        assert_eq!(choose(&runs(), Some("c")), Err(Unchosen::Unknown));
    }
}
