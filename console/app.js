// The shell: who is signed in, which workspace is open, the menu, and the page of the present address.
import { signal } from "@preact/signals";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ROOT, get, post, read, signedOut, write } from "./api.js";
import { LANGUAGES, chooseLanguage, language, startLanguage, t, zone } from "./i18n.js";
import { go, kept, link, match, startRouter, view } from "./router.js";
import { Badge, Button, Empty, ErrorBox, Icon, Loading, Overlays, Page, html } from "./ui.js";

/** @typedef {{id: string, name: string, role: string, status: string}} Membership */
/** The signed-in user and their workspaces; null: nobody. @type {import("@preact/signals").Signal<{user: any, workspaces: Membership[]} | null | undefined>} */
export const session = signal(undefined);
/** The signed-in member of the staff. @type {import("@preact/signals").Signal<any>} */
export const staff = signal(undefined);
const isMenuOpen = signal(false);

/** Pages by address. A page's module is loaded when it is first opened. @type {[string, () => Promise<any>][]} */
const PAGES = [
  ["/sign-in", () => import("./pages/session.js").then((module) => module.SignIn)],
  ["/sign-up", () => import("./pages/session.js").then((module) => module.SignUp)],
  ["/forgot-password", () => import("./pages/session.js").then((module) => module.Forgot)],
  ["/sso/callback/:workspace", () => import("./pages/session.js").then((module) => module.SsoCallback)],
  ["/admin/sign-in", () => import("./pages/session.js").then((module) => module.AdminSignIn)],
  ["/verify-email", () => import("./pages/letter.js").then((module) => module.VerifyEmail)],
  ["/reset-password", () => import("./pages/letter.js").then((module) => module.ResetPassword)],
  ["/invitation", () => import("./pages/letter.js").then((module) => module.Invitation)],
  ["/integrations", () => import("./pages/letter.js").then((module) => module.ConnectionResult)],
  ["/", () => import("./pages/guide.js").then((module) => module.Home)],
  ["/account", () => import("./pages/account.js").then((module) => module.Account)],
  ["/w/:workspace", () => import("./pages/guide.js").then((module) => module.Guide)],
  ["/w/:workspace/live", () => import("./pages/live.js").then((module) => module.Live)],
  ["/w/:workspace/calls", () => import("./pages/calls.js").then((module) => module.Calls)],
  ["/w/:workspace/calls/:call", () => import("./pages/call.js").then((module) => module.Call)],
  ["/w/:workspace/agents", () => import("./pages/agents.js").then((module) => module.Agents)],
  ["/w/:workspace/agents/:agent", () => import("./pages/agent.js").then((module) => module.Agent)],
  ["/w/:workspace/agents/:agent/:tab", () => import("./pages/agent.js").then((module) => module.Agent)],
  ["/w/:workspace/numbers/buy", () => import("./pages/numbers.js").then((module) => module.BuyNumber)],
  ["/w/:workspace/analytics", () => import("./pages/analytics.js").then((module) => module.Analytics)],
  ["/w/:workspace/billing", () => import("./pages/billing.js").then((module) => module.Billing)],
  ["/w/:workspace/settings", () => import("./pages/settings.js").then((module) => module.Settings)],
  ["/w/:workspace/:resource", () => import("./pages/resource.js").then((module) => module.ResourceList)],
  ["/w/:workspace/:resource/:id", () => import("./pages/resource.js").then((module) => module.ResourceDetail)],
  ["/admin", () => import("./pages/admin.js").then((module) => module.Overview)],
  ["/admin/audit", () => import("./pages/admin.js").then((module) => module.AuditLog)],
  ["/admin/live", () => import("./pages/live.js").then((module) => module.AdminLive)],
  ["/admin/:resource", () => import("./pages/resource.js").then((module) => module.ResourceList)],
  ["/admin/:resource/:id", () => import("./pages/resource.js").then((module) => module.ResourceDetail)],
];
/** @type {[string, [string, string, string][]][]} section, [name, icon, path] */
const MENU = [
  ["", [["Overview", "guide", ""], ["Live desk", "live", "/live"], ["Calls", "calls", "/calls"], ["Messages", "message", "/messages"]]],
  ["Build", [["Agents", "agents", "/agents"], ["Phone numbers", "numbers", "/phone-numbers"], ["Campaigns", "campaigns", "/campaigns"], ["Knowledge", "knowledge", "/knowledge"], ["HTTP tools", "tools", "/http-tools"], ["MCP servers", "tools", "/mcp-servers"], ["Integrations", "webhooks", "/integrations"]]],
  ["Measure", [["Analytics", "analytics", "/analytics"], ["Billing", "billing", "/billing"], ["Invoices", "billing", "/invoices"]]],
  ["Workspace", [["Webhooks", "webhooks", "/webhooks"], ["API keys", "keys", "/api-keys"], ["Members", "members", "/members"], ["Do not call", "shield", "/do-not-call"], ["Blocked callers", "shield", "/blocked-callers"], ["Privacy", "shield", "/privacy"], ["Providers", "settings", "/providers"], ["Settings", "settings", "/settings"]]],
];
/** @type {[string, [string, string, string][]][]} */
const ADMIN_MENU = [
  ["", [["Overview", "analytics", ""], ["Live calls", "live", "/live"], ["Calls", "calls", "/calls"]]],
  ["Customers", [["Workspaces", "workspace", "/workspaces"], ["Users", "members", "/users"], ["Phone numbers", "numbers", "/phone-numbers"]]],
  ["Money", [["Invoices", "billing", "/invoices"], ["Balances", "billing", "/balances"], ["Tax rates", "billing", "/tax-rates"], ["Exchange rates", "billing", "/exchange-rates"], ["Tiers", "billing", "/tiers"]]],
  ["Platform", [["Providers", "settings", "/providers"], ["Templates", "agents", "/templates"], ["Integration types", "webhooks", "/integration-types"], ["Settings", "settings", "/settings"], ["Audit log", "shield", "/audit"]]],
];
const OPEN = ["/sign-in", "/sign-up", "/forgot-password", "/verify-email", "/reset-password", "/invitation", "/admin/sign-in"];

