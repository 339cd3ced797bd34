import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { DTYPES, type HostTensor } from '../../src/base/dtype.js'
import { compile, load } from '../../src/index.js'
import { interpret } from '../../src/ir/interpret.js'
import { randomGraph } from '../passes/random-graph.js'
import { distance, feedsFor } from '../passes/same-results.js'

/** Largest difference over the largest element: rounding of float32 kernels against double references, through up to 20 nodes. */
const TOLERANCE: Readonly<Record<string, number>> = { float32: 1e-4, float16: 3e-2 }

for (const target of ['js', 'wasm'] as const) {
  it(`random graphs compiled for ${target} give what the interpreter gives`, async () => {
    await fc.assert(fc.asyncProperty(randomGraph(20, target === 'wasm' ? ['float32'] : ['float32', 'float16', 'int32', 'int64']), fc.nat(4), async (graph, batch) => {
      const feeds = feedsFor(graph, { symbols: { batch } })
      const expected = interpret(graph, feeds)
      const session = await load(await compile(graph, { target }))
      try {
        const results = await session.run(feeds)
        for (const [name, wanted] of Object.entries(expected)) {
          const tensor = results[name]
          expect(tensor?.shape).toEqual(wanted.shape)
          const actual: HostTensor = { dtype: wanted.dtype, shape: wanted.shape, data: tensor?.data as HostTensor['data'] }
          expect(distance(actual, wanted), name).toBeLessThanOrEqual(DTYPES[wanted.dtype].kind === 'float' ? TOLERANCE[wanted.dtype] ?? 0 : 0)
        }
      } finally {
        session.dispose()
      }
    }), { seed: 3, numRuns: Number(process.env['N'] ?? 40) })
  }, 200_000)
}
