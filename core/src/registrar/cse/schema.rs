//! The attributes of the resource types that the embedded CSE hosts, as tables.
//!
//! Covers: TS-0004 6.3.6 (universal attributes), 7.4.2 to 7.4.9 and 7.4.4 (which attribute may come with CREATE and
//! UPDATE, and of what kind it is), 8.2.3 (short names). Attributes of the standard whose function is not implemented
//! are listed too, so that they are refused by name (NOT_IMPLEMENTED) instead of being ignored.

use serde_json::{Map, Value};

use super::failure::{Checked, Failure, refuse, shown};
use crate::primitive::{ResourceType, StatusCode, parse_timestamp};

/// The JSON kind of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Text,
    /// Text of at least one character.
    Word,
    Flag,
    /// `xs:nonNegativeInteger`.
    Count,
    /// `xs:positiveInteger`.
    Positive,
    /// An enumeration whose values lie between these.
    Code(u64, u64),
    Texts,
    /// At least one text.
    Words,
    Time,
    Record,
    /// Only `null`: the originator asks that the CSE sets it.
    Asked,
    Any,
}

impl Kind {
    /// Whether `value` is of this kind; otherwise what was expected.
    fn check(self, value: &Value) -> Result<(), &'static str> {
        let texts = |v: &Value| v.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        let (fits, expected) = match self {
            Self::Text => (value.is_string(), "a text"),
            Self::Word => (value.as_str().is_some_and(|s| !s.is_empty()), "a text that is not empty"),
            Self::Flag => (value.is_boolean(), "true or false"),
            Self::Count => (value.is_u64(), "a whole number"),
            Self::Positive => (value.as_u64().is_some_and(|n| n > 0), "a whole number above 0"),
            Self::Code(low, high) => {
                (value.as_u64().is_some_and(|n| (low..=high).contains(&n)), "a value of the enumeration")
            }
            Self::Texts => (texts(value), "a list of texts"),
            Self::Words => {
                (texts(value) && value.as_array().is_some_and(|list| !list.is_empty()), "a list of at least one text")
            }
            Self::Time => (value.as_str().is_some_and(|s| parse_timestamp(s).is_some()), "a timestamp"),
            Self::Record => (value.is_object(), "an object"),
            Self::Asked => (value.is_null(), "null (the CSE sets it)"),
            Self::Any => (!value.is_null(), "a value"),
        };
        if fits { Ok(()) } else { Err(expected) }
    }
}

/// In which requests an attribute may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Usage {
    /// In none: the CSE sets it.
    Assigned,
    /// In CREATE, where it must.
    OnceRequired,
    /// In CREATE, where it may.
    Once,
    /// In CREATE, where it must, and in UPDATE, where it may not be deleted.
    Required,
    /// As `Required` for originators of Release 3 and later, as `Free` for earlier ones.
    RequiredSince3,
    /// In CREATE and UPDATE.
    Free,
}

/// One attribute of a resource type.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) usage: Usage,
}

/// One resource type.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) ty: ResourceType,
    /// The member that holds a representation.
    pub(super) root: &'static str,
    /// How the resource identifiers begin that the CSE makes.
    pub(super) prefix: &'static str,
    attributes: &'static [Attribute],
    /// Attributes of the standard whose function this CSE lacks.
    unsupported: &'static [&'static str],
    pub(super) children: &'static [ResourceType],
}

/// Whether an attribute of this type may have the value.
pub(super) fn fits(ty: ResourceType, name: &str, value: &Value) -> bool {
    let attribute = schema(ty).and_then(|schema| schema.attributes.iter().find(|attribute| attribute.name == name));
    attribute.is_some_and(|attribute| attribute.kind.check(value).is_ok())
}

const fn a(name: &'static str, kind: Kind, usage: Usage) -> Attribute {
    Attribute { name, kind, usage }
}

use Kind::{Any, Asked, Code, Count, Flag, Positive, Record, Text, Texts, Time, Word, Words};
use Usage::{Assigned, Free, Once, OnceRequired, Required, RequiredSince3};

/// TS-0004 6.3.6-2.
const UNIVERSAL: &[Attribute] = &[
    a("rn", Word, Once),
    a("ty", Count, Assigned),
    a("ri", Text, Assigned),
    a("pi", Text, Assigned),
    a("ct", Time, Assigned),
    a("lt", Time, Assigned),
    a("lbl", Texts, Free),
    a("et", Time, Free),
];

