//! Every line of the tables is found as it is written, and names by where they stand.
//!
//! Covers: `schema/*.csv` read without the build script, serialization of names that mean different things in different
//! places (TS-0004 6.3.5, 6.3.6, 7.4), order, children, what the application registered.

use std::collections::HashMap;

use super::*;

const SIMPLE: &str = include_str!("../../../schema/simple-types.csv");
const TYPES: &str = include_str!("../../../schema/types.csv");
const ATTRIBUTES: &str = include_str!("../../../schema/attributes.csv");
const RESOURCES: &str = include_str!("../../../schema/resources.csv");
const CONTAINERS: &str = include_str!("../../../schema/flexcontainers.csv");
const ROOTS: &str = include_str!("../../../schema/content-roots.csv");
const NAMESPACES: &str = include_str!("../../../schema/namespaces.csv");

fn lines<const N: usize>(file: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    file.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>().try_into().expect(line))
}

/// The atom that a simple data type comes down to, or the atom of its items.
fn atom(data_type: &str) -> Option<Atom> {
    let data_type = data_type.strip_prefix("list of ").unwrap_or(data_type);
    match lines::<3>(SIMPLE).find(|[name, ..]| *name == data_type) {
        Some([_, "atom", atom]) => Some(match atom {
            "text" => Atom::Text,
            "token" => Atom::Token,
            "time" => Atom::Time,
            "integer" => Atom::Integer,
            "number" => Atom::Number,
            "boolean" => Atom::Boolean,
            _ => return None,
        }),
        Some([_, _, of]) => atom(of),
        None => None,
    }
}

/// The member as the columns `data_type`, `json` and `xml` have it.
fn check(member: Member, name: &str, [data_type, json, xml]: [&str; 3]) {
    assert_eq!(member.name, name);
    assert_eq!(member.place == Place::Attribute, xml == "attribute", "{name}");
    assert_eq!(member.place == Place::Text, xml == "content", "{name}");
    assert_eq!(member.repeated, xml == "repeated", "{name}");
    assert_eq!(member.may_be_empty, xml == "list-or-empty", "{name}");
    match member.form {
        Form::Object(_) => assert!(json.ends_with("object") && matches!(xml, "nested" | "repeated"), "{name}"),
        Form::List(found) => {
            assert!(json.starts_with("array of ") && xml.starts_with("list"), "{name}");
            assert_eq!(Some(found), atom(data_type), "{name}");
        }
        Form::Any => assert_eq!((json, xml), ("any", "text"), "{name}"),
        Form::Atom(found) => {
            assert_eq!(Some(found), atom(data_type), "{name}");
            assert_eq!(json.starts_with("array"), member.repeated, "{name}");
        }
    }
    let of_json = match json.trim_start_matches("array of ") {
        "string" => &[Atom::Text, Atom::Token][..],
        "string|integer" => &[Atom::Time],
        "integer" => &[Atom::Integer],
        "number" => &[Atom::Number],
        "boolean" => &[Atom::Boolean],
        _ => &[],
    };
    if let Form::Atom(found) | Form::List(found) = member.form {
        assert!(of_json.contains(&found), "{name}");
    }
}

/// The type of an object that stands at the end of a path of members.
fn at(start: Type, path: &[&str]) -> Type {
    path.iter().fold(start, |of, name| match of.member(name).expect(name).form {
        Form::Object(of) => of,
        form => panic!("{name} is {form:?}"),
    })
}

fn root(name: &str) -> Type {
    at(Type::CONTENT, &[name])
}

fn form(of: Type, name: &str) -> (Form, bool) {
    let member = of.member(name).expect(name);
    (member.form, member.repeated)
}

fn order(of: Type, name: &str) -> u16 {
    of.member(name).expect(name).order
}

fn assert_in_order(of: Type, names: &str) {
    let names: Vec<&str> = names.split_whitespace().collect();
    assert!(names.is_sorted_by(|a, b| order(of, a) < order(of, b)), "{names:?}");
}

