//! Where and how a measurement was made, so that its figures can be judged. Reads `/proc`.

use std::fmt;
use std::fs;
use std::thread::available_parallelism;

use serde_json::{Value, json};

use super::target::Target;

/// What is shown of a fact that the system does not tell.
const UNKNOWN: &str = "unknown";

/// The machine, the program and its command line.
#[derive(Clone, Debug)]
pub struct Environment {
    host: String,
    cpu: String,
    cores: usize,
    kernel: String,
    command_line: String,
    loopback: bool,
    tls: bool,
}

impl Environment {
    /// Of this process. `target` tells whether the network took part; its password is not shown.
    #[must_use]
    pub fn of_this_process(target: &Target) -> Self {
        let arguments: Vec<String> = std::env::args().map(|arg| without_password(&arg)).collect();
        Self {
            host: first_line("/proc/sys/kernel/hostname"),
            cpu: cpu_name(),
            cores: available_parallelism().map_or(0, usize::from),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            command_line: arguments.join(" "),
            loopback: ["localhost", "::1"].contains(&&*target.host)
                || target.host.starts_with("127."),
            tls: target.scheme.is_tls(),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "host": self.host,
            "cpu": self.cpu,
            "cores": self.cores,
            "kernel": self.kernel,
            "version": env!("CARGO_PKG_VERSION"),
            "command_line": self.command_line,
            "loopback": self.loopback,
            "tls": self.tls,
        })
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = if self.loopback { "loopback" } else { "network" };
        let tls = if self.tls { "TLS" } else { "no TLS" };
        writeln!(
            f,
            "measured on {}: {}, {} cores, Linux {}; {network}, {tls}",
            self.host, self.cpu, self.cores, self.kernel
        )?;
        write!(
            f,
            "with smsc-sim {}: {}",
            env!("CARGO_PKG_VERSION"),
            self.command_line
        )
    }
}

fn first_line(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().next().unwrap_or(UNKNOWN).to_owned()
}

fn cpu_name() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or_else(|| UNKNOWN.to_owned(), |(_, name)| name.to_owned())
}

/// `smpp://user:password@host` with stars for the password, `http://key@host` with stars for the
/// key; anything else as it is.
fn without_password(argument: &str) -> String {
    let masked = argument.split_once("://").and_then(|(scheme, rest)| {
        let (account, place) = rest.rsplit_once('@')?;
        if scheme.ends_with("http") || scheme.ends_with("https") {
            return Some(format!("{scheme}://***@{place}"));
        }
        let (system_id, _) = account.split_once(':')?;
        Some(format!("{scheme}://{system_id}:***@{place}"))
    });
    masked.unwrap_or_else(|| argument.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let table = [
            ("smpp://u:p@q@h:1", "smpp://u:***@h:1"),
            ("--target=smpp://u:p@h", "--target=smpp://u:***@h"),
            ("smpp://h", "smpp://h"),
            ("--target=http://key@h", "--target=http://***@h"),
            ("https://a:b@h:1", "https://***@h:1"),
            ("--rate", "--rate"),
        ];
        for (argument, shown) in table {
            assert_eq!(without_password(argument), shown);
        }
    }
}
