//! The states of a session. SMPP v3.4 §2.2.

use crate::config::BindType;

/// Where a session is in its life; the chart is at [`crate::Session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Connected, nobody is bound.
    Open,
    /// A bind was sent (ESME) or waits for its answer (SMSC).
    Binding,
    /// Bound.
    Bound(BindType),
    /// One side asked to unbind; pending requests may still finish.
    Unbinding,
    /// Over.
    Closed,
}
