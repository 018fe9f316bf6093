// The page: who looks, at what (the address after # says it), and what is wrong at the moment.

import * as api from "./api.js";
import * as live from "./live.js";
import * as say from "./words.js";
import { draw, fetched, href } from "./view.js";

const AGAIN_MS = 5000;
const RENEWED_MS = 60000;
const SPAN = { day: /^\d{4}-\d\d-\d\d$/, month: /^\d{4}-\d\d$/, year: /^\d{4}$/ };
const place = (id) => document.getElementById(id);
const troubles = new Map(); // by whom it is told: "live", "view"
let known = null; // who looks, and which devices are theirs
let shown = null;
let watched = null;
let timer = 0;

function trouble(who, name) {
  name ? troubles.set(who, name) : troubles.delete(who);
  const text = [...troubles.values()][0];
  const said = text ? say.word(text) : "";
  if (place("trouble").textContent !== said) place("trouble").textContent = said;
}

function asked() {
  const [, device, kind, span] = location.hash.split("/").map(decodeURIComponent);
  return device && SPAN[kind]?.test(span) ? { device, kind, span } : null;
}

// Nobody has gone on meanwhile.
const still = (wanted) => JSON.stringify(asked()) === JSON.stringify(wanted);

async function show(moved) {
  clearTimeout(timer);
  const wanted = asked();
  if (!known?.devices.length) return;
  if (!wanted) return location.replace(href(known.devices[0], "day", known.today));
  if (watched !== wanted.device && known.devices.includes(wanted.device)) {
    watched = wanted.device;
    live.watch(watched, (name) => trouble("live", name));
  }
  try {
    const got = await fetched(wanted.device, wanted.kind, wanted.span);
    if (!still(wanted)) return;
    shown = got;
    place("view").hidden = false;
    place("device").value = wanted.device;
    draw(shown, known.today);
    trouble("view", "");
    if (moved) place("view-title").focus({ preventScroll: true });
    timer = setTimeout(renew, RENEWED_MS);
  } catch (error) {
    if (!(error instanceof api.Refused)) throw error;
    if (still(wanted)) failed(error.status);
  }
}

function failed(status) {
  if (status === 401) return begin();
  if (status === 422) {
    place("view").hidden = true;
    return trouble("view", "no_date");
  }
  if (status === 404) {
    place("view").hidden = true;
    live.forget();
    watched = null;
    troubles.delete("live");
    return trouble("view", "not_yours");
  }
  trouble("view", status === 503 ? "no_store" : "no_connection");
  timer = setTimeout(renew, AGAIN_MS);
}

// Again, with what day it is now.
async function renew() {
  try {
    known = await api.devices();
  } catch (error) {
    return failed(error.status);
  }
  await show(false);
}

async function begin() {
  live.forget();
  [shown, watched] = [null, null];
  clearTimeout(timer);
  try {
    known = await api.devices();
  } catch (error) {
    known = null;
    place("login").hidden = error.status !== 401;
    for (const id of ["view", "device", "leave"]) place(id).hidden = true;
    if (error.status !== 401) {
      trouble("view", "no_connection");
      timer = setTimeout(begin, AGAIN_MS);
    } else {
      troubles.clear();
      trouble("view", "");
    }
    return;
  }
  welcome();
}

function welcome() {
  place("login").hidden = true;
  place("leave").hidden = false;
  place("device").replaceChildren(...known.devices.map((name) => new Option(name, name)));
  place("device").hidden = known.devices.length < 2;
  troubles.clear();
  if (!known.devices.length) return trouble("view", "no_devices");
  trouble("view", "");
  show(false);
}

async function login(event) {
  event.preventDefault();
  const form = event.target;
  place("refused").textContent = "";
  try {
    await api.login(form.person.value, form.password.value);
  } catch (error) {
    place("refused").textContent = say.word({ 401: "refused", 422: "refused", 429: "too_often" }[error.status] ?? "no_connection");
    return;
  }
  form.reset();
  await begin();
}

function label() {
  place("leave").textContent = say.word("leave");
  place("device").setAttribute("aria-label", say.word("choose_device"));
  place("language").setAttribute("aria-label", say.word("choose_language"));
  place("language").value = say.language;
}

// Who was sent a link comes with a token in the address, and gets a session for it.
async function enter() {
  const token = location.hash.match(/^#token=(.+)/)?.[1];
  if (token) {
    history.replaceState(null, "", "/"); // before anything else: nobody should find it in the address
    try {
      await api.bring(token);
    } catch {
      place("refused").textContent = say.word("no_link");
    }
  }
  await begin();
}

async function start() {
  place("language").replaceChildren(...say.languages().map(([value, text]) => new Option(text, value)));
  await say.speak(say.chosen());
  label();
  await enter();
}

place("login").addEventListener("submit", login);
place("leave").addEventListener("click", async () => {
  await api.leave().catch(() => {});
  history.replaceState(null, "", "/");
  await begin();
});
place("device").addEventListener("change", (event) => (location.hash = href(event.target.value, asked()?.kind ?? "day", asked()?.span ?? known.today)));
place("language").addEventListener("change", async (event) => {
  await say.choose(event.target.value);
  label();
  live.draw();
  if (shown) draw(shown, known.today);
});
window.addEventListener("hashchange", () => (location.hash.startsWith("#token=") ? enter() : show(true)));
window.addEventListener("resize", () => shown && draw(shown, known.today));
document.addEventListener("visibilitychange", () => document.hidden || (known && renew()));

start();
