// A day by hours, a month by days, a year by months: what is asked for, and how it is shown. Nothing is added up: a period's sum is a stored total of the
// next larger view, and a year has none.

import * as api from "./api.js";
import { chart, make } from "./chart.js";
import { quality } from "./quality.js";
import * as say from "./words.js";

const LARGER = { day: "month", month: "year" };
const SMALLER = { month: "day", year: "month" };
const LENGTH = { day: 10, month: 7, year: 4 };
const place = (id) => document.getElementById(id);

export const href = (device, kind, span) => `#/${encodeURIComponent(device)}/${kind}/${span}`;

// The span that lies so many before or after.
export function moved(kind, span, by) {
  const at = say.dateOf(span);
  if (kind === "day") at.setUTCDate(at.getUTCDate() + by);
  if (kind === "month") at.setUTCMonth(at.getUTCMonth() + by);
  if (kind === "year") at.setUTCFullYear(at.getUTCFullYear() + by);
  return at.toISOString().slice(0, LENGTH[kind]);
}

// Everything that a view shows: itself, the one before, and those in which the totals of both are.
export async function fetched(device, kind, span) {
  const before = moved(kind, span, -1);
  const larger = LARGER[kind] ? [...new Set([span, before].map((one) => one.slice(0, LENGTH[LARGER[kind]])))] : [];
  const [now, then, ...parents] = await Promise.all([
    api.view(device, kind, span),
    api.view(device, kind, before),
    ...larger.map((one) => api.view(device, LARGER[kind], one)),
  ]);
  const known = new Map(parents.flatMap((one) => one.periods).map((period) => [period.local, period]));
  return { device, kind, span, now, then, sum: known.get(span), sumBefore: known.get(before), before };
}

export function draw(shown, today) {
  const { device, kind, span } = shown;
  document.title = `${say.title(kind, span)} · Wattfall`;
  place("view-title").textContent = say.title(kind, span);
  ways(device, kind, span, today);
  sums(shown);
  bars(shown);
  legend(shown);
  table(shown);
  place("csv").href = `${api.path(device, kind, span)}?format=csv`;
}

function element(name, attributes, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function ways(device, kind, span, today) {
  const at = (one) => (span.length >= LENGTH[one] ? span.slice(0, LENGTH[one]) : today.startsWith(span) ? today.slice(0, LENGTH[one]) : `${span}-01-01`.slice(0, LENGTH[one]));
  const links = ["day", "month", "year"].map((one) => element("a", { href: href(device, one, at(one)), textContent: say.word(one) }));
  links[["day", "month", "year"].indexOf(kind)].setAttribute("aria-current", "page");
  place("ways").setAttribute("aria-label", say.word("ways"));
  place("ways").replaceChildren(...links);
  for (const [id, by, sign] of [["before", -1, "‹"], ["after", 1, "›"]]) {
    const link = place(id);
    link.textContent = sign;
    link.setAttribute("aria-label", say.word(`${id}_${kind}`));
    link.href = href(device, kind, moved(kind, span, by));
    link.hidden = id === "after" && moved(kind, span, 1) > today.slice(0, LENGTH[kind]);
  }
}

function sums({ kind, span, sum, sumBefore, before, now }) {
  const currency = now.tariff?.currency;
  const row = (name, text, look = "", note = "") =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { className: look }, text, element("small", { textContent: note && ` ${note}` })));
  const rows = [];
  if (sum?.total) {
    const note = [sum.open && say.word("so_far"), sum.total.estimated_share > 0.001 && `${say.percent(sum.total.estimated_share)} ${say.word("estimated")}`];
    rows.push(row(say.word("used"), say.kwh(sum.total.import_kwh), "", note.filter(Boolean).join(", ")));
    if (currency) rows.push(row(say.word("cost"), say.money(sum.total.import_cost, currency)));
    if (sum.total.export_kwh) rows.push(row(say.word("given"), say.kwh(sum.total.export_kwh), "export"));
    if (currency && sum.total.export_kwh) rows.push(row(say.word("credit"), say.money(sum.total.export_credit, currency), "export"));
  } else if (kind !== "year") {
    rows.push(row(say.title(kind, span), say.word("nothing_known")));
  }
  if (kind !== "year") rows.push(row(say.title(kind, before), sumBefore?.total ? say.kwh(sumBefore.total.import_kwh) : say.word("nothing_known"), "before"));
  place("sums").replaceChildren(...rows);
}

