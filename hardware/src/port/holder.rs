//! Which process has a port open, found without opening it: the open files in `/proc`, and the lock files of old programs.
//!
//! Only Linux shows the open files. A user cannot see those of other users' processes, except as root.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A process that has a port open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// Process id.
    pub(super) pid: u32,
    /// Name of its program.
    pub(super) program: String,
}

/// What could be found out.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Who has the port open, apart from this process.
    pub(super) holders: Vec<Holder>,
    /// Whether this process has it open.
    pub(super) is_ours: bool,
    /// Programs known to open ports by themselves whose open files could not be read.
    pub(super) suspects: Vec<Holder>,
}

/// Programs that open any serial port that appears, by the first 15 letters that the kernel keeps of their name.
const OPEN_BY_THEMSELVES: [&str; 3] = ["ModemManager", "brltty", "gpsd"];

/// Searches for the processes that have one of `paths` open: one answer for each path, from one walk through `/proc`.
pub(super) fn search(paths: &[&str]) -> Vec<Search> {
    let devices: Vec<Option<Device>> = paths.iter().map(|path| Device::of(Path::new(path))).collect();
    let mut answers: Vec<Search> = paths.iter().map(|_| Search::default()).collect();
    if devices.iter().all(Option::is_none) {
        return answers;
    }
    for (pid, folder) in processes() {
        let (nodes, is_hidden) = open_devices(&folder);
        let mut named = None;
        for (device, answer) in devices.iter().zip(&mut answers) {
            let Some(device) = device else { continue };
            let is_open = nodes.iter().any(|node| is_same(&device.node, node));
            if pid == std::process::id() {
                answer.is_ours = is_open;
            } else if is_open {
                answer.holders.extend(named.get_or_insert_with(|| holder(pid)).clone());
            } else if is_hidden {
                let holder = named.get_or_insert_with(|| holder(pid)).clone();
                answer.suspects.extend(holder.filter(opens_by_itself));
            }
        }
    }
    for (device, answer) in devices.iter().zip(&mut answers) {
        answer.add_lock_owner(device.as_ref());
    }
    answers
}

impl Search {
    fn add_lock_owner(&mut self, device: Option<&Device>) {
        let mut locks = device.into_iter().flat_map(Device::locks);
        let locked = locks.find_map(|lock| lock_owner(&fs::read(lock).ok()?));
        if let Some(pid) = locked.filter(|pid| *pid != std::process::id())
            && self.holders.iter().all(|holder| holder.pid != pid)
        {
            // The lock of a process that has ended counts for nothing.
            self.holders.extend(holder(pid));
        }
    }
}

/// The device nodes that the process in this folder of `/proc` has open, and whether some may not be seen. Neither reading
/// a link there nor asking for its target's numbers opens it.
fn open_devices(process: &Path) -> (Vec<Metadata>, bool) {
    let is_forbidden = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    let files = match fs::read_dir(process.join("fd")) {
        Ok(files) => files,
        // A process that has just ended has nothing open.
        Err(error) => return (Vec::new(), is_forbidden(&error)),
    };
    let (mut nodes, mut is_hidden) = (Vec::new(), false);
    for file in files.flatten() {
        match fs::read_link(file.path()) {
            // Files elsewhere may lie on a network that does not answer.
            Ok(target) if target.starts_with("/dev/") => nodes.extend(fs::metadata(file.path())),
            Ok(_) => {}
            Err(error) => is_hidden |= is_forbidden(&error),
        }
    }
    (nodes, is_hidden)
}

fn opens_by_itself(holder: &Holder) -> bool {
    OPEN_BY_THEMSELVES.contains(&holder.program.as_str())
}

fn processes() -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}

/// The process with this id, if it runs.
fn holder(pid: u32) -> Option<Holder> {
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let program = program.trim_end().to_owned();
    Some(Holder { pid, program })
}

/// The device behind a path.
struct Device {
    /// The last parts of its paths, for the names of lock files.
    names: Vec<String>,
    node: Metadata,
}

impl Device {
    fn of(path: &Path) -> Option<Self> {
        let real = path.canonicalize().ok()?;
        let names = [path, &real].into_iter();
        Some(Self {
            names: names
                .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
                .collect(),
            node: fs::metadata(&real).ok()?,
        })
    }

    /// Where programs put their locks: the Filesystem Hierarchy Standard 3.0, section 5.9.
    fn locks(&self) -> impl Iterator<Item = PathBuf> {
        let folders = ["/run/lock", "/var/lock"].into_iter();
        folders.flat_map(|folder| {
            self.names
                .iter()
                .map(move |name| Path::new(folder).join(format!("LCK..{name}")))
        })
    }
}

/// Whether two nodes are one device. The numbers count and not the path, which may mean something else, or may differ,
/// inside a container.
#[cfg(target_os = "linux")]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    /// Majors of pseudo-terminals: their minors repeat in each container (`Documentation/admin-guide/devices.txt`).
    const PSEUDO_TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;

    let is_device = one.file_type().is_char_device() && !PSEUDO_TERMINALS.contains(&rustix::fs::major(one.rdev()));
    (one.dev(), one.ino()) == (other.dev(), other.ino())
        || is_device && other.file_type().is_char_device() && one.rdev() == other.rdev()
}

#[cfg(not(target_os = "linux"))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    false
}

/// The process id in a lock file: decimal digits after spaces, then possibly more words; or four bytes, as UUCP wrote it.
fn lock_owner(bytes: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.split_whitespace().next());
    if let Some(pid) = text.and_then(|word| word.parse().ok()) {
        return Some(pid);
    }
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lock_files_name_their_process() {
        assert_eq!(lock_owner(b"      4711\n"), Some(4711));
        assert_eq!(lock_owner(b"      4711 minicom someone\n"), Some(4711));
        assert_eq!(lock_owner(&0x0101_f2f3_u32.to_ne_bytes()), Some(0x0101_f2f3));
        for nonsense in [
            &b""[..],
            b"  \n",
            b"-3\n",
            b"minicom 4711",
            b"99999999999\n",
            &[0xff; 5],
        ] {
            assert_eq!(lock_owner(nonsense), None, "{nonsense:?}");
        }
    }

    proptest! {
        #[test]
        fn any_process_id_is_read_back(pid: u32, spaces in 0_usize..12, rest in "( [a-z]{0,8}){0,3}\n?") {
            let text = format!("{}{pid}{rest}", " ".repeat(spaces));
            prop_assert_eq!(lock_owner(text.as_bytes()), Some(pid));
        }

        #[test]
        fn any_bytes_are_taken(bytes: Vec<u8>) {
            let _ = lock_owner(&bytes);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_no_holder_and_the_first_process_has_a_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(search(&[file.path().to_str().unwrap()])[0].holders, []);
        assert!(holder(1).is_some_and(|first| !first.program.is_empty()));
    }
}
