//! Primitives that are valid by the schema tables, made by chance.
//!
//! Reads the tables of `core/schema` by itself, so that what it makes does not depend on how the library understands them.
//! What XML cannot carry is not made: an empty text in a request, a list item with a blank (TS-0004 8.3, 6.3.3).

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// A source of chance that repeats itself for the same seed (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True once in `n` times.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// One member of a type, as its line says.
#[derive(Clone)]
struct Line {
    name: String,
    data_type: String,
    repeated: bool,
    mandatory: bool,
    xml: String,
}

pub(crate) struct Tables {
    simple: HashMap<String, (String, String)>,
    types: HashMap<String, Vec<Line>>,
    attributes: HashMap<String, Line>,
    /// The attributes of each root, its bases' included.
    resources: Vec<(String, Vec<Line>)>,
    roots: Vec<Line>,
}

fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

impl Tables {
    pub(crate) fn read() -> Self {
        let simple = lines(include_str!("../../schema/simple-types.csv"));
        let simple = simple.map(|f| (f[0].to_owned(), (f[1].to_owned(), f[2].to_owned()))).collect();
        let mut types = HashMap::<String, Vec<Line>>::new();
        for f in lines(include_str!("../../schema/types.csv")) {
            let line = Line {
                name: f[1].to_owned(),
                data_type: f[2].to_owned(),
                repeated: f[5] == "repeated",
                mandatory: f[3].starts_with('1'),
                xml: f[5].to_owned(),
            };
            types.entry(f[0].to_owned()).or_default().push(line);
        }
        let line = |name: &str, data_type: &str, xml: &str| Line {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            repeated: xml == "repeated",
            mandatory: false,
            xml: xml.to_owned(),
        };
        let attributes = lines(include_str!("../../schema/attributes.csv"));
        let attributes: HashMap<_, _> = attributes.map(|f| (f[0].to_owned(), line(f[0], f[1], f[3]))).collect();
        let mut all = HashMap::<String, Vec<Line>>::new();
        let mut resources = Vec::new();
        for f in lines(include_str!("../../schema/resources.csv")) {
            let mut own = all.get(f[1]).cloned().unwrap_or_default();
            own.extend(f[2].split(' ').filter(|name| !name.is_empty()).map(|name| attributes[name].clone()));
            all.insert(f[0].to_owned(), own.clone());
            if f[0].contains(':') {
                resources.push((f[0].to_owned(), own));
            }
        }
        for f in lines(include_str!("../../schema/flexcontainers.csv")) {
            let mut own = all["m2m:fcnt"].clone();
            for pair in f[1].split(' ').filter(|pair| !pair.is_empty()) {
                let (name, data_type) = pair.split_once('=').unwrap();
                own.retain(|line| line.name != name);
                own.push(line(name, data_type, if data_type == "sdt:list" { "list" } else { "text" }));
            }
            resources.push((f[0].to_owned(), own));
        }
        // Without a namespace XML cannot name it.
        resources.retain(|(root, _)| !root.starts_with("dcfg:"));
        let roots = lines(include_str!("../../schema/content-roots.csv")).map(|f| line(f[0], f[1], f[3])).collect();
        Self { simple, types, attributes, resources, roots }
    }

    /// The root of any resource.
    pub(crate) fn resource_names(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().map(|(root, _)| root.as_str())
    }
}

pub(crate) struct Maker<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) chance: Chance,
    /// Whether what is made stands in a response, where null and the empty text have other places.
    pub(crate) in_response: bool,
}

