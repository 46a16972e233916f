// One agent: its draft in a form made from the config's JSON Schema, its versions, and test calls. What is edited is a draft;
// callers get it once it is published.
import { useEffect, useState } from "preact/hooks";
import { call as ask, get, post, put, remove } from "../api.js";
import { may } from "../app.js";
import { Fields, faultsOf, mergePatch, tidy } from "../forms.js";
import { compareTexts, shorten } from "../diff.js";
import { duration, figure, label, money, pathLabel, t } from "../i18n.js";
import { go, guard, link, setQuery, view } from "../router.js";
import { Badge, Button, Copy, Dialog, ErrorBox, Facts, Icon, Loaded, Page, SelectField, Table, Tabs, TextField, Time, confirm, errorText, html, toast, useAction, useLoad } from "../ui.js";
import { MissingFacts } from "./facts.js";
import { TestCall } from "./test-call.js";

/** The sections of the form, by what an author thinks of together. @type {[string, string, string[]][]} */
const SECTIONS = [
  ["conversation", "Conversation", ["prompt", "greeting", "first_message", "greeting_interruptible", "goodbye", "facts", "variables"]],
  ["voice", "Voice and language", ["language", "additional_languages", "speech", "voices", "pronunciations", "keyterms"]],
  ["turns", "Turn-taking", ["turn"]],
  ["tools", "Tools", ["tools", "http_tools", "mcp_tools", "action_tools", "calendar", "knowledge", "record_sent_digits"]],
  ["transfer", "Transfers", ["fallback_number", "transfer_mode"]],
  ["hours", "Opening hours", ["hours", "outside_hours"]],
  ["recording", "Recording and disclosure", ["recording", "disclosure"]],
  ["outbound", "Outbound calls", ["voicemail_message", "call_screening", "screening_message"]],
  ["after", "Messages and analysis", ["messages", "analysis"]],
  ["limits", "Limits", ["limits"]],
];

/** @param {{workspace: string, agent: string, tab?: string}} props */
export function Agent({ workspace, agent: id, tab = "" }) {
  const base = `/workspaces/${workspace}/agents/${id}`;
  const loaded = useLoad(async (aborted) => {
    const [found, draft, schema] = await Promise.all([get(base, {}, aborted), get(`${base}/draft`, {}, aborted).catch((error) => (error.status === 404 ? null : Promise.reject(error))), get("/schemas/agent-config.json", {}, aborted)]);
    return { ...found, draft: draft?.draft || null, schema };
  }, [id]);
  const here = `/w/${workspace}/agents/${id}`;
  const agent = loaded.data?.agent;
  const status = useAction(async (/** @type {string} */ action) => {
    if (action === "pause" && !(await confirm({ title: t("Pause {name}?", { name: agent.name }), text: t("It no longer answers calls. Running calls go on."), action: t("Pause"), danger: true }))) return;
    const answer = await post(`${base}/${action}`);
    for (const warning of answer?.warnings || []) toast(warning.message, "bad");
    toast(action === "pause" ? t("The agent is paused.") : t("The agent answers calls now."));
    loaded.reload();
  });
  const isMember = may(workspace, "member");
  return html`<${Page} wide title=${agent?.name || t("Agent")} crumbs=${[[t("Agents"), `/w/${workspace}/agents`]]}
    note=${agent ? html`<${Badge} value=${agent.status} /><span>${t("Version {n}", { n: agent.version })}</span>${loaded.data?.phone_number ? html`<span>${loaded.data.phone_number.phone_number}</span>` : html`<span>${t("No number")}</span>`}<${Copy} value=${id} />` : null}
    actions=${agent && isMember ? html`<a class="button" href=${link(`${here}/test`)}><${Icon} name="mic" />${t("Test call")}</a>${agent.status === "live" ? html`<${Button} busy=${status.busy} onClick=${() => status.run("pause")}>${t("Pause")}<//>` : html`<${Button} kind="main" busy=${status.busy} onClick=${() => status.run("activate")}>${t("Activate")}<//>`}` : null}>
    ${status.error?.code === "cannot_answer" ? html`<div class="notice bad" role="alert"><${Icon} name="warn" /><div><p><strong>${t("It cannot be activated yet.")}</strong></p><${Reasons} reasons=${status.error.faults} /></div></div>` : html`<${ErrorBox} error=${status.error} />`}
    <${Tabs} current=${link(here + (tab ? `/${tab}` : ""))} items=${[[t("Configuration"), link(here)], [t("Versions"), link(`${here}/versions`)], [t("Test call"), link(`${here}/test`)], [t("Details"), link(`${here}/details`)]]} />
    <${Loaded} of=${loaded} rows=${8}>${(/** @type {any} */ data) => tab === "versions" ? html`<${Versions} ...${{ workspace, base, data, reload: loaded.reload, isMember }} />` : tab === "test" ? html`<${MissingFacts} ...${{ workspace, base, data, reload: loaded.reload, isMember }} />${(data.draft || data.agent).missing_facts.length ? null : html`<${TestCall} ...${{ workspace, base, data, isMember }} />`}` : tab === "details" ? html`<${AgentDetails} ...${{ workspace, base, data, reload: loaded.reload }} />` : html`<${MissingFacts} ...${{ workspace, base, data, reload: loaded.reload, isMember }} /><${Editor} key=${data.draft?.revision || data.agent.version} ...${{ workspace, base, data, reload: loaded.reload, isMember }} />`}<//>
  <//>`;
}