/** Asks who is signed in. */
export async function loadSession() {
  const answer = await get("/auth/me");
  session.value = answer;
  return answer;
}

export async function loadStaff() {
  staff.value = (await get("/admin/auth/me")).admin;
  return staff.value;
}

export async function signOut() {
  const isAdmin = view.peek().path.startsWith("/admin");
  await post(isAdmin ? "/admin/auth/logout" : "/auth/logout").catch(() => null);
  if (isAdmin) staff.value = null;
  else session.value = null;
  go(isAdmin ? "/admin/sign-in" : "/sign-in");
}

/** @param {string} id */
export function workspaceOf(id) {
  return session.value?.workspaces.find((workspace) => workspace.id === id);
}

const RANKS = ["viewer", "member", "admin", "owner"];
/** Whether the user's role in a workspace suffices. @param {string} workspaceId @param {string} least */
export function may(workspaceId, least) {
  return RANKS.indexOf(workspaceOf(workspaceId)?.role || "") >= RANKS.indexOf(least);
}

function App() {
  const { path } = view.value;
  language.value;
  const isOpen = OPEN.includes(path) || path.startsWith("/sso/");
  const isAdmin = path.startsWith("/admin");
  useEffect(() => {
    isMenuOpen.value = false;
  }, [path]);
  return html`${isOpen ? html`<${Routed} path=${path} />` : isAdmin ? html`<${AdminShell} path=${path} />` : html`<${UserShell} path=${path} />`}<${Overlays} />`;
}