impl Maker<'_> {
    /// A request or a response, as JSON.
    pub(crate) fn primitive(&mut self) -> Value {
        self.in_response = self.chance.one_in(2);
        self.object(if self.in_response { "m2m:responsePrimitive" } else { "m2m:requestPrimitive" }, 4)
    }

    /// Like [`primitive`](Self::primitive), with a resource of this kind as content.
    pub(crate) fn primitive_with(&mut self, root: &str) -> Value {
        let mut primitive = self.primitive();
        let (_, lines) = self.tables.resources.iter().find(|(name, _)| name == root).unwrap();
        let lines = lines.clone();
        let resource = self.resource(&lines, 3);
        primitive["pc"] = json!({ root: resource });
        primitive
    }

    fn object(&mut self, name: &str, depth: usize) -> Value {
        let lines = self.tables.types[name].clone();
        let is_primitive = name.ends_with("Primitive");
        let mut members = Map::new();
        for line in &lines {
            if line.mandatory || (depth > 0 && self.chance.one_in(2)) {
                self.member(&mut members, line, name, depth.saturating_sub(1), is_primitive);
            }
        }
        // An element without anything in it is null.
        if members.values().all(Value::is_null) {
            let is_plain = |line: &&Line| !self.tables.types.contains_key(&line.data_type) && line.data_type != "root";
            let line = lines.iter().find(is_plain).unwrap_or(&lines[0]);
            let line = Line { mandatory: true, ..line.clone() };
            self.member(&mut members, &line, name, 0, is_primitive);
        }
        Value::Object(members)
    }

    fn member(&mut self, members: &mut Map<String, Value>, line: &Line, owner: &str, depth: usize, is_primitive: bool) {
        if line.name == "*" {
            let (root, value) = self.resource_root(depth);
            members.insert(root, value);
            return;
        }
        let is_plain =
            line.xml == "attribute" || line.xml == "content" || line.mandatory || is_primitive || line.repeated;
        let is_plain = is_plain || owner == "m2m:responseTypeInfo";
        if !is_plain && self.may_be_null(&line.data_type) && self.chance.one_in(12) {
            members.insert(line.name.clone(), Value::Null);
            return;
        }
        let data_type = if self.tables.types.contains_key(&format!("{owner}/{}", line.name)) {
            format!("{owner}/{}", line.name)
        } else {
            line.data_type.clone()
        };
        let in_response = self.in_response;
        match data_type.as_str() {
            "m2m:responsePrimitive" => self.in_response = true,
            "m2m:requestPrimitive" => self.in_response = false,
            _ => {}
        }
        let is_integer = self.atom(&data_type) == "integer" && !self.tables.types.contains_key(&data_type);
        let value = if line.repeated {
            let item = data_type.strip_prefix("list of ").unwrap_or(&data_type);
            let count = 1 + self.chance.below(3);
            (0..count).map(|_| self.value(item, depth, true)).collect()
        } else if is_integer && (is_primitive || line.name == "rtv") {
            // These have fields, and so a range; all have these values in it.
            json!(1 + self.chance.below(5))
        } else if line.xml == "list-or-empty" && self.chance.one_in(3) {
            json!([])
        } else {
            self.value(&data_type, depth, line.xml == "content" || is_primitive || line.mandatory)
        };
        self.in_response = in_response;
        members.insert(line.name.clone(), value);
    }

    /// In a response an empty element of a text is an empty text.
    fn may_be_null(&self, data_type: &str) -> bool {
        !self.in_response
            || self.tables.types.contains_key(data_type)
            || data_type.starts_with("list of")
            || !matches!(self.atom(data_type).as_str(), "text" | "token" | "time" | "any")
    }

    /// What a simple type's text is; `list` for a list.
    fn atom(&self, data_type: &str) -> String {
        match self.tables.simple.get(data_type) {
            Some((is, of)) if is == "atom" => of.clone(),
            Some((is, _)) if is == "list" => "list".to_owned(),
            Some((is, _)) if is == "enumeration" => "integer".to_owned(),
            Some((_, of)) => self.atom(of),
            None => "list".to_owned(),
        }
    }

    fn value(&mut self, data_type: &str, depth: usize, not_empty: bool) -> Value {
        match data_type {
            "m2m:primitiveContent" | "m2m:representation" => {
                let (root, value) = self.root(depth);
                return json!({ root: value });
            }
            "sdt:list" => return self.list("xs:string"),
            _ => {}
        }
        if self.tables.types.contains_key(data_type) {
            return self.object(data_type, depth);
        }
        if let Some(item) = data_type.strip_prefix("list of ") {
            return self.list(item);
        }
        match self.tables.simple.get(data_type) {
            Some((is, of)) if is == "list" => {
                let of = of.clone();
                self.list(&of)
            }
            _ => self.atom_value(data_type, not_empty),
        }
    }

    fn list(&mut self, item: &str) -> Value {
        let count = 1 + self.chance.below(3);
        let mut items = Vec::new();
        while items.len() < count {
            let value = self.atom_value(item, true);
            if value.as_str().is_none_or(|text| !text.contains([' ', '\t', '\n', '\r'])) {
                items.push(value);
            }
        }
        items.into()
    }

    fn atom_value(&mut self, data_type: &str, not_empty: bool) -> Value {
        const TEXTS: &[&str] = &[
            "a",
            "text with blanks",
            "<&>\"'",
            "]]>",
            "line\nline\r\nline\r",
            "\ttab ",
            " ",
            "é終😀",
            "&amp;",
            "true",
            "12",
            "{\"a\":[1,2]}",
            "\u{7f}\u{85}\u{2028}",
            "null",
            "]]&gt;",
        ];
        const TOKENS: &[&str] = &[
            "a",
            "cse-in/sensor",
            "/in-cse/Cae",
            "20240501T120000,123456",
            "é<&>\"'😀",
            "one two",
            "]]>",
            "-",
            "0012",
            "\u{a0}x",
        ];
        const INTEGERS: &[i64] = &[0, 1, 4, -1, 2001, i64::MAX, i64::MIN, 9_007_199_254_740_993];
        const NUMBERS: &[f64] = &[0.5, -21.25, 1e300, 1e-7, 0.1, 3.0, -0.0, 123_456_789.125];
        match self.atom(data_type).as_str() {
            "text" | "any" if !not_empty && self.in_response && self.chance.one_in(6) => json!(""),
            "text" | "any" => json!(self.chance.pick(TEXTS)),
            "token" => json!(self.chance.pick(TOKENS)),
            "time" => json!(self.chance.pick(&["20240501T120000", "60000", "-5", "20300101T000000,5"])),
            "integer" => json!(self.chance.pick(INTEGERS)),
            "number" => json!(self.chance.pick(NUMBERS)),
            "boolean" => json!(self.chance.one_in(2)),
            other => panic!("{data_type}: {other}"),
        }
    }

    /// What stands in `pc`.
    fn root(&mut self, depth: usize) -> (String, Value) {
        if self.chance.one_in(2) {
            return self.resource_root(depth);
        }
        let roots = self.tables.roots.clone();
        let root = &roots[self.chance.below(roots.len())];
        let in_response = self.in_response;
        match root.name.as_str() {
            "m2m:rsp" => self.in_response = true,
            "m2m:rqp" => self.in_response = false,
            _ => {}
        }
        let value = if root.xml == "list-or-empty" && self.chance.one_in(3) {
            json!([])
        } else {
            self.value(&root.data_type, depth, true)
        };
        self.in_response = in_response;
        (root.name.clone(), value)
    }

    fn resource_root(&mut self, depth: usize) -> (String, Value) {
        let tables = self.tables;
        let (root, lines) = &tables.resources[self.chance.below(tables.resources.len())];
        (root.clone(), self.resource(lines, depth))
    }

    fn resource(&mut self, lines: &[Line], depth: usize) -> Value {
        let mut members = Map::new();
        if self.chance.one_in(2) {
            members.insert("rn".into(), self.atom_value("xs:string", true));
        }
        let some = 1 + self.chance.below(3);
        for line in lines {
            if self.chance.one_in(some) && line.name != "rn" {
                self.member(&mut members, line, "", depth.saturating_sub(1), false);
            }
        }
        if self.chance.one_in(8) {
            // An attribute of another kind of resource, as newer releases have them.
            let mut names: Vec<&String> = self.tables.attributes.keys().collect();
            names.sort();
            let name = names[self.chance.below(names.len())].clone();
            if !lines.iter().any(|line| line.name == name) && name != "rn" {
                let line = self.tables.attributes[&name].clone();
                self.member(&mut members, &line, "", depth.saturating_sub(1), false);
            }
        }
        if depth > 1 && self.chance.one_in(3) {
            let (root, child) = self.resource_root(depth - 1);
            members.insert(root, json!([child]));
        }
        Value::Object(members)
    }
}
