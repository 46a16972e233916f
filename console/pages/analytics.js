// Figures of a workspace: calls, agents and charges of a range of days.
import { get } from "../api.js";
import { duration, figure, label, money, t, time } from "../i18n.js";
import { link, setQuery, view } from "../router.js";
import { Empty, Loaded, Page, Table, html, useLoad } from "../ui.js";
import { Plot } from "../plot.js";

/** A share of one, as percent. @param {number | null} share */
const percent = (share) => (share === null || share === undefined ? "–" : figure(share, { style: "percent", maximumFractionDigits: 1 }));

/** @param {{workspace: string}} props */
export function Analytics({ workspace }) {
  const { query } = view.value;
  const asked = query.get("from") || query.get("to") ? { from: query.get("from"), to: query.get("to") } : { period: query.get("period") || "month" };
  const base = `/workspaces/${workspace}/analytics`;
  const loaded = useLoad(async (aborted) => {
    const [overview, agents, costs] = await Promise.all([get(`${base}/overview`, asked, aborted), get(`${base}/agents`, asked, aborted), get(`${base}/costs`, asked, aborted)]);
    return { overview, agents: agents.agents, costs };
  }, [workspace, JSON.stringify(asked)]);
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value, ...(name === "period" ? { from: "", to: "" } : { period: "" }) });
  return html`<${Page} title=${t("Analytics")} note=${loaded.data ? html`<span>${loaded.data.overview.first_day} – ${loaded.data.overview.last_day}, ${loaded.data.overview.timezone}</span>` : null}>
    <form class="filters"><div class="field"><label for="period">${t("Range")}</label><select id="period" value=${asked.period || ""} onChange=${set("period")}><option value="">${t("Chosen days")}</option>${["day", "week", "month"].map((one) => html`<option key=${one} value=${one} selected=${one === asked.period}>${t({ day: "Today", week: "This week", month: "This month" }[one] || one)}</option>`)}</select></div>
      <div class="field"><label for="from">${t("From")}</label><input id="from" type="date" value=${query.get("from") || ""} onChange=${set("from")} /></div><div class="field"><label for="to">${t("Until")}</label><input id="to" type="date" value=${query.get("to") || ""} onChange=${set("to")} /></div></form>
    <${Loaded} of=${loaded}>${(/** @type {any} */ { overview, agents, costs }) => html`
      <dl class="stats"><div><dt>${t("Calls")}</dt><dd>${figure(overview.total_calls)}</dd></div><div><dt>${t("Minutes")}</dt><dd>${figure(overview.total_minutes, { maximumFractionDigits: 1 })}</dd></div><div><dt>${t("Average call")}</dt><dd>${duration(overview.avg_call_duration)}</dd></div><div><dt>${t("Successful")}</dt><dd>${percent(overview.success_rate)}</dd></div><div><dt>${t("Charges")}</dt><dd>${money(costs.usage_billed + costs.fees_accrued, costs.currency)}</dd></div></dl>
      ${overview.total_calls ? html`<div class="split even">
        <section class="card"><h2>${t("Calls by hour of the day")}</h2><${Plot} title=${t("Calls by hour of the day")} labels=${hours(overview.peak_hours).map(([hour]) => `${hour}:00`)} values=${hours(overview.peak_hours).map(([, calls]) => calls)} format=${(/** @type {number} */ n) => figure(n)} /></section>
        <section class="card"><h2>${t("Charges by day")}</h2>${costs.trend.length ? html`<${Plot} title=${t("Charges by day")} kind=${costs.trend.length > 20 ? "line" : "bars"} labels=${costs.trend.map((/** @type {any} */ day) => time(`${day.date}T12:00:00Z`, { day: "numeric", month: "short" }))} values=${costs.trend.map((/** @type {any} */ day) => day.cost)} format=${(/** @type {number} */ n) => money(n, costs.currency)} />` : html`<p class="quiet">${t("None")}</p>`}</section>
        <section class="card"><h2>${t("Calls by state")}</h2><${Shares} of=${overview.calls_by_status} /></section>
        <section class="card"><h2>${t("Mood of callers")}</h2><${Shares} of=${overview.sentiment_distribution} /></section>
      </div>` : html`<${Empty} title=${t("No calls in this range.")} />`}
      ${agents.length ? html`<section class="stack"><h2>${t("Agents")}</h2><${Table} caption=${t("Agents")} rows=${agents} id=${(/** @type {any} */ agent) => agent.agent_id} href=${(/** @type {any} */ agent) => link(`/w/${workspace}/calls`, { agent_id: agent.agent_id })} columns=${[{ name: "name", title: t("Name"), cell: (/** @type {any} */ agent) => agent.name || "–" }, { name: "calls", title: t("Calls"), end: true, cell: (/** @type {any} */ agent) => figure(agent.total_calls) }, { name: "minutes", title: t("Minutes"), end: true, cell: (/** @type {any} */ agent) => figure(agent.total_minutes, { maximumFractionDigits: 1 }) }, { name: "duration", title: t("Average call"), end: true, cell: (/** @type {any} */ agent) => duration(agent.avg_duration) }, { name: "success", title: t("Successful"), end: true, cell: (/** @type {any} */ agent) => percent(agent.success_rate) }]} /></section>` : null}
      ${costs.by_resource.length ? html`<section class="stack"><h2>${t("Charges by kind")}</h2><${Table} caption=${t("Charges by kind")} rows=${costs.by_resource} id=${(/** @type {any} */ one) => one.resource_type} columns=${[{ name: "kind", title: t("Kind"), cell: (/** @type {any} */ one) => label(one.resource_type) }, { name: "quantity", title: t("Quantity"), end: true, cell: (/** @type {any} */ one) => figure(one.quantity) }, { name: "cost", title: t("Charge"), end: true, cell: (/** @type {any} */ one) => money(one.cost, one.currency) }]} /></section>` : null}`}<//>
  <//>`;
}

/** All hours of a day. @param {any[]} known @returns {[number, number][]} */
function hours(known) {
  const calls = new Map(known.map((one) => [one.hour, one.calls]));
  return Array.from({ length: 24 }, (_, hour) => [hour, calls.get(hour) || 0]);
}

/** @param {{of: Record<string, number>}} props */
export function Shares({ of }) {
  const all = Object.entries(of).filter(([, count]) => count).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...all.map(([, count]) => count));
  return all.length ? html`<div class="bars">${all.map(([name, count]) => html`<div class="bar" key=${name}><span>${label(name)}</span><meter min="0" max=${most} value=${count} aria-label=${label(name)}></meter><span>${figure(count)}</span></div>`)}</div>` : html`<p class="quiet">${t("None")}</p>`;
}
