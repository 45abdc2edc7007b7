//! `./x torture usb-guest`: the Nano's emulated USB device under a real Linux. A Debian kernel boots in QEMU, attaches the
//! device by USB/IP, and its drivers make a serial port of it.
//!
//! Kernel, busybox and bash come from Debian's packages, by an apt of their own in `target/usb-guest` that leaves the
//! system's apt alone. Nothing is installed, and nothing of them is kept in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::initramfs::Initramfs;
use super::{counts, keep, today};
use crate::{step, workspace};

/// What the guest's kernel loads, without what these modules need themselves.
const MODULES: [&str; 3] = ["vhci-hcd", "cdc-acm", "e1000"];
/// Programs that must be there, and the packages of Debian that bring them.
const PROGRAMS: [(&str, &str); 4] = [
    ("qemu-system-aarch64", "qemu-system-arm"),
    ("apt-get", "apt"),
    ("apt-cache", "apt"),
    ("dpkg-deb", "dpkg"),
];
/// The heading under which the report stands.
pub(super) const HEADING: &str = "## The USB device under a real Linux\n";

/// Prepares the guest, runs the test in it, and writes its part of the report again.
pub(super) fn run(args: &[&str]) -> Result<()> {
    ensure!(
        args.is_empty(),
        "torture usb-guest takes no arguments, not {}",
        args.join(" ")
    );
    if let Some((program, package)) = PROGRAMS.iter().find(|(program, _)| !step::on_path(program)) {
        bail!("torture usb-guest needs {program}; on Debian: apt-get install {package}");
    }
    // An older image would be tested as if it were this one.
    let this = std::env::current_exe().context("finding this program")?;
    step::run(&mut step::command(&this.to_string_lossy(), &["firmware"]))?;
    let begin = Instant::now();
    let folder = workspace::target_dir().join("usb-guest");
    let kernel = prepare(&folder)?;
    let mut cargo = step::cargo(&["test", "--package", "drydock-unify", "--package", "drydock-emulator"]);
    cargo.args(["--test", "usb_guest", "--", "--nocapture"]);
    cargo.env("DRYDOCK_USB_GUEST", &folder);
    let text = step::output(&mut cargo)?;
    let lines: Vec<String> = counts(&text).collect();
    ensure!(!lines.is_empty(), "the test did not run:\n{text}");
    let section = section(&lines, &kernel, &today()?, begin.elapsed().as_secs());
    keep(HEADING, &section)?;
    print!("{section}");
    Ok(())
}

fn section(lines: &[String], kernel: &str, date: &str, seconds: u64) -> String {
    let mut text = format!(
        "{HEADING}\n<!-- Written by `./x torture usb-guest`; do not edit. -->\n\nA Linux kernel of Debian's in QEMU attaches the emulated \
         Nano's USB device by USB/IP; its own drivers enumerate it and make a serial port of it.\n\n- Date: {date}\n- Command: `./x \
         torture usb-guest`\n- Guest: `{kernel}`, qemu-system-aarch64 without acceleration\n- Time: {seconds} s\n"
    );
    for line in lines {
        text += &format!("- {line}\n");
    }
    text
}

/// Kernel and initial file system in `folder`. Returns the name of the kernel's package.
fn prepare(folder: &Path) -> Result<String> {
    let (packages, root) = (folder.join("packages"), folder.join("root"));
    for below in ["packages", "lists/partial", "cache/archives/partial"] {
        let path = folder.join(below);
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
    }
    let apt = Apt::new(folder)?;
    step::run(apt.command("apt-get").args(["-qq", "update"]))?;
    let depends = step::output(apt.command("apt-cache").args(["depends", "linux-image-arm64"]))
        .context("torture usb-guest needs Debian's package linux-image-arm64, which this system's apt does not know")?;
    let kernel = kernel_package(&depends).context("linux-image-arm64 depends on no kernel")?;
    let mut download = apt.command("apt-get");
    download.args(["-qq", "download", &kernel, "busybox-static", "bash-static"]);
    step::run(download.current_dir(&packages))?;
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("removing {}", root.display()))?;
    }
    for name in [kernel.as_str(), "busybox-static", "bash-static"] {
        let package = newest(&packages, &format!("{name}_"))?;
        let (package, root) = (package.to_string_lossy(), root.to_string_lossy());
        step::run(&mut step::command("dpkg-deb", &["-x", &package, &root]))?;
    }
    let version = kernel.trim_start_matches("linux-image-");
    let image = root.join("boot").join(format!("vmlinuz-{version}"));
    fs::copy(&image, folder.join("vmlinuz")).with_context(|| format!("copying {}", image.display()))?;
    let initramfs = initramfs(&root, &root.join("lib/modules").join(version).join("kernel"))?;
    let path = folder.join("initramfs");
    fs::write(&path, initramfs).with_context(|| format!("writing {}", path.display()))?;
    Ok(kernel)
}

