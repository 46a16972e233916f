// The list and the detail of a noun, as resources.js declares them.
import { useState } from "preact/hooks";
import { call, findOperation, openapi, save } from "../api.js";
import { staff, workspaceOf } from "../app.js";
import { SchemaForm, resolve } from "../forms.js";
import { duration, figure, label, money, t } from "../i18n.js";
import { ADMIN_RESOURCES, RESOURCES } from "../resources.js";
import { go, link, setQuery, view } from "../router.js";
import { Badge, Button, Copy, Dialog, Empty, ErrorBox, Facts, Icon, Loaded, Page, Pager, Table, Time, confirm, errorText, html, toast, useLoad } from "../ui.js";

const MONEY = /price|cost|amount|total_revenue|balance|^fee|_fee$|subtotal|^tax$|^total$|credits$/;
const STATES = /status$|^role$|^direction$|^sentiment$|^outcome$|^kind$|^source$/;
const WORDS = /_type$|tier$|^format$|reason$|^industry$|^method$|^category$|^unit$|^carrier$/;

/** A value as people read it. @param {string} name @param {any} value @param {any} row */
export function cell(name, value, row) {
  if (value === null || value === undefined || value === "") return html`<span class="quiet">–</span>`;
  if (typeof value === "boolean") return html`<span class=${value ? "" : "quiet"}>${value ? t("Yes") : t("No")}</span>`;
  if (name === "invoice_pdf_url") return html`<a href=${value} target="_blank" rel="noopener">PDF</a>`;
  if (STATES.test(name)) return html`<${Badge} value=${value} />`;
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return html`<${Time} value=${value} relative />`;
  if (/(^|_)id$/.test(name) && /^[0-9a-f-]{36}$/.test(String(value))) return html`<${Copy} value=${value} />`;
  if (typeof value === "number" && MONEY.test(name)) return money(value, row?.currency);
  if (typeof value === "number" && name === "duration_seconds") return duration(value);
  if (typeof value === "number") return figure(value);
  if (name === "size_bytes") return figure(value);
  if (WORDS.test(name) && /^[a-z][a-z0-9_]*$/.test(value)) return label(value);
  if (name === "kinds" && Array.isArray(value)) return value.map(label).join(", ");
  if (Array.isArray(value)) return value.length ? value.map((one) => (typeof one === "object" ? one.name || one.phone_number || JSON.stringify(one) : String(one))).join(", ") : html`<span class="quiet">–</span>`;
  if (typeof value === "object") return html`<code>${JSON.stringify(value).slice(0, 120)}</code>`;
  return String(value).length > 140 ? `${String(value).slice(0, 140)}…` : String(value);
}

/** Who asks: a member of a workspace, or the staff. @param {string | undefined} workspace */
function caller(workspace) {
  return {
    base: workspace ? `/w/${workspace}` : "/admin",
    /** @param {any} operation */
    may: (operation) => !operation["x-roles"] || operation["x-roles"].includes(workspace ? workspaceOf(workspace)?.role : staff.value?.role),
  };
}

/** The path of an operation for a row: ids in the order of the path. @param {string} path @param {string | undefined} workspace @param {string[]} ids */
export function fill(path, workspace, ids) {
  let at = 0;
  return path.replace(/\{(\w+)\}/g, (_, name) => (name === "workspaceId" && workspace ? workspace : encodeURIComponent(ids[at++] ?? "")));
}

/** Lists whose rows fields of forms choose from: the operation, the text of a row, and its key. @type {Record<string, [string, (row: any) => string, string?]>} */
const PICKED = {
  agent_id: ["list_agents", (row) => row.name], number_ids: ["list_numbers", (row) => row.phone_number], phone_number_id: ["list_numbers", (row) => row.phone_number],
  document_ids: ["list_documents", (row) => row.name], integration_id: ["list_integrations", (row) => row.name], address_id: ["list_addresses", (row) => row.customer_name], template_id: ["list_templates", (row) => row.name], integration_type: ["list_integration_types", (row) => row.name, "type"],
};

