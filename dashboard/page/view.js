// A day by hours, a month by days, a year by months: what is asked for, and how it is shown. Nothing is added up: a period's sum is a stored total of the
// next larger view, and a year has none.

import * as api from "./api.js";
import { chart, make, put } from "./chart.js";
import { judged } from "./quality.js";
import * as say from "./words.js";

const LARGER = { day: "month", month: "year" };
const SMALLER = { month: "day", year: "month" };
const LENGTH = { day: 10, month: 7, year: 4 };
const place = (id) => document.getElementById(id);
const WH = 3; // digits of a kWh
let pointed = ""; // the start of the period that is told of

export const href = ({ device, kind, span }) => `#/${encodeURIComponent(device)}/${kind}/${span}`;

// The span that lies so many before or after.
export function moved(kind, span, by) {
  const at = say.dateOf(span);
  if (kind === "day") at.setUTCDate(at.getUTCDate() + by);
  if (kind === "month") at.setUTCMonth(at.getUTCMonth() + by);
  if (kind === "year") at.setUTCFullYear(at.getUTCFullYear() + by);
  return at.toISOString().slice(0, LENGTH[kind]);
}

// A view, or null where there is no such date: that before the first.
const ifAny = (view) =>
  view.catch((error) => {
    if (error.status === 422) return null;
    throw error;
  });

// Everything that a view shows: itself, the one before, and those in which the totals of both are. Raises Refused.
export async function fetched({ device, kind, span }) {
  const before = moved(kind, span, -1);
  const larger = LARGER[kind] ? [...new Set([span, before].map((one) => one.slice(0, LENGTH[LARGER[kind]])))] : [];
  const [now, then, ...parents] = await Promise.all([
    api.view(device, kind, span),
    ifAny(api.view(device, kind, before)),
    ...larger.map((one) => ifAny(api.view(device, LARGER[kind], one))),
  ]);
  const known = new Map(parents.flatMap((one) => (one ? judged(one).periods : [])).map((period) => [period.local, period]));
  return { device, kind, span, now: judged(now), then, sum: known.get(span), sumBefore: known.get(before), before };
}

// What stands around a view, whether it can be had or not: what is asked for, and the ways to others. They lead to devices of whoever looks.
export function frame({ device, kind, span }, { devices, today }) {
  const title = moved(kind, span, 0) === span ? say.title(kind, span) : span;
  document.title = `${title} · Wattfall`;
  say.write(place("view-title"), title);
  ways(devices.includes(device) ? device : devices[0], kind, span, today);
}

// A view inside its frame.
export function draw(shown) {
  const { device, kind, span, now } = shown;
  place("before").hidden = !shown.then;
  place("body").classList.toggle("gone", now.periods.every((period) => period.marks.includes("gone")));
  say.tell(place("note"), noted(shown));
  sums(shown);
  bars(shown);
  legend(shown);
  table(shown);
  place("csv").href = `${api.path(device, kind, span)}?format=csv`;
}

// Where nothing is known, a way to when something last was: `day`, the local date of the device's newest reading, or "".
export function lead(shown, day) {
  const span = day.slice(0, LENGTH[shown.kind]);
  const link = place("last");
  link.hidden = !day || span === shown.span || noted(shown) !== "nothing_here";
  if (link.hidden) return;
  link.href = href({ ...shown, span });
  link.textContent = say.word("to_last", { title: say.title(shown.kind, span) });
}

// The word that has to be said of a view, or none.
function noted({ now, sum }) {
  if (now.astray) return "other_zone";
  if (sum?.total && now.periods.some((period) => period.marks.includes("gone"))) return "hours_gone";
  return now.periods.some((period) => period.total) ? "" : "nothing_here";
}

function element(name, attributes, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function ways(device, kind, span, today) {
  const at = (one) => (span.length >= LENGTH[one] ? span.slice(0, LENGTH[one]) : today.startsWith(span) ? today.slice(0, LENGTH[one]) : `${span}-01-01`.slice(0, LENGTH[one]));
  for (const link of place("ways").children) {
    const one = link.dataset.word;
    link.href = one === "today" ? href({ device, kind: "day", span: today }) : href({ device, kind: one, span: at(one) });
    link.hidden = one === "today" && span === today;
    one === kind ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  place("ways").setAttribute("aria-label", say.word("ways"));
  for (const [id, by, sign] of [["before", -1, "‹"], ["after", 1, "›"]]) {
    const link = place(id);
    link.textContent = sign;
    link.setAttribute("aria-label", say.word(`${id}_${kind}`));
    link.href = href({ device, kind, span: moved(kind, span, by) });
    link.hidden = id === "after" && moved(kind, span, 1) > today.slice(0, LENGTH[kind]);
  }
}

function sums({ kind, span, sum, sumBefore, before, now }) {
  const currency = now.tariff?.currency;
  const row = (name, text, look = "", note = "") =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { className: look }, text, element("small", { textContent: note && ` ${note}` })));
  const rows = [];
  if (sum?.total) {
    const note = [
      sum.open && say.word("so_far"),
      sum.total.estimated_share > 0.001 && `${say.percent(sum.total.estimated_share)} ${say.word("estimated")}`,
      sum.marks.includes("part") && say.word("part_missing"),
    ];
    rows.push(row(say.word("used"), say.kwh(sum.total.import_kwh), "", note.filter(Boolean).join(", ")));
    if (currency) rows.push(row(say.word("cost"), say.money(sum.total.import_cost, currency)));
    if (sum.total.export_kwh) rows.push(row(say.word("given"), say.kwh(sum.total.export_kwh), "export"));
    if (currency && sum.total.export_kwh) rows.push(row(say.word("credit"), say.money(sum.total.export_credit, currency), "export"));
  } else if (kind !== "year") {
    rows.push(row(say.title(kind, span), say.word("nothing_known")));
  }
  if (kind !== "year" && sumBefore) rows.push(row(say.title(kind, before), sumBefore.total ? say.kwh(sumBefore.total.import_kwh) : say.word("nothing_known"), "before"));
  place("sums").replaceChildren(...rows);
}

