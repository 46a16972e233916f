// The client of the public API. The session is in cookies that this code cannot read; the header Vocalized-Session, which no other
// site can send, has the API use them.
import { signal } from "@preact/signals";

/** Where the API is: this module is at …/console/v/DIGEST/api.js. */
export const ROOT = new URL("../../../", import.meta.url);
const HEADERS = { "Vocalized-Session": "cookie" };

/** @typedef {{param: string | null, code: string, message: string}} Fault */
/** @typedef {{query?: Record<string, any>, body?: any, headers?: Record<string, string>, signal?: AbortSignal, quiet?: boolean}} Options */

/** An answer of the API that is no success, or a request without an answer (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {{code?: string, message?: string, errors?: Fault[], request_id?: string, param?: string | null}} [error] */
  constructor(status, error = {}) {
    super(error.message || (status ? `HTTP ${status}` : "The server does not answer."));
    this.status = status;
    this.code = error.code || "";
    this.requestId = error.request_id || "";
    /** @type {Fault[]} */
    this.faults = error.errors || [];
  }
}

/** The requests that the present view has made, for "copy as curl". @type {import("@preact/signals").Signal<{method: string, path: string, body?: any}[]>} */
export const requests = signal([]);
/** Asks the signed-in person for the password again; set by the shell. @type {{ask: null | ((isAdmin: boolean) => Promise<boolean>)}} */
export const proof = { ask: null };
/** Counts up when a session has ended, so that the shell asks to sign in. */
export const signedOut = signal(0);

/** @param {string} path @param {Record<string, any>} [query] */
export function address(path, query = {}) {
  const url = new URL(path.replace(/^\//, ""), ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  }
  return url;
}

/** Sends a request; renews the session once if its access token has expired.
 * @param {string} method @param {string} path @param {Options} [options] @returns {Promise<Response>} */
export async function send(method, path, options = {}) {
  const { query, body, headers = {}, signal: aborted, quiet } = options;
  const url = address(path, query);
  const isFile = body instanceof Blob;
  const init = {
    method,
    headers: { ...HEADERS, ...(body === undefined || isFile ? {} : { "Content-Type": "application/json" }), ...headers },
    body: body === undefined ? undefined : isFile ? body : JSON.stringify(body),
    signal: aborted,
    credentials: /** @type {const} */ ("same-origin"),
  };
  if (!quiet) remember(method, url, isFile ? undefined : body);
  let response = await attempt(url, init);
  const isOpen = path.startsWith("/auth/login") || path.startsWith("/admin/auth/login") || path.endsWith("/refresh");
  if (response.status === 401 && !isOpen) {
    const began = Date.now();
    if (await renew(path.startsWith("/admin/"), began)) response = await attempt(url, init);
  }
  if (response.ok) return response;
  const error = await readError(response);
  if (error.code === "reauthentication_required" && proof.ask && (await proof.ask(path.startsWith("/admin/")))) {
    const again = await attempt(url, init);
    if (again.ok) return again;
    throw await readError(again);
  }
  if (error.status === 401 && !isOpen && !quiet && ["no_token", "token_expired", "session_over", "token_invalid"].includes(error.code)) {
    signedOut.value++;
  }
  throw error;
}

/** @param {URL} url @param {RequestInit} init */
async function attempt(url, init) {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0);
  }
}

/** @param {Response} response */
async function readError(response) {
  try {
    const { error } = await response.json();
    return new ApiError(response.status, error);
  } catch {
    return new ApiError(response.status, { request_id: response.headers.get("Vocalized-Request-Id") || "" });
  }
}

/** @type {Map<boolean, number>} */
const renewed = new Map();

/** All tabs share the cookies, and a refresh token is good once: only one of them renews at a time.
 * @param {boolean} isAdmin @param {number} began @returns {Promise<boolean>} */
async function renew(isAdmin, began) {
  const key = isAdmin ? "admin" : "user";
  const work = async () => {
    const last = Number(read(`vocalized.renewed.${key}`)) || renewed.get(isAdmin) || 0;
    if (last > began) return true;
    const response = await fetch(address(isAdmin ? "/admin/auth/refresh" : "/auth/refresh"), { method: "POST", headers: HEADERS });
    if (response.ok) {
      renewed.set(isAdmin, Date.now());
      write(`vocalized.renewed.${key}`, String(Date.now()));
    }
    return response.ok;
  };
  try {
    return await (navigator.locks ? navigator.locks.request(`vocalized.renew.${key}`, work) : work());
  } catch {
    return false;
  }
}

