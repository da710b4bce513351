//! The rules for `fr`: the cases that matter as a table to read, and every combination against the rules said another way.

use super::super::{Framework, Principal};
use super::Act::{LooksForItself, Other, RegistersAe, RegistersCse};
use super::*;
use crate::primitive::{CseId, SpId};

/// `//sp.example/id-in`, with the AEs `Ca`, `Cb` and `Sa`, the CSEs `/id-mn` and `/id-mn2`, and the administrator `CAdmin`.
struct World {
    own: EntityId,
    /// What is registered over the connection.
    over: Option<&'static str>,
    binds_plain: bool,
    cse_needs_association: bool,
}

const AES: [&str; 3] = ["//sp.example/id-in/Ca", "//sp.example/id-in/Cb", "//sp.example/Sa"];
const CSES: [&str; 2] = ["//sp.example/id-mn", "//sp.example/id-mn2"];

fn entity(text: &str) -> Result<EntityId, IdError> {
    EntityId::from_originator(text, &SpId::new("//sp.example").unwrap(), &CseId::new("/id-in").unwrap())
}

fn world(over: Option<&'static str>) -> World {
    World { own: entity("/id-in").unwrap(), over, binds_plain: true, cse_needs_association: false }
}

impl Known for World {
    fn entity(&self, originator: &str) -> Result<EntityId, IdError> {
        entity(originator)
    }

    fn own(&self) -> &EntityId {
        &self.own
    }

    fn registered(&self, entity: &EntityId) -> Option<RegistreeKind> {
        match entity.as_str() {
            ae if AES.contains(&ae) => Some(RegistreeKind::Ae),
            cse if CSES.contains(&cse) => Some(RegistreeKind::Cse),
            _ => None,
        }
    }

    fn is_trusted(&self, originator: &str) -> bool {
        entity(originator).is_ok_and(|entity| entity.as_str() == "//sp.example/id-in/CAdmin")
    }

    fn forwards(&self) -> bool {
        self.over.is_some_and(|over| CSES.contains(&over))
    }

    fn carries(&self, entity: &EntityId) -> bool {
        self.over == Some(entity.as_str())
    }

    fn bound(&self) -> Option<&str> {
        self.over.filter(|_| self.binds_plain)
    }

    fn cse_needs_association(&self) -> bool {
        self.cse_needs_association
    }
}

fn certificate(entities: &[&str]) -> PeerIdentity {
    let entities = entities.iter().map(|text| entity(text).unwrap()).collect();
    PeerIdentity::new(Framework::Certificate, Principal::new("k")).only(entities)
}

fn unnamed() -> PeerIdentity {
    PeerIdentity::new(Framework::RawPublicKey, Principal::new("key"))
}

fn token() -> PeerIdentity {
    Principal::new("token").into()
}

/// `Pass`, `as X`, or the status.
fn answer(claim: &Claim<'_>, world: &World) -> String {
    match judge(claim, world) {
        Verdict::Pass => "pass".to_owned(),
        Verdict::PassAs(stem) => format!("as {stem}"),
        Verdict::Refuse { status, text, .. } => {
            assert!(text.len() > 20, "{text}");
            status.code().to_string()
        }
    }
}