/** People by their ids, for columns that name one. @param {any} document @param {string | undefined} workspace @param {string[]} columns @returns {Promise<Record<string, string>>} */
async function loadPeople(document, workspace, columns) {
  if (!workspace || !columns.some((name) => name.endsWith("_by"))) return {};
  const answer = await call("GET", fill(findOperation(document, "list_members").path, workspace, [])).catch(() => ({ members: [] }));
  return Object.fromEntries(answer.members.map((/** @type {any} */ member) => [member.user_id, member.name || member.email]));
}

/** Loads the choices of the fields of a schema. @param {any} document @param {any} schema @param {string | undefined} workspace @returns {Promise<Record<string, [string, string][]>>} */
export async function loadPickers(document, schema, workspace) {
  /** @type {Record<string, [string, string][]>} */
  const found = {};
  if (!workspace) return found;
  await Promise.all(Object.keys(schema.properties || {}).filter((name) => name in PICKED).map(async (name) => {
    const [id, text, key = "id"] = PICKED[name];
    const { path, operation } = findOperation(document, id);
    const takesLimit = operation.parameters.some((/** @type {any} */ one) => one.name === "limit");
    const answer = await call("GET", fill(path, workspace, []), { query: takesLimit ? { limit: 100 } : {} }).catch(() => null);
    const rows = answer && Object.values(answer).find(Array.isArray);
    if (rows) found[name] = rows.map((/** @type {any} */ row) => Object.assign(/** @type {[string, string]} */ ([row[key], text(row)]), { row }));
  }));
  return found;
}

/** @param {any} operation @param {any} root */
function bodyOf(operation, root) {
  const schema = operation.requestBody?.content?.["application/json"]?.schema;
  return schema ? resolve(schema, root) : null;
}

/** The secrets in an answer, which are shown once. @param {any} answer @returns {[string, string][]} */
function secretsOf(answer) {
  if (!answer || typeof answer !== "object") return [];
  return Object.entries(answer).flatMap(([name, value]) => (typeof value === "string" && /^(secret|key|token|signing_secret)$/.test(name) ? [/** @type {[string, string]} */ ([name, value])] : name === "secrets" ? [] : secretsOf(value)));
}

/** The settings of a new integration are those of its type, and only some types take a key. @param {any} schema @param {any} value @param {any} pickers */
function refineIntegration(schema, value, pickers) {
  const type = pickers.integration_type?.find((/** @type {any} */ one) => one[0] === value.integration_type)?.row;
  if (!type) return { ...schema, properties: { integration_type: schema.properties.integration_type } };
  const { config, api_key: key, ...others } = schema.properties;
  const takes = Object.keys(type.config_schema?.properties || {}).length;
  return { ...schema, properties: { ...others, ...(takes ? { config: { ...type.config_schema, description: config.description } } : {}), ...(type.auth_type === "api_key" ? { api_key: key } : {}) } };
}

/** Operations that another one completes, with the id that the first one answers. @type {Record<string, string>} */
const COMPLETED_BY = { request_phone_code: "confirm_phone_code" };

/** Runs an operation: asks first, shows a form for its body, and the secret that it answers.
 * @param {{document: any, id: string, title: string, workspace?: string, ids: string[], first?: any, confirmText?: string, danger?: boolean, done: (answer: any) => void, onClose: () => void}} props */
