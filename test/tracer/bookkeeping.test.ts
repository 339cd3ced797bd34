import { describe, expect, it } from 'vitest'
import { bookkeepingCounts, type BookkeepingCounts } from '../../src/tracer/bookkeeping.js'
import { ones } from '../../src/tracer/creation.js'
import { inferenceMode, noGrad } from '../../src/tracer/modes.js'

const OPS = 10_000

/** 10,000 ops: arithmetic, views and in-place changes. */
function work(): void {
  const w = ones([2, 2], { requiresGrad: true })
  let y = w.mul(2)
  for (let i = 0; i < OPS / 4; i++) {
    y = y.add(w)
    y.transpose(0, 1)
    y.mul_(0.5)
    y = y.neg()
  }
}

function cost(run: () => void): BookkeepingCounts {
  const before = bookkeepingCounts()
  run()
  const after = bookkeepingCounts()
  return { gradFunctions: after.gradFunctions - before.gradFunctions, versionCounters: after.versionCounters - before.versionCounters, versionBumps: after.versionBumps - before.versionBumps, viewRecords: after.viewRecords - before.viewRecords }
}

describe('what 10,000 eager ops cost in bookkeeping', () => {
  it('in grad mode: functions, counters, bumps and view records', () => {
    const { gradFunctions, versionCounters, versionBumps, viewRecords } = cost(work)
    expect(gradFunctions).toBeGreaterThanOrEqual(OPS)
    expect(versionCounters).toBeGreaterThanOrEqual(OPS / 2)
    expect([versionBumps, viewRecords]).toEqual([OPS / 4, OPS / 4])
  })

  it('under noGrad: no functions, but counters, bumps and view records', () => {
    const { gradFunctions, versionCounters, versionBumps, viewRecords } = cost(() => noGrad(work))
    expect(gradFunctions).toBe(0)
    expect(versionCounters).toBeGreaterThanOrEqual(OPS / 2)
    expect([versionBumps, viewRecords]).toEqual([OPS / 4, OPS / 4])
  })

  it('in inference mode: nothing at all', () => {
    expect(cost(() => inferenceMode(work))).toEqual({ gradFunctions: 0, versionCounters: 0, versionBumps: 0, viewRecords: 0 })
  })

  it('in inference mode a change of a normal tensor still counts, and a view of one is still remembered', () => {
    const n = ones([2])
    expect(cost(() => inferenceMode(() => { n.add_(1); n.view(2) }))).toEqual({ gradFunctions: 0, versionCounters: 0, versionBumps: 1, viewRecords: 1 })
  })
})
