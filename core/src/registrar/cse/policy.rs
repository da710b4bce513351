//! What an `<accessControlPolicy>` says: which originators may do what.
//!
//! Covers: TS-0001 9.6.2 (`pv`, `pvs` and their rules), 9.6.2.1, 9.6.2.3; TS-0003 7.1.3 (what stands in `acor`; wildcards), 7.1.5
//! (the decision: one rule that grants is enough); TS-0004 7.4.2. To which resources a policy applies is
//! [`super::access`]'s part.
//!
//! A rule is read once, when it comes; a decision compares what it was read into, and allocates nothing.
//!
//! Does not do: contexts (`acco`), details of objects (`acod`), attributes (`aca`) and the authentication flag (`acaf`); in `acor`,
//! domains, groups and roles; distributed authorization (`adri`, `apri`, `airi`). A rule that has one of them is refused by
//! name: without it, it would grant more than its author wanted.

use serde_json::{Map, Value};

use super::{
    config::Limits,
    failure::{Checked, Failure, refuse, shown},
    filter::matches_pattern,
};
use crate::primitive::{CseId, EntityId, IdError, SpId, StatusCode};

/// What an originator wants to do: one bit of `acop` (TS-0004 6.3.4.2.29).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Right(u8);

impl Right {
    pub(super) const CREATE: Self = Self(1);
    pub(super) const RETRIEVE: Self = Self(2);
    pub(super) const UPDATE: Self = Self(4);
    pub(super) const DELETE: Self = Self(8);
    pub(super) const NOTIFY: Self = Self(16);
    pub(super) const DISCOVERY: Self = Self(32);
    /// All of them.
    const ALL: u8 = 63;
}

/// An `<accessControlPolicy>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Policy {
    /// For the resources whose `acpi` names the policy.
    privileges: Box<[Rule]>,
    /// For the policy itself.
    self_privileges: Box<[Rule]>,
}

/// One access control rule.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Rule {
    /// `acop`
    operations: u8,
    /// `acor` has `all`.
    everybody: bool,
    /// Entities in `acor`, in order.
    entities: Box<[EntityId]>,
    /// Entries of `acor` with wildcards, in the absolute form.
    patterns: Box<[String]>,
}

impl Policy {
    /// Reads the attributes of an `<accessControlPolicy>` of the CSE `cse_id` of the provider `sp_id`.
    pub(super) fn read(attributes: &Map<String, Value>, sp_id: &SpId, cse_id: &CseId) -> Checked<Self> {
        let policy = Self {
            privileges: rules("pv", attributes, sp_id, cse_id)?,
            self_privileges: rules("pvs", attributes, sp_id, cse_id)?,
        };
        if policy.self_privileges.is_empty() {
            // TS-0004 7.4.2.2.1, 7.4.2.2.3: nobody could ever change it again.
            return Err(Failure::bad("pvs must have at least one rule in acr"));
        }
        Ok(policy)
    }

    /// Refuses more rules, or originators in one, than the limits allow.
    pub(super) fn check(&self, limits: &Limits) -> Checked {
        for (name, rules) in [("pv", &self.privileges), ("pvs", &self.self_privileges)] {
            if rules.len() > limits.rules {
                return refuse(
                    StatusCode::NOT_ACCEPTABLE,
                    format!("{name} has more than {} rules, the limit of this CSE", limits.rules),
                );
            }
            if rules.iter().any(|rule| rule.entities.len() + rule.patterns.len() > limits.originators) {
                return refuse(
                    StatusCode::NOT_ACCEPTABLE,
                    format!("a rule of {name} has more than {} originators, the limit of this CSE", limits.originators),
                );
            }
        }
        Ok(())
    }

    /// Whether `who` may do this to a resource whose `acpi` names the policy.
    pub(super) fn grants(&self, who: &EntityId, right: Right) -> bool {
        self.privileges.iter().any(|rule| rule.grants(who, right))
    }

    /// Whether `who` may do this to the policy itself, or (UPDATE) to an `acpi` that names it.
    pub(super) fn grants_self(&self, who: &EntityId, right: Right) -> bool {
        self.self_privileges.iter().any(|rule| rule.grants(who, right))
    }
}

impl Rule {
    fn grants(&self, who: &EntityId, right: Right) -> bool {
        self.operations & right.0 != 0
            && (self.everybody
                || self.entities.binary_search(who).is_ok()
                || self.patterns.iter().any(|pattern| is_like(who.as_str(), pattern)))
    }

