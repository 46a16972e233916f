// Forms from JSON Schemas: those of the OpenAPI document, and that of an agent's config.
import { useState } from "preact/hooks";
import { label, t } from "./i18n.js";
import { Button, ErrorBox, Field, Icon, SelectField, TextField, html, useAction } from "./ui.js";

/** @typedef {Record<string, any>} Schema */
/** @typedef {{root: Schema, faults: Map<string, string>, pickers: Record<string, [string, string][]>, depth: number, isConfig?: boolean}} Surroundings isConfig: everything is optional, and no field says so. pickers: choices of fields, by name */

/** The schema that a reference leads to, without null. @param {Schema} schema @param {Schema} root @returns {Schema} */
export function resolve(schema, root) {
  if (schema.$ref) {
    const found = schema.$ref.replace(/^#\//, "").split("/").reduce((/** @type {any} */ part, /** @type {string} */ key) => part?.[key.replaceAll("~1", "/")], root) || {};
    const { $ref, ...own } = schema;
    return resolve({ ...found, ...own }, root);
  }
  const choices = schema.anyOf || schema.oneOf;
  if (!choices) return schema;
  const some = choices.filter((/** @type {Schema} */ choice) => choice.type !== "null");
  const { anyOf, oneOf, ...own } = schema;
  if (some.length === 1) return resolve({ ...some[0], ...own, nullable: some.length < choices.length }, root);
  // An amount may also be sent as a text; people enter a number.
  const number = some.find((/** @type {Schema} */ choice) => choice.type === "number");
  if (number && some.every((/** @type {Schema} */ choice) => ["number", "string"].includes(choice.type))) return { ...number, ...own, nullable: some.length < choices.length };
  return { ...own, choices: some.map((/** @type {Schema} */ choice) => resolve(choice, root)), nullable: some.length < choices.length };
}

/** The messages of an API error, by the field's path. @param {any} error @param {string} [prefix] a path that is left out */
export function faultsOf(error, prefix = "") {
  const found = new Map();
  for (const { param, message } of error?.faults || []) {
    if (!param) continue;
    const path = param.replace(/\[(\w+)\]/g, ".$1");
    found.set(prefix && path.startsWith(`${prefix}.`) ? path.slice(prefix.length + 1) : path, message);
  }
  return found;
}

/** A JSON merge patch (RFC 7396) that turns `before` into `after`; undefined for none. @param {any} before @param {any} after @returns {any} */
export function mergePatch(before, after) {
  if (JSON.stringify(before) === JSON.stringify(after)) return undefined;
  const isObject = (/** @type {any} */ value) => value !== null && typeof value === "object" && !Array.isArray(value);
  if (!isObject(before) || !isObject(after)) return after === undefined ? null : after;
  /** @type {Record<string, any>} */
  const patch = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const change = mergePatch(before[name], after[name]);
    if (change !== undefined) patch[name] = change;
  }
  return patch;
}

/** Hints are the first sentence of a description: forms would be all text otherwise. @param {Schema} schema */
function hintOf(schema) {
  const text = (schema.description || "").replaceAll("`", "");
  const short = text.length <= 160 ? text : text.split(/(?<=\.)\s/)[0];
  // Forms have empty fields and boxes where the API has null, true and false.
  return t(short.replace(/[;,.]? ?\b[Nn]ull (removes|leaves) [^.;]*(?=\.|$)/, "").replace(/\bNull\b/g, "Empty").replace(/\bnull\b/g, "empty").replace(/^[Ff]alse:/, "Off:").replace(/\bfalse:/g, "off:").replace(/^[Tt]rue:/, "On:").replace(/^\.$/, ""));
}

const isSecret = (/** @type {string} */ name, /** @type {Schema} */ schema) => schema.writeOnly || /secret|api_key|password|credential/.test(name);
const isLong = (/** @type {string} */ name, /** @type {Schema} */ schema) => !isSecret(name, schema) && !/url$|issuer|^client_id$/.test(name) && ((schema.maxLength || 0) > 500 || /prompt|instructions|greeting|text$|note$|description/.test(name));

