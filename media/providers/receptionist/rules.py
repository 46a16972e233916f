"""The patterns of the receptionist's intents. All match lower-case words in one line."""

import re
from enum import Enum, auto
from typing import Final

from media.providers.english import word_list


class Intent(Enum):
    """The intent of an utterance. OTHER means that no rule matches: a question or a statement."""

    UNCLEAR = auto()
    GOODBYE = auto()
    REPEAT = auto()
    PERSON = auto()
    WAIT = auto()
    THERE = auto()
    ROBOT = auto()
    WHO = auto()
    HOW_ARE_YOU = auto()
    ABILITIES = auto()
    THANKS = auto()
    HELLO = auto()
    NEVER_MIND = auto()
    MESSAGE = auto()
    CHANGE = auto()
    APPOINTMENT = auto()
    OTHER = auto()


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(patterns) + r")\b")


_PEOPLE: Final = (
    r"(?:person|human|human being|someone|somebody|representative|operator|agent|manager|staff|receptionist|doctor|dr"
    r"|dentist|owner|boss|nurse|hygienist|colleague|assistant|people|team|office)"
)
# In the order in which they are tried: intent, maximum number of words, pattern.
RULES: Final = (
    (
        Intent.NEVER_MIND,
        9,
        _any_of(
            r"never ?mind|forget (?:it|that|about it)|cancel that|no message|don't bother|leave it|scrap that",
            r"(?:don't|do not) (?:want|need) to leave",
        ),
    ),
    (
        Intent.REPEAT,
        8,
        _any_of(
            r"(?:repeat|say|come) (?:that |it |this |them )?(?:again|one more time|once more)",
            r"(?:please |can you |could you )repeat(?: that| it| yourself)?|repeat (?:that|it)(?: please)?",
            r"^repeat$|^(?:i'm )?(?:sorry|pardon)(?: me)?$|^what$|^again(?: please)?$|^excuse me$",
            r"what did you (?:just )?say|what was that",
            r"(?:didn't|did not|couldn't|can't) (?:hear|catch|understand|get) (?:you|that)",
        ),
    ),
    (
        Intent.ROBOT,
        12,
        _any_of(
            r"(?:are|is) (?:you|this|that|it|i)(?: \w+)* (?:a |an )?"
            r"(?:real|robot|machine|computer|human|ai|bot|recording|person|program)",
            r"(?:talking|speaking) (?:to|with) (?:a|an) (?:robot|machine|computer|ai|bot|real|human|recording)",
            r"(?:you're|you are|this is|it's) (?:just )?(?:a|an) (?:robot|machine|computer|ai|bot|recording)",
        ),
    ),
    (
        Intent.MESSAGE,
        400,
        _any_of(
            rf"(?:tell|let|inform|remind|ask) (?:him|her|them|mr|mrs|ms|miss|(?:the |your |my )?{_PEOPLE})",
            r"(?:leave|take|pass on|pass along|give|record|send|have|got|deliver) (?:\w+ ){0,4}?messages?",
            r"message (?:for|to)|pass (?:on|along|this|that|it)|return my call|ring me back",
            r"call (?:me|us) back|(?:give|get) (?:me|us) a (?:call|ring)|calling (?:to say|to let|to tell|to confirm)",
        ),
    ),
    (
        Intent.PERSON,
        25,
        _any_of(
            rf"(?:speak|talk|connect|put|transfer|get|forward)(?: me| us)?(?: on| over| through)? (?:to|with)"
            rf" (?:\w+ ){{0,3}}?{_PEOPLE}",
            rf"(?:get|give|want|need|reach) (?:me )?(?:a|an|the|your|some|another) (?:\w+ )?{_PEOPLE}(?: please)?$",
            r"(?:real|actual|live) (?:person|human|human being)|put me through|transfer me|connect me",
            r"transfer (?:the|this|my) call|^(?:operator|representative|agent|human|manager)(?: please)?$",
            rf"^is (?:there )?(?:a |an |the )?{_PEOPLE} (?:there|available|around|in)",
        ),
    ),
    (Intent.WAIT, 7, _any_of(r"wait|hold on|hang on|one moment|just a moment|one second|just a second|a minute")),
    (Intent.THERE, 6, _any_of(r"are you (?:still )?there|can you hear me|anybody there|is (?:anyone|anybody) there")),
    (
        Intent.WHO,
        9,
        _any_of(
            r"who (?:are you|is this|is that|am i (?:speaking|talking) (?:to|with)|is (?:speaking|there))|who's this",
            r"what(?:'s| is) your name|what (?:company|business|office|place|number) is this",
            r"who did i (?:call|reach)|have i reached",
        ),
    ),
    (
        Intent.HOW_ARE_YOU,
        9,
        _any_of(r"how (?:are|do) you(?: doing| today| feel\w*)*$|how's it going|how is it going|how are things"),
    ),
    (
        Intent.ABILITIES,
        10,
        _any_of(r"what (?:can|do) you do|how can you help|what can i (?:ask|say)|can you help(?: me)?$|^help$"),
    ),
    (
        Intent.CHANGE,
        400,
        _any_of(
            r"(?:cancel|reschedule|move|change|postpone|miss|push back) (?:\w+ ){0,3}?appointments?",
            r"(?:cannot|can't|won't|not able to|unable to) (?:make it|come|keep (?:my|the|our) appointment)",
        ),
    ),
    (
        Intent.APPOINTMENT,
        400,
        _any_of(
            r"(?:book|make|schedule|get|set up|arrange|want|need|like|fix) (?:(?!my|our|the)\w+ ){0,5}?"
            r"(?:appointments?|reservation|booking|slot)",
            r"(?:can|could|may) (?:i|we) (?:have|get) (?:an|a) (?:\w+ ){0,2}?(?:appointment|reservation|slot)",
            r"(?:book|schedule|reserve) (?:\w+ ){0,4}?(?:checkup|cleaning|visit|table|room|consultation|session|me in)",
            r"(?:can|could|may) i (?:come|drop|stop)(?: in| by| over)? (?:on|at|today|tomorrow|next|this|for)",
            r"^(?:an |the )?appointment(?: please)?$",
        ),
    ),
)
NOT_APPOINTMENT: Final = _any_of(
    r"do (?:i|we|you) need|howmuch|costs?|price|cancel|reschedule|without an?|policy|how (?:do|can|long)|have to"
)

