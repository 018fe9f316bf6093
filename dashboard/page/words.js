// What the page says, in the reader's language: words from a catalogue, numbers and dates as the language writes them.

const LANGUAGES = ["en", "nl"];
const KEPT = "wattfall-language";
let words = {};
let numbers = {};
let locale = "en"; // the language as it is written where the reader is
export let language = "en";

export const chosen = () => localStorage.getItem(KEPT) ?? navigator.languages.map((one) => one.slice(0, 2)).find((one) => LANGUAGES.includes(one)) ?? "en";

export async function speak(wanted) {
  language = LANGUAGES.includes(wanted) ? wanted : "en";
  locale = navigator.languages.find((one) => one.slice(0, 2) === language) ?? language;
  words = await (await fetch(`/page/words/${language}.json`)).json();
  numbers = {};
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
}

export function choose(wanted) {
  localStorage.setItem(KEPT, wanted);
  return speak(wanted);
}

export const languages = () => LANGUAGES.map((one) => [one, new Intl.DisplayNames(one, { type: "language" }).of(one)]);

export const word = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

const number = (value, options) => (numbers[JSON.stringify(options)] ??= new Intl.NumberFormat(locale, options)).format(value);

export function kwh(value) {
  const digits = Math.abs(value) < 10 ? 2 : 1;
  return `${number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits })} kWh`;
}
export const kilo = (value) => number(value, { maximumFractionDigits: 1 });
export const money = (value, currency) => number(value, { style: "currency", currency });
export const percent = (value) => number(Math.floor(value * 1000) / 1000, { style: "percent", maximumFractionDigits: 1 });
export const power = (watts) => (Math.abs(watts) < 1000 ? `${number(watts, { maximumFractionDigits: 0 })} W` : `${number(watts / 1000, { minimumFractionDigits: 2, maximumFractionDigits: 2 })} kW`);

export function age(seconds) {
  const [size, unit] = seconds < 120 ? [1, "second"] : seconds < 7200 ? [60, "minute"] : seconds < 172800 ? [3600, "hour"] : [86400, "day"];
  return word("ago", { age: number(Math.max(0, Math.floor(seconds / size)), { style: "unit", unit, unitDisplay: "long" }) });
}

// A period of a view as people call it; in full where it stands alone. A local date is drawn as UTC so that no zone moves it.
const NAMES = {
  hour: [{ hour: "2-digit" }, { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", timeZoneName: "shortOffset" }],
  day: [{ day: "numeric" }, { weekday: "long", day: "numeric", month: "long", year: "numeric" }],
  month: [{ month: "short" }, { month: "long", year: "numeric" }],
  year: [{ year: "numeric" }, { year: "numeric" }],
};
const shown = (at, options) => new Intl.DateTimeFormat(locale, options).format(at);

export const short = (grain, period) => (grain === "hour" ? period.local.slice(0, 2) : shown(dateOf(period.local), { ...NAMES[grain][0], timeZone: "UTC" }));
export const long = (grain, period, zone) =>
  grain === "hour" ? shown(new Date(period.start), { ...NAMES.hour[1], timeZone: zone }) : title(grain, period.local);
export const row = (grain, period, zone) =>
  grain === "hour"
    ? shown(new Date(period.start), { hour: "2-digit", minute: "2-digit", timeZoneName: "shortOffset", timeZone: zone })
    : shown(dateOf(period.local), { ...(grain === "day" ? { weekday: "short", day: "numeric", month: "short" } : NAMES[grain][1]), timeZone: "UTC" });
export const title = (grain, span) => shown(dateOf(span), { ...NAMES[grain][1], timeZone: "UTC" });

export const dateOf = (span) => {
  const [year, month = 1, day = 1] = span.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, day));
};
