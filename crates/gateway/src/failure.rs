//! What the gateway itself refuses or fails at, apart from any protocol.

use http::StatusCode;
use verbond_domain::{Problem, Timestamp};

/// Seconds within which a database that was busy or away is mostly back.
const SHORTLY: u32 = 5;

/// A refusal or failure that the gateway finds, whatever face it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// `CONNECT`: the gateway is no tunnel.
    ConnectMethod,
    /// The request asks to leave HTTP (`Upgrade`).
    Upgrade,
    /// The request's head is beyond the listener's bound.
    HeadTooLarge,
    /// More requests at the same time than the limit.
    Overloaded,
    /// What the gateway knows has not been confirmed against the database for too long.
    Stale,
    /// The caller's certificate is not, or no longer, good.
    Certificate,
    /// Nobody is known by the application's credential.
    UnknownApplication,
    /// The request names no service, or none that the application may use.
    UnknownRoute,
    /// The path leads out of the service (`..` below a service that is a part of its source).
    Path,
    /// The transaction id has been used before by this counterpart in this direction.
    DuplicateTransaction,
    /// The record cannot be written.
    RecordUnavailable,
    /// Too many exchanges of the application wait for the processing records that it writes itself.
    RecordsOwed,
    /// What permitted the exchange was withdrawn while it was in flight.
    Withdrawn,
    /// Our certificate was replaced while the request was prepared, and what permits it now is not what was recorded.
    OtherPermission,
    /// The source or the other gateway cannot be reached.
    Unreachable,
    /// It was reached, and its certificate is not one that we trust for it.
    Untrusted,
    /// It was reached, and gave no answer in time.
    NoAnswerInTime,
    /// It was reached, and the connection ended without an answer. What was asked may have been done.
    NoAnswer,
    /// The source's answer cannot be projected on what is agreed.
    NotProjectable,
    /// A record of the answer names nobody, where the agreement says that it names people.
    PersonNotRecognised,
    /// The answer names somebody about whom the agreed number has been asked until then, seen from this moment.
    PersonLimitReached {
        /// Until then.
        until: Timestamp,
        /// The moment.
        now: Timestamp,
    },
    /// The source refused, which is told with this status; its words are not part of what is agreed. After so many seconds
    /// it wants to be asked again, if it said so.
    SourceRefused(StatusCode, Option<u32>),
    /// The request says under what, or for what, it is made, in words that cannot be read.
    StatementUnreadable,
    /// The request has a body, and the agreed operation takes none, or none of this type.
    BodyNotAgreed,
    /// The request's body has not the agreed form.
    BodyNotProjectable,
}

