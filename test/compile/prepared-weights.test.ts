/** Weights that are made when a program is loaded go with the session, and are as good from a file as from memory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, expect, test } from 'vitest'
import { compile } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Graph } from '../../src/ir/graph.js'
import type { HostTensor } from '../../src/base/dtype.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { tensorType } from '../../src/ir/types.js'
import { inspectProgram } from '../../src/inspect.js'
import { load } from '../../src/runtime/session.js'
import { distance } from '../passes/same-results.js'

const FOLDER = mkdtempSync(join(tmpdir(), 'ingot-'))
afterAll(() => { rmSync(FOLDER, { recursive: true }) })

const CHANNELS = 96

/** Two convolutions, 3×3 and 1×1: of the weights of one others are made, those of the other are read as they are. */
function network(): Graph {
  const b = new GraphBuilder({ name: 'network', stage: 'canonical' }), op = { origin: 'conv' }
  const attrs = { strides: [1, 1], dilations: [1, 1], group: 1, pads: [0, 0, 0, 0] }
  const x = b.input('x', tensorType('float32', [1, CHANNELS, 26, 26]))
  const w = b.constant(seededTensor('float32', [CHANNELS, CHANNELS, 3, 3], 1), 'w'), v = b.constant(seededTensor('float32', [CHANNELS, CHANNELS, 1, 1], 2), 'v')
  b.output('y', b.add1('conv', [b.add1('conv', [x, w, null], attrs, op), v, null], attrs, op))
  return b.finish()
}

test('inspecting a program says what is stored, what is made of it at load, and what stays', async () => {
  const { data } = await compile(network()), described = inspectProgram(data), bytes = 4 * CHANNELS * CHANNELS
  expect(described.constants.map((c) => [c.bytes, c.atLoad === true])).toEqual(expect.arrayContaining([[9 * bytes, true], [bytes, false]]))
  // What is made of 9 elements has 36, and there are these 9 while it is.
  expect(described).toMatchObject({ stepsAtLoad: 1, memory: { madeBytes: 45 * bytes, readAtLoadBytes: 9 * bytes, constantBytes: 46 * bytes } })
  expect(described.kernels.filter((k) => k.callsAtLoad > 0).map((k) => [k.calls, k.callsAtLoad, k.origins])).toEqual([[0, 1, ['conv']]])
  using session = await load(data)
  expect(session.memory.constantBytes).toBe(46 * bytes)
})

test('a hundred sessions that make weights at load leave no memory behind, and all of them compute the same', async () => {
  const graph = network(), program = await compile(graph), path = join(FOLDER, 'network.ingot'), bytes = program.encode()
  await program.save(path)
  const made = program.header.prepare?.bytes ?? 0
  expect(made).toBeGreaterThan(1e6)
  expect(program.report.winograd).toHaveLength(1)
  expect(bytes.length).toBeLessThan(made)
  const x = seededTensor('float32', [1, CHANNELS, 26, 26], 3), wanted = interpret(graph, { x })['y'] as HostTensor
  const cycle = async (i: number): Promise<void> => {
    using session = await load(i % 2 === 0 ? path : bytes)
    expect(distance(session.runSync({ x })['y'] as HostTensor, wanted)).toBeLessThan(1e-5)
  }
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) { await new Promise((done) => setTimeout(done, 0)); collect() }
    return process.memoryUsage().rss
  }
  for (let i = 0; i < 20; i++) await cycle(i)
  const before = await used()
  for (let i = 0; i < 100; i++) await cycle(i)
  // Memories that stay would be a hundred times what is made.
  expect(await used() - before).toBeLessThan(20 * made)
}, 60_000)