    fn read(name: &str, members: &Map<String, Value>, sp_id: &SpId, cse_id: &CseId) -> Checked<Self> {
        for member in members.keys() {
            match member.as_str() {
                "acor" | "acop" => {}
                "acco" | "acod" | "aca" | "acaf" => {
                    return refuse(
                        StatusCode::NOT_IMPLEMENTED,
                        format!(
                            "{member} in a rule of {name} is not implemented by this CSE, and would limit the rule"
                        ),
                    );
                }
                _ => return Err(Failure::bad(format!("a rule of {name} has no member {}", shown(member)))),
            }
        }
        let operations = members.get("acop").and_then(Value::as_u64).and_then(|acop| u8::try_from(acop).ok());
        let Some(operations) = operations.filter(|acop| (1..=Right::ALL).contains(acop)) else {
            return Err(Failure::bad(format!("acop in a rule of {name} must be a number from 1 to {}", Right::ALL)));
        };
        let malformed = || Failure::bad(format!("acor in a rule of {name} must be a list of at least one originator"));
        let acor = members.get("acor").and_then(Value::as_array).filter(|acor| !acor.is_empty());
        let mut everybody = false;
        let (mut entities, mut patterns) = (Vec::new(), Vec::new());
        for entry in acor.ok_or_else(malformed)? {
            let text = entry.as_str().ok_or_else(malformed)?;
            let read = match text {
                "all" => {
                    everybody = true;
                    Ok(())
                }
                text if text.contains('*') => pattern(text, sp_id, cse_id).map(|pattern| patterns.push(pattern)),
                text => EntityId::from_originator(text, sp_id, cse_id).map(|entity| entities.push(entity)),
            };
            read.map_err(|error| refused_entry(name, text, error))?;
        }
        entities.sort_unstable();
        entities.dedup();
        patterns.sort_unstable();
        patterns.dedup();
        Ok(Self { operations, everybody, entities: entities.into(), patterns: patterns.into() })
    }
}

fn refused_entry(name: &str, text: &str, error: IdError) -> Failure {
    match error {
        IdError::NotAnEntity => Failure::new(
            StatusCode::NOT_IMPLEMENTED,
            format!(
                "acor in a rule of {name}: {} is neither an AE-ID, nor a CSE-ID, nor all; domains, groups and roles are not \
                 implemented by this CSE",
                shown(text)
            ),
        ),
        error => Failure::bad(format!("acor in a rule of {name}: {}: {error}", shown(text))),
    }
}

/// The rules of `pv` or `pvs`. No `acr` at all is the empty set (TS-0001 9.6.2.0).
fn rules(name: &str, attributes: &Map<String, Value>, sp_id: &SpId, cse_id: &CseId) -> Checked<Box<[Rule]>> {
    let malformed = || Failure::bad(format!("{name} must be an object whose only member, acr, is a list of rules"));
    let members = attributes.get(name).and_then(Value::as_object).ok_or_else(malformed)?;
    if members.keys().any(|member| member != "acr") {
        return Err(malformed());
    }
    let Some(acr) = members.get("acr") else { return Ok(Box::default()) };
    let read = |rule: &Value| Rule::read(name, rule.as_object().ok_or_else(malformed)?, sp_id, cse_id);
    acr.as_array().ok_or_else(malformed)?.iter().map(read).collect()
}

/// An identifier with wildcards, in the absolute form, which has as many parts as the identifiers that it stands for: a
/// wildcard ends at a slash (TS-0003 7.1.3).
fn pattern(text: &str, sp_id: &SpId, cse_id: &CseId) -> Result<String, IdError> {
    // What remains without the wildcards must be written like an identifier, of which there are no shorter ones than these.
    EntityId::from_originator(&text.replace('*', "CC"), sp_id, cse_id)?;
    if let Some(absolute) = text.strip_prefix("//") {
        let (domain, rest) = absolute.split_once('/').ok_or(IdError::NotAnEntity)?;
        Ok(format!("//{}/{rest}", domain.to_ascii_lowercase()))
    } else if text.starts_with('/') {
        Ok(format!("{sp_id}{text}"))
    } else if text.starts_with('C') {
        Ok(format!("{sp_id}{cse_id}/{text}"))
    } else if text.starts_with('S') {
        Ok(format!("{sp_id}/{text}"))
    } else {
        // Of which kind the AE-IDs are that it stands for is not said.
        Err(IdError::NotAnEntity)
    }
}

