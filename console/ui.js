// The components that all pages share.
import { signal } from "@preact/signals";
import htm from "htm";
import { Component, h } from "preact";
import { useCallback, useEffect, useId, useRef, useState } from "preact/hooks";
import { ApiError, ROOT, curl, post, proof, requests } from "./api.js";
import { ago, label, t, time } from "./i18n.js";
import { arrived, link, setQuery } from "./router.js";

export const html = htm.bind(h);

/** @typedef {import("preact").ComponentChildren} Children */

// --- Icons ----------------------------------------------------------------------------------------------------------

/** 16 px, drawn with strokes. @type {Record<string, string>} */
const ICONS = {
  live: "M2 8h2M6 4v8M9 2.5v11M12 5v6M14.5 8h0", calls: "M3 2.5h3l1.5 3.5L6 7.5a8 8 0 0 0 3 3L10.5 9l3.5 1.5v3c-6.5.5-11.5-5-11-11Z",
  agents: "M8 2.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM2.5 14c.5-3 2.5-4.5 5.5-4.5s5 1.5 5.5 4.5", numbers: "M6 2 4.5 14M11.5 2 10 14M2.5 5.5h11.5M2 10.5h11.5",
  campaigns: "M2 6.5v3h2.5L11 13V3L4.5 6.5H2ZM13.5 6v4", knowledge: "M3 2.5h4.5L8 4l.5-1.5H13v10H8.5L8 13.5l-.5-1H3v-10ZM8 4v9.5",
  tools: "M10 2.5a3.5 3.5 0 0 0-3 5L2.5 12l1.5 1.5L8.5 9a3.5 3.5 0 0 0 5-3L11 7.5 8.5 5 10 2.5Z", analytics: "M2.5 13.5h11M4.5 11V7M8 11V3M11.5 11V5.5",
  billing: "M2 4h12v8.5H2V4ZM2 7h12M4.5 10h3", webhooks: "M5 6.5a2.5 2.5 0 1 1 3.5-1L11 10M6 7l-2 4M11.5 12.5a2 2 0 1 0-1-3.5M4 11h6", keys: "M10.5 2.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8.5 7.5 3 13M5 11l1.5 1.5",
  members: "M6 3a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5ZM1.5 13.5c.5-2.5 2-4 4.5-4s4 1.5 4.5 4M11 3.5a2.5 2.5 0 0 1 0 4.5M12 10c1.5.5 2.300 1.700 2.5 3.5", settings: "M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5ZM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.5 3.5 5 5M11 11l1.5 1.5M12.5 3.5 11 5M5 11l-1.5 1.5",
  guide: "M8 1.5 14 5v6l-6 3.5L2 11V5l6-3.5ZM5.5 8 7.300 9.800 10.800 6.300", message: "M2 3h12v8.5H7.5L4.5 14v-2.5H2V3Z", shield: "M8 1.5 13.5 3.5V8c0 3.5-2.5 5.5-5.5 6.5C5 13.5 2.5 11.5 2.5 8V3.5L8 1.5Z", workspace: "M2.5 13.5v-9l5.5-3 5.5 3v9ZM6 13.5V9.5h4v4",
  copy: "M5.5 5.5h8v8h-8v-8ZM10.5 3v-.5h-8v8H3", close: "M3.5 3.5l9 9M12.5 3.5l-9 9", plus: "M8 3v10M3 8h10", menu: "M2 4h12M2 8h12M2 12h12", code: "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5", warn: "M8 2 14.5 13.5H1.5L8 2ZM8 6.5v3.5M8 11.5v.5",
  play: "M4.5 2.5v11l9-5.5-9-5.5Z", pause: "M4.5 3v10M11.5 3v10", search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.5 10.5l3.5 3.5", down: "M3.5 6 8 10.5 12.5 6", right: "M6 3.5 10.5 8 6 12.5", left: "M10 3.5 5.5 8l4.5 4.5", inbound: "M13 3 4 12M4 6v6h6", outbound: "M3.5 12.5 12.5 3.5M6 3.5h6.5V10", out: "M9 3h4v10H9M2.5 8h7M7 5.5 9.5 8 7 10.5",
  mic: "M8 2a2 2 0 0 0-2 2v4a2 2 0 0 0 4 0V4a2 2 0 0 0-2-2ZM3.5 7.5a4.5 4.5 0 0 0 9 0M8 12v2.5",
};

