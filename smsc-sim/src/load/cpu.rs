//! CPU time of processes, from `/proc`. Linux only; proc(5).

use std::io;
use std::time::Duration;

/// A tick of the times in `/proc/PID/stat`: USER_HZ is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of a process, all threads together. `pid` is a number or `self`.
pub(crate) fn time_of(pid: &str) -> io::Result<Duration> {
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