#[test]
fn ws_7_2_whose_requests_pass_to_read() {
    let (ae, several, new) = (certificate(&["Ca"]), certificate(&["Ca", "Cc", "Sa"]), certificate(&["Cnew"]));
    let (cse, new_cse) = (certificate(&["/id-mn"]), certificate(&["/id-new"]));
    let (token, unnamed) = (token(), unnamed());
    let (ca, mn) = (Some(AES[0]), Some(CSES[0]));
    let nobody = None;
    // Who is authenticated, what is registered over the connection, what it does, as whom, and what becomes of it.
    type Row<'a> = (Option<&'a PeerIdentity>, Option<&'static str>, Act, &'a str, &'a str);
    let rows: [Row<'_>; 61] = [
        // An AE by its certificate says its own stem, and nothing else.
        (Some(&ae), ca, Other, "Ca", "pass"),
        (Some(&ae), ca, Other, "/id-in/Ca", "4000"),
        (Some(&ae), ca, Other, "//sp.example/id-in/Ca", "4000"),
        (Some(&ae), ca, Other, "Cb", "4106"),
        (Some(&ae), ca, Other, "CAdmin", "4106"),
        (Some(&ae), ca, Other, "/id-mn", "4106"),
        (Some(&ae), ca, Other, "/id-in", "4106"),
        (Some(&ae), ca, Other, "", "4000"),
        (Some(&ae), ca, Other, "C", "4000"),
        (Some(&ae), nobody, RegistersAe, "Ca", "pass"),
        (Some(&ae), nobody, RegistersAe, "C", "as Ca"),
        (Some(&ae), nobody, RegistersAe, "", "as Ca"),
        (Some(&ae), nobody, RegistersAe, "S", "4106"),
        (Some(&ae), nobody, RegistersAe, "Cb", "4106"),
        (Some(&ae), nobody, RegistersCse, "/id-mn", "4106"),
        (Some(&new), nobody, Other, "Cnew", "4106"),
        (Some(&new), nobody, RegistersAe, "Cnew", "pass"),
        // A node with several AEs says which one it means.
        (Some(&several), ca, Other, "Sa", "pass"),
        (Some(&several), ca, Other, "Cc", "4106"),
        (Some(&several), ca, RegistersAe, "Cc", "pass"),
        (Some(&several), ca, RegistersAe, "C", "4000"),
        (Some(&several), ca, RegistersAe, "", "4000"),
        (Some(&several), nobody, RegistersAe, "S", "as Sa"),
        // A CSE by its certificate forwards for those behind it, and for nobody who is reached otherwise.
        (Some(&cse), mn, Other, "/id-mn", "pass"),
        (Some(&cse), mn, Other, "//sp.example/id-mn", "pass"),
        (Some(&cse), mn, Other, "/id-mn/Cx", "pass"),
        (Some(&cse), mn, Other, "/id-new/Cx", "pass"),
        (Some(&cse), mn, Other, "/id-new", "pass"),
        (Some(&cse), mn, Other, "Snew", "pass"),
        (Some(&cse), mn, Other, "/id-mn2", "4106"),
        (Some(&cse), mn, Other, "/id-mn2/Cx", "4106"),
        (Some(&cse), mn, Other, "//sp.example/id-mn2/Cx", "4106"),
        (Some(&cse), mn, Other, "Cx", "4106"),
        (Some(&cse), mn, Other, "Sa", "4106"),
        (Some(&cse), mn, Other, "/id-in/CAdmin", "4106"),
        (Some(&cse), mn, Other, "/id-in", "4106"),
        (Some(&new_cse), nobody, LooksForItself, "/id-new", "pass"),
        (Some(&new_cse), nobody, RegistersCse, "/id-new", "pass"),
        (Some(&new_cse), nobody, Other, "/id-new", "4106"),
        (Some(&new_cse), nobody, Other, "/id-new/Cx", "4106"),
        (Some(&new_cse), nobody, RegistersCse, "/id-mn", "4106"),
        (Some(&new_cse), nobody, RegistersAe, "C", "4106"),
        // Whom the program accepted by a name alone.
        (Some(&token), ca, Other, "Ca", "pass"),
        (Some(&token), ca, Other, "Cnew", "4106"),
        (Some(&token), mn, Other, "/id-mn/Cx", "pass"),
        (Some(&token), mn, Other, "/id-mn2/Cx", "4106"),
        (Some(&token), nobody, RegistersAe, "S", "pass"),
        // Nobody, in a closed environment.
        (None, nobody, RegistersAe, "C", "pass"),
        (None, nobody, Other, "Ca", "pass"),
        (None, nobody, Other, "Cnew", "4106"),
        (None, nobody, Other, "CAdmin", "pass"),
        (Some(&token), nobody, Other, "CAdmin", "pass"),
        // A certificate, a key, that names nobody.
        (Some(&unnamed), nobody, Other, "CAdmin", "4106"),
        (Some(&unnamed), ca, Other, "Ca", "pass"),
        (Some(&unnamed), nobody, RegistersAe, "Cnew", "pass"),
        (None, ca, Other, "Cb", "4106"),
        (None, ca, RegistersAe, "Cnew", "4106"),
        (None, ca, RegistersAe, "C", "4106"),
        (None, ca, Other, "CAdmin", "pass"),
        (None, mn, Other, "/id-mn/Cx", "pass"),
        (None, mn, Other, "/id-mn2", "4106"),
    ];
    for (association, over, act, originator, expected) in rows {
        let claim = Claim { association, act, originator: Some(originator) };
        let who = association.map(|identity| (identity.framework(), identity.entities()));
        assert_eq!(answer(&claim, &world(over)), expected, "{who:?} {over:?} {act:?} {originator:?}");
    }
}

