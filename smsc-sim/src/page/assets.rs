//! The files of the page, part of the program. Those of others are in `assets/vendor`, with their
//! licences.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";
/// The page asks again after another version was started.
const CACHE: &str = "no-cache";

/// Name, type and content of each.
const FILES: [(&str, &str, &str); 11] = [
    ("page.js", SCRIPT, include_str!("../../assets/page.js")),
    ("live.js", SCRIPT, include_str!("../../assets/live.js")),
    ("charts.js", SCRIPT, include_str!("../../assets/charts.js")),
    (
        "switches.js",
        SCRIPT,
        include_str!("../../assets/switches.js"),
    ),
    ("rows.js", SCRIPT, include_str!("../../assets/rows.js")),
    ("forms.js", SCRIPT, include_str!("../../assets/forms.js")),
    ("page.css", STYLE, include_str!("../../assets/page.css")),
    ("icon.svg", IMAGE, include_str!("../../assets/icon.svg")),
    (
        "htmx.js",
        SCRIPT,
        include_str!("../../assets/vendor/htmx-2.0.11.min.js"),
    ),
    (
        "uplot.js",
        SCRIPT,
        include_str!("../../assets/vendor/uplot-1.6.32.min.js"),
    ),
    (
        "uplot.css",
        STYLE,
        include_str!("../../assets/vendor/uplot-1.6.32.min.css"),
    ),
];

/// `GET /assets/{name}`.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    match FILES.into_iter().find(|(known, ..)| *known == name) {
        Some((_, kind, content)) => {
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, CACHE)], content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
