//! The gateway as a user has it: a process with a configuration file, reached over HTTP.

#![allow(dead_code, reason = "each test program uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

pub(crate) mod rig;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use signalbox::client::Client;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Key of the account `shop` in [`configuration`].
pub(crate) const KEY: &str = "test-key";

/// How long anything in these tests may take before it counts as failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a configuration and a store.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
}

/// What differs between the tests' configurations.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Port of the SMSC on 127.0.0.1.
    pub(crate) smsc_port: u16,
    /// Lines for `[http]`.
    pub(crate) http: String,
    /// Lines for `[store]`.
    pub(crate) store: String,
    /// Lines for `[provider.sim]`.
    pub(crate) provider: String,
    /// Lines for `[provider.sim.bind.main]`.
    pub(crate) bind: String,
    /// Lines for `[account.shop]`.
    pub(crate) account: String,
    /// Whole tables.
    pub(crate) tables: String,
}

impl Settings {
    pub(crate) fn new(smsc_port: u16) -> Self {
        Self {
            smsc_port,
            http: String::new(),
            store: String::new(),
            provider: String::new(),
            bind: String::new(),
            account: String::new(),
            tables: String::new(),
        }
    }
}

impl Home {
    pub(crate) fn new(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self { folder };
        home.configure(settings);
        home
    }

    /// Writes the configuration; the store stays as it is.
    pub(crate) fn configure(&self, settings: &Settings) {
        std::fs::write(self.config(), configuration(settings, &self.store())).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("signalbox.toml")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }
}

/// One account, one provider, one bind, one route.
pub(crate) fn configuration(settings: &Settings, path: &Path) -> String {
    let Settings {
        smsc_port,
        http,
        store,
        provider,
        bind,
        account,
        tables,
    } = settings;
    let path = path.display();
    format!(
        r#"
[http]
listen = "127.0.0.1:0"
{http}
[store]
path = "{path}"
{store}
[account.shop]
key = "{KEY}"
{account}
[provider.sim]
host = "127.0.0.1"
{provider}
[provider.sim.bind.main]
type = "transceiver"
port = {smsc_port}
system_id = "shop"
password = "secret"
bind_retry_delay = "50ms"
{bind}
[route.10-default]
to = "sms"
provider = ["sim"]
{tables}
"#
    )
}

/// A running `signalbox run`. Killed when dropped.
pub(crate) struct GatewayProcess {
    child: Child,
    pub(crate) ready: Value,
}

impl GatewayProcess {
    /// Starts the program and waits for its ready line.
    pub(crate) fn start(home: &Home) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_signalbox")), home)
    }

    /// Starts the program with a store of its own that lies on a disk of `octets`, in memory.
    pub(crate) fn start_on_small_disk(home: &Home, octets: u64) -> Self {
        std::fs::create_dir_all(home.store()).unwrap();
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs -o size=$0 tmpfs \"$1\" && shift && exec \"$@\"";
        command
            .args(["--map-root-user", "--mount", "sh", "-c", script])
            .arg(octets.to_string())
            .arg(home.store())
            .arg(env!("CARGO_BIN_EXE_signalbox"));
        Self::start_by(command, home)
    }

    /// Starts it by a command to which `run` is added.
    pub(crate) fn start_by(mut command: Command, home: &Home) -> Self {
        let mut child = command
            .args(["run", "--config"])
            .arg(home.config())
            .env("SIGNALBOX_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("stdout can be read");
        let ready = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("no ready line but {line:?}: {error}"));
        Self { child, ready }
    }

    pub(crate) fn http(&self) -> String {
        format!(
            "http://{}",
            self.ready["http"]
                .as_str()
                .expect("the ready line has http")
        )
    }

    /// A path as the process sees it, which may have mounted something there.
    pub(crate) fn sees(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        root.join(path.strip_prefix("/").expect("an absolute path"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.http(), KEY)
            .await
            .expect("the gateway answers")
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process can be waited for");
    }

    /// SIGTERM; returns the exit code.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.ask_to_end();
        self.ended()
    }

    /// SIGTERM.
    pub(crate) fn ask_to_end(&self) {
        let status = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end; returns the exit code.
    pub(crate) fn ended(mut self) -> Option<i32> {
        let code = self
            .child
            .wait()
            .expect("the process can be waited for")
            .code();
        std::mem::forget(self);
        code
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        // Already dead is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for a message until it satisfies the condition; panics with the last view otherwise.
pub(crate) async fn wait_for_message(
    client: &mut Client,
    id: &str,
    condition: impl Fn(&Value) -> bool,
) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let (_, view) = client
            .request(axum::http::Method::GET, &format!("/v1/messages/{id}"), None)
            .await
            .expect("the gateway answers");
        if condition(&view) {
            return view;
        }
        assert!(
            Instant::now() < until,
            "the message never got there: {view:#}"
        );
        tokio::task::yield_now().await;
    }
}

/// Sends one message and returns its id.
pub(crate) async fn send(client: &mut Client, body: &Value) -> String {
    let (status, answer) = client
        .request(axum::http::Method::POST, "/v1/messages", Some(body))
        .await
        .expect("the gateway answers");
    assert_eq!(status, 202, "{answer:#}");
    answer["id"]
        .as_str()
        .expect("an accepted message has an id")
        .to_owned()
}

/// One HTTP/1.1 exchange, octet for octet; the connection is closed afterwards.
pub(crate) async fn exchange(gateway: &GatewayProcess, head: &str, body: &str) -> String {
    let address = gateway.ready["http"]
        .as_str()
        .expect("the ready line has http");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A port that nobody listens on.
pub(crate) async fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Prints to stderr what a failing test should show.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