#[test]
fn ws_7_3_a_cse_needs_an_association_where_there_are_some() {
    let open = World { cse_needs_association: true, ..world(None) };
    for (act, originator, expected) in [
        (RegistersCse, "/id-new", "4107"),
        (LooksForItself, "/id-new", "4107"),
        (Other, "/id-mn", "4107"),
        (Other, "//sp.example/id-mn", "4107"),
        (Other, "/id-new", "4107"),
        (RegistersAe, "/id-new", "4107"),
        (Other, "/id-mn/Cx", "4106"),
        (Other, "Ca", "pass"),
        (RegistersAe, "Cnew", "pass"),
    ] {
        let claim = Claim { association: None, act, originator: Some(originator) };
        assert_eq!(answer(&claim, &open), expected, "{act:?} {originator}");
        let token = token();
        let claim = Claim { association: Some(&token), ..claim };
        assert_ne!(answer(&claim, &open), "4107", "{act:?} {originator}");
    }
}

/// What a text means, as a reader of TS-0001 7.2 sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Means {
    /// Nothing, or one to be assigned.
    Unnamed,
    Malformed,
    Ae {
        /// Its absolute AE-ID.
        id: &'static str,
        /// The CSE that assigned it; empty for the service provider.
        by: &'static str,
    },
    /// Its absolute CSE-ID.
    Cse(&'static str),
}

const OWN: &str = "//sp.example/id-in";
const MN: &str = "//sp.example/id-mn";
const MN2: &str = "//sp.example/id-mn2";
const NEW: &str = "//sp.example/id-new";
const ADMIN: &str = "//sp.example/id-in/CAdmin";

/// Every form of identifier.
fn forms() -> Vec<(Option<&'static str>, Means)> {
    let mut forms = vec![(None, Means::Unnamed)];
    forms.extend(["", "C", "S"].map(|text| (Some(text), Means::Unnamed)));
    let malformed = ["admin", "Ca/b", "a b", "/", "//sp.example", "/id-in/Sx", "/id-in/C", "/id-in/x", "Ca#lbl"];
    forms.extend(malformed.map(|text| (Some(text), Means::Malformed)));
    let mut ae = |id: &'static str, by: &'static str, texts: &[&'static str]| {
        forms.extend(texts.iter().map(|text| (Some(*text), Means::Ae { id, by })));
    };
    ae(AES[0], OWN, &["Ca", "/id-in/Ca", "//sp.example/id-in/Ca", "//SP.example/id-in/Ca"]);
    ae(AES[1], OWN, &["Cb", "/id-in/Cb", "//sp.example/id-in/Cb"]);
    ae(AES[2], "", &["Sa", "/Sa", "//sp.example/Sa"]);
    ae("//sp.example/id-in/Cnew", OWN, &["Cnew", "/id-in/Cnew", "//sp.example/id-in/Cnew"]);
    ae("//sp.example/Snew", "", &["Snew", "/Snew", "//sp.example/Snew"]);
    ae("//other.example/Sa", "", &["//other.example/Sa"]);
    ae("//sp.example/id-mn/Cx", MN, &["/id-mn/Cx", "//sp.example/id-mn/Cx"]);
    ae("//sp.example/id-mn2/Cx", MN2, &["/id-mn2/Cx", "//sp.example/id-mn2/Cx"]);
    ae("//sp.example/id-new/Cx", NEW, &["/id-new/Cx", "//sp.example/id-new/Cx"]);
    ae("//other.example/id-in/Ca", "//other.example/id-in", &["//other.example/id-in/Ca"]);
    ae(ADMIN, OWN, &["CAdmin", "/id-in/CAdmin", "//sp.example/id-in/CAdmin"]);
    for (id, texts) in [
        (OWN, ["/id-in", "//sp.example/id-in"]),
        (MN, ["/id-mn", "//sp.example/id-mn"]),
        (MN2, ["/id-mn2", "//SP.EXAMPLE/id-mn2"]),
        (NEW, ["/id-new", "//sp.example/id-new"]),
        ("//other.example/id-mn", ["//other.example/id-mn", "//OTHER.example/id-mn"]),
    ] {
        forms.extend(texts.map(|text| (Some(text), Means::Cse(id))));
    }
    forms
}

