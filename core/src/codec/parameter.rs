//! The parameters of primitives by their short names.
//!
//! Covers: TS-0004 8.2.2 (names), 6.4.1 and 6.4.2 (which primitive has which). Their order on the wire is that of the
//! encoders.

/// A short name and its length, in one word: comparing words is how a name is found. Every name leaves the last byte free.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    /// The most bytes that a name has in here.
    pub(super) const MOST: usize = 7;

    /// Of at most [`MOST`](Self::MOST) bytes.
    const fn of(name: &[u8]) -> Self {
        let mut word = 0;
        let mut i = 0;
        while i < name.len() {
            word |= (name[i] as u64) << (8 * i);
            i += 1;
        }
        Self::cut(word, name.len())
    }

    /// Of the first `length` bytes of a word in little-endian order.
    #[inline(always)]
    pub(super) const fn cut(word: u64, length: usize) -> Self {
        Self(word & ((1 << (8 * length)) - 1) | (length as u64) << 56)
    }

    /// Its place in the table.
    #[inline(always)]
    const fn place(self, factor: u64) -> usize {
        (self.0.wrapping_mul(factor) >> (u64::BITS - PLACES.trailing_zeros())) as usize
    }
}

/// Enough for a table without two names in one place to be found soon.
const PLACES: usize = 128;

/// An odd number with which each name has a place of its own.
const FACTOR: u64 = {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut factor = GOLDEN;
    while table(factor).is_none() {
        factor = factor.wrapping_mul(GOLDEN);
    }
    factor
};

/// Which parameter may have its name at a place.
static TABLE: [Option<Parameter>; PLACES] = match table(FACTOR) {
    Some(table) => table,
    None => unreachable!(),
};

/// The names, by parameter.
static WORDS: [Word; Parameter::COUNT] = {
    let mut words = [Word(0); Parameter::COUNT];
    let mut i = 0;
    while i < Parameter::COUNT {
        words[i] = Word::of(Parameter::ALL[i].1.as_bytes());
        i += 1;
    }
    words
};

const fn table(factor: u64) -> Option<[Option<Parameter>; PLACES]> {
    let mut table = [None; PLACES];
    let mut i = 0;
    while i < Parameter::COUNT {
        let (parameter, name, _) = Parameter::ALL[i];
        let place = Word::of(name.as_bytes()).place(factor);
        if table[place].is_some() {
            return None;
        }
        table[place] = Some(parameter);
        i += 1;
    }
    Some(table)
}

macro_rules! parameters {
    ($($variant:ident = $name:literal, $of:expr;)*) => {
        /// A parameter of a primitive.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Parameter {
            $($variant,)*
        }

        impl Parameter {
            const ALL: &'static [(Self, &'static str, Of)] = &[$((Self::$variant, $name, $of),)*];

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
    /// How many there are.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// The parameter with this short name.
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        if name.len() > Word::MOST { None } else { Self::from_word(Word::of(name)) }
    }

    /// The same, of a name in a word.
    #[inline(always)]
    pub(super) fn from_word(word: Word) -> Option<Self> {
        let parameter = TABLE[word.place(FACTOR)]?;
        (WORDS[parameter as usize] == word).then_some(parameter)
    }

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