/** @param {any} props */
function Editor({ workspace, base, data, reload, isMember }) {
  const { agent, draft, schema } = data;
  const saved = draft || agent;
  const [name, setName] = useState(saved.name);
  const [config, setConfig] = useState(saved.config);
  const [publishing, setPublishing] = useState(false);
  const patch = mergePatch(saved.config, tidy(config));
  const isDirty = patch !== undefined || name !== saved.name;
  const pickers = useLoad(() => loadChoices(workspace), [workspace]);
  useEffect(() => {
    guard.current = isDirty ? () => window.confirm(t("Leave without saving your changes?")) : null;
    return () => {
      guard.current = null;
    };
  }, [isDirty]);
  const save = useAction(async () => {
    await put(`${base}/draft`, { ...(name === saved.name ? {} : { name }), ...(patch === undefined ? {} : { config: patch }), ...(draft ? { expected_revision: draft.revision } : {}) });
    guard.current = null;
    toast(t("Draft saved. Callers get it once it is published."));
    reload();
  });
  const discard = async () => {
    if (!(await confirm({ title: t("Discard the draft?"), text: t("All changes since version {n} are lost.", { n: agent.version }), action: t("Discard"), danger: true }))) return;
    await remove(`${base}/draft`).then(reload, (error) => toast(errorText(error), "bad"));
  };
  const around = { root: schema, faults: faultsOf(save.error, "config"), pickers: pickers.data || {}, depth: 0, isConfig: true };
  const listed = new Set(SECTIONS.flatMap(([, , names]) => names));
  const rest = Object.keys(schema.properties).filter((one) => !listed.has(one));
  const sections = rest.length ? [...SECTIONS, ["other", "Other", rest]] : SECTIONS;
  const section = view.value.query.get("section") || "conversation";
  const [, title, names] = /** @type {any} */ (sections.find(([key]) => key === section) || sections[0]);
  return html`<form class="editor" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); save.run(); }}>
    <nav class="toc" aria-label=${t("Sections of the configuration")}>${sections.map(([key, text]) => html`<a key=${key} href=${link(view.value.path, { section: key === "conversation" ? "" : key })} aria-current=${key === section ? "true" : undefined}>${t(String(text))}</a>`)}</nav>
    <div class="stack">
      ${draft ? html`<div class="notice"><div><p><strong>${t("You see the draft.")}</strong> ${t("Callers get version {n} until you publish.", { n: agent.version })}${draft.is_outdated ? ` ${t("Another version came into force since the draft was begun: compare before you publish.")}` : ""}</p></div></div>` : null}
      <${ErrorBox} error=${save.error} />
      <section class="card" aria-labelledby="section-title"><h2 id="section-title">${t(title)}</h2><div class=${`form ${section === "conversation" ? "prompt" : ""}`} style=${{ maxWidth: "60rem" }}>
        ${section === "conversation" ? html`<${TextField} label=${t("Name")} required value=${name} onInput=${setName} />` : null}
        <fieldset disabled=${!isMember}><${Fields} schema=${schema} value=${config} onChange=${setConfig} around=${around} only=${names} /></fieldset>
        ${section === "conversation" ? html`<p class="hint">${t("{count} characters in the prompt", { count: figure((config.prompt || "").length) })}</p>` : null}
      </div></section>
      ${isMember && (isDirty || draft) ? html`<div class="savebar" role="region" aria-label=${t("Draft")}><span>${isDirty ? t("You have changes that are not saved.") : t("The draft is saved.")}</span><div class="buttons">
        ${draft && !isDirty ? html`<${Button} kind="danger" onClick=${discard}>${t("Discard draft")}<//>` : null}
        ${isDirty ? html`<${Button} onClick=${() => { setName(saved.name); setConfig(saved.config); }}>${t("Undo")}<//><${Button} kind="main" type="submit" busy=${save.busy}>${t("Save draft")}<//>` : html`<a class="button" href=${link(`/w/${workspace}/agents/${agent.id}/test`)}>${t("Test the draft")}</a><${Button} kind="main" onClick=${() => setPublishing(true)}>${t("Compare and publish")}<//>`}
      </div></div>` : null}
    </div>
    <${Preview} base=${base} patch=${patch} status=${agent.status} />
    ${publishing ? html`<${Publish} ...${{ base, agent, draft, onClose: () => setPublishing(false), done: reload }} />` : null}
  </form>`;
}