/// All complex types by their names, as far as a message can reach them.
fn types() -> HashMap<&'static str, Type> {
    let mut known = HashMap::from([
        ("content", Type::CONTENT),
        ("resource", root("m2m:cnt")),
        ("m2m:requestPrimitive", Type::REQUEST),
        ("m2m:responsePrimitive", Type::RESPONSE),
        ("m2m:primitiveContent", Type::CONTENT),
        ("m2m:representation", Type::CONTENT),
    ]);
    let roots = lines::<4>(ROOTS).map(|[name, data_type, ..]| ("content", name, data_type));
    let attributes = lines::<4>(ATTRIBUTES).map(|[name, data_type, ..]| ("resource", name, data_type));
    let members = lines::<6>(TYPES).map(|[of, name, data_type, ..]| (of, name, data_type));
    let named: Vec<_> = roots.chain(attributes).chain(members.filter(|member| member.1 != "*")).collect();
    loop {
        let before = known.len();
        for (of, name, data_type) in &named {
            let member = known.get(of).map(|of| of.member(name).expect(name));
            if let Some(Member { form: Form::Object(found), .. }) = member {
                let data_type = data_type.trim_start_matches("list of ");
                assert_eq!(*known.entry(data_type).or_insert(found), found, "{data_type} is one type, wherever it is");
            }
        }
        if known.len() == before {
            return known;
        }
    }
}

#[test]
fn every_member_of_a_type_is_found_in_its_order() {
    let types = types();
    let mut last = ("", 0);
    for [of, name, data_type, multiplicity, json, xml] in lines(TYPES) {
        let known = *types.get(of).unwrap_or_else(|| panic!("{of} is out of reach"));
        if name == "*" {
            assert!(known.holds_root());
            continue;
        }
        let member = known.member(name).unwrap_or_else(|| panic!("{of} has no {name}"));
        check(member, name, [data_type, json, xml]);
        let several = multiplicity.ends_with('n')
            || data_type.strip_prefix("list of ").is_some_and(|item| types.contains_key(item));
        assert_eq!(member.repeated, several, "{of} {name}");
        if let (Form::Object(found), Some(described)) = (member.form, types.get(data_type)) {
            assert_eq!(found, *described, "{of} {name}");
        }
        assert!(of != last.0 || member.order > last.1, "{of} {name}");
        last = (of, member.order);
        assert_eq!(known.member(&format!("{name}?")), None);
    }
}

#[test]
fn every_attribute_is_found_in_every_resource() {
    for [name, data_type, json, xml] in lines(ATTRIBUTES) {
        for of in ["m2m:cnt", "m2m:cbA", "cod:devLt", "dcfg:sim"] {
            check(root(of).member(name).unwrap_or_else(|| panic!("{of} has no {name}")), name, [data_type, json, xml]);
        }
        let own = order(root("m2m:mssp"), "daci");
        let foreign = order(root("m2m:mssp"), name);
        assert!(foreign <= own || foreign > 0x1000, "{name}");
        assert_eq!(name == "ch", foreign >= order(root("m2m:mssp"), "ch"), "references to children are last: {name}");
    }
}

#[test]
fn every_resource_has_its_attributes_in_their_order() {
    let mut orders: HashMap<&str, String> = HashMap::from([("", String::new())]);
    for [name, base, attributes] in lines(RESOURCES) {
        let all = format!("{} {attributes}", orders[base]);
        if name.contains(':') {
            assert_in_order(root(name), &format!("{all} ch"));
            for (at, attribute) in all.split_whitespace().enumerate() {
                assert_eq!(usize::from(order(root(name), attribute)), at + 1, "{name} {attribute}");
            }
        }
        orders.insert(name, all);
    }
    for [name, attributes] in lines(CONTAINERS) {
        let of = root(name);
        let mut names = orders["m2m:fcnt"].clone();
        for attribute in attributes.split_whitespace() {
            let (attribute, data_type) = attribute.split_once('=').unwrap();
            let expected =
                if data_type == "sdt:list" { Form::List(Atom::Text) } else { Form::Atom(atom(data_type).unwrap()) };
            assert_eq!(form(of, attribute), (expected, false), "{name} {attribute}");
            names = format!("{names} {attribute}");
        }
        assert_in_order(of, &format!("{names} ch m2m:cin"));
    }
}

