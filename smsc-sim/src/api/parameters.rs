//! The parameters of a query.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::problem::Problem;

/// The parameters of a query by their names. One that is there twice is refused: whoever wrote it
/// wants both, and none of them is passed over in silence.
#[derive(Debug)]
pub(crate) struct Parameters(pub(crate) BTreeMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|rejection| Problem::body(StatusCode::BAD_REQUEST, rejection.body_text()))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in query.0 {
            if parameters.contains_key(&name) {
                return Err(Problem::field(&name, "is there twice"));
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }
}
