//! What Git is told about an output folder: its files are generated, and their bytes are to stay as
//! they are.
//!
//! In: nothing. Out: a text. It says nothing about files that ompipe never writes.

/// The file, in the output folder.
pub(super) const NAME: &str = ".gitattributes";

/// `-text`: no line end is changed, whatever `core.autocrlf` says, or the hashes of the lock would
/// not hold. `linguist-generated`: code hosts fold these files in a diff. `-merge`: of a file that
/// two branches changed one side's is taken, for the next render to know it by the lock; merged line
/// by line it would be nobody's. `merge=union`: lines of the lock from two branches stand beside
/// each other, which the next render puts in order.
pub(super) const TEXT: &str = "\
# ompipe wrote the YAML files of this folder. They are not to be edited.
*.yaml          -text -merge linguist-generated
*.yml           -text -merge linguist-generated
/ompipe.lock    -text linguist-generated merge=union
/.gitattributes -text linguist-generated
";
