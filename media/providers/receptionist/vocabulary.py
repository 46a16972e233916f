"""The receptionist's English vocabulary: stop words, words with the same meaning, and misrecognized words."""

from collections.abc import Mapping
from typing import Final

from media.providers.english import WEEKDAYS, word_list

STOP_WORDS: Final = frozenset(
    word_list(
        "a about am an and any anybody anything are ask at be been being but by can could did do does doing done "
        "for from get gets getting give given go going got had has have having hello hey hi how i if in into is it "
        "its just know let like long make many may maybe me might mine more most much my need no not of oh okay on "
        "one or our please possible possibly question quick quickly really regarding right say see shall she he "
        "should so some somebody something sorry still such sure take takes tell than thank thanks that the their "
        "them then there these they thing this those to too um uh up us very want wanted wanting was we well were "
        "what which who will with wonder wondering would yes you your yours i'm i'd i've i'll you're it's that's "
        "what's there's don't do you'd let's ok guys actually also only even information info details put use come "
        "comes coming look looking"
    )
)

# Each line is a concept that begins with its name. A question with one of its words may be answered by a fact with
# another.
_CONCEPTS: Final = """
hours: hour hours open opening opens opened close closes closed closing shut start when time times until
address: address where located location find situated street avenue road directions direction
parking: parking park parked car cars garage lot vehicle drive
price: pay paid price prices pricing cost costs charge charges fee fees rate rates expensive cheap dollars howmuch
payment: pay paying payment payments card cards cash credit debit cheque check invoice installment instalment
insurance: insurance insurances insured insurer insurers coverage covered medicaid medicare
emergency: emergency emergencies urgent urgently pain painful hurt hurts toothache ache bleeding swollen accident
cancel: cancel cancels cancelled canceled cancelling cancellation reschedule rescheduling postpone
weekend: weekend weekends saturday sunday saturdays sundays
website: website internet online web webpage site homepage
mail: email mail mails emails
phone: phone telephone call calling reach contact
doctor: doctor doctors dr dentist dentists physician surgeon hygienist
staff: staff team employee employees
child: child children kid kids son daughter baby toddler pediatric paediatric
access: wheelchair accessible accessibility disabled disability ramp elevator lift stairs step steps
language: language languages spanish french german chinese mandarin polish russian
newcomer: new first register registration enroll join
bring: bring paperwork form forms document documents id
transit: bus buses train trains subway metro station tram transit
animal: pet pets dog dogs cat cats animal animals
food: food eat menu lunch dinner breakfast vegetarian vegan
delivery: deliver delivery delivers ship shipping shipped
stay: stay night nights overnight checkin checkout
refund: refund refunds return returns exchange
"""


def _parse_concepts(concepts: str) -> Mapping[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for line in concepts.strip().splitlines():
        name, _, words = line.partition(":")
        for word in words.split():
            table[word] = (*table.get(word, ()), f"#{name}")
    return table


CONCEPTS_OF: Final = _parse_concepts(_CONCEPTS)

# Words that are misrecognized on a phone line, and their intended words.
SOUNDS_LIKE: Final = {
    "ours": "hours",
    "clothes": "close",
    "clothed": "closed",
    "prize": "price",
    "prizes": "prices",
    "addressed": "address",
    "byebye": "bye",
    "buy": "bye",
    "biy": "bye",
    "goodby": "goodbye",
    "massage": "message",
    "massages": "messages",
    "parting": "parking",
    "appointed": "appointment",
    "appoint": "appointment",
    "incurrence": "insurance",
    "ensurance": "insurance",
    "assurance": "insurance",
    "yeah": "yes",
    "yep": "yes",
    "yup": "yes",
    "yea": "yes",
    "ya": "yes",
    "yah": "yes",
    "nope": "no",
    "nah": "no",
    "naw": "no",
    "ok": "okay",
    "cancelation": "cancellation",
    "tomorow": "tomorrow",
    "wensday": "wednesday",
    "teusday": "tuesday",
    "robots": "robot",
}

# Words of the rules. A caller's word that nearly matches one of them is replaced by it.
RULE_WORDS: Final = frozenset(
    word_list(
        "appointment appointments message messages goodbye address insurance parking emergency cancel reschedule "
        "person human representative operator manager receptionist transfer connect robot computer machine repeat "
        "again correct wrong tomorrow today morning afternoon evening midday schedule"
    )
).union(WEEKDAYS)
