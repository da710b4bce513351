//! Filter criteria, as a builder.
//!
//! Covers: TS-0004 6.3.5.8. The common members have a method; any other is set by name, so that nothing that a CSE
//! understands is out of reach.

use serde_json::{Map, Value, json};

use super::{Content, FilterOperation, FilterUsage, ResourceType};

/// What a RETRIEVE is to find (`fc`).
///
/// ```
/// use onem2m_ws::primitive::{Content, FilterCriteria, ResourceType};
///
/// let criteria: Content = FilterCriteria::new().types([ResourceType::CONTAINER]).labels(["room:7"]).limit(10).into();
/// assert_eq!(criteria.bytes(), r#"{"ty":[3],"lbl":["room:7"],"lim":10}"#);
/// ```
#[derive(Clone, PartialEq, Default, Debug)]
pub struct FilterCriteria(Map<String, Value>);

impl FilterCriteria {
    /// No criteria: everything matches.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets any member by its short name.
    #[must_use]
    pub fn set(mut self, short_name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(short_name.to_owned(), value.into());
        self
    }

    /// `fu` = discovery: the result is a list of addresses.
    #[must_use]
    pub fn discovery(self) -> Self {
        self.set("fu", FilterUsage::DISCOVERY_CRITERIA.code())
    }

    /// `ty`: resources of any of these types.
    #[must_use]
    pub fn types(self, types: impl IntoIterator<Item = ResourceType>) -> Self {
        self.set("ty", types.into_iter().map(|ty| json!(ty.code())).collect::<Vec<_>>())
    }

    /// `lbl`: resources with any of these labels.
    #[must_use]
    pub fn labels<S: Into<String>>(self, labels: impl IntoIterator<Item = S>) -> Self {
        self.set("lbl", labels.into_iter().map(|label| Value::String(label.into())).collect::<Vec<_>>())
    }

    /// `cra`: created after this `m2m:timestamp`.
    #[must_use]
    pub fn created_after(self, timestamp: impl Into<String>) -> Self {
        self.set("cra", timestamp.into())
    }

    /// `crb`: created before this `m2m:timestamp`.
    #[must_use]
    pub fn created_before(self, timestamp: impl Into<String>) -> Self {
        self.set("crb", timestamp.into())
    }

    /// `lim`: at most so many results.
    #[must_use]
    pub fn limit(self, count: u64) -> Self {
        self.set("lim", count)
    }

    /// `lvl`: at most so many levels below the target.
    #[must_use]
    pub fn level(self, levels: u64) -> Self {
        self.set("lvl", levels)
    }

    /// `fo`: how the conditions combine; AND if not set.
    #[must_use]
    pub fn operation(self, fo: FilterOperation) -> Self {
        self.set("fo", fo.code())
    }
}

impl From<FilterCriteria> for Content {
    fn from(criteria: FilterCriteria) -> Self {
        Value::Object(criteria.0).into()
    }
}