#[test]
fn every_root_is_one_in_content_and_several_in_a_resource() {
    let resources = lines::<3>(RESOURCES).map(|[name, ..]| name).filter(|name| name.contains(':'));
    for name in resources.chain(lines::<2>(CONTAINERS).map(|[name, _]| name)) {
        let one = Type::CONTENT.member(name).unwrap_or_else(|| panic!("no root {name}"));
        assert_eq!((one.name, one.repeated, one.place, one.order), (name, false, Place::Element, 0));
        let child = root("m2m:cnt").member(name).unwrap();
        assert_eq!((child.name, child.form, child.repeated, child.order), (name, one.form, true, u16::MAX));
        assert_eq!(root("m2m:rce").member(name), Some(one));
        assert_eq!(Type::REQUEST.member(name), None);
    }
    for [name, data_type, json, xml] in lines(ROOTS) {
        check(Type::CONTENT.member(name).unwrap(), name, [data_type, json, xml]);
        assert_eq!(root("m2m:cnt").member(name), None, "{name} is no child");
        assert_eq!(root("m2m:rce").member(name), None, "{name} is no resource");
    }
}

#[test]
fn what_stands_in_content() {
    let list = Type::CONTENT.member("m2m:uril").unwrap();
    assert_eq!((list.form, list.may_be_empty), (Form::List(Atom::Token), true));
    assert_eq!(form(Type::CONTENT, "m2m:uri"), (Form::Atom(Atom::Token), false));
    assert_eq!(form(Type::CONTENT, "m2m:dbg"), (Form::Atom(Atom::Text), false));
    assert_eq!(form(Type::CONTENT, "m2m:qres"), (Form::Atom(Atom::Text), false));
    assert_eq!(form(Type::CONTENT, "m2m:atrl"), (Form::List(Atom::Token), false));
    assert_eq!(root("m2m:rqp"), Type::REQUEST);
    assert_eq!(root("m2m:rsp"), Type::RESPONSE);
    assert_eq!(form(root("m2m:agr"), "m2m:rsp"), (Form::Object(Type::RESPONSE), true));
    assert_eq!(form(root("m2m:agr"), "ri"), (Form::Atom(Atom::Token), false));
    assert_eq!(form(root("m2m:agn"), "m2m:sgn"), (Form::Object(root("m2m:sgn")), true));
    assert!(root("m2m:rrl").member("rrf").unwrap().repeated);
    assert_eq!(form(root("m2m:rrl"), "ch"), form(root("m2m:rrl"), "rrf"));
    assert_in_order(root("m2m:rrl"), "rrf ch");
    assert_in_order(root("m2m:rce"), "m2m:ae uri");
    assert_eq!(at(Type::REQUEST, &["pc"]), Type::CONTENT);
    assert_eq!(at(root("m2m:sgn"), &["nev", "rep"]), Type::CONTENT);
    for (holds, of) in
        [(true, Type::CONTENT), (true, root("m2m:rce")), (false, Type::REQUEST), (false, root("m2m:cnt"))]
    {
        assert_eq!(of.holds_root(), holds);
    }
}

