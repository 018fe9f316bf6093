// The power now, or the register of a meter that sends no power: as it comes, with its age, and with what the last powers were.

import { stream } from "./api.js";
import { trail } from "./chart.js";
import * as say from "./words.js";

const KEPT = 60;
const PATIENCE_MS = 4000; // a stream ends now and then, and is there again at once
const LONGEST_MS = 60000;
const place = (id) => document.getElementById(id);
let watched = null; // {device, trouble, refused, came}
let source = null;
let timer = 0; // until somebody is told, or it is tried again
let wait = PATIENCE_MS;
let last = null; // {live, heard}: when it came, by this machine's clock, which is used for nothing but the time since
let watts = [];

// `trouble` is called with "" or the name of the word that says what is wrong; `refused` when there is no stream to be had, whatever the reason is; `came` with
// each reading.
export function watch(device, told) {
  if (watched?.device === device) return;
  forget();
  watched = { device, ...told };
  place("live").hidden = false;
  draw();
  open();
}

export function forget() {
  watched?.trouble("");
  close();
  [watched, last, watts, wait] = [null, null, [], PATIENCE_MS];
  place("live").hidden = true;
}

function close() {
  clearTimeout(timer);
  source?.close();
  [timer, source] = [0, null];
}

// Nobody looks at a page that is hidden, and a browser has few connections to one host.
function open() {
  close();
  if (!watched || document.hidden) return;
  source = stream(watched.device);
  source.addEventListener("open", sure);
  source.addEventListener("live", (event) => {
    watched.trouble("");
    wait = PATIENCE_MS;
    const live = JSON.parse(event.data);
    if (live.power_w !== null && live.power_at !== last?.live.power_at) watts = [...watts, live.power_w].slice(-KEPT);
    last = { live, heard: performance.now() };
    draw();
    watched.came();
  });
  source.addEventListener("trouble", () => watched.trouble("no_store"));
  source.addEventListener("error", () => (source.readyState === EventSource.CLOSED ? again() : doubt()));
}

function sure() {
  clearTimeout(timer);
  timer = 0;
}

// The browser tries again by itself.
function doubt() {
  timer ||= setTimeout(() => watched.trouble("no_connection"), PATIENCE_MS);
}

// It does not: the answer was no.
function again() {
  sure();
  timer = setTimeout(open, wait);
  wait = Math.min(2 * wait, LONGEST_MS);
  watched.trouble("no_live");
  watched.refused();
}

// The local date of a device's newest reading of whatever kind; "" while none is known.
export function lastDay(device) {
  const { power_at, import_at, export_at } = (watched?.device === device && last?.live) || {};
  const [at] = [power_at, import_at, export_at].filter(Boolean).sort((one, other) => Date.parse(other) - Date.parse(one));
  return at?.slice(0, 10) ?? "";
}

// What is shown of a reading: the word above it, the text of its value and its instant; after how many seconds that is old; how it looks.
function part({ power_w, power_at, import_kwh, import_at, export_kwh, export_at }) {
  if (power_at) return { title: power_w < 0 ? "giving_now" : "power_now", text: say.power(Math.abs(power_w)), at: power_at, old: 120, look: power_w < 0 ? "export" : "" };
  if (import_at) return { title: "import_register", text: say.kwh(import_kwh), at: import_at, old: 3600, look: "register" };
  if (export_at) return { title: "export_register", text: say.kwh(export_kwh), at: export_at, old: 3600, look: "register export" };
  return { title: "power_now", text: "–", old: 0, look: "" };
}

export function draw() {
  const { live, heard } = last ?? {};
  const { title, text, at, old, look } = part(live ?? {});
  const seconds = at ? (Date.parse(live.as_of) - Date.parse(at) + performance.now() - heard) / 1000 : Infinity;
  place("live").className = look;
  place("live").classList.toggle("old", seconds > old);
  say.write(place("live-title"), say.word(title));
  say.write(place("power"), text);
  say.write(place("age"), at ? say.age(seconds) : live ? say.word("no_reading") : "");
  trail(place("trail"), watts);
}

setInterval(() => watched && draw(), 1000);
document.addEventListener("visibilitychange", open);
