// What the page says, in the reader's language: words from a catalogue, numbers and dates as the language writes them. Dates and hours are those that the API
// names; what the browser knows of time zones is never asked.

import { ask } from "./api.js";

const LANGUAGES = ["en", "nl"];
const KEPT = "wattfall-language";
let words = {};
let numbers = {};
let locale = "en"; // the language as it is written where the reader is
export let language = "en";

// A browser may keep nothing for anybody; then it does not keep this either.
function kept(...wanted) {
  try {
    return wanted.length ? localStorage.setItem(KEPT, wanted[0]) : localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export const chosen = () => kept() ?? navigator.languages.map((one) => one.slice(0, 2)).find((one) => LANGUAGES.includes(one)) ?? "en";

// Raises Refused, and then the language is as it was.
export async function speak(wanted) {
  const next = LANGUAGES.includes(wanted) ? wanted : "en";
  words = await ask(`/page/words/${next}.json`);
  language = next;
  locale = navigator.languages.find((one) => one.slice(0, 2) === language) ?? language;
  numbers = {};
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
}

export async function choose(wanted) {
  await speak(wanted);
  kept(wanted);
}

// Lets an element say a text; what it says already is not said again.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Lets an element say a word, in whatever language comes to be spoken, or nothing (""). What it says already is not said again.
export function tell(element, name) {
  if ((element.dataset.word ?? "") === name) return;
  name ? (element.dataset.word = name) : delete element.dataset.word;
  element.textContent = name && word(name);
}

export const languages = () => LANGUAGES.map((one) => [one, new Intl.DisplayNames(one, { type: "language" }).of(one)]);

export const word = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

// What is rounded to nothing has no sign.
const number = (value, options) =>
  (numbers[JSON.stringify(options)] ??= new Intl.NumberFormat(locale, { signDisplay: "negative", ...options })).format(value);

export const kilo = (value, digits) => number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const digits = (value) => (Math.abs(value) < 1 ? 3 : Math.abs(value) < 10 ? 2 : 1);
export const kwh = (value, exactly = digits(value)) => `${kilo(value, exactly)} kWh`;
export const money = (value, currency) => number(value, { style: "currency", currency });
export const percent = (value) => number(Math.floor(value * 1000) / 1000, { style: "percent", maximumFractionDigits: 1 });
export const power = (watts) => (Math.abs(watts) < 1000 ? `${number(watts, { maximumFractionDigits: 0 })} W` : `${kilo(watts / 1000, 2)} kW`);

export function age(seconds) {
  const [size, unit] = seconds < 120 ? [1, "second"] : seconds < 7200 ? [60, "minute"] : seconds < 172800 ? [3600, "hour"] : [86400, "day"];
  return word("ago", { age: number(Math.max(0, Math.floor(seconds / size)), { style: "unit", unit, unitDisplay: "long" }) });
}

// A period of a view as people call it; in full where it stands alone. A local date is drawn as UTC so that no zone moves it.
const FULL = {
  hour: { weekday: "long", day: "numeric", month: "long" },
  day: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
  month: { month: "long", year: "numeric" },
  year: { year: "numeric" },
};
const ROW = { day: { weekday: "short", day: "numeric", month: "short" }, month: FULL.month };
const SHORT = { day: { day: "numeric" }, month: { month: "short" } };
const drawn = (at, options) => new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" }).format(at);
const utc = (offset) => `UTC${offset.replace(":00", "").replace(/([+-])0/, "$1")}`;
const hour = ({ local, offset }) => `${local} ${utc(offset)}`;

export const title = (kind, span) => drawn(dateOf(span), FULL[kind]);
export const long = (grain, period) => (grain === "hour" ? `${title("hour", period.start.slice(0, 10))}, ${hour(period)}` : title(grain, period.local));
export const row = (grain, period) => (grain === "hour" ? hour(period) : drawn(dateOf(period.local), ROW[grain]));
export const short = (grain, period) => (grain === "hour" ? period.local.slice(0, 2) : drawn(dateOf(period.local), SHORT[grain]));

export const dateOf = (span) => {
  const [year, month = 1, day = 1] = span.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, day));
};
