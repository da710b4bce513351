//! A disk that fails when a test says so.

use std::io;
use std::sync::{Arc, Mutex};

use ::redb::StorageBackend;

use super::lock;

/// Bytes in memory; what is written after a time fails.
#[derive(Clone, Default, Debug)]
pub(super) struct Faulty {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl StorageBackend for Faulty {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.bytes).len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = offset as usize;
        out.copy_from_slice(&lock(&self.bytes)[at..at + out.len()]);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        lock(&self.bytes).resize(len as usize, 0);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = offset as usize;
        lock(&self.bytes)[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }
}
