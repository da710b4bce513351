//! The parameters of primitives by their short names.
//!
//! Covers: TS-0004 8.2.2 (names), 6.4.1 and 6.4.2 (which primitive has which). Their order on the wire is that of the
//! encoders.

/// A short name in one word, zero-padded: comparing words is how a name is found.
const fn pack(name: &[u8]) -> u64 {
    let mut word = [0; 8];
    let mut i = 0;
    while i < name.len() {
        word[i] = name[i];
        i += 1;
    }
    u64::from_le_bytes(word)
}

macro_rules! parameters {
    ($($variant:ident = $name:literal, $of:expr;)*) => {
        /// A parameter of a primitive.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Parameter {
            $($variant,)*
        }

        #[allow(non_upper_case_globals)]
        mod packed {
            $(pub(super) const $variant: u64 = super::pack($name.as_bytes());)*
        }

        impl Parameter {
            const ALL: &'static [(Self, &'static str, Of)] = &[$((Self::$variant, $name, $of),)*];

            /// How many there are.
            pub(super) const COUNT: usize = Self::ALL.len();

            /// The parameter with this short name.
            pub(super) fn from_name(name: &[u8]) -> Option<Self> {
                Self::from_text(name, 0, name.len())
            }

            /// The parameter whose short name stands in `text`.
            #[inline]
            pub(super) fn from_text(text: &[u8], start: usize, end: usize) -> Option<Self> {
                // Every short name fits in a word.
                let length = end - start;
                if length > 7 {
                    return None;
                }
                let word = match text.get(start..).and_then(<[u8]>::first_chunk) {
                    Some(chunk) => u64::from_le_bytes(*chunk) & ((1 << (8 * length)) - 1),
                    None => pack(&text[start..end]),
                };
                Self::from_word(word, length)
            }

            /// The parameter whose short name has so many bytes, and these in a word.
            #[inline]
            pub(super) fn from_word(word: u64, length: usize) -> Option<Self> {
                // The length is compared too because a name may contain a zero byte.
                match word {
                    $(packed::$variant if length == $name.len() => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The short name.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

/// Which primitives have a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Request,
    Response,
    Both,
}

parameters! {
    Op = "op", Of::Request;
    To = "to", Of::Both;
    Fr = "fr", Of::Both;
    Rqi = "rqi", Of::Both;
    Ty = "ty", Of::Request;
    Pc = "pc", Of::Both;
    Rids = "rids", Of::Request;
    Ot = "ot", Of::Both;
    Rqet = "rqet", Of::Request;
    Rset = "rset", Of::Both;
    Oet = "oet", Of::Request;
    Rt = "rt", Of::Request;
    Rp = "rp", Of::Request;
    Rcn = "rcn", Of::Request;
    Ec = "ec", Of::Both;
    Da = "da", Of::Request;
    Gid = "gid", Of::Request;
    Fc = "fc", Of::Request;
    Drt = "drt", Of::Request;
    Tkns = "tkns", Of::Request;
    Tids = "tids", Of::Request;
    Ltids = "ltids", Of::Request;
    Tqi = "tqi", Of::Request;
    Grtm = "grtm", Of::Request;
    Asi = "asi", Of::Request;
    Aus = "aus", Of::Request;
    Auri = "auri", Of::Request;
    Sqi = "sqi", Of::Request;
    Rvi = "rvi", Of::Both;
    Vsi = "vsi", Of::Both;
    Omr = "omr", Of::Request;
    Gstn = "gstn", Of::Request;
    Msu = "msu", Of::Both;
    Ma = "ma", Of::Request;
    Rsc = "rsc", Of::Response;
    Cnst = "cnst", Of::Response;
    Cnot = "cnot", Of::Response;
    Ati = "ati", Of::Response;
    Tqf = "tqf", Of::Response;
    Asri = "asri", Of::Response;
}

/// A set of parameters.
pub(super) type Parameters = u64;

const _: () = assert!(Parameter::COUNT <= Parameters::BITS as usize);

impl Parameter {
    /// The set of only this one.
    pub(super) const fn bit(self) -> Parameters {
        1 << self as u8
    }

    /// All those in `set`.
    pub(super) fn in_set(set: Parameters) -> impl Iterator<Item = Self> {
        Self::ALL.iter().map(|(parameter, ..)| *parameter).filter(move |parameter| set & parameter.bit() != 0)
    }
}

const fn set_of(of: Of) -> Parameters {
    let mut set = 0;
    let mut i = 0;
    while i < Parameter::COUNT {
        let (parameter, _, has) = Parameter::ALL[i];
        if matches!(has, Of::Both) || has as u8 == of as u8 {
            set |= parameter.bit();
        }
        i += 1;
    }
    set
}

/// The parameters of a request.
pub(super) const OF_REQUEST: Parameters = set_of(Of::Request);
/// The parameters of a response.
pub(super) const OF_RESPONSE: Parameters = set_of(Of::Response);

/// The name without `m2m:`, if it had that.
pub(super) fn strip_prefix(name: &str) -> Option<&str> {
    name.strip_prefix("m2m:")
}

/// Whether an unknown member of a primitive with parameters `own` may have this name when it is written: it must not be
/// read as one of the fields, nor turn a request into a response or the other way round.
pub(super) fn is_free(name: &str, own: Parameters) -> bool {
    let reserved = own | Parameter::Op.bit() | Parameter::Rsc.bit();
    let name = strip_prefix(name).unwrap_or(name);
    Parameter::from_name(name.as_bytes()).is_none_or(|parameter| reserved & parameter.bit() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_nothing_else() {
        for (parameter, name, _) in Parameter::ALL {
            assert_eq!(Parameter::from_name(name.as_bytes()), Some(*parameter));
            assert_eq!(parameter.name(), *name);
            assert_eq!(Parameter::from_name(name.to_uppercase().as_bytes()), None, "names are case-sensitive");
            assert_eq!(Parameter::from_name(format!("{name}\0").as_bytes()), None);
        }
        for name in ["", "x", "opp", "operation", "ltidsltids"] {
            assert_eq!(Parameter::from_name(name.as_bytes()), None);
        }
    }

    #[test]
    fn directions_follow_the_tables() {
        assert_eq!(OF_REQUEST.count_ones(), 34);
        assert_eq!(OF_RESPONSE.count_ones(), 16);
        assert_eq!((OF_REQUEST | OF_RESPONSE).count_ones() as usize, Parameter::COUNT);
    }
}
