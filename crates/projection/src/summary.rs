//! What a projection did, in numbers.

/// What became of one agreed element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ElementCount {
    /// How often it was delivered.
    pub delivered: u64,
    /// How often something stood there, or where a container that leads there should be, and was dropped because it
    /// was of another type.
    pub dropped: u64,
    /// How often a derived element could not be told, because its source was absent or of another type.
    pub untold: u64,
}

/// What a projection did: numbers only, and no name that the agreement does not hold.
///
/// When a document is refused, what was delivered of its unfinished record does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Per agreed element, in the order of [`Projection::elements`](crate::Projection::elements).
    pub elements: Vec<ElementCount>,
    /// Members that lead to nothing agreed, of objects that projection went through. Each counts once, whatever stood
    /// in it; so does a `null` in the place of a container that leads to something agreed.
    pub not_agreed: u64,
    /// Complete records.
    pub records: u64,
    /// Bytes that were fed; of a refused document up to the place of the fault.
    pub bytes_in: u64,
    /// Bytes of all pieces.
    pub bytes_out: u64,
}
