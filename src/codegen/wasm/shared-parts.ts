/** The parts of a shared kernel as code: a thread counts all units and does those that it has drawn. */
import type { Dim } from '../../base/dim.js'
import type { Stmt } from '../../ir/kernel/kernel.js'
import { renderIndex, type FunctionScope } from './expression.js'
import { branch, constant, get, loop, op, select, set, type Code } from './instructions.js'
import { declaredIn, namesIn, type Loop, type Part } from './share.js'
import { drawUnits } from './sharing.js'

/** What parts are rendered with: the functions for statements. */
export interface PartRenderer<S extends SharingScope> {
  stmt(s: Stmt, scope: S): Code
  block(body: readonly Stmt[], scope: S): Code
  /** A loop with other bounds than its own, and other code inside where that is given. */
  loop(loop: Loop, lo: Dim, hi: Dim, scope: S, inside?: () => Code): Code
}

export interface SharingScope extends FunctionScope { declareIndex(name: string, positive: boolean): number }

/** Locals: units before the part at hand, the draw, from its first to before its last unit, and iterations of the loops around that every thread runs. */
interface Draw { readonly base: number; readonly from: number; readonly until: number; readonly around: number | undefined }

/** The code of a kernel's parts. */
export function renderParts<S extends SharingScope>(parts: readonly Part[], scope: S, renderer: PartRenderer<S>): Code {
  const draw: Draw = { base: scope.temporary('i32'), from: scope.temporary('i32'), until: scope.temporary('i32'), around: undefined }
  return parts.map((part) => renderPart(part, draw, scope, renderer))
}

function renderPart<S extends SharingScope>(part: Part, draw: Draw, scope: S, renderer: PartRenderer<S>): Code {
  switch (part.kind) {
    case 'all': return renderer.stmt(part.stmt, scope)
    case 'meet': return [scope.call('share.meet_inside'), [draw.base, draw.from, draw.until].map((local) => set(local, constant('i32', 0)))]
    case 'once': return renderUnits(constant('i32', 1), draw, scope, () => renderer.block(part.body, scope))
    case 'nest': {
      const around = scope.temporary('i32'), { loop: own, parts } = part, { first, start, count } = iterationsOf(own, scope)
      const all: Code = set(around, draw.around === undefined ? count : op('i32.mul', count, get(draw.around)))
      const nest: Code = [start(first), all, renderer.loop(own, own.lo, own.hi, scope, () => parts.map((inner) => renderPart(inner, { ...draw, around }, scope, renderer)))]
      const filled = isFilled(own, parts, scope)
      return filled === undefined ? nest : branch(undefined, filled, nest, [])
    }
    case 'units': {
      const { loop: own } = part, { first, start, count, positive } = iterationsOf(own, scope)
      return [start(first), renderUnits(count, draw, scope, (from, to) => {
        const bound = (name: string, unit: Code): Code => set(scope.declareIndex(name, positive), op('i32.add', get(first), op('i32.mul', unit, constant('i32', own.step))))
        return [bound('share from', from), bound('share to', to), renderer.loop(own, 'share from', 'share to', scope)]
      })]
    }
  }
}

/** Whether a loop around units has any: rows left over are mostly none, for each of many columns. Undefined where that is not known before the loop, or always so. */
function isFilled(own: Loop, parts: readonly Part[], scope: SharingScope): Code | undefined {
  const [inner, ...others] = parts.filter((p) => p.kind !== 'all')
  if (others.length > 0 || (inner?.kind !== 'units' && inner?.kind !== 'nest')) return undefined
  const { lo, hi } = inner.loop, inside = declaredIn(own.body)
  if ((typeof lo === 'number' && typeof hi === 'number') || [lo, hi].some((dim) => [...namesIn(dim)].some((name) => name === own.variable || inside.has(name)))) return undefined
  return op('i32.gt_s', renderIndex(hi, scope).code, renderIndex(lo, scope).code)
}

interface Iterations { readonly first: number; readonly start: (local: number) => Code; readonly count: Code; readonly positive: boolean }

/** How often a loop runs, below 0 for never; `start` sets the local `first`, which the count is reckoned from. */
function iterationsOf({ lo, hi, step }: Loop, scope: SharingScope): Iterations {
  const first = scope.temporary('i32'), low = renderIndex(lo, scope), high = renderIndex(hi, scope)
  const distance = op('i32.sub', high.code, get(first))
  const count: Code = low.constant !== undefined && high.constant !== undefined ? constant('i32', Math.max(0, (high.constant - low.constant) / step)) : step === 1 ? distance : op('i32.div_s', distance, constant('i32', step))
  return { first, start: (local) => set(local, low.code), count, positive: low.positive }
}

/** `body` for the units drawn among the next `count`, given as a range that begins at 0. */
function renderUnits(count: Code, { base, from, until, around }: Draw, scope: SharingScope, body: (from: Code, to: Code) => Code): Code {
  const end = scope.temporary('i32'), units = scope.temporary('i32')
  const first = op('i32.sub', select(op('i32.gt_s', get(from), get(base)), get(from), get(base)), get(base))
  const last = op('i32.sub', select(op('i32.lt_s', get(until), get(end)), get(until), get(end)), get(base))
  const total = around === undefined ? get(units) : op('i32.mul', get(units), get(around))
  return [
    set(units, count),
    set(end, op('i32.add', get(base), select(op('i32.gt_s', get(units), constant('i32', 0)), get(units), constant('i32', 0)))),
    // A draw that ends before the part does makes room for another, which may begin in the part too.
    loop(branch(undefined, op('i32.and', op('i32.lt_s', get(from), get(end)), op('i32.gt_s', get(until), get(base))), body(first, last), []),
      branch('i32', op('i32.lt_s', get(until), get(end)), [drawUnits(from, until, total, scope.call), op('i32.lt_s', get(from), get(end))], constant('i32', 0))),
    set(base, get(end)),
  ]
}
