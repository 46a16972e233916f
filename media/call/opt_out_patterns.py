"""Patterns of requests not to be called again, in the languages of `phrases`. Pure.

The patterns are searched in each clause, as `request_patterns` describes. A match lists the number at once, and no
agent of the workspace calls it any longer. A pattern is therefore a whole request, without words after it that would
limit it. A name ("don't call me Bob"), a time or place ("not before nine", "not at work"), a report of what others
said, another list ("the waiting list"), and a bare "don't call me" (as in "I'll call you") are left to the model.
"""

import re
from typing import Final

# --- English ---

# What may follow a request: nothing, or a new thought. Recognizers omit commas.
_EN_END: Final = r"(?:$|(?= (?:i|im|ive|ill|we|and|or|because|its|this is|you|thank|otherwise|bye|goodbye)\b))"
_EN_FILLER: Final = (
    r"(?:(?:no|yes|and|but|so|hey|look|listen|ok|okay|then|also|now|wait|actually|all right|sir|madam) ){0,3}"
)
# The request's form: an imperative, "can you", "I want you to", "I told you to".
_EN_COMMAND: Final = (
    rf"(?:^{_EN_FILLER}|\b(?:can|could|would|will) you (?:guys )?|\b(?:i|we) (?:(?:would|d|ve|have|really|already) )*"
    r"(?:want|like|need|ask|asked|told|am asking|m asking|am telling|m telling) you (?:guys "
    r"|people )?(?:\w+ times )?to "
    r"|^you (?:can|must|should|have to|need to|better|people need to) )"
)
# The same forms before "call me again", negated.
_EN_NEVER: Final = (
    rf"(?:^{_EN_FILLER}(?:do not|dont|never|do not ever|dont ever|dont you ever) "
    r"|\b(?:can|could|would|will) you (?:not|never) |\b(?:i|we) (?:(?:would|d|ve|have|already) )*(?:ask|asked|told) you"
    r" (?:guys |people )?(?:not|never) to |^you (?:must not|mustnt|should not|shouldnt|better not) )"
)
_EN_CALL: Final = r"(?:call|phone|ring|contact|telephone|dial)"
_EN_CALLING: Final = r"(?:calling|phoning|ringing|contacting|telephoning|dialing)"
_EN_NUMBER: Final = r"(?:(?:this|my|our) (?:(?:phone|cell|mobile|home|house|work|telephone) )?(?:number|phone|line))"
_EN_ME: Final = rf"(?:me|us|here|{_EN_NUMBER})"
_EN_AGAIN: Final = (
    r"(?: (?:back|again|any more|anymore|ever|ever again|at all|altogether|(?:at"
    rf"|on) {_EN_NUMBER}|(?:on|at) this one))+"
)
_EN_STILL: Final = (
    rf"(?:{_EN_AGAIN}| now| already| every day| all day| all the time| so much| constantly| with these offers)*"
)
_EN_LIST: Final = (
    r"(?:(?:your|this) (?:(?:phone|call|calling|calls|caller|telephone|contact|telemarketing|marketing|sales) )?lists?"
    r"|(?:the|that|any|all|these|all your|all of your) (?:phone|call|calling|telephone|contact|telemarketing|marketing"
    r"|sales|all your) lists?|your (?:database|call sheet|calling system))"
)

EN_OPT_OUT: Final = re.compile(
    rf"{_EN_COMMAND}(?:(?:take|remove|delete|get|scratch|cross|strike) (?:me|us|my name|{_EN_NUMBER})"
    rf" (?:off|from|off of|out of) (?:of )?{_EN_LIST}{_EN_STILL}{_EN_END}"
    rf"|(?:put|add|place) (?:me|us|my name|{_EN_NUMBER}) (?:on|to|onto) (?:your|the|a) do not call (?:list|registry)"
    rf"|stop {_EN_CALLING} {_EN_ME}{_EN_STILL}{_EN_END}"
    rf"|(?:never|not) {_EN_CALL} {_EN_ME}{_EN_AGAIN}{_EN_END})"
    rf"|^{_EN_FILLER}(?:stop {_EN_CALLING}|(?:remove|delete|erase) {_EN_NUMBER}|(?:lose|forget) my number"
    r"|unsubscribe (?:me )?from (?:these|your) (?:phone )?calls|no more (?:phone |sales )?calls)$"
    rf"|{_EN_NEVER}(?:ever )?{_EN_CALL} (?:{_EN_ME}{_EN_AGAIN}|{_EN_NUMBER}){_EN_END}"
    rf"|^{_EN_FILLER}never {_EN_CALL} {_EN_ME}$"
    r"|\b(?:i|we) (?:(?:really|definitely|also) )*(?:do not|dont|no longer|never) (?:ever )?(?:want|wish|like|need)"
    rf" (?:you (?:guys |people )?(?:to )?(?:keep )?(?:{_EN_CALL}|{_EN_CALLING}) {_EN_ME}{_EN_AGAIN}"
    r"|(?:to be|being) (?:called|contacted|phoned)(?: by you| by your company)?(?: again"
    r"| any more| anymore| ever again)"
    r"|(?:(?:to )?(?:get|getting|receive|receiving|be getting) )?any(?: more)?(?: of)?(?: these| your| further)?"
    rf"(?: sales| marketing| phone)? calls (?:from you(?: guys| people)?|any more|anymore)){_EN_END}"
    r"|\b(?:want|like|wish) to (?:opt out of (?:these|your|all|any|future|further|all future|receiving)"
    r" (?:phone |sales |marketing )?calls|be (?:put |placed |added )?(?:on|to) (?:your|the) do not call list"
    rf"|be (?:taken|removed) (?:off|from) {_EN_LIST}){_EN_END}"
)

