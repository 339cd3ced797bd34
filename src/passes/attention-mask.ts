/** Masks of attention: added to the scores, or choosing between them and a constant. */
import { dimsEqual, shapesEqual, type Dim } from '../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../ir/graph.js'
import { splatOf } from './constants.js'
import type { Rewriting } from './rewriter.js'

export interface Mask {
  /** What is masked. */
  readonly scores: Value
  readonly masking: 'add' | 'keep'
  readonly fill: number
  /** The mask as float32 of rank 4 in the new graph. */
  readonly place: (rewriting: Rewriting, origin: string) => Value
}

/** The mask over `value`; undefined where there is none that a kernel can take. */
export function findMask(value: Value, rewriting: Rewriting): Mask | undefined {
  const node = rewriting.producer(value), [a, b, c] = node?.inputs ?? []
  if (node === undefined || a == null || b == null) return undefined
  if (node.op === 'add') {
    const scored = [a, b].find((x) => leadsToProduct(x, rewriting) && shapesEqual(shapeOf(x), shapeOf(value))), mask = scored === a ? b : a
    return scored === undefined || !fits(mask, scored) ? undefined : { scores: scored, masking: 'add', fill: 0, place: (r, origin) => inRank4(mask, shapeOf(value).length, r, origin) }
  }
  if (node.op !== 'where' || c == null || !fits(a, value)) return undefined
  for (const [scored, filled, isKept] of [[b, c, true], [c, b, false]] as const) {
    const fill = splatOf(filled)
    if (fill === undefined || !leadsToProduct(scored, rewriting) || !shapesEqual(shapeOf(scored), shapeOf(value))) continue
    return {
      scores: scored, masking: 'keep', fill,
      place: (r, origin) => inRank4(r.add('cast', [isKept ? a : r.add('logical_not', [a], {}, origin)], { to: 'float32' }, origin), shapeOf(value).length, r, origin),
    }
  }
  return undefined
}

/** True for scores, perhaps scaled: a product that nothing else uses. */
function leadsToProduct(value: Value, rewriting: Rewriting): boolean {
  const node = rewriting.producer(value)
  if (node === undefined || rewriting.uses(value) !== 1) return false
  if (node.op === 'matmul') return true
  return (node.op === 'mul' || node.op === 'div') && node.inputs.some((v) => v !== null && splatOf(v) === undefined && leadsToProduct(v, rewriting))
}

/** True where `mask` has one element or all along each axis of `scores`, and all along the last. */
function fits(mask: Value, scores: Value): boolean {
  const from = shapeOf(mask), to = shapeOf(scores), skip = to.length - from.length
  if (skip < 0 || from.length === 0 || (dtypeOf(mask) !== 'float32' && dtypeOf(mask) !== 'bool')) return false
  return from.every((d, i) => dimsEqual(d, to[i + skip] as Dim) || (d === 1 && i < from.length - 1))
}

/** `mask`, over scores of `rank`, with axes for batch, head, query and key. */
function inRank4(mask: Value, rank: number, rewriting: Rewriting, origin: string): Value {
  const from = shapeOf(mask), full = [...Array.from({ length: rank - from.length }, () => 1), ...from]
  const shape = rank === 3 ? [full[0] as Dim, 1, ...full.slice(1)] : full
  return from.length === 4 ? mask : rewriting.add('reshape', [mask], { shape }, origin)
}
