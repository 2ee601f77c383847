//! What people, editors and Git do to a project's folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

/// One of them. Numbers choose among files, folders and texts.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Write(usize, usize),
    /// Emptied, and written in two steps.
    Steps(usize, usize),
    /// Written beside, and renamed into place, as editors do.
    Beside(usize, usize),
    /// Renamed to a backup, written, and the backup removed, as vim does.
    Backup(usize, usize),
    Broken(usize),
    Remove(usize),
    Move(usize, usize),
    Folder(usize),
    MoveFolder(usize, usize),
    RemoveFolder(usize),
    /// A folder becomes another's, or is the project's again.
    Mark(usize, bool),
    Link(usize, usize),
    Service(bool),
    Project(usize),
    RemoveProject,
    Template(Option<bool>),
    Other(usize),
}

/// Where files lie: a folder may not be there.
const FILES: [&str; 6] = [
    "pipelines/0.yaml",
    "pipelines/1.yaml",
    "pipelines/a/2.yaml",
    "pipelines/a/b/3.yaml",
    "more/4.yaml",
    "5.yml",
];
const FOLDERS: [&str; 4] = ["pipelines/a", "pipelines/a/b", "more", "pipelines"];

/// Any of them.
pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let (file, folder, text) = (0..FILES.len(), 0..FOLDERS.len(), 0..6usize);
    let in_file = (file.clone(), text.clone());
    prop_oneof![
        4 => in_file.clone().prop_map(|(file, text)| Edit::Write(file, text)),
        2 => in_file.clone().prop_map(|(file, text)| Edit::Steps(file, text)),
        2 => in_file.clone().prop_map(|(file, text)| Edit::Beside(file, text)),
        2 => in_file.prop_map(|(file, text)| Edit::Backup(file, text)),
        1 => file.clone().prop_map(Edit::Broken),
        3 => file.clone().prop_map(Edit::Remove),
        2 => (file.clone(), file.clone()).prop_map(|(from, to)| Edit::Move(from, to)),
        2 => folder.clone().prop_map(Edit::Folder),
        2 => (folder.clone(), folder.clone()).prop_map(|(from, to)| Edit::MoveFolder(from, to)),
        1 => folder.clone().prop_map(Edit::RemoveFolder),
        1 => (folder, any::<bool>()).prop_map(|(folder, is)| Edit::Mark(folder, is)),
        1 => (file.clone(), file.clone()).prop_map(|(from, to)| Edit::Link(from, to)),
        1 => any::<bool>().prop_map(Edit::Service),
        2 => text.prop_map(Edit::Project),
        1 => Just(Edit::RemoveProject),
        2 => any::<Option<bool>>().prop_map(Edit::Template),
        1 => file.prop_map(Edit::Other),
    ]
}

fn pipeline(file: usize, text: usize) -> String {
    // Some share a name, which is an error; of some the objects cannot carry it.
    let name = ["", "-long_name", "", "-b", "", ""][text];
    let service = if text == 4 { "spare" } else { "warehouse" };
    format!(
        "kind: IngestionPipeline\nmetadata: {{name: orders-{file}{name}}}\nspec:\n  service: {service}\n  type: metadata\n  \
         schedule: '{text} 3 * * *'\n  workflow: {{source: {{sourceConfig: {{config: {{type: DatabaseMetadata}}}}}}}}\n"
    )
}

impl Edit {
    /// Makes it; what cannot be done, because a folder is not there, is not done.
    pub(crate) fn make(&self, project: &Path) {
        // What fails is an edit that nobody made.
        let _made = self.try_make(project);
    }

    fn try_make(&self, project: &Path) -> std::io::Result<()> {
        let file = |number: &usize| project.join(FILES[*number]);
        let folder = |number: &usize| project.join(FOLDERS[*number]);
        match self {
            Self::Write(at, text) => fs::write(file(at), pipeline(*at, *text)),
            Self::Steps(at, text) => {
                let text = pipeline(*at, *text);
                let mut file = fs::File::create(file(at))?;
                file.write_all(&text.as_bytes()[..40])?;
                file.write_all(&text.as_bytes()[40..])
            }
            Self::Beside(at, text) => {
                let beside = file(at).with_extension("tmp");
                fs::write(&beside, pipeline(*at, *text))?;
                fs::rename(beside, file(at))
            }
            Self::Backup(at, text) => {
                let mut backup = file(at).into_os_string();
                backup.push("~");
                fs::rename(file(at), &backup)?;
                fs::write(file(at), pipeline(*at, *text))?;
                fs::remove_file(backup)
            }
            Self::Broken(at) => fs::write(file(at), "kind: IngestionPipeline\nmetadata: [\n"),
            Self::Remove(at) => fs::remove_file(file(at)),
            Self::Move(from, to) => fs::rename(file(from), file(to)),
            Self::Folder(at) => {
                fs::create_dir_all(folder(at))?;
                fs::write(folder(at).join("new.yaml"), pipeline(10 + at, 0))
            }
            Self::MoveFolder(from, to) => fs::rename(folder(from), folder(to)),
            Self::RemoveFolder(at) => fs::remove_dir_all(folder(at)),
            Self::Mark(at, is_there) => {
                let mark = folder(at).join("kustomization.yaml");
                match is_there {
                    true => fs::write(mark, "resources: []\n"),
                    false => fs::remove_file(mark),
                }
            }
            Self::Link(from, to) => {
                let target: PathBuf = fs::canonicalize(file(from))?;
                std::os::unix::fs::symlink(target, file(to))
            }
            Self::Service(is_there) => {
                let path = project.join("services/spare.yaml");
                let text = fs::read_to_string(project.join("services/warehouse.yaml"))?;
                match is_there {
                    true => fs::write(path, text.replace("name: warehouse", "name: spare")),
                    false => fs::remove_file(path),
                }
            }
            Self::Project(text) => {
                let path = project.join("ompipe.yaml");
                let now = fs::read_to_string(project.join(".ompipe.yaml"))
                    .or_else(|_| fs::read_to_string(&path))?;
                fs::write(project.join(".ompipe.yaml"), &now)?;
                let other = format!("namespace: namespace-{text}\n    #");
                fs::write(path, now.replace("namespace: ", &other))
            }
            Self::RemoveProject => {
                let path = project.join("ompipe.yaml");
                fs::copy(&path, project.join(".ompipe.yaml"))?;
                fs::remove_file(path)
            }
            Self::Template(is_sound) => {
                let path = project.join("templates/configmap.yaml");
                let text = include_str!("../../templates/configmap.yaml");
                match is_sound {
                    None => fs::remove_dir_all(project.join("templates")),
                    Some(is_sound) => {
                        fs::create_dir_all(project.join("templates"))?;
                        let end = if *is_sound { "# own\n" } else { "other: '{{ nothing'\n" };
                        fs::write(path, format!("{text}{end}"))
                    }
                }
            }
            Self::Other(at) => fs::write(file(at).with_extension("txt"), "kind: [\n"),
        }
    }
}
