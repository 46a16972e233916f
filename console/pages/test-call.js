// Test calls of an agent: talking in the browser, typing what the caller says, or a call to a phone.
import { useEffect, useState } from "preact/hooks";
import { get, post } from "../api.js";
import { duration, figure, label, t } from "../i18n.js";
import { useLiveCalls } from "./live.js";
import { go, link } from "../router.js";
import { listMicrophones, startTestCall } from "../test-call.js";
import { Button, Empty, ErrorBox, Field, Icon, Notice, SelectField, TextField, html, toast, useAction, useInterval, useLoad } from "../ui.js";

const KEYS = [..."123456789*0#"];
/** The parts of a wait, in their order. */
const PARTS = [["endpoint_ms", "End of the turn"], ["stt_ms", "Recognition"], ["llm_first_token_ms", "Language model"], ["tts_first_byte_ms", "Voice"], ["playback_ms", "Playback"]];

/** @typedef {Awaited<ReturnType<typeof startTestCall>>} Talk */

/** @param {any} props */
export function TestCall({ workspace, base, data, isMember }) {
  const [isTalking, setTalking] = useState(false);
  if (!isMember) return html`<${Empty} title=${t("Members with the role member or higher make test calls.")} />`;
  return html`<${BrowserCall} ...${{ workspace, base, data, setTalking }} />${isTalking ? null : html`<${PhoneCall} ...${{ workspace, base, data }} />`}`;
}

/** @param {any} props */
function DraftChoice({ data, value, onChange }) {
  if (!data.draft) return null;
  return html`<${Field} label=${t("Use the draft")} row>${(/** @type {string} */ id) => html`<input id=${id} type="checkbox" checked=${value} onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} />`}<//>`;
}

/** @param {any} props */
function BrowserCall({ workspace, base, data, setTalking }) {
  const [usesDraft, setUsesDraft] = useState(!!data.draft);
  const [device, setDevice] = useState("");
  const [devices, setDevices] = useState(/** @type {{id: string, name: string}[]} */ ([]));
  const [talk, setTalk] = useState(/** @type {Talk | null} */ (null));
  useEffect(() => {
    listMicrophones().then(setDevices, () => setDevices([]));
  }, [talk]);
  useEffect(() => () => talk?.hangUp(), [talk]);
  const begin = useAction(async (/** @type {boolean} */ bySpeech) => setTalk(await startTestCall(base, data.draft ? { uses_draft: usesDraft } : {}, bySpeech ? { device } : null)));
  const isOver = !talk || talk.state.value.status === "over";
  useEffect(() => setTalking(!isOver), [isOver]);
  const hasMicrophone = !!navigator.mediaDevices;
  return html`<div class=${talk ? "beside" : "stack"}><section class="card"><header><h2>${t("Talk in the browser")}</h2>${talk ? html`<a href=${link(`/w/${workspace}/calls/${talk.callId}`)}>${t("All of this call")}</a>` : null}</header>
      <${ErrorBox} error=${begin.error && refusal(begin.error)} />
      ${isOver ? html`<div class="form">
        <${DraftChoice} ...${{ data, value: usesDraft, onChange: setUsesDraft }} />
        ${devices.length > 1 ? html`<${SelectField} label=${t("Microphone")} value=${device} options=${[["", t("Default")], ...devices.map((one) => [one.id, one.name])]} onInput=${setDevice} />` : null}
        ${talk?.state.value.error ? html`<p class="wrong">${t("The call was not connected: {reason}", { reason: talk.state.value.error })}</p>` : talk ? html`<${Ending} ...${{ workspace, talk }} key=${talk.callId} />` : html`<p class="quiet">${t("The call is recorded as calls of this agent are, and is not charged.")}</p>`}
        <div class="buttons"><${Button} kind="main" busy=${begin.busy} disabled=${!hasMicrophone} onClick=${() => begin.run(true)}><${Icon} name="mic" />${t("Call by microphone")}<//><${Button} busy=${begin.busy} onClick=${() => begin.run(false)}><${Icon} name="message" />${t("Type what the caller says")}<//></div>
        ${hasMicrophone ? null : html`<p class="quiet">${t("Browsers give the microphone to pages over HTTPS only.")}</p>`}
      </div>` : html`<${Controls} talk=${talk} />`}
    </section>
    ${talk ? html`<${Progress} ...${{ workspace, talk, isOver }} key=${talk.callId} />` : null}</div>`;
}

/** Why the call ended, which its record says a moment later. @param {{workspace: string, talk: Talk}} props */
function Ending({ workspace, talk }) {
  const [call, setCall] = useState(/** @type {any} */ (null));
  useInterval(() => call?.ended_at || get(`/workspaces/${workspace}/calls/${talk.callId}`).then((answer) => setCall(answer.call), () => null), 1000);
  return html`<p class="quiet" role="status">${t("The call is over.")}${call?.end_reason ? ` ${label(call.end_reason)}${call.end_detail ? `: ${call.end_detail}` : ""}` : ""}</p>`;
}

