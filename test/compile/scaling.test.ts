import { expect, test } from 'vitest'
import { compile } from '../../src/compile.js'
import type { Graph } from '../../src/ir/graph.js'
import { load } from '../../src/runtime/session.js'
import { chain, fan } from './synthetic-graphs.js'

/** Milliseconds to compile, encode and load; the best of three, since the machine has other things to do. */
async function timeToLoad(graph: Graph): Promise<number> {
  let best = Infinity
  for (let run = 0; run < 3; run++) {
    const start = performance.now()
    const program = await compile(graph)
    const session = await load(program.encode())
    best = Math.min(best, performance.now() - start)
    session.dispose()
  }
  return best
}

test.each([
  ['a chain of 2500, 5000 and 10,000 nodes', chain, [2500, 5000, 10_000]],
  ['500, 1000 and 2000 branches side by side', fan, [500, 1000, 2000]],
] as const)('the time to compile and load grows in step with the graph: %s', { timeout: 120_000 }, async (_, make, sizes) => {
  for (let warm = 0; warm < 3; warm++) await timeToLoad(make(200))
  const times: number[] = []
  for (const size of sizes) times.push(await timeToLoad(make(size)))
  // Less than 3 times as long for each doubling, over both so that one slow measurement does not decide; 4 times where something is quadratic.
  expect((times[2] as number) / (times[0] as number), times.map((t) => `${t.toFixed(0)} ms`).join(', ')).toBeLessThan(3 * 3)
})
