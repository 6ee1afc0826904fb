//! What is found: alarms, notes, and the sentences that say so.

use std::collections::{BTreeMap, HashMap};

use crate::{line::Id, loss::Class};

/// Most alarms of one code about one participant that are listed.
const MOST: u64 = 1000;

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Dutch.
    pub nl: String,
    /// English.
    pub en: String,
}

/// A sentence in both languages.
pub(crate) fn words(nl: impl Into<String>, en: impl Into<String>) -> Words {
    Words { nl: nl.into(), en: en.into() }
}

macro_rules! codes {
    ($(#[$documentation:meta])* $name:ident: $($variant:ident = $text:literal, $nl:literal, $en:literal;)+) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the sentence of each says what it means")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As docs/formats/verification.md writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// What it means, in Dutch and English.
            pub const fn meaning(self) -> [&'static str; 2] {
                match self { $(Self::$variant => [$nl, $en]),+ }
            }
        }
    };
}

codes! {
    /// Something is not as it must be.
    Alarm:
    Form = "FORM", "Het bewijs is niet volledig leesbaar.", "The evidence cannot be read in full.";
    EntryChanged = "ENTRY_CHANGED", "Een regel is veranderd.", "An entry was changed.";
    LeafDiffers = "LEAF_DIFFERS", "Regels zijn niet die van de boom.", "Entries are not those of the tree.";
    EntryMissing = "ENTRY_MISSING", "Regels ontbreken of staan op een andere plaats.", "Entries are missing or stand elsewhere.";
    RootDiffers = "ROOT_DIFFERS", "De regels leiden niet tot een controlepunt.", "The entries do not lead to a checkpoint.";
    Truncated = "TRUNCATED", "Het journaal is korter dan een controlepunt zegt.", "The journal is shorter than a checkpoint says.";
    TwoHistories = "TWO_HISTORIES", "Er zijn twee geschiedenissen van dit journaal.", "There are two histories of this journal.";
    BackDated = "BACK_DATED", "Een regel is teruggedateerd.", "An entry is dated back.";
    CheckpointSignature = "CHECKPOINT_SIGNATURE", "Een controlepunt is niet goed ondertekend.", "A checkpoint is not signed as it should be.";
    JournalKey = "JOURNAL_KEY", "Een journaalsleutel is niet goed vastgelegd.", "A journal key is not certified as it should be.";
    Certificate = "CERTIFICATE", "Een certificaat deugt niet.", "A certificate is not good.";
    CertificateRevoked = "CERTIFICATE_REVOKED", "Een certificaat was al ingetrokken.", "A certificate had been revoked.";
    RevocationList = "REVOCATION_LIST", "Een lijst met ingetrokken certificaten deugt niet.", "A list of revoked certificates is not good.";
    DestroyedWithoutAct = "DESTROYED_WITHOUT_ACT", "Regels zijn vernietigd zonder handeling.", "Entries were destroyed without an act.";
    DestroyedEarly = "DESTROYED_EARLY", "Regels zijn te vroeg vernietigd.", "Entries were destroyed too early.";
    DestroyedUnderHold = "DESTROYED_UNDER_HOLD", "Regels zijn vernietigd terwijl ze moesten blijven.", "Entries were destroyed under a legal hold.";
    PermitTwice = "PERMIT_TWICE", "Een uitwisseling is twee keer toegestaan.", "An exchange was permitted twice.";
    DecisionMissing = "DECISION_MISSING", "Een toestemming mist haar besluit.", "A permit lacks its decision.";
    DecisionTwice = "DECISION_TWICE", "Een besluit staat er twee keer.", "A decision stands twice.";
    NotDeclaredOpen = "NOT_DECLARED_OPEN", "Een toestemming rust op niets: de dienst was niet open verklaard.", "A permit rests on nothing: its service had not been declared open.";
    AgreementMissing = "AGREEMENT_MISSING", "De gegevensafspraak van een toestemming ontbreekt.", "The agreement of a permit is missing.";
    AgreementSignature = "AGREEMENT_SIGNATURE", "Een handtekening onder een gegevensafspraak deugt niet.", "A signature of an agreement is not good.";
    StatementsDiffer = "STATEMENTS_DIFFER", "Bij een gegevensafspraak staan andere verklaringen dan het journaal opnam.", "Other statements stand by an agreement than the journal took in.";
    ShownTooLate = "SHOWN_TOO_LATE", "Een verklaring kwam pas tevoorschijn toen wie haar ondertekende dat niet meer kon.", "A statement was first shown when whoever signed it no longer could.";
    SignatoryKey = "SIGNATORY_KEY", "Er is getekend met een sleutel die van geen tekenbevoegde was.", "A key that was no signatory's has signed.";
    AdviceSignature = "ADVICE_SIGNATURE", "Onder een advies van een FG staat geen geldige handtekening.", "No good signature stands under an officer's advice.";
    OfficerKey = "OFFICER_KEY", "Er is geadviseerd met een sleutel die van geen FG was.", "A key that was no data protection officer's has advised.";
    AdviceUnanswered = "ADVICE_UNANSWERED", "Er is tegen het advies van een FG getekend zonder te zeggen waarom.", "It was signed against an officer's advice without saying why.";
    AgreementNotInForce = "AGREEMENT_NOT_IN_FORCE", "De gegevensafspraak gold niet.", "The agreement was not in force.";
    ElementNotAgreed = "ELEMENT_NOT_AGREED", "Er kwam meer over dan afgesproken.", "More crossed than was agreed.";
    CompletionWithoutPermit = "COMPLETION_WITHOUT_PERMIT", "Een afronding hoort bij geen toestemming.", "A completion belongs to no permit.";
    CompletionTwice = "COMPLETION_TWICE", "Een uitwisseling is twee keer afgerond.", "An exchange was completed twice.";
    RecordTwice = "RECORD_TWICE", "Een verwerking is door twee vastgelegd, of twee keer.", "A processing record was written by two, or twice.";
    RecordMissing = "RECORD_MISSING", "Een applicatie heeft een verwerking niet vastgelegd.", "An application has not written a processing record.";
    HalfMissing = "HALF_MISSING", "Een van beide partijen mist een uitwisseling.", "One of both parties lacks an exchange.";
    Told = "TOLD", "Wat over een regel verteld is, is niet door deze deelnemer over deze regel verteld.", "What is told of an entry is not told by this participant of this entry.";
    ToldDiffers = "TOLD_DIFFERS", "Aan de andere partij is iets anders verteld dan in het journaal staat.", "The other party was told something else than stands in the journal.";
    CompletionsDiffer = "COMPLETIONS_DIFFER", "Beide partijen vertellen een uitwisseling anders.", "Both parties tell an exchange differently.";
}