# --- German ---

_DE_END: Final = r"(?:$|(?= (?:ich|wir|und|sonst|oder|das|weil|auf wiederhoren|tschuss)\b))"
_DE_FILLER: Final = r"(?:(?:nein|ja|und|aber|dann|also|so|jetzt|horen sie|ok|okay) ){0,3}"
_DE_ME: Final = r"(?:mich|uns|hier|diese nummer|meine nummer|unter dieser nummer)"
_DE_NEVER: Final = (
    r"(?:nicht mehr|nie mehr|nie wieder|niemals wieder|niemals mehr"
    r"|nicht noch einmal|nicht nochmal|nicht wieder|nimmer)"
)
_DE_NUMBER: Final = r"(?:meine|unsere|diese) (?:telefon|handy|mobil|ruf)?nummer"
_DE_LIST: Final = (
    r"(?:(?:aus|von|auf) (?:ihrer|ihren|eurer|dieser) (?:anruf|telefon|kontakt|call|werbe"
    r"|kunden)?(?:liste|listen|kartei"
    r"|datenbank)|(?:aus|von) (?:ihrem|eurem) (?:verteiler|anrufverteiler)"
    r"|(?:aus|von) der (?:anruf|telefon|kontakt|call|werbe)liste)"
)

DE_OPT_OUT: Final = re.compile(
    rf"^{_DE_FILLER}(?:rufen sie|ruf|ruft) (?:{_DE_ME} )?{_DE_NEVER} (?:{_DE_ME} )?an{_DE_END}"
    rf"|^{_DE_FILLER}(?:konnen|konnten|wurden) sie (?:{_DE_ME} )?{_DE_NEVER} (?:{_DE_ME} )?anrufen{_DE_END}"
    rf"|^{_DE_FILLER}(?:kontaktieren|belastigen) sie (?:mich|uns) {_DE_NEVER}{_DE_END}"
    rf"|^{_DE_FILLER}(?:horen sie|hort|hor) (?:endlich )?auf (?:{_DE_ME} )?(?:endlich |standig "
    rf"|immer )?anzurufen{_DE_END}"
    rf"|^{_DE_FILLER}(?:streichen|nehmen|loschen|entfernen) sie (?:mich|uns|{_DE_NUMBER}|meinen namen) {_DE_LIST}"
    rf"(?: raus| heraus)?{_DE_END}"
    rf"|^{_DE_FILLER}(?:konnen|konnten|wurden) sie (?:mich|uns|{_DE_NUMBER}|meinen namen) {_DE_LIST}"
    rf" (?:streichen|nehmen|loschen|entfernen){_DE_END}"
    rf"|^{_DE_FILLER}(?:loschen|streichen|entfernen|vergessen) sie (?:mal )?{_DE_NUMBER}$"
    rf"|^{_DE_FILLER}(?:setzen|nehmen|schreiben) sie (?:mich|uns|{_DE_NUMBER}) auf (?:ihre|die|eine)"
    r" (?:sperrliste|robinsonliste|robinson liste|anrufsperrliste)"
    r"|\b(?:ich|wir) (?:mochten?|will|wollen|wunschen?) (?:von ihnen |von euch )?"
    rf"(?:{_DE_NEVER}|keinesfalls wieder) (?:von ihnen |von euch )?(?:angerufen|kontaktiert) werden{_DE_END}"
    r"|\b(?:ich|wir) (?:mochten?|will|wollen|wunschen?) keine (?:weiteren )?(?:werbe)?anrufe"
    rf" (?:mehr(?: von ihnen| von euch)?|von ihnen|von euch)(?: mehr)?(?: bekommen| erhalten)?{_DE_END}"
    r"|\b(?:ich|wir) (?:mochten?|will|wollen|wunschen?) nicht dass (?:sie|ihr) (?:mich|uns|hier) "
    rf"(?:noch einmal|nochmal|wieder|weiter|weiterhin) (?:anrufen|anruft){_DE_END}"
)

# --- Spanish ---

_ES_END: Final = r"(?:$|(?= (?:no|ya|y|o|porque|estoy|adios|me|esto)\b))"
_ES_FILLER: Final = r"(?:(?:no|si|y|pero|entonces|oiga|mire|bueno|ya|ahora) ){0,3}"
_ES_NUMBER: Final = r"(?:mi|nuestro|este) (?:numero|telefono)(?: de telefono)?"
_ES_AGAIN: Final = r"(?: (?:mas|nunca mas|nunca|otra vez|de nuevo|jamas|a este numero|aqui))+"
_ES_LIST: Final = r"(?:su|sus|esta) (?:lista|listas|base de datos)(?: de (?:llamadas|contactos|telefonos))?"
_ES_CALLS: Final = r"(?:(?:sus|estas) )?llamadas"

