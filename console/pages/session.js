// Sign-in by password, second factor or single sign-on; sign-up; a forgotten password.
import { useEffect, useState } from "preact/hooks";
import { post, read, write } from "../api.js";
import { loadSession, loadStaff, Preferences, session, staff } from "../app.js";
import { t } from "../i18n.js";
import { go, kept, link, view } from "../router.js";
import { Button, ErrorBox, Loading, Notice, TextField, html, useAction } from "../ui.js";

/** @param {{title: string, children?: any, staff?: boolean}} props */
export function Gate({ title, children, staff: isStaff }) {
  useEffect(() => {
    document.title = `${title} · Vocalized`;
  }, [title]);
  return html`<div class="gate"><main>
    <div class="card">
      <div class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="#0f5f56"/><path d="M8 13v6M12 9v14M16 12v8M20 7v18M24 13v6" stroke="#eafff9" stroke-width="2.4" stroke-linecap="round" fill="none"/></svg>Vocalized${isStaff ? html`<span class="badge">${t("Staff")}</span>` : null}</div>
      <h1 id="main" tabindex="-1">${title}</h1>
      ${children}
    </div></main>
    <footer class="row"><${Preferences} /></footer>
  </div>`;
}

/** Where to go after the sign-in: only to views of the console. @param {string} otherwise */
function proceed(otherwise) {
  const next = view.peek().query.get("next") || "";
  const base = link("/");
  const hash = kept.hash;
  kept.hash = "";
  if (!next.startsWith(`${base}/`)) return go(otherwise, {}, { replace: true });
  go(next.slice(base.length).split("?")[0] || "/", Object.fromEntries(new URLSearchParams(next.split("?")[1] || "")), { replace: true, hash });
}

const COOKIES_REFUSED = "You are signed in, but the browser did not keep the session. Open the console at the platform's public address, and allow cookies.";

async function enter() {
  try {
    await loadSession();
  } catch (failure) {
    throw /** @type {any} */ (failure).status === 401 ? new Notice(t(COOKIES_REFUSED)) : failure;
  }
  proceed("/");
}

/** The fields that sign-ins of users and staff share. @param {{path: string, done: (answer: any) => Promise<void>}} props */
export function PasswordForm({ path, done }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [needsCode, setNeedsCode] = useState(false);
  const device = `vocalized.device.${path}`;
  const { busy, error, run, setError } = useAction(async () => {
    const digits = code.replace(/\s/g, "");
    const factor = !code ? {} : /^\d{6}$/.test(digits) ? { totp_code: digits } : { recovery_code: code.trim() };
    const sent = { email, password, ...factor, ...(read(device) ? { device_token: read(device) } : {}) };
    const answer = await post(path, sent, { quiet: true });
    write(device, answer.device_token || "");
    await done(answer);
  });
  useEffect(() => {
    if (error?.code === "totp_required") {
      setNeedsCode(true);
      setError(null);
    }
  }, [error]);
  return html`<form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
    ${error && error.code !== "totp_required" ? html`<${ErrorBox} error=${error} />` : null}
    <${TextField} label=${t("E-mail address")} type="email" autocomplete="username" required value=${email} onInput=${setEmail} />
    <${TextField} label=${t("Password")} type="password" autocomplete="current-password" required value=${password} onInput=${setPassword} />
    ${needsCode ? html`<${TextField} label=${t("Code of your authenticator app")} hint=${t("Six digits, or a recovery code.")} autocomplete="one-time-code" inputmode="text" required autofocus value=${code} onInput=${setCode} />` : null}
    <${Button} kind="main" type="submit" busy=${busy}>${t("Sign in")}<//>
  </form>`;
}

export function SignIn() {
  const [isSso, setIsSso] = useState(false);
  return html`<${Gate} title=${t("Sign in")}>
    ${isSso ? html`<${SsoForm} />` : html`<${PasswordForm} path="/auth/login" done=${enter} />`}
    <div class="foot"><${Button} kind="plain small" onClick=${() => setIsSso(!isSso)}>${isSso ? t("Use a password") : t("Single sign-on")}<//><a href=${link("/forgot-password")}>${t("Forgot the password?")}</a></div>
    <p class="quiet">${t("No account yet?")} <a href=${link("/sign-up")}>${t("Create an account")}</a></p>
  <//>`;
}

