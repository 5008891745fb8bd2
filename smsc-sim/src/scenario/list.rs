//! Distribution lists that a scenario keeps: who gets a message that names one. SMPP v3.4 §4.5.1,
//! §5.2.27.

use serde_json::{Value as Json, json};

use crate::delivery::is_address;
use crate::input::{Allowed, Table};

/// Lists of a scenario at most.
pub(super) const LISTS_MAX: usize = 100;
/// Members of a list at most: as many as one submit_multi can name.
const MEMBERS_MAX: usize = 254;
/// Octets of dl_name at most, without its NUL. SMPP v3.4 §5.2.27.
const NAME_OCTETS_MAX: usize = 20;

/// A distribution list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List {
    /// dl_name.
    pub(crate) name: String,
    /// Addresses, international ones with a `+`.
    pub(crate) members: Vec<String>,
}

impl List {
    /// Reads `{name, members}`; `None` after it was reported what is wrong.
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        for key in ["name", "members"] {
            if !table.has(key) {
                table.report(key, "missing");
            }
        }
        let allowed = format!("1 to {NAME_OCTETS_MAX} printable ASCII characters");
        let name = table.parse_text("name", Allowed::text(&allowed), |name| {
            let legal = name.bytes().all(|octet| octet.is_ascii_graphic());
            (legal && (1..=NAME_OCTETS_MAX).contains(&name.len())).then(|| name.to_owned())
        });
        let allowed = format!("1 to {MEMBERS_MAX} addresses of at most 20 characters");
        let members = table.texts("members", Allowed::text(&allowed), |members| {
            let legal = members.iter().all(|member| is_address(member));
            (legal && (1..=MEMBERS_MAX).contains(&members.len())).then_some(members)
        });
        Some(Self {
            name: name?,
            members: members?,
        })
    }

    /// As it was written.
    pub(crate) fn to_json(&self) -> Json {
        json!({"name": self.name, "members": self.members})
    }
}
