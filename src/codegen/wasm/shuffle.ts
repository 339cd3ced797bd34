/**
 * Vectors made of lanes of other vectors: one shuffle takes lanes of two, so that four vectors need three. Pairs of the same
 * lane are interleaved first, which x86 has instructions for.
 */
import type { Expr } from '../../ir/kernel/expr.js'
import type { FunctionScope, Typed } from './expression.js'
import { get, shuffle, type Code } from './instructions.js'

interface Source { readonly name: string; readonly lane: number }

/** The vector of `items`, all of them lanes of registers; undefined where one is not. */
export function renderShuffle(items: readonly Expr[], scope: FunctionScope): Typed | undefined {
  const sources = items.flatMap((e): Source[] => (e.kind === 'lane' && e.x.kind === 'local' && e.x.type !== 'b32x4' ? [{ name: e.x.name, lane: e.lane }] : []))
  const types = new Set(sources.map((s) => scope.register(s.name).type)), [type] = types
  if (sources.length < items.length || types.size > 1 || type === undefined) return undefined
  const names = [...new Set(sources.map((s) => s.name))]
  const register = (name: string | undefined): Code => get(scope.register(name as string).local)
  if (names.length <= 2) {
    const [a, b = a] = names
    return { type, code: shuffle(sources.map((s) => (s.name === a ? s.lane : 4 + s.lane)), register(a), register(b)) }
  }
  const [p, q, r, s] = sources as [Source, Source, Source, Source]
  const left = pairOf(p, q), right = pairOf(r, s)
  const code = (x: Source, y: Source, pair: Pair): Code => shuffle(pair.lanes, register(x.name), register(y.name))
  return { type, code: shuffle([...left.at, ...right.at.map((k) => 4 + k)], code(p, q, left), code(r, s, right)) }
}

/** A shuffle of two sources, and where in it their lanes are. */
interface Pair { readonly lanes: readonly number[]; readonly at: readonly [number, number] }

function pairOf(a: Source, b: Source): Pair {
  if (a.lane !== b.lane) return { lanes: [a.lane, 4 + b.lane, a.lane, 4 + b.lane], at: [0, 1] }
  const first = a.lane < 2 ? 0 : 2, at = 2 * (a.lane - first)
  return { lanes: [first, 4 + first, first + 1, 5 + first], at: [at, at + 1] }
}