function SsoForm() {
  const [email, setEmail] = useState("");
  const { busy, error, run } = useAction(async () => {
    const begun = await post("/auth/sso/begin", { email }, { quiet: true });
    sessionStorage.setItem("vocalized.sso", JSON.stringify({ flow_token: begun.flow_token, next: view.peek().query.get("next") || "" }));
    location.assign(begun.authorize_url);
  });
  return html`<form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
    <${ErrorBox} error=${error} />
    <${TextField} label=${t("E-mail address")} type="email" autocomplete="username" required hint=${t("We send you to the sign-in page of your company.")} value=${email} onInput=${setEmail} />
    <${Button} kind="main" type="submit" busy=${busy}>${t("Continue")}<//>
  </form>`;
}

/** What the company's provider sends the browser back to. @param {{workspace: string}} props */
export function SsoCallback({ workspace }) {
  const { error, run } = useAction(async () => {
    const { query } = view.peek();
    const begun = JSON.parse(sessionStorage.getItem("vocalized.sso") || "{}");
    sessionStorage.removeItem("vocalized.sso");
    if (!begun.flow_token || !query.get("code")) throw new Notice((begun.flow_token && query.get("error_description")) || t("This sign-in was not begun in this browser. Begin it again."));
    const iss = query.get("iss");
    await post("/auth/sso/complete", { callback_id: workspace, state: query.get("state"), code: query.get("code"), flow_token: begun.flow_token, ...(iss ? { iss } : {}) }, { quiet: true });
    await enter();
  });
  useEffect(() => {
    run();
  }, []);
  return html`<${Gate} title=${t("Single sign-on")}>${error ? html`<${ErrorBox} error=${error} /><a class="button" href=${link("/sign-in")}>${t("Sign in")}</a>` : html`<${Loading} rows=${2} />`}<//>`;
}

export function SignUp() {
  const [form, setForm] = useState({ name: "", email: "", password: "" });
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => setForm({ ...form, [name]: value });
  const { busy, error, run } = useAction(async () => {
    const answer = await post("/auth/signup", form, { quiet: true });
    write("vocalized.device./auth/login", answer.device_token || "");
    await enter();
  });
  const wrong = (/** @type {string} */ name) => error?.faults?.find((/** @type {any} */ fault) => fault.param === name)?.message;
  return html`<${Gate} title=${t("Create an account")}>
    <form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
      ${error && !error.faults?.some((/** @type {any} */ fault) => fault.param) ? html`<${ErrorBox} error=${error} />` : null}
      <${TextField} label=${t("Your name")} autocomplete="name" required value=${form.name} onInput=${set("name")} error=${wrong("name")} />
      <${TextField} label=${t("E-mail address")} type="email" autocomplete="username" required value=${form.email} onInput=${set("email")} error=${wrong("email")} />
      <${TextField} label=${t("Password")} type="password" autocomplete="new-password" required minlength="10" hint=${t("At least 10 characters.")} value=${form.password} onInput=${set("password")} error=${wrong("password")} />
      <${Button} kind="main" type="submit" busy=${busy}>${t("Create account")}<//>
    </form>
    <p class="quiet">${t("You have an account?")} <a href=${link("/sign-in")}>${t("Sign in")}</a></p>
  <//>`;
}

export function Forgot() {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const { busy, error, run } = useAction(async () => {
    await post("/auth/forgot-password", { email }, { quiet: true });
    setSent(true);
  });
  return html`<${Gate} title=${t("Set a new password")}>
    ${sent ? html`<p>${t("If there is an account with this address, an e-mail with a link is on its way.")}</p>` : html`<form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
      <${ErrorBox} error=${error} />
      <${TextField} label=${t("E-mail address")} type="email" autocomplete="username" required value=${email} onInput=${setEmail} />
      <${Button} kind="main" type="submit" busy=${busy}>${t("Send the link")}<//>
    </form>`}
    <p><a href=${link("/sign-in")}>${t("Back to the sign-in")}</a></p>
  <//>`;
}

export function AdminSignIn() {
  const done = async () => {
    await loadStaff();
    proceed("/admin");
  };
  return html`<${Gate} title=${t("Sign in as staff")} staff><${PasswordForm} path="/admin/auth/login" done=${done} /><p class="quiet"><a href=${link("/sign-in")}>${t("Sign in as a customer")}</a></p><//>`;
}
export { session, staff };
