//! What an entry of the catalogue holds, and how the catalogue is written down.

use super::Severity;

/// What the catalogue says of a code. `{…}` in a sentence is filled with what the finding is about.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The stable code.
    pub code: &'static str,
    /// Whether an agreement with it may be offered.
    pub severity: Severity,
    /// The provision behind it.
    pub law: &'static str,
    /// What is missing, in Dutch.
    pub nl: &'static str,
    /// What is missing, in English.
    pub en: &'static str,
    /// What mends it, in Dutch.
    pub mend_nl: &'static str,
    /// What mends it, in English.
    pub mend_en: &'static str,
}

macro_rules! codes {
    ($($name:ident $code:literal $severity:ident $law:literal, $nl:literal, $en:literal, $mend_nl:literal, $mend_en:literal;)*) => {
        /// What `check` can find.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $en] $name,)*
        }

        impl Code {
            /// All of them, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What the catalogue says of it.
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry {
                        code: $code, severity: Severity::$severity, law: $law,
                        nl: $nl, en: $en, mend_nl: $mend_nl, mend_en: $mend_en,
                    },)*
                }
            }
        }
    };
}

pub(super) use codes;
