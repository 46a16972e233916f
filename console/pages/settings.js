// Settings of a workspace. Each card is a form for one operation of the API.
import { call, findOperation, get, openapi, remove } from "../api.js";
import { loadSession, may, workspaceOf } from "../app.js";
import { SchemaForm, resolve } from "../forms.js";
import { figure, label, t } from "../i18n.js";
import { go, link } from "../router.js";
import { Button, Copy, Facts, Loaded, Page, confirm, errorText, html, toast, useLoad } from "../ui.js";
import { fill } from "./resource.js";

/** A form for a change whose present values are known. @param {{workspace: string, title: string, change: string, value: any, done: () => void, skip?: string[]}} props */
export function SettingsCard({ workspace, title, change, value, done, skip }) {
  const loaded = useLoad(() => openapi(), []);
  return html`<section class="card setting"><h2>${title}</h2><${Loaded} of=${loaded} rows=${2}>${(/** @type {any} */ document) => {
    const { method, path, operation } = findOperation(document, change);
    const schema = resolve(operation.requestBody.content["application/json"].schema, document);
    const first = Object.fromEntries(Object.keys(schema.properties || {}).filter((name) => !skip?.includes(name) && value[name] !== undefined && value[name] !== null).map((name) => [name, value[name]]));
    const isAllowed = operation["x-roles"].includes(workspaceOf(workspace)?.role);
    const submit = async (/** @type {any} */ body) => {
      await call(method, fill(path, workspace, []), { body });
      toast(t("Saved"));
      done();
    };
    return isAllowed ? html`<${SchemaForm} key=${JSON.stringify(first)} schema=${schema} root=${document} value=${first} skip=${skip} submit=${submit} action=${t("Save")} />` : html`<pre tabindex="0">${JSON.stringify(first, null, 2)}</pre>`;
  }}<//></section>`;
}

/** @param {{workspace: string}} props */
export function Settings({ workspace }) {
  const base = `/workspaces/${workspace}`;
  const loaded = useLoad(async (aborted) => {
    const [found, sso, rules, retention, strategy] = await Promise.all([get(base, {}, aborted), may(workspace, "admin") ? get(`${base}/sso`, {}, aborted) : null, get(`${base}/sign-in-rules`, {}, aborted), get(`${base}/privacy/retention`, {}, aborted), get(`${base}/voice/strategy`, {}, aborted)]);
    return { ...found, sso, rules: rules.rules || rules, retention: retention.retention, strategy };
  }, [workspace]);
  const reload = () => {
    loaded.reload();
    loadSession();
  };
  const destroy = async (/** @type {string} */ name) => {
    if (!(await confirm({ title: t("Delete {name}?", { name }), text: t("Its agents stop answering, its numbers are released, and its data is deleted after the grace period."), action: t("Delete workspace"), danger: true }))) return;
    await remove(base).then(() => { loadSession(); go("/"); }, (error) => toast(errorText(error), "bad"));
  };
  return html`<${Page} title=${t("Settings")}>
    <${Loaded} of=${loaded}>${(/** @type {any} */ { workspace: found, sso, subscription, rules, retention, strategy }) => html`
      <section class="card"><${Facts} items=${[["ID", html`<${Copy} value=${found.id} />`], [t("Plan"), found.subscription_tier], ...Object.entries(subscription.limits || {}).filter(([, value]) => typeof value === "number").map(([name, value]) => [t("Limit: {name}", { name: label(name) }), figure(value)])]} /></section>
      <${SettingsCard} workspace=${workspace} title=${t("Workspace")} change="update_workspace" value=${found} done=${reload} />
      <${SettingsCard} workspace=${workspace} title=${t("Sign-in")} change="change_sign_in_rules" value=${rules} done=${reload} />
      ${sso ? html`<section class="card"><header><h2>${t("Single sign-on")}</h2><a class="button" href=${link(`/w/${workspace}/sso-domains`)}>${t("Domains of single sign-on")}</a></header><${Facts} items=${[[t("To be registered at your provider"), html`<${Copy} value=${sso.redirect_uri} />`]]} /></section><${SettingsCard} workspace=${workspace} title=${t("Provider of single sign-on")} change="change_sso" value=${sso.connection || {}} done=${reload} />` : null}
      <${SettingsCard} workspace=${workspace} title=${t("How long data is kept")} change="change_retention" value=${retention} done=${reload} />
      <${SettingsCard} workspace=${workspace} title=${t("Choice of providers")} change="change_strategy" value=${strategy} done=${reload} />
      ${may(workspace, "owner") ? html`<div><${Button} kind="danger" onClick=${() => destroy(found.name)}>${t("Delete workspace")}<//></div>` : null}`}<//>
  <//>`;
}
