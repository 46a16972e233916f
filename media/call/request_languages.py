"""The patterns of callers' requests for each language of `phrases`."""

import re
from collections.abc import Mapping
from typing import Final

from media.call.opt_out_patterns import DE_OPT_OUT, EN_OPT_OUT, ES_OPT_OUT, FR_OPT_OUT
from media.call.request_patterns import RequestPatterns


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(patterns) + r")\b")


_NEVER: Final = re.compile(r"(?!)")

# --- English ---

_EN_REAL: Final = (
    r"(?:(?:real|actual|live|human|normal|living) (?:live )?"
    r"(?:person|human being|human|agent|operator|someone|somebody|voice))"
)
_EN_PERSON: Final = (
    rf"(?:{_EN_REAL}|person|human being|human(?! resources)|representative|rep|operator|agent|manager|supervisor"
    r"|receptionist|colleague|member of staff|staff member|employee|(?:someone|somebody) (?:real|human|else))"
)
_EN_BARE: Final = rf"(?:{_EN_REAL}|person|human being|human|representative|rep|operator|agent)"
_EN_WHICH: Final = r"(?:a|an|the|some|any|another|your|one of your)"
_EN_ADVERB: Final = (
    r"(?:really|just|also|still|only|actually|rather|definitely|would|d|will|ll|should|must|please|now|am|m|ve|been)"
)
# Forms of a wish: "I would like", "can I", "let me"; or the sentence begins with the verb.
_EN_WISH: Final = (
    rf"(?:\b(?:i|we) (?:{_EN_ADVERB} )*(?:want|wanna|need|like|love|prefer|wish|demand|have|insist|rather|should|must"
    r"|can|could|trying|waiting)\b"
    r"|\b(?:can|could|may|might) (?:i|we)\b|\b(?:let|help) (?:me|us)\b|\blemme\b"
    r"|\b(?:possible|way) to\b|\bhow (?:can|do) (?:i|we)\b|^(?:(?:no|yes|ok|okay|nope|so|and|but"
    r"|look) ){0,2}(?=\w+ (?:to|with)\b))"
)
_EN_GAP: Final = r"(?: ?\b(?!(?:not|dont|never|without|nobody|you|him|her|them)\b)\w+\b){0,4}? ?"
_EN_SUBJECT: Final = (
    r"(?:they|he|she|we|it|who|somebody|someone|nobody|agent|colleague|lady|guy|man|woman|operator|receptionist|person"
    r"|(?<!can )(?<!could )(?<!will )(?<!would )(?<!want )(?<!need )(?<!like )you)"
)
_EN_RECORDED: Final = (
    r"(?:(?:to |get |getting )*(?:be|being|get|getting|have (?:this|it|my voice)) (?:being )?recorded"
    r"|you (?:guys )?(?:to record|recording)|(?:this|it|the call|this call|my voice|our call)(?: to be"
    r"| being)? recorded"
    r"|anybody to record|anyone to record)"
)
_EN_THIS: Final = r"(?:me|us|this|it|that|anything|now|(?:the|this|my|our) (?:call|conversation|voice))"
# Where an imperative may stand: at the beginning, or after the words that address somebody.
_EN_COMMAND: Final = (
    r"(?:^(?:(?:no|yes|and|but|so|hey|look|listen|ok|okay|then|also|now|sir|wait|actually) ){0,3}"
    r"|\b(?:can|could|would|will) you |\b(?:i|we) (?:(?:would|d|really) )*(?:want|like|need|ask) you to "
    r"|^you (?:must|should|have to|need to|better) )"
)

