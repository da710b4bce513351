//! What makes a registration of the creation of an `<AE>` or `<remoteCSE>`.
//!
//! Covers: TS-0001 10.2.2.2 (AE registration, AE-ID assignment), 10.2.3.2 (CSE registration); TS-0004 7.4.4.2.1,
//! 7.4.5.2.1; TS-0020 6.4 (rows WS-6.4-1, WS-6.4-2, WS-6.4-5: the effects tell the server what to route).

use serde_json::Value;

use super::{
    Call, Cse,
    access::Standing,
    create::Draft,
    failure::{Checked, Failure, refuse, shown},
};
use crate::primitive::{CseId, StatusCode};

impl Cse {
    /// Decides the AE-ID: what the originator chose, or a new one for `C`, `S`, an empty and an absent originator.
    pub(super) fn prepare_ae(&mut self, call: &Call<'_>, draft: &mut Draft) -> Checked {
        if draft.given.get("api").and_then(Value::as_str).is_some_and(|api| !api.starts_with(['R', 'r', 'N'])) {
            return Err(Failure::bad("api must begin with R (registered App-ID) or N (not registered)"));
        }
        let text = call.originator.text.as_str();
        let id = match text {
            "" | "C" => self.new_id("C"),
            "S" => self.new_id("S"),
            _ => self.chosen_ae_id(call)?,
        };
        if id.len() > self.config.limits.name_bytes {
            return Err(Failure::bad(format!("the AE-ID has more than {} bytes", self.config.limits.name_bytes)));
        }
        if !draft.given.contains_key("rn") {
            self.expect_free_name(draft.parent, &id)?;
        }
        draft.creator = Some(self.entity(&id).map_err(|error| Failure::bad(format!("AE-ID: {error}")))?);
        draft.ri = id;
        Ok(())
    }

    /// The AE-ID-Stem in the originator.
    fn chosen_ae_id(&self, call: &Call<'_>) -> Checked<String> {
        let relative = call.originator.id.as_ref().map(|id| self.sp_relative(id)).unwrap_or_default();
        let of_this_cse = relative.strip_prefix(self.cse_id.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let of_provider = relative.strip_prefix('/').filter(|stem| stem.starts_with('S') && !stem.contains('/'));
        let Some(id) = of_this_cse.or(of_provider) else {
            return refuse(
                StatusCode::SECURITY_ASSOCIATION_REQUIRED,
                format!(
                    "{} is no AE-ID of this CSE: it begins with C or S, and has unreserved characters only",
                    shown(&call.originator.text)
                ),
            );
        };
        // `Sx` and `/Sx` may be an AE or a CSE: only one of them at a time.
        if call.originator.id.as_ref().is_some_and(|id| self.is_registered(id)) {
            return refuse(
                StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED,
                format!("{} is registered already; that must be deleted first", shown(id)),
            );
        }
        if self.is_taken(id) {
            return refuse(StatusCode::SECURITY_ASSOCIATION_REQUIRED, format!("{} is reserved", shown(id)));
        }
        Ok(id.to_owned())
    }

    /// Checks that a CSE registers itself.
    pub(super) fn prepare_remote_cse(&mut self, call: &Call<'_>, draft: &mut Draft) -> Checked {
        let text = |name: &str| draft.given.get(name).and_then(Value::as_str).unwrap_or_default();
        let csi = text("csi");
        let valid = csi.starts_with('/') && csi.len() <= self.config.limits.name_bytes && CseId::new(csi).is_ok();
        let entity = match self.entity(csi) {
            Ok(entity) if valid => entity,
            _ => return Err(Failure::bad("csi must be an SP-relative CSE-ID, as in \"/id-mn\"")),
        };
        if entity == self.own {
            return refuse(StatusCode::CONFLICT, "csi is the CSE-ID of this CSE");
        }
        if self.is_registered(&entity) {
            return refuse(
                StatusCode::ORIGINATOR_HAS_ALREADY_REGISTERED,
                format!("{} is registered already; that must be deleted first", shown(csi)),
            );
        }
        // A CSE of another service provider names that in `fr`, and again in `spi`.
        let own = call.originator.id.as_ref() == Some(&entity)
            || self.entity(&format!("{}{csi}", text("spi"))).ok() == call.originator.id && call.originator.id.is_some();
        if !own && call.originator.standing != Standing::Admin {
            return refuse(
                StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE,
                format!("fr {} is not the CSE-ID that registers, {}", shown(&call.originator.text), shown(csi)),
            );
        }
        draft.creator = Some(entity);
        draft.ri = self.new_id(draft.schema.prefix);
        Ok(())
    }
}
