//! Sans-IO SMPP session for both roles, with a tokio driver behind a feature.
