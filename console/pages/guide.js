// The first pages: a user's workspaces, and the overview of one, which leads from nothing to a spoken test call.
import { useState } from "preact/hooks";
import { get, post, read } from "../api.js";
import { loadSession, may, session } from "../app.js";
import { duration, figure, money, t } from "../i18n.js";
import { go, link } from "../router.js";
import { Badge, Button, Dialog, Empty, ErrorBox, Icon, Loaded, Page, TextField, Time, html, toast, useAction, useLoad } from "../ui.js";
import { otherEnd } from "./calls.js";

export function Home() {
  const known = session.value?.workspaces || [];
  const [creating, setCreating] = useState(false);
  const last = known.find((workspace) => workspace.id === read("vocalized.workspace"));
  return html`<${Page} title=${t("Your workspaces")} actions=${known.length ? html`<${Button} kind="main" onClick=${() => setCreating(true)}><${Icon} name="plus" />${t("New workspace")}<//>` : null}>
    ${known.length ? html`<div class="choices">${[...(last ? [last] : []), ...known.filter((one) => one !== last)].map((workspace) => html`<a class="choice" style=${{ textDecoration: "none" }} key=${workspace.id} href=${link(`/w/${workspace.id}`)}><strong>${workspace.name}</strong><span class="quiet">${t("Role: {role}", { role: t(workspace.role) })}</span><span><${Badge} value=${workspace.status} /></span></a>`)}</div>`
      : html`<section class="card" style=${{ maxWidth: "32rem" }}><h2>${t("Create your first workspace")}</h2><p class="quiet">${t("A workspace holds your agents, numbers and calls. You can invite others later.")}</p><${NewWorkspace} /></section>`}
    ${creating ? html`<${Dialog} title=${t("New workspace")} onClose=${() => setCreating(false)}><${NewWorkspace} /><//>` : null}
  <//>`;
}