/** One field of any type. @param {{name: string, path: string, schema: Schema, value: any, onChange: (value: any) => void, around: Surroundings, required?: boolean, title?: string}} props */
export function SchemaField({ name, path, schema: given, value, onChange, around, required, title }) {
  const schema = resolve(given, around.root);
  const picked = schema.type === "array" ? undefined : around.pickers[name];
  const text = title || label(picked || around.pickers[name] ? name.replace(/_ids?$/, "") : name);
  const isNeeded = required && !schema.nullable;
  const shared = { label: text, hint: hintOf(schema), error: around.faults.get(path), optional: !isNeeded && !around.isConfig && schema.type !== "boolean" };
  if (picked) {
    return html`<${SelectField} ...${shared} value=${value ?? ""} required=${isNeeded} options=${[["", isNeeded ? t("Choose") : t("None")], ...picked]} onInput=${(/** @type {string} */ chosen) => onChange(chosen || (schema.nullable ? null : undefined))} />`;
  }
  if ("const" in schema) return null;
  if (schema.choices) return html`<${ChoiceField} ...${{ name, path, schema, value, onChange, around, shared }} />`;
  if (schema.enum) {
    const first = /** @type {[string, string][]} */ (required && value !== undefined ? [] : [["", schema.default !== undefined ? t("Default: {value}", { value: label(schema.default) }) : t("Choose")]]);
    return html`<${SelectField} ...${shared} required=${required} value=${value ?? ""} options=${[...first, ...schema.enum.filter((/** @type {any} */ one) => one !== null).map((/** @type {string} */ one) => [String(one), label(one)])]} onInput=${(/** @type {string} */ chosen) => onChange(chosen === "" ? undefined : chosen)} />`;
  }
  switch (schema.type) {
    case "boolean":
      return html`<${Field} ...${shared} row>${(/** @type {string} */ id, /** @type {any} */ described) => html`<input id=${id} type="checkbox" aria-describedby=${described} checked=${value ?? schema.default ?? false} onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} />`}<//>`;
    case "integer":
    case "number":
      return html`<${TextField} ...${shared} type="number" required=${required} min=${schema.minimum} max=${schema.maximum} step=${schema.type === "integer" ? 1 : "any"} placeholder=${schema.default ?? ""} value=${value ?? ""} onInput=${(/** @type {string} */ typed) => onChange(typed === "" ? (schema.nullable ? null : undefined) : Number(typed))} />`;
    case "array":
      return html`<${ListField} ...${{ name, path, schema, value, onChange, around, shared }} />`;
    case "object":
      return html`<${ObjectField} ...${{ name, path, schema, value, onChange, around, shared, required }} />`;
    case "string":
      return html`<${StringField} ...${{ name, schema, value, onChange, shared, required: isNeeded }} />`;
  }
  return html`<${JsonField} ...${{ value, onChange, shared }} />`;
}

/** @param {any} props */
function StringField({ name, schema, value, onChange, shared, required }) {
  const change = (/** @type {string} */ typed) => onChange(typed === "" ? (schema.nullable ? null : schema.default === "" || !required ? "" : undefined) : typed);
  if (isLong(name, schema)) {
    return html`<${Field} ...${shared}>${(/** @type {string} */ id, /** @type {any} */ described) => html`<textarea id=${id} class=${name === "prompt" ? "tall" : ""} rows="3" required=${required} maxlength=${schema.maxLength} aria-describedby=${described} aria-invalid=${shared.error ? "true" : undefined} value=${value ?? ""} onInput=${(/** @type {any} */ event) => change(event.target.value)}></textarea>`}<//>`;
  }
  const hides = isSecret(name, schema);
  const type = hides ? "password" : schema.format === "email" ? "email" : schema.format === "date" ? "date" : schema.format === "date-time" ? "datetime-local" : /phone|_number$|^number$|^caller$/.test(name) ? "tel" : "text";
  const shown = type === "datetime-local" && value ? toLocal(value) : value;
  return html`<${TextField} ...${shared} type=${type} required=${required} maxlength=${hides ? undefined : schema.maxLength} autocomplete=${hides ? "new-password" : "off"} placeholder=${schema.default ?? schema.examples?.[0] ?? ""} value=${shown ?? ""} onInput=${(/** @type {string} */ typed) => change(type === "datetime-local" && typed ? new Date(typed).toISOString() : typed)} />`;
}

