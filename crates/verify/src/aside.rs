//! What is compared over whole journals, put aside in the order of what it is compared by: in memory while it is little, beyond that in
//! a file that has no name, as sorted runs that are merged when they are read. What is held at once does not grow with it.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    iter::Peekable,
    path::{Path, PathBuf},
    rc::Rc,
};

/// Bytes of all runs that are read ahead while they are merged.
const AHEAD: usize = 4 * 1024 * 1024;
/// Of one run, in bytes: at least so many, that a disk is not asked for every record, and at most so many.
const LEAST_AHEAD: usize = 4 * 1024;
const MOST_AHEAD: usize = 64 * 1024;

/// How much of what is compared lies in memory, and where the rest is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// In memory, in bytes, together.
    pub bytes: usize,
    /// Folder of the files without a name for what is more.
    pub folder: PathBuf,
}

impl Room {
    /// In memory unless told otherwise, in mebibytes.
    pub const MEBIBYTES: usize = 24;
}

impl Default for Room {
    /// In the folder that `TMPDIR` names. Else in `/var/tmp`, since what lies in `/tmp` is often memory too.
    fn default() -> Self {
        let lasting = Path::new("/var/tmp");
        let is_named = std::env::var_os("TMPDIR").is_some();
        let folder = if !is_named && lasting.is_dir() { lasting.to_owned() } else { std::env::temp_dir() };
        Self { bytes: Self::MEBIBYTES << 20, folder }
    }
}

/// The first thing that went wrong with files; nothing that was judged since then counts.
pub(crate) type Fault = Rc<RefCell<Option<io::Error>>>;

/// Records of `N` bytes, sorted by their bytes.
#[derive(Debug)]
pub(crate) struct Sorting<const N: usize> {
    folder: PathBuf,
    most: usize,
    fault: Fault,
    held: Vec<[u8; N]>,
    file: Option<File>,
    /// Where each run in the file ends, in bytes.
    ends: Vec<u64>,
}

impl<const N: usize> Sorting<N> {
    /// With so many bytes of memory, and one record at least.
    pub(crate) fn new(bytes: usize, folder: &Path, fault: &Fault) -> Self {
        let most = bytes.checked_div(N).unwrap_or_default().max(1);
        let (folder, fault) = (folder.to_owned(), Rc::clone(fault));
        Self { folder, most, fault, held: Vec::new(), file: None, ends: Vec::new() }
    }

    pub(crate) fn put(&mut self, record: [u8; N]) {
        if self.held.len() >= self.most
            && let Err(error) = self.write_run()
        {
            self.fault.borrow_mut().get_or_insert(error);
        }
        self.held.push(record);
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let held = std::mem::take(&mut self.held);
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.write_all(held.as_flattened())?;
        let begin = self.ends.last().copied().unwrap_or_default();
        self.ends.push(begin.saturating_add(held.as_flattened().len() as u64));
        self.held = held;
        self.held.clear();
        Ok(())
    }

    /// All records in their order, as often as they are asked for; those that were put since then are not among them.
    pub(crate) fn sorted(&mut self) -> Peekable<Sorted<'_, N>> {
        self.held.sort_unstable();
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ahead = AHEAD.checked_div(self.ends.len()).unwrap_or_default().clamp(LEAST_AHEAD, MOST_AHEAD);
        let ahead = ahead.checked_div(N).unwrap_or_default().max(1);
        let runs: Vec<Run<N>> = starts.zip(&self.ends).map(|(at, end)| Run::new(at, *end, ahead)).collect();
        let held = self.held.iter();
        let mut sorted =
            Sorted { held, file: self.file.as_ref(), fault: &self.fault, runs, heads: BinaryHeap::new() };
        (0..=sorted.runs.len()).for_each(|run| sorted.refill(run));
        sorted.peekable()
    }
}

/// A run that is being read.
struct Run<const N: usize> {
    at: u64,
    end: u64,
    ahead: usize,
    /// What has been read and not been given, the last first.
    read: Vec<[u8; N]>,
}

impl<const N: usize> Run<N> {
    const fn new(at: u64, end: u64, ahead: usize) -> Self {
        Self { at, end, ahead, read: Vec::new() }
    }