export function OperationDialog({ document, id, title, workspace, ids, first, done, onClose }) {
  const { method, path, operation } = findOperation(document, id);
  const schema = bodyOf(operation, document);
  const pickers = useLoad(() => loadPickers(document, schema || {}, workspace), [id]);
  const [secrets, setSecrets] = useState(/** @type {[string, string][]} */ ([]));
  const [answered, setAnswered] = useState(/** @type {any} */ (null));
  if (secrets.length) {
    return html`<${Dialog} title=${title} onClose=${() => done(answered)}><p>${t("Copy this now: it is shown only once.")}</p>${secrets.map(([name, value]) => html`<${Facts} items=${[[label(name), html`<${Copy} value=${value} />`]]} />`)}<div class="buttons"><${Button} kind="main" onClick=${() => done(answered)}>${t("Done")}<//></div><//>`;
  }
  if (answered && COMPLETED_BY[id]) {
    const made = /** @type {any} */ (Object.values(answered)[0]);
    return html`<${OperationDialog} key=${made.id} ...${{ document, id: COMPLETED_BY[id], title: t("Enter the code"), workspace, ids: [made.id], first: {}, done, onClose }} />`;
  }
  if (answered) return html`<${Dialog} title=${title} wide onClose=${() => done(answered)}><pre tabindex="0">${JSON.stringify(answered, null, 2)}</pre><//>`;
  const submit = async (/** @type {any} */ value) => {
    const answer = await call(method, fill(path, workspace, ids), { body: schema ? value : undefined });
    const found = secretsOf(answer);
    if (found.length) {
      setAnswered(answer);
      setSecrets(found);
    } else if (COMPLETED_BY[id] || /^try_|_try|^search_/.test(id)) setAnswered(answer);
    else done(answer);
  };
  return html`<${Dialog} title=${title} wide=${Object.keys(schema?.properties || {}).length > 6} onClose=${onClose}>
    ${operation.description ? html`<p class="quiet">${operation.description.split("\n\n")[0].replaceAll("`", "")}</p>` : null}
    <${Loaded} of=${pickers}>${(/** @type {any} */ found) => html`<${SchemaForm} schema=${schema || { type: "object" }} root=${document} value=${first} pickers=${found} refine=${id === "create_integration" ? (/** @type {any} */ known, /** @type {any} */ value) => refineIntegration(known, value, found) : undefined} submit=${submit} action=${title} onCancel=${onClose} />`}<//>
  <//>`;
}