codes! {
    /// What could not be judged, or was declared.
    NoteCode:
    DeclaredGap = "DECLARED_GAP", "Een gat is gemeld.", "A gap was declared.";
    DeliveryUnknown = "DELIVERY_UNKNOWN", "Van toestemmingen is niet bekend wat ervan kwam.", "What became of permits is not known.";
    Withheld = "WITHHELD", "De inhoud van regels buiten de periode is niet gegeven.", "The content of entries outside the period is not given.";
    Destroyed = "DESTROYED", "De inhoud van regels is na hun bewaartermijn vernietigd.", "The content of entries was destroyed when its time was over.";
    NoAnchors = "NO_ANCHORS", "Zonder vertrouwensankers is niet beoordeeld van wie de certificaten zijn.", "Without trust anchors it was not judged whose the certificates are.";
    RevocationUnknown = "REVOCATION_UNKNOWN", "Van certificaten is niet beoordeeld of zij waren ingetrokken: een lijst ontbreekt.", "Whether certificates had been revoked was not judged: a list is missing.";
    NotGiven = "NOT_GIVEN", "De helft van de andere partij was niet te krijgen.", "The other party's half could not be had.";
    AtHandover = "AT_HANDOVER", "Rond een opvolging ging elke kant van haar eigen versie uit.", "About a handover each side went by its own version.";
    NotAllArrived = "NOT_ALL_ARRIVED", "Van uitwisselingen is minder aangekomen dan de andere kant doorgaf.", "Of exchanges less arrived than the other side handed on.";
    OneSide = "ONE_SIDE", "Van toestemmingen is de andere kant niet gegeven.", "Of permits the other side was not given.";
}