_EN: Final = RequestPatterns(
    person=re.compile(
        rf"{_EN_WISH}{_EN_GAP}\b(?:speak|talk|chat|speaking|talking)(?: directly| again)? (?:to|with) (?:{_EN_WHICH} )?"
        rf"(?!my |our |his |her |their )(?:\w+ )?{_EN_PERSON}\b"
        r"|\b(?:connect|transfer|forward|put|get|pass) (?:me|us)(?: \w+)? (?:to"
        rf"|with) (?:{_EN_WHICH} )?(?:human )?{_EN_PERSON}\b"
        rf"|\b(?:get|give) me (?:{_EN_WHICH} )?{_EN_PERSON}$"
        rf"|^(?:(?:no|yes|ok|okay|look|and|but|so|then) ){{0,2}}(?:i|we) (?:{_EN_ADVERB} )*"
        rf"(?:want|wanna have|need|like|prefer|demand)(?: to have)? {_EN_WHICH} {_EN_PERSON}$"
        rf"|^(?:can|could|may) (?:i|we) (?:have|get) {_EN_WHICH} {_EN_PERSON}$"
        r"|^(?:(?:can|could|would|will) you )?(?:put (?:me|us) through|transfer (?:me|us)|connect (?:me|us))$"
    ),
    bare_person=re.compile(rf"^(?:no |yes )?(?:an?|the|any)? ?{_EN_BARE}(?: now)?$"),
    not_person=_any_of(
        # Reports of what others said or did.
        r"(?:was|were|been|they|he|she|who|website|site|email|mail|letter|lady|guy|man|woman|colleague|agent|it"
        r"|somebody|someone|wife|husband) (?:\w+ )?(?:told|said|says|say|advised|asked|suggested|recommended)",
        rf"{_EN_SUBJECT} (?:just |then |already |always |only |never )?(?:put|pass|passed|got|get|connect) (?:me|us)",
        # Questions whether it is necessary, and conditions.
        r"^(?:do|must|should|would|did|why do|why should|when do|when should) (?:i|we) (?:need |have |want )?"
        r"(?:to )?(?:speak|talk|chat)",
        r"(?:if|when|whenever|unless) (?:i|we|you) (?:want|need|have|wish|like|ask|talk|speak)",
        r"(?:after|because|who) (?:i|we) (?:talk|speak)",
        r"(?:no need|used to|able to|supposed to|instead of|rather than) (?:\w+ ){0,2}?(?:speak|talk|speaking|talking)",
        r"(?:yesterday|tomorrow|last (?:week|month|time|year)|next (?:week|month|time)|later)$",
    ),
    before_person=re.compile(
        r"\b(?:dont|do not|didnt|doesnt|wont|not|never|without|stop|no need|no need to)"
        r"(?: (?:think|believe|suppose|feel|know|see|sure|if|that|why|like|want|need|have|you|to|really|even|ever"
        r"|try|ask|asked))* ?$"
    ),
    person_question=_any_of(r"(?:i|we) (?:have|need) to (?:speak|talk)(?! .*\bnow\b)"),
    refusal=re.compile(
        rf"{_EN_COMMAND}(?:(?:do not|dont|not|never) record(?: {_EN_THIS}\b|$)"
        rf"|stop (?:the |this |your )?recording(?: {_EN_THIS}\b|$)|(?:turn|switch) (?:the|this|your|that) recording off"
        r"|(?:turn|switch) off (?:the|this|your|that) recording|(?:delete|erase) (?:the|this|my) recording$)"
        r"|\b(?:i|we) (?:(?:really|just|also|would|absolutely|certainly|still) )*"
        r"(?:do not|dont|would not|wouldnt|will not|wont|cannot|cant) (?:really |actually )?"
        rf"(?:(?:want|like|wish|agree|consent|allow|permit|accept)(?: to)?(?: you to)? {_EN_RECORDED}"
        rf"|(?:want|wish|allow|permit)(?: to)? you (?:to )?(?:record|recording)(?: {_EN_THIS}\b|$)"
        r"|(?:want|like|wish|agree|consent|accept|allow|permit)(?: to| with)?(?: the| this| any| a| your)? recording$)"
        rf"|\b(?:i|we) (?:would |d )?(?:rather|prefer)(?: to)? not (?:to )?{_EN_RECORDED}"
        r"|\b(?:i|we) (?:would |d )?(?:rather|prefer) (?:that )?you (?:did not|didnt|dont|do not|not) record"
        r"|\b(?:i|we) (?:object|refuse) (?:to )?(?:be(?:ing)? recorded|(?:the |this |any |your )?recording)"
        r"|\b(?:i|we) (?:am|m|are|re) not (?:ok|okay|fine|happy|comfortable) (?:with )?"
        r"(?:being recorded|(?:the |this |you |your )?recording)"
        r"|^(?:(?:can|could|may) (?:i|we|you) (?:\w+ ){0,5})?without (?:being recorded|(?:the |this |any )?recording)$"
        r"|^no recording$|^not (?:to be )?recorded$"
    ),
    not_refusal=_any_of(
        r"(?:he|she|they|people|who|it|wife|husband|boss|mother|sign|someone|somebody|everybody|callers|customers|you)"
        r" (?:\w+ )?(?:said|says|say|told|tells|asked|wrote|mean|means)(?: \w+)?",
        r"if|whether|in case|suppose|what happens when|what if|why|because",
        r"(?:not|isnt|never|wasnt|didnt|dont|do not)(?: \w+)? (?:that|because|said|say|mean|meant|mind|saying)",
        r"i (?:used to|told (?:my|him|her|them)) .*",
    ),
    quotation=re.compile(r"(?:(?<!\bi )(?:said|says)|(?:told|tells|asked) (?:me|us|him|her|them)|wrote)$"),
    assertion=_NEVER,
    answerable=_any_of(
        r"how many|how large|party of|number of|who (?:did|was|were|told|helped|sent|is the|has)",
        rf"(?:an?|the) {_EN_BARE} or|or (?:an?|the) {_EN_BARE}",
        r"(?:enter|type|key in|keypad|rate|score|scale)",
    ),
    open_question=re.compile(r"^(?:\w+ ){0,2}(?:how|what|which|who|whom|when|where|why)\b"),
    opt_out=EN_OPT_OUT,
    courtesy=_any_of("please|thanks|thank you|uh|um|er|oh|well|sorry|just|hi|hello|already|sir|madam"),
)

