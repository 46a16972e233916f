// The running period, limits and the way of payment.
import { get, post, remove } from "../api.js";
import { may } from "../app.js";
import { figure, label, money, t } from "../i18n.js";
import { link } from "../router.js";
import { Button, Facts, Loaded, Page, Table, Time, confirm, errorText, html, toast, useLoad } from "../ui.js";
import { SettingsCard } from "./settings.js";

/** @param {{workspace: string}} props */
export function Billing({ workspace }) {
  const base = `/workspaces/${workspace}/billing`;
  const isAdmin = may(workspace, "admin");
  const loaded = useLoad(async (aborted) => {
    const [now, settings, credits, alerts] = await Promise.all([get(`${base}/current`, {}, aborted), isAdmin ? get(`${base}/settings`, {}, aborted) : null, isAdmin ? get(`${base}/credits`, {}, aborted) : null, isAdmin ? get(`${base}/alerts`, {}, aborted) : null]);
    return { now, settings, credits: credits?.credits || [], alerts: alerts?.alerts || [] };
  }, [workspace]);
  const pay = () => post(`${base}/payment-method/setup`, {}).then((answer) => location.assign(answer.url || answer.setup_url || answer.checkout_url), (error) => toast(errorText(error), "bad"));
  const forget = async () => {
    if (!(await confirm({ title: t("Remove the payment method?"), action: t("Remove"), danger: true }))) return;
    await remove(`${base}/payment-method`).then(loaded.reload, (error) => toast(errorText(error), "bad"));
  };
  return html`<${Page} title=${t("Billing")} actions=${isAdmin ? html`<a class="button" href=${link(`/w/${workspace}/invoices`)}>${t("Invoices")}</a>` : null}>
    <${Loaded} of=${loaded}>${(/** @type {any} */ { now, settings, credits, alerts }) => {
      const { current_period: period } = now;
      return html`<dl class="stats">
        <div><dt>${t("So far in this period")}</dt><dd>${money(period.accrued_total, period.currency)}<small><${Time} value=${period.start} /> – <${Time} value=${period.end} /></small></dd></div>
        <div><dt>${t("Expected total")}</dt><dd>${money(period.total, period.currency)}</dd></div><div><dt>${t("Usage billed")}</dt><dd>${money(period.usage_billed, period.currency)}</dd></div><div><dt>${t("Fee of the plan")}</dt><dd>${money(period.subscription_fee, period.currency)}</dd></div>
        <div><dt>${t("Of the limit")}</dt><dd>${now.percentage_of_limit === null ? "–" : `${figure(now.percentage_of_limit)} %`}</dd></div></dl>
      <section class="stack"><h2>${t("Usage")}</h2>${now.usage_breakdown.length ? html`<${Table} caption=${t("Usage")} rows=${now.usage_breakdown} id=${(/** @type {any} */ one) => one.resource_type} columns=${[{ name: "kind", title: t("Kind"), cell: (/** @type {any} */ one) => label(one.resource_type) }, { name: "quantity", title: t("Quantity"), end: true, cell: (/** @type {any} */ one) => figure(one.quantity) }, { name: "cost", title: t("List price"), end: true, cell: (/** @type {any} */ one) => money(one.cost, one.currency) }]} />` : html`<p class="quiet">${t("None")}</p>`}</section>
      ${credits.length ? html`<section class="stack"><h2>${t("Credits")}</h2><${Table} caption=${t("Credits")} rows=${credits} columns=${[{ name: "category", title: t("Kind"), cell: (/** @type {any} */ one) => label(one.category) }, { name: "amount", title: t("Amount"), end: true, cell: (/** @type {any} */ one) => money(one.amount, one.currency) }, { name: "balance", title: t("Left"), end: true, cell: (/** @type {any} */ one) => money(one.balance, one.currency) }, { name: "expires", title: t("Expires"), cell: (/** @type {any} */ one) => html`<${Time} value=${one.expires_at} />` }]} /></section>` : null}
      ${alerts.length ? html`<section class="stack"><h2>${t("Alerts")}</h2><${Table} caption=${t("Alerts")} rows=${alerts} columns=${[{ name: "kind", title: t("Kind"), cell: (/** @type {any} */ one) => label(one.kind) }, { name: "spent", title: t("Spent"), end: true, cell: (/** @type {any} */ one) => money(one.spent, one.currency) }, { name: "at", title: t("Time"), cell: (/** @type {any} */ one) => html`<${Time} value=${one.at} />` }]} /></section>` : null}
      ${settings ? html`<section class="card"><header><h2>${t("Payment")}</h2>${may(workspace, "owner") ? html`<div class="row"><${Button} onClick=${pay}>${t("Set up a payment method")}<//>${settings.payment_method_last4 ? html`<${Button} kind="danger" onClick=${forget}>${t("Remove")}<//>` : null}</div>` : null}</header><${Facts} items=${[[t("Payment method"), settings.payment_method_last4 ? `•••• ${settings.payment_method_last4}` : t("None")]]} /></section>
      <${SettingsCard} workspace=${workspace} title=${t("Limits and invoice address")} change="change_billing_settings" value=${settings} done=${loaded.reload} />` : null}`;
    }}<//>
  <//>`;
}
