// Buying a phone number: a search at the carriers, then the purchase.
import { useState } from "preact/hooks";
import { get, post } from "../api.js";
import { money, t } from "../i18n.js";
import { go, setQuery, view } from "../router.js";
import { Button, Dialog, Empty, ErrorBox, Loaded, Page, SelectField, Table, TextField, html, toast, useAction, useLoad } from "../ui.js";

/** @param {{workspace: string}} props */
export function BuyNumber({ workspace }) {
  const { query } = view.value;
  const asked = { country: query.get("country") || "US", area_code: query.get("area_code") || "", carrier: query.get("carrier") || "" };
  const loaded = useLoad((aborted) => get(`/workspaces/${workspace}/phone-numbers/available`, { ...asked, limit: 30 }, aborted), [workspace, JSON.stringify(asked)]);
  const [chosen, setChosen] = useState(/** @type {any} */ (null));
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value });
  return html`<${Page} title=${t("Buy a number")} crumbs=${[[t("Phone numbers"), `/w/${workspace}/phone-numbers`]]}>
    <form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <div class="field"><label for="country">${t("Country")}</label><input id="country" maxlength="2" value=${asked.country} onChange=${set("country")} /></div>
      <div class="field"><label for="area">${t("Area code")}</label><input id="area" inputmode="numeric" value=${asked.area_code} onChange=${set("area_code")} /></div>
      <div class="field"><label for="carrier">${t("Carrier")}</label><select id="carrier" value=${asked.carrier} onChange=${set("carrier")}><option value="">${t("Any")}</option><option value="twilio">Twilio</option><option value="telnyx">Telnyx</option></select></div>
    </form>
    <${Loaded} of=${loaded}>${(/** @type {any} */ { available }) => available.length ? html`<${Table} caption=${t("Available numbers")} rows=${available} id=${(/** @type {any} */ one) => one.phone_number} columns=${[
      { name: "number", title: t("Phone number"), cell: (/** @type {any} */ one) => html`<strong>${one.phone_number}</strong>` }, { name: "place", title: t("Place"), cell: (/** @type {any} */ one) => [one.locality, one.region].filter(Boolean).join(", ") || "–" }, { name: "price", title: t("Per month"), end: true, cell: (/** @type {any} */ one) => money(one.price, one.currency) },
      { name: "needs", title: t("Address needed"), cell: (/** @type {any} */ one) => (one.address_requirements && one.address_requirements !== "none" ? t("Yes") : t("No")) }, { name: "buy", title: "", end: true, cell: (/** @type {any} */ one) => html`<div class="buttons"><${Button} kind="small" onClick=${() => setChosen(one)}>${t("Buy")}<//></div>` },
    ]} />` : html`<${Empty} title=${t("No number was found.")} text=${t("Try another area code or country.")} />`}<//>
    ${chosen ? html`<${Purchase} ...${{ workspace, chosen, carrier: asked.carrier, onClose: () => setChosen(null) }} />` : null}
  <//>`;
}

/** @param {any} props */
function Purchase({ workspace, chosen, carrier, onClose }) {
  const [name, setName] = useState("");
  const [agentId, setAgentId] = useState("");
  const agents = useLoad((aborted) => get(`/workspaces/${workspace}/agents`, { limit: 100 }, aborted).then((answer) => answer.agents), [workspace]);
  const { busy, error, run } = useAction(async () => {
    const { phone_number } = await post(`/workspaces/${workspace}/phone-numbers`, { phone_number: chosen.phone_number, ...(name ? { friendly_name: name } : {}), ...(carrier ? { carrier } : {}) });
    if (agentId) await import("../api.js").then(({ put }) => put(`/workspaces/${workspace}/agents/${agentId}`, { phone_number_id: phone_number.id })).catch(() => toast(t("The number is bought. Assign it to the agent once it is active."), "bad"));
    toast(t("The number is being bought."));
    go(`/w/${workspace}/phone-numbers/${phone_number.id}`);
  });
  return html`<${Dialog} title=${t("Buy {number}", { number: chosen.phone_number })} onClose=${onClose}><form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
    <${ErrorBox} error=${error} />
    <p>${t("It costs {amount} per month until you release it.", { amount: money(chosen.price, chosen.currency) })}</p>
    <${TextField} label=${t("Name")} optional value=${name} onInput=${setName} />
    <${SelectField} label=${t("Agent")} optional value=${agentId} options=${[["", t("None")], ...(agents.data || []).map((/** @type {any} */ agent) => [agent.id, agent.name])]} onInput=${setAgentId} />
    <div class="buttons"><${Button} kind="main" type="submit" busy=${busy}>${t("Buy")}<//><${Button} onClick=${onClose}>${t("Cancel")}<//></div></form><//>`;
}