/** @param {{name: string}} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[name] || ""} /></svg>`;
}

// --- Loading data ---------------------------------------------------------------------------------------------------

/** Loads data of a view, again when `deps` change. The former data stays visible while newer data is loaded.
 * @template T @param {(aborted: AbortSignal) => Promise<T>} load @param {any[]} deps
 * @returns {{data: T | undefined, error: any, loading: boolean, reload: () => void, set: (data: T) => void}} */
export function useLoad(load, deps) {
  const [state, setState] = useState(/** @type {{data: any, error: any, loading: boolean, key: string}} */ ({ data: undefined, error: null, loading: true, key: "" }));
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify(deps);
  useEffect(() => {
    const control = new AbortController();
    setState((old) => ({ ...old, loading: true, error: null }));
    load(control.signal).then(
      (data) => control.signal.aborted || setState({ data, error: null, loading: false, key }),
      (error) => control.signal.aborted || setState((old) => ({ data: old.key === key ? old.data : undefined, error, loading: false, key })),
    );
    return () => control.abort();
  }, [key, turn]);
  return { ...state, reload: useCallback(() => setTurn((n) => n + 1), []), set: (data) => setState((old) => ({ ...old, data })) };
}

/** Calls an action and shows its failure; `busy` while it runs. @param {(...args: any[]) => Promise<any>} action */
export function useAction(action) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));
  const run = async (/** @type {any[]} */ ...args) => {
    setBusy(true);
    setError(null);
    try {
      return await action(...args);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run, setError };
}

