// The power now: as it comes, with its age, and with what the last ones were.

import { stream } from "./api.js";
import { trail } from "./chart.js";
import * as say from "./words.js";

const OLD_S = 120;
const KEPT = 60;
const PATIENCE_MS = 4000; // a stream ends now and then, and is there again at once
const place = (id) => document.getElementById(id);
let source = null;
let doubt = 0;
let last = null; // {live, heard}: when it came, by this machine's clock, which is used for nothing but the time since
let watts = [];

// `trouble` is called with "" or the name of the word that says what is wrong.
export function watch(device, trouble) {
  forget();
  place("live").hidden = false;
  open(device, trouble);
}

function open(device, trouble) {
  source = stream(device);
  source.addEventListener("live", (event) => {
    sure();
    trouble("");
    const live = JSON.parse(event.data);
    if (live.power_w !== null && live.power_at !== last?.live.power_at) watts = [...watts, live.power_w].slice(-KEPT);
    last = { live, heard: performance.now() };
    draw();
  });
  source.addEventListener("trouble", () => trouble("no_store"));
  source.addEventListener("error", () => {
    doubt ||= setTimeout(() => {
      trouble("no_connection");
      doubt = 0;
      if (source?.readyState === EventSource.CLOSED) open(device, trouble); // it was refused, and does not try again by itself
    }, PATIENCE_MS);
  });
}

function sure() {
  clearTimeout(doubt);
  doubt = 0;
}

export function forget() {
  source?.close();
  sure();
  [source, last, watts] = [null, null, []];
  place("live").hidden = true;
}

export function draw() {
  if (!last) return;
  const { live, heard } = last;
  const giving = live.power_w < 0;
  const seconds = (Date.parse(live.as_of) - Date.parse(live.power_at)) / 1000 + (performance.now() - heard) / 1000;
  place("live").classList.toggle("export", giving);
  place("live").classList.toggle("old", live.power_w === null || seconds > OLD_S);
  place("live-title").textContent = say.word(giving ? "giving_now" : "power_now");
  place("power").textContent = live.power_w === null ? "–" : say.power(Math.abs(live.power_w));
  place("power").dataset.watts = live.power_w ?? "";
  place("age").textContent = live.power_w === null ? say.word(live.import_kwh === null ? "no_reading" : "no_power") : say.age(seconds);
  trail(place("trail"), watts);
}

setInterval(draw, 1000);
