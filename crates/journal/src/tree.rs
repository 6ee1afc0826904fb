//! The Merkle tree over the journal, in tiles: RFC 9162 §2.1 with SHA-256, cut as C2SP tlog-tiles says.
//!
//! Nothing here reads or writes: who stores tiles hands them in, and takes those that have changed.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use serde::Serialize;
use verbond_domain::Timestamp;

use crate::Bytes32;

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree in one tile: 2^8 = 256.
const TILE_HEIGHT: u32 = 8;

/// SHA-256 of a part of the tree.
pub type TreeHash = [u8; 32];

/// A place for a tile: hashes of subtrees of height 8 × `level`, 256 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 for the hashes of leaves.
    pub level: u32,
    /// Place within the level.
    pub index: u64,
}

/// A tile, full or the last of its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Where it belongs.
    pub id: TileId,
    /// 1 to 256 hashes.
    pub hashes: Vec<TreeHash>,
}

/// Tiles that proofs are read from. One may hold more hashes than the tree of a smaller size had.
pub type Tiles = BTreeMap<TileId, Vec<TreeHash>>;

/// The root of a perfect subtree: of 2^height leaves, the one at `index` of its height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    height: u32,
    index: u64,
}

/// One hash of a proof, or a root: perfect subtrees from left to right, to be joined.
type Range = Vec<Node>;

#[derive(Serialize)]
struct Leaf<'a> {
    at: i64,
    commitment: Bytes32,
    kind: &'a str,
}

/// What the tree holds of an entry: the *log entry* of tlog-tiles.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn leaf(kind: &str, at: Timestamp, commitment: [u8; 32]) -> Result<Vec<u8>, serde_json::Error> {
    // The members stand in the order of their names, so that this is the canonical form (RFC 8785).
    serde_json::to_vec(&Leaf { at: at.millis(), commitment: Bytes32(commitment), kind })
}

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> TreeHash {
    hash(&[&[0], leaf])
}

fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    hash(&[&[1], left, right])
}

/// SHA-256 over parts, one after another.
pub(crate) fn hash(parts: &[&[u8]]) -> TreeHash {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The right edge of a tree: all that is needed to add to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// Per level, the hashes in its last tile as long as it is not full.
    partial: Vec<Vec<TreeHash>>,
}

impl Edge {
    /// The tiles that an edge of a tree of this size is read from.
    pub fn tiles(size: u64) -> Vec<TileId> {
        let widths = levels(size).filter(|(_, width)| *width > 0);
        widths
            .map(|(level, _)| TileId { level, index: shifted(size, TILE_HEIGHT.saturating_mul(level + 1)) })
            .collect()
    }

    /// Reads the edge of a tree of this size; `None` when a tile is missing or too short.
    pub fn read(size: u64, tiles: &Tiles) -> Option<Self> {
        let mut partial = Vec::new();
        for (level, width) in levels(size) {
            let id = TileId { level, index: shifted(size, TILE_HEIGHT.saturating_mul(level + 1)) };
            let width = usize::try_from(width).ok()?;
            partial.push(match width {
                0 => Vec::new(),
                width => tiles.get(&id)?.get(..width)?.to_vec(),
            });
        }
        Some(Self { size, partial })
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds leaves; returns the tiles that are new or longer than before.
    pub fn append(&mut self, leaves: impl IntoIterator<Item = TreeHash>) -> Vec<Tile> {
        let mut full = Vec::new();
        let mut highest = None;
        for leaf in leaves {
            highest = highest.max(Some(self.push(leaf, &mut full)));
        }
        let touched = highest.map_or(0, |level| level + 1);
        let last = levels(self.size).zip(&self.partial).take(touched);
        full.extend(last.filter(|(_, hashes)| !hashes.is_empty()).map(|((level, _), hashes)| Tile {
            id: TileId { level, index: shifted(self.size, TILE_HEIGHT.saturating_mul(level + 1)) },
            hashes: hashes.clone(),
        }));
        full
    }

    /// Adds one leaf; returns the highest level that it reached.
    fn push(&mut self, leaf: TreeHash, full: &mut Vec<Tile>) -> usize {
        self.size = self.size.saturating_add(1);
        let mut rising = leaf;
        for level in 0.. {
            if self.partial.len() <= level {
                self.partial.push(Vec::new());
            }
            let Some(hashes) = self.partial.get_mut(level) else { break };
            hashes.push(rising);
            if hashes.len() < 1 << TILE_HEIGHT {
                return level;
            }
            let hashes = std::mem::take(hashes);
            rising = root_of(&hashes);
            let height =
                TILE_HEIGHT.saturating_mul(u32::try_from(level).unwrap_or(u32::MAX).saturating_add(1));
            let index = shifted(self.size, height).saturating_sub(1);
            full.push(Tile { id: TileId { level: u32::try_from(level).unwrap_or(u32::MAX), index }, hashes });
        }
        self.partial.len()
    }

    /// The root of the tree.
    pub fn root(&self) -> TreeHash {
        let perfect = self.partial.iter().rev().flat_map(|hashes| perfect_roots(hashes));
        joined(perfect.collect())
    }
}

/// Each level with the number of hashes in its last tile, the last one not being full.
fn levels(size: u64) -> impl Iterator<Item = (u32, u64)> {
    (0..).map_while(move |level| {
        let at_level = shifted(size, TILE_HEIGHT.saturating_mul(level));
        (at_level > 0).then_some((level, at_level % TILE_WIDTH))
    })
}

const fn shifted(value: u64, by: u32) -> u64 {
    match value.checked_shr(by) {
        Some(shifted) => shifted,
        None => 0,
    }
}

/// The root over hashes whose number is a power of two.
fn root_of(hashes: &[TreeHash]) -> TreeHash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node_hash(left, right),
                other => other.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    row.first().copied().unwrap_or_else(|| hash(&[]))
}