/** Buttons of a row's or a list's actions. @param {{actions: import("../resources.js").Action[], document: any, workspace?: string, ids: string[], row?: any, after: () => void, gone?: () => void}} props */
export function Actions({ actions, document, workspace, ids, row, after, gone }) {
  const [open, setOpen] = useState(/** @type {import("../resources.js").Action | null} */ (null));
  const [busy, setBusy] = useState("");
  const asks = caller(workspace);
  const shown = actions.filter((action) => asks.may(findOperation(document, action.operation).operation) && (!row || !action.when || action.when(row)));
  const start = async (/** @type {import("../resources.js").Action} */ action) => {
    const { method, path, operation } = findOperation(document, action.operation);
    if (action.confirm && !(await confirm({ title: `${t(action.title)}: ${row?.name || row?.phone_number || row?.email || row?.url || ""}`.replace(/: $/, ""), text: t(action.confirm), action: t(action.title), danger: action.danger }))) return;
    if (action.upload) return void upload(action, path);
    if (action.download) return void save(fill(path, workspace, ids), {}, action.download).catch((failure) => toast(errorText(failure), "bad"));
    if (bodyOf(operation, document)) return void setOpen(action);
    setBusy(action.operation);
    try {
      const answer = await call(method, fill(path, workspace, ids));
      if (secretsOf(answer).length) return void setOpen(action);
      if (answer?.oauth_url) return void location.assign(answer.oauth_url);
      toast(t("Done: {what}", { what: t(action.title) }));
      if (method === "DELETE" && gone) gone();
      else after();
    } catch (failure) {
      toast(errorText(failure), "bad");
    } finally {
      setBusy("");
    }
  };
  const upload = (/** @type {import("../resources.js").Action} */ action, /** @type {string} */ path) => {
    const input = Object.assign(window.document.createElement("input"), { type: "file", accept: action.upload });
    input.onchange = async () => {
      const file = input.files?.[0];
      if (!file) return;
      setBusy(action.operation);
      try {
        const known = (findOperation(document, action.operation).operation.parameters || []).filter((/** @type {any} */ one) => one.in === "query").map((/** @type {any} */ one) => one.name);
        const query = known.includes("name") ? { name: file.name } : known.includes("filename") ? { filename: file.name } : {};
        await call("POST", fill(path, workspace, ids), { body: file, query, headers: { "Content-Type": "application/octet-stream" } });
        toast(t("Done: {what}", { what: t(action.title) }));
        after();
      } catch (failure) {
        toast(errorText(failure), "bad");
      } finally {
        setBusy("");
      }
    };
    input.click();
  };
  return html`${shown.map((action) => html`<${Button} key=${action.operation} kind=${`${row && !gone ? "small " : ""}${action.danger ? "danger" : ""}`} busy=${busy === action.operation} onClick=${() => start(action)}>${t(action.title)}<//>`)}
    ${open ? html`<${OperationDialog} document=${document} id=${open.operation} title=${t(open.title)} workspace=${workspace} ids=${ids} first=${firstValue(document, open.operation, row)} onClose=${() => setOpen(null)} done=${() => { setOpen(null); toast(t("Done: {what}", { what: t(open.title) })); after(); }} />` : null}`;
}

/** What a form for a change begins with: the row's fields that the body has. @param {any} document @param {string} id @param {any} row */
export function firstValue(document, id, row) {
  const { method, operation } = findOperation(document, id);
  const schema = bodyOf(operation, document);
  if (method !== "PUT" || !schema || !row) return {};
  return Object.fromEntries(Object.keys(schema.properties || {}).filter((name) => row[name] !== undefined && row[name] !== null).map((name) => [name, row[name]]));
}

/** The rows of an answer. @param {any} answer @returns {any[]} */
const rowsOf = (answer) => /** @type {any} */ (Object.values(answer).find(Array.isArray)) || [];

/** @param {{workspace?: string, resource: string}} props */
export function ResourceList({ workspace, resource }) {
  const declared = (workspace ? RESOURCES : ADMIN_RESOURCES)[resource];
  const { query } = view.value;
  const [creating, setCreating] = useState(false);
  const loaded = useLoad(async (aborted) => {
    const document = await openapi();
    const { path, operation } = findOperation(document, declared.list);
    const names = operation.parameters.filter((/** @type {any} */ one) => one.in === "query").map((/** @type {any} */ one) => one.name);
    const asked = Object.fromEntries([...query].filter(([name]) => names.includes(name)));
    const [list, people] = await Promise.all([call("GET", fill(path, workspace, []), { query: asked, signal: aborted }), loadPeople(document, workspace, declared.columns)]);
    return { document, operation, list, people };
  }, [resource, workspace, query.toString()]);
  if (!declared) return html`<${Page} title=${t("Page not found")}><${Empty} title=${t("There is no such page.")} /><//>`;
  const { base, may } = caller(workspace);
  const key = declared.key || "id";
  const document = loaded.data?.document;
  const mayCreate = document && declared.create && may(findOperation(document, declared.create).operation);
  const create = mayCreate ? html`<${Button} kind="main" onClick=${() => setCreating(true)}><${Icon} name="plus" />${t(declared.createTitle || "New")}<//>` : declared.link && workspace && ["owner", "admin"].includes(workspaceOf(workspace)?.role || "") ? html`<a class="button main" href=${link(base + declared.link[1])}><${Icon} name="plus" />${t(declared.link[0])}</a>` : null;
  const inList = (declared.actions || []).filter((action) => action.inList);
  const inRow = declared.get ? [] : (declared.actions || []).filter((action) => !action.inList);
  const page = Number(query.get("page")) || 1;
  const isFiltered = [...query.keys()].some((name) => name !== "page");
  return html`<${Page} wide title=${t(declared.title)} note=${t(declared.text)} actions=${html`${(declared.also || []).map(([text, to]) => html`<a key=${to} class="button" href=${link(`${base}/${to}`)}>${t(text)}</a>`)}${document && inList.length ? html`<${Actions} actions=${inList} document=${document} workspace=${workspace} ids=${[]} after=${loaded.reload} />` : null}${create}`}>
    ${loaded.data ? html`<${Filters} operation=${loaded.data.operation} document=${document} />` : null}
    <${Loaded} of=${loaded}>${(/** @type {any} */ { list, people }) => {
      const rows = rowsOf(list);
      if (!rows.length) return isFiltered ? html`<${Empty} title=${t("Nothing matches these filters.")}><${Button} onClick=${() => go(view.peek().path)}>${t("Remove the filters")}<//><//>` : html`<${Empty} title=${t("Nothing here yet.")} text=${t(declared.text)}>${create}<//>`;
      const columns = declared.columns.map((name) => ({ name, title: label(name), end: typeof rows[0][name] === "number", cell: (/** @type {any} */ row) => cell(name, people[row[name]] || row[name], row) }));
      if (inRow.length) columns.push({ name: "actions", title: "", end: true, cell: (/** @type {any} */ row) => html`<div class="buttons"><${Actions} actions=${inRow} document=${document} workspace=${workspace} ids=${[row[key]]} row=${row} after=${loaded.reload} /></div>` });
      return html`<${Table} columns=${columns} rows=${rows} id=${(/** @type {any} */ row) => row[key]} caption=${t(declared.title)} href=${declared.get ? (/** @type {any} */ row) => link(`${base}/${resource}/${encodeURIComponent(row[key])}`) : undefined} /><${Pager} page=${page} list=${list} />`;
    }}<//>
    ${creating && document ? html`<${OperationDialog} document=${document} id=${declared.create || ""} title=${t(declared.createTitle || "New")} workspace=${workspace} ids=${[]} onClose=${() => setCreating(false)} done=${(/** @type {any} */ answer) => {
      setCreating(false);
      const made = /** @type {any} */ (Object.values(answer || {}).find((part) => part && typeof part === "object" && key in part));
      if (answer?.oauth_url) location.assign(answer.oauth_url);
      else if (declared.get && made) go(`${base}/${resource}/${made[key]}`);
      else loaded.reload();
    }} />` : null}
  <//>`;
}