/// Announcement and dynamic authorization: TS-0004 6.3.6-2, none implemented.
const UNSUPPORTED: &[&str] = &["daci", "at", "aa", "ast", "custodian", "cstn", "acrs"];

const SCHEMAS: &[Schema] = &[
    Schema {
        ty: ResourceType::ACCESS_CONTROL_POLICY,
        root: "m2m:acp",
        prefix: "acp",
        attributes: &[a("pv", Record, Required), a("pvs", Record, Required)],
        unsupported: &["adri", "apri", "airi"],
        children: &[ResourceType::SUBSCRIPTION],
    },
    Schema {
        ty: ResourceType::AE,
        root: "m2m:ae",
        prefix: "C",
        attributes: &[
            a("acpi", Words, Free),
            a("apn", Text, Free),
            a("api", Word, OnceRequired),
            a("aei", Text, Assigned),
            a("poa", Texts, Free),
            a("or", Text, Free),
            a("nl", Text, Free),
            a("rr", Flag, RequiredSince3),
            a("csz", Texts, Free),
            a("srv", Words, RequiredSince3),
            a("scp", Texts, Free),
        ],
        unsupported: &["ape", "esi", "mei", "regs", "trps", "tren", "tri", "trn"],
        children: &[
            ResourceType::ACCESS_CONTROL_POLICY,
            ResourceType::CONTAINER,
            ResourceType::SCHEDULE,
            ResourceType::SUBSCRIPTION,
        ],
    },
    Schema {
        ty: ResourceType::CONTAINER,
        root: "m2m:cnt",
        prefix: "cnt",
        attributes: &[
            a("acpi", Words, Free),
            a("cr", Asked, Once),
            a("st", Count, Assigned),
            a("mni", Count, Free),
            a("mbs", Count, Free),
            a("mia", Count, Free),
            a("cni", Count, Assigned),
            a("cbs", Count, Assigned),
            a("or", Text, Free),
        ],
        unsupported: &["li", "disr"],
        children: &[ResourceType::CONTAINER, ResourceType::CONTENT_INSTANCE, ResourceType::SUBSCRIPTION],
    },
    Schema {
        ty: ResourceType::CONTENT_INSTANCE,
        root: "m2m:cin",
        prefix: "cin",
        attributes: &[
            a("cr", Asked, Once),
            a("st", Count, Assigned),
            a("cnf", Word, Once),
            a("cs", Count, Assigned),
            a("or", Text, Once),
            a("con", Any, OnceRequired),
        ],
        unsupported: &["conr", "dcnt", "dgt"],
        children: &[],
    },
    Schema {
        ty: ResourceType::CSE_BASE,
        root: "m2m:cb",
        prefix: "cb",
        attributes: &[
            a("csi", Text, Assigned),
            a("cst", Count, Assigned),
            a("csz", Texts, Assigned),
            a("ici", Text, Assigned),
            a("poa", Texts, Assigned),
            a("spi", Text, Assigned),
            a("srt", Any, Assigned),
            a("srv", Texts, Assigned),
        ],
        unsupported: &[],
        // A <request> is one too, but not by CREATE.
        children: &[
            ResourceType::ACCESS_CONTROL_POLICY,
            ResourceType::AE,
            ResourceType::CONTAINER,
            ResourceType::REMOTE_CSE,
            ResourceType::SUBSCRIPTION,
        ],
    },
    Schema {
        ty: ResourceType::REMOTE_CSE,
        root: "m2m:csr",
        prefix: "csr",
        attributes: &[
            a("acpi", Words, Free),
            a("cst", Code(1, 3), Once),
            a("poa", Texts, Free),
            a("cb", Word, OnceRequired),
            a("csi", Word, OnceRequired),
            a("ici", Text, Free),
            a("spi", Text, Free),
            a("nl", Text, Free),
            a("rr", Flag, Required),
            a("csz", Texts, Free),
            a("dcse", Texts, Free),
            a("srv", Words, RequiredSince3),
        ],
        unsupported: &["ape", "egid", "esi", "mei", "mtcc", "tren", "tri", "trn"],
        children: &[
            ResourceType::ACCESS_CONTROL_POLICY,
            ResourceType::CONTAINER,
            ResourceType::SCHEDULE,
            ResourceType::SUBSCRIPTION,
        ],
    },
    Schema {
        ty: ResourceType::SCHEDULE,
        root: "m2m:sch",
        prefix: "sch",
        attributes: &[a("acpi", Words, Free), a("se", Record, Required), a("nco", Flag, Free)],
        unsupported: &[],
        children: &[],
    },
    Schema {
        ty: ResourceType::REQUEST,
        root: "m2m:req",
        prefix: "req",
        attributes: &[
            a("op", Count, Assigned),
            a("tg", Text, Assigned),
            a("org", Text, Assigned),
            a("rid", Text, Assigned),
            a("mi", Record, Assigned),
            a("pc", Record, Assigned),
            a("rs", Count, Assigned),
            a("ors", Record, Assigned),
        ],
        unsupported: &[],
        children: &[ResourceType::SUBSCRIPTION],
    },
    Schema {
        ty: ResourceType::SUBSCRIPTION,
        root: "m2m:sub",
        prefix: "sub",
        attributes: &[
            a("acpi", Words, Free),
            a("cr", Asked, Once),
            a("enc", Record, Free),
            a("exc", Positive, Free),
            a("nu", Words, Required),
            a("nfu", Text, Free),
            a("nct", Code(1, 3), Free),
            a("nec", Code(2, 999), Free),
            a("su", Word, Once),
        ],
        unsupported: &["gpi", "bn", "rl", "psn", "pn", "nsp", "ln", "ma", "nse", "nsi", "eeno"],
        children: &[ResourceType::SCHEDULE],
    },
];