/** @param {string} moment */
function toLocal(moment) {
  const date = new Date(moment);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** A value of several types: of constants a list, of objects the fields of the chosen one. @param {any} props */
function ChoiceField({ name, path, schema, value, onChange, around, shared }) {
  /** @type {any[]} */
  const constants = schema.choices.flatMap((/** @type {Schema} */ choice) => ("const" in choice ? [choice.const] : choice.type === "boolean" ? [true, false] : choice.enum || []));
  if (constants.length && schema.choices.every((/** @type {Schema} */ choice) => "const" in choice || choice.type === "boolean" || choice.enum)) {
    const options = constants.map((one) => [JSON.stringify(one), one === true ? t("Yes") : one === false ? t("No") : label(one)]);
    return html`<${SelectField} ...${shared} value=${value === undefined || value === null ? "" : JSON.stringify(value)} options=${[["", schema.default !== undefined ? t("Default: {value}", { value: label(schema.default) }) : t("None")], ...options]} onInput=${(/** @type {string} */ chosen) => onChange(chosen === "" ? undefined : JSON.parse(chosen))} />`;
  }
  const key = Object.keys(schema.choices[0].properties || {}).find((field) => schema.choices.every((/** @type {Schema} */ choice) => choice.properties?.[field] && "const" in resolve(choice.properties[field], around.root)));
  if (!key) return html`<${JsonField} ...${{ value, onChange, shared }} />`;
  const constant = (/** @type {Schema} */ choice) => resolve(choice.properties[key], around.root).const;
  const chosen = schema.choices.find((/** @type {Schema} */ choice) => constant(choice) === value?.[key]);
  return html`<fieldset class="group"><legend>${shared.label}</legend>
    <${SelectField} label=${label(key)} value=${value?.[key] ?? ""} options=${[["", t("None")], ...schema.choices.map((/** @type {Schema} */ choice) => [constant(choice), label(constant(choice))])]} onInput=${(/** @type {string} */ kind) => onChange(kind ? { [key]: kind } : undefined)} />
    ${chosen ? html`<${Fields} ...${{ schema: chosen, value, onChange, around, path }} />` : null}</fieldset>`;
}

/** @param {any} props */
function ListField({ name, path, schema, value, onChange, around, shared }) {
  const items = resolve(schema.items || {}, around.root);
  const list = value || [];
  const options = around.pickers[name] || (items.enum ? items.enum.map((/** @type {string} */ one) => [one, label(one)]) : null);
  if (options) {
    return html`<fieldset class="field"><legend class="legend">${shared.label}</legend>${shared.hint ? html`<p class="hint">${shared.hint}</p>` : null}${shared.error ? html`<p class="wrong">${shared.error}</p>` : null}
      ${options.length ? null : html`<p class="quiet">${t("There is nothing to choose yet.")}</p>`}<div class="pair">${options.map((/** @type {[string, string]} */ [key, text]) => html`<label class="row" key=${key}><input type="checkbox" checked=${list.includes(key)} onChange=${(/** @type {any} */ event) => onChange(event.target.checked ? [...list, key] : list.filter((/** @type {string} */ one) => one !== key))} /><span>${text}</span></label>`)}</div></fieldset>`;
  }
  if (items.type === "string") {
    return html`<${Field} ...${shared} hint=${[shared.hint, t("One per line.")].filter(Boolean).join(" ")}>${(/** @type {string} */ id, /** @type {any} */ described) => html`<textarea id=${id} rows=${Math.min(8, Math.max(2, list.length + 1))} aria-describedby=${described} value=${list.join("\n")} onInput=${(/** @type {any} */ event) => onChange(event.target.value === "" ? [] : event.target.value.split("\n"))}></textarea>`}<//>`;
  }
  const replace = (/** @type {number} */ at, /** @type {any} */ item) => onChange(list.map((/** @type {any} */ old, /** @type {number} */ i) => (i === at ? item : old)));
  return html`<fieldset class="field"><legend class="legend">${shared.label}</legend>${shared.hint ? html`<p class="hint">${shared.hint}</p>` : null}${shared.error ? html`<p class="wrong">${shared.error}</p>` : null}
    ${list.map((/** @type {any} */ item, /** @type {number} */ i) => html`<div class="item card" key=${i}><div class="stack"><${SchemaField} ...${{ name: `${name} ${i + 1}`, path: `${path}.${i}`, schema: items, value: item, around: { ...around, depth: around.depth + 1 }, required: true }} title=${`${shared.label} ${i + 1}`} onChange=${(/** @type {any} */ changed) => replace(i, changed)} /></div>
      <${Button} kind="plain icon-only" aria-label=${t("Remove {what}", { what: `${shared.label} ${i + 1}` })} onClick=${() => onChange(list.filter((/** @type {any} */ _, /** @type {number} */ at) => at !== i))}><${Icon} name="close" /><//></div>`)}
    <div><${Button} kind="small" onClick=${() => onChange([...list, items.type === "object" ? {} : items.type === "array" ? [] : ""])}><${Icon} name="plus" />${t("Add")}<//></div></fieldset>`;
}

/** @param {any} props */
function ObjectField({ path, schema, value, onChange, around, shared, required }) {
  if (schema.properties && Object.keys(schema.properties).length) {
    const body = html`<${Fields} ...${{ schema, value: value || {}, onChange, around: { ...around, depth: around.depth + 1 }, path }} />`;
    const isWrong = [...around.faults.keys()].some((/** @type {string} */ wrong) => wrong.startsWith(`${path}.`));
    return around.depth > 1 && !required ? html`<details open=${isWrong || undefined}><summary>${shared.label}</summary>${body}</details>` : html`<fieldset class="group"><legend>${shared.label}</legend>${shared.hint ? html`<p class="hint">${shared.hint}</p>` : null}${body}</fieldset>`;
  }
  const named = Object.values(schema.patternProperties || {})[0] || schema.additionalProperties;
  const of = named && typeof named === "object" ? resolve(named, around.root) : null;
  if (of?.type === "string") return html`<${PairsField} ...${{ value, onChange, shared }} />`;
  return html`<${JsonField} ...${{ value, onChange, shared }} />`;
}

/** Names with a text each. @param {any} props */
function PairsField({ value, onChange, shared }) {
  const pairs = Object.entries(value || {});
  const put = (/** @type {[string, string][]} */ changed) => onChange(Object.fromEntries(changed));
  return html`<fieldset class="field"><legend class="legend">${shared.label}</legend>${shared.hint ? html`<p class="hint">${shared.hint}</p>` : null}${shared.error ? html`<p class="wrong">${shared.error}</p>` : null}
    ${pairs.map(([key, text], i) => html`<div class="item" key=${i}><div class="pair">
      <input aria-label=${t("Name")} value=${key} onChange=${(/** @type {any} */ event) => put(/** @type {any} */ (pairs.map((pair, at) => (at === i ? [event.target.value, text] : pair))))} />
      <input aria-label=${t("Value of {name}", { name: key })} value=${text} onInput=${(/** @type {any} */ event) => put(/** @type {any} */ (pairs.map((pair, at) => (at === i ? [key, event.target.value] : pair))))} /></div>
      <${Button} kind="plain icon-only" aria-label=${t("Remove {what}", { what: key })} onClick=${() => put(/** @type {any} */ (pairs.filter((_, at) => at !== i)))}><${Icon} name="close" /><//></div>`)}
    <div><${Button} kind="small" onClick=${() => put(/** @type {any} */ ([...pairs, [`name_${pairs.length + 1}`, ""]]))}><${Icon} name="plus" />${t("Add")}<//></div></fieldset>`;
}

/** Any value, as JSON. @param {any} props */
function JsonField({ value, onChange, shared }) {
  const [text, setText] = useState(value === undefined || value === null ? "" : JSON.stringify(value, null, 2));
  const [wrong, setWrong] = useState("");
  const change = (/** @type {string} */ typed) => {
    setText(typed);
    try {
      onChange(typed.trim() === "" ? undefined : JSON.parse(typed));
      setWrong("");
    } catch {
      setWrong(t("This is no valid JSON."));
    }
  };
  return html`<${Field} ...${shared} hint=${[shared.hint, "JSON"].filter(Boolean).join(" ")} error=${wrong || shared.error}>${(/** @type {string} */ id, /** @type {any} */ described) => html`<textarea id=${id} class="mono" rows="4" spellcheck="false" aria-describedby=${described} value=${text} onInput=${(/** @type {any} */ event) => change(event.target.value)}></textarea>`}<//>`;
}

/** The fields of an object: the required ones, then the others. @param {{schema: Schema, value: any, onChange: (value: any) => void, around: Surroundings, path?: string, only?: string[], skip?: string[]}} props */
export function Fields({ schema, value, onChange, around, path = "", only, skip = [] }) {
  const required = new Set(schema.required || []);
  const names = (only || Object.keys(schema.properties || {})).filter((name) => name in (schema.properties || {}) && !skip.includes(name));
  return names.map((name) => html`<${SchemaField} key=${name} ...${{ name, path: path ? `${path}.${name}` : name, schema: schema.properties[name], value: value?.[name], around, required: required.has(name) }} onChange=${(/** @type {any} */ changed) => {
    const { [name]: old, ...others } = value || {};
    onChange(changed === undefined ? others : { ...others, [name]: changed });
  }} />`);
}

/** Null for each field that must be sent and may be null. @param {Schema} schema @param {Schema} root */
function emptied(schema, root) {
  return Object.fromEntries((schema.required || []).filter((/** @type {string} */ name) => resolve(schema.properties[name], root).nullable).map((/** @type {string} */ name) => [name, null]));
}

/** A form for a body of the API. @param {{schema: Schema, root: Schema, value?: any, submit: (value: any) => Promise<any>, action: string, onCancel?: () => void, pickers?: Record<string, [string, string][]>, skip?: string[], refine?: (schema: Schema, value: any) => Schema}} props refine: the schema for what was entered so far */
export function SchemaForm({ schema: given, root, value: first = {}, submit, action, onCancel, pickers = {}, skip, refine }) {
  const [value, setValue] = useState(first);
  const { busy, error, run } = useAction(submit);
  const whole = resolve(given, root);
  const schema = refine ? refine(whole, value) : whole;
  const faults = faultsOf(error);
  const around = { root, faults, pickers, depth: Object.keys(schema.properties || {}).length > 6 ? 2 : 0, isConfig: !(schema.required || []).length };
  const rank = (/** @type {string} */ name) => (name === "name" ? 0 : ["object", "array"].includes(resolve(schema.properties[name], root).type) ? 2 : 1);
  const names = Object.keys(schema.properties || {}).sort((a, b) => rank(a) - rank(b));
  const required = names.filter((name) => (schema.required || []).includes(name) || names.length <= 6);
  const others = names.filter((name) => !required.includes(name) && !(skip || []).includes(name));
  return html`<form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(tidy({ ...emptied(schema, root), ...value })); }}>
    <${ErrorBox} error=${error} />
    <${Fields} ...${{ schema, value, onChange: setValue, around, only: required, skip }} />
    ${others.length ? html`<details open=${Object.keys(first).some((name) => others.includes(name)) || [...faults.keys()].some((path) => others.includes(path.split(".")[0]))}><summary>${t("More settings")}</summary><div class="form"><${Fields} ...${{ schema, value, onChange: setValue, around, only: others }} /></div></details>` : null}
    <div class="buttons"><${Button} kind="main" type="submit" busy=${busy}>${action}<//>${onCancel ? html`<${Button} onClick=${onCancel}>${t("Cancel")}<//>` : null}</div>
  </form>`;
}

/** Without empty lines of lists. @param {any} value @returns {any} */
export function tidy(value) {
  if (Array.isArray(value)) return value.filter((item) => item !== "").map(tidy);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, tidy(part)]));
}