# --- German ---

_DE_PERSON: Final = (
    r"(?:menschen|person|mitarbeiter(?:in|n)?|kollegen|kollegin|kundenberater(?:in)?|berater(?:in)?"
    r"|sachbearbeiter(?:in)?|angestellten|vorgesetzten?|jemand(?:em|en)? (?:echte[mn]|richtige[mn]|anderem?))"
)
_DE_WHICH: Final = r"(?:einem|einer|einen|eine|nem|ner|nen|ne|dem|der|den|ihrem|ihrer|ihren)"
_DE_KIND: Final = r"(?:(?:echt|richtig|menschlich|lebend|lebendig|ander)e[nrms]?)"
_DE_SOME: Final = rf"(?:{_DE_WHICH} )?(?:{_DE_KIND} )?{_DE_PERSON}"
_DE_RECORDING: Final = r"(?:aufnahme|aufzeichnung)"
_DE_RECORDED: Final = r"(?:aufgenommen|aufgezeichnet|mitgeschnitten)"
_DE_RECORD: Final = r"(?:aufnehmen|aufzeichnen|mitschneiden)"
_DE_CALL: Final = r"(?:das|dies|es|mich|uns|(?:das|dieses|unser|den|diesen) (?:gesprach|telefonat|anruf))"

_DE: Final = RequestPatterns(
    person=re.compile(
        rf"\bmit {_DE_SOME} (?:\w+ )?(?:sprechen|reden|verbinden|verbunden|telefonieren)\b"
        rf"|\bverbinden sie (?:mich|uns)(?: mit {_DE_SOME})?$"
        r"|\bstellen sie (?:mich|uns) durch|\b(?:mich|uns) (?:durchstellen|verbinden)$"
        rf"|^(?:\w+ ){{0,2}}?ich (?:mochte|will|brauche|hatte gern)(?: jetzt"
        rf"| gern)? {_DE_WHICH} (?:{_DE_KIND} )?{_DE_PERSON}$"
        rf"|^geben sie mir {_DE_WHICH} (?:{_DE_KIND} )?{_DE_PERSON}$"
    ),
    bare_person=re.compile(
        rf"^(?:nein )?(?:{_DE_WHICH} )?(?:{_DE_KIND} )?(?:menschen|person)$|^mit einem (?:{_DE_KIND} )?menschen$"
        rf"|^{_DE_WHICH} (?:{_DE_KIND} )?(?:mitarbeiter(?:in)?|berater(?:in)?)$"
    ),
    not_person=_any_of(
        r"(?:nicht|nie|kein\w*|ohne|statt|anstatt) (?:\w+ ){0,4}?(?:mit|menschen|person|mitarbeiter\w*|verbinden)",
        r"(?:gesagt|geraten|gebeten|empfohlen|hiess|sagte|sagten|meinte|meinten|schrieb|steht)",
        r"(?:konnte|durfte|musste|gestern|neulich|letzte woche|morgen|spater)",
        r"(?:wenn|nachdem|bevor|falls|als) ich",
    ),
    before_person=_NEVER,
    person_question=_any_of(r"(?:muss|soll|sollte|kann man|darf) (?:ich|man|wir)(?! bitte)"),
    refusal=re.compile(
        r"^(?:(?:nein|ja|und|aber|dann|also) ){0,2}"
        rf"(?:(?:{_DE_CALL} )?nicht (?:aufzeichnen|mitschneiden|aufnehmen)$"
        rf"|(?:horen sie auf|horen sie mal auf) (?:{_DE_CALL} )?(?:aufzunehmen|aufzuzeichnen|mitzuschneiden)"
        rf"|(?:konnen|konnten|wurden) sie (?:die|diese) {_DE_RECORDING} (?:\w+ )?(?:stoppen|beenden|ausschalten"
        r"|abschalten)"
        rf"|(?:stoppen|beenden) sie (?:\w+ )?(?:die|diese) {_DE_RECORDING}"
        rf"|schalten sie (?:\w+ )?(?:die|diese) {_DE_RECORDING} (?:ab|aus)"
        rf"|(?:die )?{_DE_RECORDING} (?:stoppen|beenden|ausschalten|abschalten)$"
        rf"|keine {_DE_RECORDING}$|ohne {_DE_RECORDING}$|keinen mitschnitt$)"
        rf"|\b(?:ich|wir) (?:mochten?|will|wollen|wunschen?) (?:{_DE_CALL} |\w+ )?nicht (?:dabei "
        rf"|hier )?{_DE_RECORDED} werden"
        rf"|\b(?:ich|wir) (?:mochten?|will|wollen|wunschen?) (?:\w+ )?nicht dass (?:\w+ ){{0,4}}?"
        rf"(?:{_DE_RECORD}|{_DE_RECORDED} wird|{_DE_RECORDED} werden?)\b"
        rf"|\b(?:ich|wir) (?:mochten?|will|wollen|wunschen?) keinen? (?:{_DE_RECORDING}|mitschnitt)$"
        rf"|\b(?:ich|wir) (?:stimme|stimmen) (?:der|einer|dieser) {_DE_RECORDING}(?: \w+){{0,2}} nicht zu"
        rf"|\b(?:ich|wir) (?:bin|sind) (?:mit (?:der|einer|dieser) {_DE_RECORDING}(?: \w+){{0,2}} nicht einverstanden"
        rf"|nicht (?:mit (?:der|einer|dieser) {_DE_RECORDING} einverstanden|einverstanden mit (?:der|einer"
        rf"|dieser) {_DE_RECORDING}))"
        rf"|\bsie durfen (?:{_DE_CALL} )?nicht {_DE_RECORD}"
    ),
    not_refusal=_any_of(
        r"(?:sagt|sagte|sagten|gesagt|meinte|schrieb|hiess)(?: \w+){0,2}|wenn|falls|ob|warum|weil|nicht dass"
    ),
    quotation=re.compile(r"(?:(?<!\bich )sagte?|sagten|meinte|schrieb|gesagt)$"),
    # "Nehmen Sie das nicht auf?" asks whether it is recorded.
    assertion=re.compile(
        r"^(?:(?:nein|ja|und|aber|dann|also) ){0,2}"
        rf"(?:nehmen|zeichnen|schneiden) sie (?:{_DE_CALL} )?(?:bloss |auf keinen fall )?nicht (?:auf|mit)"
    ),
    answerable=_any_of(
        r"wie viele|wie vielen|wieviele|anzahl|eine person oder|oder eine person|wer hat|wer war|mit wem",
        r"(?:eingeben|tippen|tastatur|bewerten|skala)",
    ),
    open_question=re.compile(
        r"^(?:\w+ ){0,2}(?:wie|was|wer|wen|wem|wann|wo|wohin|womit|wobei|worum|woran|welche[nrsm]?|warum)\b"
    ),
    opt_out=DE_OPT_OUT,
    courtesy=_any_of("bitte|danke|vielen dank|ah|ahm|also|ja|hallo|guten tag|gerne|mal|einfach"),
)