ES_OPT_OUT: Final = re.compile(
    rf"^{_ES_FILLER}no (?:me |nos )?(?:llame[ns]?|telefonee[ns]?|contacte[ns]?){_ES_AGAIN}{_ES_END}"
    rf"|^{_ES_FILLER}(?:no|nunca|jamas) (?:me |nos )?(?:vuelva[ns]?) a (?:llamar|contactar)(?:me|nos)?"
    rf"(?:{_ES_AGAIN})?{_ES_END}"
    rf"|^{_ES_FILLER}(?:puede |pueden |podria |podrian |quiero que )?(?:deje[ns]?|dejar|pare[ns]?|parar) de"
    rf" (?:llamar(?:me|nos)|llamar a este numero|llamar aqui|contactar(?:me|nos)){_ES_END}"
    rf"|^{_ES_FILLER}(?:puede |pueden |podria |podrian )?"
    r"(?:(?:quite|quiten|saque|saquen|borre|borren|elimine|eliminen|retire|retiren|quitar|sacar|borrar|eliminar)"
    rf"(?:me|nos| {_ES_NUMBER}| mi nombre) de (?:{_ES_LIST}|la lista de (?:llamadas|contactos|telefonos)){_ES_END}"
    rf"|(?:borre|borren|elimine|eliminen|quite|quiten) {_ES_NUMBER}$)"
    r"|^(?:\w+ ){0,2}(?:pongame|ponganme|incluyame|anadame) en (?:su|la|una) lista de no llamar"
    rf"|\bno (?:quiero|queremos|deseo|deseamos) (?:que (?:me|nos) (?:vuelvan? a llamar|llamen? (?:mas|nunca mas))"
    rf"|(?:(?:recibir|mas) )+{_ES_CALLS}(?: (?:suyas|de ustedes|mas))?|que me sigan llamando){_ES_END}"
)

# --- French ---

_FR_END: Final = r"(?:$|(?= (?:je|j|nous|et|ou|sinon|c|ca|au revoir)\b))"
_FR_FILLER: Final = r"(?:(?:non|oui|et|mais|alors|ecoutez|bon|maintenant) ){0,3}"
_FR_NUMBER: Final = r"(?:mon|notre|ce) (?:numero|telephone)(?: de telephone)?"
_FR_LIST: Final = (
    r"(?:de|sur) (?:votre|vos|cette) (?:listes?|fichiers?|base|base de donnees)(?: d appels?"
    r"| de contacts?| de prospection"
    r"| telephoniques?)?"
)

FR_OPT_OUT: Final = re.compile(
    rf"^{_FR_FILLER}(?:ne |n )?(?:m |me |nous )?(?:appelez|rappelez|telephonez|contactez|derangez) "
    rf"(?:plus(?: jamais)?|jamais plus)(?: (?:ici|ce numero|a ce numero|sur ce numero|chez moi))?{_FR_END}"
    rf"|^{_FR_FILLER}(?:pouvez vous |pourriez vous |veuillez |merci d |merci de )?(?:arretez|arreter|cessez|cesser) "
    rf"(?:de |d )?(?:m |me |nous )?(?:appeler|rappeler|telephoner|contacter|harceler)(?: (?:ici|ce numero))?{_FR_END}"
    rf"|^{_FR_FILLER}(?:veuillez |merci de |priere de )?ne plus (?:m |me |nous )?(?:appeler|rappeler|telephoner"
    rf"|contacter)(?: (?:ici|ce numero|a ce numero))?{_FR_END}"
    rf"|^{_FR_FILLER}(?:retirez|enlevez|supprimez|effacez|rayez|otez) (?:moi|nous|{_FR_NUMBER}|mes coordonnees|mon nom)"
    rf" {_FR_LIST}{_FR_END}"
    rf"|^{_FR_FILLER}(?:(?:pouvez|pourriez) vous |veuillez |merci de )(?:me |nous )?(?:retirer"
    r"|enlever|supprimer|effacer"
    rf"|rayer)(?: {_FR_NUMBER}| mes coordonnees| mon nom)? {_FR_LIST}{_FR_END}"
    rf"|^{_FR_FILLER}(?:supprimez|effacez|retirez|oubliez) {_FR_NUMBER}$"
    r"|\b(?:je|nous) (?:ne )?(?:veux|voulons|souhaite|souhaitons|desire|voudrais) plus (?:jamais )?"
    r"(?:etre (?:appelee?s?|rappelee?s?|contactee?s?|demarchee?s?)(?: par vous)?"
    r"|recevoir (?:d |de |vos |ces |de vos |de ces )?appels|que vous (?:m |me |nous )"
    rf"(?:appeliez|rappeliez|contactiez|telephoniez)){_FR_END}"
)