const SKIPPED = ["page", "limit", "starting_after", "ending_before"];

/** Filters from the operation's query parameters; they are part of the address. @param {{operation: any, document: any}} props */
export function Filters({ operation, document }) {
  const { query } = view.value;
  const shown = operation.parameters.filter((/** @type {any} */ one) => one.in === "query" && !SKIPPED.includes(one.name) && one.schema.format !== "uuid");
  if (!shown.length) return null;
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value, page: "" });
  return html`<form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>${shown.map((/** @type {any} */ one) => {
    const schema = resolve(one.schema, document);
    const value = query.get(one.name) || "";
    const id = `filter-${one.name}`;
    const input = schema.enum || schema.type === "boolean"
      ? html`<select id=${id} value=${value} onChange=${set(one.name)}><option value="">${t("All")}</option>${(schema.enum || ["true", "false"]).map((/** @type {string} */ choice) => html`<option key=${choice} value=${choice} selected=${choice === value}>${schema.enum ? label(choice) : choice === "true" ? t("Yes") : t("No")}</option>`)}</select>`
      : html`<input id=${id} type=${schema.format === "date" || /^(from|to|since|until)$/.test(one.name) ? "date" : schema.type === "integer" ? "number" : "search"} value=${value} onChange=${set(one.name)} />`;
    return html`<div class=${`field ${/search|^q$/.test(one.name) ? "search" : ""}`} key=${one.name}><label for=${id}>${one.name === "q" ? t("Words in the transcript") : label(one.name)}</label>${input}</div>`;
  })}</form>`;
}