// What a screen reader says of a period, and what stands below the chart.
export function told(period, { now }, at) {
  const how = quality(period, at);
  const said = [];
  if (how === "future") said.push(say.word("future"));
  if (how === "unknown") said.push(say.word("missing"));
  if (period.total) {
    said.push(`${say.kwh(period.total.import_kwh)} ${say.word("used").toLowerCase()}`);
    if (period.total.export_kwh) said.push(`${say.kwh(period.total.export_kwh)} ${say.word("given").toLowerCase()}`);
    if (now.tariff) said.push(say.money(period.total.import_cost, now.tariff.currency));
    if (how === "guessed") said.push(`${say.percent(period.total.estimated_share)} ${say.word("estimated")}`);
    if (how === "part") said.push(say.word("part_missing"));
    if (period.total.resets) said.push(say.word("resets"));
    if (period.open) said.push(say.word("still_open"));
  }
  return `${say.long(now.grain, period, now.zone)}: ${said.join(", ")}`;
}

function bars(shown) {
  const { device, kind, now, then } = shown;
  const at = Date.now();
  const beside = besides(now, then);
  const drawn = now.periods.map((period) => ({
    period,
    before: beside.get(period) ?? null,
    label: say.short(now.grain, period),
    said: told(period, shown, at),
    href: SMALLER[kind] && quality(period, at) !== "future" ? href(device, SMALLER[kind], period.local) : null,
  }));
  const tell = (text) => (place("told").textContent = text);
  const title = say.word("chart", { title: say.title(kind, shown.span) });
  const focused = place("chart").querySelector(":focus")?.dataset.start;
  place("chart").replaceChildren(chart(drawn, { width: Math.max(280, place("chart").clientWidth), title, now: at, tell }));
  if (focused) place("chart").querySelector(`[data-start="${focused}"]`)?.focus();
  tell(now.astray ? say.word("other_zone") : now.periods.some((period) => period.total) ? "" : say.word("nothing_here"));
}

// For each period the import of the one with the same name in the view before: hour and hour, day and day. The repeated hour of autumn has one, too.
function besides(now, then) {
  const name = (period) => (now.grain === "hour" ? period.local : period.local.slice(-2));
  const of = new Map(then.periods.filter((period) => period.total).map((period) => [name(period), period.total.import_kwh]));
  return new Map(now.periods.filter((period) => of.has(name(period))).map((period) => [period, of.get(name(period))]));
}

function legend({ kind, now, then, before }) {
  const at = Date.now();
  const seen = new Set(now.periods.map((period) => quality(period, at)));
  const box = (look) => make("rect", { class: look, x: 1, y: 1, width: 14, height: 14 });
  const entries = [[box("import"), say.word("used")]];
  if (now.periods.some((period) => period.total?.export_kwh)) entries.push([box("export"), say.word("given")]);
  if (now.periods.some(({ total }) => total?.estimated_import_kwh || total?.estimated_export_kwh)) entries.push([box("import guessed"), say.word("estimated")]);
  if (seen.has("unknown")) entries.push([box("unknown"), say.word("missing")]);
  if (seen.has("part")) entries.push([box("unknown"), say.word("part_missing")]);
  if (besides(now, then).size) entries.push([make("line", { class: "before", x1: 0, x2: 16, y1: 8, y2: 8 }), say.title(kind, before)]);
  place("legend").replaceChildren(
    ...entries.map(([mark, text]) => element("li", {}, make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, mark), text)),
  );
}

function table(shown) {
  const { now } = shown;
  const at = Date.now();
  const columns = [
    [say.word("used"), (total) => say.kwh(total.import_kwh)],
    [say.word("given"), (total) => say.kwh(total.export_kwh)],
    ...(now.tariff ? [[say.word("cost"), (total) => say.money(total.import_cost, now.tariff.currency)]] : []),
    [say.word("estimated_share"), (total) => say.percent(total.estimated_share)],
    [say.word("known_time"), (total) => say.percent(total.coverage)],
  ];
  const head = [say.word(now.grain), ...columns.map(([name]) => name)].map((textContent) => element("th", { scope: "col", textContent }));
  const rows = now.periods
    .filter((period) => quality(period, at) !== "future")
    .map((period) =>
      element(
        "tr",
        {},
        element("th", { scope: "row", textContent: say.row(now.grain, period, now.zone) }),
        ...columns.map(([, cell]) => element("td", { textContent: period.total ? cell(period.total) : say.word("nothing_known") })),
      ),
    );
  place("rows").replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}
