//! A TCP connection to one of the SMSC's addresses.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

use crate::config::ClientConfig;

/// No address of the SMSC could be connected to.
#[derive(Debug)]
pub struct ConnectError {
    /// Where to: host and port, and the address that was tried last.
    pub target: String,
    /// What the last attempt brought.
    pub error: io::Error,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}: {}", self.target, self.error)
    }
}

impl std::error::Error for ConnectError {}

/// Tries all addresses of the host, in their order.
pub(crate) async fn connect(config: &ClientConfig) -> Result<TcpStream, ConnectError> {
    let (host, port) = (config.host.as_str(), config.port);
    let failed = |target: String, error| ConnectError { target, error };
    let addresses = match timeout(config.connect_timer, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(failed(format!("{host}:{port}"), error)),
        Err(_) => return Err(failed(format!("{host}:{port}"), no_answer())),
    };
    let mut last = failed(
        format!("{host}:{port}"),
        io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
    );
    for address in addresses {
        let attempt = timeout(config.connect_timer, connect_to(config, address)).await;
        match attempt.unwrap_or_else(|_| Err(no_answer())) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = failed(format!("{host}:{port} ({})", address.ip()), error),
        }
    }
    Err(last)
}

async fn connect_to(config: &ClientConfig, address: SocketAddr) -> io::Result<TcpStream> {
    let (socket, any) = if address.is_ipv4() {
        (TcpSocket::new_v4()?, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    } else {
        (TcpSocket::new_v6()?, IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    };
    if config.local_address.is_some() || config.local_port != 0 {
        socket.set_reuseaddr(true)?;
        let local = config.local_address.unwrap_or(any);
        socket.bind(SocketAddr::new(local, config.local_port))?;
    }
    let stream = socket.connect(address).await?;
    // Writes are gathered already; waiting for more would only delay them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn no_answer() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer within connect_timer")
}