/** @param {{workspace?: string, resource: string, id: string}} props */
export function ResourceDetail({ workspace, resource, id }) {
  const declared = (workspace ? RESOURCES : ADMIN_RESOURCES)[resource];
  const loaded = useLoad(async (aborted) => {
    if (!declared?.get) return null;
    const document = await openapi();
    const { path } = findOperation(document, declared.get);
    const [answer, people] = await Promise.all([call("GET", fill(path, workspace, [id]), { signal: aborted }), loadPeople(document, workspace, ["created_by"])]);
    return { document, answer, people };
  }, [resource, id]);
  if (!declared?.get) return html`<${Page} title=${t("Page not found")}><${Empty} title=${t("There is no such page.")} /><//>`;
  const { base, may } = caller(workspace);
  const document = loaded.data?.document;
  const answer = loaded.data?.answer;
  const item = answer && (Object.values(answer).find((part) => part && typeof part === "object" && !Array.isArray(part)) || answer);
  const name = item?.name || item?.phone_number || item?.url || item?.number || item?.email || item?.type || id;
  const actions = (declared.actions || []).filter((action) => !action.inList);
  return html`<${Page} title=${name} crumbs=${[[t(declared.title), `${base}/${resource}`]]} note=${item ? html`${item.status ? html`<${Badge} value=${item.status} />` : null}<${Copy} value=${id} />` : null}
    actions=${document && item ? html`<${Actions} actions=${actions} document=${document} workspace=${workspace} ids=${[id]} row=${item} after=${loaded.reload} gone=${() => go(`${base}/${resource}`)} />` : null}>
    <${Loaded} of=${loaded}>${(/** @type {any} */ _) => html`
      <section class="card"><${Facts} items=${Object.entries(item).filter(([field, value]) => field !== "id" && value !== null && value !== "" && !(field.endsWith("_id") && item[field.replace(/_id$/, "_name")]) && (typeof value !== "object" || value === null || isShort(value))).map(([field, value]) => [label(field), cell(field, (field.endsWith("_by") && loaded.data?.people[/** @type {string} */ (value)]) || value, item)])} /></section>
      ${Object.entries({ ...item, ...restOf(answer, item) }).filter(([, value]) => value && typeof value === "object" && !isShort(value) && Object.keys(value).length).map(([field, value]) => html`<section class="card" key=${field}><h2>${label(field)}</h2><${Part} value=${value} /></section>`)}
      ${(declared.panels || []).map(([title, operation]) => html`<${Panel} key=${operation} ...${{ title, operation, document, workspace, ids: [id] }} />`)}
      ${(declared.children || []).map((child) => html`<${ChildList} key=${child.list} ...${{ child, document, workspace, parent: id }} />`)}
      ${declared.change && may(findOperation(document, declared.change).operation) ? html`<${ChangeForm} key=${JSON.stringify(item)} ...${{ document, id: declared.change, workspace, ids: [id], item, done: loaded.reload }} />` : null}`}<//>
  <//>`;
}

/** @param {any} value */
const isShort = (value) => Array.isArray(value) && value.every((one) => typeof one !== "object") && JSON.stringify(value).length < 200;

/** @param {any} answer @param {any} item */
const restOf = (answer, item) => Object.fromEntries(Object.entries(answer).filter(([, part]) => part !== item && part && typeof part === "object"));

/** @param {{value: any}} props */
function Part({ value }) {
  if (Array.isArray(value)) {
    if (!value.length) return html`<p class="quiet">${t("None")}</p>`;
    if (typeof value[0] !== "object") return html`<p>${value.join(", ")}</p>`;
    const names = Object.keys(value[0]).filter((name) => typeof value[0][name] !== "object" || value[0][name] === null).slice(0, 7);
    return html`<${Table} caption="" columns=${names.map((name) => ({ name, title: label(name), cell: (/** @type {any} */ row) => cell(name, row[name], row) }))} rows=${value} id=${(/** @type {any} */ row) => row.id} />`;
  }
  if (Object.values(value).every((part) => part === null || typeof part !== "object")) return html`<${Facts} items=${Object.entries(value).map(([name, part]) => [label(name), cell(name, part, value)])} />`;
  return html`<details><summary>${t("Show as JSON")}</summary><pre tabindex="0">${JSON.stringify(value, null, 2)}</pre></details>`;
}

