// All agents of a workspace, and how a new one begins.
import { useState } from "preact/hooks";
import { get, post } from "../api.js";
import { may } from "../app.js";
import { label, t } from "../i18n.js";
import { go, link, setQuery, view } from "../router.js";
import { Badge, Button, Dialog, Empty, ErrorBox, Icon, Loaded, Page, Pager, Table, TextField, Time, html, useAction, useLoad } from "../ui.js";

/** @param {{workspace: string}} props */
export function Agents({ workspace }) {
  const { query } = view.value;
  const asked = Object.fromEntries([...query].filter(([name]) => name !== "create"));
  const loaded = useLoad((aborted) => get(`/workspaces/${workspace}/agents`, asked, aborted), [workspace, JSON.stringify(asked)]);
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value, page: "" });
  const create = may(workspace, "member") ? html`<${Button} kind="main" onClick=${() => setQuery({ create: 1 })}><${Icon} name="plus" />${t("New agent")}<//>` : null;
  return html`<${Page} wide title=${t("Agents")} note=${t("An agent answers and makes calls by its prompt, voice and tools.")} actions=${create}>
    <form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <div class="field search"><label for="search">${t("Name")}</label><input id="search" type="search" value=${asked.search || ""} onChange=${set("search")} /></div>
      <div class="field"><label for="status">${t("State")}</label><select id="status" value=${asked.status || ""} onChange=${set("status")}><option value="">${t("All")}</option>${["draft", "live", "paused"].map((status) => html`<option key=${status} value=${status} selected=${status === asked.status}>${label(status)}</option>`)}</select></div>
    </form>
    <${Loaded} of=${loaded}>${(/** @type {any} */ list) => list.agents.length ? html`<${Table} caption=${t("Agents")} rows=${list.agents} href=${(/** @type {any} */ agent) => link(`/w/${workspace}/agents/${agent.id}`)} columns=${[
      { name: "name", title: t("Name"), cell: (/** @type {any} */ agent) => agent.name }, { name: "status", title: t("State"), cell: (/** @type {any} */ agent) => html`<${Badge} value=${agent.status} />` }, { name: "number", title: t("Phone number"), cell: (/** @type {any} */ agent) => agent.phone_number || "–" },
      { name: "template", title: t("Template"), cell: (/** @type {any} */ agent) => agent.template_name || "–" }, { name: "version", title: t("Version"), end: true, cell: (/** @type {any} */ agent) => agent.version }, { name: "made", title: t("Created"), cell: (/** @type {any} */ agent) => html`<${Time} value=${agent.created_at} relative />` },
    ]} /><${Pager} page=${Number(asked.page) || 1} list=${list} />` : html`<${Empty} title=${t("No agents yet.")} text=${t("Start from a template: it has a prompt, a greeting and tools that work together.")}>${create}<//>`}<//>
    ${query.get("create") ? html`<${NewAgent} workspace=${workspace} />` : null}
  <//>`;
}

/** @param {{workspace: string}} props */
function NewAgent({ workspace }) {
  const templates = useLoad((aborted) => get("/templates", { limit: 100 }, aborted), []);
  const [chosen, setChosen] = useState(/** @type {any} */ (null));
  const [name, setName] = useState("");
  const { busy, error, run } = useAction(async () => {
    const { agent } = await post(`/workspaces/${workspace}/agents`, { name, ...(chosen?.id ? { template_id: chosen.id } : {}) });
    go(`/w/${workspace}/agents/${agent.id}`);
  });
  const choose = (/** @type {any} */ template) => {
    if (!name || name === chosen?.name) setName(template.id ? template.name : "");
    setChosen(template);
  };
  return html`<${Dialog} title=${t("New agent")} wide onClose=${() => setQuery({ create: "" })}>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
      <${ErrorBox} error=${error} />
      <${Loaded} of=${templates}>${(/** @type {any} */ { templates: known }) => html`<div class="choices">${[...known, { id: "", name: t("Empty agent"), description: t("You write the prompt yourself.") }].map((template) => html`<button type="button" class="choice" key=${template.id} aria-pressed=${chosen?.id === template.id} onClick=${() => choose(template)}><strong>${template.name}</strong><span class="quiet">${template.description}</span></button>`)}</div>`}<//>
      <${TextField} label=${t("Name of the agent")} required value=${name} onInput=${setName} />
      <div class="buttons"><${Button} onClick=${() => setQuery({ create: "" })}>${t("Cancel")}<//><${Button} kind="main" type="submit" busy=${busy} disabled=${!chosen}>${t("Create agent")}<//></div>
    </form>
  <//>`;
}
