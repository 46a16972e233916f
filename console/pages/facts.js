// The facts that an agent's texts need: until each has a value, the agent cannot be called.
import { useState } from "preact/hooks";
import { put } from "../api.js";
import { workspaceOf } from "../app.js";
import EXAMPLES from "../examples.js";
import { label, t } from "../i18n.js";
import { Button, ErrorBox, Icon, TextField, html, toast, useAction } from "../ui.js";

/** Stores them in the draft; without one, in an agent that nobody can call yet. @param {any} props */
export function MissingFacts({ workspace, base, data, reload, isMember }) {
  const { agent, draft } = data;
  const missing = /** @type {string[]} */ ((draft || agent).missing_facts);
  const [values, setValues] = useState(/** @type {Record<string, string>} */ ({ business_name: workspaceOf(workspace)?.name || "" }));
  const { busy, error, run } = useAction(async () => {
    const config = { facts: Object.fromEntries(missing.map((name) => [name, (values[name] || "").trim()])) };
    if (!draft && agent.status === "draft") await put(base, { config });
    else await put(`${base}/draft`, { config, ...(draft ? { expected_revision: draft.revision } : {}) });
    toast(t("Saved"));
    reload();
  });
  if (!missing.length) return null;
  if (!isMember) return html`<div class="notice warn"><${Icon} name="warn" /><div><p>${t("The prompt uses facts that have no value yet: {names}.", { names: missing.join(", ") })}</p></div></div>`;
  const fill = () => setValues({ ...Object.fromEntries(missing.map((name) => [name, EXAMPLES[name] || t("Example")])), ...Object.fromEntries(Object.entries(values).filter(([, value]) => value)) });
  return html`<section class="card" aria-labelledby="facts-title"><header><h2 id="facts-title">${t("What the agent needs to know")}</h2><${Button} kind="small" onClick=${fill}>${t("Fill with examples")}<//></header>
    <p class="quiet">${t("Its prompt and greeting use these facts. It can be called when each has a value; you can change them later.")}</p>
    <form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
      <${ErrorBox} error=${error} />
      <div class="pair">${missing.map((name) => html`<${TextField} key=${name} label=${label(name)} required maxlength="2000" placeholder=${EXAMPLES[name] || ""} value=${values[name] || ""} onInput=${(/** @type {string} */ value) => setValues({ ...values, [name]: value })} />`)}</div>
      <div class="buttons"><${Button} kind="main" type="submit" busy=${busy}>${t("Save the facts")}<//></div>
    </form></section>`;
}