/** @param {{path: string}} props */
function UserShell({ path }) {
  const [error, setError] = useState(/** @type {any} */ (null));
  const load = () => {
    setError(null);
    loadSession().catch((failure) => (failure.status === 401 ? askToSignIn("/sign-in") : setError(failure)));
  };
  useEffect(() => {
    if (!session.value) load();
  }, []);
  const id = path.match(/^\/w\/([^/]+)/)?.[1] || "";
  const workspace = workspaceOf(id);
  useEffect(() => {
    if (!workspace) return;
    write("vocalized.workspace", id);
    zone.value = read(`vocalized.zone.${id}`);
    get(`/workspaces/${id}`).then(({ workspace: found }) => {
      zone.value = found.timezone;
      write(`vocalized.zone.${id}`, found.timezone);
    }, () => null);
  }, [id, !!workspace]);
  if (error) return html`<div class="gate"><${ErrorBox} error=${error} retry=${load} /></div>`;
  if (!session.value) return html`<div class="page"><${Loading} /></div>`;
  const base = id ? `/w/${id}` : "";
  const content = id && !workspace ? html`<${Page} title=${t("No such workspace")}><${Empty} title=${t("You are no member of this workspace.")}><a class="button" href=${link("/")}>${t("Your workspaces")}</a><//><//>` : html`<${Routed} path=${path} />`;
  return html`<${Frame} base=${base} path=${path} menu=${workspace ? MENU : []} who=${session.value.user} account="/account"
    head=${html`<${Switcher} current=${id} />`}>${session.value.user.is_verified ? null : html`<${Unverified} />`}${content}<//>`;
}

/** @param {{path: string}} props */
function AdminShell({ path }) {
  const [error, setError] = useState(/** @type {any} */ (null));
  const load = () => {
    setError(null);
    loadStaff().catch((failure) => (failure.status === 401 ? askToSignIn("/admin/sign-in") : setError(failure)));
  };
  useEffect(() => {
    zone.value = "";
    if (!staff.value) load();
  }, []);
  if (error) return html`<div class="gate"><${ErrorBox} error=${error} retry=${load} /></div>`;
  if (!staff.value) return html`<div class="page"><${Loading} /></div>`;
  return html`<${Frame} base="/admin" path=${path} menu=${ADMIN_MENU} who=${staff.value} mark=${t("Staff")}><${Routed} path=${path} /><//>`;
}

/** @param {string} path */
function askToSignIn(path) {
  const { path: from, query } = view.peek();
  if (OPEN.includes(from)) return;
  kept.hash = location.hash;
  go(path, { next: from === "/" ? "" : link(from, Object.fromEntries(query)) }, { replace: true });
}

/** @param {{base: string, path: string, menu: [string, [string, string, string][]][], who: any, head?: any, mark?: string, account?: string, children?: any}} props */
function Frame({ base, path, menu, who, head, mark, account, children }) {
  const brand = html`<a class="brand" href=${link(base || "/")}><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="#0f5f56"/><path d="M8 13v6M12 9v14M16 12v8M20 7v18M24 13v6" stroke="#eafff9" stroke-width="2.4" stroke-linecap="round" fill="none"/></svg>Vocalized${mark ? html`<${Badge} value=${mark} text=${mark} />` : null}</a>`;
  const isHere = (/** @type {string} */ to) => path === base + to || (to !== "" && path.startsWith(`${base}${to}/`)) || (to === "/phone-numbers" && path.startsWith(`${base}/numbers/`));
  return html`<div class="shell">
    <a class="skip" href="#main">${t("Skip to the content")}</a>
    <div class="topbar"><${Button} kind="plain icon-only" aria-label=${t("Menu")} aria-expanded=${isMenuOpen.value} onClick=${() => (isMenuOpen.value = true)}><${Icon} name="menu" /><//>${brand}</div>
    ${isMenuOpen.value ? html`<button class="veil" aria-label=${t("Close the menu")} onClick=${() => (isMenuOpen.value = false)}></button>` : null}
    <div class=${`side${isMenuOpen.value ? " open" : ""}`} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (isMenuOpen.value = false)}>
      ${brand}
      ${head}
      <nav class="menu" aria-label=${t("Main menu")}>${menu.map(([title, items]) => html`${title ? html`<h2 key=${title}>${t(title)}</h2>` : null}${items.map(([name, icon, to]) => html`<a key=${to} href=${link(base + to)} aria-current=${isHere(to) ? "page" : undefined}><${Icon} name=${icon} />${t(name)}</a>`)}`)}</nav>
      <footer>
        <div class="row">${account ? html`<a class="who" href=${link(account)} title=${who.email}>${who.name || who.email}</a>` : html`<span class="who" title=${who.email}>${who.name || who.email}</span>`}<${Button} kind="plain small" onClick=${signOut}><${Icon} name="out" />${t("Sign out")}<//></div>
        <div class="row"><${Preferences} /></div>
      </footer>
    </div>
    <main>${children}</main>
  </div>`;
}