/** What fields of the config choose from. @param {string} workspace @returns {Promise<Record<string, [string, string][]>>} */
async function loadChoices(workspace) {
  const base = `/workspaces/${workspace}`;
  const rows = async (/** @type {string} */ path, /** @type {string} */ key) => (await get(path, { limit: 100 }).catch(() => ({})))[key] || [];
  const [tools, servers, integrations, documents, providers, members] = await Promise.all([get(`${base}/http-tools`).then((answer) => answer.http_tools, () => []), get(`${base}/mcp-servers`).then((answer) => answer.mcp_servers, () => []), rows(`${base}/integrations`, "integrations"), rows(`${base}/knowledge/documents`, "documents"), get(`${base}/voice/providers`).then((answer) => answer.providers, () => []), get(`${base}/members`).then((answer) => answer.members, () => [])]);
  const named = (/** @type {any[]} */ list, key = "name") => list.map((row) => /** @type {[string, string]} */ ([row[key], row.name || row[key]]));
  return { http_tools: named(tools), server: named(servers), integration_id: named(integrations, "id"), document_ids: named(documents, "id"), provider: named(providers, "provider"), email_to: members.map((/** @type {any} */ member) => [member.email, member.name]) };
}

/** @param {any} props */
function Publish({ base, agent, draft, onClose, done }) {
  const loaded = useLoad(() => get(`${base}/versions/${agent.version}/diff/draft`), [draft.revision]);
  const { busy, error, run } = useAction(async () => {
    await post(`${base}/draft/publish`, { expected_revision: draft.revision, expected_version: agent.version });
    toast(t("Published. The next caller gets it."));
    onClose();
    done();
  });
  return html`<${Dialog} title=${t("Publish the draft")} wide onClose=${onClose}>
    <${ErrorBox} error=${error} />
    <${Loaded} of=${loaded}>${(/** @type {any} */ { differences }) => html`<${Diff} differences=${differences} />`}<//>
    <div class="buttons"><${Button} onClick=${onClose}>${t("Cancel")}<//><${Button} kind="main" busy=${busy} onClick=${run}>${t("Publish")}<//></div>
  <//>`;
}

/** A value as people read it. @param {any} value @returns {string} */
function readable(value) {
  if (value === null || value === undefined || value === "") return t("None");
  if (typeof value === "boolean") return value ? t("Yes") : t("No");
  if (typeof value === "string") return value;
  if (typeof value === "number") return figure(value);
  if (Array.isArray(value)) return value.length ? value.map(readable).join(value.some((one) => typeof one === "object") ? "\n" : ", ") : t("None");
  return Object.entries(value).map(([name, part]) => `${label(name)}: ${readable(part)}`).join(", ");
}

/** @param {{differences: any[]}} props */
function Diff({ differences }) {
  if (!differences.length) return html`<p class="quiet">${t("There is no difference.")}</p>`;
  return html`<dl class="diff">${differences.map((one) => html`<div key=${one.path}><dt><strong>${pathLabel(one.path)}</strong> <code class="quiet">${one.path}</code></dt><dd><${Change} ...${one} /></dd></div>`)}</dl>`;
}

