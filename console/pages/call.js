// One call: what was said, when, how fast, by which tools, and for how much; and its recording.
import { useMemo, useRef, useState } from "preact/hooks";
import { get, send } from "../api.js";
import { may } from "../app.js";
import { duration, figure, label, money, t, time } from "../i18n.js";
import { link, view } from "../router.js";
import { Badge, Copy, Empty, Facts, Icon, Loaded, Page, Table, Tabs, Time, html, useInterval, useLoad } from "../ui.js";
import { otherEnd } from "./calls.js";
import { Recording } from "./recording.js";

/** @param {{workspace: string, call: string}} props */
export function Call({ workspace, call: id }) {
  const base = `/workspaces/${workspace}/calls/${encodeURIComponent(id)}`;
  const loaded = useLoad((aborted) => get(base, {}, aborted), [id]);
  const transcript = useLoad((aborted) => get(`${base}/transcription`, {}, aborted).catch((error) => (error.status === 404 ? null : Promise.reject(error))), [id]);
  const [at, setAt] = useState(0);
  const seek = useRef(/** @type {(ms: number) => void} */ (() => {}));
  const call = loaded.data?.call;
  const isRunning = call && ["queued", "ringing", "in_progress"].includes(call.status);
  // Cost, summary and recording come in the minute after the end.
  const isFresh = call?.ended_at && Date.now() - Date.parse(call.ended_at) < 60_000;
  useInterval(() => (isRunning || isFresh) && loaded.reload(), 5000);
  const tab = view.value.query.get("tab") || "";
  const here = link(view.value.path);
  return html`<${Page} title=${call ? otherEnd(call) : t("Call")} crumbs=${[[t("Calls"), `/w/${workspace}/calls`]]}
    note=${call ? html`<${Badge} value=${call.status} /><${Time} value=${call.created_at} /><${Copy} value=${id} />` : null}
    actions=${isRunning && may(workspace, "member") ? html`<a class="button" href=${link(`/w/${workspace}/live`, { call: id })}><${Icon} name="live" />${t("Live desk")}</a>` : null}>
    <${Loaded} of=${loaded}>${(/** @type {any} */ { call, agent, summary, recording_url }) => html`
      <dl class="stats">
        <div><dt>${t("Duration")}</dt><dd>${duration(call.duration_seconds)}</dd></div>
        <div><dt>${t("Cost")}</dt><dd>${money(call.cost_total, call.currency)}${call.cost_list !== call.cost_total ? html`<small>${t("list price {amount}", { amount: money(call.cost_list, call.currency) })}</small>` : null}</dd></div>
        <div><dt>${t("Median answer time")}</dt><dd>${answerTime(call.turns)}</dd></div>
        <div><dt>${t("End")}</dt><dd>${call.end_reason ? label(call.end_reason) : "–"}${call.end_detail ? html`<small>${call.end_detail}</small>` : null}</dd></div>
        <div><dt>${t("Success")}</dt><dd>${call.success === null ? "–" : call.success ? t("Yes") : t("No")}${call.sentiment ? html`<small>${label(call.sentiment)}</small>` : null}</dd></div>
      </dl>
      ${summary ? html`<section class="card"><h2>${t("Summary")}</h2><p>${summary}</p></section>` : null}
      ${recording_url || call.recording_seconds ? html`<${Recording} ...${{ load: () => send("GET", `${base}/recording`, { query: { redirect: false } }), utterances: transcript.data?.utterances || [], words: transcript.data?.words || [], cuts: cutsOf(call.turns, transcript.data?.words || []), onTime: setAt, seek }} />` : null}
      <${Tabs} current=${tab ? `${here}?tab=${tab}` : here} items=${[[t("Conversation"), here, call.turns.length], [t("Events"), `${here}?tab=events`], [t("Details"), `${here}?tab=details`]]} />
      ${tab === "events" ? html`<${Events} base=${base} />` : tab === "details" ? html`<${Details} ...${{ workspace, call, agent }} />` : html`<div class="split">
        <${Conversation} ...${{ turns: call.turns, words: transcript.data?.words || [], at, seek, isRunning }} />
        <aside class="stack"><${Latency} turns=${call.turns} /><${Costs} call=${call} />${call.analysis ? html`<${Analysis} analysis=${call.analysis} />` : null}</aside></div>`}`}<//>
  <//>`;
}

/** The time from the end of the caller's words to the agent's voice. @param {any} latency */
export const total = (latency) => latency?.total ?? null;

/** @param {any[]} turns */
function answerTime(turns) {
  const times = turns.map((turn) => total(turn.latency_ms)).filter((ms) => ms !== null && Number.isFinite(ms)).sort((a, b) => a - b);
  return times.length ? `${figure(times[Math.floor((times.length - 1) / 2)] / 1000, { maximumFractionDigits: 2 })} s` : "–";
}

