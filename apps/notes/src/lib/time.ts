// Times as people say them. `now` comes in, so that a caller decides how often they change.

const DAY = 86_400_000;

/** Milliseconds of a version's `validFrom`, whose six fractional digits not every `Date` reads. */
export function millis(validFrom: string): number {
  return Date.parse(`${validFrom.slice(0, 23)}Z`);
}

/** Short, for lists: "now", "5 min", "10:32", "Yesterday", "12 Mar", "12 Mar 2024". */
export function brief(time: number, now: number): string {
  const passed = now - time;
  if (passed < 60_000) return 'now';
  if (passed < 3_600_000) return `${Math.floor(passed / 60_000)} min`;
  const days = daysBetween(time, now);
  if (days === 0) return format(time, { hour: 'numeric', minute: '2-digit' });
  if (days === 1) return 'Yesterday';
  const sameYear = new Date(time).getFullYear() === new Date(now).getFullYear();
  return format(time, { day: 'numeric', month: 'short', ...(sameYear ? {} : { year: 'numeric' }) });
}

/** Exact, for versions: "Today, 10:32:05", "Yesterday, 10:32:05", "12 March 2026, 10:32:05". */
export function exact(time: number, now: number): string {
  const clock = format(time, { hour: 'numeric', minute: '2-digit', second: '2-digit' });
  const days = daysBetween(time, now);
  if (days === 0) return `Today, ${clock}`;
  if (days === 1) return `Yesterday, ${clock}`;
  return `${format(time, { day: 'numeric', month: 'long', year: 'numeric' })}, ${clock}`;
}

function daysBetween(time: number, now: number): number {
  const midnight = (at: number) => new Date(at).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(time)) / DAY);
}

function format(time: number, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(undefined, options).format(time);
}

/** Microseconds of a version's `validFrom`; exact, being below 2⁵³ until the year 2255. */
export function micros(validFrom: string): number {
  return millis(validFrom) * 1000 + Number(validFrom.slice(23, 26));
}

/** As a `validFrom`. */
export function instant(micros: number): string {
  const text = new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1);
  return `${text}${String(micros % 1000).padStart(3, '0')}Z`;
}

/** For a field of date and time: local, to the second. */
export function local(time: number): string {
  const date = new Date(time);
  return new Date(time - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