/// The roots of the perfect subtrees, from left to right, of hashes that stand side by side at the right edge.
fn perfect_roots(hashes: &[TreeHash]) -> Vec<TreeHash> {
    let mut roots = Vec::new();
    let mut rest = hashes;
    while let Some(bits) = rest.len().checked_ilog2() {
        let Some((perfect, others)) = rest.split_at_checked(1 << bits) else { break };
        roots.push(root_of(perfect));
        rest = others;
    }
    roots
}

/// Joins perfect subtrees, the largest first, from the right.
fn joined(roots: Vec<TreeHash>) -> TreeHash {
    roots.into_iter().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(|| hash(&[]))
}

/// What is to be shown of a tree, as the hashes that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Showing(Vec<Range>);

impl Showing {
    /// The root of the tree of the first `size` leaves.
    pub fn root(size: u64) -> Self {
        Self(vec![range(0, size)])
    }

    /// That the leaf at `index` is in the tree of `size` leaves (RFC 9162 §2.1.3.1); nothing when it is not.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let (mut low, mut high) = (0, size);
        let mut ranges = Vec::new();
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                ranges.push(range(middle, high));
                high = middle;
            } else {
                ranges.push(range(low, middle));
                low = middle;
            }
        }
        ranges.reverse();
        Some(Self(ranges))
    }

    /// That the tree of `to` leaves continues the one of `from` (RFC 9162 §2.1.4.1); nothing when it cannot.
    pub fn consistency(from: u64, to: u64) -> Option<Self> {
        if from == 0 || from > to {
            return (from == 0).then(|| Self(Vec::new()));
        }
        let (mut low, mut high, mut whole) = (0, to, true);
        let mut ranges = Vec::new();
        while from < high {
            let middle = low + split(high - low);
            if from <= middle {
                ranges.push(range(middle, high));
                high = middle;
            } else {
                ranges.push(range(low, middle));
                low = middle;
                whole = false;
            }
        }
        if !whole {
            ranges.push(range(low, high));
        }
        ranges.reverse();
        Some(Self(ranges))
    }

    /// The tiles that hold what it takes.
    pub fn tiles(&self) -> BTreeSet<TileId> {
        self.0.iter().flatten().map(|node| node.slots().0).collect()
    }

    /// The hashes, in order; `None` when a tile is missing or too short.
    pub fn hashes(&self, tiles: &Tiles) -> Option<Vec<TreeHash>> {
        let of_range = |range: &Range| {
            let roots: Option<Vec<_>> = range.iter().map(|node| node.hash(tiles)).collect();
            roots.map(joined)
        };
        self.0.iter().map(of_range).collect()
    }
}

impl Node {
    /// The tile in which it stands, the first of its hashes there, and how many they are.
    fn slots(self) -> (TileId, usize, usize) {
        let (level, within) = (self.height / TILE_HEIGHT, self.height % TILE_HEIGHT);
        let first = self.index << within;
        let slot = usize::try_from(first % TILE_WIDTH).unwrap_or(usize::MAX);
        (TileId { level, index: first / TILE_WIDTH }, slot, 1 << within)
    }

    fn hash(self, tiles: &Tiles) -> Option<TreeHash> {
        let (tile, slot, count) = self.slots();
        tiles.get(&tile)?.get(slot..slot.checked_add(count)?).map(root_of)
    }
}

/// The largest power of two that is smaller than `count` (at least 2).
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The perfect subtrees that leaves from `low` on and before `high` are made of.
fn range(mut low: u64, high: u64) -> Range {
    let mut nodes = Vec::new();
    while low < high {
        let largest = (high - low).ilog2();
        let height = if low == 0 { largest } else { low.trailing_zeros().min(largest) };
        nodes.push(Node { height, index: low >> height });
        low += 1 << height;
    }
    nodes
}