HESITATION: Final = frozenset(word_list("um uh er erm hm hmm mm mhm ah oh eh huh mmm uhm"))
GREETING: Final = r"(?:hello|hi|hey)(?: there)?|howdy|good (?:morning|afternoon|evening|day)"
COURTESY: Final = _any_of(
    rf"{GREETING}|please|okay|alright|all right|well|great|perfect|wonderful|cool|nice|good|fine|so|right|cheers",
    r"thank you(?: (?:so|very) much| for (?:your|the) \w+| a lot)?|thanks(?: a lot| so much| very much)?|um|uh|er",
    r"that (?:helps|helped)(?: a lot)?|sir|ma'am|madam",
)
FAREWELL: Final = _any_of(
    r"good ?bye?|bye|see you(?: later| soon| then| tomorrow)?|talk to you (?:later|soon)|take care|so long|good night",
    r"have a (?:nice|good|great|lovely|wonderful) (?:day|one|evening|afternoon|weekend|night)",
    r"(?:no )?(?:i think )?(?:that's|that is|that was|that'll be|that will be|that would be|this is)"
    r" (?:all(?! right)|it|everything)(?: (?:for (?:today|now)|i (?:need|needed|wanted)(?: to know)?))?",
    r"nothing else|nothing more|(?:i'm|we're) (?:done|good|all set)|hang up|end (?:the|this) call",
)

_LEAD_IN: Final = r"^(?:(?:oh|um|uh|well|sorry|but|actually) )*"
_WRONG: Final = r"(?:not|wrong|incorrect)(?: (?:quite|right|correct|it|true|what i said))*"
NO: Final = re.compile(
    _LEAD_IN
    + r"(?:(?:no(?! (?:one|problem|worries|idea|matter|longer)\b)|not (?:quite|exactly|really|right|correct|at all|yet)"
    rf"|wrong|incorrect|negative|that's {_WRONG}|that is {_WRONG}|it's {_WRONG}|it isn't(?: right| correct)?"
    r"|that isn't(?: right| correct| it)?|i (?:don't|do not) (?:think so|want (?:to|that|it))|i'd rather not|rather not"
    r"|you (?:already )?have it)\b ?)+"
)
YES: Final = re.compile(
    _LEAD_IN
    + r"(?:(?:yes|correct|right(?! (?:now|away|after|before|here|there))|exactly|sure|absolutely|definitely|of course"
    r"|okay|please do|please$|perfect|great|fine|good(?! (?:morning|afternoon|evening|day|bye|night))|indeed|true"
    r"|no (?:no )?(?:that's|that is|it's) (?:right|correct|fine|good|perfect)|no problem|no worries|very good"
    r"|that(?:'s| is) (?:right|correct|it|fine|good|perfect|great|true|all right)|it is$|sounds (?:good|right|fine)"
    r"|uhhuh|uh huh|mmhmm|mm hmm|mhm|you got it|got it|go ahead|i (?:do|would|will|am)$|i'd (?:like|love) (?:that|to)$"
    r"|that (?:works|would be (?:great|good|nice|fine))|alright|all right)\b ?)+"
)
AGREES: Final = re.compile(r"^(?:oh )?no (?:no )?(?:that's|that is|it's) (?:right|correct|fine|good|perfect)\b")
QUESTION: Final = re.compile(
    rf"^(?:(?:and|so|but|okay|well|um|uh|yes|no|also|sorry|excuse me|please|{GREETING}) )*"
    r"(?:(?:i (?:would like|want|wanted|need|was|am)|i'd like|i'm|can you tell me|could you tell me|do you know|tell me"
    r"|just|wondering|calling|asking|to|know|ask|find out|if|about|a question) )*"
    r"(?:what|what's|when|where|where's|who|who's|which|why|how|how's|howmuch|is|are|do|does|did|can|could|will|would"
    r"|have|has|may|should|am)\b(?!')"
)
ASKING: Final = _any_of(
    r"(?:wanted|want|like) to (?:know|ask)|tell me|wondering|do you (?:have|take|accept|offer|know)|howmuch|any idea",
    r"what time|question about|information (?:on|about)",
)
FOLLOW_UP: Final = re.compile(r"^(?:and|what about|how about|or)\b")

# A question for available appointment times, which is asked only if the agent has a calendar.
FREE_TIMES: Final = _any_of(
    r"(?:what|which|any|some) (?:\w+ ){0,2}(?:free|available)",
    r"(?:what|which|any) (?:\w+ ){0,2}(?:times?|slots?|appointments?|openings?) (?:\w+ ){0,3}(?:free|available|left)",
    r"when (?:is|are|can|could) (?:\w+ ){0,4}(?:appointments?|openings?|slots?|free times?)",
    r"(?:free|available) (?:times?|slots?|appointments?)",
)
