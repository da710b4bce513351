//! Makes the tables of `src/codec/schema` from `schema/*.csv`; `schema/README.md` says what is in those.
//!
//! Covers: reading and checking the files. Everything that contradicts itself (a type that nobody describes, a member that
//! is there twice, a JSON kind that does not follow from the data type) ends the build with the file and the line.
//! Does not decide what the tables mean: that is the module that includes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// Where the order of the attributes of other resources begins: after all that a resource has of its own, also one that the
/// application described (`register.rs`).
const FOREIGN: usize = 0x4000;

/// The types whose one member is a root, in the words of TS-0004.
const CONTENT: [&str; 2] = ["m2m:primitiveContent", "m2m:representation"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=schema");
    let to = env::var("OUT_DIR").expect("Cargo says where to write");
    fs::write(Path::new(&to).join("schema.rs"), Schema::read().source()).expect("the directory is ours");
}

/// One line of a file.
struct Line {
    place: String,
    fields: Vec<String>,
}

impl Line {
    fn fail(&self, why: &str) -> ! {
        panic!("{}: {why}", self.place)
    }

    fn fields<const N: usize>(&self) -> [&str; N] {
        let fields: Vec<&str> = self.fields.iter().map(String::as_str).collect();
        fields.try_into().unwrap_or_else(|_| self.fail("wrong number of fields"))
    }
}

/// The lines of a file below its header, which must be `header`. No field is quoted, none has a comma.
fn read(file: &str, header: &str) -> Vec<Line> {
    let path = format!("schema/{file}");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(text.lines().next() == Some(header), "{path}:1: the header is not {header}");
    let line = |(at, line): (usize, &str)| Line {
        place: format!("{path}:{}", at + 1),
        fields: line.split(',').map(str::to_owned).collect(),
    };
    text.lines().enumerate().skip(1).map(line).collect()
}

