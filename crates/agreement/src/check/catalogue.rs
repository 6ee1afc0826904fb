//! The one list of what `check` can find: code, severity, law, sentence and mend. `docs/reference/check-findings.md` is
//! written from it.

use super::{
    Severity,
    entry::{Entry, codes},
};

codes! {
    // Grounds
    GroundMissing "GROUND_MISSING" Refuses "GDPR art. 6(1)",
        "{party} noemt geen grondslag om {elements} te {act}.",
        "{party} names no ground to {act} {elements}.",
        "Voeg `ground` toe bij {party}, uit het register van grondslagen.",
        "Add `ground` to the side of {party}, from its register of grounds.";
    GroundWithoutProvision "GROUND_WITHOUT_PROVISION" Refuses "GDPR art. 6(3)",
        "De grondslag {ground} van {party} is een wettelijke plicht of publieke taak, maar noemt geen wetsartikel.",
        "The ground {ground} of {party} is a legal obligation or public task, but names no provision of law.",
        "Voeg het artikel toe aan `provisions` van {ground}.",
        "Add the provision to `provisions` of {ground}.";
    GroundExpired "GROUND_EXPIRED" Refuses "GDPR art. 5(2) and 6(1)",
        "Het oordeel over de grondslag {ground} van {party} gold tot en met {day}.",
        "The judgement on the ground {ground} of {party} held until {day}.",
        "Laat {ground} opnieuw beoordelen en neem de nieuwe versie over.",
        "Have {ground} judged anew and take over the new version.";
    GroundNotJudged "GROUND_NOT_JUDGED" Refuses "GDPR art. 5(2)",
        "De grondslag {ground} van {party} zou pas op {day} beoordeeld zijn; die dag moet nog komen.",
        "The ground {ground} of {party} says it was judged on {day}, which is still to come.",
        "Noem de dag waarop {ground} is beoordeeld.",
        "Name the day on which {ground} was judged.";
    TermBeyondGround "TERM_BEYOND_GROUND" Refuses "GDPR art. 6(1)",
        "De looptijd eindigt na {day}, de laatste dag van de grondslag {ground} van {party}.",
        "The term ends after {day}, the last day of the ground {ground} of {party}.",
        "Laat de looptijd eindigen op {day}, of laat {ground} opnieuw beoordelen.",
        "Let the term end on {day}, or have {ground} judged anew.";
    PurposeNotInGround "PURPOSE_NOT_IN_GROUND" Refuses "GDPR art. 5(1)(b)",
        "De grondslag {ground} van {party} draagt het doel `{purpose}` niet.",
        "The ground {ground} of {party} does not carry the purpose `{purpose}`.",
        "Noem een grondslag die `{purpose}` onder `purposes` heeft, of pas het doel aan.",
        "Name a ground that has `{purpose}` among its `purposes`, or change the purpose.";
    SpecialCategoryWithoutException "SPECIAL_CATEGORY_WITHOUT_EXCEPTION" Refuses "GDPR art. 9(2)",
        "{elements} is bijzonder, en de grondslag {ground} van {party} noemt geen uitzondering op het verbod.",
        "{elements} is a special category, and the ground {ground} of {party} names no exception to the prohibition.",
        "Voeg `special_categories` toe aan de grondslag {ground} van {party}.",
        "Add `special_categories` to the ground {ground} of {party}.";
    SpecialCategoryWithoutProvision "SPECIAL_CATEGORY_WITHOUT_PROVISION" Refuses "GDPR art. 9(2)(b), (g), (i), (j)",
        "De uitzondering voor bijzondere gegevens in {ground} van {party} vraagt een wetsartikel, en noemt er geen.",
        "The exception for special categories in {ground} of {party} asks for a provision of law, and names none.",
        "Voeg `provision` toe aan `special_categories` van {ground}.",
        "Add `provision` to `special_categories` of {ground}.";
    CriminalDataWithoutBasis "CRIMINAL_DATA_WITHOUT_BASIS" Refuses "GDPR art. 10",
        "{elements} gaat over strafbare feiten, en de grondslag {ground} van {party} noemt niet wat dat toestaat.",
        "{elements} is on offences, and the ground {ground} of {party} does not name what permits that.",
        "Voeg `criminal_data` toe aan de grondslag {ground} van {party}.",
        "Add `criminal_data` to the ground {ground} of {party}.";
    LimbForAuthority "LIMB_FOR_AUTHORITY" Warns "GDPR art. 6(1), last sentence, and recital 43",
        "{party} heeft een overheidsnummer en beroept zich op toestemming of gerechtvaardigd belang; dat kan bij een overheidstaak zelden.",
        "{party} has a government number and relies on consent or legitimate interests; for a public task that rarely holds.",
        "Zoek een wettelijke plicht of publieke taak voor {ground}, of laat in `reasoning` zien waarom dit geen overheidstaak is.",
        "Find a legal obligation or public task for {ground}, or show in `reasoning` why this is no public task.";
    // Activities
    ActivityMissing "ACTIVITY_MISSING" Refuses "GDPR art. 30(1)",
        "{party} noemt geen verwerkingsactiviteit, terwijl het om persoonsgegevens gaat.",
        "{party} names no processing activity, although this is personal data.",
        "Voeg `activity` toe bij {party}, met de URL waar iedereen die kan lezen.",
        "Add `activity` to the side of {party}, with the URL where anybody can read it.";
    ActivityElsewhere "ACTIVITY_ELSEWHERE" Refuses "GDPR art. 5(1)(a) and 30",
        "De verwerkingsactiviteit {activity} van {party} staat hier met een ander adres dan waar dit knooppunt haar publiceert.",
        "The processing activity {activity} of {party} stands here with another address than where this node publishes it.",
        "Neem als `url` {address}, of pas `public.address` van het knooppunt aan.",
        "Take {address} as `url`, or change `public.address` of the node.";
    ActivityNotPublished "ACTIVITY_NOT_PUBLISHED" Refuses "GDPR art. 5(1)(a) and 30",
        "Niemand heeft de verwerkingsactiviteit {activity} van {party} op de genoemde plaats gelezen.",
        "Nobody has read the processing activity {activity} of {party} at the place that is named.",
        "Publiceer {activity} op {url} en laat de andere partijen die ophalen.",
        "Publish {activity} at {url} and let the other parties fetch it.";
    ActivityBehindCredentials "ACTIVITY_BEHIND_CREDENTIALS" Refuses "GDPR art. 5(1)(a) and 30",
        "De verwerkingsactiviteit {activity} van {party} is alleen met inloggegevens te lezen.",
        "The processing activity {activity} of {party} can be read with credentials only.",
        "Zet {activity} op een plaats die iedereen kan lezen.",
        "Put {activity} where anybody can read it.";
    ActivityDiffers "ACTIVITY_DIFFERS" Refuses "GDPR art. 5(2) and 30",
        "Op {url} staat iets anders dan de verwerkingsactiviteit {activity} van {party} waarvan hier de hash staat.",
        "What stands at {url} is not the processing activity {activity} of {party} whose hash stands here.",
        "Haal {activity} opnieuw op en neem versie en hash over.",
        "Fetch {activity} again and take over its version and hash.";
    ActivityNotReadByParty "ACTIVITY_NOT_READ_BY_PARTY" Refuses "GDPR art. 5(1)(a) and 26",
        "{reader} heeft de verwerkingsactiviteit {activity} van {party} niet zelf zonder inloggegevens gelezen.",
        "{reader} has not itself read the processing activity {activity} of {party} without credentials.",
        "Laat het knooppunt van {reader} {url} ophalen.",
        "Let the node of {reader} fetch {url}.";
    ActivityIncomplete "ACTIVITY_INCOMPLETE" Refuses "GDPR art. 30(1)",
        "In de verwerkingsactiviteit {activity} van {party} ontbreekt van wie de gegevens zijn, hoe lang ze blijven of waarvoor ze zijn.",
        "The processing activity {activity} of {party} does not say whom it concerns, how long data is kept, or what for.",
        "Vul `purposes`, `data_subjects` en `retention` van {activity} aan.",
        "Complete `purposes`, `data_subjects` and `retention` of {activity}.";
    ActivityNotYet "ACTIVITY_NOT_YET" Refuses "GDPR art. 30(1)",
        "De verwerkingsactiviteit {activity} van {party} begint op {day}, na het begin van de afspraak.",
        "The processing activity {activity} of {party} begins on {day}, after the agreement does.",
        "Laat de looptijd later beginnen, of de activiteit eerder.",
        "Let the term begin later, or the activity earlier.";
    PurposeNotInActivity "PURPOSE_NOT_IN_ACTIVITY" Refuses "GDPR art. 5(1)(b) and 30(1)(b)",
        "De verwerkingsactiviteit {activity} van {party} heeft het doel `{purpose}` niet.",
        "The processing activity {activity} of {party} does not have the purpose `{purpose}`.",
        "Noem een activiteit die `{purpose}` heeft, of pas het doel aan.",
        "Name an activity that has `{purpose}`, or change the purpose.";
    CategoryNotInActivity "CATEGORY_NOT_IN_ACTIVITY" Refuses "GDPR art. 30(1)(c)",
        "De verwerkingsactiviteit {activity} van {party} heeft de soort gegevens {categories} niet.",
        "The processing activity {activity} of {party} does not have the category {categories}.",
        "Laat {categories} weg, of zet het in een nieuwe versie van {activity}.",
        "Leave {categories} out, or put it in a new version of {activity}.";
    GroundNotInActivity "GROUND_NOT_IN_ACTIVITY" Refuses "GDPR art. 5(2) and 30",
        "De verwerkingsactiviteit {activity} van {party} rust niet op de grondslag {ground}.",
        "The processing activity {activity} of {party} does not rest on the ground {ground}.",
        "Noem een grondslag die in {activity} staat, of zet {ground} erbij.",
        "Name a ground that stands in {activity}, or add {ground} to it.";
    RecipientNotInActivity "RECIPIENT_NOT_IN_ACTIVITY" Warns "GDPR art. 30(1)(d)",
        "De verwerkingsactiviteit {activity} van {party} noemt {receiver} niet als ontvanger.",
        "The processing activity {activity} of {party} does not name {receiver} as a recipient.",
        "Zet {receiver} bij `recipients` van {activity}.",
        "Add {receiver} to `recipients` of {activity}.";
    ConfidentialWithoutArticle "CONFIDENTIAL_WITHOUT_ARTICLE" Refuses "GDPR art. 23(1) and 30",
        "Van de verwerkingsactiviteit {activity} van {party} staat alleen de naam openbaar, zonder het artikel dat dat toestaat.",
        "Of the processing activity {activity} of {party} only the name is public, without the article that permits this.",
        "Publiceer {activity} geheel, of noem in `confidential` het artikel.",
        "Publish all of {activity}, or name the article in `confidential`.";
    ConfidentialActivity "CONFIDENTIAL_ACTIVITY" Warns "GDPR art. 23(1) and 30",
        "Van de verwerkingsactiviteit {activity} van {party} zijn alleen naam en artikel openbaar; doel en soorten gegevens kan niemand nagaan.",
        "Of the processing activity {activity} of {party} only name and article are public; nobody can check its purposes and categories.",
        "Ga na of {article} dit toestaat, en laat uw FG erover adviseren.",
        "Verify that {article} permits this, and have your data protection officer advise on it.";
    // Retention and term
    RetentionMissing "RETENTION_MISSING" Refuses "GDPR art. 5(1)(e)",
        "{party} zegt niet hoe lang het de soort gegevens {categories} bewaart.",
        "{party} does not say how long it keeps the category {categories}.",
        "Voeg {categories} toe aan `retention` van {party}.",
        "Add {categories} to `retention` of {party}.";
    SelectionListMissing "SELECTION_LIST_MISSING" Warns "Archiefwet (Public Records Act), art. 5",
        "{party} heeft een overheidsnummer en noemt voor {categories} geen categorie van de selectielijst.",
        "{party} has a government number and names no category of the selection list for {categories}.",
        "Voeg `selection_list` toe aan de bewaartermijn van {categories}.",
        "Add `selection_list` to the retention of {categories}.";
    TermEmpty "TERM_EMPTY" Refuses "GDPR art. 5(1)(a)",
        "De looptijd eindigt voordat zij begint.",
        "The term ends before it begins.",
        "Zet `until` na `from`.",
        "Put `until` after `from`.";
    TermOver "TERM_OVER" Refuses "GDPR art. 5(1)(a)",
        "De looptijd is op {day} al voorbij.",
        "The term was over on {day}.",
        "Zet `until` op een moment dat nog komt.",
        "Put `until` at a moment to come.";
    ClauseBeyondTerm "CLAUSE_BEYOND_TERM" Refuses "GDPR art. 5(1)(a)",
        "De bepaling eindigt op {day}, en dat ligt buiten de looptijd van de afspraak.",
        "The clause ends on {day}, which is outside the term of the agreement.",
        "Zet `until` van de bepaling binnen de looptijd, of laat het weg.",
        "Put `until` of the clause within the term, or leave it out.";
    TermWithoutEnd "TERM_WITHOUT_END" Refuses "GDPR art. 5(1)(e) and 24(1)",
        "De looptijd duurt tot {day}, meer dan {years} jaar. Zo lang kijkt niemand er opnieuw naar.",
        "The term lasts until {day}, more than {years} years. For so long nobody has to look at it again.",
        "Laat de looptijd eerder eindigen. Een volgende versie neemt het dan over: `verbond agreement amend`.",
        "Let the term end earlier. A next version takes over then: `verbond agreement amend`.";
    GroundWithoutEnd "GROUND_WITHOUT_END" Warns "GDPR art. 5(2) and 24(1)",
        "De grondslag {ground} van {party} heeft geen laatste dag. Aan het einde van de looptijd is het oordeel erover van {day}, meer dan {years} jaar oud.",
        "The ground {ground} of {party} has no last day. At the end of the term the judgement on it, of {day}, is more than {years} years old.",
        "Voeg `valid_until` toe aan {ground}, of laat de looptijd eerder eindigen.",
        "Add `valid_until` to {ground}, or let the term end earlier.";
    // What could be read in two ways
    ElementSaidTwoWays "ELEMENT_SAID_TWO_WAYS" Refuses "GDPR art. 5(1)(a)",
        "{elements} staat er voor dezelfde vraag ook anders, in {other}: met een andere categorie, gevoeligheid of soort waarde, of met een ander nummer.",
        "{elements} stands there in another way too for the same question, in {other}: with another category, sensitivity or type, or by another number.",
        "Zeg van {elements} overal hetzelfde.",
        "Say the same of {elements} everywhere.";
    OperationCoversAnother "OPERATION_COVERS_ANOTHER" Refuses "GDPR art. 5(1)(b) and (c)",
        "Onder het pad van {operation} valt ook {other}, dat niet in deze bepaling staat. Wie dat vraagt, krijgt van de bron iets anders dan hier is afgesproken.",
        "The path of {operation} comprises {other} too, which does not stand in this clause. Whoever asks for that gets something else of the source than was agreed here.",
        "Laat de parameter alleen waarden toe waar dat niet bij hoort (een getal, een dag, een lijst), of noem {other} ook in deze bepaling.",
        "Let the parameter have values only to which that does not belong (a number, a day, a list), or name {other} in this clause too.";
    ValueOfMany "VALUE_OF_MANY" Warns "GDPR art. 5(1)(c)",
        "De waarde {value} van de parameter {parameter} kan bij een bron voor meer dan een ding staan, of voor alles.",
        "The value {value} of the parameter {parameter} may mean more than one thing to a source, or all.",
        "Ga na wat de bron ermee doet, of noem de waarden een voor een.",
        "Find out what the source does with it, or name the values one by one.";
    PathSpelledOtherwise "PATH_SPELLED_OTHERWISE" Refuses "GDPR art. 5(1)(a)",
        "{elements} is een andere spelling van {spelled}. Wie op de naam let, herkent het gegeven zo niet.",
        "{elements} is another spelling of {spelled}. Whoever looks at the name does not recognise the element like that.",
        "Schrijf {spelled}.",
        "Write {spelled}.";
    NameNotPlain "NAME_NOT_PLAIN" Refuses "GDPR art. 5(1)(a)",
        "{elements} heeft tekens die niet te zien zijn, of die op andere letters lijken ({characters}). Niet iedereen leest er dan hetzelfde.",
        "{elements} has characters that cannot be seen, or look like other letters ({characters}). Not everybody reads the same there then.",
        "Laat de bron het met gewone letters noemen.",
        "Have the source name it in plain letters.";
    LanguagesDiffer "LANGUAGES_DIFFER" Warns "GDPR art. 5(1)(a)",
        "Nederlands en Engels noemen hier niet dezelfde getallen ({numbers}). Zeggen zij iets anders, dan telt het Nederlands.",
        "Dutch and English do not name the same numbers here ({numbers}). Where they say different things, the Dutch counts.",
        "Maak beide teksten gelijk.",
        "Make both texts say the same.";
    // Elements
    ElementMisclassified "ELEMENT_MISCLASSIFIED" Refuses "GDPR art. 4(1)",
        "{elements} noemt een persoon, maar staat als niet persoonlijk.",
        "{elements} names a person, but is marked as not personal.",
        "Zet `sensitivity` van {elements} op `personal` of zwaarder.",
        "Set `sensitivity` of {elements} to `personal` or graver.";
    NamedAsPersonal "NAMED_AS_PERSONAL" Refuses "GDPR art. 4(1)",
        "{elements} heet naar iets van mensen, maar staat als niet persoonlijk.",
        "{elements} is called by a name for something of people, but is marked as not personal.",
        "Zet de gevoeligheid op `personal` of zwaarder. Gaat het niet over mensen, laat de bron het dan anders noemen.",
        "Set the sensitivity to `personal` or graver. If it is not about people, have the source name it otherwise.";
    NumberNotMarked "NUMBER_NOT_MARKED" Refuses "UAVG art. 46",
        "{elements} heet naar een nationaal nummer, maar staat niet als een nationaal nummer.",
        "{elements} is called by the name of a national number, but is not marked as one.",
        "Zet `identifies` op `national_number`. Is het geen nationaal nummer, laat de bron het dan anders noemen.",
        "Set `identifies` to `national_number`. If it is none, have the source name it otherwise.";
    PeopleListed "PEOPLE_LISTED" Refuses "GDPR art. 5(1)(c)",
        "De toegestane waarden van {elements} wijzen mensen aan: de afspraak zou zelf een lijst van mensen zijn.",
        "The allowed values of {elements} name people: the agreement itself would be a list of people.",
        "Laat `allow` van {elements} `identifier` zijn; over wie wordt gevraagd, staat in elke vraag.",
        "Let `allow` of {elements} be `identifier`; each request says about whom is asked.";
    OperationNotDescribed "OPERATION_NOT_DESCRIBED" Refuses "GDPR art. 5(1)(a)",
        "De bewerking {operation} staat niet zo in de beschrijving van de dienst {service}.",
        "The operation {operation} does not stand like this in the description of the service {service}.",
        "Neem methode en pad over uit de beschrijving van {service}.",
        "Take over method and path from the description of {service}.";
    ElementNotDescribed "ELEMENT_NOT_DESCRIBED" Refuses "GDPR art. 5(1)(a) and (c)",
        "{elements} staat niet zo in de beschrijving van de dienst {service}, of staat daar als gevoeliger.",
        "{elements} does not stand like this in the description of the service {service}, or stands there as more sensitive.",
        "Neem soort, categorie en gevoeligheid over uit de beschrijving van {service}.",
        "Take over type, category and sensitivity from the description of {service}.";
    SubtreeUnreasoned "SUBTREE_UNREASONED" Refuses "GDPR art. 5(1)(c)",
        "{elements} laat alles door wat daar staat, ook wat niemand heeft genoemd, en zegt niet waarom dat nodig is.",
        "{elements} lets through whatever stands there, named or not, and does not say why that is needed.",
        "Noem de losse gegevens, of leg in `why_all` uit waarom alles nodig is.",
        "Name the single elements, or explain in `why_all` why all of it is needed.";
    SubtreePersonal "SUBTREE_PERSONAL" Warns "GDPR art. 5(1)(c)",
        "{elements} laat alles door wat daar staat, ook persoonsgegevens die niemand heeft genoemd.",
        "{elements} lets through whatever stands there, personal data that nobody named included.",
        "Noem waar het kan de losse gegevens.",
        "Name the single elements where that is possible.";
    SubtreeOfAll "SUBTREE_OF_ALL" Refuses "GDPR art. 5(1)(c)",
        "{elements} is het hele antwoord, dus alles wat de bron over een mens zegt, ook wat niemand heeft genoemd.",
        "{elements} is the whole answer, and so all that the source says about a person, named by nobody.",
        "Noem de losse gegevens.",
        "Name the single elements.";
    OperationNotProjectable "OPERATION_NOT_PROJECTABLE" Refuses "GDPR art. 5(1)(c) and (f)",
        "Uit {operation} kan niet per gegeven worden geleverd, zodat na ondertekening nooit iets wordt doorgegeven: {problem}.",
        "Of {operation} nothing can be delivered element by element, so that nothing would ever be passed on once this is signed: {problem}.",
        "Verbeter de paden of het soort inhoud, of neem de bewerking uit de afspraak.",
        "Mend the paths or the content type, or take the operation out of the agreement.";
    WholeDocumentProjectable "WHOLE_DOCUMENT_PROJECTABLE" Refuses "GDPR art. 5(1)(c)",
        "De bewerking {operation} geeft het hele document, terwijl {content_type} per gegeven kan worden geleverd.",
        "The operation {operation} gives the whole document, although {content_type} can be delivered element by element.",
        "Haal `whole_document` weg en noem de gegevens onder `delivered`.",
        "Remove `whole_document` and name the elements under `delivered`.";
    WholeDocumentAndElements "WHOLE_DOCUMENT_AND_ELEMENTS" Refuses "GDPR art. 5(1)(c)",
        "De bewerking {operation} noemt losse gegevens en geeft toch het hele document.",
        "The operation {operation} names single elements and gives the whole document all the same.",
        "Kies: `delivered` leeg, of geen `whole_document`.",
        "Choose: `delivered` empty, or no `whole_document`.";
    WholeDocumentCategory "WHOLE_DOCUMENT_CATEGORY" Refuses "GDPR art. 5(1)(c) and 30(1)(c)",
        "Het hele document bevat {categories}, en dat staat niet in de verwerkingsactiviteit {activity} van {party}.",
        "The whole document holds {categories}, which is not in the processing activity {activity} of {party}.",
        "Laat de bron een document zonder {categories} geven.",
        "Have the source give a document without {categories}.";
    WholeDocumentPeople "WHOLE_DOCUMENT_PEOPLE" Refuses "GDPR art. 5(2)",
        "De bewerking {operation} geeft het hele document en zoekt er mensen in; in wat niet te splitsen is, zijn zij niet te vinden.",
        "The operation {operation} gives the whole document and looks for people in it; in what cannot be taken apart they cannot be found.",
        "Laat de vraag hen noemen, in een parameter, of geef een document in JSON.",
        "Have the request name them, in a parameter, or give a document in JSON.";
    PersonUnsaid "PERSON_UNSAID" Warns "GDPR art. 5(2) and 15",
        "De bewerking {operation} levert persoonsgegevens, en zegt niet waar staat over wie; dan is per persoon niets vast te leggen.",
        "The operation {operation} delivers personal data and does not say where it names whom; nothing can be recorded per person then.",
        "Noem onder `people` waar de persoon in vraag of antwoord staat.",
        "Say under `people` where request or response names the person.";
    PersonPlaceUnknown "PERSON_PLACE_UNKNOWN" Refuses "GDPR art. 5(2)",
        "De bewerking {operation} zoekt de persoon in de parameter {parameter}, en die heeft zij niet.",
        "The operation {operation} looks for the person in the parameter {parameter}, which it does not have.",
        "Noem onder `people` een parameter van de bewerking.",
        "Name a parameter of the operation under `people`.";
    PersonOutsideRecord "PERSON_OUTSIDE_RECORD" Refuses "GDPR art. 5(2)",
        "De bewerking {operation} zoekt de persoon in {path}, en dat is geen plaats binnen het record {record}; dan is niet te zeggen over wie welk record gaat.",
        "The operation {operation} looks for the person at {path}, which is no place within the record {record}; about whom which record is cannot be told then.",
        "Noem onder `people` een plaats binnen het record, of laat het record de plaats omvatten.",
        "Name a place within the record under `people`, or let the record comprise the place.";
    PersonLimitWithoutPerson "PERSON_LIMIT_WITHOUT_PERSON" Refuses "GDPR art. 5(1)(c)",
        "De bepaling telt vragen per persoon, maar {operation} zegt niet waar de persoon staat.",
        "The clause counts questions per person, but {operation} does not say where the person stands.",
        "Noem onder `people` van {operation} waar de persoon staat.",
        "Say under `people` of {operation} where the person stands.";
    PersonLimitUnsaid "PERSON_LIMIT_UNSAID" Warns "GDPR art. 5(1)(c) and 25",
        "De bepaling geeft antwoorden die zijn afgeleid, en zegt niet hoe vaak per persoon mag worden gevraagd; dan geldt één keer per dag.",
        "The clause gives answers that are derived and does not say how often may be asked about a person; once a day holds then.",
        "Noem `per_person` onder `conditions`.",
        "Name `per_person` under `conditions`.";
    DerivedSourceDelivered "DERIVED_SOURCE_DELIVERED" Refuses "GDPR art. 5(1)(c)",
        "{elements} is afgeleid van {source}, en een andere bewerking van de bepaling levert dat gegeven zelf.",
        "{elements} is derived from {source}, and another operation of the clause delivers that data itself.",
        "Kies: het gegeven of het antwoord.",
        "Choose: the data or the answer.";
    DerivedFromIdentifier "DERIVED_FROM_IDENTIFIER" Refuses "GDPR art. 5(1)(c) and 87",
        "{elements} vergelijkt {source}, een nummer van een persoon, met vaste waarden, en geeft dat nummer zo in delen weg.",
        "{elements} holds {source}, a number of a person, against constants, and so gives that number away in parts.",
        "Vraag alleen of het nummer er is (`exists`), of hoeveel er zijn (`count`).",
        "Ask only whether the number is there (`exists`), or how many there are (`count`).";
    DerivedNarrows "DERIVED_NARROWS" Refuses "GDPR art. 5(1)(c)",
        "{source} wordt met zo veel waarden vergeleken dat de antwoorden samen, zoals {elements}, bijna het gegeven zelf zijn.",
        "{source} is held against so many constants that the answers together, such as {elements}, come near to the data itself.",
        "Noem alleen de grenzen die voor het doel nodig zijn, of leg in `why_all` van het antwoord uit waarom al die grenzen nodig zijn.",
        "Name only the limits that the purpose needs, or explain in `why_all` of the answer why all of them are needed.";
    DerivedManyStated "DERIVED_MANY_STATED" Warns "GDPR art. 5(1)(c)",
        "{source} wordt met zo veel waarden vergeleken dat de antwoorden samen, zoals {elements}, bijna het gegeven zelf zijn; de afspraak zegt waarom.",
        "{source} is held against so many constants that the answers together, such as {elements}, come near to the data itself; the agreement says why.",
        "Ga na of die uitleg klopt, en of het gegeven zelf dan niet eerlijker is.",
        "Verify that the explanation holds, and whether the data itself would not be more honest.";
    DerivedNarrowsTogether "DERIVED_NARROWS_TOGETHER" Refuses "GDPR art. 5(1)(a) and (c)",
        "{source} wordt in meer bepalingen met verschillende waarden vergeleken ({others}). Samen zeggen de antwoorden meer over het gegeven dan een van die bepalingen.",
        "{source} is held against different constants by several clauses ({others}). Together the answers say more about the data than any one of these clauses does.",
        "Vraag alles over dit gegeven in een bepaling, gebruik dezelfde grenzen, of leg in `why_all` van het antwoord uit waarom ze samen nodig zijn.",
        "Ask all about this data in one clause, use the same limits, or explain in `why_all` of the answer why they are needed together.";
    DerivedNarrowsStated "DERIVED_NARROWS_STATED" Warns "GDPR art. 5(1)(a) and (c)",
        "{source} wordt in meer bepalingen met verschillende waarden vergeleken ({others}); de afspraak zegt waarom.",
        "{source} is held against different constants by several clauses ({others}); the agreement says why.",
        "Ga na of die uitleg klopt.",
        "Verify that the explanation holds.";
    FreeTextParameter "FREE_TEXT_PARAMETER" Warns "GDPR art. 5(1)(c)",
        "De parameter {parameter} van {operation} mag elke tekst zijn.",
        "The parameter {parameter} of {operation} may be any text.",
        "Noem de waarden die nodig zijn, of een nummer of dag.",
        "Name the values that are needed, or a number or day.";
    // Numbers
    NationalNumberWithoutGround "NATIONAL_NUMBER_WITHOUT_GROUND" Refuses "GDPR art. 87; UAVG art. 46; Wabb art. 10",
        "{party} gebruikt een nationaal nummer ({places}) en noemt niet welk artikel dat toestaat.",
        "{party} uses a national number ({places}) and does not name the provision that permits it.",
        "Laat de dienst {places} een pseudoniem gebruiken dat aan de partij gebonden is (`pseudonym`), of voeg `national_number` toe aan de grondslag van {party}.",
        "Have the service use a pseudonym that is bound to the party (`pseudonym`) for {places}, or add `national_number` to the ground of {party}.";
    IdentifierInRequest "IDENTIFIER_IN_REQUEST" Warns "GDPR art. 5(1)(f) and 32",
        "{operation} heeft een nummer van een persoon in pad of zoekvraag ({parameter}). Het gaat zo naar de bron; vastgelegd wordt alleen het patroon `{template}`.",
        "{operation} has the number of a person in its path or query ({parameter}). It goes to the source like that; only the template `{template}` is recorded.",
        "Laat de bron het nummer liever als pseudoniem of in de inhoud van de vraag aannemen.",
        "Have the source rather take the number as a pseudonym, or in the body of the request.";
    // Algorithms and assessments
    AlgorithmNotListed "ALGORITHM_NOT_LISTED" Refuses "GDPR art. 13(2)(f) and 14(2)(g)",
        "De bepaling noemt het algoritme {algorithm}, en dat staat niet in de afspraak bij een ontvanger.",
        "The clause names the algorithm {algorithm}, which does not stand in the agreement for a receiver.",
        "Zet {algorithm} onder `algorithms`, met zijn plaats in het algoritmeregister.",
        "Add {algorithm} under `algorithms`, with its place in the algorithm register.";
    AlgorithmsUnnamed "ALGORITHMS_UNNAMED" Refuses "GDPR art. 13(2)(f) and 14(2)(g)",
        "De bepaling zegt dat algoritmes de gegevens gebruiken, en noemt er geen.",
        "The clause says that algorithms use the data, and names none.",
        "Noem de algoritmes, of verklaar dat er geen is.",
        "Name the algorithms, or declare that there is none.";
    AlgorithmNotInRegister "ALGORITHM_NOT_IN_REGISTER" Refuses "GDPR art. 5(1)(a); Regulation (EU) 2024/1689 art. 49",
        "Het algoritme {algorithm} van {party} staat niet zo in het openbare register op de genoemde plaats.",
        "The algorithm {algorithm} of {party} does not stand like this in the public register at the place that is named.",
        "Registreer {algorithm}, en neem nummer en versie over van {url}.",
        "Register {algorithm}, and take over number and version from {url}.";
    AlgorithmLeftOut "ALGORITHM_LEFT_OUT" Refuses "GDPR art. 5(1)(a) and 22",
        "De bepaling verklaart dat geen algoritme de gegevens gebruikt, maar {algorithm} van {party} wijst op het tegendeel.",
        "The clause declares that no algorithm uses the data, but {algorithm} of {party} says otherwise.",
        "Noem {algorithm} bij de voorwaarden van de bepaling, of haal het uit de afspraak.",
        "Name {algorithm} in the conditions of the clause, or take it out of the agreement.";
    AssessmentMissing "ASSESSMENT_MISSING" Refuses "GDPR art. 35",
        "Er is geen toets die over het algoritme {algorithm} en de activiteit {activity} van {party} gaat.",
        "No assessment is of the algorithm {algorithm} and the activity {activity} of {party}.",
        "Voeg onder `assessments` de toets van {algorithm} toe.",
        "Add the assessment of {algorithm} under `assessments`.";
    AssessmentEmpty "ASSESSMENT_EMPTY" Refuses "GDPR art. 35(7)",
        "De toets {assessment} van {party} is leeg: geen onderwerp, geen bevinding of geen document.",
        "The assessment {assessment} of {party} is empty: of nothing, without findings, or without a document.",
        "Neem de toets over zoals die is gemaakt: onderwerp, bevindingen, document.",
        "Take over the assessment as it was made: subject, findings, document.";
    AssessmentExpired "ASSESSMENT_EXPIRED" Refuses "GDPR art. 35(11)",
        "De toets {assessment} van {party} gold tot en met {day}.",
        "The assessment {assessment} of {party} counted until {day}.",
        "Doe de toets opnieuw.",
        "Make the assessment anew.";
    AssessmentUnfinished "ASSESSMENT_UNFINISHED" Refuses "GDPR art. 35(1)",
        "De toets {assessment} van {party} is volgens zijn datum pas klaar op {day}.",
        "The assessment {assessment} of {party} will be finished on {day}, by its own date.",
        "Wacht tot de toets klaar is.",
        "Wait until the assessment is finished.";
    AssessmentOfSomethingElse "ASSESSMENT_OF_SOMETHING_ELSE" Refuses "GDPR art. 35(1)",
        "De toets {assessment} van {party} gaat over geen activiteit en geen algoritme van deze afspraak.",
        "The assessment {assessment} of {party} is of no activity and no algorithm of this agreement.",
        "Haal de toets weg, of neem die van deze activiteit.",
        "Remove the assessment, or take the one of this activity.";
    AssessmentNegative "ASSESSMENT_NEGATIVE" Refuses "GDPR art. 35 and 36",
        "De toets {assessment} van {party} zegt dat de verwerking niet door mag gaan.",
        "The assessment {assessment} of {party} says that the processing may not go on.",
        "Verander de verwerking en doe de toets opnieuw, of raadpleeg de toezichthouder.",
        "Change the processing and make the assessment anew, or consult the supervisor.";
    AssessmentByProposer "ASSESSMENT_BY_PROPOSER" Refuses "GDPR art. 35(2)",
        "De toets {assessment} van {party} is alleen gemaakt door wie de afspraak voorstelt.",
        "The assessment {assessment} of {party} was made by nobody but who proposes the agreement.",
        "Laat een ander de toets maken, of vaststellen met een eigen sleutel.",
        "Have somebody else make the assessment, or confirm it with a key of their own.";
    AssessmentDiffers "ASSESSMENT_DIFFERS" Refuses "GDPR art. 5(2)",
        "De toets {assessment} staat in het register van {party} anders dan in de afspraak.",
        "The assessment {assessment} does not read in the register of {party} as it does in the agreement.",
        "Neem {assessment} opnieuw over uit het register.",
        "Take over {assessment} from the register again.";
    TermBeyondAssessment "TERM_BEYOND_ASSESSMENT" Refuses "GDPR art. 35(11)",
        "De looptijd eindigt na {day}, de laatste dag van de toets {assessment} van {party}.",
        "The term ends after {day}, the last day of the assessment {assessment} of {party}.",
        "Laat de looptijd eindigen op {day}, of doe de toets opnieuw.",
        "Let the term end on {day}, or make the assessment anew.";
    AssessmentAdvisable "ASSESSMENT_ADVISABLE" Warns "GDPR art. 35(3)(b)",
        "{elements} is bijzonder of strafrechtelijk, en geen DPIA gaat over de activiteit {activity} van {party}.",
        "{elements} is a special category or on offences, and no DPIA is of the activity {activity} of {party}.",
        "Voeg de DPIA van {activity} toe, of leg in de grondslag uit waarom die niet nodig is.",
        "Add the DPIA of {activity}, or explain in the ground why none is needed.";
    // Parties, roles and signatures
    ControllerNotParty "CONTROLLER_NOT_PARTY" Refuses "GDPR art. 28(3)",
        "{party} verwerkt voor {controller}, en die is geen partij bij de afspraak.",
        "{party} processes for {controller}, which is no party to the agreement.",
        "Maak {controller} partij, met een eigen ondertekenaar.",
        "Make {controller} a party, with a signatory of its own.";
    ProcessorWithoutController "PROCESSOR_WITHOUT_CONTROLLER" Refuses "GDPR art. 28(3)",
        "{party} noemt zichzelf als verantwoordelijke voor wie het verwerkt.",
        "{party} names itself as the controller for whom it processes.",
        "Noem de verantwoordelijke, of maak {party} zelf verantwoordelijke.",
        "Name the controller, or make {party} the controller.";
    JointWithoutArrangement "JOINT_WITHOUT_ARRANGEMENT" Refuses "GDPR art. 26(1) and (2)",
        "{party} is gezamenlijk verantwoordelijke, en zegt niet met wie of wat is geregeld.",
        "{party} is a joint controller, and does not say with whom or what was arranged.",
        "Noem onder `with` de anderen en onder `arrangement` wie wat doet.",
        "Name the others under `with`, and who does what under `arrangement`.";
    JointOneSided "JOINT_ONE_SIDED" Refuses "GDPR art. 26(1)",
        "{party} noemt {other} als gezamenlijk verantwoordelijke, en {other} zegt dat zelf niet.",
        "{party} names {other} as a joint controller, and {other} does not say so itself.",
        "Geef beide dezelfde rol.",
        "Give both the same role.";
    PassedOn "PASSED_ON" Warns "GDPR art. 13(1)(e) and 28(10)",
        "De verwerkingsactiviteit {activity} van {party} geeft gegevens door aan {other}, en die is geen partij.",
        "The processing activity {activity} of {party} passes data on to {other}, which is no party.",
        "Maak {other} partij, of spreek in `undertaking` af dat deze gegevens daar niet heen gaan.",
        "Make {other} a party, or agree in `undertaking` that this data does not go there.";
    SignatoryMissing "SIGNATORY_MISSING" Refuses "GDPR art. 5(2) and 24",
        "Niemand tekent voor {party}.",
        "Nobody signs for {party}.",
        "Voeg onder `signatories` toe wie voor {party} tekent, en op welk mandaat.",
        "Add under `signatories` who signs for {party}, and on which mandate.";
    SignedElsewhereMissing "SIGNED_ELSEWHERE_MISSING" Refuses "GDPR art. 5(2) and 24",
        "{party} neemt in de verbinding geen verwijzing naar de afspraak over, en de afspraak noemt geen document dat {party} elders heeft getekend.",
        "{party} takes no reference to the agreement into the connection, and the agreement names no document that {party} has signed elsewhere.",
        "Voeg `signed_elsewhere` toe: hash, datum en wie er voor {party} tekende. Zonder dat alleen open diensten.",
        "Add `signed_elsewhere`: hash, date and who signed for {party}. Without it, open services only.";
    ForeignWithoutConnection "FOREIGN_WITHOUT_CONNECTION" Refuses "GDPR art. 5(2) and 24",
        "{party} heeft geen knooppunt van Verbond, en wisselt in de afspraak niets uit; niemand kan dus zien dat {party} zich bindt.",
        "{party} has no node of Verbond, and exchanges nothing under the agreement; so nobody can see that {party} binds itself.",
        "Neem een clausule op tussen {party} en een partij met een knooppunt, of laat {party} weg als partij.",
        "Add a clause between {party} and a party with a node, or leave {party} out as a party.";
    ForeignAmongThemselves "FOREIGN_AMONG_THEMSELVES" Refuses "GDPR art. 5(2) and 24",
        "{party} levert aan {other}, en geen van beide heeft een knooppunt van Verbond; niemand kan dus zien of begrenzen wat zij uitwisselen.",
        "{party} provides to {other}, and neither has a node of Verbond; so nobody can see or bound what they exchange.",
        "Neem {other} hier niet op als ontvanger; zij sluiten daarover zelf een afspraak.",
        "Leave out {other} as a receiver here; the two conclude an agreement of their own on it.";
    SignatoryIsDrafter "SIGNATORY_IS_DRAFTER" Refuses "GDPR art. 5(2) and 24",
        "Wie voor {party} tekent, heeft de afspraak ook opgesteld.",
        "Whoever signs for {party} also drafted the agreement.",
        "Laat een ander tekenen of opstellen.",
        "Have somebody else sign or draft.";
    SignatoryOfTwo "SIGNATORY_OF_TWO" Refuses "GDPR art. 5(2) and 24; Dutch Civil Code art. 3:68",
        "Dezelfde sleutel tekent voor {party} en voor {other}: een mens sluit zo een afspraak met zichzelf.",
        "The same key signs for {party} and for {other}: so one person agrees with themselves.",
        "Laat voor een van beide een ander tekenen.",
        "Have somebody else sign for one of them.";
    SignatoryNamedForTwo "SIGNATORY_NAMED_FOR_TWO" Warns "GDPR art. 5(2) and 24; Dutch Civil Code art. 3:68",
        "Voor {party} en voor {other} tekent iemand met dezelfde naam: {signatory}.",
        "Somebody of the same name signs for {party} and for {other}: {signatory}.",
        "Is het dezelfde mens, laat dan een ander tekenen. Zo niet, noem dan naam en functie van elk.",
        "If it is the same person, have somebody else sign. If not, give name and function of each.";
    OfficerSigns "OFFICER_SIGNS" Refuses "GDPR art. 38(3) and (6)",
        "{officer} adviseert als FG van {party} en tekent ook.",
        "{officer} advises as data protection officer of {party} and also signs.",
        "Laat een ander tekenen.",
        "Have somebody else sign.";
    AdviceMissing "ADVICE_MISSING" Warns "GDPR art. 38(1) and 39(1)",
        "De FG van {party} heeft niet geadviseerd.",
        "The data protection officer of {party} has not advised.",
        "Laat de FG adviseren: `verbond agreement advise`.",
        "Have the officer advise: `verbond agreement advise`.";
    AdviceRequired "ADVICE_REQUIRED" Refuses "GDPR art. 35(2)",
        "{party} steunt op een DPIA, en haar FG heeft niet geadviseerd.",
        "{party} rests on an impact assessment, and its data protection officer has not advised.",
        "Laat de FG adviseren: `verbond agreement advise`.",
        "Have the officer advise: `verbond agreement advise`.";
    AdviceWithoutAct "ADVICE_WITHOUT_ACT" Refuses "GDPR art. 38(3) and 39(1)",
        "Achter het advies van de FG van {party} staat geen handtekening van die FG onder deze tekst.",
        "No signature of the officer under this text stands behind the advice of the data protection officer of {party}.",
        "Haal het advies weg en laat de FG het geven: `verbond agreement advise`.",
        "Take the advice away and have the officer give it: `verbond agreement advise`.";
    AdviceNotByOfficer "ADVICE_NOT_BY_OFFICER" Refuses "GDPR art. 38(3) and (6)",
        "Het advies van {party} is niet gegeven door iemand die hier als haar FG bekend is.",
        "The advice of {party} was not given by somebody who is known here as its data protection officer.",
        "Laat de FG het geven: `verbond agreement advise`.",
        "Have the officer give it: `verbond agreement advise`.";
    AdviceUnanswered "ADVICE_UNANSWERED" Refuses "GDPR art. 38(1) and 39(1)",
        "De FG van {party} adviseert tegen, en niemand zegt waarom dat niet wordt gevolgd.",
        "The data protection officer of {party} advises against, and nobody says why that is not followed.",
        "Volg het advies, of zeg onder `not_followed_because` waarom niet.",
        "Follow the advice, or say under `not_followed_because` why not.";
    AdviceCondition "ADVICE_CONDITION" Warns "GDPR art. 38(1) and 39(1)",
        "De FG van {party} stelt een voorwaarde, en niemand zegt wat ermee is gedaan.",
        "The data protection officer of {party} makes a condition, and nobody says what became of it.",
        "Voldoe eraan en vraag nieuw advies, of zeg onder `not_followed_because` waarom niet.",
        "Meet it and ask for new advice, or say under `not_followed_because` why not.";
    // What it does to people, and where
    TransferWithoutInstrument "TRANSFER_WITHOUT_INSTRUMENT" Refuses "GDPR art. 44 to 49",
        "{party} verwerkt in {country}, buiten de EER, en noemt niet wat dat toestaat.",
        "{party} processes in {country}, outside the EEA, and does not name what permits that.",
        "Voeg `instrument` toe (art. 45, 46 of 49), of verwerk binnen de EER.",
        "Add `instrument` (art. 45, 46 or 49), or process within the EEA.";
    PlaceMissing "PLACE_MISSING" Refuses "GDPR art. 44",
        "{party} zegt niet in welk land het de gegevens verwerkt.",
        "{party} does not say in which country it processes the data.",
        "Voeg het land toe onder `places`.",
        "Add the country under `places`.";
    DecisionWithoutHuman "DECISION_WITHOUT_HUMAN" Refuses "GDPR art. 22(1) and (3)",
        "{party} neemt met de gegevens besluiten over mensen, en de voorwaarden vragen geen menselijke stap.",
        "{party} takes decisions on people with the data, and the conditions ask for no human step.",
        "Voeg `human_in_the_loop` toe aan de voorwaarden van de bepaling.",
        "Add `human_in_the_loop` to the conditions of the clause.";
    SecrecyNotLifted "SECRECY_NOT_LIFTED" Refuses "Wpg art. 7; Wjsg art. 52",
        "{party} valt onder een wet met geheimhouding, en noemt niet welk artikel die hier opheft.",
        "{party} is under a law with a duty of secrecy, and does not name the article that lifts it here.",
        "Voeg `secrecy` toe bij {party}: de plicht, en het artikel dat die opheft.",
        "Add `secrecy` to the side of {party}: the duty, and the article that lifts it.";
    SecrecyLiftedByItself "SECRECY_LIFTED_BY_ITSELF" Refuses "Awb art. 2:5",
        "{party} noemt hetzelfde artikel als geheimhouding en als opheffing daarvan.",
        "{party} names the same article as the duty of secrecy and as what lifts it.",
        "Noem onder `lifted_by` het artikel dat de verstrekking toestaat.",
        "Name under `lifted_by` the article that permits the provision.";
    SecrecyUnsaid "SECRECY_UNSAID" Warns "Awb art. 2:5; BW 7:457",
        "{elements} is bijzonder of strafrechtelijk. Wie zulke gegevens heeft, moet ze meestal geheim houden; {party} zegt daar niets over.",
        "{elements} is a special category or on offences. Whoever holds such data is mostly bound to secrecy; {party} says nothing on it.",
        "Voeg `secrecy` toe bij {party}, als er een plicht is.",
        "Add `secrecy` to the side of {party}, if a duty binds it.";
    ConfidentialWithoutUndertaking "CONFIDENTIAL_WITHOUT_UNDERTAKING" Warns "Directive (EU) 2016/943 art. 2(1)(c)",
        "{elements} is vertrouwelijk, en {party} belooft niets over wat het ermee doet.",
        "{elements} is confidential, and {party} undertakes nothing on what it does with it.",
        "Voeg `undertaking` toe bij {party}.",
        "Add `undertaking` to the side of {party}.";
    OtherCoalition "OTHER_COALITION" Refuses "GDPR art. 5(2)",
        "De afspraak geldt in {other}, en dit knooppunt neemt deel aan {coalition}.",
        "The agreement holds within {other}, and this node takes part in {coalition}.",
        "Zet `coalition` op {coalition}.",
        "Set `coalition` to {coalition}.";
    // Statutory collaborations
    EvaluationOverdue "EVALUATION_OVERDUE" Refuses "Wet gegevensverwerking door samenwerkingsverbanden",
        "Het samenwerkingsverband had voor het einde van {day} geëvalueerd moeten zijn.",
        "The collaboration was to be evaluated by the end of {day}.",
        "Evalueer, en noem de volgende datum.",
        "Evaluate, and name the next date.";
    TermBeyondEvaluation "TERM_BEYOND_EVALUATION" Refuses "Wet gegevensverwerking door samenwerkingsverbanden",
        "De looptijd eindigt na {day}, de laatste dag waarop geëvalueerd moet zijn.",
        "The term ends after {day}, the last day by which it must be evaluated.",
        "Laat de looptijd uiterlijk op {day} eindigen.",
        "Let the term end on {day} at the latest.";
    CollaborationGround "COLLABORATION_GROUND" Refuses "Wet gegevensverwerking door samenwerkingsverbanden",
        "De grondslag {ground} van {party} noemt de wet niet die het samenwerkingsverband instelt.",
        "The ground {ground} of {party} does not name the law that establishes the collaboration.",
        "Noem onder `provisions` van {ground} het artikel van {article}.",
        "Name the article of {article} under `provisions` of {ground}.";
    // Linkage
    LinkageSplit "LINKAGE_SPLIT" Refuses "GDPR art. 5(1)(a) and (b)",
        "{party} stelt dezelfde vraag ook aan {other}, onder een andere afspraak ({agreement}). Eén vraag aan meer bronnen hoort in één afspraak.",
        "{party} asks the same question of {other} too, under another agreement ({agreement}). One question to several sources belongs in one agreement.",
        "Neem de bepaling over {other} op in deze afspraak.",
        "Take the clause on {other} into this agreement.";
    LinkageUnsaid "LINKAGE_UNSAID" Warns "GDPR art. 5(1)(a)",
        "{party} krijgt voor `{purpose}` ook gegevens uit de bepaling {other}; de bepaling zegt niet dat die worden gecombineerd.",
        "{party} also receives data for `{purpose}` under the clause {other}; the clause does not say that they are combined.",
        "Noem {other} onder `linkage`, met de vraag.",
        "Name {other} under `linkage`, with the question.";
    LinkageUnknownClause "LINKAGE_UNKNOWN_CLAUSE" Refuses "GDPR art. 5(1)(a)",
        "De bepaling wordt gecombineerd met {other}, en die staat niet in deze afspraak.",
        "The clause is combined with {other}, which does not stand in this agreement.",
        "Noem een bepaling van deze afspraak, of neem {other} op.",
        "Name a clause of this agreement, or take {other} into it.";
}
