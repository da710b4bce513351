//! Looks for secrets in the memory of this process.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use zeroize::Zeroizing;

/// How often the first 24 bytes of `reversed`, read backwards, is in the writable memory of this process.
pub(crate) fn found(reversed: &[u8]) -> usize {
    let reversed = &reversed[..24];
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut buffer = Zeroizing::new(Vec::new());
    let mut count = 0;
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (start, rest) = map.split_once('-').unwrap();
        let end = rest.split(' ').next().unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        buffer.resize(usize::try_from(end - start).unwrap(), 0);
        // What was unmapped meanwhile, or is the kernel's, cannot be read.
        if memory.read_exact_at(&mut buffer, start).is_ok() {
            let first = reversed[reversed.len() - 1];
            let begins = memchr::memchr_iter(first, &buffer).map(|at| &buffer[at..]);
            count += begins
                .filter(|b| b.len() >= reversed.len() && b.iter().zip(reversed.iter().rev()).all(|(a, b)| a == b))
                .count();
        }
        buffer.fill(0);
    }
    count
}