/** Calls a function now and then while the page is visible. @param {() => void} action @param {number} ms */
export function useInterval(action, ms) {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

// A component that is drawn again only if one of its properties is another one: preact/compat has it, which nothing else needs.
/** @template P @param {(props: P) => any} draw */
export function memo(draw) {
  return class extends Component {
    /** @param {any} next */
    shouldComponentUpdate(next) {
      const before = /** @type {any} */ (this.props);
      return Object.keys(next).some((name) => next[name] !== before[name]);
    }
    render() {
      return draw(/** @type {P} */ (this.props));
    }
  };
}

// --- States of a view -----------------------------------------------------------------------------------------------

/** @param {{rows?: number}} props */
export function Loading({ rows = 4 }) {
  return html`<div class="loading" role="status"><span class="sr">${t("Loading…")}</span>${Array.from({ length: rows }, (_, i) => html`<i key=${i}></i>`)}</div>`;
}

/** A refusal whose text is already for people. */
export class Notice extends Error {}

/** @param {any} error */
export function errorText(error) {
  if (error instanceof ApiError) return error.status ? error.message : t("The server does not answer. Check the connection, then try again.");
  if (error instanceof Notice) return error.message;
  return t("Something went wrong on this page: {message}", { message: error?.message || error });
}

/** @param {{error: any, retry?: () => void}} props */
export function ErrorBox({ error, retry }) {
  if (!error) return null;
  const faults = (error.faults || []).filter((/** @type {any} */ fault) => fault.param && fault.message !== error.message);
  return html`<div class="notice bad" role="alert">
    <${Icon} name="warn" />
    <div>
      <p>${errorText(error)}</p>
      ${faults.length ? html`<ul>${faults.map((/** @type {any} */ fault) => html`<li key=${fault.param}><code>${fault.param}</code> ${fault.message}</li>`)}</ul>` : null}
      ${error.requestId ? html`<p class="quiet">${t("Request")} <${Copy} value=${error.requestId} /></p>` : null}
      ${retry ? html`<${Button} onClick=${retry}>${t("Try again")}<//>` : null}
    </div>
  </div>`;
}

/** @param {{title: string, text?: string, children?: Children}} props */
export function Empty({ title, text, children }) {
  return html`<div class="empty"><h2>${title}</h2>${text ? html`<p>${text}</p>` : null}${children}</div>`;
}

/** The data of `useLoad` in its states. @param {{of: any, children: (data: any) => any, rows?: number}} props */
export function Loaded({ of, children, rows }) {
  if (of.data !== undefined) return html`${of.error ? html`<${ErrorBox} error=${of.error} retry=${of.reload} />` : null}${children(of.data)}`;
  return of.error ? html`<${ErrorBox} error=${of.error} retry=${of.reload} />` : html`<${Loading} rows=${rows} />`;
}

// --- Page -----------------------------------------------------------------------------------------------------------

/** @param {{title: string, crumbs?: [string, string][], actions?: Children, note?: Children, children?: Children, wide?: boolean}} props */
export function Page({ title, crumbs = [], actions, note, children, wide }) {
  useEffect(() => {
    document.title = `${title} · Vocalized`;
  }, [title]);
  useEffect(() => {
    if (arrived.current) document.getElementById("main")?.focus({ preventScroll: true });
    arrived.current = false;
  }, []);
  return html`<div class=${`page${wide ? " wide" : ""}`}>
    <header class="page-head">
      <div>
        ${crumbs.length ? html`<nav class="crumbs" aria-label=${t("Breadcrumb")}>${crumbs.map(([text, path]) => html`<a key=${path} href=${link(path)}>${text}</a><span aria-hidden="true">/</span>`)}</nav>` : null}
        <h1 id="main" tabindex="-1">${title}</h1>
        ${note ? html`<div class="note">${note}</div>` : null}
      </div>
      <div class="actions">${actions}<${CurlButton} /></div>
    </header>
    ${children}
  </div>`;
}

function CurlButton() {
  const [open, setOpen] = useState(false);
  return html`<${Button} kind="plain" title=${t("What this page asks of the API")} onClick=${() => setOpen(true)}><${Icon} name="code" />API<//>
    ${open ? html`<${Dialog} title=${t("What this page asks of the API")} wide onClose=${() => setOpen(false)}>
      <p>${t("Set VOCALIZED_KEY to an API key of the workspace.")} <a href=${new URL("docs", ROOT).href} target="_blank" rel="noopener">${t("Documentation of the API")}</a></p>
      ${requests.value.map((request) => html`<div class="curl" key=${request.method + request.path}><pre tabindex="0"><code>${curl(request)}</code></pre><${CopyButton} value=${curl(request)} /></div>`)}
    <//>` : null}`;
}

/** @param {{items: [string, string, any?][], current: string}} props items: [text, address, count] */
export function Tabs({ items, current }) {
  return html`<nav class="tabs" aria-label=${t("Sections")}>${items.map(([text, href, count]) => html`<a key=${href} href=${href} aria-current=${href === current ? "page" : undefined}>${text}${count === undefined ? null : html`<span class="count">${count}</span>`}</a>`)}</nav>`;
}

/** Pairs of a name and a value. @param {{items: [string, any][]}} props */
export function Facts({ items }) {
  return html`<dl class="facts">${items.filter(([, value]) => value !== undefined).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value ?? "–"}</dd></div>`)}</dl>`;
}

// --- Small parts ----------------------------------------------------------------------------------------------------

/** @param {{kind?: string, busy?: boolean, type?: "button" | "submit", children?: Children, [more: string]: any}} props */
export function Button({ kind = "", busy, type = "button", children, ...more }) {
  return html`<button type=${type} class=${`button ${kind}`} disabled=${busy || more.disabled} aria-busy=${busy ? "true" : undefined} ...${more}>${children}</button>`;
}

const TONES = {
  good: "live active completed paid done ready sent verified connected delivered in_progress healthy succeeded enabled indexed open published up running",
  warn: "paused trial pending ringing queued draft buying releasing overdue scheduled waiting retrying degraded processing uploading invited awaited disabled",
  bad: "failed busy no_answer canceled cancelled suspended void uncollectible error down dead revoked expired unhealthy rejected refused",
};

/** @param {{value: any, text?: string}} props */
export function Badge({ value, text }) {
  if (value === null || value === undefined || value === "") return html`<span>–</span>`;
  const name = String(value);
  const tone = Object.entries(TONES).find(([, names]) => names.split(" ").includes(name))?.[0] || "";
  return html`<span class=${`badge ${tone}`}>${text || label(name)}</span>`;
}

/** @param {{value: string | null | undefined, relative?: boolean}} props */
export function Time({ value, relative }) {
  if (!value) return html`<span>–</span>`;
  const full = time(value, { dateStyle: "full", timeStyle: "long" });
  return html`<time dateTime=${value} title=${full}>${relative ? ago(value) : time(value)}</time>`;
}

/** @param {{value: string, what?: string}} props */
export function CopyButton({ value, what }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      toast(t("Copied"));
    } catch {
      toast(t("The browser does not allow copying."), "bad");
    }
  };
  return html`<button type="button" class="copy" title=${t("Copy")} aria-label=${`${t("Copy")} ${what || value.slice(0, 80)}`} onClick=${copy}><${Icon} name="copy" /></button>`;
}