# --- Spanish ---

_ES_PERSON: Final = (
    r"(?:persona|humano|humana|ser humano|operadora?|agente|representante|asesora?|emplead[oa]|companer[oa]"
    r"|recepcionista|encargad[oa]|supervisora?|alguien (?:real|humano|de verdad))"
)
_ES_WHICH: Final = r"(?:una?|algun|alguna|el|la|otra|otro|su)"
_ES_REAL: Final = r"(?: (?:real|humana|humano|de verdad))?"
_ES_CALL: Final = r"(?:esto|(?:la|esta) (?:llamada|conversacion)|mi voz)"

_ES: Final = RequestPatterns(
    person=re.compile(
        rf"\b(?:hablar|comunicar(?:me|nos)|comunique(?:me|nos)|pas(?:e|a|ar)(?:me|nos)|pon(?:ga|er)(?:me|nos)"
        rf"|transf(?:iera|erir)(?:me|nos)|conect(?:e|ar)(?:me|nos)) con (?:{_ES_WHICH} )?{_ES_PERSON}"
        rf"|^(?:\w+ ){{0,3}}?(?:quiero|necesito|quisiera|prefiero) (?:a )?{_ES_WHICH} {_ES_PERSON}{_ES_REAL}$"
    ),
    bare_person=re.compile(rf"^(?:con )?(?:{_ES_WHICH} )?{_ES_PERSON}{_ES_REAL}$"),
    not_person=_any_of(
        r"(?:no|nunca|sin|en vez de|en lugar de) (?:\w+ ){0,3}?(?:hablar|quiero|necesito|pas\w+|comuni\w+|conect\w+)",
        r"(?:dijo|dijeron|dicen|dice|dicho|pidio|pidieron|recomendo|recomendaron)",
        r"(?:pude|pudimos|tuve que|logre|consegui|ayer|manana|mas tarde)",
        r"(?:si|cuando) (?:quiero|necesito|puedo|debo)",
    ),
    before_person=_NEVER,
    person_question=_any_of("(?:tengo|tenemos|hay) que hablar|(?:debo|necesito) hablar"),
    refusal=re.compile(
        rf"^(?:(?:y|pero|entonces) )?(?:no (?:(?:me|nos|lo|la|esto) )?grabe[ns]?(?: {_ES_CALL}| nada|$)"
        rf"|no grabar(?: {_ES_CALL})?$"
        r"|(?:puede |podria |podrian |pueden )?(?:pare|paren|detenga|detengan|deje de|dejen de|apague|desactive|parar"
        r"|detener|dejar de|apagar|desactivar) (?:(?:la|esta) grabacion|grabar(?:me|nos)?)"
        r"|sin (?:grabar|grabacion)$|ninguna grabacion$)"
        r"|\bno (?:quiero|queremos|deseo|deseamos|acepto|aceptamos|autorizo|permito|consiento)"
        rf" (?:que (?:(?:me|nos|se|lo|la|usted|ustedes|esto) ){{0,2}}grab(?:e|en|es)\b"
        rf"|que {_ES_CALL} (?:sea|quede) grabad[oa]|ser grabad[oas]+|(?:la|esta|una) grabacion$|quedar grabad[oa])"
    ),
    not_refusal=_any_of(r"(?:dijo|dijeron|dice|dicen|dicho)(?: \w+){0,2}|si|por que|porque|no es que|cuando"),
    quotation=re.compile(r"(?:dijo|dijeron|dice|dicen)$"),
    assertion=_NEVER,
    answerable=_any_of(
        r"cuantos|cuantas|numero de|una persona o|o una persona|con quien|quien (?:le|fue)",
        r"(?:teclee|teclear|introduzca|teclado|califique)",
    ),
    open_question=re.compile(r"^(?:\w+ ){0,2}(?:como|que|quien|cuando|donde|cual|cuales|por que|en que|cuanto)\b"),
    opt_out=ES_OPT_OUT,
    courtesy=_any_of("por favor|gracias|eh|pues|hola|buenos dias|buenas|perdon"),
)

