// Applies a diff in base form (docs/protocol.md, "Base form"): what a client does that writes and reads that form alone.

const isMap = (value) => value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype

/** The value that `diff` makes of `base`. */
export function apply(base, diff) {
  if (!isMap(diff)) return diff
  if (!isMap(base) && !Array.isArray(base)) return fresh(diff)
  const next = Array.isArray(base) ? [...base] : { ...base }
  for (const [key, change] of Object.entries(diff)) {
    if (change === undefined && !Array.isArray(base)) delete next[key]
    else next[key] = apply(next[key], change)
  }
  if (Array.isArray(base)) {
    while (next.length > 0 && Object.hasOwn(diff, next.length - 1) && diff[next.length - 1] === undefined) next.pop()
  }
  return next
}

const fresh = (diff) =>
  isMap(diff) ? Object.fromEntries(Object.entries(diff).filter(([, v]) => v !== undefined).map(([k, v]) => [k, fresh(v)])) : diff