/// What one value is: the names of the variants of `Atom` and `RowForm`.
#[derive(Clone, PartialEq)]
enum Form {
    Atom(&'static str),
    Any,
    List(&'static str),
    Object(usize),
}

/// What atoms are called in simple-types.csv, in the tables, and in JSON.
const ATOMS: [(&str, &str, &str); 6] = [
    ("text", "Text", "string"),
    ("token", "Token", "string"),
    ("time", "Time", "string|integer"),
    ("integer", "Integer", "integer"),
    ("number", "Number", "number"),
    ("boolean", "Boolean", "boolean"),
];

impl Form {
    fn source(&self) -> String {
        match self {
            Self::Atom(atom) => format!("RowForm::Atom(Atom::{atom})"),
            Self::Any => "RowForm::Any".to_owned(),
            Self::List(atom) => format!("RowForm::List(Atom::{atom})"),
            Self::Object(shape) => format!("RowForm::Object({shape})"),
        }
    }

    /// What the columns `json` and `xml` must say, if the member is an element.
    fn words(&self, repeated: bool) -> (String, &'static str) {
        let json = |atom| ATOMS.iter().find(|known| known.1 == atom).map_or("", |known| known.2);
        let (json, xml) = match *self {
            Self::Atom(atom) => (json(atom), "text"),
            Self::Any => ("any", "text"),
            Self::List(atom) => return (format!("array of {}", json(atom)), "list"),
            Self::Object(_) => ("object", "nested"),
        };
        if repeated { (format!("array of {json}"), "repeated") } else { (json.to_owned(), xml) }
    }
}

/// A member of a type.
struct Row {
    name: String,
    order: usize,
    form: Form,
    repeated: bool,
    place: &'static str,
    may_be_empty: bool,
}

/// A type: how it is looked at, what it is based on, and its own members.
struct Shape {
    kind: &'static str,
    base: Option<usize>,
    rows: Vec<Row>,
}

impl Shape {
    fn new(kind: &'static str) -> Self {
        Self { kind, base: None, rows: Vec::new() }
    }

    fn push(&mut self, line: &Line, row: Row) {
        if self.rows.iter().any(|other| other.name == row.name) {
            line.fail(&format!("{} is there twice", row.name));
        }
        self.rows.push(row);
    }
}

#[derive(Default)]
struct Schema {
    simple: BTreeMap<String, Form>,
    /// Positions in `shapes` by name.
    index: BTreeMap<String, usize>,
    shapes: Vec<Shape>,
    namespaces: Vec<(String, String)>,
}

impl Schema {
    fn read() -> Self {
        let mut schema = Self::default();
        for line in read("simple-types.csv", "type,is,of") {
            schema.simple_type(&line);
        }
        let types = read("types.csv", "type,member,data_type,multiplicity,json,xml");
        let attributes = read("attributes.csv", "attribute,data_type,json,xml");
        let roots = read("content-roots.csv", "root,data_type,json,xml");
        let resources = read("resources.csv", "root,base,attributes");
        let containers = read("flexcontainers.csv", "root,attributes");

        // A type may have members of a type that is described further down, so all names come first.
        for name in ["attributes", "content", "roots"] {
            schema.declare(name, if name == "content" { "Wrapper" } else { "Plain" });
        }
        for name in CONTENT {
            schema.index.insert(name.to_owned(), schema.index["content"]);
        }
        let mut last = "";
        for line in &types {
            if line.fields[0] != last && !schema.declare(&line.fields[0], "Plain") {
                line.fail("the members of a type stand together");
            }
            last = &line.fields[0];
        }
        for line in resources.iter().chain(&containers) {
            if !schema.declare(&line.fields[0], "Resource") {
                line.fail("is there twice");
            }
        }

        for line in &types {
            schema.member(line);
        }
        for (at, line) in attributes.iter().enumerate() {
            schema.typed(line, "attributes", FOREIGN + at);
        }
        for line in &roots {
            schema.typed(line, "content", 0);
        }
        for line in &resources {
            schema.resource(line);
        }
        for line in &containers {
            schema.flex_container(line);
        }
        for line in read("namespaces.csv", "prefix,uri") {
            let [prefix, uri] = line.fields();
            schema.namespaces.push((prefix.to_owned(), uri.to_owned()));
        }
        schema
    }

    /// Whether the name is new.
    fn declare(&mut self, name: &str, kind: &'static str) -> bool {
        self.shapes.push(Shape::new(kind));
        self.index.insert(name.to_owned(), self.shapes.len() - 1).is_none()
    }

    fn shape(&mut self, name: &str) -> &mut Shape {
        &mut self.shapes[self.index[name]]
    }

    fn simple_type(&mut self, line: &Line) {
        let [name, is, of] = line.fields();
        let form = match (is, of) {
            ("atom", "any") => Form::Any,
            ("atom", _) => match ATOMS.iter().find(|atom| atom.0 == of) {
                Some(atom) => Form::Atom(atom.1),
                None => line.fail("no such atom"),
            },
            ("restriction" | "enumeration", _) => self.form(line, of),
            ("list", _) => self.form(line, &format!("list of {of}")),
            _ => line.fail("neither atom, restriction, enumeration nor list"),
        };
        if self.simple.insert(name.to_owned(), form).is_some() {
            line.fail("is there twice");
        }
    }

    /// The form of a data type that is not repeated.
    fn form(&self, line: &Line, data_type: &str) -> Form {
        if let Some(item) = data_type.strip_prefix("list of ") {
            return match self.form(line, item) {
                Form::Atom(atom) => Form::List(atom),
                _ => line.fail(&format!("no list can be made of {item}")),
            };
        }
        match (self.simple.get(data_type), self.index.get(data_type)) {
            (Some(form), None) => form.clone(),
            (None, Some(&shape)) => Form::Object(shape),
            _ => line.fail(&format!("{data_type} is not described, or twice")),
        }
    }

    /// A member as its data type and the columns `json` and `xml` have it, which must agree.
    fn row(&self, line: &Line, order: usize, name: &str, many: bool, words: [&str; 3]) -> Row {
        let [data_type, json, xml] = words;
        // A list of objects is no list in XML: its element occurs several times.
        let object = data_type.strip_prefix("list of ").filter(|item| self.index.contains_key(*item));
        let form = self.form(line, object.unwrap_or(data_type));
        let repeated = many || object.is_some();
        let (place, xml, may_be_empty) = match xml {
            "attribute" => ("Attribute", "text", false),
            "content" => ("Text", "text", false),
            "list-or-empty" => ("Element", "list", true),
            _ => ("Element", xml, false),
        };
        let (json_of_form, xml_of_form) = form.words(repeated);
        if json != json_of_form || xml != xml_of_form {
            line.fail(&format!("{data_type} is {json_of_form} in JSON and {xml_of_form} in XML"));
        }
        Row { name: name.to_owned(), order, form, repeated, place, may_be_empty }
    }

    fn member(&mut self, line: &Line) {
        let [of, name, data_type, multiplicity, json, xml] = line.fields();
        let many = match multiplicity {
            "1" | "0..1" => false,
            "1..n" | "0..n" => true,
            _ => line.fail("the multiplicity is none of 1, 0..1, 1..n, 0..n"),
        };
        if name == "*" {
            self.shape(of).kind = "Wrapper";
            return;
        }
        // The place before the first belongs to the root of a wrapper.
        let order = self.shape(of).rows.len() + 1;
        let row = self.row(line, order, name, many, [data_type, json, xml]);
        self.shape(of).push(line, row);
    }

    /// A member of one of the types that have a file of their own.
    fn typed(&mut self, line: &Line, of: &str, order: usize) {
        let [name, data_type, json, xml] = line.fields();
        let row = self.row(line, order, name, false, [data_type, json, xml]);
        self.shape(of).push(line, row);
    }

    fn resource(&mut self, line: &Line) {
        let [root, base, attributes] = line.fields();
        self.derive(line, root, base);
        for name in attributes.split_whitespace() {
            let known = &self.shapes[self.index["attributes"]].rows;
            match known.iter().find(|row| row.name == name) {
                Some(Row { form, repeated, place: "Element", .. }) => {
                    let (form, repeated) = (form.clone(), *repeated);
                    self.own(line, root, name, form, repeated);
                }
                _ => line.fail(&format!("{name} is not among the attributes that are elements")),
            }
        }
    }

    fn flex_container(&mut self, line: &Line) {
        let [root, attributes] = line.fields();
        self.derive(line, root, "m2m:fcnt");
        for attribute in attributes.split_whitespace() {
            let Some((name, data_type)) = attribute.split_once('=') else { line.fail("no = in an attribute") };
            let form = self.form(line, data_type);
            self.own(line, root, name, form, false);
        }
    }

    /// Bases are described before what is derived from them. Those without a prefix are no resources themselves.
    fn derive(&mut self, line: &Line, root: &str, base: &str) {
        if !base.is_empty() {
            match self.index.get(base) {
                Some(&base) if base < self.index[root] => self.shape(root).base = Some(base),
                _ => line.fail(&format!("the base {base} is not described before")),
            }
        }
        if root.contains(':') {
            let form = Form::Object(self.index[root]);
            let row =
                Row { name: root.to_owned(), order: 0, form, repeated: false, place: "Element", may_be_empty: false };
            self.shape("roots").push(line, row);
        }
    }

    fn own(&mut self, line: &Line, root: &str, name: &str, form: Form, repeated: bool) {
        let mut order = 1;
        let mut next = Some(self.index[root]);
        while let Some(at) = next {
            if self.shapes[at].rows.iter().any(|row| row.name == name) {
                line.fail(&format!("{name} is there twice"));
            }
            order += self.shapes[at].rows.len();
            next = self.shapes[at].base;
        }
        if order >= FOREIGN {
            line.fail("too many attributes");
        }
        let row = Row { name: name.to_owned(), order, form, repeated, place: "Element", may_be_empty: false };
        self.shape(root).push(line, row);
    }

    /// The Rust source of the tables. Names are pieces of one text, sorted, and rows have their numbers: no pointer is left
    /// that would have to be adjusted when a shared library is loaded.
    fn source(&self) -> String {
        let names: BTreeSet<&str> = self.shapes.iter().flat_map(|shape| &shape.rows).map(|row| &*row.name).collect();
        let numbers: BTreeMap<&str, usize> = names.iter().enumerate().map(|(number, name)| (*name, number)).collect();
        let mut text = String::new();
        let ends = names.iter().map(|name| {
            text.push_str(name);
            text.len().to_string()
        });
        let ends: Vec<String> = ends.collect();
        let mut out = format!("static NAMES: &str = {text:?};\n");
        array(&mut out, "ENDS", "u16", &ends);

        let mut rows = Vec::new();
        let mut shapes = Vec::new();
        for shape in &self.shapes {
            let base = shape.base.map_or("NO_BASE".to_owned(), |base| base.to_string());
            shapes.push(format!("Shape {{ kind: Kind::{}, base: {base}, start: {} }}", shape.kind, rows.len()));
            let mut sorted: Vec<&Row> = shape.rows.iter().collect();
            sorted.sort_by_key(|row| &row.name);
            rows.extend(sorted.into_iter().map(|row| {
                let Row { name, order, form, repeated, place, may_be_empty } = row;
                let (name, form) = (numbers[name.as_str()], form.source());
                format!("row({name}, {order}, {form}, {repeated}, Place::{place}, {may_be_empty})")
            }));
        }
        array(&mut out, "SHAPES", "Shape", &shapes);
        array(&mut out, "ROWS", "Row", &rows);
        let namespaces: Vec<String> = self.namespaces.iter().map(|pair| format!("{pair:?}")).collect();
        array(&mut out, "NAMESPACES", "(&str, &str)", &namespaces);
        for (constant, name) in [
            ("REQUEST", "m2m:requestPrimitive"),
            ("RESPONSE", "m2m:responsePrimitive"),
            ("CONTENT", "content"),
            ("ATTRIBUTES", "attributes"),
            ("ROOTS", "roots"),
            ("FLEX_CONTAINER", "m2m:fcnt"),
        ] {
            let _ = writeln!(out, "pub(super) const {constant}: u16 = {};", self.index[name]);
        }
        out
    }
}

fn array(out: &mut String, name: &str, of: &str, items: &[String]) {
    let _ = writeln!(out, "static {name}: [{of}; {}] = [\n{},\n];", items.len(), items.join(",\n"));
}
