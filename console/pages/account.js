// One's own account: password, second factor, sessions.
import { useState } from "preact/hooks";
import { get, post, remove } from "../api.js";
import { session } from "../app.js";
import { t } from "../i18n.js";
import { Badge, Button, Copy, Dialog, ErrorBox, Facts, Field, Loaded, Page, Table, TextField, Time, confirm, errorText, html, toast, useAction, useLoad } from "../ui.js";

/** A browser and its system, as people call them. @param {string} agent the User-Agent header */
function programOf(agent) {
  const browser = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]].find(([mark]) => agent.includes(mark));
  const system = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]].find(([mark]) => agent.includes(mark));
  return browser ? [browser[1], system?.[1]].filter(Boolean).join(", ") : agent.slice(0, 60) || "–";
}

export function Account() {
  const user = session.value?.user;
  return html`<${Page} title=${t("Your account")}>
    <section class="card"><${Facts} items=${[[t("Name"), user?.name], [t("E-mail address"), user?.email], ["ID", html`<${Copy} value=${user?.id} />`]]} /></section>
    <${Password} /><${SecondFactor} /><${Sessions} />
  <//>`;
}

function Password() {
  const [form, setForm] = useState({ current_password: "", new_password: "", keep_other_sessions: false });
  const { busy, error, run } = useAction(async () => {
    await post("/auth/password", form);
    setForm({ current_password: "", new_password: "", keep_other_sessions: false });
    toast(t("The password is changed."));
  });
  return html`<section class="card"><h2>${t("Password")}</h2><form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
    <${ErrorBox} error=${error} />
    <${TextField} label=${t("Present password")} type="password" autocomplete="current-password" required value=${form.current_password} onInput=${(/** @type {string} */ value) => setForm({ ...form, current_password: value })} />
    <${TextField} label=${t("New password")} type="password" autocomplete="new-password" required minlength="10" hint=${t("At least 10 characters.")} value=${form.new_password} onInput=${(/** @type {string} */ value) => setForm({ ...form, new_password: value })} />
    <${Field} label=${t("Stay signed in elsewhere")} row>${(/** @type {string} */ id) => html`<input id=${id} type="checkbox" checked=${form.keep_other_sessions} onChange=${(/** @type {any} */ event) => setForm({ ...form, keep_other_sessions: event.target.checked })} />`}<//>
    <div class="buttons"><${Button} kind="main" type="submit" busy=${busy}>${t("Change password")}<//></div>
  </form></section>`;
}

function SecondFactor() {
  const loaded = useLoad((aborted) => get("/auth/totp", {}, aborted), []);
  const [step, setStep] = useState("");
  const [offer, setOffer] = useState(/** @type {any} */ (null));
  const [typed, setTyped] = useState("");
  const action = useAction(async () => {
    if (step === "password") {
      setOffer(await post("/auth/totp", { password: typed }));
      setStep("code");
    } else if (step === "code") {
      await post("/auth/totp/confirm", { code: typed.replace(/\s/g, "") });
      close();
      toast(t("Each sign-in needs a code from now on."));
      loaded.reload();
    } else {
      await remove("/auth/totp", { code: typed.replace(/\s/g, "") });
      close();
      loaded.reload();
    }
    setTyped("");
  });
  const close = () => {
    setStep("");
    setOffer(null);
    setTyped("");
  };
  return html`<section class="card"><${Loaded} of=${loaded} rows=${1}>${(/** @type {any} */ state) => html`<header><div class="row"><h2>${t("Second factor")}</h2><${Badge} value=${state.is_enabled ? "enabled" : "off"} /></div>${state.is_enabled ? html`<${Button} kind="danger" onClick=${() => setStep("remove")}>${t("Remove")}<//>` : html`<${Button} onClick=${() => setStep("password")}>${t("Set up")}<//>`}</header>${state.is_enabled ? html`<p class="quiet">${t("{count} recovery codes are left.", { count: state.recovery_codes_left })}</p>` : null}`}<//>
    ${step ? html`<${Dialog} title=${t("Second factor")} onClose=${close}><form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); action.run(); }}>
      <${ErrorBox} error=${action.error} />
      ${offer ? html`<p>${t("Enter this secret in your authenticator app, and keep the recovery codes in a safe place.")}</p><${Facts} items=${[[t("Secret"), html`<${Copy} value=${offer.secret} />`]]} /><pre tabindex="0">${offer.recovery_codes.join("\n")}</pre>` : null}
      ${step === "password" ? html`<${TextField} label=${t("Password")} type="password" autocomplete="current-password" required autofocus value=${typed} onInput=${setTyped} />` : html`<${TextField} label=${t("Code of your authenticator app")} autocomplete="one-time-code" inputmode="numeric" required value=${typed} onInput=${setTyped} />`}
      <div class="buttons"><${Button} kind="main" type="submit" busy=${action.busy}>${t("Continue")}<//></div></form><//>` : null}
  </section>`;
}

function Sessions() {
  const loaded = useLoad((aborted) => get("/auth/sessions", {}, aborted), []);
  const end = async (/** @type {string} */ path) => {
    if (!(await confirm({ title: t("End this session?"), action: t("End"), danger: true }))) return;
    await remove(path).then(loaded.reload, (error) => toast(errorText(error), "bad"));
  };
  return html`<section class="stack"><header class="row"><h2 class="grow">${t("Sessions")}</h2><${Button} kind="small" onClick=${() => end("/auth/sessions")}>${t("End all others")}<//></header>
    <${Loaded} of=${loaded}>${(/** @type {any} */ { sessions }) => html`<${Table} caption=${t("Sessions")} rows=${sessions} columns=${[{ name: "agent", title: t("Browser or program"), cell: (/** @type {any} */ one) => html`<span title=${one.user_agent}>${programOf(one.user_agent)}</span> ${one.is_current ? html`<${Badge} value="live" text=${t("this one")} />` : null}` }, { name: "network", title: t("Network"), cell: (/** @type {any} */ one) => one.network }, { name: "used", title: t("Last used"), cell: (/** @type {any} */ one) => html`<${Time} value=${one.last_used_at} relative />` }, { name: "end", title: "", end: true, cell: (/** @type {any} */ one) => (one.is_current ? null : html`<div class="buttons"><${Button} kind="small" onClick=${() => end(`/auth/sessions/${one.id}`)}>${t("End")}<//></div>`) }]} />`}<//></section>`;
}