/// One connection.
struct Case {
    /// For whom its credential is.
    allowed: Option<Vec<&'static str>>,
    is_inside: bool,
    /// It was accepted by the program, and not by TLS.
    is_token: bool,
    world: World,
}

/// The rules, one after the other, by what the texts mean: the first that applies has the answer.
fn by_the_rules(case: &Case, act: Act, text: &str, means: Means) -> String {
    let Case { allowed, is_inside, is_token, world } = case;
    let registers_ae = act == RegistersAe;
    let registers = registers_ae || act == RegistersCse;
    let over = world.over.unwrap_or_default();
    let registree_is_cse = CSES.contains(&over);
    let is_bound = !is_inside && world.binds_plain && !over.is_empty();

    let (id, by, is_cse_id) = match means {
        Means::Unnamed => {
            let of_aes = allowed.iter().flatten().filter_map(|id| {
                let stem = id.strip_prefix("//sp.example/id-in/C").map(|rest| format!("C{rest}"));
                stem.or_else(|| id.strip_prefix("//sp.example/S").map(|rest| format!("S{rest}")))
            });
            let fitting: Vec<String> = of_aes.filter(|stem| stem.starts_with(text)).collect();
            return match (registers_ae, allowed, fitting.len()) {
                (false, ..) => "4000".to_owned(),
                (true, Some(_), 0) => "4106".to_owned(),
                (true, Some(_), 1) => format!("as {}", fitting[0]),
                (true, Some(_), _) => "4000".to_owned(),
                (true, None, _) if is_bound => "4106".to_owned(),
                (true, None, _) => "pass".to_owned(),
            };
        }
        Means::Malformed if registers_ae && allowed.is_none() && !is_bound => return "pass".to_owned(),
        Means::Malformed => return "4000".to_owned(),
        Means::Ae { id, by } => (id, by, false),
        Means::Cse(id) => (id, "", true),
    };
    let is_registered = AES.contains(&id) || CSES.contains(&id);
    let is_reached_elsewhere = |id: &str| id == OWN || CSES.contains(&id) && id != over;
    // What TS-0004 refuses to a CSE registree, and what is of this CSE.
    let is_not_behind = is_registered || id == OWN || is_reached_elsewhere(by);

    let rules: Vec<(bool, &str)> = if let Some(allowed) = allowed {
        let speaks = allowed.contains(&id);
        let is_cse = allowed.iter().any(|id| [MN, NEW].contains(id));
        vec![
            (registers && !speaks, "4106"),
            (!speaks && !is_cse, "4106"),
            (!speaks && is_not_behind, "4106"),
            (!speaks && !registree_is_cse, "4106"),
            (!speaks, "pass"),
            (registers_ae && text.contains('/'), "4000"),
            (act == Other && !is_cse && text.contains('/'), "4000"),
            (registers, "pass"),
            (act == LooksForItself && is_cse_id, "pass"),
            (is_registered || registree_is_cse || id == ADMIN, "pass"),
            (true, "4106"),
        ]
    } else {
        vec![
            (id == ADMIN && *is_inside && !is_token, "4106"),
            (id == ADMIN, "pass"),
            (!is_inside && is_cse_id && world.cse_needs_association, "4107"),
            // `/Sx` may be a CSE that registers.
            (act == RegistersCse && !is_inside && world.cse_needs_association && is_two_parts(text), "4107"),
            (is_bound && id != over && (registers || is_registered), "4106"),
            (registers_ae, "pass"),
            (act == RegistersCse && (is_cse_id || is_two_parts(text)), "pass"),
            (is_registered, "pass"),
            (act == LooksForItself && is_cse_id && id != OWN, "pass"),
            (!registree_is_cse, "4106"),
            (*is_inside && is_not_behind, "4106"),
            (true, "pass"),
        ]
    };
    let (_, answer) = rules.into_iter().find(|(applies, _)| *applies).unwrap();
    answer.to_owned()
}