/** An id that can be copied. @param {{value: string | null | undefined}} props */
export function Copy({ value }) {
  return value ? html`<span class="id"><code>${value}</code><${CopyButton} value=${value} /></span>` : html`<span>–</span>`;
}

/** @param {{label: string, hint?: string, error?: string, children: (id: string, described: string | undefined) => any, optional?: boolean, row?: boolean}} props */
export function Field({ label: text, hint, error, children, optional, row }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const name = html`<label for=${id}>${text}${optional ? html` <span class="quiet">${t("optional")}</span>` : null}</label>`;
  const notes = html`${hint ? html`<p class="hint" id=${`${id}-hint`}>${hint}</p>` : null}${error ? html`<p class="wrong" id=${`${id}-error`}>${error}</p>` : null}`;
  return row ? html`<div class="field row">${children(id, described)}<div>${name}${notes}</div></div>` : html`<div class="field">${name}${children(id, described)}${notes}</div>`;
}

/** @param {{label: string, value: any, onInput: (value: string) => void, hint?: string, error?: string, [more: string]: any}} props */
export function TextField({ label: text, value, onInput, hint, error, optional, ...more }) {
  return html`<${Field} label=${text} hint=${hint} error=${error} optional=${optional}>${(/** @type {string} */ id, /** @type {any} */ described) =>
    html`<input id=${id} aria-describedby=${described} aria-invalid=${error ? "true" : undefined} value=${value ?? ""} onInput=${(/** @type {any} */ event) => onInput(event.target.value)} ...${more} />`}<//>`;
}

/** @param {{label: string, value: any, options: [string, string][], onInput: (value: string) => void, [more: string]: any}} props */
export function SelectField({ label: text, value, options, onInput, hint, error, optional, ...more }) {
  return html`<${Field} label=${text} hint=${hint} error=${error} optional=${optional}>${(/** @type {string} */ id, /** @type {any} */ described) =>
    html`<select id=${id} aria-describedby=${described} value=${value ?? ""} onChange=${(/** @type {any} */ event) => onInput(event.target.value)} ...${more}>${options.map(([key, name]) => html`<option key=${key} value=${key} selected=${key === (value ?? "")}>${name}</option>`)}</select>`}<//>`;
}

// --- Dialogs and messages -------------------------------------------------------------------------------------------

