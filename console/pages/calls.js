// All calls of a workspace, with filters in the address.
import { get, save } from "../api.js";
import { may } from "../app.js";
import { duration, label, money, t } from "../i18n.js";
import { go, link, setQuery, view } from "../router.js";
import { Badge, Button, Empty, Icon, Loaded, Page, Pager, Table, Time, errorText, html, toast, useLoad } from "../ui.js";

const STATUSES = ["queued", "ringing", "in_progress", "completed", "failed", "busy", "no_answer", "canceled"];

/** Who is at the other end. @param {any} call */
export const otherEnd = (call) => (call.direction === "inbound" ? call.caller_number || (call.is_test ? t("Browser") : t("Withheld")) : call.called_number || t("Unknown"));

/** @param {{workspace: string}} props */
export function Calls({ workspace }) {
  const { query } = view.value;
  const base = `/workspaces/${workspace}`;
  const asked = Object.fromEntries(query);
  const loaded = useLoad((aborted) => get(`${base}/calls`, asked, aborted), [workspace, query.toString()]);
  const agents = useLoad((aborted) => get(`${base}/agents`, { limit: 100 }, aborted), [workspace]);
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value, page: "" });
  const columns = [
    { name: "other", title: t("Caller or callee"), cell: (/** @type {any} */ call) => html`<span class="row nowrap"><${Icon} name=${call.direction === "inbound" ? "inbound" : "outbound"} /><span class="sr">${label(call.direction)}</span>${otherEnd(call)}</span>` },
    { name: "agent", title: t("Agent"), cell: (/** @type {any} */ call) => html`${call.agent_name || "–"}${call.is_test ? html` <${Badge} value="test" text=${t("Test")} />` : null}` },
    { name: "status", title: t("State"), cell: (/** @type {any} */ call) => html`<${Badge} value=${call.status} />` },
    { name: "end", title: t("End"), cell: (/** @type {any} */ call) => (call.end_reason ? label(call.end_reason) : "–") },
    { name: "at", title: t("Time"), cell: (/** @type {any} */ call) => html`<${Time} value=${call.created_at} />` },
    { name: "duration", title: t("Duration"), end: true, cell: (/** @type {any} */ call) => duration(call.duration_seconds) },
    { name: "cost", title: t("Cost"), end: true, cell: (/** @type {any} */ call) => money(call.cost_total, call.currency) },
  ];
  const isFiltered = [...query.keys()].some((name) => name !== "page");
  return html`<${Page} wide title=${t("Calls")} actions=${html`${may(workspace, "admin") ? html`<${Button} onClick=${() => save(`${base}/analytics/export`, { ...(asked.from ? { from: asked.from } : {}), ...(asked.to ? { to: asked.to } : {}), format: "csv" }, "calls.csv").catch((error) => toast(errorText(error), "bad"))}>${t("Export as CSV")}<//>` : null}<a class="button" href=${link(`/w/${workspace}/live`)}><${Icon} name="live" />${t("Live desk")}</a>`}>
    <form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <div class="field search"><label for="q">${t("Words in the transcript")}</label><input id="q" type="search" value=${asked.q || ""} onChange=${set("q")} /></div>
      <div class="field"><label for="number">${t("Caller's number")}</label><input id="number" type="search" inputmode="tel" value=${asked.caller_number || ""} onChange=${set("caller_number")} /></div>
      <div class="field"><label for="agent">${t("Agent")}</label><select id="agent" value=${asked.agent_id || ""} onChange=${set("agent_id")}><option value="">${t("All")}</option>${(agents.data?.agents || []).map((/** @type {any} */ agent) => html`<option key=${agent.id} value=${agent.id} selected=${agent.id === asked.agent_id}>${agent.name}</option>`)}</select></div>
      <div class="field"><label for="status">${t("State")}</label><select id="status" value=${asked.status || ""} onChange=${set("status")}><option value="">${t("All")}</option>${STATUSES.map((status) => html`<option key=${status} value=${status} selected=${status === asked.status}>${label(status)}</option>`)}</select></div>
      <div class="field"><label for="direction">${t("Direction")}</label><select id="direction" value=${asked.direction || ""} onChange=${set("direction")}><option value="">${t("All")}</option>${["inbound", "outbound"].map((one) => html`<option key=${one} value=${one} selected=${one === asked.direction}>${label(one)}</option>`)}</select></div>
      <div class="field"><label for="from">${t("From")}</label><input id="from" type="date" value=${asked.from || ""} onChange=${set("from")} /></div>
      <div class="field"><label for="to">${t("Until")}</label><input id="to" type="date" value=${asked.to || ""} onChange=${set("to")} /></div>
    </form>
    <${Loaded} of=${loaded}>${(/** @type {any} */ list) => list.calls.length
      ? html`<${Table} caption=${t("Calls")} columns=${columns} rows=${list.calls} href=${(/** @type {any} */ call) => link(`/w/${workspace}/calls/${call.id}`)} /><${Pager} page=${Number(asked.page) || 1} list=${list} />`
      : isFiltered ? html`<${Empty} title=${t("Nothing matches these filters.")}><${Button} onClick=${() => go(view.peek().path)}>${t("Remove the filters")}<//><//>` : html`<${Empty} title=${t("No calls yet.")} text=${t("Calls appear here as soon as they ring.")} />`}<//>
  <//>`;
}