/// An apt for another architecture, with lists and downloads of its own.
struct Apt {
    config: PathBuf,
}

impl Apt {
    fn new(folder: &Path) -> Result<Self> {
        let config = folder.join("apt.conf");
        let folder = folder.to_str().context("the path of the target folder is no text")?;
        ensure!(
            !folder.contains('"'),
            "apt takes no path with a quotation mark: {folder}"
        );
        let text = format!(
            "APT::Architecture \"arm64\";\nAPT::Architectures \"arm64\";\nAPT::Sandbox::User \"\";\nDir::State::Lists \
             \"{folder}/lists\";\nDir::Cache \"{folder}/cache\";\nDir::State::status \"/dev/null\";\n"
        );
        fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
        Ok(Self { config })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = step::command(program, &[]);
        command.env("APT_CONFIG", &self.config);
        command
    }
}

/// The kernel that `linux-image-arm64` stands for now.
fn kernel_package(depends: &str) -> Option<String> {
    let mut names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.find(|name| name.starts_with("linux-image-")).map(str::to_owned)
}

/// The downloaded package of this name; the newest, if older downloads are there.
fn newest(packages: &Path, prefix: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(packages)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    let newest = found.into_iter().max().map(|(_, path)| path);
    newest.with_context(|| format!("apt-get brought no {prefix}…"))
}

fn initramfs(root: &Path, modules: &Path) -> Result<Vec<u8>> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
    let mut archive = Initramfs::default();
    for folder in ["bin", "dev", "lib", "proc", "sys"] {
        archive.folder(folder);
    }
    archive.file("bin/busybox", &read(&root.join("bin/busybox"))?);
    archive.file("bin/bash", &read(&root.join("bin/bash-static"))?);
    let init = workspace::root().join("emulator/tests/usb_guest/init.sh");
    archive.file("init", &read(&init)?);
    let mut names = Vec::new();
    for name in MODULES {
        load(&mut archive, &mut names, modules, name)?;
    }
    archive.file("modules", (names.join("\n") + "\n").as_bytes());
    Ok(archive.finish())
}

/// Adds a module and what it needs, which stands before it in `names`.
fn load(archive: &mut Initramfs, names: &mut Vec<String>, modules: &Path, name: &str) -> Result<()> {
    let file = format!("{name}.ko");
    if names.contains(&file) {
        return Ok(());
    }
    // File names have hyphens where names may have underscores.
    let path = find(modules, &[&file, &file.replace('_', "-")])?;
    let path = path.with_context(|| format!("the kernel's package has no module {name} that is not compressed"))?;
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    for needed in depends(&bytes) {
        load(archive, names, modules, &needed)?;
    }
    archive.file(&format!("lib/{file}"), &bytes);
    names.push(file);
    Ok(())
}

/// The first file of one of these names below a folder.
fn find(folder: &Path, names: &[&str]) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if let Some(found) = find(&entry.path(), names)? {
                return Ok(Some(found));
            }
        } else if names.iter().any(|name| entry.file_name() == *name) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// The modules that a module names in its section `.modinfo`.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let names = module[at + KEY.len()..]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    let names = String::from_utf8_lossy(names);
    names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_found_in_what_apt_says() {
        let depends = "linux-image-arm64\n  Depends: linux-image-6.1.0-57-arm64\n  Suggests: x\n";
        assert_eq!(kernel_package(depends).as_deref(), Some("linux-image-6.1.0-57-arm64"));
        assert_eq!(kernel_package("linux-image-arm64\n"), None);
    }

    #[test]
    fn modules_name_what_they_need() {
        let module = b"..\0license=GPL\0depends=usbip-core,usbcore\0name=vhci_hcd\0";
        assert_eq!(depends(module), ["usbip-core", "usbcore"]);
        assert_eq!(depends(b"..\0depends=\0name=x\0"), [""; 0]);
        assert_eq!(depends(b"nothing"), [""; 0]);
    }
}
