// Every view has an address. Links are plain <a> elements; this module keeps the page when one within the console is followed.
import { signal } from "@preact/signals";
import { ROOT, requests } from "./api.js";

const BASE = new URL("console", ROOT).pathname;

/** @typedef {{path: string, query: URLSearchParams}} View */

function here() {
  const path = location.pathname.slice(BASE.length).replace(/\/+$/, "") || "/";
  return { path, query: new URLSearchParams(location.search) };
}

/** @type {import("@preact/signals").Signal<View>} */
export const view = signal(here());
/** Asked before a view is left; an editor with unsaved changes answers false. @type {{current: null | (() => boolean)}} */
export const guard = { current: null };

/** The part of the address behind #, which may be a secret, while a person signs in to see the view. */
export const kept = { hash: "" };

/** Whether a link was followed: the new view's heading takes the focus, so that screen readers say where they are. */
export const arrived = { current: false };

/** The address of a view. @param {string} path @param {Record<string, any>} [query] */
export function link(path, query) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query || {})) if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  const text = search.toString();
  return BASE + (path === "/" ? "" : path) + (text ? `?${text}` : "");
}

/** @param {string} path @param {Record<string, any>} [query] @param {{replace?: boolean, hash?: string}} [options] */
export function go(path, query, options = {}) {
  follow(link(path, query) + (options.hash || ""), options.replace);
}

/** @param {string} href @param {boolean} [replace] */
function follow(href, replace) {
  const before = view.peek().path;
  const leaves = new URL(href, location.href).pathname !== location.pathname;
  if (leaves && guard.current && !guard.current()) return;
  if (leaves) guard.current = null;
  history[replace ? "replaceState" : "pushState"](null, "", href);
  view.value = here();
  if (view.peek().path !== before) {
    requests.value = [];
    scrollTo(0, 0);
    arrived.current = true;
  }
}

/** Changes the query of the present view; empty values are removed. @param {Record<string, any>} changes */
export function setQuery(changes) {
  const { path, query } = view.peek();
  go(path, { ...Object.fromEntries(query), ...changes }, { replace: true });
}

/** The view that a link in an e-mail means: they are the same for the console and for other portals. @param {string} path */
function letterPath(path) {
  const [, id, rest] = path.match(/^\/workspaces\/([^/]+)(\/.*)?$/) || [];
  if (!id) return "";
  return `/w/${id}${(rest || "").replace("/webhook-endpoints", "/webhooks").replace(/^(\/calls\/[^/]+)\/recording$/, "$1").replace(/^\/billing\/.*/, "/billing")}`;
}

/** @param {string} pattern "/w/:workspace/calls/:call" @param {string} path @returns {Record<string, string> | null} */
export function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  /** @type {Record<string, string>} */
  const values = {};
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i].startsWith(":")) values[wanted[i].slice(1)] = decodeURIComponent(given[i]);
    else if (wanted[i] !== given[i]) return null;
  }
  return values;
}

export function startRouter() {
  const old = letterPath(view.peek().path);
  if (old) {
    history.replaceState(null, "", link(old) + location.search + location.hash);
    view.value = here();
  }
  addEventListener("popstate", () => {
    if (here().path !== view.peek().path) guard.current = null;
    view.value = here();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = event.target instanceof Element ? event.target.closest("a") : null;
    if (!anchor || anchor.target || anchor.hasAttribute("download") || anchor.origin !== location.origin) return;
    if (anchor.pathname !== BASE && !anchor.pathname.startsWith(`${BASE}/`)) return;
    if (anchor.hash && anchor.pathname + anchor.search === location.pathname + location.search) return;
    event.preventDefault();
    follow(anchor.href);
  });
  addEventListener("beforeunload", (event) => {
    if (guard.current) event.preventDefault();
  });
}
