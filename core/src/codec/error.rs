//! What can be wrong with a message, and what can be overlooked.
//!
//! Covers: TS-0004 6.6.3 (what a peer is told), the deviations of deployed peers. Texts that come from a peer are
//! escaped and cut before they enter an error message. Does not answer anybody: the session does.

use std::fmt;

use crate::primitive::StatusCode;

/// Whether a message that could not be read was a request or a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shape {
    /// It has `op` and no `rsc`: its sender waits for an answer.
    Request,
    /// It has `rsc`: it must not be answered.
    Response,
    /// It has neither, or it could not be seen: it must not be answered, except by closing or by a response
    /// without `rqi`.
    Unknown,
}

/// A message that could not be read.
// In a box because it is rare, and passed through every function that reads something: a pointer stays in a register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Inner {
    kind: DecodeErrorKind,
    offset: usize,
    shape: Shape,
    request_id: Option<String>,
}

/// What was wrong with a message.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// More bytes than positions can count (4 GiB).
    TooLarge,
    /// Not UTF-8.
    NotUtf8,
    /// The grammar of the format was broken; the text says what was expected.
    Syntax(&'static str),
    /// Nested deeper than allowed.
    TooDeep,
    /// Something follows the primitive.
    TrailingBytes,
    /// The primitive is not an object.
    NotAnObject,
    /// A member occurs twice, possibly in two spellings. The name is as the peer sent it.
    DuplicateMember(String),
    /// More unknown members than allowed.
    TooManyUnknownMembers,
    /// A wrapper (`m2m:rqp`) with something beside it, or around the other kind of primitive.
    BadWrapper,
    /// Neither `op` nor `rsc`.
    NeitherRequestNorResponse,
    /// A mandatory parameter is missing or empty.
    Missing(&'static str),
    /// A parameter has a value of another type or out of its range.
    BadValue {
        /// Short name of the parameter.
        member: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
    /// A value inside of a structured parameter has another form than its type.
    BadMember {
        /// The names that lead to it, with `/` between. They may be those of a peer.
        path: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// Understood, but [`strict`](super::DecodeOptions::strict) does not let it pass.
    Deviation(Deviation),
}

impl DecodeError {
    /// Something wrong at byte `offset` of a message of which nothing else is known yet.
    #[cold]
    pub(super) fn at(kind: DecodeErrorKind, offset: usize) -> Self {
        Self(Box::new(Inner { kind, offset, shape: Shape::Unknown, request_id: None }))
    }

    /// The same, of a part of a message that begins at `start`.
    pub(super) fn moved(mut self, start: usize) -> Self {
        self.0.offset += start;
        self
    }

    /// The same, inside of a member of this name.
    #[cold]
    pub(super) fn inside(mut self, name: &str) -> Self {
        if let DecodeErrorKind::BadMember { path, .. } = &mut self.0.kind {
            if !path.is_empty() {
                path.insert(0, '/');
            }
            path.insert_str(0, name);
        }
        self
    }

    /// Adds what is known of the message.
    pub(super) fn describe(&mut self, shape: Shape, request_id: Option<String>) {
        self.0.shape = shape;
        self.0.request_id = request_id;
    }

    /// What was wrong.
    #[must_use]
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.0.kind
    }

    /// Where it was found: bytes from the start of the message.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// What the message was, as far as it could be read.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.0.shape
    }

    /// `rqi`, if it could be read.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// What the sender of a request should be told.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// Text of a peer, escaped and cut so that it can be shown.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        match self.0.char_indices().nth(SHOWN) {
            Some((cut, _)) => write!(f, "{:?}...", &self.0[..cut]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("message of more than 4 GiB"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::Syntax(expected) => write!(f, "expected {expected}"),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::TrailingBytes => f.write_str("bytes after the primitive"),
            Self::NotAnObject => f.write_str("a primitive is an object"),
            Self::DuplicateMember(name) => write!(f, "member {} occurs twice", Shown(name)),
            Self::TooManyUnknownMembers => f.write_str("too many unknown members"),
            Self::BadWrapper => f.write_str("wrapper does not hold exactly one primitive of its kind"),
            Self::NeitherRequestNorResponse => f.write_str("neither op nor rsc"),
            Self::Missing(member) => write!(f, "{member} is missing"),
            Self::BadValue { member, expected } => write!(f, "{member} is not {expected}"),
            Self::BadMember { path, expected } => write!(f, "{} is not {expected}", Shown(path)),
            Self::Deviation(deviation) => write!(f, "not allowed: {}", deviation.description()),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.0.kind, self.0.offset)
    }
}

impl std::error::Error for DecodeError {}

/// A primitive that cannot be written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// Content that was to be converted is not a value of the format that it says to have.
    BadContent {
        /// Name of the member.
        place: String,
        /// What was wrong with it.
        error: DecodeError,
    },
    /// A mandatory parameter is empty.
    Missing(&'static str),
    /// An unknown member has the name of a parameter that has a field, or occurs twice.
    MemberName(String),
    /// A value that the format cannot carry as it is. It is not changed to fit.
    NotCarried {
        /// Where in the primitive or its content: the names that lead to it, with `/` between.
        place: String,
        /// What about it.
        reason: &'static str,
    },
}

impl EncodeError {
    /// A value that cannot be carried, of which only itself is known yet.
    #[cold]
    pub(super) fn not_carried(reason: &'static str) -> Self {
        Self::NotCarried { place: String::new(), reason }
    }

    /// The same, as a member of this name.
    #[cold]
    pub(super) fn inside(self, name: &str) -> Self {
        let name = if name.is_empty() { "\"\"" } else { name };
        match self {
            Self::NotCarried { place, reason } if place.is_empty() => {
                Self::NotCarried { place: name.to_owned(), reason }
            }
            Self::NotCarried { place, reason } => Self::NotCarried { place: format!("{name}/{place}"), reason },
            Self::BadContent { error, .. } => Self::BadContent { place: name.to_owned(), error },
            other => other,
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadContent { place, error } => write!(f, "{} cannot be converted: {error}", Shown(place)),
            Self::Missing(member) => write!(f, "{member} is empty"),
            Self::MemberName(name) => write!(f, "unknown member {} occurs twice or has a field", Shown(name)),
            Self::NotCarried { place, reason } => write!(f, "{} holds {reason}", Shown(place)),
        }
    }
}

impl std::error::Error for EncodeError {}

macro_rules! deviations {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $text:literal;)*) => {
        /// Something that does not follow the specification, but that a deployed peer does and that can be understood.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Deviation {
            $(#[doc = concat!($text, ".")] $variant,)*
        }

        impl Deviation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Name of the counter.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the peer did, in words.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

deviations! {
    Wrapped = "wrapped", "primitive wrapped in a member such as m2m:rqp";
    PrefixedMember = "prefixed_member", "parameter name with the prefix m2m:";
    OperationInResponse = "operation_in_response", "response with op, which was ignored";
    FloatInteger = "float_integer", "integer written as a number with a fraction or an exponent";
    TextInteger = "text_integer", "integer written as a string";
    TextBoolean = "text_boolean", "boolean written as a string";
    NumberBoolean = "number_boolean", "boolean written as 0 or 1";
    NumberText = "number_text", "string written as a number";
    SingleForList = "single_for_list", "single value where a list belongs";
    BareResponseType = "bare_response_type", "rt as a number instead of an object";
    ResponseTypeMember = "response_type_member", "unknown member of rt, which was ignored";
    NullParameter = "null_parameter", "parameter that is null, taken as absent";
    EmptyContent = "empty_content", "empty structured parameter, taken as absent";
    TextContent = "text_content", "content as a string that holds the object";
    PlainContent = "plain_content", "content as a string that holds no object";
    ContentMembers = "content_members", "content with more than one member";
    MissingFrom = "missing_from", "request without fr";
    MissingReleaseVersion = "missing_release_version", "primitive without rvi";
    MissingRequestId = "missing_request_id", "response without rqi";
    NoNamespace = "no_namespace", "element without the namespace that it must have";
    DefaultNamespace = "default_namespace", "elements in a default namespace";
    RepeatedForList = "repeated_for_list", "list as repeated elements";
    ByteString = "byte_string", "CBOR byte string in place of a text";
    JsonOnCbor = "json_on_cbor", "JSON in a text frame on a CBOR connection";
    HexCbor = "hex_cbor", "CBOR as hexadecimal digits in a text frame";
}

/// A set of [`Deviation`]s.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Deviations(u32);

impl Deviations {
    /// No deviation.
    pub const NONE: Self = Self(0);

    /// Whether the message followed the specification.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one was seen.
    #[must_use]
    pub const fn contains(self, deviation: Deviation) -> bool {
        self.0 & (1 << deviation as u8) != 0
    }

    /// Adds one.
    pub const fn insert(&mut self, deviation: Deviation) {
        self.0 |= 1 << deviation as u8;
    }

    /// Those that were seen.
    pub fn iter(self) -> impl Iterator<Item = Deviation> {
        Deviation::ALL.iter().copied().filter(move |deviation| self.contains(*deviation))
    }
}

impl FromIterator<Deviation> for Deviations {
    fn from_iter<I: IntoIterator<Item = Deviation>>(iter: I) -> Self {
        let mut set = Self::NONE;
        for deviation in iter {
            set.insert(deviation);
        }
        set
    }
}

impl fmt::Debug for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
