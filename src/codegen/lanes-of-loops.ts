/**
 * Hand-written kernels in vectors: a loop whose iterations are independent takes several of them at once, in lanes, with the
 * loops inside it as they are (so that sums over them stay in registers). What is the same in all iterations stays a scalar.
 *
 *   parallel for j in 0..H { var s = x[j]; for k in 0..K { set s = s + h[k]*r[k*H + j] }; store y[j] = s }
 *   ⇒ for j in 0..H-H%16 by 16 { four vectors s }  for j … by 8  for j … by 4  for j … { the rest, one by one }
 *
 * Takes innermost parallel loops from 0 to a constant, with 32-bit elements that lie side by side; others stay as they are.
 */
import { visitSymbols } from '../base/dim.js'
import type { DType } from '../base/dtype.js'
import { add, substituteDim, type Dim } from '../ir/dims.js'
import { isVector, LANES, typeOfExpr, VECTOR_DTYPES, VECTOR_OF, type Expr, type RegisterType } from '../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../ir/kernel/kernel.js'
import { exprsOf, operandsOf, visitExprs, visitStmts, withOperands } from '../ir/kernel/walk.js'
import { hasVectorForm, laneStride, LANE } from './schedule/lanes.js'

type Loop = Extract<Stmt, { kind: 'for' }>

/** Vectors of sums that one trip holds in registers at most, and vectors that it takes at most. */
const MOST_SUMS = 8, MOST_VECTORS = 4
/** Statements of which two vectors fill the pipeline. */
const LONG = 24

/** `kernel` with lanes wherever a loop allows them. */
export function lanesOfLoops(kernel: Kernel): Kernel {
  const dtypes = new Map(kernel.buffers.map((b) => [b.name, b.dtype]))
  const dtypeOf = (buffer: string): DType => dtypes.get(buffer) ?? 'float64'
  const inBody = (body: readonly Stmt[]): readonly Stmt[] => body.flatMap((s): readonly Stmt[] => {
    if (s.kind === 'for') return isCandidate(s) ? (inLanes(s, dtypeOf) ?? [s]) : [{ ...s, body: inBody(s.body) }]
    return s.kind === 'if' ? [{ ...s, then: inBody(s.then), else: inBody(s.else) }] : [s]
  })
  return { ...kernel, body: inBody(kernel.body) }
}

function isCandidate(loop: Loop): boolean {
  let inner = false
  visitStmts(loop.body, (s) => { if (s.kind === 'for' && s.parallel === true) inner = true })
  return loop.parallel === true && !inner && loop.lo === 0 && loop.step === 1 && typeof loop.hi === 'number' && loop.hi >= LANES
}

/** The loop as loops over blocks of vectors, over vectors and over what remains; undefined where it has no form in lanes. */
function inLanes(loop: Loop, dtypeOf: (buffer: string) => DType): readonly Stmt[] | undefined {
  const hi = loop.hi as number, most = Math.max(1, Math.floor(MOST_SUMS / Math.max(1, sumsOf(loop.body))))
  const out: Stmt[] = []
  let at = 0
  for (let vectors = Math.min(loop.body.length > LONG ? MOST_VECTORS / 2 : MOST_VECTORS, 2 ** Math.floor(Math.log2(most))); vectors >= 1; vectors /= 2) {
    const step = vectors * LANES, end = at + Math.floor((hi - at) / step) * step
    if (end === at) continue
    const body = new LoopLanes(loop.variable, vectors, dtypeOf).body(loop.body)
    if (body === undefined) return undefined
    out.push({ ...loop, lo: at, hi: end, step, body })
    at = end
  }
  if (at < hi) out.push({ ...loop, lo: at })
  return out
}

function sumsOf(body: readonly Stmt[]): number {
  let sums = 0
  visitStmts(body, (s) => { if (s.kind === 'var') sums++ })
  return sums
}

/** Thrown inside where an expression has no form in lanes. */
class NoLanes extends Error {}

class LoopLanes {
  readonly #variable: string
  readonly #vectors: number
  readonly #dtypeOf: (buffer: string) => DType
  /** Registers that differ from iteration to iteration. */
  readonly #varying = new Set<string>()
  /** Registers that do not, of which there are vectors too. */
  readonly #spread = new Set<string>()

  constructor(variable: string, vectors: number, dtypeOf: (buffer: string) => DType) {
    this.#variable = variable
    this.#vectors = vectors
    this.#dtypeOf = dtypeOf
  }

  /** The statements, each for all vectors of a trip; undefined where one has no form in lanes. */
  body(body: readonly Stmt[]): readonly Stmt[] | undefined {
    try {
      return this.#needed(this.#body(body))
    } catch (error) {
      if (error instanceof NoLanes) return undefined
      throw error
    }
  }

