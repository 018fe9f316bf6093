// The page: who looks, at what (the address after # says it), and what is wrong at the moment.
//
// `look` is the way from one state to the next. It asks for what it needs to know and ends with what is asked for (`shown`), with what is wrong and another try
// (`amiss`), or with nobody (`nobody`: the login). Whoever looks again overtakes whoever is still at it.

import * as api from "./api.js";
import * as live from "./live.js";
import * as say from "./words.js";
import { draw, fetched, frame, href, lead } from "./view.js";

const AGAIN_MS = 5000;
const RENEWED_MS = 60000;
const SPAN = { day: /^\d{4}-\d\d-\d\d$/, month: /^\d{4}-\d\d$/, year: /^\d{4}$/ };
const WRONG = { 404: "not_yours", 422: "no_date", 429: "busy", 503: "no_store" };
const NOT_ENTERED = { 401: "refused", 422: "refused", 429: "too_often" };
const place = (id) => document.getElementById(id);
const troubles = { leave: "", language: "", view: "", live: "" }; // the first is said
let token = ""; // of a link, until there is a session for it
let known = null; // who looks, which devices are theirs, and what day it is; null: nobody, or nobody can tell
let person = ""; // who looked last
let shown = null;
let turn = 0;
let timer = 0;

function trouble(of, name) {
  troubles[of] = name;
  say.tell(place("trouble"), Object.values(troubles).find(Boolean) ?? "");
}

function asked() {
  try {
    const [, device, kind, span] = location.hash.split("/").map(decodeURIComponent);
    return device && SPAN[kind]?.test(span) ? { device, kind, span } : null;
  } catch {
    return null; // a % that is none
  }
}

// `again`: with what day it is now, and which devices there are. `entered`: somebody has just come in by the door.
async function look({ again = true, entered = false } = {}) {
  const mine = ++turn;
  clearTimeout(timer);
  try {
    if (token) {
      await api.bring(token);
      if (mine !== turn) return;
      token = "";
      again = entered = true;
    }
    if (again || !known?.devices.includes(asked()?.device)) {
      const found = await api.devices();
      if (mine !== turn) return;
      meet(found, entered);
    }
    if (known.devices.length && !asked()) history.replaceState(null, "", href({ device: known.devices[0], kind: "day", span: known.today }));
    const wanted = asked();
    place("view").hidden = !known.devices.length;
    if (known.devices.length) frame(wanted, known);
    place("device").value = wanted?.device ?? "";
    if (!known.devices.includes(wanted?.device)) throw new api.Refused(404);
    const other = shown && href(shown) !== href(wanted);
    place("body").hidden = !shown;
    place("body").setAttribute("aria-busy", Boolean(other));
    live.watch(wanted.device, { trouble: (name) => trouble("live", name), refused: look, came: onward });
    const got = await fetched(wanted);
    if (mine !== turn) return;
    shown = got;
    place("body").hidden = false;
    place("body").setAttribute("aria-busy", false);
    show();
    trouble("view", "");
    trouble("language", "");
    if (other) regain();
    later(RENEWED_MS);
  } catch (error) {
    if (!(error instanceof api.Refused)) throw error;
    if (mine === turn) amiss(error.status, entered);
  }
}

function show() {
  draw(shown);
  onward();
}

function onward() {
  if (shown) lead(shown, live.lastDay(shown.device));
}

// Whoever had the focus in what is gone goes on at the title; all others stay where they are.
function regain() {
  const at = document.activeElement ?? document.body;
  if (at === document.body || at.closest("[hidden]")) place("view-title").focus({ preventScroll: true });
}

function later(ms) {
  timer = setTimeout(() => document.hidden || look(), ms); // whoever comes back looks again
}

// Another person begins at the beginning, and so does who comes in where there is nothing for them.
function meet(found, entered) {
  const other = person && person !== found.person;
  if (other || (entered && !found.devices.includes(asked()?.device))) history.replaceState(null, "", "/");
  if (other) empty();
  const names = [...place("device").options].map((one) => one.value);
  if (names.join() !== found.devices.join()) place("device").replaceChildren(...found.devices.map((name) => new Option(name, name)));
  place("device").hidden = found.devices.length < 2;
  place("leave").hidden = false;
  place("login").hidden = true;
  [known, person] = [found, found.person];
  label();
}

function empty() {
  live.forget();
  shown = null;
  place("body").hidden = true;
}

function amiss(status, entered) {
  if (status === 401) return nobody(token ? "no_link" : entered ? "no_cookie" : "");
  if (status === 404) empty();
  if (status === 422) place("body").hidden = true;
  trouble("view", known?.devices.length === 0 ? "no_devices" : (WRONG[status] ?? "no_connection"));
  later(status === 404 || status === 422 ? RENEWED_MS : AGAIN_MS);
}

function nobody(why) {
  turn++;
  clearTimeout(timer);
  empty();
  [token, known] = ["", null];
  for (const id of ["view", "device", "leave"]) place(id).hidden = true;
  place("login").hidden = false;
  say.tell(place("refused"), why);
  for (const each of Object.keys(troubles)) trouble(each, "");
  document.title = "Wattfall";
}

async function login(event) {
  event.preventDefault();
  const form = event.target;
  say.tell(place("refused"), "");
  try {
    await api.login(form.person.value, form.password.value);
  } catch (error) {
    return say.tell(place("refused"), NOT_ENTERED[error.status] ?? "not_entered");
  }
  form.reset();
  await look({ entered: true });
  regain();
}

async function leave() {
  trouble("leave", "");
  try {
    await api.leave();
  } catch {
    return trouble("leave", "not_left"); // until it is done: nobody should believe that the session has ended
  }
  history.replaceState(null, "", "/");
  nobody("");
}

function label() {
  place("leave").textContent = say.word("leave", { person });
  place("device").setAttribute("aria-label", say.word("choose_device"));
  place("language").setAttribute("aria-label", say.word("choose_language"));
  place("language").value = say.language;
}

async function choose(event) {
  trouble("language", "");
  try {
    await say.choose(event.target.value);
  } catch {
    trouble("language", "no_words");
  }
  label();
  live.draw();
  if (known?.devices.length && asked()) frame(asked(), known);
  if (shown) show();
}

// Who was sent a link comes with a token in the address, where nobody else should find it.
function take() {
  const found = location.hash.match(/^#token=(.+)/)?.[1];
  if (!found) return;
  token = found;
  history.replaceState(null, "", "/");
}

async function start() {
  take();
  try {
    await say.speak(say.chosen());
  } catch {
    place("silent").hidden = false;
    return setTimeout(start, AGAIN_MS);
  }
  place("silent").hidden = true;
  place("language").replaceChildren(...say.languages().map(([value, text]) => new Option(text, value)));
  label();
  window.addEventListener("hashchange", () => {
    take();
    if (token || inside()) look({ again: false });
  });
  document.addEventListener("visibilitychange", () => !document.hidden && inside() && look());
  await look();
}

// Nobody gets in past the login by going elsewhere.
const inside = () => place("login").hidden;

place("login").addEventListener("submit", login);
place("leave").addEventListener("click", leave);
place("device").addEventListener("change", (event) => (location.hash = href({ kind: "day", span: known.today, ...asked(), device: event.target.value })));
place("language").addEventListener("change", choose);
window.addEventListener("resize", () => shown && draw(shown));

start();