/// The table of a type, or `None` if the CSE does not host it.
pub(super) fn schema(ty: ResourceType) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|schema| schema.ty == ty)
}

/// The types that the CSE hosts (`srt` of the `<CSEBase>`).
pub(super) fn hosted_types() -> impl Iterator<Item = ResourceType> {
    SCHEMAS.iter().map(|schema| schema.ty)
}

impl Schema {
    pub(super) fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        UNIVERSAL.iter().chain(self.attributes).find(|attribute| attribute.name == name)
    }

    /// The attribute, or why there is none of this name.
    pub(super) fn expect(&self, name: &str) -> Checked<&'static Attribute> {
        if let Some(attribute) = self.attribute(name) {
            Ok(attribute)
        } else if self.unsupported.contains(&name) || UNSUPPORTED.contains(&name) {
            refuse(
                StatusCode::NOT_IMPLEMENTED,
                format!("attribute {} of {} is not implemented by this CSE", shown(name), self.root),
            )
        } else {
            refuse(StatusCode::BAD_REQUEST, format!("{} has no attribute {}", self.root, shown(name)))
        }
    }

    fn check_kind(&self, attribute: &Attribute, value: &Value) -> Checked {
        attribute.kind.check(value).map_err(|expected| {
            Failure::bad(format!(
                "attribute {:?} of {}: {expected} expected, not {}",
                attribute.name,
                self.root,
                kind_of(value)
            ))
        })
    }

    /// Checks the attributes of a CREATE.
    pub(super) fn check_create(&self, given: &Map<String, Value>, before_release_3: bool) -> Checked {
        for (name, value) in given {
            let attribute = self.expect(name)?;
            if attribute.usage == Assigned {
                return Err(Failure::bad(format!("attribute {name:?} of {} is set by the CSE only", self.root)));
            }
            self.check_kind(attribute, value)?;
        }
        for attribute in self.attributes {
            let required = match attribute.usage {
                OnceRequired | Required => true,
                RequiredSince3 => !before_release_3,
                Assigned | Once | Free => false,
            };
            if required && !given.contains_key(attribute.name) {
                return Err(Failure::bad(format!("{} lacks the mandatory attribute {:?}", self.root, attribute.name)));
            }
        }
        Ok(())
    }

    /// Checks the attributes of an UPDATE, where `null` deletes one.
    pub(super) fn check_update(&self, given: &Map<String, Value>) -> Checked {
        for (name, value) in given {
            let attribute = self.expect(name)?;
            match attribute.usage {
                Assigned => {
                    return Err(Failure::bad(format!("attribute {name:?} of {} is set by the CSE only", self.root)));
                }
                Once | OnceRequired => {
                    return Err(Failure::bad(format!("attribute {name:?} of {} cannot be changed", self.root)));
                }
                Required | RequiredSince3 if value.is_null() => {
                    return Err(Failure::bad(format!("attribute {name:?} of {} cannot be deleted", self.root)));
                }
                _ if value.is_null() => {}
                _ => self.check_kind(attribute, value)?,
            }
        }
        Ok(())
    }
}

/// The JSON kind of a value, for messages.
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "this number",
        Value::String(_) => "this text",
        Value::Array(_) => "this list",
        Value::Object(_) => "an object",
    }
}
