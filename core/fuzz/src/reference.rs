//! A decompressor by the book (RFC 1951), slow and short, to judge the one in use by.

/// How a data set ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It is not DEFLATE.
    Corrupt,
    /// It ends within a block.
    CutOff,
    /// There is more in it than was asked for.
    TooLarge,
}

/// Decompresses data sets one after the other.
pub(super) struct Inflater {
    /// All that came out, also of data sets before, which later ones may refer to.
    out: Vec<u8>,
    /// References do not reach back beyond here.
    begin: usize,
    /// The longest reference back so far.
    pub(super) reach: usize,
}

/// Bits, the least significant of each byte first (RFC 1951 3.1.1).
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn one(&mut self) -> Result<usize, Failed> {
        let byte = self.bytes.get(self.at / 8).ok_or(Failed::CutOff)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(usize::from(bit))
    }

    fn number(&mut self, bits: usize) -> Result<usize, Failed> {
        (0..bits).try_fold(0, |number, bit| Ok(number | self.one()? << bit))
    }

    /// Up to the next whole byte; what lies between means nothing.
    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn is_end(&self) -> bool {
        self.at >= 8 * self.bytes.len()
    }
}

/// A prefix code (RFC 1951 3.2.2): how many codes there are of each length, and the symbols in their order.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    /// A code with gaps is one only if it has a single symbol, of one bit.
    fn new(lengths: &[usize], may_have_gaps: bool) -> Result<Self, Failed> {
        let mut counts = [0; 16];
        lengths.iter().for_each(|length| counts[*length] += 1);
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] != 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        let mut left = 1_isize;
        for count in &counts[1..] {
            left = 2 * left - *count as isize;
            if left < 0 {
                return Err(Failed::Corrupt);
            }
        }
        let is_single = symbols.is_empty() || symbols.len() == 1 && counts[1] == 1;
        if left > 0 && !(may_have_gaps && is_single) {
            return Err(Failed::Corrupt);
        }
        Ok(Self { counts, symbols })
    }

    fn read(&self, bits: &mut Bits<'_>) -> Result<usize, Failed> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.one()?;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Failed::Corrupt)
    }
}

/// RFC 1951 3.2.5: the base of each length symbol from 257 on, and its extra bits; and of each distance symbol.
const LENGTHS: [(usize, usize); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

fn distance_base(symbol: usize) -> (usize, usize) {
    match symbol {
        0..4 => (symbol + 1, 0),
        _ => {
            let extra = symbol / 2 - 1;
            (((2 + symbol % 2) << extra) + 1, extra)
        }
    }
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { out: Vec::new(), begin: 0, reach: 0 }
    }

    /// Nothing that follows refers back beyond here.
    pub(super) fn forget(&mut self) {
        self.begin = self.out.len();
    }

    /// Decompresses one message of a peer (RFC 7692 7.2.2), which may hold `most` bytes at most.
    ///
    /// A block that says it is the last ends a data set; another one may follow, which refers to nothing before it.
    pub(super) fn message(&mut self, payload: &[u8], most: usize) -> Result<Vec<u8>, Failed> {
        let bytes = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut bits = Bits { bytes: &bytes, at: 0 };
        let limit = self.out.len() + most;
        let start = self.out.len();
        while !bits.is_end() {
            let is_last = bits.one()? == 1;
            match bits.number(2)? {
                0 => self.stored(&mut bits, limit)?,
                1 => self.coded(&mut bits, &Code::new(&fixed(), false)?, &Code::new(&[5; 32], false)?, limit)?,
                2 => {
                    let (symbols, distances) = codes(&mut bits)?;
                    self.coded(&mut bits, &symbols, &distances, limit)?;
                }
                _ => return Err(Failed::Corrupt),
            }
            if is_last {
                self.forget();
                bits.align();
                if bits.at == 8 * payload.len() {
                    break;
                }
            }
        }
        Ok(self.out[start..].to_vec())
    }

    fn stored(&mut self, bits: &mut Bits<'_>, limit: usize) -> Result<(), Failed> {
        bits.align();
        let (length, complement) = (bits.number(16)?, bits.number(16)?);
        if length != !complement & 0xffff {
            return Err(Failed::Corrupt);
        }
        for _ in 0..length {
            let byte = bits.number(8)?;
            self.push(byte as u8, limit)?;
        }
        Ok(())
    }

    fn coded(&mut self, bits: &mut Bits<'_>, symbols: &Code, distances: &Code, limit: usize) -> Result<(), Failed> {
        loop {
            let symbol = symbols.read(bits)?;
            match symbol {
                0..256 => self.push(symbol as u8, limit)?,
                256 => return Ok(()),
                _ => {
                    let (base, extra) = *LENGTHS.get(symbol - 257).ok_or(Failed::Corrupt)?;
                    let length = base + bits.number(extra)?;
                    let symbol = distances.read(bits)?;
                    if symbol >= 30 {
                        return Err(Failed::Corrupt);
                    }
                    let (base, extra) = distance_base(symbol);
                    let distance = base + bits.number(extra)?;
                    if distance > self.out.len() - self.begin {
                        return Err(Failed::Corrupt);
                    }
                    self.reach = self.reach.max(distance);
                    for _ in 0..length {
                        self.push(self.out[self.out.len() - distance], limit)?;
                    }
                }
            }
        }
    }

    fn push(&mut self, byte: u8, limit: usize) -> Result<(), Failed> {
        if self.out.len() == limit {
            return Err(Failed::TooLarge);
        }
        self.out.push(byte);
        Ok(())
    }
}

/// RFC 1951 3.2.6.
fn fixed() -> Vec<usize> {
    [[8; 144].as_slice(), &[9; 112], &[7; 24], &[8; 8]].concat()
}

/// The codes before a block that has its own (RFC 1951 3.2.7).
fn codes(bits: &mut Bits<'_>) -> Result<(Code, Code), Failed> {
    let (symbols, distances) = (bits.number(5)? + 257, bits.number(5)? + 1);
    let known = bits.number(4)? + 4;
    if symbols > 286 || distances > 30 {
        return Err(Failed::Corrupt);
    }
    let mut lengths = vec![0; 19];
    for symbol in &ORDER[..known] {
        lengths[*symbol] = bits.number(3)?;
    }
    let code = Code::new(&lengths, false)?;
    lengths.clear();
    while lengths.len() < symbols + distances {
        let (length, times) = match code.read(bits)? {
            length @ 0..16 => (length, 1),
            16 => (*lengths.last().ok_or(Failed::Corrupt)?, 3 + bits.number(2)?),
            17 => (0, 3 + bits.number(3)?),
            _ => (0, 11 + bits.number(7)?),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    if lengths.len() > symbols + distances || lengths[256] == 0 {
        return Err(Failed::Corrupt);
    }
    Ok((Code::new(&lengths[..symbols], true)?, Code::new(&lengths[symbols..], true)?))
}
