// The live desk: running calls, and one that is opened: its words as they come, answer times, tools, and what a person can do in it.
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, post, stream } from "../api.js";
import { may, staff } from "../app.js";
import { duration, figure, label, t } from "../i18n.js";
import { link, setQuery, view } from "../router.js";
import { supervise } from "../supervision.js";
import { Badge, Button, Dialog, Empty, ErrorBox, Icon, Loading, Page, TextField, confirm, errorText, html, memo, toast, useAction } from "../ui.js";
import { otherEnd } from "./calls.js";

const now = signal(Date.now());
setInterval(() => document.hidden || (now.value = Date.now()), 1000);
// Changes are shown this often, however many calls report at once.
const SHOWN_EVERY_MS = 250;
const POLL_MS = 2000;

/** Follows the running calls, and the events of the opened one: by the stream, or by asking where the API has none.
 * @param {string} base @param {string} opened */
export function useLiveCalls(base, opened) {
  const [state, setState] = useState(/** @type {{calls: any[] | null, hasMore: boolean, events: any[], error: any, isStream: boolean, ended: any}} */ ({ calls: null, hasMore: false, events: [], error: null, isStream: false, ended: null }));
  useEffect(() => {
    const control = new AbortController();
    /** @type {Map<string, any>} */
    let calls = new Map();
    /** @type {any[]} */
    let events = [];
    let timer = 0;
    let last = "";
    const show = (/** @type {any} */ changes = {}) => {
      if (Object.keys(changes).length) setState((old) => ({ ...old, ...changes }));
      timer ||= setTimeout(() => {
        timer = 0;
        setState((old) => ({ ...old, calls: [...calls.values()], events }));
      }, SHOWN_EVERY_MS);
    };
    const keep = (/** @type {any} */ call) => calls.set(call.id, { ...call, began_at: call.started_at ? Date.parse(call.started_at) : Date.now() - call.duration_so_far * 1000 });
    const receive = (/** @type {string} */ event, /** @type {any} */ data, /** @type {string} */ id) => {
      last = id || last;
      if (event === "snapshot") {
        calls = new Map();
        events = [];
        for (const call of data.calls) keep(call);
        return show({ hasMore: data.has_more, error: null, isStream: true });
      }
      if (event === "call") keep(data);
      else if (event === "ended") {
        calls.delete(data.id);
        if (data.id === opened) show({ ended: data });
      } else if (event === "call_event") events = [...events, data];
      show();
    };
    const follow = async () => {
      for (let wait = 1000; !control.signal.aborted; wait = Math.min(wait * 2, 15_000)) {
        try {
          await stream(`${base}/calls/live/events`, (event, data, id) => { wait = 1000; receive(event, data, id); }, { query: { call_id: opened }, signal: control.signal, headers: last ? { "Last-Event-ID": last } : {} });
        } catch (error) {
          if (control.signal.aborted) return;
          if (error instanceof ApiError && [404, 405, 422, 429].includes(error.status)) return void poll();
          show({ error });
        }
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    };
    const poll = async () => {
      while (!control.signal.aborted) {
        try {
          const answer = await get(`${base}/calls/live`, {}, control.signal);
          calls = new Map();
          for (const call of answer.active_calls) keep(call);
          if (opened) {
            const more = await get(`${base}/calls/${opened}/events`, { after_seq: events.at(-1)?.seq, limit: 200 }, control.signal);
            events = [...events, ...more.events];
            const end = events.find((event) => event.event_type === "call.ended");
            if (end && !calls.has(opened)) show({ ended: end.event_data });
          }
          show({ hasMore: answer.has_more, error: null });
        } catch (error) {
          if (control.signal.aborted) return;
          show({ error });
        }
        await new Promise((resolve) => setTimeout(resolve, document.hidden ? POLL_MS * 5 : POLL_MS));
      }
    };
    setState((old) => ({ ...old, events: [], ended: null }));
    follow();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [base, opened]);
  return state;
}

/** @param {{workspace: string}} props */
export function Live({ workspace }) {
  const opened = encodeURIComponent(view.value.query.get("call") || "");  // it stands in paths of the API
  const filter = view.value.query.get("agent") || "";
  const live = useLiveCalls(`/workspaces/${workspace}`, opened);
  const shown = (live.calls || []).filter((call) => !filter || call.agent_name === filter).sort((a, b) => a.began_at - b.began_at);
  const agents = [...new Set((live.calls || []).map((call) => call.agent_name).filter(Boolean))].sort();
  const call = (live.calls || []).find((one) => one.id === opened);
  return html`<${Page} wide title=${t("Live desk")} note=${live.calls ? html`<span role="status">${t("Running calls: {count}", { count: `${live.calls.length}${live.hasMore ? "+" : ""}` })}</span>` : null}>
    ${live.error ? html`<${ErrorBox} error=${live.error} />` : null}
    ${agents.length > 1 ? html`<form class="filters"><div class="field"><label for="agent">${t("Agent")}</label><select id="agent" value=${filter} onChange=${(/** @type {any} */ event) => setQuery({ agent: event.target.value })}><option value="">${t("All")}</option>${agents.map((name) => html`<option key=${name} selected=${name === filter}>${name}</option>`)}</select></div></form>` : null}
    <div class=${`desk${opened ? " open" : ""}`}>
      <section class="card flush" aria-label=${t("Running calls")}>${live.calls === null ? html`<div style=${{ padding: "1rem" }}><${Loading} /></div>` : shown.length ? html`<div class="live-list">${shown.map((one) => html`<${Row} key=${one.id} call=${one} isOpen=${one.id === opened} />`)}</div>` : html`<${Empty} title=${t("No call is running.")} text=${t("Calls appear here when they ring, and leave when they end.")} />`}</section>
      ${opened ? html`<${OpenedCall} key=${opened} ...${{ workspace, id: opened, call, live }} />` : null}
    </div>
  <//>`;
}

/** @param {{call: any}} props */
function Clock({ call }) {
  return html`<span class="clock">${duration((now.value - call.began_at) / 1000)}</span>`;
}

const Row = memo((/** @type {{call: any, isOpen: boolean}} */ { call, isOpen }) => html`<a class="live-row" href=${link(view.peek().path, { ...Object.fromEntries(view.peek().query), call: isOpen ? "" : call.id })} aria-current=${isOpen ? "true" : undefined}>
    <span><strong>${otherEnd(call)}</strong><span class="quiet">${call.workspace_name ? `${call.workspace_name} · ` : ""}${call.agent_name || "–"}</span></span>
    <span class="marks"><${Badge} value=${call.status} />${call.is_test ? html`<${Badge} value="test" text=${t("Test")} />` : null}${(call.warnings || []).map((/** @type {string} */ one) => html`<${Badge} key=${one} value="warn" text=${label(one)} />`)}${call.supervisors ? html`<span class="count" title=${t("People who listen")}>${call.supervisors}</span>` : null}</span>
    <span class="words">${call.last_words ? html`${call.last_words.by === "caller" ? t("Caller") : call.last_words.by === "person" ? t("Person") : t("Agent")}: ${call.last_words.text}` : ""}</span>
    <span class="quiet">${[call.floor && call.floor !== "none" ? t("{who} speaks", { who: label(call.floor) }) : "", call.last_latency_ms ? `${figure(call.last_latency_ms)} ms` : ""].filter(Boolean).join(" · ")}</span>
    <${Clock} call=${call} />
  </a>`);

/** @param {{workspace: string, id: string, call: any, live: any}} props */
function OpenedCall({ workspace, id, call, live }) {
  const base = `/workspaces/${workspace}/calls/${id}`;
  const isMember = may(workspace, "member");
  const [known, setKnown] = useState(/** @type {any} */ (null));
  const [asking, setAsking] = useState("");
  useEffect(() => {
    if (!call) get(base).then((answer) => setKnown(answer.call), () => null);
  }, [!!call]);
  const end = useAction(async () => {
    if (!(await confirm({ title: t("End this call?"), text: t("The agent says goodbye and hangs up."), action: t("End the call"), danger: true }))) return;
    await post(`${base}/end`, { polite: true });
    toast(t("The call is ending."));
  });
  const isOver = !!live.ended || (known && !["queued", "ringing", "in_progress"].includes(known.status));
  const party = call || known;
  return html`<section class="stack" aria-label=${t("Opened call")}>
    <div class="card"><header><h2>${party ? otherEnd(party) : t("Call")}</h2><div class="row">${call ? html`<${Clock} call=${call} />` : null}<${Badge} value=${isOver ? "ended" : call?.status || known?.status} /><a class="button small plain" href=${link(`/w/${workspace}/calls/${id}`)}>${t("All of this call")}</a><${Button} kind="plain small" aria-label=${t("Close")} onClick=${() => setQuery({ call: "" })}><${Icon} name="close" /><//></div></header>
      <${ErrorBox} error=${end.error} />
      ${isOver ? html`<p class="quiet">${t("The call is over.")}</p>` : isMember && call ? html`<div class="row">
        <${Button} kind="small" onClick=${() => setAsking("say")}>${t("Say words")}<//><${Button} kind="small" onClick=${() => setAsking("transfer")}>${t("Transfer")}<//><${Button} kind="small danger" busy=${end.busy} onClick=${end.run}>${t("End the call")}<//></div>
        ${call.status === "in_progress" ? html`<${Supervision} base=${base} />` : null}` : null}
    </div>
    <${Transcript} events=${live.events} isOver=${isOver} />
    ${asking ? html`<${AskDialog} kind=${asking} base=${base} onClose=${() => setAsking("")} />` : null}
  </section>`;
}

/** @param {{kind: string, base: string, onClose: () => void}} props */
function AskDialog({ kind, base, onClose }) {
  const [text, setText] = useState("");
  const isSay = kind === "say";
  const { busy, error, run } = useAction(async () => {
    await post(`${base}/${kind}`, isSay ? { text } : { number: text });
    toast(isSay ? t("The agent says it now.") : t("The call is being transferred."));
    onClose();
  });
  return html`<${Dialog} title=${isSay ? t("Say words") : t("Transfer the call")} onClose=${onClose}><form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
    <${ErrorBox} error=${error} />
    <${TextField} label=${isSay ? t("The agent says") : t("Phone number")} type=${isSay ? "text" : "tel"} required autofocus value=${text} onInput=${setText} />
    <div class="buttons"><${Button} kind="main" type="submit" busy=${busy}>${isSay ? t("Say it") : t("Transfer")}<//></div></form><//>`;
}

/** @param {{base: string, more?: {reason?: string}}} props */
function Supervision({ base, more }) {
  const [session, setSession] = useState(/** @type {Awaited<ReturnType<typeof supervise>> | null} */ (null));
  const [note, setNote] = useState("");
  const open = useAction(async (/** @type {string} */ mode) => {
    session?.close();
    setSession(await supervise(base, mode, more));
  });
  useEffect(() => () => session?.close(), [session]);
  const state = session?.state.value;
  const [caller, agent] = session?.levels.value || [0, 0];
  if (!session || state?.status === "over") {
    return html`<div class="row"><${Button} kind="small" busy=${open.busy} onClick=${() => open.run("listen")}><${Icon} name="live" />${t("Listen")}<//><${Button} kind="small" busy=${open.busy} onClick=${() => open.run("speak")}><${Icon} name="mic" />${t("Listen, whisper and speak")}<//>${state?.error ? html`<span class="wrong">${label(state.error)}</span>` : null}</div><${ErrorBox} error=${open.error} />`;
  }
  const has = (/** @type {string} */ right) => state?.rights.includes(right);
  return html`<div class="stack"><div class="row">
      <span class="quiet">${t("Caller")}</span><meter class="level" min="0" max="1" value=${caller} aria-label=${t("Level of the caller")}></meter><span class="quiet">${t("Agent")}</span><meter class="level" min="0" max="1" value=${agent} aria-label=${t("Level of the agent")}></meter>
      ${has("pause") ? html`<${Button} kind="small" onClick=${() => (state?.isPaused ? session.resume() : session.pause())}>${state?.isPaused ? t("Resume the agent") : t("Pause the agent")}<//>` : null}
      ${has("speak") ? html`<${Button} kind=${`small ${state?.isSpeaking ? "danger" : "main"}`} onClick=${() => (state?.isSpeaking ? session.stop() : session.speak().catch((error) => toast(errorText(error), "bad")))}><${Icon} name="mic" />${state?.isSpeaking ? t("Give the line back") : t("Speak in its place")}<//>` : null}
      <${Button} kind="small" onClick=${() => { session.close(); setSession(null); }}>${t("Stop listening")}<//></div>
    ${state?.isHeldBack ? html`<p class="quiet">${state.consent === "refused" ? t("Silence: the caller refused the recording.") : t("Silence: this part may not be heard.")}</p>` : null}
    ${state?.error ? html`<p class="wrong" role="alert">${label(state.error)}</p>` : null}
    ${has("whisper") ? html`<form class="row" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); session.whisper(note); setNote(""); toast(t("The agent takes it into account.")); }}><input class="grow" style=${{ width: "auto" }} required maxlength="1000" aria-label=${t("A note for the agent, which the caller does not hear")} placeholder=${t("A note for the agent, which the caller does not hear")} value=${note} onInput=${(/** @type {any} */ event) => setNote(event.target.value)} /><${Button} kind="small" type="submit">${t("Whisper")}<//></form>` : null}
  </div>`;
}

/** What people and tools said and did, from the call's events. @param {{events: any[], isOver: boolean}} props */
function Transcript({ events, isOver }) {
  const log = useRef(/** @type {HTMLDivElement | null} */ (null));
  const lines = events.filter(({ event_type: type }) => ["caller.said", "agent.said", "turn.latency", "tool.started", "tool.ended", "tool.finished", "provider.failed", "supervisor.said", "person.said"].includes(type));
  useEffect(() => {
    // The log scrolls by itself: a page that moves with each line takes its buttons from under the pointer.
    const place = log.current;
    if (place && place.scrollHeight - place.scrollTop - place.clientHeight < 240) place.scrollTop = place.scrollHeight;
  }, [lines.length]);
  const waits = new Map(events.filter((event) => event.event_type === "turn.latency").map(({ event_data: data }) => [data.turn, data.total_ms]));
  return html`<div class="card flush"><div class="talk own" ref=${log} role="log" aria-live="polite" tabindex="0" aria-label=${t("Transcript")}>${lines.length ? lines.filter((event) => event.event_type !== "turn.latency").map(({ seq, event_type: type, event_data: data }) => {
    if (!type.endsWith(".said")) return html`<div class="turn" key=${seq}><span class="when"></span><p class="quiet"><${Icon} name=${type.startsWith("tool") ? "tools" : "warn"} /> ${type} ${data.name || data.tool || data.provider || ""}</p></div>`;
    const speaker = type.startsWith("caller") ? "caller" : "agent";
    const wait = speaker === "agent" ? waits.get(data.turn) : null;
    return html`<div class="turn" key=${seq}><span class="when">${data.start_ms === undefined && data.end_ms === undefined ? "" : duration((data.start_ms ?? data.end_ms) / 1000)}</span><div class=${`line ${speaker}`}><span class="speaker">${type.startsWith("caller") ? t("Caller") : type.startsWith("agent") ? t("Agent") : t("Person")}</span><p>${data.text || t("Speech without a transcript")}</p>${wait ? html`<p class="note">${t("answered after {ms} ms", { ms: figure(wait) })}</p>` : null}</div></div>`;
  }) : html`<p class="quiet">${isOver ? t("Nothing was said, or the transcript is not kept.") : t("Words appear here as they are said.")}</p>`}</div></div>`;
}

/** Running calls of all workspaces, for the staff. */
export function AdminLive() {
  const live = useLiveCalls("/admin", "");
  const mayEnd = ["super_admin", "support"].includes(staff.value?.role);
  const [heard, setHeard] = useState(/** @type {any} */ (null));
  const end = async (/** @type {any} */ call) => {
    if (!(await confirm({ title: t("End this call?"), text: `${call.workspace_name} · ${call.agent_name || ""}`, action: t("End the call"), danger: true }))) return;
    await post(`/admin/calls/${call.id}/end`, {}).then(() => toast(t("The call is ending.")), (error) => toast(errorText(error), "bad"));
  };
  return html`<${Page} wide title=${t("Live calls")} note=${live.calls ? html`<span role="status">${t("Running calls: {count}", { count: `${live.calls.length}${live.hasMore ? "+" : ""}` })}</span>` : null}>
    ${live.error ? html`<${ErrorBox} error=${live.error} />` : null}
    ${live.calls === null ? html`<${Loading} />` : live.calls.length ? html`<div class="table"><table><caption class="sr">${t("Live calls")}</caption><thead><tr>${["Workspace", "Agent", "Caller", "Called number", "State", "Warnings", "Floor", "Duration", ""].map((name) => html`<th key=${name} scope="col">${name ? t(name) : html`<span class="sr">${t("Actions")}</span>`}</th>`)}</tr></thead><tbody>${live.calls.map((call) => html`<tr key=${call.id}><td>${call.workspace_name}</td><td data-label=${t("Agent")}>${call.agent_name || "–"}</td><td data-label=${t("Caller")}>${call.caller_number || (call.is_test ? t("Browser") : t("Withheld"))}</td><td data-label=${t("Called number")}>${call.called_number || "–"}</td><td data-label=${t("State")}><${Badge} value=${call.status} /></td><td data-label=${t("Warnings")}>${call.warnings?.length ? html`<span class="row">${call.warnings.map((/** @type {string} */ one) => html`<${Badge} key=${one} value="warn" text=${label(one)} />`)}</span>` : "–"}</td><td data-label=${t("Floor")}>${call.floor && call.floor !== "none" ? label(call.floor) : "–"}</td><td data-label=${t("Duration")}><${Clock} call=${call} /></td><td>${mayEnd ? html`<div class="buttons"><${Button} kind="small" onClick=${() => setHeard(call)}>${t("Listen")}<//><${Button} kind="small danger" onClick=${() => end(call)}>${t("End the call")}<//></div>` : null}</td></tr>`)}</tbody></table></div>` : html`<${Empty} title=${t("No call is running.")} />`}
    ${heard ? html`<${StaffListens} call=${heard} onClose=${() => setHeard(null)} />` : null}
  <//>`;
}

/** The staff say why they listen: it is written to the audit log, which the workspace's owners can read. @param {{call: any, onClose: () => void}} props */
function StaffListens({ call, onClose }) {
  const [reason, setReason] = useState("");
  const [isGiven, setGiven] = useState(false);
  return html`<${Dialog} title=${`${call.workspace_name} · ${call.agent_name || call.called_number || ""}`} wide onClose=${onClose}>${isGiven ? html`<${Supervision} base=${`/admin/calls/${call.id}`} more=${{ reason }} />` : html`<form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); setGiven(true); }}>
    <${TextField} label=${t("Reason")} required maxlength="500" autofocus hint=${t("It is written to the audit log, which the owners of the workspace can read.")} value=${reason} onInput=${setReason} />
    <div class="buttons"><${Button} kind="main" type="submit">${t("Continue")}<//></div></form>`}<//>`;
}
