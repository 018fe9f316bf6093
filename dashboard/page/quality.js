// How far a period's total is to be trusted, in the words of the page. Everything that decides what is drawn differently is here.

const TOLERATED = 0.02; // of the time: a reading or two may be missing
const LAG_S = 180; // what a total of now may be behind

// "future", "unknown" (readings are missing), "part" (some of the time is), "guessed" (its place in time is), or "known"
export function quality(period, now) {
  const start = Date.parse(period.start);
  if (start > now) return "future";
  const total = period.total;
  if (!total) return now - start < LAG_S * 1000 ? "future" : "unknown";
  if (total.estimated_share > TOLERATED) return "guessed";
  const passed = (Math.min(now, Date.parse(period.end)) - start) / 1000;
  // A register knows how much was used even when nobody asked it; an integral of power does not.
  const missed = passed - total.covered_s - (period.open ? LAG_S : 0);
  return total.method !== "register" && missed > TOLERATED * passed ? "part" : "known";
}
