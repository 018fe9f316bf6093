// How far a period's total is to be trusted, in the words of the page. Everything that decides what is drawn differently is here.

const TOLERATED = 0.02; // of the whole period, or of its energy: a reading or two may be missing
const PACE_S = 1800; // a device that sends no more often is well all the same
const BEHIND_S = { hour: 90, day: 300, month: 1200 }; // so old may a total be while all goes well, by the default intervals

// The marks of a period that was read at `now`, when those that ended before `keptFrom` need not be there any more, both epoch ms: "future" (nothing of it need
// be known yet), "gone" (it is not kept any more), "unknown" (readings are missing), "part" (of some of the time they are), "guessed" (its place in time is).
// None: it is known.
export function quality(period, grain, now, keptFrom = NaN) {
  const [start, end] = [Date.parse(period.start), Date.parse(period.end)];
  const due = now - (PACE_S + BEHIND_S[grain]) * 1000; // what is older should be there
  const { total } = period;
  if (start > now || (!total && start > due)) return ["future"];
  if (!total) return [end <= keptFrom ? "gone" : "unknown"];
  const until = Math.min(end, now, Math.max(due, Date.parse(total.last_at ?? period.start)));
  const missed = until - start - total.covered_s * 1000;
  const marks = [];
  if (total.estimated_share > TOLERATED) marks.push("guessed");
  // A register knows how much was used even when nobody asked it; an integral of power does not.
  if (total.method !== "register" && missed > TOLERATED * (end - start)) marks.push("part");
  return marks;
}

// A view with the marks of its periods. It is judged by the server's time when it was read, whatever the clock of whoever looks at it says, and however long they do.
export const judged = (view) => ({
  ...view,
  periods: view.periods.map((period) => ({ ...period, marks: quality(period, view.grain, Date.parse(view.as_of), Date.parse(view.kept_from)) })),
});