    fn next(&mut self, mut file: &File) -> io::Result<Option<[u8; N]>> {
        if self.read.is_empty() && self.at < self.end {
            let left = self.end.saturating_sub(self.at).checked_div(N as u64).unwrap_or_default();
            let many = usize::try_from(left).unwrap_or(usize::MAX).min(self.ahead);
            self.read.resize(many, [0; N]);
            file.seek(SeekFrom::Start(self.at))?;
            file.read_exact(self.read.as_flattened_mut())?;
            self.at = self.at.saturating_add(self.read.as_flattened().len() as u64);
            self.read.reverse();
        }
        Ok(self.read.pop())
    }
}

/// Records in their order.
pub(crate) struct Sorted<'a, const N: usize> {
    held: std::slice::Iter<'a, [u8; N]>,
    file: Option<&'a File>,
    fault: &'a Fault,
    runs: Vec<Run<N>>,
    /// The next record of each run, and of what lies in memory under the number after the last.
    heads: BinaryHeap<Reverse<([u8; N], usize)>>,
}

impl<const N: usize> Sorted<'_, N> {
    fn refill(&mut self, run: usize) {
        let next = match (self.runs.get_mut(run), self.file) {
            (Some(run), Some(file)) => run.next(file),
            _ => Ok(self.held.next().copied()),
        };
        match next {
            Ok(next) => self.heads.extend(next.map(|record| Reverse((record, run)))),
            Err(error) => {
                self.fault.borrow_mut().get_or_insert(error);
            }
        }
    }
}

impl<const N: usize> Iterator for Sorted<'_, N> {
    type Item = [u8; N];

    fn next(&mut self) -> Option<[u8; N]> {
        let Reverse((record, run)) = self.heads.pop()?;
        self.refill(run);
        Some(record)
    }
}

/// A record of fields of one width each, the most significant byte first, so that records are sorted by their fields in turn.
macro_rules! packed {
    ($($(#[$documentation:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $number:ty),+ $(,)? })+) => { $(
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) struct $name { $($(#[$about])* pub(crate) $field: $number),+ }

        impl $name {
            pub(crate) const SIZE: usize = 0 $(+ size_of::<$number>())+;

            pub(crate) fn pack(self) -> [u8; Self::SIZE] {
                let mut packed = [0; Self::SIZE];
                let mut rest = packed.as_mut_slice();
                $($crate::aside::write(&mut rest, &self.$field.to_be_bytes());)+
                packed
            }

            pub(crate) fn unpack(packed: [u8; Self::SIZE]) -> Self {
                let mut rest = packed.as_slice();
                Self { $($field: <$number>::from_be_bytes($crate::aside::read(&mut rest))),+ }
            }
        }
    )+ };
}
pub(crate) use packed;

pub(crate) fn write<const M: usize>(rest: &mut &mut [u8], bytes: &[u8; M]) {
    if let Some((place, after)) = std::mem::take(rest).split_first_chunk_mut() {
        *place = *bytes;
        *rest = after;
    }
}

pub(crate) fn read<const M: usize>(rest: &mut &[u8]) -> [u8; M] {
    rest.split_off(..M).and_then(|bytes| bytes.first_chunk().copied()).unwrap_or([0; M])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    packed! {
        /// Of three widths.
        Three { one: u8, two: i64, three: u128 }
    }

    proptest! {
        #[test]
        fn what_was_put_comes_back_in_order_however_little_room_there_is(
            mut records in proptest::collection::vec(any::<[u8; 3]>(), 0..300), bytes in 0_usize..400,
        ) {
            let fault = Fault::default();
            let mut sorting = Sorting::new(bytes, &std::env::temp_dir(), &fault);
            records.iter().for_each(|record| sorting.put(*record));
            records.sort_unstable();
            prop_assert!(sorting.held.len() <= (bytes / 3).max(1));
            for _ in 0..2 {
                prop_assert_eq!(sorting.sorted().collect::<Vec<_>>(), records.clone());
            }
            prop_assert!(fault.borrow().is_none());
        }

        #[test]
        fn a_record_is_packed_and_unpacked(one: u8, two: i64, three: u128) {
            let record = Three { one, two, three };
            prop_assert_eq!(Three::unpack(record.pack()), record);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault_and_no_record_less_in_silence() {
        let fault = Fault::default();
        let mut sorting = Sorting::new(0, Path::new("/nowhere/at/all"), &fault);
        [[1], [2], [3]].into_iter().for_each(|record| sorting.put(record));
        assert!(fault.borrow().is_some());
    }
}
