//! A small file system of its own, so that a full disk is this test's alone.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted tmpfs; it is gone when dropped, also on panic.
pub struct Tmpfs {
    dir: TempDir,
}

impl Tmpfs {
    /// Mounts one of this size; none, and a line that says so, where that is not allowed.
    pub fn mount(mib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path());
        if mount.output().is_ok_and(|done| done.status.success()) {
            return Some(Self { dir });
        }
        println!("SKIPPED 1: no tmpfs can be mounted here (it needs root)");
        None
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.path()).expect("the file system is there");
        stat.f_bavail * stat.f_frsize
    }

    /// Fills the file system but for so many bytes.
    pub fn fill(&self, leaving: u64) -> Ballast {
        let path = self.path().join("ballast");
        let mut file = File::create(&path).expect("room for a name");
        let zeros = vec![0; 16 * 1024];
        while self.free() > leaving {
            let rest = usize::try_from(self.free() - leaving).expect("it is small");
            if file.write(&zeros[..rest.min(zeros.len())]).is_err() {
                break;
            }
        }
        Ballast(path)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a server that was only just killed may still hold its files.
        let done = Command::new("umount").arg("-l").arg(self.dir.path()).status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("{} could not be unmounted; do so by hand", self.dir.path().display());
        }
    }
}

/// The file that takes the room.
pub struct Ballast(PathBuf);

impl Ballast {
    pub fn remove(self) {
        std::fs::remove_file(self.0).expect("it was there");
    }
}
