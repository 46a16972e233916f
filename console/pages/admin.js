// The staff's overview of the platform, and the audit log.
import { get } from "../api.js";
import { figure, label, money, t, time } from "../i18n.js";
import { setQuery, view } from "../router.js";
import { Badge, Copy, Empty, Loaded, Page, Pager, Table, Time, html, useLoad } from "../ui.js";
import { Plot } from "../plot.js";
import { Shares } from "./analytics.js";

const missing = (/** @type {any} */ error) => (error.status === 403 ? null : Promise.reject(error));

export function Overview() {
  const loaded = useLoad(async (aborted) => {
    const [overview, usage, health, platform] = await Promise.all([get("/admin/dashboard/overview", {}, aborted), get("/admin/dashboard/usage", {}, aborted).catch(missing), get("/admin/providers/health", {}, aborted).catch(missing), get("/admin/analytics/platform", {}, aborted).catch(missing)]);
    const known = (/** @type {any} */ one) => (one.status === "unknown" ? 1 : 0);
    return { overview, usage, health: (health?.providers || []).sort((/** @type {any} */ a, /** @type {any} */ b) => known(a) - known(b)), platform };
  }, []);
  return html`<${Page} title=${t("Platform")}>
    <${Loaded} of=${loaded}>${(/** @type {any} */ { overview, usage, health, platform }) => html`
      <dl class="stats"><div><dt>${t("Active workspaces")}</dt><dd>${figure(overview.active_workspaces)}<small>${t("of {count}", { count: figure(overview.total_workspaces) })}</small></dd></div><div><dt>${t("Calls today")}</dt><dd>${figure(overview.total_calls_today)}<small>${t("{count} this month", { count: figure(overview.total_calls_month) })}</small></dd></div><div><dt>${t("Active agents")}</dt><dd>${figure(overview.active_agents)}</dd></div><div><dt>${t("Revenue this month")}</dt><dd>${money(overview.total_revenue_month, overview.currency)}</dd></div><div><dt>${t("Monthly recurring revenue")}</dt><dd>${money(overview.mrr, overview.currency)}</dd></div>${platform ? html`<div><dt>${t("Cost")}</dt><dd>${money(platform.total_cost, platform.currency)}</dd></div>` : null}</dl>
      <div class="split even">
        ${usage ? html`<section class="card"><h2>${t("Calls by hour of the day")}</h2><${Plot} title=${t("Calls by hour of the day")} labels=${Array.from({ length: 24 }, (_, hour) => `${hour}:00`)} values=${Array.from({ length: 24 }, (_, hour) => usage.peak_hours.find((/** @type {any} */ one) => one.hour === hour)?.calls || 0)} format=${(/** @type {number} */ n) => figure(n)} /></section>` : null}
        ${platform ? html`<section class="card"><h2>${t("Calls by state")}</h2><${Shares} of=${platform.calls_by_status} /></section>` : null}
      </div>
      <section class="stack"><h2>${t("Health of providers")}</h2>${health.length ? html`<${Table} caption=${t("Health of providers")} rows=${health} id=${(/** @type {any} */ one) => one.provider} columns=${[{ name: "provider", title: t("Provider"), cell: (/** @type {any} */ one) => html`<strong>${one.provider}</strong>` }, { name: "status", title: t("State"), cell: (/** @type {any} */ one) => html`<${Badge} value=${one.status} />` }, { name: "latency", title: t("Latency"), end: true, cell: (/** @type {any} */ one) => (typeof one.latency === "number" ? `${figure(one.latency, { maximumFractionDigits: 0 })} ms` : "–") }, { name: "errors", title: t("Errors"), end: true, cell: (/** @type {any} */ one) => (one.error_rate === null ? "–" : figure(one.error_rate, { style: "percent", maximumFractionDigits: 1 })) }, { name: "check", title: t("Last check"), cell: (/** @type {any} */ one) => html`<${Time} value=${one.last_check} relative />` }]} />` : html`<p class="quiet">${t("None")}</p>`}</section>`}<//>
  <//>`;
}

export function AuditLog() {
  const { query } = view.value;
  const asked = Object.fromEntries(query);
  const loaded = useLoad((aborted) => get("/admin/logs/activity", asked, aborted), [query.toString()]);
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value, page: "" });
  return html`<${Page} wide title=${t("Audit log")} note=${t("Who changed or read what. Entries are sealed in a chain.")}>
    <form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}><div class="field search"><label for="action">${t("Action")}</label><input id="action" type="search" value=${asked.action || ""} onChange=${set("action")} /></div><div class="field"><label for="from">${t("From")}</label><input id="from" type="date" value=${asked.from || ""} onChange=${set("from")} /></div><div class="field"><label for="to">${t("Until")}</label><input id="to" type="date" value=${asked.to || ""} onChange=${set("to")} /></div></form>
    <${Loaded} of=${loaded}>${(/** @type {any} */ list) => list.logs.length ? html`<${Table} caption=${t("Audit log")} rows=${list.logs} columns=${[{ name: "at", title: t("Time"), cell: (/** @type {any} */ one) => html`<span class="mono">${time(one.timestamp, { dateStyle: "short", timeStyle: "medium" })}</span>` }, { name: "actor", title: t("Who"), cell: (/** @type {any} */ one) => html`<span class="nowrap">${one.actor_email || label(one.actor)}</span>` }, { name: "action", title: t("Action"), cell: (/** @type {any} */ one) => html`<strong>${one.action}</strong>` }, { name: "what", title: t("What"), cell: (/** @type {any} */ one) => html`<span class="nowrap">${label(one.resource_type)}</span> ${one.resource_id ? html`<${Copy} value=${one.resource_id} />` : ""}` }, { name: "details", title: t("Details"), cell: (/** @type {any} */ one) => (one.details && Object.keys(one.details).length ? html`<details><summary>${Object.keys(one.details.after || one.details).slice(0, 3).map(label).join(", ")}</summary><pre tabindex="0">${JSON.stringify(one.details, null, 2)}</pre></details>` : "–") }]} /><${Pager} page=${Number(asked.page) || 1} list=${list} />` : html`<${Empty} title=${t("Nothing matches these filters.")} />`}<//>
  <//>`;
}
