// Languages, and how times, money and figures are written. English texts are the keys: messages/de.js has the German ones.
import { signal } from "@preact/signals";
import { read, write } from "./api.js";

export const LANGUAGES = { en: "English", de: "Deutsch" };
/** @type {Record<string, string>} */
let messages = {};
export const language = signal("en");
/** The zone of the opened workspace; empty: that of the browser. */
export const zone = signal("");

/** @param {string} wanted */
export async function setLanguage(wanted) {
  const chosen = wanted in LANGUAGES ? wanted : "en";
  messages = chosen === "en" ? {} : (await import(`./messages/${chosen}.js`)).default;
  document.documentElement.lang = chosen;
  language.value = chosen;
}

export async function startLanguage() {
  const wanted = read("vocalized.language") || navigator.language.slice(0, 2);
  await setLanguage(wanted).catch(() => setLanguage("en"));
}

/** @param {string} wanted */
export function chooseLanguage(wanted) {
  write("vocalized.language", wanted);
  return setLanguage(wanted);
}

/** A text in the chosen language; {name} is replaced by a value. @param {string} text @param {Record<string, any>} [values] */
export function t(text, values) {
  const found = (language.value !== "en" && messages[text]) || text;
  return values ? found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole)) : found;
}

/** What providers do in a call. @type {Record<string, string>} */
const ROLES = { stt: "Recognition", llm: "Language model", tts: "Voice" };

/** A name of the API as people read it: "phone_number" becomes "Phone number". @param {string} name */
export function label(name) {
  if (name in ROLES) return t(ROLES[name]);
  if (/[^a-z0-9_ -]/i.test(String(name))) return String(name);
  const words = String(name).replace(/_at$|^(is|has)_/g, "").replaceAll("_", " ").replace(/\b(ids?|url|uri|api|llm|stt|tts|sso|totp|mcp|http|utc|usd|oauth2?)\b/g, (word) => (word === "ids" ? "IDs" : word.replace(/^oauth/, "OAuth").replace(/^[a-z]+$/, (short) => short.toUpperCase())));
  return t(words.charAt(0).toUpperCase() + words.slice(1));
}

/** A field's path as people read it: "config.hours.weekly.monday.0.opens" becomes "Hours › Weekly › Monday › 1 › Opens". @param {string} path */
export function pathLabel(path) {
  const parts = path.replace(/\[(\w+)\]/g, ".$1").split(".").filter((part, i) => i || part !== "config");
  return parts.map((part) => (/^\d+$/.test(part) ? String(Number(part) + 1) : label(part))).join(" › ");
}

const options = () => (zone.value ? { timeZone: zone.value } : {});

/** @param {string | number | Date | null | undefined} moment @param {Intl.DateTimeFormatOptions} [format] */
export function time(moment, format = { dateStyle: "medium", timeStyle: "short" }) {
  if (!moment) return "–";
  return new Intl.DateTimeFormat(language.value, { ...format, ...options() }).format(new Date(moment));
}

/** @param {string | null | undefined} moment */
export function ago(moment) {
  if (!moment) return "–";
  const seconds = (new Date(moment).getTime() - Date.now()) / 1000;
  const relative = new Intl.RelativeTimeFormat(language.value, { numeric: "auto", style: "short" });
  for (const [unit, size] of /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([["day", 86400], ["hour", 3600], ["minute", 60]])) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(Math.round(seconds), "second");
}

/** Seconds as 1:05 or 1:02:03. @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.round(seconds));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** @param {number | null | undefined} amount @param {string} [currency] */
export function money(amount, currency = "USD") {
  if (amount === null || amount === undefined) return "–";
  const digits = amount !== 0 && Math.abs(amount) < 0.1 ? 4 : 2;
  return new Intl.NumberFormat(language.value, { style: "currency", currency: currency || "USD", minimumFractionDigits: 2, maximumFractionDigits: digits }).format(amount);
}

/** @param {number | null | undefined} value @param {Intl.NumberFormatOptions} [format] */
export function figure(value, format = { maximumFractionDigits: 2 }) {
  return value === null || value === undefined ? "–" : new Intl.NumberFormat(language.value, format).format(value);
}
