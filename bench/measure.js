/** Timing of contestants in turns, in one process, so that a machine whose speed drifts slows all of them. */

/** The middle of some numbers. */
export const median = (xs) => xs.toSorted((a, b) => a - b)[xs.length >> 1]

/** The geometric mean. */
export const geometricMean = (xs) => Math.exp(xs.reduce((sum, x) => sum + Math.log(x), 0) / xs.length)

/** Milliseconds of one run, over as many runs as fill `leastMs`. `clock.runs` remembers how many those were. */
async function time(run, leastMs, clock) {
  for (;;) {
    const start = performance.now()
    // Awaiting what is there already would cost a small model half its time.
    const first = run()
    if (first instanceof Promise) {
      await first
      for (let i = 1; i < clock.runs; i++) await run()
    } else for (let i = 1; i < clock.runs; i++) run()
    const ms = performance.now() - start
    if (ms >= leastMs) {
      const each = ms / clock.runs
      clock.runs = Math.max(1, Math.ceil((1.2 * leastMs) / each))
      return each
    }
    clock.runs = Math.ceil(clock.runs * Math.min(10, Math.max(1.5, (1.2 * leastMs) / ms)))
  }
}

/**
 * Median and best milliseconds of each of `runs` (functions by name, which may return promises), each first run for `warmMs`:
 * engines compile WebAssembly twice, the second time well, once functions have been called often enough.
 */
export async function inTurns(runs, { rounds, warmMs, leastMs }) {
  const names = Object.keys(runs), clocks = {}, times = {}
  for (const name of names) {
    clocks[name] = { runs: 1 }
    times[name] = []
    for (const end = performance.now() + warmMs; performance.now() < end;) await time(runs[name], warmMs / 8, clocks[name])
  }
  // Three rounds are enough of what takes so long that it would be all that is measured.
  const isSlow = (name) => times[name].length >= 3 && times[name][0] > 20 * leastMs
  for (let round = 0; round < rounds; round++) for (const name of names) if (!isSlow(name)) times[name].push(await time(runs[name], leastMs, clocks[name]))
  return Object.fromEntries(names.map((name) => [name, { ms: median(times[name]), best: Math.min(...times[name]) }]))
}
