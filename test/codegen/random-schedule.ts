/** Random schedules that fit a compute: splits, orders with every inner part inside its outer one, inner parts unrolled or in lanes; stored values in any way. */
import * as fc from 'fast-check'
import type { Axis, Compute } from '../../src/ir/kernel/compute.js'
import type { Directive, Schedule } from '../../src/ir/kernel/schedule.js'

interface Choice { readonly factor: number; readonly unroll: boolean; readonly lanes: boolean; readonly again: boolean; readonly then: number; readonly registers: number }

/** Any schedule for the outer axes and the stages' axes of `compute`, whose axes' bounds must not depend on axes of the same nest. */
export function anySchedule(compute: Compute): fc.Arbitrary<Schedule> {
  const nests = new Map<string, readonly Axis[]>([['outer', compute.axes]])
  for (const s of compute.stages) if (s.kind !== 'let' && s.axes.length > 0) nests.set(s.axes.map((a) => a.name).join(), s.axes)
  const stores: fc.Arbitrary<readonly Directive[]> = fc.subarray<Directive>([{ kind: 'interleave', points: 3 }, { kind: 'drain' }])
  return fc.tuple(...[...nests.values()].map((axes, i) => nestSchedule(axes, i > 0)), stores).map((parts) => parts.flat())
}

function nestSchedule(axes: readonly Axis[], folded = false): fc.Arbitrary<readonly Directive[]> {
  const choice: fc.Arbitrary<Choice> = fc.record({ factor: fc.integer({ min: 1, max: 9 }), unroll: fc.boolean(), lanes: fc.boolean(), again: fc.boolean(), then: fc.integer({ min: 0, max: 5 }), registers: fc.integer({ min: 1, max: 3 }) })
  return fc.record({ choices: fc.tuple(...axes.map(() => fc.option(choice, { nil: undefined }))), keys: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 16, maxLength: 16 }) }).map(({ choices, keys }) => {
    const out: Directive[] = [], unroll: Directive[] = []
    const before: [string, string][] = []
    let order: string[] = []
    axes.forEach((axis, i) => {
      const c = choices[i]
      if (c === undefined) { order.push(axis.name); return }
      const outer = `${axis.name}o`, inner = `${axis.name}i`
      const points = typeof axis.hi === 'number' && axis.lo === undefined ? axis.hi : 0, first = Math.ceil(Math.floor(points / c.factor) / 2) * c.factor
      const then = c.then > 0 && first > 0 && !c.again ? { then: { from: first, factor: c.then } } : {}
      out.push({ kind: 'split', axis: axis.name, factor: c.factor, outer, inner, ...then })
      before.push([outer, inner])
      order.push(outer, inner)
      if (c.again) {
        out.push({ kind: 'split', axis: outer, factor: 2, outer: `${outer}o`, inner: `${outer}i` })
        order = order.flatMap((n) => (n === outer ? [`${outer}o`, `${outer}i`] : [n]))
        before.push([`${outer}o`, `${outer}i`], [`${outer}o`, inner])
        before.splice(before.findIndex(([a]) => a === outer), 1)
      }
      if (c.lanes && !unroll.some((d) => d.kind === 'vectorize')) unroll.push({ kind: 'vectorize', axis: inner })
      else if (c.unroll) unroll.push({ kind: 'unroll', axis: inner }, ...(folded && c.registers > 1 ? [{ kind: 'alternate', axis: inner, registers: c.registers } as const] : []))
    })
    const sorted = order.map((name, i) => ({ name, key: keys[i % keys.length] as number })).sort((a, b) => a.key - b.key).map((e) => e.name)
    for (let moved = true; moved;) {
      moved = false
      for (const [a, b] of before) {
        const ia = sorted.indexOf(a), ib = sorted.indexOf(b)
        if (ib < ia) { sorted.splice(ia, 1); sorted.splice(ib, 0, a); moved = true }
      }
    }
    if (sorted.length > 1) out.push({ kind: 'reorder', axes: sorted })
    out.push(...unroll)
    return out
  })
}
