//! Which namespace a prefix stands for.
//!
//! Covers: Namespaces in XML 1.0. In a valid primitive there is one prefix, `m2m`, declared by the root: that costs one flag.
//! Does not know what the namespaces mean.

use std::borrow::Cow;
use std::rc::Rc;

use super::super::schema::M2M;

/// The most declarations that hold at one place, besides that of `m2m` by the root. More would make every name expensive.
const MOST_NAMESPACES: usize = 64;

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The declarations that hold at one place of a document.
#[derive(Clone, Default)]
pub(super) struct Scope<'a> {
    /// `m2m` is oneM2M's, as long as nothing in `bindings` says otherwise.
    m2m: bool,
    /// What holds outside of the document, if it is a part of one. Shared, because there may be many parts.
    outer: Option<Rc<[Binding<'a>]>>,
    bindings: Vec<Binding<'a>>,
}

#[derive(Clone)]
struct Binding<'a> {
    /// Empty for the default namespace.
    prefix: &'a str,
    /// Empty if it was taken back.
    uri: Cow<'a, str>,
    /// Of the element that declares it; 0 if that is not in the document.
    level: u32,
}

/// A namespace and where it was declared.
pub(super) struct Resolved<'s> {
    pub(super) uri: &'s str,
    /// Of the element that declares it; 0 if nobody need declare it.
    pub(super) level: u32,
}

impl<'a> Scope<'a> {
    /// That of a primitive as most are written: `m2m` and nothing else.
    pub(super) const STANDARD: Self = Self { m2m: true, outer: None, bindings: Vec::new() };

    /// The same for a document that is a part of this one, and is told so.
    pub(super) fn for_part(&self) -> Self {
        let outer = self.bindings.iter().map(|binding| Binding { level: 0, ..binding.clone() });
        let outer = (!self.bindings.is_empty()).then(|| outer.collect());
        Self { m2m: self.m2m, outer, bindings: Vec::new() }
    }

    /// The root declares `m2m`.
    pub(super) fn declare_m2m(&mut self) {
        self.m2m = true;
    }

    /// Whether `m2m` is the only prefix.
    fn is_standard(&self) -> bool {
        self.m2m && self.bindings.is_empty() && self.outer.is_none()
    }

    /// A declaration by the element on `level`.
    pub(super) fn declare(&mut self, prefix: &'a str, uri: Cow<'a, str>, level: u32) -> Result<(), &'static str> {
        match prefix {
            "xml" if uri == XML => return Ok(()),
            "xml" | "xmlns" => return Err("a prefix that may be declared"),
            _ if uri == XML || uri == XMLNS => return Err("a namespace that may be declared"),
            _ if uri.is_empty() && !prefix.is_empty() => return Err("a namespace for the prefix"),
            // Says again what holds already.
            "m2m" if self.is_standard() && uri == M2M => return Ok(()),
            _ => {}
        }
        if self.bindings.len() + self.outer.as_ref().map_or(0, |outer| outer.len()) == MOST_NAMESPACES {
            return Err("at most 64 namespaces");
        }
        self.bindings.push(Binding { prefix, uri, level });
        Ok(())
    }

    /// Forgets what the elements on `level` and deeper declared.
    #[inline]
    pub(super) fn leave(&mut self, level: u32) {
        while self.bindings.last().is_some_and(|binding| binding.level >= level) {
            self.bindings.pop();
        }
    }

    /// The namespace of the prefix, or of names without one. `None` if it is not declared.
    #[inline]
    pub(super) fn resolve(&self, prefix: &str) -> Option<Resolved<'_>> {
        if self.bindings.is_empty() && self.outer.is_none() {
            match prefix {
                "" => return Some(Resolved { uri: "", level: 0 }),
                "m2m" if self.m2m => return Some(Resolved { uri: M2M, level: 0 }),
                _ => {}
            }
        }
        self.resolve_declared(prefix)
    }

    fn resolve_declared(&self, prefix: &str) -> Option<Resolved<'_>> {
        let all = self.outer.iter().flat_map(|outer| outer.iter()).chain(&self.bindings);
        if let Some(found) = all.rev().find(|binding| binding.prefix == prefix) {
            return Some(Resolved { uri: &found.uri, level: found.level });
        }
        let uri = match prefix {
            "" => "",
            "m2m" if self.m2m => M2M,
            "xml" => XML,
            _ => return None,
        };
        Some(Resolved { uri, level: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri<'s>(scope: &'s Scope<'_>, prefix: &str) -> Option<&'s str> {
        scope.resolve(prefix).map(|resolved| resolved.uri)
    }

    #[test]
    fn the_innermost_declaration_holds_until_its_element_ends() {
        let mut scope = Scope::STANDARD;
        assert_eq!((uri(&scope, ""), uri(&scope, "m2m"), uri(&scope, "a")), (Some(""), Some(M2M), None));
        assert_eq!(uri(&scope, "xml"), Some(XML));
        scope.declare("a", "urn:a".into(), 1).unwrap();
        scope.declare("", "urn:d".into(), 1).unwrap();
        scope.declare("m2m", "urn:m".into(), 2).unwrap();
        scope.declare("", "".into(), 2).unwrap();
        assert_eq!((uri(&scope, ""), uri(&scope, "m2m"), uri(&scope, "a")), (Some(""), Some("urn:m"), Some("urn:a")));
        scope.leave(2);
        assert_eq!((uri(&scope, ""), uri(&scope, "m2m")), (Some("urn:d"), Some(M2M)));
        scope.leave(1);
        assert_eq!((uri(&scope, ""), uri(&scope, "a")), (Some(""), None));
    }

    #[test]
    fn what_holds_outside_holds_in_a_part() {
        let mut scope = Scope::STANDARD;
        scope.declare("a", "urn:a".into(), 1).unwrap();
        let mut part = scope.for_part();
        part.declare("a", "urn:b".into(), 1).unwrap();
        assert_eq!((uri(&part, "a"), uri(&part, "m2m"), uri(&part, "")), (Some("urn:b"), Some(M2M), Some("")));
        part.leave(1);
        assert_eq!((uri(&part, "a"), part.resolve("a").unwrap().level), (Some("urn:a"), 0));
    }

    #[test]
    fn what_must_not_be_declared_is_refused() {
        let mut scope = Scope::default();
        assert!(scope.declare("xml", XML.into(), 1).is_ok());
        for (prefix, uri) in [("xml", "urn:x"), ("xmlns", "urn:x"), ("a", XML), ("", XML), ("a", XMLNS), ("a", "")] {
            assert!(scope.declare(prefix, uri.into(), 1).is_err(), "{prefix} {uri}");
        }
    }

    #[test]
    fn there_are_at_most_64_namespaces_at_one_place() {
        let mut scope = Scope::default();
        for _ in 0..MOST_NAMESPACES {
            scope.declare("a", "urn:a".into(), 1).unwrap();
        }
        assert!(scope.declare("a", "urn:a".into(), 1).is_err());
    }
}
