//! A small client of the gateway's own API, for `send`, the demo and the tests: one keep-alive
//! connection, one request at a time.

use std::fmt;
use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Largest answer that is read.
const ANSWER_OCTETS_MAX: usize = 16 << 20;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug)]
pub struct ClientError(String);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientError {}

/// A connection to a gateway.
pub struct Client {
    host: String,
    key: String,
    sender: http1::SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects to `http://HOST:PORT`.
    ///
    /// # Errors
    /// One line for the user: no such address, nobody listens.
    pub async fn connect(url: &str, key: &str) -> Result<Self, ClientError> {
        let host = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'));
        let Some(host) = host.filter(|host| !host.is_empty() && !host.contains('/')) else {
            return Err(ClientError(format!("`{url}` is no http://HOST:PORT")));
        };
        let unreachable =
            |error: &dyn fmt::Display| ClientError(format!("no gateway answers at {url}: {error}"));
        let address = if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let stream = TcpStream::connect(&address)
            .await
            .map_err(|error| unreachable(&error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| unreachable(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(&error))?;
        tokio::spawn(async move {
            // A broken connection shows itself in the request that is under way.
            let _ = connection.await;
        });
        Ok(Self {
            host: host.to_owned(),
            key: key.to_owned(),
            sender,
        })
    }

    /// One request and its answer as JSON (`null` for an empty one).
    ///
    /// # Errors
    /// When there is no answer, or one that is no JSON.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), ClientError> {
        let octets = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(octets))
            .map_err(|error| ClientError(format!("`{path}` is no path: {error}")))?;
        let lost = |error: &dyn fmt::Display| ClientError(format!("the gateway is gone: {error}"));
        let answer = async {
            self.sender.ready().await.map_err(|error| lost(&error))?;
            let response = self
                .sender
                .send_request(request)
                .await
                .map_err(|error| lost(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_OCTETS_MAX);
            let octets = body
                .collect()
                .await
                .map_err(|error| lost(&error))?
                .to_bytes();
            Ok((status, octets))
        };
        let (status, octets) = tokio::time::timeout(ANSWER_TIMEOUT, answer)
            .await
            .map_err(|_| ClientError("the gateway did not answer in 30 s".into()))??;
        if octets.is_empty() {
            return Ok((status, Value::Null));
        }
        let value = serde_json::from_slice(&octets)
            .map_err(|_| ClientError(format!("no JSON came from the gateway (HTTP {status})")))?;
        Ok((status, value))
    }
}