/// Names whose kind depends on where they stand, one by one.
#[test]
fn the_same_name_in_two_places() {
    let criteria = at(Type::REQUEST, &["fc"]);
    let notified = at(root("m2m:sub"), &["enc"]);
    let event = at(root("m2m:sgn"), &["nev"]);
    let text = (Form::Atom(Atom::Text), false);
    let token = (Form::Atom(Atom::Token), false);
    let integer = (Form::Atom(Atom::Integer), false);
    let boolean = (Form::Atom(Atom::Boolean), false);

    assert_eq!(form(criteria, "ty"), (Form::List(Atom::Integer), false));
    assert_eq!(form(root("m2m:cnt"), "ty"), integer);
    assert_eq!(form(Type::REQUEST, "ty"), integer);

    let attribute = at(criteria, &["atr"]);
    assert!(criteria.member("atr").unwrap().repeated);
    assert_eq!(form(attribute, "nm"), token);
    assert_eq!(form(attribute, "val"), (Form::Any, false));
    assert_eq!(attribute.member("val").unwrap().place, Place::Element);
    assert_eq!(form(notified, "atr"), (Form::List(Atom::Token), false));

    assert_eq!(form(notified, "net"), (Form::Atom(Atom::Integer), true));
    assert_eq!(form(event, "net"), integer);

    let monitor = at(notified, &["om"]);
    assert!(notified.member("om").unwrap().repeated);
    assert_eq!((form(monitor, "ops"), form(monitor, "or"), monitor.member("op")), (integer, token, None));
    let happened = at(event, &["om"]);
    assert!(!event.member("om").unwrap().repeated);
    assert_eq!((form(happened, "op"), form(happened, "or"), happened.member("ops")), (integer, token, None));

    for reference in [at(root("m2m:cnt"), &["ch"]), at(root("m2m:cmp"), &["cmlk"])] {
        let places = ["nm", "typ", "val"].map(|name| reference.member(name).unwrap().place);
        assert_eq!(places, [Place::Attribute, Place::Attribute, Place::Text]);
        assert_eq!((form(reference, "nm"), form(reference, "typ"), form(reference, "val")), (text, integer, token));
    }

    let rules = at(root("m2m:acp"), &["pv"]);
    assert!(rules.member("acr").unwrap().repeated);
    let permissions = at(root("m2m:aupy"), &["ps"]);
    assert_eq!(form(permissions, "pv"), (Form::Object(rules), true));

    assert_eq!(at(root("m2m:sch"), &["se"]).member("sce").map(|member| member.repeated), Some(true));
    assert!(!root("m2m:sch").member("se").unwrap().repeated);
    let pattern = at(root("m2m:ae"), &["ape", "ape"]);
    assert!(pattern.member("se").unwrap().repeated);
    assert!(!root("m2m:ae").member("ape").unwrap().repeated);
    assert!(at(root("m2m:ae"), &["ape"]).member("ape").unwrap().repeated);

    assert!(!root("m2m:smi").member("msm").unwrap().repeated);
    assert!(at(root("m2m:smi"), &["msm"]).member("msm").unwrap().repeated);
    assert_eq!(form(at(root("m2m:smi"), &["msm", "msm"]), "mvl"), (Form::Atom(Atom::Number), false));

    assert_eq!(form(root("m2m:rbo"), "rbo"), boolean);
    assert!(matches!(form(at(root("m2m:mgc"), &["exra"]), "rbo"), (Form::Object(_), true)));

    assert_eq!(form(root("m2m:ntp"), "acn"), integer);
    assert_eq!(form(at(root("m2m:fwr"), &["uds"]), "acn"), token);

    assert_eq!(form(criteria, "fu"), integer);
    assert_eq!(form(root("m2m:auds"), "fu"), (Form::Object(criteria), false));

    assert_eq!(form(criteria, "ops"), integer);
    assert_eq!(form(root("m2m:prp"), "ops"), (Form::List(Atom::Integer), false));

    assert_eq!(form(root("m2m:cnt"), "cr"), token);
    assert_eq!(form(root("m2m:sgn"), "cr"), token);
    assert_eq!(form(Type::REQUEST, "op"), integer);
    assert_eq!(form(root("m2m:req"), "op"), integer);
    assert_eq!(form(root("m2m:tsi"), "con"), (Form::Any, false));
    assert_eq!(form(root("m2m:cin"), "con"), (Form::Any, false));

    assert_eq!(form(root("cod:boilr"), "sus"), boolean);
    assert_eq!(form(root("m2m:auds"), "sus"), integer);
    assert_eq!(form(root("m2m:cnt"), "rn"), text);
    assert_eq!(root("m2m:cnt").member("rn").unwrap().place, Place::Attribute);
}

#[test]
fn an_empty_list_is_a_list_only_where_the_standard_says_so() {
    let targets = at(Type::REQUEST, &["rt"]).member("nu").unwrap();
    assert_eq!((targets.form, targets.may_be_empty), (Form::List(Atom::Token), true));
    assert!(!root("m2m:sub").member("nu").unwrap().may_be_empty);
    assert!(!root("m2m:cnt").member("lbl").unwrap().may_be_empty);
}

#[test]
fn order_of_a_few() {
    assert_in_order(
        Type::REQUEST,
        "op to fr rqi ty pc rids ot rqet rset rt rp rcn ec da gid fc drt rvi vsi omr gstn msu",
    );
    assert_in_order(Type::RESPONSE, "rsc rqi pc to fr ot rset ec cnst cnot ati tqf asri rvi vsi msu");
    assert_in_order(
        root("m2m:cnt"),
        "ty ri pi ct lt lbl acpi et daci at aa st cr mni mbs mia cni cbs li or disr ch m2m:cin",
    );
    assert_in_order(
        root("m2m:cbA"),
        "ty ri pi ct lt lbl acpi et lnk daci cst csi srt poa nl csz esi srv ctm ch m2m:ae",
    );
    assert_in_order(root("m2m:cb"), "ty ri pi ct lt lbl acpi cst csi srt poa nl daci csz esi srv ctm ici spi ch");
    assert_in_order(root("m2m:fwr"), "ty lbl acpi et daci at aa mgd obis obps dc mgs vr fwn url ud uds cmlk ch");
    assert_in_order(root("cod:color"), "ty at aa st cr cnd or cs nl fcied red green blue con ch");
    assert_in_order(root("m2m:cnt"), "disr con ch");
    assert_in_order(root("m2m:acp"), "ty ri pi ct lt lbl et at aa pv pvs adri apri airi acpi ch m2m:sub");
}