fn is_two_parts(text: &str) -> bool {
    let names = text.strip_prefix("//").and_then(|text| text.split_once('/')).map(|(_, names)| names);
    names.or_else(|| text.strip_prefix('/')).is_some_and(|name| !name.contains('/'))
}

#[test]
fn ws_7_2_every_combination_is_judged_by_the_rules() {
    let over = [None, Some(AES[0]), Some(CSES[0])];
    let credentials: [&[&str]; 9] = [
        &[AES[0]],
        &["//sp.example/id-in/Cnew"],
        &["//sp.example/Snew"],
        &[AES[0], "//sp.example/id-in/Cnew", AES[2]],
        &["//sp.example/id-new/Cx"],
        &[MN],
        &[NEW],
        &[ADMIN],
        &[],
    ];
    let mut cases = Vec::new();
    for over in over {
        for (binds_plain, cse_needs_association) in [(true, false), (false, false), (true, true), (false, true)] {
            let world = || World { binds_plain, cse_needs_association, ..world(over) };
            cases.extend(credentials.map(|allowed| Case {
                allowed: Some(allowed.to_vec()),
                is_inside: true,
                is_token: false,
                world: world(),
            }));
            let unnamed = [(true, true), (true, false), (false, false)];
            cases.extend(unnamed.map(|(is_inside, is_token)| Case {
                allowed: None,
                is_inside,
                is_token,
                world: world(),
            }));
        }
    }
    let mut judged = 0;
    let mut counts = std::collections::BTreeMap::new();
    for case in &cases {
        let identity = match &case.allowed {
            Some(allowed) => Some(certificate(allowed)),
            None if case.is_token => Some(token()),
            None => case.is_inside.then(unnamed),
        };
        for act in [RegistersAe, RegistersCse, LooksForItself, Other] {
            for (text, means) in forms() {
                let claim = Claim { association: identity.as_ref(), act, originator: text };
                let expected = by_the_rules(case, act, text.unwrap_or_default(), means);
                let who = identity.as_ref().map(|identity| identity.entities());
                let World { over, binds_plain, cse_needs_association, .. } = &case.world;
                assert_eq!(
                    answer(&claim, &case.world),
                    expected,
                    "{who:?} {act:?} {text:?} over {over:?}, bound {binds_plain}, needed {cse_needs_association}"
                );
                judged += 1;
                *counts.entry(expected).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(judged, cases.len() * 4 * forms().len());
    for answer in ["pass", "4000", "4106", "4107", "as Ca", "as Snew"] {
        assert!(counts[answer] > 10, "{answer}: {counts:?}");
    }
}

#[test]
fn ws_7_2_what_a_request_is_about_is_told_by_the_request() {
    let ae = Request::create("cse-in", crate::primitive::ResourceType::AE, serde_json::json!({}));
    assert_eq!(Act::of(&ae), RegistersAe);
    let csr = Request::create("cse-in", crate::primitive::ResourceType::REMOTE_CSE, serde_json::json!({}));
    assert_eq!(Act::of(&csr.from("/id-mn")), RegistersCse);
    assert_eq!(Act::of(&Request::retrieve("/id-in/cse-in/id-mn").from("/id-mn")), LooksForItself);
    assert_eq!(Act::of(&Request::delete("/id-in/cse-in/id-mn").from("/id-mn")), LooksForItself);
    assert_eq!(Act::of(&Request::update("/id-in/cse-in/id-mn", serde_json::json!({})).from("/id-mn")), Other);
    assert_eq!(Act::of(&Request::retrieve("/id-in/cse-in/id-mn2").from("/id-mn")), Other);
    assert_eq!(Act::of(&Request::retrieve("cse-in/Ca").from("Ca")), Other);
}