/// Whether each part of an identifier is like that of the pattern.
fn is_like(id: &str, pattern: &str) -> bool {
    let (mut id, mut pattern) = (id.split('/'), pattern.split('/'));
    loop {
        match (id.next(), pattern.next()) {
            (None, None) => return true,
            (Some(part), Some(wanted)) if matches_pattern(part, wanted) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    const RIGHTS: [Right; 6] =
        [Right::CREATE, Right::RETRIEVE, Right::UPDATE, Right::DELETE, Right::NOTIFY, Right::DISCOVERY];

    fn own() -> (SpId, CseId) {
        (SpId::new("sp.example").unwrap(), CseId::new("/id-in").unwrap())
    }

    fn entity(text: &str) -> EntityId {
        let (sp, cse) = own();
        EntityId::from_originator(text, &sp, &cse).unwrap()
    }

    fn read(attributes: &Value) -> Checked<Policy> {
        let (sp, cse) = own();
        Policy::read(attributes.as_object().unwrap(), &sp, &cse)
    }

    fn policy(pv: &Value, pvs: &Value) -> Policy {
        read(&json!({"pv": {"acr": pv}, "pvs": {"acr": pvs}})).unwrap()
    }

    #[test]
    fn a_rule_grants_exactly_the_operations_of_its_mask() {
        for acop in 1..=63_u8 {
            let rule = json!([{"acor": ["Ca"], "acop": acop}]);
            let nobody = json!([{"acor": ["Cz"], "acop": 63}]);
            let (privileges, own) = (policy(&rule, &nobody), policy(&nobody, &rule));
            for (bit, right) in RIGHTS.into_iter().enumerate() {
                let expected = acop & (1 << bit) != 0;
                assert_eq!(privileges.grants(&entity("Ca"), right), expected, "{acop} {right:?}");
                assert_eq!(own.grants_self(&entity("Ca"), right), expected, "{acop} {right:?}");
                // Neither attribute speaks for the other, nor for anybody else.
                for (policy, who) in [(&privileges, "Cb"), (&own, "Cb")] {
                    assert!(!policy.grants(&entity(who), right) && !policy.grants_self(&entity(who), right));
                }
                assert!(!privileges.grants_self(&entity("Ca"), right) && !own.grants(&entity("Ca"), right));
            }
        }
    }

    #[test]
    fn rules_add_up_but_not_their_parts() {
        let rules =
            json!([{"acor": ["Ca"], "acop": 2}, {"acor": ["Cb", "Ca"], "acop": 8}, {"acor": ["Cb"], "acop": 1}]);
        let policy = policy(&rules, &rules);
        let of = |who: &str| RIGHTS.map(|right| policy.grants(&entity(who), right));
        assert_eq!(of("Ca"), [false, true, false, true, false, false]);
        assert_eq!(of("Cb"), [true, false, false, true, false, false]);
        assert_eq!(of("Cc"), [false; 6]);
    }

    #[test]
    fn originators_in_every_form() {
        let all = [
            "Ca",
            "Cab",
            "Sa",
            "/id-in",
            "/id-mn",
            "/id-mn2",
            "/id-mn/Ca",
            "/id-mn/Cab",
            "/id-mn2/Ca",
            "//other.example/id-in",
            "//other.example/id-in/Ca",
            "//other.example/Sa",
        ];
        for (acor, granted) in [
            ("all", &all[..]),
            ("Ca", &["Ca"]),
            ("/id-in/Ca", &["Ca"]),
            ("//sp.example/id-in/Ca", &["Ca"]),
            ("//SP.example/id-in/Ca", &["Ca"]),
            ("Sa", &["Sa"]),
            ("/Sa", &["Sa"]),
            ("//sp.example/Sa", &["Sa"]),
            ("/id-mn", &["/id-mn"]),
            ("/id-mn/Ca", &["/id-mn/Ca"]),
            ("//other.example/id-in/Ca", &["//other.example/id-in/Ca"]),
            // TS-0003 table 7.1.3-2; a wildcard may stand for nothing, and ends at a slash.
            ("C*", &["Ca", "Cab"]),
            ("Ca*", &["Ca", "Cab"]),
            ("C*b", &["Cab"]),
            ("S*", &["Sa"]),
            ("/S*", &["Sa"]),
            ("/id-in/C*", &["Ca", "Cab"]),
            ("/id-mn*", &["/id-mn", "/id-mn2"]),
            ("/id-mn/*", &["/id-mn/Ca", "/id-mn/Cab"]),
            ("/id-mn*/Ca", &["/id-mn/Ca", "/id-mn2/Ca"]),
            ("/*/Cab", &["Cab", "/id-mn/Cab"]),
            ("//*/id-in/Ca", &["Ca", "//other.example/id-in/Ca"]),
            ("//other.example/*", &["//other.example/id-in", "//other.example/Sa"]),
            ("//OTHER.*/Sa", &["//other.example/Sa"]),
        ] {
            let rules = json!([{"acor": [acor], "acop": 2}]);
            let policy = policy(&rules, &rules);
            let found: Vec<&str> = all.into_iter().filter(|who| policy.grants(&entity(who), Right::RETRIEVE)).collect();
            assert_eq!(found, granted, "{acor}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_by_name() {
        let (bad, lacking) = (StatusCode::BAD_REQUEST, StatusCode::NOT_IMPLEMENTED);
        for (rule, status, named) in [
            (json!(7), bad, "acr"),
            (json!({"acop": 1}), bad, "acor"),
            (json!({"acor": [], "acop": 1}), bad, "acor"),
            (json!({"acor": "all", "acop": 1}), bad, "acor"),
            (json!({"acor": [1], "acop": 1}), bad, "acor"),
            (json!({"acor": ["all"]}), bad, "acop"),
            (json!({"acor": ["all"], "acop": 0}), bad, "acop"),
            (json!({"acor": ["all"], "acop": 64}), bad, "acop"),
            (json!({"acor": ["all"], "acop": 258}), bad, "acop"),
            (json!({"acor": ["all"], "acop": -1}), bad, "acop"),
            (json!({"acor": ["all"], "acop": 1.5}), bad, "acop"),
            (json!({"acor": ["all"], "acop": "1"}), bad, "acop"),
            (json!({"acor": ["all"], "acop": null}), bad, "acop"),
            (json!({"acor": ["all"], "acop": 1, "acxx": 1}), bad, "acxx"),
            (json!({"acor": ["all"], "acop": 1, "acco": []}), lacking, "acco"),
            (json!({"acor": ["all"], "acop": 1, "acco": [{"actw": ["* * * * * * *"]}]}), lacking, "acco"),
            (json!({"acor": ["all"], "acop": 1, "acod": [{"chty": [3]}]}), lacking, "acod"),
            (json!({"acor": ["all"], "acop": 1, "aca": ["lbl"]}), lacking, "aca"),
            (json!({"acor": ["all"], "acop": 1, "acaf": true}), lacking, "acaf"),
            (json!({"acor": ["Ca", "C a"], "acop": 1}), bad, "C a"),
            (json!({"acor": [""], "acop": 1}), bad, "acor"),
            (json!({"acor": ["All"], "acop": 1}), lacking, "All"),
            (json!({"acor": ["C"], "acop": 1}), lacking, "\"C\""),
            (json!({"acor": ["sp.example"], "acop": 1}), lacking, "sp.example"),
            (json!({"acor": ["//sp.example"], "acop": 1}), lacking, "//sp.example"),
            (json!({"acor": ["grp1"], "acop": 1}), lacking, "grp1"),
            (json!({"acor": ["*"], "acop": 1}), lacking, "*"),
            (json!({"acor": ["*a"], "acop": 1}), lacking, "*a"),
            (json!({"acor": ["//*"], "acop": 1}), lacking, "//*"),
            (json!({"acor": ["C*/x"], "acop": 1}), bad, "C*/x"),
            (json!({"acor": ["/id-in/data/C*"], "acop": 1}), lacking, "/id-in/data/C*"),
            (json!({"acor": ["/id-*/Sa"], "acop": 1}), lacking, "/id-*/Sa"),
            (json!({"acor": ["//*//Ca"], "acop": 1}), bad, "//*//Ca"),
            (json!({"acor": ["C*".repeat(600)], "acop": 1}), bad, "acor"),
        ] {
            let good = json!({"acr": [{"acor": ["all"], "acop": 63}]});
            let wrong = json!({"acr": [{"acor": ["all"], "acop": 63}, rule]});
            for attributes in [json!({"pv": wrong, "pvs": good}), json!({"pv": good, "pvs": wrong})] {
                let failure = read(&attributes).unwrap_err();
                assert_eq!(failure.status, status, "{rule}: {}", failure.debug);
                assert!(failure.debug.contains(named), "{rule}: {}", failure.debug);
            }
        }
    }

    #[test]
    fn pv_may_be_empty_and_pvs_may_not() {
        let good = json!({"acr": [{"acor": ["all"], "acop": 63}]});
        for empty in [json!({}), json!({"acr": []})] {
            let policy = read(&json!({"pv": empty, "pvs": good})).unwrap();
            assert!(!policy.grants(&entity("Ca"), Right::RETRIEVE));
            assert!(policy.grants_self(&entity("Ca"), Right::RETRIEVE));
            let failure = read(&json!({"pv": good, "pvs": empty})).unwrap_err();
            assert_eq!((failure.status, failure.debug.contains("pvs")), (StatusCode::BAD_REQUEST, true));
        }
        for malformed in [json!(null), json!([]), json!({"acr": {}}), json!({"acr": [], "more": 1})] {
            assert_eq!(read(&json!({"pv": malformed, "pvs": good})).unwrap_err().status, StatusCode::BAD_REQUEST);
        }
    }
}
