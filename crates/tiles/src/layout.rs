//! Where the files of a tree stand, as C2SP tlog-tiles lays them out, and which of them a grown tree needs.

use verbond_journal::TILE_WIDTH;

/// Levels of tiles in a tree of 2^64 entries.
const LEVELS: u32 = 8;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Hashes of the tree, at this level of tiles.
    Hashes(u32),
    /// The leaves beneath a tile of level 0.
    Entries,
}

/// One file. Once it stands somewhere it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub content: Content,
    /// Place within the level.
    pub index: u64,
    /// Hashes or leaves in it, 1 to 256.
    pub width: u64,
}

impl Part {
    /// `tile/<L>/<N>` or `tile/<L>/<N>.p/<W>`, `<N>` in groups of three digits.
    pub fn path(&self) -> String {
        let mut groups = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups = format!("x{:03}/{groups}", rest % 1000);
            rest /= 1000;
        }
        let level = match self.content {
            Content::Hashes(level) => level.to_string(),
            Content::Entries => "entries".to_owned(),
        };
        match self.width < TILE_WIDTH {
            true => format!("tile/{level}/{groups}.p/{}", self.width),
            false => format!("tile/{level}/{groups}"),
        }
    }
}

/// The full tiles that a tree of `to` entries has and one of `from` has not, the leaves beneath them included.
pub(crate) fn filled(from: u64, to: u64) -> impl Iterator<Item = Part> + Send {
    let range = move |level| at(from, level) / TILE_WIDTH..at(to, level) / TILE_WIDTH;
    contents().flat_map(move |(level, content)| {
        range(level).map(move |index| Part { content, index, width: TILE_WIDTH })
    })
}

/// The tiles at the right edge of a tree of `to` entries that are not full and that one of `from` has not, the leaves beneath them
/// included.
pub(crate) fn edge(from: u64, to: u64) -> impl Iterator<Item = Part> + Send {
    contents().filter_map(move |(level, content)| {
        let count = at(to, level);
        let part = Part { content, index: count / TILE_WIDTH, width: count % TILE_WIDTH };
        (part.width > 0 && at(from, level) != count).then_some(part)
    })
}

fn contents() -> impl Iterator<Item = (u32, Content)> + Send {
    [(0, Content::Entries)].into_iter().chain((0..LEVELS).map(|level| (level, Content::Hashes(level))))
}

/// How many hashes a tree of this size has at a level of tiles.
const fn at(size: u64, level: u32) -> u64 {
    size >> (8 * level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(parts: impl Iterator<Item = Part>) -> Vec<String> {
        parts.map(|part| part.path()).collect()
    }

    #[test]
    fn paths_are_those_of_the_standard() {
        let path = |content, index, width| Part { content, index, width }.path();
        assert_eq!(path(Content::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(Content::Entries, 5, 112), "tile/entries/005.p/112");
        assert_eq!(path(Content::Hashes(1), 1000, 1), "tile/1/x001/000.p/1");
    }

    /// The example of the standard: a tree of 70,000 entries.
    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_that_the_standard_says() {
        let full: Vec<Part> = filled(0, 70_000).collect();
        let of = |content| full.iter().filter(|part| part.content == content).count();
        assert_eq!((of(Content::Hashes(0)), of(Content::Hashes(1)), of(Content::Entries)), (273, 1, 273));
        let edge = paths(edge(0, 70_000));
        let expected = ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"];
        assert_eq!(edge, expected);
    }

    #[test]
    fn what_stands_already_is_not_asked_for_again() {
        assert_eq!(paths(filled(256, 511)), Vec::<String>::new());
        assert_eq!(paths(filled(511, 512)), ["tile/entries/001", "tile/0/001"]);
        assert_eq!(paths(edge(511, 512)), ["tile/1/000.p/2"]);
        assert_eq!(paths(edge(275, 282)), ["tile/entries/001.p/26", "tile/0/001.p/26"]);
        assert_eq!(paths(filled(u64::MAX, u64::MAX)), Vec::<String>::new());
    }
}