/** The answer of a further operation. @param {any} props */
function Panel({ title, operation, document, workspace, ids }) {
  const loaded = useLoad((aborted) => call("GET", fill(findOperation(document, operation).path, workspace, ids), { signal: aborted }), [operation, ...ids]);
  return html`<section class="card"><header><h2>${t(title)}</h2><${Button} kind="small" onClick=${loaded.reload}>${t("Load again")}<//></header><${Loaded} of=${loaded} rows=${2}>${(/** @type {any} */ answer) => {
    const item = Object.values(answer)[0];
    const entries = Object.entries(item && typeof item === "object" ? item : answer);
    const isPart = (/** @type {[string, any]} */ [, value]) => value && typeof value === "object" && !Array.isArray(value);
    return html`<${Facts} items=${entries.filter((entry) => !isPart(entry)).map(([name, value]) => [label(name), cell(name, value, item)])} />${entries.filter(isPart).filter(([, value]) => Object.keys(value).length).map(([name, value]) => html`<div key=${name}><h3>${label(name)}</h3><${Part} value=${value} /></div>`)}`;
  }}<//></section>`;
}

/** @param {any} props */
function ChangeForm({ document, id, workspace, ids, item, done }) {
  const { method, path, operation } = findOperation(document, id);
  const schema = bodyOf(operation, document);
  const pickers = useLoad(() => loadPickers(document, schema, workspace), [id]);
  const submit = async (/** @type {any} */ value) => {
    await call(method, fill(path, workspace, ids), { body: value });
    toast(t("Saved"));
    done();
  };
  return html`<section class="card"><h2>${t("Change")}</h2><${Loaded} of=${pickers}>${(/** @type {any} */ found) => html`<${SchemaForm} schema=${schema} root=${document} value=${firstValue(document, id, item)} pickers=${found} submit=${submit} action=${t("Save")} />`}<//></section>`;
}

/** @param {{child: import("../resources.js").Child, document: any, workspace?: string, parent: string}} props */
function ChildList({ child, document, workspace, parent }) {
  const [page, setPage] = useState(1);
  const { path } = findOperation(document, child.list);
  const loaded = useLoad((aborted) => call("GET", fill(path, workspace, [parent]), { query: { page, limit: 20 }, signal: aborted }), [parent, page]);
  return html`<section class="stack"><header class="row"><h2 class="grow">${t(child.title)}</h2><${Button} kind="small" onClick=${loaded.reload}>${t("Load again")}<//></header>
    <${Loaded} of=${loaded}>${(/** @type {any} */ list) => {
      const rows = rowsOf(list);
      if (!rows.length) return html`<${Empty} title=${t("Nothing here yet.")} />`;
      const columns = child.columns.map((name) => ({ name, title: label(name), end: typeof rows[0][name] === "number", cell: (/** @type {any} */ row) => cell(name, row[name], row) }));
      if (child.actions) columns.push({ name: "actions", title: "", end: true, cell: (/** @type {any} */ row) => html`<div class="buttons"><${Actions} actions=${child.actions || []} document=${document} workspace=${workspace} ids=${[parent, row[child.key || "id"]]} row=${row} after=${loaded.reload} /></div>` });
      return html`<${Table} columns=${columns} rows=${rows} caption=${t(child.title)} />${page > 1 || list.has_more ? html`<nav class="pager" aria-label=${t("Pages")}><${Button} disabled=${page < 2} onClick=${() => setPage(page - 1)}>${t("Previous")}<//><span>${t("Page {page}", { page })}</span><${Button} disabled=${!list.has_more} onClick=${() => setPage(page + 1)}>${t("Next")}<//></nav>` : null}`;
    }}<//></section>`;
}
export { ErrorBox };