  /** `body` without the elements that only vectors are made of. */
  #needed(body: readonly Stmt[]): readonly Stmt[] {
    const used = new Set<string>()
    visitStmts(body, (s) => { visitExprs(exprsOf(s), (e) => { if (e.kind === 'local') used.add(e.name) }) })
    const keep = (stmts: readonly Stmt[]): readonly Stmt[] => stmts.flatMap((s): readonly Stmt[] => (s.kind === 'for' ? [{ ...s, body: keep(s.body) }] : s.kind === 'let' && this.#spread.has(s.name) && !used.has(s.name) ? [] : [s]))
    return keep(body)
  }

  #body(body: readonly Stmt[]): readonly Stmt[] {
    // A register that any iteration sets is one for each lane, and so are those that are made of it.
    visitStmts(body, (s) => { if (s.kind === 'var') this.#varying.add(s.name) })
    return body.flatMap((s) => this.#stmt(s))
  }

  #stmt(s: Stmt): readonly Stmt[] {
    switch (s.kind) {
      case 'for':
        if (this.#moves(s.lo) || this.#moves(s.hi)) throw new NoLanes()
        return [{ ...s, body: this.#body(s.body) }]
      case 'let': case 'var': {
        if (s.kind === 'let' && !this.#varies(s.value)) return this.#shared(s)
        this.#varying.add(s.name)
        const type = VECTOR_OF[s.type]
        if (type === undefined) throw new NoLanes()
        return this.#each((part) => ({ ...s, name: partOf(s.name, part), type, value: this.#vector(s.value, part) }))
      }
      case 'set': return this.#each((part) => ({ ...s, name: partOf(s.name, part), value: this.#vector(s.value, part) }))
      case 'store':
        if (this.#strideOf(s.index) !== 1 || !VECTOR_DTYPES.has(this.#dtypeOf(s.buffer))) throw new NoLanes()
        return this.#each((part) => ({ ...s, index: this.#moved(s.index, part), value: this.#vector(s.value, part) }))
      default: throw new NoLanes()
    }
  }

  /** A value that is the same in all lanes: an element is spread over them as it is read, and read as it is too where something else than vectors is made of it. */
  #shared(s: Extract<Stmt, { kind: 'let' }>): readonly Stmt[] {
    const type = VECTOR_OF[s.type]
    if (s.value.kind !== 'load' || type === undefined) return [s]
    this.#spread.add(s.name)
    return [s, { ...s, name: allOf(s.name), type, value: { kind: 'splat', x: s.value } }]
  }

  #each(write: (part: number) => Stmt): readonly Stmt[] { return Array.from({ length: this.#vectors }, (_, part) => write(part)) }

  #moves(dim: Dim): boolean {
    let moves = false
    visitSymbols(dim, (s) => { if (s === this.#variable) moves = true })
    return moves
  }

  /** By how much `dim` grows from lane to lane. */
  #strideOf(dim: Dim): number | undefined {
    const lanes = substituteDim(dim, (s) => (s === this.#variable ? add(this.#variable, LANE) : undefined))
    return laneStride(lanes, () => undefined).stride
  }

  #moved(dim: Dim, part: number): Dim {
    return substituteDim(dim, (s) => (s === this.#variable ? add(this.#variable, part * LANES) : undefined))
  }

  #varies(root: Expr): boolean {
    let varies = false
    visitExprs([root], (e) => {
      if (e.kind === 'local') varies ||= this.#varying.has(e.name)
      else if (e.kind === 'load') varies ||= e.index.some((d) => this.#moves(d))
      else if (e.kind === 'index') varies ||= this.#moves(e.index)
    })
    return varies
  }

  /** `e` in the lanes of vector `part` of a trip. */
  #vector(e: Expr, part: number): Expr {
    if (e.kind === 'local' && this.#spread.has(e.name)) return { ...e, name: allOf(e.name), type: this.#vectorType(e.type) }
    if (!this.#varies(e)) return { kind: 'splat', x: e }
    if (e.kind === 'local') return { ...e, name: partOf(e.name, part), type: this.#vectorType(e.type) }
    if (e.kind === 'load') {
      const [index] = e.index as [Dim]
      if (this.#strideOf(index) !== 1 || !VECTOR_DTYPES.has(this.#dtypeOf(e.buffer))) throw new NoLanes()
      return { ...e, index: [this.#moved(index, part)], lanes: LANES }
    }
    const isShift = e.kind === 'binary' && (e.op === 'shl' || e.op === 'shr')
    const operands = operandsOf(e).map((x, i) => (isShift && i === 1 ? x : this.#vector(x, part)))
    if (operands.length === 0 || !hasVectorForm(e, operands.map((x) => typeOfExpr(x, this.#dtypeOf)))) throw new NoLanes()
    const written = withOperands(e, operands)
    if (written.kind === 'cast' || written.kind === 'bitcast') return { ...written, to: this.#vectorType(written.to) }
    // A product added to a sum, which targets may round once.
    if (written.kind === 'binary' && written.op === 'add' && written.b.kind === 'binary' && written.b.op === 'mul' && written.a.kind === 'local' && written.a.type === 'f32x4') return { kind: 'madd', a: written.b.a, b: written.b.b, c: written.a }
    return written
  }

  #vectorType(type: RegisterType): RegisterType {
    const vector = isVector(type) ? type : VECTOR_OF[type]
    if (vector === undefined) throw new NoLanes()
    return vector
  }
}

const allOf = (name: string): string => `${name}.all`
const partOf = (name: string, part: number): string => `${name}.${part}`