/** @param {{turns: any[], words: any[], at: number, seek: any, isRunning: boolean}} props */
function Conversation({ turns, words, at, seek, isRunning }) {
  if (!turns.length) return html`<${Empty} title=${isRunning ? t("Nothing was said yet.") : t("Nothing was said, or the transcript is not kept.")} />`;
  const lines = linesOf(turns);
  const spoken = useMemo(() => takeWords(lines, words), [turns, words]);
  return html`<section class="card"><div class="talk">${lines.map((line, i) => {
    const own = spoken[i];
    const start = own[0]?.start_ms ?? (line.speaker !== "caller" && line.caller ? null : line.start_ms);
    return html`<div class="turn" key=${i}>
      <button type="button" class="when" disabled=${start === null || start === undefined} aria-label=${t("Play from {time}", { time: duration((start ?? 0) / 1000) })} onClick=${() => seek.current(start)}>${start === null || start === undefined ? "" : duration(start / 1000)}</button>
      <div class=${`line ${line.speaker}`}><span class="speaker">${line.speaker === "caller" ? t("Caller") : line.speaker === "person" ? t("Person") : t("Agent")}</span>
        <p>${own.length && at ? own.map((word, n) => html`<span key=${n} class=${at >= word.start_ms && at < word.end_ms ? "said" : ""}>${word.text} </span>`) : line.text}</p>
        ${line.speaker === "agent" ? html`<p class="note">${total(line.latency_ms) === null ? null : html`<span>${t("answered after {ms} ms", { ms: figure(total(line.latency_ms)) })}</span>`}${line.interrupted ? html`<${Badge} value="paused" text=${t("interrupted")} />` : null}${(line.tools || []).map((/** @type {string} */ tool) => html`<span key=${tool}><${Icon} name="tools" /> ${tool}</span>`)}${(line.citations || []).map((/** @type {any} */ one) => html`<span key=${one.document_id}><${Icon} name="knowledge" /> ${one.document}${one.page ? `, ${t("page {page}", { page: one.page })}` : ""}</span>`)}</p>` : null}
      </div></div>`;
  })}</div></section>`;
}

/** The lines of a conversation. @param {any[]} turns */
const linesOf = (turns) => turns.flatMap((turn) => [turn.caller && { ...turn, speaker: "caller", text: turn.caller }, turn.agent && { ...turn, speaker: "agent", text: turn.agent }, turn.person && { ...turn, speaker: "person", text: turn.person }].filter(Boolean));

/** When the caller stopped the agent: at the end of the last word that was heard. @param {any[]} turns @param {any[]} words @returns {number[]} */
function cutsOf(turns, words) {
  const lines = linesOf(turns);
  const spoken = takeWords(lines, words);
  return lines.flatMap((line, i) => (line.speaker === "agent" && line.interrupted && spoken[i].length ? [spoken[i][spoken[i].length - 1].end_ms] : []));
}

/** Gives each line its words: both are in the order of time. @param {any[]} lines @param {any[]} words @returns {any[][]} */
function takeWords(lines, words) {
  const bySpeaker = { caller: words.filter((word) => word.speaker === "caller"), agent: words.filter((word) => word.speaker === "agent"), person: words.filter((word) => word.speaker === "person") };
  const next = { caller: 0, agent: 0, person: 0 };
  return lines.map((line) => {
    const speaker = /** @type {"caller" | "agent" | "person"} */ (line.speaker);
    const count = line.text.split(/\s+/).filter(Boolean).length;
    const own = bySpeaker[speaker].slice(next[speaker], next[speaker] + count);
    next[speaker] += count;
    return own;
  });
}

/** @param {{turns: any[]}} props */
function Latency({ turns }) {
  const timed = turns.filter((turn) => total(turn.latency_ms) !== null);
  if (!timed.length) return null;
  const longest = Math.max(...timed.map((turn) => total(turn.latency_ms)));
  return html`<section class="card"><h2>${t("Answer times")}</h2><div class="bars">${timed.map((turn) => html`<div class="bar" key=${turn.turn}><span>${t("Turn {n}", { n: turn.turn })}</span><meter min="0" max=${longest} value=${total(turn.latency_ms)} aria-label=${t("Turn {n}", { n: turn.turn })}></meter><span>${figure(total(turn.latency_ms))} ms</span></div>`)}</div>
    <details><summary>${t("Parts of each answer")}</summary><${Table} caption=${t("Answer times")} columns=${[{ name: "turn", title: t("Turn"), cell: (/** @type {any} */ turn) => turn.turn }, ...[...new Set(timed.flatMap((turn) => Object.keys(turn.latency_ms)))].map((name) => ({ name, title: label(name), end: true, cell: (/** @type {any} */ turn) => figure(turn.latency_ms[name]) }))]} rows=${timed} id=${(/** @type {any} */ turn) => turn.turn} /></details></section>`;
}

