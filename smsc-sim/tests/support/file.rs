//! Files that tests make.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// A file that goes with its test.
pub(crate) struct TestFile(pub(crate) PathBuf);

impl TestFile {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("smsc-sim-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        let text = fs::read_to_string(&self.0).unwrap();
        serde_json::from_str(&text).expect(&text)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // It is not there when the test failed before.
        let _ = fs::remove_file(&self.0);
    }
}
