//! What makes a registration of the creation of an `<AE>` or `<remoteCSE>`.
//!
//! Covers: TS-0001 10.2.2.2 (AE registration, AE-ID assignment), 10.2.3.2 (CSE registration); TS-0004 7.4.4.2.1,
//! 7.4.5.2.1; TS-0020 6.4 (rows WS-6.4-1, WS-6.4-2, WS-6.4-5: the effects tell the server what to route).

use serde_json::Value;

use super::{
    Call, Cse,
    access::Standing,
    config::is_name,
    create::Draft,
    failure::{Checked, Failure, refuse, shown},
};
use crate::primitive::StatusCode;

impl Cse {
    /// Decides the AE-ID: what the originator chose, or a new one for `C`, `S`, an empty and an absent originator.
    pub(super) fn prepare_ae(&mut self, call: &Call<'_>, draft: &mut Draft) -> Checked {
        if draft.given.get("api").and_then(Value::as_str).is_some_and(|api| !api.starts_with(['R', 'r', 'N'])) {
            return Err(Failure::bad("api must begin with R (registered App-ID) or N (not registered)"));
        }
        let chosen = match call.originator.id.strip_prefix('/') {
            // The SP-relative form of an S-type AE-ID.
            Some(stem) if stem.starts_with('S') && !stem.contains('/') => stem,
            _ => call.originator.id.as_str(),
        };
        if chosen.len() > self.config.limits.name_bytes {
            return Err(Failure::bad(format!("the AE-ID has more than {} bytes", self.config.limits.name_bytes)));
        }
        let id = match chosen {
            "" | "C" => self.new_id("C"),
            "S" => self.new_id("S"),
            id if id.starts_with(['C', 'S']) && is_name(id) => {
                if self.ae(id).is_some() {
                    return refuse(
                        StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED,
                        format!("AE {} is registered already; delete its <AE> first", shown(id)),
                    );
                }
                if call.originator.standing == Standing::Admin || self.is_taken(id) {
                    return refuse(StatusCode::SECURITY_ASSOCIATION_REQUIRED, "this AE-ID is reserved");
                }
                id.to_owned()
            }
            id => {
                return refuse(
                    StatusCode::SECURITY_ASSOCIATION_REQUIRED,
                    format!(
                        "{} is no AE-ID: an AE-ID begins with C or S and has unreserved characters only",
                        shown(id)
                    ),
                );
            }
        };
        if !draft.given.contains_key("rn") {
            self.expect_free_name(draft.parent, &id)?;
        }
        draft.creator.clone_from(&id);
        draft.ri = id;
        Ok(())
    }

    /// Checks that a CSE registers itself.
    pub(super) fn prepare_remote_cse(&mut self, call: &Call<'_>, draft: &mut Draft) -> Checked {
        let text = |name: &str| draft.given.get(name).and_then(Value::as_str).unwrap_or_default();
        let csi = text("csi");
        if !csi.strip_prefix('/').is_some_and(is_name) || csi.len() > self.config.limits.name_bytes {
            return Err(Failure::bad("csi must be an SP-relative CSE-ID, as in \"/id-mn\""));
        }
        if csi == self.config.cse_id {
            return refuse(StatusCode::CONFLICT, "csi is the CSE-ID of this CSE");
        }
        // A CSE of another service provider names that in `fr`, and again in `spi`.
        let own = call.originator.id == csi || call.originator.id == format!("{}{csi}", text("spi"));
        if !own && call.originator.standing != Standing::Admin {
            return refuse(
                StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE,
                format!("fr {} is not the CSE-ID that registers, {}", shown(&call.originator.id), shown(csi)),
            );
        }
        if self.remotes.contains_key(csi) {
            return refuse(
                StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED,
                format!("CSE {} is registered already; delete its <remoteCSE> first", shown(csi)),
            );
        }
        draft.creator = csi.to_owned();
        draft.ri = self.new_id(draft.schema.prefix);
        Ok(())
    }
}