/** @param {{current: string}} props */
function Switcher({ current }) {
  const known = session.value?.workspaces || [];
  if (!known.length) return null;
  return html`<div class="switcher"><select aria-label=${t("Workspace")} value=${current} onChange=${(/** @type {any} */ event) => go(event.target.value ? `/w/${event.target.value}` : "/")}>
    ${current ? null : html`<option value="">${t("Choose a workspace")}</option>`}
    ${known.map((workspace) => html`<option key=${workspace.id} value=${workspace.id} selected=${workspace.id === current}>${workspace.name}</option>`)}
    <option value="">${t("All workspaces…")}</option>
  </select></div>`;
}

function Unverified() {
  const [sent, setSent] = useState(false);
  const send = () => post("/auth/resend-verification").then(() => setSent(true), () => null);
  useEffect(() => {
    // The link is opened in another tab.
    const look = () => document.hidden || loadSession().catch(() => null);
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return html`<div class="page" style=${{ paddingBottom: 0 }}><div class="notice warn"><${Icon} name="warn" /><div><p>${sent ? t("An e-mail is on its way.") : t("Confirm your e-mail address by the link that we sent you.")}</p>${sent ? null : html`<${Button} kind="small" onClick=${send}>${t("Send it again")}<//>`}</div></div></div>`;
}

/** Theme and language. */
export function Preferences() {
  const [theme, setTheme] = useState(read("vocalized.theme") || "system");
  const choose = (/** @type {string} */ wanted) => {
    write("vocalized.theme", wanted === "system" ? "" : wanted);
    if (wanted === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = wanted;
    setTheme(wanted);
  };
  return html`<select class="small" aria-label=${t("Theme")} value=${theme} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>${[["system", t("System")], ["light", t("Light")], ["dark", t("Dark")]].map(([key, name]) => html`<option key=${key} value=${key} selected=${key === theme}>${name}</option>`)}</select>
    <select class="small" aria-label=${t("Language")} value=${language.value} onChange=${(/** @type {any} */ event) => chooseLanguage(event.target.value)}>${Object.entries(LANGUAGES).map(([key, name]) => html`<option key=${key} value=${key} lang=${key} selected=${key === language.value}>${name}</option>`)}</select>`;
}

/** @type {Map<() => Promise<any>, any>} */
const loaded = new Map();

/** @param {{path: string}} props */
function Routed({ path }) {
  const [, again] = useState(0);
  const [error, setError] = useState(/** @type {any} */ (null));
  const found = PAGES.map(([pattern, load]) => ({ load, params: match(pattern, path) })).find(({ params }) => params);
  const page = found && loaded.get(found.load);
  useEffect(() => {
    setError(null);
    if (found && !page) found.load().then((component) => { loaded.set(found.load, component); again((n) => n + 1); }, setError);
  }, [path]);
  if (!found) return html`<${Page} title=${t("Page not found")}><${Empty} title=${t("There is no such page.")}><a class="button" href=${link("/")}>${t("Overview")}</a><//><//>`;
  if (error) return html`<div class="page"><${ErrorBox} error=${error} retry=${() => location.reload()} /></div>`;
  if (!page) return html`<div class="page"><${Loading} /></div>`;
  return html`<${page} key=${Object.values(found.params || {}).join("/") + found.load} ...${found.params} />`;
}

signedOut.subscribe((times) => {
  if (!times) return;
  const isAdmin = view.peek().path.startsWith("/admin");
  if (isAdmin) staff.value = null;
  else session.value = null;
  askToSignIn(isAdmin ? "/admin/sign-in" : "/sign-in");
});
addEventListener("unhandledrejection", (event) => console.error(event.reason));
startRouter();
await startLanguage();
const root = document.getElementById("app");
if (root) render(html`<${App} />`, root);
export { ROOT };