/** A passage that changed shows the words that were removed and added in it. @param {any} props */
function Change({ kind, before, after }) {
  const isText = kind === "changed" && typeof before === "string" && typeof after === "string" && (before.length > 60 || after.length > 60 || /\n/.test(before + after));
  if (!isText) return html`${kind === "added" ? null : html`<del>${readable(before)}</del>`}${kind === "removed" ? null : html`<ins>${readable(after)}</ins>`}`;
  return html`<p class="text">${shorten(compareTexts(before, after)).map(([piece, text], i) => piece === "gap" ? html`<span class="gap" key=${i}>${t("{count} lines are unchanged", { count: text })}</span>` : piece === "del" ? html`<del key=${i}>${text}</del>` : piece === "ins" ? html`<ins key=${i}>${text}</ins>` : html`<span key=${i}>${text}</span>`)}</p>`;
}

/** What the agent would be with the changes so far: the API tries them without storing anything. @param {{base: string, patch: any, status: string}} props */
function Preview({ base, patch, status }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [isOld, setOld] = useState(false);
  const wanted = JSON.stringify(patch || {});
  useEffect(() => {
    const control = new AbortController();
    setOld(true);
    const timer = setTimeout(() => post(`${base}/preview`, { config: JSON.parse(wanted) }, { signal: control.signal }).then((answer) => { setFound(answer); setOld(false); }, () => null), found ? 600 : 0);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [base, wanted]);
  if (!found) return html`<aside class="preview"></aside>`;
  const unknown = html`<span class="unknown">${t("not measured yet")}</span>`;
  return html`<aside class=${`preview${isOld ? " old" : ""}`} aria-label=${t("With these settings")}>
    <section class="card"><h2>${t("With these settings")}</h2>
      <dl class="facts list">${found.providers.map((/** @type {any} */ one) => html`<div key=${one.kind}><dt>${label(one.kind)}<span class="sub">${one.provider}</span></dt><dd>${one.latency_ms === null ? unknown : `${figure(one.latency_ms)} ms`}</dd></div>`)}
        <div class="sum"><dt>${t("Answer time")}<span class="sub">${t("after the end of the turn")}</span></dt><dd>${found.latency_ms === null ? unknown : `${figure(found.latency_ms)} ms`}</dd></div>
        <div class="sum"><dt>${t("Price of a minute")}<span class="sub">${found.vendor_cost === null ? t("beyond the included ones") : t("and about {amount} to your vendors", { amount: money(found.vendor_cost, "USD") })}</span></dt><dd>${money(found.price_per_minute, found.currency)}</dd></div></dl></section>
    ${found.reasons.length ? html`<section class="card"><h2>${status === "live" ? t("What keeps it from answering") : t("Before you can activate it")}</h2><${Reasons} reasons=${found.reasons} /></section>` : null}
    ${found.warnings.length ? html`<section class="card"><h2>${t("Good to know")}</h2><ul class="reasons">${found.warnings.map((/** @type {any} */ one) => html`<li key=${one.param + one.code}>${t(one.message)}</li>`)}</ul></section>` : null}
  </aside>`;
}

/** Why an agent cannot answer. @param {{reasons: {param: string | null, message: string}[]}} props */
function Reasons({ reasons }) {
  return html`<ul class="reasons">${reasons.map(({ param, message }) => html`<li key=${param + message}>${param ? html`<strong>${pathLabel(param.replace(/_id$/, ""))}</strong> ` : null}${t(message)}</li>`)}</ul>`;
}

/** @param {any} props */
function Versions({ base, data, reload, isMember }) {
  const { query } = view.value;
  const loaded = useLoad((aborted) => get(`${base}/versions`, { limit: 50 }, aborted), [base, data.agent.version]);
  const [one, other] = [query.get("before"), query.get("after")];
  const restore = async (/** @type {number} */ version) => {
    if (!(await confirm({ title: t("Restore version {n}?", { n: version }), text: t("It becomes a new version, and the next caller gets it."), action: t("Restore") }))) return;
    try {
      await ask("POST", `${base}/versions/${version}/restore`, { body: { expected_version: data.agent.version } });
      toast(t("Restored."));
      reload();
    } catch (error) {
      toast(errorText(error), "bad");
    }
  };
  return html`<${Loaded} of=${loaded}>${(/** @type {any} */ { versions }) => {
    const choices = [...(data.draft ? [["draft", t("Draft")]] : []), ...versions.filter((/** @type {any} */ version) => !version.is_draft).map((/** @type {any} */ version) => [String(version.version), t("Version {n}", { n: version.version })])];
    return html`<section class="card"><h2>${t("Compare")}</h2><div class="filters"><${SelectField} label=${t("From")} value=${one || ""} options=${[["", t("Choose")], ...choices]} onInput=${(/** @type {string} */ value) => setQuery({ before: value })} /><${SelectField} label=${t("To")} value=${other || ""} options=${[["", t("Choose")], ...choices]} onInput=${(/** @type {string} */ value) => setQuery({ after: value })} /></div>${one && other ? html`<${Comparison} base=${base} one=${one} other=${other} />` : null}</section>
    <${Table} caption=${t("Versions")} rows=${versions} id=${(/** @type {any} */ version) => version.version} columns=${[
      { name: "version", title: t("Version"), cell: (/** @type {any} */ version) => html`<strong>${version.version}</strong> ${version.version === data.agent.version ? html`<${Badge} value="live" text=${t("in force")} />` : version.is_draft ? html`<${Badge} value="draft" text=${t("tested draft")} />` : null}` }, { name: "name", title: t("Name"), cell: (/** @type {any} */ version) => version.name }, { name: "at", title: t("Time"), cell: (/** @type {any} */ version) => html`<${Time} value=${version.created_at} />` },
      { name: "actions", title: "", end: true, cell: (/** @type {any} */ version) => html`<div class="buttons"><${Button} kind="small" onClick=${() => setQuery({ before: version.version, after: data.draft ? "draft" : data.agent.version })}>${t("Compare")}<//>${isMember && version.version !== data.agent.version && !version.is_draft ? html`<${Button} kind="small" onClick=${() => restore(version.version)}>${t("Restore")}<//>` : null}</div>` },
    ]} />`;
  }}<//>`;
}

/** @param {{base: string, one: string, other: string}} props */
function Comparison({ base, one, other }) {
  const loaded = useLoad(() => get(`${base}/versions/${one}/diff/${other}`), [one, other]);
  return html`<${Loaded} of=${loaded}>${(/** @type {any} */ { differences }) => html`<${Diff} differences=${differences} />`}<//>`;
}

/** @param {any} props */
function AgentDetails({ workspace, base, data, reload }) {
  const { agent, stats, phone_number } = data;
  const numbers = useLoad((aborted) => get(`/workspaces/${workspace}/phone-numbers`, { limit: 100 }, aborted).then((answer) => answer.phone_numbers), [workspace]);
  const [chosen, setChosen] = useState(phone_number?.id || "");
  const assign = useAction(async () => {
    await put(base, { phone_number_id: chosen || null });
    toast(t("Saved"));
    reload();
  });
  const destroy = async () => {
    if (!(await confirm({ title: t("Delete {name}?", { name: agent.name }), text: t("It no longer answers calls. Its calls are kept."), action: t("Delete"), danger: true }))) return;
    await remove(base).then(() => go(`/w/${workspace}/agents`), (error) => toast(errorText(error), "bad"));
  };
  return html`<section class="card"><${Facts} items=${[[t("Calls"), figure(stats.total_calls)], [t("Average call"), duration(stats.avg_duration)], [t("Template"), agent.template_name], [t("Activated"), html`<${Time} value=${agent.activated_at} />`], [t("Created"), html`<${Time} value=${agent.created_at} />`], [t("Changed"), html`<${Time} value=${agent.updated_at} />`]]} /><p><a href=${link(`/w/${workspace}/calls`, { agent_id: agent.id })}>${t("Calls of this agent")}</a></p></section>
    ${may(workspace, "member") ? html`<section class="card"><h2>${t("Phone number")}</h2><form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); assign.run(); }}><${ErrorBox} error=${assign.error} />
      <${SelectField} label=${t("Callers reach the agent by")} value=${chosen} options=${[["", t("No number")], ...(numbers.data || []).filter((/** @type {any} */ one) => one.status === "active").map((/** @type {any} */ one) => [one.id, `${one.phone_number}${one.agent_name && one.agent_id !== agent.id ? ` (${one.agent_name})` : ""}`])]} onInput=${setChosen} />
      <div class="buttons"><${Button} type="submit" busy=${assign.busy}>${t("Save")}<//></div></form></section>` : null}
    ${may(workspace, "admin") ? html`<div><${Button} kind="danger" onClick=${destroy}>${t("Delete agent")}<//></div>` : null}`;
}