/** @param {{title: string, onClose: () => void, children?: Children, wide?: boolean}} props */
export function Dialog({ title, onClose, children, wide }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    // The dialog is gone from the page only after this, and until then nothing else takes the focus.
    return () => setTimeout(() => document.activeElement === document.body && opener instanceof HTMLElement && opener.focus());
  }, []);
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); onClose(); }}>
    <header><h2 id=${id}>${title}</h2><${Button} kind="plain icon-only" aria-label=${t("Close")} onClick=${onClose}><${Icon} name="close" /><//></header>
    <div class="dialog-body">${children}</div>
  </dialog>`;
}

/** @typedef {{title: string, text?: string, action?: string, danger?: boolean, done: (yes: boolean) => void}} Question */
const question = signal(/** @type {Question | null} */ (null));
/** @type {import("@preact/signals").Signal<{id: number, text: string, tone: string}[]>} */
const toasts = signal([]);
let counter = 0;

/** Asks before something is done that cannot be undone. @param {Omit<Question, "done">} asked @returns {Promise<boolean>} */
export function confirm(asked) {
  return new Promise((resolve) => {
    question.value = { ...asked, done: (yes) => { question.value = null; resolve(yes); } };
  });
}

/** @param {string} text @param {string} [tone] */
export function toast(text, tone = "good") {
  const id = ++counter;
  toasts.value = [...toasts.value, { id, text, tone }].slice(-3);
  setTimeout(() => (toasts.value = toasts.value.filter((one) => one.id !== id)), tone === "bad" ? 8000 : 4000);
}

/** Sensitive actions need a recent sign-in. */
const doubt = signal(/** @type {{path: string, done: (proved: boolean) => void} | null} */ (null));
proof.ask = (isAdmin) => new Promise((resolve) => {
  doubt.value = { path: isAdmin ? "/admin/auth/reauthenticate" : "/auth/reauthenticate", done: (proved) => { doubt.value = null; resolve(proved); } };
});

/** @param {{path: string, done: (proved: boolean) => void}} props */
function Proof({ path, done }) {
  const [typed, setTyped] = useState("");
  const { busy, error, run } = useAction(async () => {
    const digits = typed.replace(/\s/g, "");
    await post(path, /^\d{6}$/.test(digits) ? { code: digits } : { password: typed }, { quiet: true });
    done(true);
  });
  return html`<${Dialog} title=${t("Is it still you?")} onClose=${() => done(false)}><form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
    <${ErrorBox} error=${error} />
    <${TextField} label=${t("Password, or a code of your authenticator app")} type="password" autocomplete="current-password" required autofocus hint=${t("This action needs a sign-in of the last minutes.")} value=${typed} onInput=${setTyped} />
    <div class="buttons"><${Button} kind="main" type="submit" busy=${busy}>${t("Continue")}<//></div></form><//>`;
}

export function Overlays() {
  const asked = question.value;
  return html`${doubt.value ? html`<${Proof} ...${doubt.value} />` : null}${asked ? html`<${Dialog} title=${asked.title} onClose=${() => asked.done(false)}>
      ${asked.text ? html`<p>${asked.text}</p>` : null}
      <div class="buttons"><${Button} onClick=${() => asked.done(false)}>${t("Cancel")}<//><${Button} kind=${asked.danger ? "danger" : "main"} onClick=${() => asked.done(true)}>${asked.action || t("Continue")}<//></div>
    <//>` : null}
    <div class="toasts" role="status" aria-live="polite">${toasts.value.map((one) => html`<div key=${one.id} class=${`toast ${one.tone}`}>${one.text}</div>`)}</div>`;
}

// --- Tables ---------------------------------------------------------------------------------------------------------

/** @typedef {{name: string, title: string, cell: (row: any) => any, end?: boolean, main?: boolean}} Column */

/** A table; on narrow screens each row becomes a card. @param {{columns: Column[], rows: any[], href?: (row: any) => string, caption: string, id?: (row: any) => string}} props */
export function Table({ columns, rows, href, caption, id = (row) => row.id }) {
  return html`<div class="table"><table><caption class="sr">${caption}</caption>
    <thead><tr>${columns.map((column) => html`<th key=${column.name} scope="col" class=${column.end ? "end" : ""}>${column.title || html`<span class="sr">${t("Actions")}</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${id(row) ?? i} class=${href ? "linked" : ""}>${columns.map((column, at) => html`<td key=${column.name} data-label=${column.title} class=${`${column.end ? "end" : ""} ${column.main ? "main" : ""}`}>${href && at === 0 ? html`<a class="row-link" href=${href(row)}>${column.cell(row)}</a>` : column.cell(row)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** @param {{page: number, list: any}} props list: of the API, with `total`, `limit` and `has_more` */
export function Pager({ page, list }) {
  const pages = list.total === null || list.total === undefined ? null : Math.max(1, Math.ceil(list.total / list.limit));
  if (page === 1 && !list.has_more) return null;
  return html`<nav class="pager" aria-label=${t("Pages")}>
    <${Button} disabled=${page <= 1} onClick=${() => setQuery({ page: page > 2 ? page - 1 : "" })}><${Icon} name="left" />${t("Previous")}<//>
    <span>${pages ? t("Page {page} of {pages}", { page, pages }) : t("Page {page}", { page })}</span>
    <${Button} disabled=${!list.has_more} onClick=${() => setQuery({ page: page + 1 })}>${t("Next")}<${Icon} name="right" /><//>
  </nav>`;
}