#[test]
fn unknown_names_have_no_member() {
    let types = [Type::REQUEST, Type::RESPONSE, Type::CONTENT, root("m2m:cnt"), root("m2m:rce"), root("cod:color")];
    for of in types {
        for name in
            ["", "nobody", "m2m:nobody", "nobody:cnt", "cnt", "TY", "ty ", ":", "m2m:", "resource", "mgmtResource", "*"]
        {
            assert_eq!(of.member(name), None, "{name}");
        }
    }
}

#[test]
fn prefixes_and_their_namespaces() {
    for [prefix, uri] in lines(NAMESPACES) {
        assert_eq!(prefix_of(uri, prefix), Some(prefix));
        let first = lines(NAMESPACES).find(|known: &[&str; 2]| known[1] == uri).unwrap();
        assert_eq!(prefix_of(uri, "x"), Some(first[0]));
        let first = lines(NAMESPACES).find(|known: &[&str; 2]| known[0] == prefix).unwrap();
        assert_eq!(uri_of(prefix), Some(first[1]));
    }
    assert_eq!(uri_of("m2m"), Some(M2M));
    let home = uri_of("hod").unwrap();
    assert_eq!(uri_of("hd"), Some(home));
    assert_eq!(
        (prefix_of(home, "hd"), prefix_of(home, "hod"), prefix_of(home, "")),
        (Some("hd"), Some("hod"), Some("hod"))
    );
    assert_eq!((uri_of("dcfg"), uri_of(""), prefix_of("", ""), prefix_of("urn:x", "m2m")), (None, None, None, None));
}

#[test]
fn what_is_registered_is_found() {
    let uri = "http://acme.example/schema-test";
    let described =
        [("sus", AttributeType::Boolean), ("temp", AttributeType::NumberList), ("ed", AttributeType::String)];
    assert_eq!(Type::CONTENT.member("schemaTest:thermo"), None);
    register_namespace("schemaTest", uri).unwrap();
    register_flex_container("schemaTest:thermo", &described).unwrap();

    assert_eq!(uri_of("schemaTest"), Some(uri));
    assert_eq!(prefix_of(uri, "x"), Some("schemaTest"));
    let own = root("schemaTest:thermo");
    assert_eq!(own, at(root("m2m:cnt"), &["schemaTest:thermo"]));
    assert!(root("m2m:cnt").member("schemaTest:thermo").unwrap().repeated);
    assert!(!Type::CONTENT.member("schemaTest:thermo").unwrap().repeated);
    assert_eq!(form(own, "sus"), (Form::Atom(Atom::Boolean), false), "its own come first");
    assert_eq!(form(own, "temp"), (Form::List(Atom::Number), false));
    assert_in_order(own, "ty ri cnd nl fcied sus temp ed mni ch m2m:cin");
    assert_eq!(own.member("rn").unwrap().place, Place::Attribute);
    assert_eq!(own.member("nobody"), None);
    assert!(!own.holds_root());
}

#[test]
fn names_are_found_from_many_threads() {
    std::thread::scope(|scope| {
        for number in 0..4 {
            scope.spawn(move || {
                let prefix = format!("schemaThread{number}");
                for _ in 0..50 {
                    register_namespace(&prefix, &format!("urn:{prefix}")).unwrap();
                    register_flex_container(&format!("{prefix}:a"), &[("b", AttributeType::Any)]).unwrap();
                    assert_eq!(form(root(&format!("{prefix}:a")), "b"), (Form::Any, false));
                }
            });
        }
    });
}

#[test]
fn the_tables_are_small() {
    assert!(table::size() < 100_000, "{}", table::size());
}