// What a screen reader says of a period, and what stands below the chart.
function told(period, { grain, tariff }) {
  const is = (mark) => period.marks.includes(mark);
  const said = [];
  if (is("future")) said.push(say.word("future"));
  if (is("gone")) said.push(say.word("gone"));
  if (is("unknown")) said.push(say.word("missing"));
  if (period.total) {
    said.push(`${say.kwh(period.total.import_kwh)} ${say.word("used").toLowerCase()}`);
    if (period.total.export_kwh) said.push(`${say.kwh(period.total.export_kwh)} ${say.word("given").toLowerCase()}`);
    if (tariff) said.push(say.money(period.total.import_cost, tariff.currency));
    if (is("guessed")) said.push(`${say.percent(period.total.estimated_share)} ${say.word("estimated")}`);
    if (is("part")) said.push(say.word("part_missing"));
    if (period.total.resets) said.push(say.word("resets"));
    if (period.open) said.push(say.word("still_open"));
  }
  return `${say.long(grain, period)}: ${said.join(", ")}`;
}

function bars(shown) {
  const { device, kind, now, then } = shown;
  const drawn = now.periods.map((period) => ({
    period,
    before: beside(period, shown),
    label: say.short(now.grain, period),
    said: told(period, now),
    href: SMALLER[kind] && !period.marks.includes("future") ? href({ device, kind: SMALLER[kind], span: period.local }) : null,
  }));
  const title = say.word("chart", { title: say.title(kind, shown.span) });
  put(place("chart"), chart(drawn, { width: Math.max(280, place("chart").clientWidth), title, tell }));
  tell(place("chart").querySelector(`[data-start="${pointed}"]`));
}

// Below the chart stands what a bar says; a screen reader says it when the bar has the focus.
function tell(bar) {
  pointed = bar?.dataset.start ?? "";
  place("told").textContent = bar?.getAttribute("aria-label") ?? "";
}

// The import of those with the same name in the view before: hour and hour, day and day. Of the repeated hour of autumn there are two.
function beside(period, { now, then }) {
  const name = ({ local }) => (now.grain === "hour" ? local : local.slice(-2));
  return (then?.periods ?? []).filter((one) => one.total && name(one) === name(period)).map((one) => one.total.import_kwh);
}

const gives = (view) => view.periods.some((period) => period.total?.export_kwh);

function legend(shown) {
  const { kind, now, before } = shown;
  const seen = new Set(now.periods.flatMap((period) => period.marks));
  const box = (look) => make("rect", { class: look, x: 1, y: 1, width: 14, height: 14 });
  const entries = [[box("import"), say.word("used")]];
  if (gives(now)) entries.push([box("export"), say.word("given")]);
  if (now.periods.some(({ total }) => total?.estimated_import_kwh || total?.estimated_export_kwh)) entries.push([box("import guessed"), say.word("estimated")]);
  if (seen.has("unknown")) entries.push([box("unknown"), say.word("missing")]);
  if (seen.has("part")) entries.push([box("unknown"), say.word("part_missing")]);
  if (now.periods.some((period) => beside(period, shown).length)) entries.push([make("line", { class: "before", x1: 0, x2: 16, y1: 8, y2: 8 }), say.title(kind, before)]);
  place("legend").replaceChildren(
    ...entries.map(([mark, text]) => element("li", {}, make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, mark), text)),
  );
}

function table(shown) {
  const { now } = shown;
  const money = (value) => say.money(value, now.tariff.currency);
  const columns = [
    [say.word("used"), ({ total }) => say.kwh(total.import_kwh, WH)],
    now.tariff && [say.word("cost"), ({ total }) => money(total.import_cost)],
    gives(now) && [say.word("given"), ({ total }) => say.kwh(total.export_kwh, WH)],
    gives(now) && now.tariff && [say.word("credit"), ({ total }) => money(total.export_credit)],
    [say.word("estimated_share"), ({ total }) => say.percent(total.estimated_share)],
    [say.word("known_time"), ({ total, open }) => (open ? say.word("still_open") : say.percent(total.coverage))],
  ].filter(Boolean);
  const head = [say.word(now.grain), ...columns.map(([name]) => name)].map((textContent) => element("th", { scope: "col", textContent }));
  const rows = now.periods
    .filter((period) => !period.marks.includes("future"))
    .map((period) =>
      element(
        "tr",
        {},
        element("th", { scope: "row", textContent: say.row(now.grain, period) }),
        ...(period.total
          ? columns.map(([, cell]) => element("td", { textContent: cell(period) }))
          : [element("td", { colSpan: columns.length, textContent: say.word(period.marks.includes("gone") ? "gone" : "nothing_known") })]),
      ),
    );
  place("rows").replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}