function NewWorkspace() {
  const [name, setName] = useState("");
  const [zone, setZone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  const { busy, error, run } = useAction(async () => {
    const { workspace } = await post("/workspaces", { name, timezone: zone });
    await loadSession();
    go(`/w/${workspace.id}`);
  });
  return html`<form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
    <${ErrorBox} error=${error} />
    <${TextField} label=${t("Name of the business")} required value=${name} onInput=${setName} />
    <${TextField} label=${t("Time zone")} required value=${zone} onInput=${setZone} hint=${t("Times of this workspace are shown in it.")} list="zones" />
    <datalist id="zones">${/** @type {any} */ (Intl).supportedValuesOf?.("timeZone").map((/** @type {string} */ one) => html`<option key=${one} value=${one} />`)}</datalist>
    <${Button} kind="main" type="submit" busy=${busy}>${t("Create workspace")}<//>
  </form>`;
}

/** @param {{workspace: string}} props */
export function Guide({ workspace }) {
  const base = `/workspaces/${workspace}`;
  const loaded = useLoad(async (aborted) => {
    const [agents, numbers, calls, live, figures] = await Promise.all([
      get(`${base}/agents`, { limit: 50 }, aborted), get(`${base}/phone-numbers`, { limit: 50 }, aborted), get(`${base}/calls`, { limit: 6 }, aborted), get(`${base}/calls/live`, {}, aborted), get(`${base}/analytics/overview`, { period: "week" }, aborted).catch(() => null),
    ]);
    return { agents, numbers, calls, live, figures };
  }, [workspace]);
  const name = session.value?.workspaces.find((one) => one.id === workspace)?.name || "";
  return html`<${Page} title=${name}>
    <${Loaded} of=${loaded}>${(/** @type {any} */ { agents, numbers, calls, live, figures }) => html`
      ${calls.calls.length && numbers.phone_numbers.length ? null : html`<${Steps} ...${{ workspace, agents: agents.agents, numbers: numbers.phone_numbers, calls: calls.calls, reload: loaded.reload }} />`}
      <dl class="stats">
        <div><dt>${t("Running calls")}</dt><dd><a href=${link(`/w/${workspace}/live`)}>${live.active_calls.length}${live.has_more ? "+" : ""}</a></dd></div>
        <div><dt>${t("Calls this week")}</dt><dd>${figure(figures?.total_calls)}</dd></div>
        <div><dt>${t("Minutes")}</dt><dd>${figure(figures?.total_minutes, { maximumFractionDigits: 1 })}</dd></div>
        <div><dt>${t("Average call")}</dt><dd>${duration(figures?.avg_call_duration)}</dd></div>
        <div><dt>${t("Successful")}</dt><dd>${figures?.success_rate === null || !figures ? "–" : figure(figures.success_rate / (figures.success_rate > 1 ? 100 : 1), { style: "percent" })}</dd></div>
      </dl>
      <div class="split even">
        <section class="card flush"><header style=${{ padding: "1rem 1.125rem .25rem" }}><h2>${t("Latest calls")}</h2><a href=${link(`/w/${workspace}/calls`)}>${t("All calls")}</a></header>
          ${calls.calls.length ? html`<div class="live-list">${calls.calls.map((/** @type {any} */ call) => html`<a class="live-row brief" key=${call.id} href=${link(`/w/${workspace}/calls/${call.id}`)}><span><strong>${otherEnd(call)}</strong><span class="quiet">${call.agent_name || "–"}</span></span><${Badge} value=${call.status} /><span class="quiet end"><${Time} value=${call.created_at} relative /><br />${duration(call.duration_seconds)} · ${money(call.cost_total, call.currency)}</span></a>`)}</div>` : html`<p class="quiet" style=${{ padding: "0 1.125rem 1rem" }}>${t("No calls yet.")}</p>`}
        </section>
        <section class="card flush"><header style=${{ padding: "1rem 1.125rem .25rem" }}><h2>${t("Agents")}</h2><a href=${link(`/w/${workspace}/agents`)}>${t("All agents")}</a></header>
          ${agents.agents.length ? html`<div class="live-list">${agents.agents.slice(0, 6).map((/** @type {any} */ agent) => html`<a class="live-row brief" key=${agent.id} href=${link(`/w/${workspace}/agents/${agent.id}`)}><span><strong>${agent.name}</strong><span class="quiet">${agent.phone_number || t("No number")}</span></span><${Badge} value=${agent.status} /><span class="quiet end">v${agent.version}</span></a>`)}</div>` : html`<p class="quiet" style=${{ padding: "0 1.125rem 1rem" }}>${t("No agents yet.")}</p>`}
        </section>
      </div>`}<//>
  <//>`;
}

/** @param {any} props */
function Steps({ workspace, agents, numbers, calls, reload }) {
  const to = (/** @type {string} */ path) => link(`/w/${workspace}${path}`);
  const agent = agents.find((/** @type {any} */ one) => one.status === "live") || agents[0];
  const activate = useAction(async () => {
    await post(`/workspaces/${workspace}/agents/${agent.id}/activate`);
    toast(t("The agent answers calls now."));
    reload();
  });
  const isMember = may(workspace, "member");
  return html`<section class="card"><h2>${t("From nothing to a spoken call")}</h2>
    <ol class="steps">
      ${session.value?.user.is_verified === false ? html`<li><div><h3>${t("Confirm your e-mail address")}</h3><p class="quiet">${t("By the link that we sent you. Agents answer only then.")}</p></div></li>` : null}
      <li class=${agents.length ? "done" : ""}><div><h3>${t("Make an agent")}</h3><p class="quiet">${t("Start from a template: it has a prompt, a greeting and tools that work together.")}</p>${agents.length || !isMember ? null : html`<a class="button main" href=${link(`/w/${workspace}/agents`, { create: 1 })}>${t("Choose a template")}</a>`}</div></li>
      <li class=${calls.length ? "done" : ""}><div><h3>${t("Talk to it")}</h3><p class="quiet">${t("Speak with a draft in the browser, or have it call your phone.")}</p>${agent && isMember ? html`<a class=${`button ${calls.length ? "" : "main"}`} href=${to(`/agents/${agent.id}/test`)}><${Icon} name="mic" />${t("Test call")}</a>` : null}</div></li>
      <li class=${agent?.status === "live" ? "done" : ""}><div><h3>${t("Activate it")}</h3><p class="quiet">${t("Only live agents answer calls from outside.")}</p>${agent && agent.status !== "live" && isMember ? html`<${ErrorBox} error=${activate.error} /><${Button} busy=${activate.busy} onClick=${activate.run}>${t("Activate {name}", { name: agent.name })}<//>` : null}</div></li>
      <li class=${numbers.length ? "done" : ""}><div><h3>${t("Give it a phone number")}</h3><p class="quiet">${t("Callers reach the agent by it.")}</p>${numbers.length || !may(workspace, "admin") ? null : html`<a class="button" href=${to("/numbers/buy")}>${t("Buy a number")}</a>`}</div></li>
    </ol>
  </section>`;
}
export { Empty };
