//! The demo: a simulated SMSC, the gateway and an application that receives callbacks, all in this
//! process, over real sockets and a real store. What it shows is what a user's own system would do.

mod application;
mod sample;
mod show;

use std::path::Path;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use signalbox_router::State;
use smsc_sim::{Mo, Smsc};
use tokio::time::Instant;

use crate::client::Client;
use crate::config::{self, Config};
use crate::daemon::Gateway;
use application::Application;
use sample::{SAMPLES, Sample};

/// Key of the demo's account.
pub const KEY: &str = "demo-key";

/// Secret that the demo's callbacks are signed with.
const CALLBACK_SECRET: &str = "whsec_c2lnbmFsYm94LWRlbW8tY2FsbGJhY2stc2VjcmV0";

/// How long the messages may take to reach their last state.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two looks at a message.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Ports that the demo tries first, so that its URLs are the ones of the documentation.
const HTTP_PORT: u16 = 8080;
const SMPP_PORT: u16 = 2775;

/// The three parties of the demo.
pub struct Demo {
    gateway: Gateway,
    smsc: Smsc,
    application: Application,
    client: Client,
}

impl Demo {
    /// Starts all parties and waits until the gateway is bound.
    ///
    /// # Errors
    /// One line for the user.
    pub async fn start(store: &Path, seed: u64) -> Result<Self, String> {
        let smsc = start_smsc(seed).await?;
        let application = Application::start()
            .await
            .map_err(|error| error.to_string())?;
        let http = free_or_any(HTTP_PORT).await;
        let config = configuration(store, http, &smsc, &application);
        let config = read_configuration(store, &config)?;
        let gateway = Gateway::start(config)
            .await
            .map_err(|error| error.to_string())?;
        let url = format!("http://{}", gateway.http());
        let client = Client::connect(&url, KEY)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self {
            gateway,
            smsc,
            application,
            client,
        })
    }

    /// Sends the samples, follows each to its last state and prints it. Returns whether each got
    /// where it should.
    ///
    /// # Errors
    /// One line for the user.
    pub async fn run(&mut self) -> Result<bool, String> {
        show::heading(
            &self.gateway.http().to_string(),
            &self.smsc.addr().to_string(),
        );
        let until = Instant::now() + PATIENCE;
        let mut ids = Vec::new();
        for sample in SAMPLES {
            ids.push(self.send(sample).await?);
        }
        let mut good = 0;
        for (number, (sample, id)) in SAMPLES.iter().zip(&ids).enumerate() {
            let view = self.wait_for(id, sample.expected, until).await?;
            good += usize::from(show::message(number + 1, sample, &view));
        }
        let inbound = self.receive(until).await?;
        good += usize::from(show::inbound(SAMPLES.len() + 1, &inbound));
        let callbacks = self.application.wait_for(SAMPLES.len() + 1, until).await;
        show::callbacks(&callbacks);
        let count = SAMPLES.len() + 1;
        show::result(good, count, callbacks.signed == callbacks.total);
        Ok(good == count && callbacks.total >= count && callbacks.signed == callbacks.total)
    }

    /// Prints what to try next.
    pub fn invite(&self) {
        show::invitation(
            &self.gateway.http().to_string(),
            &self.smsc.addr().to_string(),
            KEY,
        );
    }

    /// Stops all parties in order.
    pub async fn stop(self) {
        self.gateway.stop().await;
        self.smsc.stop().await;
    }

    async fn send(&mut self, sample: &Sample) -> Result<String, String> {
        let body = json!({
            "to": sample.to,
            "from": sample.from,
            "text": sample.text,
            "priority": sample.priority,
        });
        let (status, answer) = self
            .client
            .request(Method::POST, "/v1/messages", Some(&body))
            .await
            .map_err(|error| error.to_string())?;
        match (status, answer["id"].as_str()) {
            (StatusCode::ACCEPTED, Some(id)) => Ok(id.to_owned()),
            _ => Err(format!("a sample was refused with {status}: {answer}")),
        }
    }

    /// The message once it is in that state, or as it is when patience ends.
    async fn wait_for(&mut self, id: &str, state: State, until: Instant) -> Result<Value, String> {
        loop {
            let view = self.get(&format!("/v1/messages/{id}")).await?;
            if view["state"] == state.name() || Instant::now() >= until {
                return Ok(view);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// A phone sends a message to the application.
    async fn receive(&mut self, until: Instant) -> Result<Value, String> {
        let messages =
            Mo::text("+491700000042", "100", "STOP please").map_err(|error| error.to_string())?;
        for message in messages {
            let result = self.smsc.inject_mo(&message).await;
            result.map_err(|error| format!("the message from a phone: {error}"))?;
        }
        loop {
            let list = self.get("/v1/inbound?limit=1").await?;
            let id = list["messages"][0]["id"].as_str().unwrap_or_default();
            if !id.is_empty() {
                return self.wait_for(id, State::Delivered, until).await;
            }
            if Instant::now() >= until {
                return Err("the message from a phone never arrived".into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn get(&mut self, path: &str) -> Result<Value, String> {
        let (status, view) = self
            .client
            .request(Method::GET, path, None)
            .await
            .map_err(|error| error.to_string())?;
        if status == StatusCode::OK {
            Ok(view)
        } else {
            Err(format!("{path}: {status}: {view}"))
        }
    }
}

async fn start_smsc(seed: u64) -> Result<Smsc, String> {
    let port = free_or_any(SMPP_PORT).await;
    Smsc::builder()
        .seed(seed)
        .with(|settings| settings.smpp_address.set_port(port))
        .start()
        .await
        .map_err(|error| format!("the simulator: {error}"))
}

/// The port if nobody has it, or 0 for any.
async fn free_or_any(port: u16) -> u16 {
    match tokio::net::TcpListener::bind(("127.0.0.1", port)).await {
        Ok(_) => port,
        Err(_) => 0,
    }
}

/// The demo's configuration, read the same way as a user's file.
fn configuration(store: &Path, http_port: u16, smsc: &Smsc, application: &Application) -> String {
    format!(
        r#"
[http]
listen = "127.0.0.1:{http_port}"
[store]
path = "{}"
[log]
level = "warn"
[account.demo]
key = "{KEY}"
callback_url = "{}"
callback_secret = "{CALLBACK_SECRET}"
[inbound]
account = "demo"
[provider.sim]
host = "127.0.0.1"
[provider.sim.bind.main]
type = "transceiver"
port = {}
system_id = "demo"
password = "demo"
[route.10-default]
to = "sms"
provider = ["sim"]
"#,
        store.display(),
        application.url(),
        smsc.addr().port(),
    )
}

/// Puts the configuration beside the store, for the user to look at, and loads it from there.
fn read_configuration(store: &Path, text: &str) -> Result<Config, String> {
    let path = store.with_extension("toml");
    let folder = path.parent().unwrap_or(store);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    config::load(Some(&path), std::iter::empty()).map_err(|errors| {
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    })
}