impl Failure {
    /// The failure in neutral words, with codes of the gateway's own.
    pub fn problem(self) -> Problem {
        match self {
            Self::ConnectMethod => Problem::new(
                "METHOD_UNSUPPORTED",
                405,
                "De methode CONNECT wordt niet ondersteund.",
                "The method CONNECT is not supported.",
            )
            .next("Stuur een gewoon verzoek.", "Send an ordinary request."),
            Self::Upgrade => Problem::new(
                "UPGRADE_UNSUPPORTED",
                501,
                "Overstappen op een ander protocol (Upgrade) wordt niet ondersteund.",
                "Switching to another protocol (Upgrade) is not supported.",
            )
            .next("Stuur het verzoek zonder `Upgrade`.", "Send the request without `Upgrade`."),
            Self::HeadTooLarge => verbond_transport::head_too_large(),
            Self::Overloaded => Problem::new(
                "OVERLOADED",
                503,
                "Er zijn op dit moment te veel verzoeken tegelijk.",
                "There are too many requests at the same time.",
            )
            .next("Probeer het straks opnieuw.", "Try again later.")
            .retry_after(1),
            Self::Stale => Problem::new(
                "STATE_UNCONFIRMED",
                503,
                "Het knooppunt kan niet vaststellen of zijn gegevens actueel zijn.",
                "The node cannot establish that what it knows is current.",
            )
            .next(
                "De beheerder van het knooppunt moet nagaan of de database bereikbaar is.",
                "The node's operator should check that its database can be reached.",
            )
            .retry_after(SHORTLY),
            Self::Certificate => Problem::new(
                "CERTIFICATE_REFUSED",
                403,
                "Het certificaat waarmee de verbinding is gelegd, is niet (meer) geldig.",
                "The certificate with which the connection was made is not, or no longer, good.",
            )
            .next(
                "Controleer de geldigheid van het certificaat en leg een nieuwe verbinding.",
                "Check the certificate's validity and make a new connection.",
            ),
            Self::StatementUnreadable => Problem::new(
                "STATEMENT_UNREADABLE",
                400,
                "Wat dit verzoek over zichzelf zegt, is niet te lezen.",
                "What this request says of itself cannot be read.",
            )
            .next(
                "Noem in `Verbond-Agreement`, `Verbond-Purpose`, `Verbond-Activity` en `Verbond-Algorithm` elk hoogstens één naam, geschreven zoals in de overeenkomst.",
                "Give `Verbond-Agreement`, `Verbond-Purpose`, `Verbond-Activity` and `Verbond-Algorithm` one name each at most, spelt as in the agreement.",
            ),
            Self::NotProjectable => Problem::new(
                "ANSWER_NOT_PROJECTABLE",
                502,
                "De bron gaf geen antwoord in de afgesproken vorm; er is niets van doorgegeven.",
                "The source gave no answer of the agreed form; nothing of it has been passed on.",
            )
            .next(
                "De aanbieder moet de beschrijving van de dienst naast de bron leggen.",
                "The provider must compare the service's description with the source.",
            ),
            Self::PersonNotRecognised => Problem::new(
                "PERSON_NOT_RECOGNISED",
                502,
                "In het antwoord staat niet over wie het gaat, zodat het niet kan worden vastgelegd; er is niets van doorgegeven.",
                "The answer does not say about whom it is, so that it cannot be recorded; nothing of it has been passed on.",
            )
            .next(
                "De aanbieder moet de beschrijving van de dienst naast de bron leggen: onder `people` staat waar de persoon staat.",
                "The provider must compare the service's description with the source: `people` says where the person stands.",
            ),
            Self::PersonLimitReached { until, now } => {
                verbond_application::limits::person_reached(until, now)
            }
            Self::SourceRefused(status, wait) => {
                let problem = Problem::new(
                    "SOURCE_REFUSED",
                    status.as_u16(),
                    "De bron gaf geen antwoord op deze vraag; wat zij erbij zei, hoort niet bij de afspraak.",
                    "The source gave no answer to this question; what it said with that is not part of what is agreed.",
                )
                .next(
                    "Besluit hier niet op. Vraag de aanbieder naar de uitwisseling met dit transactienummer.",
                    "Do not decide on this. Ask the provider about the exchange with this transaction id.",
                );
                match wait {
                    Some(wait) => problem.retry_after(wait),
                    None => problem,
                }
            }
            Self::BodyNotAgreed => Problem::new(
                "BODY_NOT_AGREED",
                422,
                "Het verzoek heeft een inhoud, en over een inhoud van deze soort is niets afgesproken.",
                "The request has a body, and nothing has been agreed about a body of this type.",
            )
            .next(
                "Stuur het verzoek zonder inhoud, of met een inhoud van de afgesproken soort.",
                "Send the request without a body, or with one of the agreed type.",
            ),
            Self::BodyNotProjectable => Problem::new(
                "BODY_NOT_PROJECTABLE",
                422,
                "De inhoud van het verzoek heeft niet de afgesproken vorm; er is niets van verstuurd.",
                "The request's body is not of the agreed form; nothing of it has been sent.",
            )
            .next("Vergelijk de inhoud met de afspraak.", "Compare the body with the agreement."),
            Self::UnknownApplication => Problem::new(
                "UNKNOWN_APPLICATION",
                401,
                "De applicatie is niet bekend bij dit knooppunt.",
                "The application is not known to this node.",
            )
            .next(
                "Stuur het token dat `verbond application add` gaf, als `Authorization: Bearer …`.",
                "Send the token that `verbond application add` gave, as `Authorization: Bearer …`.",
            ),
            Self::UnknownRoute => Problem::new(
                "UNKNOWN_ROUTE",
                404,
                "Het verzoek noemt geen dienst die de applicatie mag gebruiken.",
                "The request names no service that the application may use.",
            )
            .next(
                "Begin het pad met `/<alias>/`, of noem de alias in de header `Verbond-Service`.",
                "Begin the path with `/<alias>/`, or name the alias in the header `Verbond-Service`.",
            ),
            Self::Path => Problem::new(
                "PATH_REFUSED",
                400,
                "Het pad leidt buiten de dienst.",
                "The path leads out of the service.",
            )
            .next("Stuur een pad zonder `..`.", "Send a path without `..`."),
            Self::DuplicateTransaction => Problem::new(
                "DUPLICATE_TRANSACTION",
                400,
                "Het transactienummer is al eens gebruikt; er is niets doorgestuurd.",
                "The transaction id has been used before; nothing was forwarded.",
            )
            .next("Gebruik voor elk verzoek een nieuw nummer.", "Use a new id for each request."),
            Self::RecordUnavailable => Problem::new(
                "RECORD_UNAVAILABLE",
                500,
                "De logregel kon niet worden vastgelegd; er is niets doorgestuurd.",
                "The record could not be written; nothing was forwarded.",
            )
            .next("Probeer het straks opnieuw.", "Try again later.")
            .retry_after(SHORTLY),
            Self::RecordsOwed => Problem::new(
                "RECORDS_OWED",
                403,
                "De applicatie legt de verwerkingen van deze dienst zelf vast, en te veel ervan ontbreken nog; er is niets doorgestuurd.",
                "The application writes the processing records of this service itself, and too many are still missing; nothing was forwarded.",
            )
            .next(
                "Bied ze aan op `/~records/<transactienummer>`; `verbond account exchanges` noemt van welke uitwisselingen.",
                "Hand them in at `/~records/<transaction id>`; `verbond account exchanges` says of which exchanges.",
            ),
            Self::Withdrawn => Problem::new(
                "NO_LONGER_PERMITTED",
                403,
                "De toestemming voor deze uitwisseling is tijdens het verzoek vervallen.",
                "The permission for this exchange ended while it was in flight.",
            )
            .next(
                "Bekijk `verbond agreement list` en `verbond contract list`: daar staat wat er is beëindigd en waarom.",
                "See `verbond agreement list` and `verbond contract list`: there stands what was ended, and why.",
            ),
            Self::OtherPermission => Problem::new(
                "PERMISSION_REPLACED",
                503,
                "Ons certificaat is tijdens het verzoek vervangen, en sindsdien geldt een ander contract dan is \
                 vastgelegd; er is niets verstuurd.",
                "Our certificate was replaced during the request, and another contract applies since than the one \
                 recorded; nothing was sent.",
            )
            .next("Stuur het verzoek opnieuw.", "Send the request again.")
            .retry_after(1),
            Self::Unreachable => Problem::new(
                "UNREACHABLE",
                502,
                "De dienst kan niet worden bereikt; er is niets verstuurd.",
                "The service cannot be reached; nothing was sent.",
            )
            .next("Probeer het straks opnieuw.", "Try again later."),
            Self::Untrusted => Problem::new(
                "CERTIFICATE_NOT_TRUSTED",
                502,
                "Het certificaat van de andere kant wordt niet vertrouwd; er is niets verstuurd.",
                "The certificate of the other end is not trusted; nothing was sent.",
            )
            .next(
                "De beheerder van het knooppunt dat dit zegt, vindt de reden in zijn log; autoriteiten van eigen \
                 bronnen staan in `inway.source_anchors`.",
                "The operator of the node that says this finds the reason in its log; the authorities of its own \
                 sources stand in `inway.source_anchors`.",
            ),
            Self::NoAnswerInTime => Problem::new(
                "NO_ANSWER_IN_TIME",
                504,
                "De dienst gaf niet op tijd antwoord; het verzoek is misschien wel uitgevoerd.",
                "The service did not answer in time; the request may have been carried out.",
            )
            .next(
                "Ga na of het is uitgevoerd voor u het herhaalt; meld het de aanbieder.",
                "Find out whether it was carried out before you repeat it; tell the provider.",
            ),
            Self::NoAnswer => Problem::new(
                "NO_ANSWER",
                502,
                "De verbinding met de dienst brak af voor er antwoord was; het verzoek is misschien wel uitgevoerd.",
                "The connection to the service broke before an answer; the request may have been carried out.",
            )
            .next(
                "Ga na of het is uitgevoerd voor u het herhaalt; meld het de aanbieder.",
                "Find out whether it was carried out before you repeat it; tell the provider.",
            ),
        }
    }
}