/** @param {{talk: Talk}} props */
function Controls({ talk }) {
  const [text, setText] = useState("");
  const [began] = useState(Date.now());
  const [, redraw] = useState(0);
  useInterval(() => redraw(Date.now()), 1000);
  const { status, isMuted } = talk.state.value;
  const { caller, agent } = talk.levels.value;
  const type = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (text.trim()) talk.type(text.trim());
    setText("");
  };
  return html`<div class="call-controls">
    <div class="row"><strong role="timer">${status === "talking" ? duration((Date.now() - began) / 1000) : t("Connecting…")}</strong>
      ${talk.isSpoken ? html`<span class="quiet">${t("You")}</span><meter class="level" min="0" max="1" value=${Math.sqrt(caller)} aria-label=${t("Your level")}></meter>` : null}
      <span class="quiet">${t("Agent")}</span><meter class="level" min="0" max="1" value=${Math.sqrt(agent)} aria-label=${t("Level of the agent")}></meter></div>
    <div class="row">${talk.isSpoken ? html`<${Button} onClick=${() => talk.mute(!isMuted)}>${isMuted ? t("Unmute") : t("Mute")}<//>` : null}<${Button} kind="danger" onClick=${talk.hangUp}>${t("Hang up")}<//></div>
    <form class="row" onSubmit=${type}><input class="grow" maxlength="1000" aria-label=${t("What the caller says")} placeholder=${t("Type what the caller says")} value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /><${Button} type="submit">${t("Say it")}<//></form>
    <details><summary>${t("Keypad")}</summary><div class="keypad">${KEYS.map((key) => html`<${Button} key=${key} aria-label=${t("Key {key}", { key })} onClick=${() => talk.press(key)}>${key}<//>`)}</div></details>
  </div>`;
}

/** What was said, and how each wait divides, from the call's events. @param {{workspace: string, talk: Talk, isOver: boolean}} props */
function Progress({ workspace, talk, isOver }) {
  const live = useLiveCalls(`/workspaces/${workspace}`, talk.callId);
  const [late, setLate] = useState(/** @type {any[]} */ ([]));
  useEffect(() => {
    // The stream ends with the call, and the last words may be written a moment later.
    if (isOver && live.ended) get(`/workspaces/${workspace}/calls/${talk.callId}/events`, { limit: 200 }).then((answer) => setLate(answer.events), () => null);
  }, [isOver, !!live.ended]);
  const events = [...new Map([...live.events, ...late].map((event) => [event.seq, event])).values()].sort((a, b) => a.seq - b.seq);
  const said = events.filter((one) => one.event_type.endsWith(".said"));
  const waits = new Map(events.filter((one) => one.event_type === "turn.latency").map((one) => [one.event_data.turn, one.event_data]));
  return html`<section class="card"><h2>${t("Transcript")}</h2><div class="talk" role="log" aria-live="polite" aria-label=${t("Transcript")}>${said.length ? said.map(({ seq, event_type: type, event_data: words }) => {
    const isCaller = type === "caller.said";
    // An answer of several parts has one wait, before the first.
    const isFirst = said.find((other) => other.event_type === type && other.event_data.turn === words.turn)?.seq === seq;
    const wait = isCaller || !isFirst ? null : waits.get(words.turn);
    return html`<div class="turn" key=${seq}><span class="when">${duration((words.start_ms || 0) / 1000)}</span><div class=${`line ${isCaller ? "caller" : "agent"}`}><span class="speaker">${isCaller ? t("Caller") : t("Agent")}</span><p>${words.text}</p>${wait ? html`<${Wait} wait=${wait} />` : null}</div></div>`;
  }) : html`<p class="quiet">${t("Words appear here as they are said.")}</p>`}</div></section>`;
}

/** @param {{wait: any}} props */
function Wait({ wait }) {
  const parts = PARTS.map(([name, title]) => ({ name, title: t(title), ms: wait[name] || 0 })).filter(({ ms }) => ms > 0);
  return html`<div class="wait"><span class="note">${t("answered after {ms} ms", { ms: figure(wait.total_ms) })}</span>
    <div class="shares" aria-hidden="true">${parts.map(({ name, ms }) => html`<i key=${name} class=${name} style=${{ flexGrow: ms }}></i>`)}</div>
    <span class="note parts">${parts.map(({ name, title, ms }) => html`<span key=${name}><i class=${name}></i>${title} ${figure(ms)} ms</span>`)}</span></div>`;
}

/** What a refusal means for the person. @param {any} error */
function refusal(error) {
  if (error?.code === "owner_unverified") return new Notice(t("Confirm your e-mail address by the link that we sent you, then call again."));
  if (error?.name === "NotAllowedError") return new Notice(t("The browser does not allow this page to use the microphone."));
  if (error?.name === "NotFoundError") return new Notice(t("There is no microphone."));
  return error;
}

/** @param {any} props */
function PhoneCall({ workspace, base, data }) {
  const [number, setNumber] = useState("");
  const [usesDraft, setUsesDraft] = useState(!!data.draft);
  const verified = useLoad((aborted) => get(`/workspaces/${workspace}/verified-numbers`, {}, aborted).then((answer) => answer.verified_numbers, () => []), [workspace]);
  const { busy, error, run } = useAction(async () => {
    const { test_call_id } = await post(`${base}/test`, { phone_number_to_call: number, uses_draft: usesDraft });
    toast(t("Your phone rings in a moment."));
    go(`/w/${workspace}/live`, { call: test_call_id });
  });
  return html`<section class="card"><h2>${t("Have it call a phone")}</h2><form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
    <${ErrorBox} error=${error} />
    <${TextField} label=${t("Phone number")} type="tel" required placeholder="+14155550123" list="verified" hint=${t("With country code. Workspaces on trial call verified phones only.")} value=${number} onInput=${setNumber} />
    <datalist id="verified">${(verified.data || []).map((/** @type {any} */ one) => html`<option key=${one.id} value=${one.phone_number} />`)}</datalist>
    <${DraftChoice} ...${{ data, value: usesDraft, onChange: setUsesDraft }} />
    <div class="buttons"><${Button} kind="main" type="submit" busy=${busy}>${t("Call me")}<//></div>
  </form></section>`;
}
