// The pages behind the links in e-mails, and behind the redirects of services that a workspace connects. The token is in the part of the
// address behind #, which browsers send to no server. Opening a page changes nothing, because mail scanners open links, too.
import { useEffect, useState } from "preact/hooks";
import { post, write } from "../api.js";
import { loadSession, session } from "../app.js";
import { t } from "../i18n.js";
import { go, link, view } from "../router.js";
import { Button, Empty, ErrorBox, Loading, Page, TextField, html, useAction } from "../ui.js";
import { Gate, PasswordForm } from "./session.js";

/** The token of the link. It leaves the address, so that it is in no history. @param {string} name */
function useToken(name) {
  const [token] = useState(() => new URLSearchParams(location.hash.slice(1)).get(name) || "");
  useEffect(() => {
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  }, []);
  return token;
}

function Incomplete() {
  return html`<p class="wrong" role="alert">${t("This link is incomplete. Copy the whole link from the e-mail.")}</p><p><a href=${link("/")}>${t("Continue to the console")}</a></p>`;
}

export function VerifyEmail() {
  const token = useToken("token");
  const [isDone, setDone] = useState(false);
  const { busy, error, run } = useAction(async () => {
    await post("/auth/verify-email", { token }, { quiet: true });
    setDone(true);
  });
  return html`<${Gate} title=${t("Confirm your e-mail address")}>${!token ? html`<${Incomplete} />` : isDone ? html`<p role="status">${t("Your e-mail address is confirmed.")}</p><a class="button main" href=${link("/")}>${t("Continue to the console")}</a>` : html`
    <${ErrorBox} error=${error} />
    <p class="quiet">${t("Confirm that the address to which the e-mail was sent is yours.")}</p>
    <${Button} kind="main" busy=${busy} onClick=${run}>${t("Confirm this address")}<//>`}<//>`;
}

export function ResetPassword() {
  const token = useToken("token");
  const [password, setPassword] = useState("");
  const [isDone, setDone] = useState(false);
  const { busy, error, run } = useAction(async () => {
    await post("/auth/reset-password", { token, new_password: password }, { quiet: true });
    setDone(true);
  });
  return html`<${Gate} title=${t("Choose a new password")}>${!token ? html`<${Incomplete} />` : isDone ? html`<p role="status">${t("Your password is changed.")}</p><a class="button main" href=${link("/sign-in")}>${t("Sign in")}</a>` : html`
    <p class="quiet">${t("It replaces your old password, and you are signed out everywhere.")}</p>
    <form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(); }}>
      <${ErrorBox} error=${error} />
      <${TextField} label=${t("New password")} type="password" autocomplete="new-password" required minlength="10" hint=${t("At least 10 characters.")} value=${password} onInput=${setPassword} />
      <${Button} kind="main" type="submit" busy=${busy}>${t("Set the new password")}<//>
    </form>
    <p><a href=${link("/forgot-password")}>${t("Send another link")}</a></p>`}<//>`;
}

export function Invitation() {
  const token = useToken("token");
  const [has, setHas] = useState(false);
  const [form, setForm] = useState({ name: "", password: "" });
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => setForm({ ...form, [name]: value });
  useEffect(() => {
    if (session.value === undefined) loadSession().catch(() => (session.value = null));
  }, []);
  const user = session.value?.user;
  const join = useAction(async () => {
    const { workspace_id: id } = await post("/invitations/accept", { token }, { quiet: true });
    await loadSession();
    go(`/w/${id}`, {}, { replace: true });
  });
  const signUp = useAction(async () => {
    const answer = await post("/invitations/signup", { token, ...form }, { quiet: true });
    write("vocalized.device./auth/login", answer.device_token || "");
    await loadSession();
    go("/", {}, { replace: true });
  });
  return html`<${Gate} title=${t("Accept the invitation")}>${!token ? html`<${Incomplete} />` : session.value === undefined ? html`<${Loading} rows=${2} />` : user ? html`
    <${ErrorBox} error=${join.error} />
    <p class="quiet">${t("You are signed in as {email}.", { email: user.email })}</p>
    <${Button} kind="main" busy=${join.busy} onClick=${join.run}>${t("Join the workspace")}<//>
    <div class="foot"><${Button} kind="plain small" onClick=${() => post("/auth/logout").finally(() => { session.value = null; setHas(true); })}>${t("Use another account")}<//></div>` : has ? html`
    <p class="quiet">${t("Sign in with the address to which the invitation was sent.")}</p>
    <${PasswordForm} path="/auth/login" done=${loadSession} />
    <div class="foot"><${Button} kind="plain small" onClick=${() => setHas(false)}>${t("Create an account")}<//></div>` : html`
    <p class="quiet">${t("Create an account for the address to which the invitation was sent.")}</p>
    <form class="form" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); signUp.run(); }}>
      <${ErrorBox} error=${signUp.error} />
      <${TextField} label=${t("Your name")} autocomplete="name" required value=${form.name} onInput=${set("name")} />
      <${TextField} label=${t("Password")} type="password" autocomplete="new-password" required minlength="10" hint=${t("At least 10 characters.")} value=${form.password} onInput=${set("password")} />
      <${Button} kind="main" type="submit" busy=${signUp.busy}>${t("Create account and join")}<//>
    </form>
    <p class="quiet">${t("You have an account?")} <${Button} kind="plain small" onClick=${() => setHas(true)}>${t("Sign in")}<//></p>`}<//>`;
}

const FAILURES = /** @type {Record<string, string>} */ ({
  state_invalid: "This link was used before, or is too old. Begin the connection again.",
  access_denied: "Access was not granted. Nothing was stored.",
  vendor_refused: "The service does not accept the request. Nothing was stored; begin the connection again.",
  vendor_away: "The service does not answer. Nothing was stored; try again later.",
  integration_removed: "The integration was removed meanwhile. Nothing was stored.",
});

/** What became of a connection that a member began: a service's redirect leads here. */
export function ConnectionResult() {
  const confirmation = useToken("confirmation");
  const { query } = view.value;
  const [workspace, integration, failure] = [query.get("workspace_id") || "", query.get("integration_id") || "", query.get("error")];
  const { busy, error, run } = useAction(async () => {
    await post(`/workspaces/${encodeURIComponent(workspace)}/integrations/${encodeURIComponent(integration)}/confirm`, { confirmation }, { quiet: true });
    go(`/w/${workspace}/integrations/${integration}`, {}, { replace: true });
  });
  const list = workspace ? link(`/w/${workspace}/integrations`) : link("/");
  if (failure || !confirmation) return html`<${Page} title=${t("The connection was not made")}><${Empty} title=${t(FAILURES[failure || ""] || "Nothing was stored. Begin the connection again.")}><a class="button main" href=${list}>${t("Integrations")}</a><//><//>`;
  return html`<${Page} title=${t("Complete the connection")}><section class="card stack" style=${{ maxWidth: "36rem" }}><${ErrorBox} error=${error} />
    <p>${t("Do so only if you began it yourself: it gives the workspace access to the account in which you have just granted it.")}</p>
    <div class="buttons"><a class="button" href=${list}>${t("Cancel")}</a><${Button} kind="main" busy=${busy} onClick=${run}>${t("Complete the connection")}<//></div></section><//>`;
}