/// Whether a proof shows that the tree of `to` leaves with root `new` continues the one of `from` with root `old`
/// (RFC 9162 §2.1.4.2).
pub fn continues(from: u64, old: &TreeHash, to: u64, new: &TreeHash, proof: &[TreeHash]) -> bool {
    if from == 0 || from > to {
        return from == 0 && proof.is_empty();
    }
    if from == to {
        return proof.is_empty() && old == new;
    }
    let mut proof = proof.iter();
    let first = match from.is_power_of_two() {
        true => Some(old),
        false => proof.next(),
    };
    let Some(first) = first else { return false };
    let (mut before, mut last) = (from - 1, to - 1);
    while before & 1 == 1 {
        before >>= 1;
        last >>= 1;
    }
    let (mut earlier, mut later) = (*first, *first);
    for hash in proof {
        if last == 0 {
            return false;
        }
        if before & 1 == 1 || before == last {
            earlier = node_hash(hash, &earlier);
            later = node_hash(hash, &later);
            while before & 1 == 0 && before != 0 {
                before >>= 1;
                last >>= 1;
            }
        } else {
            later = node_hash(&later, hash);
        }
        before >>= 1;
        last >>= 1;
    }
    last == 0 && earlier == *old && later == *new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 9162 §2.1.1, word for word.
    fn naive(leaves: &[TreeHash]) -> TreeHash {
        match leaves {
            [] => hash(&[]),
            [leaf] => *leaf,
            leaves => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node_hash(&naive(left), &naive(right))
            }
        }
    }

    fn leaves(count: u64) -> Vec<TreeHash> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    fn grown(steps: &[u64]) -> (Edge, Tiles) {
        let (mut edge, mut tiles) = (Edge::default(), Tiles::new());
        let all = leaves(steps.iter().sum());
        let mut rest = all.as_slice();
        for step in steps {
            let (now, later) = rest.split_at(*step as usize);
            rest = later;
            let changed = edge.append(now.iter().copied());
            tiles.extend(changed.into_iter().map(|tile| (tile.id, tile.hashes)));
        }
        (edge, tiles)
    }

    /// RFC 9162 §2.1.3.2.
    fn includes(mut index: u64, size: u64, leaf: TreeHash, proof: &[TreeHash], root: &TreeHash) -> bool {
        let (mut last, mut hash) = (size - 1, leaf);
        for sibling in proof {
            if last == 0 {
                return false;
            }
            if index & 1 == 1 || index == last {
                hash = node_hash(sibling, &hash);
                while index & 1 == 0 && index != 0 {
                    index >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(&hash, sibling);
            }
            index >>= 1;
            last >>= 1;
        }
        last == 0 && hash == *root
    }

    #[test]
    fn a_leaf_is_canonical_json() {
        let text = leaf("permit", Timestamp::from_millis(12), [0; 32]).unwrap_or_default();
        let expected =
            br#"{"at":12,"commitment":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","kind":"permit"}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn the_tree_of_tlog_tiles_example_has_its_tiles() {
        let (_, tiles) = grown(&[70_000]);
        let width = |level, index| tiles.get(&TileId { level, index }).map(Vec::len);
        assert_eq!((width(0, 272), width(0, 273)), (Some(256), Some(112)));
        assert_eq!((width(1, 0), width(1, 1), width(2, 0)), (Some(256), Some(17), Some(1)));
    }

    #[test]
    fn every_small_proof_is_right_and_no_other() {
        let (_, tiles) = grown(&[300]);
        let leaves = leaves(300);
        let root = |size: u64| naive(leaves.get(..size as usize).unwrap_or_default());
        for size in (1..=300_u64).step_by(7).chain([255, 256, 257]) {
            let shown = Showing::root(size).hashes(&tiles);
            assert_eq!(shown, Some(vec![root(size)]), "root of {size}");
            for index in (0..size).step_by(5) {
                let proof = Showing::inclusion(index, size).and_then(|showing| showing.hashes(&tiles));
                let proof = proof.unwrap_or_default();
                let leaf = leaves.get(index as usize).copied().unwrap_or_default();
                assert!(includes(index, size, leaf, &proof, &root(size)), "{index} in {size}");
            }
            for from in (0..=size).step_by(3) {
                let proof = Showing::consistency(from, size).and_then(|showing| showing.hashes(&tiles));
                let proof = proof.unwrap_or_default();
                assert!(continues(from, &root(from), size, &root(size), &proof), "{from} to {size}");
                if from > 0 && from < size {
                    assert!(!continues(from, &root(from), size, &root(size - 1), &proof));
                    assert!(!continues(from, &root(from - 1), size, &root(size), &proof));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_tree_is_the_same_in_whichever_steps_it_grew(steps in proptest::collection::vec(0_u64..700, 1..6)) {
            let (edge, tiles) = grown(&steps);
            let size = steps.iter().sum();
            prop_assert_eq!(edge.root(), naive(&leaves(size)));
            prop_assert_eq!(Edge::read(size, &tiles), Some(edge.clone()));
            let wanted = Edge::tiles(size);
            prop_assert!(wanted.iter().all(|id| tiles.contains_key(id)));
            prop_assert_eq!(edge.size(), size);
        }
    }
}
