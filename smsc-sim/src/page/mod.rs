//! The web page at `/`: what an SMSC does, live, and switches for what it should do. The server
//! writes whole pieces of HTML for what is looked up; what happens comes to the page's script by
//! the one WebSocket of its tab, and what is changed goes by the control API.

mod assets;
mod conformance;
mod fragments;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;

use crate::smscs::Smscs;

/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, its fragments and its files.
pub(crate) fn router(smscs: Smscs) -> Router {
    Router::new()
        .route("/", get(fragments::page))
        .route("/page/sessions", get(fragments::sessions))
        .route("/page/messages", get(fragments::messages))
        .route("/page/message", get(fragments::message))
        .route("/page/wire", get(fragments::wire))
        .route("/page/conformance", get(conformance::conformance))
        .route("/page/pdu", get(fragments::pdu))
        .route("/assets/{name}", get(assets::file))
        .layer(middleware::from_fn(protect))
        .with_state(smscs)
}

async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
