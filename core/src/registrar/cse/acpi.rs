//! `acpi`: which policies a resource has.
//!
//! Covers: TS-0001 9.6.1.3.2 (`accessControlPolicyIDs`), 10.1.4; TS-0004 7.3.3.3, 7.3.3.4.
//!
//! Each entry must lead to an `<accessControlPolicy>` of this CSE that the originator may retrieve (its `pvs` grants that), so
//! that nobody learns in this way what there is. It is kept as the resource identifier, which is never given again: a policy
//! that is deleted leaves a reference that grants nothing, and another one of the same name does not take its place.
//!
//! An UPDATE of `acpi` has no other attribute, as with ACME: it needs UPDATE in the selfPrivileges of a policy that the
//! resource has so far, of its own or from above, and nothing in the privileges. If there is none, its creator may do it.
//!
//! Does not do: policies of other CSEs, which are refused by name.

use serde_json::{Map, Value, json};

use super::{
    Cse,
    access::{Originator, Standing},
    address::Target,
    failure::{Checked, Failure, refuse, shown},
    policy::{Policy, Right},
    tree::Key,
};
use crate::primitive::{EntityId, ResourceType, StatusCode};

impl Cse {
    /// Puts the identifiers of the policies into `given` in place of what leads to them. `named` is what policies call `who`.
    pub(super) fn link_policies(&self, who: &Originator, named: &EntityId, given: &mut Map<String, Value>) -> Checked {
        let Some(Value::Array(acpi)) = given.get_mut("acpi") else { return Ok(()) };
        let most = self.config.limits.policies;
        if acpi.len() > most {
            return refuse(
                StatusCode::NOT_ACCEPTABLE,
                format!("acpi has more than {most} entries, the limit of this CSE"),
            );
        }
        let mut found: Vec<&str> = Vec::with_capacity(acpi.len());
        for entry in acpi.iter().filter_map(Value::as_str) {
            let ri = &self.tree.get(self.policy_at(who, named, entry)?).ri;
            if !found.contains(&ri.as_str()) {
                found.push(ri);
            }
        }
        *acpi = found.into_iter().map(|ri| json!(ri)).collect();
        Ok(())
    }

    fn policy_at(&self, who: &Originator, named: &EntityId, entry: &str) -> Checked<Key> {
        let unknown = || {
            Failure::bad(format!(
                "acpi: {} is no <accessControlPolicy> of this CSE that the originator may retrieve",
                shown(entry)
            ))
        };
        let target = if entry.contains('#') { return Err(unknown()) } else { self.locate(entry) };
        match target.map_err(|_| unknown())? {
            Target::Here(key, None) => {
                let policy = self.tree.get(key).policy.as_ref();
                let visible =
                    |policy: &Policy| who.standing == Standing::Admin || policy.grants_self(named, Right::RETRIEVE);
                if policy.is_some_and(|policy| visible(policy)) { Ok(key) } else { Err(unknown()) }
            }
            Target::Elsewhere(_) => refuse(
                StatusCode::NOT_IMPLEMENTED,
                format!("acpi: {} is at another CSE, whose policies this CSE does not take", shown(entry)),
            ),
            _ => Err(unknown()),
        }
    }

    /// Checks that an UPDATE may change the attributes that it gives: `acpi`, or the others.
    pub(super) fn expect_update(&self, who: &Originator, key: Key, given: &Map<String, Value>) -> Checked {
        if !given.contains_key("acpi") {
            return self.expect(who, key, Right::UPDATE);
        }
        if given.len() > 1 {
            return Err(Failure::bad("acpi must be the only attribute of its UPDATE: it needs other privileges"));
        }
        if self.may_link(who, key) { Ok(()) } else { self.refuse_access(who, key, Right::UPDATE) }
    }

    /// What an `<accessControlPolicy>` of these attributes says, within the limits; `None` for other types.
    pub(super) fn policy_of(&self, ty: ResourceType, attributes: &Map<String, Value>) -> Checked<Option<Box<Policy>>> {
        if ty != ResourceType::ACCESS_CONTROL_POLICY {
            return Ok(None);
        }
        let policy = Policy::read(attributes, &self.sp_id, &self.cse_id)?;
        policy.check(&self.config.limits)?;
        Ok(Some(Box::new(policy)))
    }
}
