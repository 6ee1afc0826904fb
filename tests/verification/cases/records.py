"""Processing records that the consumer's application writes in the place of the outway."""

from ..authority import base64url
from .making import alone, case, place

MINUTE = 60_000


def left(world, people=1, due=MINUTE, **more):
    """An exchange that leaves its records to the application; its transaction, the permit's entry, and what is owed."""
    owed = {"trace_id": world.span(16), "span_id": world.span(8), "activity": f"https://{world.consumer.host}/v1/registers/activity/outreach/1",
            "data_subjects": ["v1." + base64url(world.chance.randbytes(32)) for _ in range(people)],
            "since": world.now, "due": world.now + due}  # fmt: skip
    transaction = world.exchange(world.agreement, consumer_permit={"processing": None, "owed": owed, **more})
    journal = world.consumer.journal
    return transaction, journal.entries[place(journal, "permit", 0, transaction_id=transaction)].id, owed


def written(world, exchange, subject, **more):
    """One record of it; by the application unless said otherwise."""
    transaction, permit, owed = exchange
    record = world.record(world.now, "consumer") | {"trace_id": owed["trace_id"]}
    record["attributes"]["dpl.core.data_subject_id"] = subject
    if not subject:
        record["attributes"] = {"dpl.core.processing_activity_id": owed["activity"]}
    made = {"kind": "processing", "transaction_id": transaction, "direction": "outgoing", "counterpart": world.provider.participant,
            "permit": permit, "written_by": "zaaksysteem", "record": record, **more}  # fmt: skip
    made = {name: value for name, value in made.items() if value is not None}
    world.consumer.journal.append("processing", made, world.now)
    world.on(1000)


@case()
def clean_with_record_by_the_application(world):
    world.busy(3)
    exchange = left(world)
    written(world, exchange, exchange[2]["data_subjects"][0])
    world.busy(3)


@case()
def clean_with_records_by_the_application_about_several(world):
    world.busy(3)
    exchange = left(world, people=2)
    for subject in ("", *exchange[2]["data_subjects"], "v1.somebody-whom-the-answer-named"):
        written(world, exchange, subject)
    world.busy(3)


@case()
def clean_with_record_that_came_late(world):
    world.busy(3)
    exchange = left(world)
    world.busy(3)
    written(world, exchange, exchange[2]["data_subjects"][0])
    world.busy(3)


@case()
def clean_with_record_that_is_not_due_yet(world):
    world.busy(3)
    left(world, due=1000 * MINUTE)
    world.busy(3)


@case("C:RECORD_MISSING")
def record_missing(world):
    world.busy(3)
    left(world)
    world.busy(3)


@case("C:RECORD_MISSING")
def record_missing_about_one_of_several(world):
    world.busy(3)
    exchange = left(world, people=2)
    for subject in ("", exchange[2]["data_subjects"][0]):
        written(world, exchange, subject)
    world.busy(3)


@case("C:RECORD_TWICE")
def record_by_outway_and_application(world):
    world.busy(3)
    exchange = left(world)
    subject = exchange[2]["data_subjects"][0]
    written(world, exchange, subject, written_by=None)
    written(world, exchange, subject)
    world.busy(3)


@case("C:RECORD_TWICE")
def record_in_the_permit_and_by_the_application(world):
    world.busy(3)
    exchange = left(world, processing=[world.record(world.now, "consumer")])
    written(world, exchange, exchange[2]["data_subjects"][0])
    world.busy(3)


@case("C:RECORD_TWICE")
def record_twice_by_the_application(world):
    world.busy(3)
    exchange = left(world)
    for _ in range(2):
        written(world, exchange, exchange[2]["data_subjects"][0])
    world.busy(3)


@case("C:RECORD_TWICE")
def record_by_the_application_that_the_outway_wrote(world):
    world.busy(3)
    transaction = world.exchange(world.agreement)
    journal = world.consumer.journal
    permit = journal.entries[place(journal, "permit", 0, transaction_id=transaction)].id
    owed = {"trace_id": world.span(16), "activity": "https://gemeente.test/v1/registers/activity/outreach/1"}
    written(world, (transaction, permit, owed), "v1.somebody")
    world.busy(3)


@case(notes="WITHHELD ONE_SIDE")
def clean_of_a_period_before_the_record_is_due(world):
    begin = world.now
    world.busy(3)
    left(world, due=100 * MINUTE)
    end = world.now
    world.busy(3)
    return alone(world, "consumer", period=(begin, end))