/** @param {string} method @param {string} path @param {Options} [options] @returns {Promise<any>} */
export async function call(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [aborted] */
export const get = (path, query, aborted) => call("GET", path, { query, signal: aborted });
/** @param {string} path @param {any} [body] @param {Options} [options] */
export const post = (path, body, options) => call("POST", path, { body, ...options });
/** @param {string} path @param {any} body */
export const put = (path, body) => call("PUT", path, { body });
/** @param {string} path @param {any} [body] */
export const remove = (path, body) => call("DELETE", path, { body });

/** Saves an answer as a file. A plain link cannot send the header that the session needs.
 * @param {string} path @param {Record<string, any>} query @param {string} name */
export async function save(path, query, name) {
  const url = URL.createObjectURL(await (await send("GET", path, { query })).blob());
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Reads server-sent events until the stream ends or is aborted. EventSource cannot send the header that the session needs.
 * @param {string} path @param {(event: string, data: any, id: string) => void} receive @param {{query?: Record<string, any>, signal?: AbortSignal, headers?: Record<string, string>}} [options] */
export async function stream(path, receive, options = {}) {
  const headers = { Accept: "text/event-stream", ...options.headers };
  const response = await send("GET", path, { ...options, headers });
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() || "";
    for (const block of blocks) {
      /** @type {Record<string, string>} */
      const fields = {};
      for (const line of block.split(/\r?\n/)) {
        const at = line.indexOf(":");
        if (at <= 0) continue;
        const [name, text] = [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
        fields[name] = name === "data" && fields.data ? `${fields.data}\n${text}` : text;
      }
      if (fields.data) receive(fields.event || "message", JSON.parse(fields.data), fields.id || "");
    }
  }
}

/** @param {string} method @param {URL} url @param {any} body */
function remember(method, url, body) {
  const path = url.pathname + url.search;
  const known = requests.peek().filter((one) => one.method !== method || one.path !== path);
  requests.value = [...known, { method, path, body }].slice(-20);
}

/** A curl command that does the same with an API key or a token. @param {{method: string, path: string, body?: any}} request */
export function curl({ method, path, body }) {
  const quote = (/** @type {string} */ text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl", method === "GET" ? "" : `-X ${method}`, quote(new URL(path, ROOT).href), `-H "Authorization: Bearer $VOCALIZED_KEY"`];
  if (body !== undefined) parts.push("-H 'Content-Type: application/json'", "-d", quote(JSON.stringify(withoutSecrets(body))));
  return parts.filter(Boolean).join(" ");
}

/** @param {any} body @returns {any} */
function withoutSecrets(body) {
  if (Array.isArray(body)) return body.map(withoutSecrets);
  if (!body || typeof body !== "object") return body;
  const hide = (/** @type {string} */ name) => /password|secret|token|api_key|code$/i.test(name);
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, hide(name) && typeof value === "string" ? "…" : withoutSecrets(value)]));
}

/** @type {Promise<any> | undefined} */
let documentPromise;
/** The API's OpenAPI document: what lists can be filtered by, and which fields forms have. @returns {Promise<any>} */
export function openapi() {
  documentPromise ||= send("GET", "/openapi.json", { quiet: true }).then((response) => response.json());
  documentPromise.catch(() => (documentPromise = undefined));
  return documentPromise;
}

/** @param {any} document @param {string} id @returns {{method: string, path: string, operation: any}} */
export function findOperation(document, id) {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(/** @type {Record<string, any>} */ (methods))) {
      if (operation.operationId === id) return { method: method.toUpperCase(), path, operation };
    }
  }
  throw new Error(`The API has no operation ${id}.`);
}

/** A value of this browser; empty where storage is forbidden. @param {string} name */
export function read(name) {
  try {
    return localStorage.getItem(name) || "";
  } catch {
    return "";
  }
}

/** @param {string} name @param {string} value */
export function write(name, value) {
  try {
    if (value) localStorage.setItem(name, value);
    else localStorage.removeItem(name);
  } catch {
    // Storage is forbidden: the value lasts as long as the page.
  }
}
