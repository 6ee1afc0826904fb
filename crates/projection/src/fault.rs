//! Why a document is refused.

/// Why a document is refused: the kind and the place, never the content.
///
/// Kind and place are the same however the bytes were cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at byte {offset}")]
pub struct Fault {
    /// Byte offset in what was fed.
    pub offset: u64,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FaultKind {
    /// A byte that JSON's grammar does not allow here.
    #[error("this is not JSON")]
    Unexpected,
    /// The document ends before it is complete.
    #[error("the document ends before it is complete")]
    Truncated,
    /// Something follows the document.
    #[error("something follows the document")]
    Trailing,
    /// The bytes are not UTF-8.
    #[error("the bytes are not UTF-8")]
    Encoding,
    /// A byte order mark precedes the document.
    #[error("a byte order mark precedes the document")]
    ByteOrderMark,
    /// A control character stands in a string without being escaped.
    #[error("a control character stands in a string without being escaped")]
    Control,
    /// An escape that JSON does not know.
    #[error("an escape is not one of JSON")]
    Escape,
    /// Half of a surrogate pair without the other half.
    #[error("an escape is half of a surrogate pair")]
    LoneSurrogate,
    /// Two members of one object have the same name: readers differ in which one counts. Judged in each object that
    /// projection goes through or delivers; the place is that of the second name.
    #[error("two members of one object have the same name")]
    DuplicateName,
    /// Containers stand in each other deeper than the bound.
    #[error("containers stand in each other too deep")]
    TooDeep,
    /// A record, or a scalar outside records, is larger than the bound; the place is where it begins.
    #[error("a record is larger than the bound")]
    RecordTooLarge,
    /// The names of the objects that stand open are larger together than the bound; the place is that of the name
    /// that is too much.
    #[error("the names of an object are larger than the bound")]
    NamesTooLarge,
    /// What stands where the data subject's identifier should be is longer than the bound; the place is where it
    /// begins.
    #[error("the identifier of a data subject is longer than the bound")]
    SubjectTooLong,
    /// What stands where the data subject's identifier should be is neither text nor an integer, nor null.
    #[error("what should identify a data subject is neither text nor an integer")]
    SubjectType,
}