# --- French ---

_FR_PERSON: Final = (
    r"(?:personne|humain|etre humain|operateur|operatrice|conseiller|conseillere|agent|collegue|employee?|responsable"
    r"|receptionniste|standardizte|interlocuteur|quelqu un (?:de reel|d humain|d autre))"
)
_FR_WHICH: Final = r"(?:une?|l|le|la|votre|un de vos|un autre|une autre)"
_FR_SOME: Final = rf"(?:{_FR_WHICH} )?(?:vraie? |autre )?{_FR_PERSON}"
_FR_REAL: Final = r"(?: (?:reelle?|humaine?))?"
_FR_CALL: Final = r"(?:cet appel|l appel|la conversation|cette conversation|ma voix|ca|cela|ceci)"

_FR: Final = RequestPatterns(
    person=re.compile(
        rf"\b(?:parler|discuter) (?:a|avec) {_FR_SOME}"
        rf"|\b(?:passez|passer|donnez|mettez|transferez|connectez) (?:moi|nous)"
        rf" (?:a |avec |en relation avec |en contact avec |vers )?{_FR_SOME}"
        rf"|\bme (?:passer|transferer a|transferer vers) {_FR_SOME}"
        rf"|^(?:\w+ ){{0,3}}?(?:veux|voudrais|souhaite|prefere) {_FR_WHICH} (?:vraie? |autre )?{_FR_PERSON}{_FR_REAL}$"
    ),
    bare_person=re.compile(rf"^une? (?:vraie? )?{_FR_PERSON}{_FR_REAL}$|^(?:operateur|operatrice|conseiller)$"),
    not_person=_any_of(
        r"(?:ne|n|sans|au lieu de|plutot que de) (?:\w+ ){0,3}?(?:parler|veux|voudrais|souhaite|besoin|discuter"
        r"|passez)",
        r"(?:dit|demande|conseille|recommande) de (?:\w+ ){0,2}?(?:parler|discuter)",
        r"(?:du|pu|reussi a|essaye de|venais de|viens de) (?:parler|discuter)",
        r"(?:hier|demain|plus tard)$|(?:si|quand) je",
    ),
    before_person=_NEVER,
    person_question=_any_of("(?:dois|devrais|doit|faut) (?:\\w+ ){0,2}?(?:parler|discuter)"),
    refusal=re.compile(
        r"^(?:(?:non|oui|et|mais|alors) ){0,2}(?:n enregistrez (?:pas|rien)|ne (?:m|nous|l) enregistrez pas"
        r"|(?:merci de |veuillez |priere de )?ne pas (?:m |nous |l )?enregistrer(?: " + _FR_CALL + r")?$"
        r"|(?:pouvez vous |pourriez vous |veuillez |merci d )?(?:arretez|arreter|stoppez|stopper|coupez|couper"
        r"|desactivez"
        r"|desactiver) (?:l enregistrement|cet enregistrement|d enregistrer|de (?:m|nous) enregistrer)"
        r"|pas d enregistrement$|sans (?:enregistrement|etre enregistree?)$)"
        r"|\b(?:je|nous) (?:ne )?(?:veux|voulons|voudrais|voudrions|souhaite|souhaitons|desire|accepte|acceptons"
        r"|prefere"
        r"|autorise|suis) (?:ne )?pas (?:d accord pour )?(?:a )?(?:etre enregistree?s?|d enregistrement$"
        r"|(?:de )?l enregistrement$"
        rf"|cet enregistrement$|que (?:vous |on |l on )?(?:m |nous |l )?enregistr(?:iez|e|ent)\b(?: {_FR_CALL})?"
        rf"|que {_FR_CALL} soit enregistree?)"
        r"|\bje (?:refuse|m oppose) (?:d etre enregistree?|a (?:l|cet) enregistrement|l enregistrement)"
    ),
    not_refusal=_any_of(r"(?:dit|disait|ecrit|disent)(?: \w+){0,2}|si|pourquoi|parce que|ce n est pas que|quand"),
    quotation=re.compile(r"(?:m a|m ont|nous a|il a|elle a|ils ont) dit$|disait$"),
    assertion=_NEVER,
    answerable=_any_of(
        r"combien|nombre de|une personne ou|ou une personne|qui (?:vous|a|est)|avec qui",
        r"(?:saisissez|saisir|clavier|notez)",
    ),
    open_question=re.compile(r"^(?:\w+ ){0,2}(?:comment|que|qu|quoi|qui|quand|ou|quels?|quelles?|pourquoi|combien)\b"),
    opt_out=FR_OPT_OUT,
    courtesy=_any_of("s il vous plait|s il te plait|merci(?! d)|euh|alors|bonjour|allo|oui"),
)

PATTERNS: Final[Mapping[str, RequestPatterns]] = {"en": _EN, "de": _DE, "es": _ES, "fr": _FR}


def patterns_for(language: str) -> RequestPatterns | None:
    """Return the patterns of a language (BCP 47), or None if there are none."""
    return PATTERNS.get(language.partition("-")[0].lower())
