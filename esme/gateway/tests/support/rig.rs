//! A gateway with a simulated SMSC behind it.

use axum::http::{Method, StatusCode};
use serde_json::Value;
use signalbox::client::Client;
use smsc_sim::Smsc;

use super::{GatewayProcess, Home, Settings, exchange};

/// The two, and a connection of the account `shop`.
pub(crate) struct Rig {
    pub(crate) smsc: Smsc,
    pub(crate) gateway: GatewayProcess,
    pub(crate) client: Client,
    _home: Home,
}

/// Starts both.
pub(crate) async fn rig() -> Rig {
    rig_with(|_| {}).await
}

/// Starts both, the gateway with other settings.
pub(crate) async fn rig_with(change: impl FnOnce(&mut Settings)) -> Rig {
    let smsc = Smsc::builder().seed(1).start().await.unwrap();
    let mut settings = Settings::new(smsc.addr().port());
    change(&mut settings);
    let home = Home::new(&settings);
    let gateway = GatewayProcess::start(&home);
    let client = gateway.client().await;
    Rig {
        smsc,
        gateway,
        client,
        _home: home,
    }
}

impl Rig {
    pub(crate) async fn post(&mut self, body: &Value) -> (StatusCode, Value) {
        self.client
            .request(Method::POST, "/v1/messages", Some(body))
            .await
            .unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, Value) {
        self.client.request(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn raw(&self, head: &str, body: &str) -> String {
        exchange(&self.gateway, head, body).await
    }
}
