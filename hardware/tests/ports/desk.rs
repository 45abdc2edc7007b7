//! A desk with USB devices that only this process sees: namespaces of its own for users, mounts, network and processes, with
//! memory file systems over `/sys`, `/dev` and `/run`. Plugging writes what the kernel would write and sends what udev would send.
//! The code under test is unmodified. No privilege is needed, but some systems forbid user namespaces.

use rustix::mount::{MountFlags, mount, mount_bind, mount_move};
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sendto, socket_with};
use std::env;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in the process that runs inside, to where it is.
const INSIDE: &str = "DRYDOCK_TEST_NAMESPACE";

/// Present where udev runs and sends its events. A test may remove it.
pub(crate) const UDEV: &str = "/run/udev/control";

/// Namespaces for users, mounts, network and processes. Programs that a test leaves behind end with it.
const NAMESPACES: [&str; 3] = ["-Urmnpf", "--mount-proc", "--kill-child"];

/// Runs `test` inside namespaces of its own: this process starts itself there for the test called `name`.
pub(crate) fn run(name: &str, test: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        set_up();
        return test();
    }
    let probe = Command::new("unshare").args(NAMESPACES).arg("true").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return println!("drydock-skip: user namespaces are not permitted here");
    }
    let output = again(&NAMESPACES, name, "desk").output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success() && text.contains("1 passed"),
        "inside the namespace:\n{text}"
    );
}

/// A command that runs the test called `name` of this program in more namespaces; [`place`] is then `place`.
pub(crate) fn again(namespaces: &[&str], name: &str, place: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(namespaces).arg(env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(INSIDE, place);
    command
}

/// Where this process is, as [`again`] was told; `None` outside of any desk.
pub(crate) fn place() -> Option<String> {
    env::var(INSIDE).ok()
}

fn set_up() {
    let memory = |target: &Path| mount("none", target, "tmpfs", MountFlags::empty(), None).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let dev = scratch.path();
    memory(dev);
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        File::create(dev.join(name)).unwrap();
        mount_bind(Path::new("/dev").join(name), dev.join(name)).unwrap();
    }
    fs::create_dir(dev.join("pts")).unwrap();
    symlink("pts/ptmx", dev.join("ptmx")).unwrap();
    mount_move(dev, "/dev").unwrap();
    mount_terminals();
    memory(Path::new("/sys"));
    memory(Path::new("/run"));
    for folder in ["/sys/bus/usb/devices", "/sys/class/tty", "/run/lock"] {
        fs::create_dir_all(folder).unwrap();
    }
    write(UDEV, "");
}

/// Terminals of a container's own, which begin to count at 0 again.
pub(crate) fn mount_terminals() {
    let options = c"newinstance,ptmxmode=0666";
    mount("none", "/dev/pts", "devpts", MountFlags::empty(), options).unwrap();
}

/// A USB device that is plugged in until it is dropped.
pub(crate) struct Usb {
    folder: PathBuf,
    name: String,
    tty: Option<String>,
    number: u8,
}

impl Usb {
    /// Plugs a device in at `name`, the kernel's words for bus and ports, for example `1-4.2`. It has no serial port yet.
    pub(crate) fn plug(name: &str, number: u8, product: u16, serial: &str) -> Self {
        let folder = PathBuf::from(format!("/sys/devices/pci0000:00/0000:00:14.0/usb1/{name}"));
        let (_, devpath) = name.split_once('-').unwrap();
        for (attribute, value) in [
            ("busnum", "1"),
            ("devnum", &number.to_string()),
            ("devpath", devpath),
            ("idVendor", "2341"),
            ("idProduct", &format!("{product:04x}")),
            ("bcdDevice", "0101"),
            ("version", " 2.00"),
            ("bDeviceClass", "ef"),
            ("bDeviceSubClass", "02"),
            ("bDeviceProtocol", "01"),
            ("bConfigurationValue", "1"),
            ("speed", "12"),
            ("serial", serial),
            ("manufacturer", "Arduino"),
            ("product", "Nano 33 BLE"),
        ] {
            write(folder.join(attribute), &format!("{value}\n"));
        }
        symlink(&folder, Path::new("/sys/bus/usb/devices").join(name)).unwrap();
        let device = Self {
            folder,
            name: name.to_owned(),
            tty: None,
            number,
        };
        device.event("add");
        device
    }

    /// Its serial port appears as `/dev/{tty}`, which is `target` in truth.
    pub(crate) fn appear(mut self, tty: &str, target: &str) -> Self {
        let interface = self.folder.join(format!("{}:1.0", self.name));
        write(interface.join("bInterfaceNumber"), "00\n");
        symlink("/sys/bus/usb", interface.join("subsystem")).unwrap();
        write(interface.join("tty").join(tty).join("dev"), "166:0\n");
        symlink("../..", interface.join("tty").join(tty).join("device")).unwrap();
        symlink(interface.join("tty").join(tty), Path::new("/sys/class/tty").join(tty)).unwrap();
        symlink(target, Path::new("/dev").join(tty)).unwrap();
        self.tty = Some(tty.to_owned());
        self
    }

    /// What udev multicasts on netlink: a header in `monitor_netlink_header` of systemd's `sd-device`, then properties.
    fn event(&self, action: &str) {
        if !Path::new(UDEV).exists() {
            return;
        }
        let path = self.folder.strip_prefix("/sys").unwrap().display();
        let properties = format!(
            "ACTION={action}\0DEVPATH=/{path}\0SUBSYSTEM=usb\0DEVTYPE=usb_device\0BUSNUM=001\0DEVNUM={:03}\0SEQNUM=1\0",
            self.number
        );
        let mut packet = b"libudev\0".to_vec();
        packet.extend(0xfeed_cafe_u32.to_be_bytes());
        // Sizes of the header, where the properties begin, how long they are, and four hashes for filters.
        for word in [40, 40, properties.len() as u32, 0, 0, 0, 0] {
            packet.extend(word.to_ne_bytes());
        }
        packet.extend(properties.as_bytes());
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, Some(KOBJECT_UEVENT)).unwrap();
        match sendto(&socket, &packet, SendFlags::empty(), &SocketAddrNetlink::new(0, 2)) {
            // Nobody listens.
            Ok(_) | Err(rustix::io::Errno::CONNREFUSED) => {}
            Err(error) => panic!("udev's event cannot be sent: {error}"),
        }
    }
}

impl Drop for Usb {
    fn drop(&mut self) {
        if let Some(tty) = &self.tty {
            fs::remove_file(Path::new("/dev").join(tty)).unwrap();
            fs::remove_file(Path::new("/sys/class/tty").join(tty)).unwrap();
        }
        fs::remove_file(Path::new("/sys/bus/usb/devices").join(&self.name)).unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
        self.event("remove");
    }
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
