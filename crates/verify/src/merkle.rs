//! The Merkle tree of RFC 9162 section 2.1 with SHA-256: roots of a growing list of leaves, and proofs.

use aws_lc_rs::digest::{Context, SHA256};

/// A hash in the tree.
pub type Hash = [u8; 32];

/// SHA-256 over the parts, one after another.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Hash of a leaf.
pub fn leaf(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The full subtrees of a list that grows at its end, the largest first: enough to tell its root at any time.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Adds the hash of a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // One more full subtree is joined for each of the low bits that carries.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// Root over the leaves so far.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        match subtrees.next() {
            None => sha256(&[]),
            Some(last) => subtrees.fold(*last, |right, left| node(left, &right)),
        }
    }
}

/// Roots over the first so many leaves, for sizes in ascending order; sizes beyond the leaves have none.
pub fn roots(mut leaves: impl Iterator<Item = Hash>, sizes: &[u64]) -> Vec<Option<Hash>> {
    let mut frontier = Frontier::default();
    let root = |size: &u64| {
        while frontier.size < *size {
            frontier.push(leaves.next()?);
        }
        Some(frontier.root())
    };
    sizes.iter().map(root).collect()
}

/// Whether an inclusion proof leads from a leaf's hash to the root (RFC 9162 section 2.1.3.2).
pub fn includes(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut this, mut last, mut hash) = (index, size.saturating_sub(1), *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if this & 1 == 1 || this == last {
            hash = node(sibling, &hash);
            while this & 1 == 0 && this != 0 {
                (this, last) = (this >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, sibling);
        }
        (this, last) = (this >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether a consistency proof shows that the tree over `to` leaves continues the one over `from` (RFC 9162 section 2.1.4.2).
pub fn continues(from: u64, to: u64, proof: &[Hash], old_root: &Hash, new_root: &Hash) -> bool {
    if from > to {
        return false;
    }
    if from == to {
        return proof.is_empty() && old_root == new_root;
    }
    if from == 0 {
        return proof.is_empty() && *old_root == sha256(&[]);
    }
    // A full tree is itself the first node; proofs leave it out.
    let mut path = from.is_power_of_two().then_some(old_root).into_iter().chain(proof);
    let Some(first) = path.next() else { return false };
    let (mut this, mut last) = (from.saturating_sub(1), to.saturating_sub(1));
    while this & 1 == 1 {
        (this, last) = (this >> 1, last >> 1);
    }
    let (mut old, mut new) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if this & 1 == 1 || this == last {
            old = node(sibling, &old);
            new = node(sibling, &new);
            while this & 1 == 0 && this != 0 {
                (this, last) = (this >> 1, last >> 1);
            }
        } else {
            new = node(&new, sibling);
        }
        (this, last) = (this >> 1, last >> 1);
    }
    last == 0 && old == *old_root && new == *new_root
}

/// A hash as two numbers.
pub(crate) const fn halves(hash: &Hash) -> [u128; 2] {
    let (halves, _) = hash.as_chunks::<16>();
    match halves {
        [high, low] => [u128::from_be_bytes(*high), u128::from_be_bytes(*low)],
        _ => [0, 0],
    }
}

/// The hash of two numbers.
pub(crate) const fn hash_of([high, low]: [u128; 2]) -> Hash {
    let mut hash = [0; 32];
    let (into_high, into_low) = hash.split_at_mut(16);
    into_high.copy_from_slice(&high.to_be_bytes());
    into_low.copy_from_slice(&low.to_be_bytes());
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of RFC 9162 section 2.1.1, word for word.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                node(&naive(left), &naive(right))
            }
        }
    }

    fn split(length: usize) -> usize {
        length.next_power_of_two() / 2
    }

    /// Section 2.1.3.1.
    fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut path, other) = match index < left.len() {
            true => (path(index, left), naive(right)),
            false => (path(index - left.len(), right), naive(left)),
        };
        path.push(other);
        path
    }

    /// Section 2.1.4.1.
    fn proof(from: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if from == leaves.len() {
            return if whole { Vec::new() } else { vec![naive(leaves)] };
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut path, other) = match from <= left.len() {
            true => (proof(from, left, whole), naive(right)),
            false => (proof(from - left.len(), right, false), naive(left)),
        };
        path.push(other);
        path
    }

    fn leaves(count: u16) -> Vec<Hash> {
        (0..count).map(|one| leaf(&one.to_be_bytes())).collect()
    }

    #[test]
    fn roots_of_all_sizes_to_300_are_those_of_the_definition() {
        let leaves = leaves(300);
        let sizes: Vec<u64> = (0..=301).collect();
        let expected: Vec<_> = (0..=300).map(|size| leaves.get(..size).map(naive)).chain([None]).collect();
        assert_eq!(roots(leaves.iter().copied(), &sizes), expected);
    }

    #[test]
    fn inclusion_proofs_of_all_sizes_to_300_are_taken_and_for_no_other_index() {
        let leaves = leaves(300);
        for size in 1..=300 {
            let tree = leaves.get(..size).unwrap_or_default();
            let root = naive(tree);
            // The definition takes its time; above 64 some places of each size do.
            for (index, hash) in tree.iter().enumerate().step_by(size.div_ceil(64)) {
                let proof = path(index, tree);
                assert!(includes(hash, index as u64, size as u64, &proof, &root), "{index} of {size}");
                assert!(!includes(hash, index as u64 + 1, size as u64, &proof, &root));
                let shorter = proof.split_last().map(|(_, rest)| rest).unwrap_or_default();
                assert!(proof.is_empty() || !includes(hash, index as u64, size as u64, shorter, &root));
            }
        }
    }

    #[test]
    fn consistency_proofs_to_all_sizes_to_300_are_taken_and_for_no_other_tree() {
        let leaves = leaves(300);
        for to in 1..=300_usize {
            let tree = leaves.get(..to).unwrap_or_default();
            let new_root = naive(tree);
            for from in (1..=to).step_by(to.div_ceil(32)) {
                let old_root = naive(tree.get(..from).unwrap_or_default());
                let hashes = proof(from, tree, true);
                let (from, to) = (from as u64, to as u64);
                assert!(continues(from, to, &hashes, &old_root, &new_root), "{from} to {to}");
                assert!(!continues(from, to, &hashes, &leaf(b"other"), &new_root));
                assert!(!continues(from, to, &hashes, &old_root, &leaf(b"other")));
            }
        }
    }

    proptest! {
        #[test]
        fn proofs_of_anything_are_judged_without_fault(
            index: u64, size: u64, proof in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
            root: [u8; 32],
        ) {
            prop_assert!(!includes(&root, index, size, &proof, &leaf(b"x")) || proof.is_empty());
            prop_assert!(!continues(index, size, &proof, &root, &leaf(b"x")) || proof.is_empty());
        }
    }
}
