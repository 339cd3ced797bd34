import { expect, test } from 'vitest'
import { OPS } from '../../../src/ir/ops/index.js'

const isOfDims = (kind: string | undefined): boolean => kind === 'dim' || kind === 'dims'

test('what is an amount of one op is one of every op with an attribute of that name, those made of others too', () => {
  const names = new Set([...OPS.values()].flatMap((op) => op.amounts ?? []))
  expect([...names]).toEqual(expect.arrayContaining(['before', 'after', 'pads', 'start', 'step']))
  for (const { name, attrs, amounts = [] } of OPS.values()) {
    expect(amounts.every((a) => isOfDims(attrs[a])), `the amounts of ${name} are dims`).toBe(true)
    expect([...names].filter((a) => isOfDims(attrs[a])).sort(), name).toEqual([...amounts].sort())
  }
})
