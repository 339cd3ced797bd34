import { expect, test } from 'vitest'
import { placeNodes } from '../../../src/codegen/wgsl/place.js'
import { parseGraph } from '../../../src/ir/parse.js'

/** Sides and results of the segments; `abs` runs on the host. */
const segments = (body: string): string[] => placeNodes(parseGraph(`graph @g stage=inference (x: float32[4], y: float32[4]) -> (z: float32[4]) {\n${body}\n  return z = %z\n}`), (n) => n.op === 'abs')
  .map(({ side, nodes }) => `${side}: ${nodes.map((n) => n.outputs[0]?.name).join(' ')}`)

test('what the host can do with what is fed comes first, whatever stands before it', () => {
  expect(segments('  %a: float32[4] = neg(%x)\n  %b: float32[4] = abs(%y)\n  %z: float32[4] = add(%a, %b)')).toEqual(['host: b', 'device: a z'])
})

test('control passes between the sides as rarely as the values allow', () => {
  expect(segments(`  %a: float32[4] = neg(%x)
  %b: float32[4] = abs(%a)
  %c: float32[4] = exp(%y)
  %d: float32[4] = abs(%c)
  %e: float32[4] = add(%b, %d)
  %z: float32[4] = neg(%e)`)).toEqual(['device: a c', 'host: b d', 'device: e z'])
})

test('a graph for one side is one segment', () => {
  expect(segments('  %a: float32[4] = neg(%x)\n  %z: float32[4] = exp(%a)')).toEqual(['device: a z'])
  expect(segments('  %a: float32[4] = abs(%x)\n  %z: float32[4] = abs(%a)')).toEqual(['host: a z'])
})