/// One thing that is not as it must be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub code: Alarm,
    /// In whose evidence; `None` where no section had begun.
    pub participant: Option<String>,
    /// The entry, or the size of a checkpoint.
    pub index: Option<u64>,
    /// The exchange.
    pub transaction_id: Option<uuid::Uuid>,
    /// Line in its file, from 1.
    pub line: Option<u64>,
    /// A sentence.
    pub words: Words,
}

/// Where a finding is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) index: Option<u64>,
    pub(crate) transaction: Option<Id>,
    pub(crate) line: Option<u64>,
}

pub(crate) const fn at_index(index: u64) -> Place {
    Place { index: Some(index), transaction: None, line: None }
}

pub(crate) const fn at_line(line: u64) -> Place {
    Place { index: None, transaction: None, line: Some(line) }
}

/// Something that was declared or could not be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub code: NoteCode,
    /// Of whose evidence; `None`: of all.
    pub participant: Option<String>,
    /// How many.
    pub count: u64,
    /// A sentence.
    pub words: Words,
}

/// Entries of which the content is lost, as an act declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// In whose evidence.
    pub participant: String,
    /// The act.
    pub index: u64,
    /// When it was declared, in milliseconds since 1970.
    pub at: i64,
    /// Which entries of the month.
    pub class: Class,
    /// The month of UTC in which they were written: year * 100 + month.
    pub month: i64,
    /// The first entry that may be lost,
    pub first_index: u64,
    /// and the last.
    pub last_index: u64,
    /// How many are.
    pub count: u64,
    /// How many of these should still have been there when it was declared.
    pub early: u64,
    /// A sentence.
    pub words: Words,
}

impl Loss {
    /// What the report calls it.
    pub const CODE: &str = "DECLARED_LOSS";
}

/// Everything that was found, bounded.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) alarms: Vec<Finding>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) notes: Vec<Note>,
    pub(crate) left_out: u64,
    counts: HashMap<(Alarm, Option<String>), u64>,
    /// By participant, signatures of which no list tells whether their certificate had been revoked.
    unknown: BTreeMap<String, u64>,
}

impl Findings {
    pub(crate) fn alarm(&mut self, code: Alarm, participant: Option<&str>, place: Place, words: Words) {
        let participant = participant.map(str::to_owned);
        let count = self.counts.entry((code, participant.clone())).or_default();
        *count = count.saturating_add(1);
        if *count > MOST {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        let Place { index, transaction, line } = place;
        let transaction_id = transaction.map(|id| uuid::Uuid::from_u128(id.0));
        self.alarms.push(Finding { code, participant, index, transaction_id, line, words });
    }

    pub(crate) fn revocation_unknown(&mut self, participant: &str) {
        let count = self.unknown.entry(participant.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// Notes of how many signatures it could not be judged whether their certificate had been revoked.
    pub(crate) fn note_unknown_revocations(&mut self) {
        for (participant, count) in std::mem::take(&mut self.unknown) {
            let sentence = words(
                format!(
                    "Van {count} handtekeningen is niet bekend of het certificaat was ingetrokken: er is geen lijst van toen."
                ),
                format!(
                    "of {count} signatures it is not known whether the certificate had been revoked: there is no list of then"
                ),
            );
            self.note(NoteCode::RevocationUnknown, Some(&participant), count, sentence);
        }
    }

    pub(crate) fn note(&mut self, code: NoteCode, participant: Option<&str>, count: u64, words: Words) {
        if count > 0 {
            let participant = participant.map(str::to_owned);
            self.notes.push(Note { code, participant, count, words });
        }
    }
}
