// The power now: as it comes, with its age, and with what the last ones were.

import { stream } from "./api.js";
import { trail } from "./chart.js";
import * as say from "./words.js";

const OLD_S = 120;
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

export function draw() {
  const { live, heard } = last ?? {};
  const power = live?.power_w ?? null;
  const seconds = live ? (Date.parse(live.as_of) - Date.parse(live.power_at)) / 1000 + (performance.now() - heard) / 1000 : 0;
  place("live").classList.toggle("export", power < 0);
  place("live").classList.toggle("old", power === null || seconds > OLD_S);
  place("live-title").textContent = say.word(power < 0 ? "giving_now" : "power_now");
  place("power").textContent = power === null ? "–" : say.power(Math.abs(power));
  place("power").dataset.watts = power ?? "";
  place("age").textContent = !live ? "" : power !== null ? say.age(seconds) : say.word(live.import_kwh === null ? "no_reading" : "no_power");
  trail(place("trail"), watts);
}

setInterval(() => watched && draw(), 1000);
document.addEventListener("visibilitychange", open);
