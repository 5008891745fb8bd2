//! CPU time of processes, from `/proc`. Linux only; proc(5).

use std::io;
use std::time::Duration;

/// A tick of the times in `/proc/PID/stat`: USER_HZ is 100 on every Linux.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// CPU time of this process and, if it was named, of the server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) own: Duration,
    pub(crate) server: Option<Duration>,
}

impl Spent {
    /// What was spent so far.
    pub(crate) fn read(server_pid: Option<u32>) -> io::Result<Self> {
        Ok(Self {
            own: time_of("self")?,
            server: server_pid
                .map(|pid| time_of(&pid.to_string()))
                .transpose()?,
        })
    }

    /// What was spent since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let server = self.server.zip(before.server);
        Self {
            own: self.own.saturating_sub(before.own),
            server: server.map(|(after, before)| after.saturating_sub(before)),
        }
    }
}

/// User and system time of a process, all threads together. `pid` is a number or `self`.
fn time_of(pid: &str) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse(&stat).ok_or_else(|| io::Error::other("unknown form of /proc/PID/stat"))
}

/// The name in parentheses may hold anything; utime and stime are the 14th and 15th field.
fn parse(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.checked_add(system)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 1 0 9";
        assert_eq!(parse(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse("7 (a) S 1"), None);
        assert!(time_of("self").is_ok());
    }
}
