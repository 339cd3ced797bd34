/** Kernels without vectors: every vector register becomes four scalar ones, and what only vectors have is written out. For targets without lanes. */
import { add, type Dim } from '../ir/dims.js'
import type { DType } from '../base/dtype.js'
import { binary, constant, isVector, LANE_OF, laneType, LANES, typeOfExpr, type Expr, type RegisterType } from '../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../ir/kernel/kernel.js'
import { exprsOf, operandsOf, visitExprs, visitStmts, withOperands } from '../ir/kernel/walk.js'

const LANE_NUMBERS = Array.from({ length: LANES }, (_, k) => k)

/** `kernel` in scalars; `kernel` itself where it has no vectors, no multiply-adds and no products of pairs. */
export function scalarise(kernel: Kernel): Kernel {
  let found = false
  visitStmts(kernel.body, (s) => visitExprs(exprsOf(s), (e) => { if (e.kind === 'madd' || isPairs(e) || e.kind === 'splat' || e.kind === 'vector' || e.kind === 'lane' || (e.kind === 'load' && e.lanes !== undefined)) found = true }))
  if (!found) return kernel
  const dtypes = new Map([...kernel.buffers, ...(kernel.shared ?? [])].map((b) => [b.name, b.dtype]))
  return { ...kernel, body: new Scalars((name) => dtypes.get(name) ?? 'float32').body(kernel.body) }
}

const isPairs = (e: Expr): e is Extract<Expr, { kind: 'binary' }> => e.kind === 'binary' && e.op === 'dot16'
const partOf = (name: string, lane: number): string => `${name}.${lane}`

class Scalars {
  readonly #dtypeOf: (buffer: string) => DType

  constructor(dtypeOf: (buffer: string) => DType) { this.#dtypeOf = dtypeOf }

  body(body: readonly Stmt[]): readonly Stmt[] { return body.flatMap((s) => this.#stmt(s)) }

  #typeOf(e: Expr): RegisterType { return typeOfExpr(e, this.#dtypeOf) }

  #stmt(s: Stmt): readonly Stmt[] {
    switch (s.kind) {
      case 'for': return [{ ...s, body: this.body(s.body) }]
      case 'index': case 'barrier': return [s]
      case 'data-index': case 'fold': return [{ ...s, value: this.#lane(s.value, 0) }]
      case 'let': case 'var': {
        const { type } = s
        return isVector(type) ? LANE_NUMBERS.map((k): Stmt => ({ ...s, name: partOf(s.name, k), type: LANE_OF[type], value: this.#lane(s.value, k) })) : [{ ...s, value: this.#lane(s.value, 0) }]
      }
      case 'set': case 'set-all': {
        const sets = (s.kind === 'set' ? [s] : s.sets).flatMap(({ name, value }) => (
          isVector(this.#typeOf(value)) ? LANE_NUMBERS.map((k) => ({ name: partOf(name, k), value: this.#lane(value, k) })) : [{ name, value: this.#lane(value, 0) }]))
        const [only] = sets
        return only !== undefined && sets.length === 1 ? [{ kind: 'set', ...only }] : [{ kind: 'set-all', sets }]
      }
      case 'store': return isVector(this.#typeOf(s.value))
        ? LANE_NUMBERS.map((k): Stmt => ({ ...s, index: add(s.index, k), value: this.#lane(s.value, k) })) : [{ ...s, value: this.#lane(s.value, 0) }]
      case 'if': return [{ ...s, condition: this.#lane(s.condition, 0), then: this.body(s.then), else: this.body(s.else) }]
    }
  }

  /** Lane `k` of a vector, or the scalar that `e` is. */
  #lane(e: Expr, k: number): Expr {
    switch (e.kind) {
      case 'local': return isVector(e.type) ? { ...e, name: partOf(e.name, k), type: laneType(e.type) } : e
      case 'load': {
        const { lanes, ...element } = e
        return lanes === undefined ? e : { ...element, index: [add(e.index[0] as Dim, k)] }
      }
      case 'splat': return this.#lane(e.x, 0)
      case 'vector': return this.#lane(e.items[k] as Expr, 0)
      case 'lane': return this.#lane(e.x, e.lane)
      case 'madd': return { kind: 'binary', op: 'add', a: this.#lane(e.c, k), b: { kind: 'binary', op: 'mul', a: this.#lane(e.a, k), b: this.#lane(e.b, k) } }
      case 'cast': case 'bitcast': return { ...e, to: laneType(e.to), x: this.#lane(e.x, k) }
      default: return isPairs(e) ? pairs(this.#lane(e.a, k), this.#lane(e.b, k)) : withOperands(e, operandsOf(e).map((x) => this.#lane(x, k)))
    }
  }
}

/** The sum of the products of halves of 16 bits. */
function pairs(a: Expr, b: Expr): Expr {
  const half = constant('i32', 16), low = (x: Expr): Expr => binary('shr', binary('shl', x, half), half), high = (x: Expr): Expr => binary('shr', x, half)
  return binary('add', binary('mul', low(a), low(b)), binary('mul', high(a), high(b)))
}