/** @param {{call: any}} props */
function Costs({ call }) {
  if (!call.costs.length) return null;
  return html`<section class="card"><h2>${t("Cost")}</h2><dl class="facts list">${call.costs.map((/** @type {any} */ cost, /** @type {number} */ i) => html`<div key=${i}><dt>${label(cost.resource_type)} <span class="quiet">${figure(cost.unit === "ms" ? cost.quantity / 1000 : cost.quantity)} ${["ms", "second"].includes(cost.unit) ? "s" : label(cost.unit).toLowerCase()}</span></dt><dd>${money(cost.cost, cost.currency)}</dd></div>`)}</dl></section>`;
}

/** @param {{analysis: any}} props */
function Analysis({ analysis }) {
  return html`<section class="card"><header><h2>${t("Analysis")}</h2><${Badge} value=${analysis.status} /></header>${analysis.success_reason ? html`<p>${analysis.success_reason}</p>` : null}${analysis.reason ? html`<p class="quiet">${label(analysis.reason)}</p>` : null}${analysis.extracted ? html`<pre tabindex="0">${JSON.stringify(analysis.extracted, null, 2)}</pre>` : null}</section>`;
}

/** @param {{base: string}} props */
function Events({ base }) {
  const [kind, setKind] = useState("");
  const loaded = useLoad(async (aborted) => {
    const events = [];
    for (let after = undefined, more = true; more && events.length < 2000; ) {
      const page = await get(`${base}/events`, { limit: 200, after_seq: after }, aborted);
      events.push(...page.events);
      more = page.has_more;
      after = page.events.at(-1)?.seq;
    }
    return events;
  }, [base]);
  return html`<${Loaded} of=${loaded}>${(/** @type {any[]} */ events) => {
    const kinds = [...new Set(events.map((event) => event.event_type))].sort();
    const shown = events.filter((event) => !kind || event.event_type === kind);
    if (!events.length) return html`<${Empty} title=${t("No events are kept of this call.")} />`;
    return html`<div class="filters"><div class="field"><label for="kind">${t("Type")}</label><select id="kind" onChange=${(/** @type {any} */ event) => setKind(event.target.value)}><option value="">${t("All")} (${events.length})</option>${kinds.map((one) => html`<option key=${one}>${one}</option>`)}</select></div></div>
      <${Table} caption=${t("Events")} id=${(/** @type {any} */ event) => event.seq} rows=${shown} columns=${[{ name: "at", title: t("Time"), cell: (/** @type {any} */ event) => html`<span class="mono">${time(event.timestamp, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 })}</span>` }, { name: "type", title: t("Type"), cell: (/** @type {any} */ event) => html`<strong>${event.event_type}</strong>` }, { name: "data", title: t("Data"), cell: (/** @type {any} */ event) => html`<code>${JSON.stringify(event.event_data)}</code>` }]} />`;
  }}<//>`;
}

/** @param {any} props */
function Details({ workspace, call, agent }) {
  const known = (/** @type {Record<string, any>} */ values) => Object.entries(values);
  return html`<section class="card"><${Facts} items=${[
    [t("Agent"), agent ? html`<a href=${link(`/w/${workspace}/agents/${agent.id}`)}>${agent.name}</a> ${call.agent_version ? `v${call.agent_version}` : ""}` : null], [t("Direction"), label(call.direction)], [t("Caller"), call.caller_withheld ? t("Withheld") : call.caller_number], [t("Called number"), call.called_number], [t("Carrier"), call.carrier], [t("Carrier's id"), html`<${Copy} value=${call.carrier_call_id} />`],
    [t("Started"), html`<${Time} value=${call.started_at} />`], [t("Answered"), html`<${Time} value=${call.answered_at} />`], [t("Ended"), html`<${Time} value=${call.ended_at} />`], [t("Answered by"), call.answered_by && label(call.answered_by)], [t("Interruptions"), call.interruptions], [t("Caller's attestation"), call.caller_attestation], [t("Transferred to"), call.transferred_to], [t("Test call"), call.is_test ? t("Yes") : t("No")], [t("Consent announced"), html`<${Time} value=${call.consent.announced_at} />`], [t("Consent refused"), html`<${Time} value=${call.consent.refused_at} />`], [t("Asked not to be called"), html`<${Time} value=${call.opted_out_at} />`],
  ]} /></section>
  ${known(call.variables).length ? html`<section class="card"><h2>${t("Variables")}</h2><${Facts} items=${known(call.variables)} /></section>` : null}
  ${known(call.metadata).length ? html`<section class="card"><h2>${t("Metadata")}</h2><${Facts} items=${known(call.metadata)} /></section>` : null}
  ${call.failed_transfers.length ? html`<section class="card"><h2>${t("Failed transfers")}</h2><${Table} caption=${t("Failed transfers")} rows=${call.failed_transfers} id=${(/** @type {any} */ one) => one.at} columns=${[{ name: "number", title: t("Number"), cell: (/** @type {any} */ one) => one.number }, { name: "failure", title: t("Failure"), cell: (/** @type {any} */ one) => label(one.failure) }, { name: "at", title: t("Time"), cell: (/** @type {any} */ one) => html`<${Time} value=${one.at} />` }]} /></section>` : null}`;
}
