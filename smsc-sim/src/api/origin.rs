//! Keeps pages of other sites away: a browser lets them send requests to, and open WebSockets with,
//! whatever listens on its machine, and says in Origin who asks. RFC 6454 §7.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// Answers 403 to pages that do not come from here. Who is no browser says no Origin.
pub(super) async fn only_our_pages(request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        let detail = "pages of other sites may not ask this";
        return Problem::body(StatusCode::FORBIDDEN, detail).into_response();
    }
    next.run(request).await
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let site = origin.to_str().ok();
    let site = site.and_then(|origin| origin.split_once("://"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    site.map(|(_, site)| site) != host || host.is_none()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_pages_from_here_and_those_who_are_no_pages_may_ask() {
        let host = "127.0.0.1:8081";
        let table = [
            (None, false),
            (Some("http://127.0.0.1:8081"), false),
            (Some("https://127.0.0.1:8081"), false),
            (Some("http://127.0.0.1:9999"), true),
            (Some("http://elsewhere.example"), true),
            (Some("null"), true),
            (Some(""), true),
        ];
        for (origin, foreign) in table {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_foreign(&headers), foreign, "{origin:?}");
        }
    }
}
