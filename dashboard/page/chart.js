// Bars as SVG: import upwards, export downwards, a mark for the period before. What is estimated or missing never looks like little.

import { kilo } from "./words.js";

const HEIGHT = 298;
const LEFT = 40;
const TOP = 22;
const BOTTOM = 24;

export function make(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Steps of 1, 2 or 5 times a power of ten, about four of them: from the lowest that is there to the first that is above all. With as many digits after the
// point as each of them needs.
function steps(low, high) {
  const rough = Math.max(high - low, 0.001) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((one) => one * unit >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const marks = Array.from({ length: Math.ceil(high / step - 1e-9) - first + 1 }, (_, i) => Math.round((first + i) * step * 1e6) / 1e6);
  return { marks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

const hatch = (name) =>
  make("pattern", { id: name, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, make("line", { class: name, x1: 0, y1: 0, x2: 0, y2: 6 }));

// `bars`: {period, before (kWh, each with a mark), label, said, href (or null)}. `tell` is called with the bar that has the focus or the pointer.
export function chart(bars, { width, title, tell }) {
  const values = bars.flatMap(({ period, before }) => [period.total?.import_kwh ?? 0, -(period.total?.export_kwh ?? 0), ...before]);
  const low = Math.min(0, ...values);
  const { marks, digits } = steps(low, Math.max(0.1, ...values));
  const high = marks.at(-1);
  const y = (value) => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const slot = (width - LEFT) / bars.length;
  const every = Math.ceil(28 / slot);
  const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": title });
  const ground = make("g", {}, make("defs", {}, hatch("hatch"), hatch("hatch-export")));
  for (const mark of marks) {
    ground.append(make("line", { class: "grid", x1: LEFT, x2: width, y1: y(mark), y2: y(mark) }));
    ground.append(make("text", { x: LEFT - 6, y: y(mark) + 4, "text-anchor": "end", "aria-hidden": "true" }, kilo(Math.abs(mark), digits)));
  }
  ground.append(make("text", { x: 0, y: TOP - 12, "aria-hidden": "true" }, "kWh"));
  svg.append(ground);
  bars.forEach((bar, at) => {
    const place = { x: LEFT + at * slot, slot, y };
    const drawn = column(bar, place);
    if (at % every === 0) drawn.append(make("text", { x: place.x + slot / 2, y: HEIGHT - 6, "text-anchor": "middle", "aria-hidden": "true" }, bar.label));
    for (const event of ["focus", "pointerenter"]) drawn.addEventListener(event, () => tell(drawn));
    svg.append(drawn);
  });
  return svg;
}

// Puts a chart where one may be. Of the same periods the bars stay the elements that they are: the focus stays where it is, and nobody is told again.
export function put(place, made) {
  const old = place.firstElementChild;
  const starts = (svg) => [...svg.children].map((one) => one.dataset.start).join();
  if (!old || starts(old) !== starts(made)) return place.replaceChildren(made);
  become(old, made);
  [...made.children].forEach((one, at) => {
    become(old.children[at], one);
    old.children[at].replaceChildren(...one.childNodes);
  });
}

function become(old, made) {
  for (const name of old.getAttributeNames()) made.hasAttribute(name) || old.removeAttribute(name);
  for (const name of made.getAttributeNames()) old.setAttribute(name, made.getAttribute(name));
}

function column({ period, before, said, href }, { x, slot, y }) {
  const made = make("a", { ...(href ? { href } : { tabindex: 0, role: "img" }), "aria-label": said });
  made.dataset.start = period.start;
  made.dataset.quality = period.marks.join(" ") || "known";
  made.append(make("rect", { class: "column", x, width: slot, y: TOP, height: HEIGHT - TOP - BOTTOM }));
  const [left, width] = [x + slot * 0.14, slot * 0.72];
  if (period.total) {
    made.dataset.import = period.total.import_kwh;
    made.dataset.export = period.total.export_kwh;
    const running = period.open ? " running" : "";
    const bar = (look, from, to) => from > to && made.append(make("rect", { class: look + running, x: left, width, y: y(from), height: Math.max(1, y(to) - y(from)) }));
    // What is estimated stands at the end of its bar, as much of it as there is, if that can be seen at all.
    const { import_kwh: used, export_kwh: given } = period.total;
    const seen = (energy) => (y(0) - y(energy) < 3 ? 0 : energy);
    const [usedGuess, givenGuess] = [seen(period.total.estimated_import_kwh), seen(period.total.estimated_export_kwh)];
    bar("import", used - usedGuess, 0);
    bar("import guessed", used, Math.max(0, used - usedGuess));
    bar("export", 0, givenGuess - given);
    bar("export guessed", Math.min(0, givenGuess - given), -given);
  }
  if (period.marks.includes("unknown") || period.marks.includes("part")) {
    const foot = y(period.total ? Math.max(0, period.total.import_kwh) : 0);
    made.append(make("rect", { class: "unknown", x: left, width, y: TOP, height: Math.max(1, foot - TOP) }));
    made.append(make("text", { class: "unknown", x: x + slot / 2, y: foot - 8, "text-anchor": "middle", "aria-hidden": "true" }, "?"));
  }
  for (const value of before) made.append(make("line", { class: "before", x1: x + 1, x2: x + slot - 1, y1: y(value), y2: y(value) }));
  return made;
}

// The power of the last readings, as a line over a baseline of nothing.
export function trail(svg, watts) {
  const [width, height] = [300, 72];
  const [low, high] = [Math.min(0, ...watts), Math.max(100, ...watts)];
  const points = watts.map((value, at) => `${width - (watts.length - 1 - at) * 5},${4 + ((high - value) / (high - low)) * (height - 8)}`);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren(make("polyline", { points: points.join(" "), fill: "none", stroke: "currentColor", "stroke-width": 2, "vector-effect": "non-scaling-stroke" }));
}
