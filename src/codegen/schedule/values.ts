/**
 * Values of a kernel under construction: expressions with equal structure are one value (hash consing), whichever point of a
 * register tile they come from. That makes an i×j tile load i+j elements for each step of its reduction.
 */
import { invariant } from '../../base/error.js'
import type { DType } from '../../base/dtype.js'
import { add, dimKey, mul, product, substituteDim, type Dim } from '../../ir/dims.js'
import type { Buffer } from '../../ir/kernel/compute.js'
import { isVector, LANES, laneType, typeOfExpr, VECTOR_DTYPES, VECTOR_OF, vectorOf, type BinaryOp, type Expr, type RegisterType } from '../../ir/kernel/expr.js'
import { isInside, type RangeOf } from '../../ir/kernel/ranges.js'
import { simplifyDim } from '../../ir/kernel/simplify.js'
import { operandsOf } from '../../ir/kernel/walk.js'
import { hasLane, hasVectorForm, inLane, LANE_NUMBERS, laneStride } from './lanes.js'

/** A value. `shell` is its expression; the operands in it are replaced by those in `operands` when it is written. */
export interface ValueNode {
  readonly id: number
  readonly shell: Expr
  readonly operands: readonly ValueNode[]
  readonly type: RegisterType
  /** Dims it reads: the flat index of a load, an index value, the extent of a data-index. */
  readonly dims: readonly Dim[]
  /** False where evaluating it outside the loops that guard it could fault. */
  readonly safe: boolean
  /** Depth further out than which it must not be written, because it reads what changes while the kernel runs; -1 where it reads nothing such. */
  readonly pinned: number
  /** The integer name it defines, for an index read from data. */
  readonly symbol?: string
}

/** A register, or one for each lane where its type has no vectors. */
export type LocalValue = ValueNode | readonly ValueNode[]

/** What names stand for at one point of an iteration space. With a vectorized axis the dims have lanes, and locals may be vectors. */
export interface Env {
  readonly dims: ReadonlyMap<string, Dim>
  readonly locals: ReadonlyMap<string, LocalValue>
  /** How many lanes count, where that is not all of them: the others may hold anything, but read nothing out of bounds. */
  readonly lanes?: number
}

/** What is known of shared sub-expressions at a point: of the point as a whole (undefined: nothing but its lanes), and of each lane. */
export class Memo {
  readonly whole = new Map<Expr, ValueNode | undefined>()
  readonly lanes: readonly Map<Expr, ValueNode>[] = LANE_NUMBERS.map(() => new Map<Expr, ValueNode>())
}

export const isLanes = (value: LocalValue | undefined): value is readonly ValueNode[] => Array.isArray(value)

/** What building values needs to know of the kernel around them. */
export interface ValueContext {
  readonly rangeOf: RangeOf
  readonly depth: number
  freshSymbol(wish: string, extent: Dim): string
}

const UNPINNED = -1
const PLAIN = { operands: [], dims: [], safe: true, pinned: UNPINNED } as const

type Load = Extract<Expr, { kind: 'load' }>

export class ValueTable {
  readonly #buffers: Map<string, Buffer>
  /** Buffers that the kernel writes, with the number of times it may have done so far. */
  readonly #written: Map<string, number>
  readonly #nodes = new Map<string, ValueNode>()
  #touched = 0

  constructor(buffers: readonly Buffer[], written: readonly string[]) {
    this.#buffers = new Map(buffers.map((b) => [b.name, b]))
    this.#written = new Map(written.map((name) => [name, 0]))
  }

  /** Adds a buffer that the kernel writes. */
  addBuffer(buffer: Buffer): void {
    this.#buffers.set(buffer.name, buffer)
    this.#written.set(buffer.name, 0)
  }

  readonly dtypeOf = (name: string): DType => this.getBuffer(name).dtype

  getBuffer(name: string): Buffer {
    const buffer = this.#buffers.get(name)
    invariant(buffer !== undefined, `a compute names ${name}, which is no buffer of it`)
    return buffer
  }

  /** A number that grows whenever a buffer may have other contents. */
  ages(): number { return this.#touched }

  /** Says that `buffer` (or with none, any written buffer) may have other contents from here on. */
  touch(buffer?: string): void {
    this.#touched++
    for (const name of buffer === undefined ? this.#written.keys() : [buffer]) this.#written.set(name, (this.#written.get(name) ?? 0) + 1)
  }

  /** `dim` with the names of `env` replaced, simplified by the ranges of loop variables. */
  dim(dim: Dim, env: Env, ctx: ValueContext): Dim {
    return simplifyDim(substituteDim(dim, (s) => env.dims.get(s)), ctx.rangeOf)
  }

  /** The row-major flat index of a multi-dimensional one. */
  flatIndex(buffer: Buffer, index: readonly Dim[]): Dim {
    invariant(index.length === buffer.shape.length, `${buffer.name} has rank ${buffer.shape.length} and is indexed with ${index.length} dims`)
    return add(0, ...index.map((d, i) => mul(d, product(buffer.shape.slice(i + 1)))))
  }

  /** The value of `e` at a point without lanes. */
  build(e: Expr, env: Env, ctx: ValueContext, memo: Memo): ValueNode {
    const node = this.buildWhole(e, env, ctx, memo)
    invariant(node !== undefined && !isVector(node.type), 'a scalar is built at a point with lanes')
    return node
  }

  /** The value of `e` at all lanes of a point: a scalar where it is the same in all, else a vector; undefined where its type has no vectors. */
  buildWhole(e: Expr, env: Env, ctx: ValueContext, memo: Memo): ValueNode | undefined {
    if (memo.whole.has(e)) return memo.whole.get(e)
    const node = this.#makeWhole(e, env, ctx, memo)
    memo.whole.set(e, node)
    return node
  }

  /** The value of `e` in lane `lane` of a point. */
  buildLane(e: Expr, env: Env, number: number, ctx: ValueContext, memo: Memo): ValueNode {
    const lane = Math.min(number, (env.lanes ?? LANES) - 1)
    const known = memo.lanes[lane]?.get(e)
    if (known !== undefined) return known
    const node = this.#makeLane(e, env, lane, ctx, memo)
    memo.lanes[lane]?.set(e, node)
    return node
  }

  /** Each lane of a value that is a scalar or a vector. */
  laneOf(node: ValueNode, lane: number): ValueNode {
    if (!isVector(node.type)) return node
    if (node.shell.kind === 'splat') return node.operands[0] as ValueNode
    if (node.shell.kind === 'vector') return node.operands[lane] as ValueNode
    return this.operation({ kind: 'lane', x: node.shell, lane }, [node])
  }

  /** A value as a vector. */
  spread(node: ValueNode): ValueNode {
    return isVector(node.type) ? node : this.operation({ kind: 'splat', x: node.shell }, [node])
  }

  /** Four scalars as one vector; as a scalar where they are one value. */
  join(nodes: readonly ValueNode[]): ValueNode {
    const [a, b, c, d] = nodes as [ValueNode, ValueNode, ValueNode, ValueNode]
    return nodes.every((n) => n === a) ? a : this.operation({ kind: 'vector', items: [a.shell, b.shell, c.shell, d.shell] }, nodes)
  }

  #makeWhole(e: Expr, env: Env, ctx: ValueContext, memo: Memo): ValueNode | undefined {
    const lanes = (): ValueNode | undefined => {
      const nodes = LANE_NUMBERS.map((k) => this.buildLane(e, env, k, ctx, memo))
      return nodes.every((n) => n === nodes[0]) || VECTOR_OF[nodes[0]?.type ?? 'f64'] !== undefined ? this.join(nodes) : undefined
    }
    switch (e.kind) {
      case 'const': return this.#constant(e)
      case 'local': { const value = this.#local(e.name, env); return isLanes(value) ? undefined : value }
      case 'index': {
        const index = this.dim(e.index, env, ctx)
        if (!hasLane(index)) return this.#index(index)
        const { first, stride } = laneStride(index, ctx.rangeOf)
        if (stride === undefined || stride === 0) return stride === 0 ? this.#index(first) : lanes()
        const steps = this.join(LANE_NUMBERS.map((k) => this.#constant({ kind: 'const', type: 'i32', value: k * stride })))
        return this.#binary('add', this.spread(this.#index(first)), steps)
      }
      case 'load': {
        const index = e.index.map((d) => this.dim(d, env, ctx))
        if (!index.some(hasLane)) return this.#load(e, index, ctx)
        const { first, stride } = laneStride(this.flatIndex(this.getBuffer(e.buffer), index), ctx.rangeOf)
        if (stride === 0) return this.#loadAt(e, first, this.#isInside(e, index, ctx), ctx)
        const inside = this.#isInside(e, index, ctx)
        return stride === 1 && VECTOR_DTYPES.has(this.dtypeOf(e.buffer)) && (inside || env.lanes === undefined) ? this.#loadAt({ ...e, lanes: LANES }, first, inside, ctx) : lanes()
      }
      default: {
        const operands = operandsOf(e).map((x) => this.buildWhole(x, env, ctx, memo))
        if (!operands.every((o) => o !== undefined)) return lanes()
        if (operands.every((o) => !isVector(o.type))) return this.operation(e, operands)
        if (e.kind === 'narrow' && e.dtype === 'float32' && operands[0]?.type === 'f32x4') return operands[0]
        if (!hasVectorForm(e, operands.map((o) => o.type))) return lanes()
        const shifts = e.kind === 'binary' && (e.op === 'shl' || e.op === 'shr')
        const spread = operands.map((o, k) => (shifts && k === 1 ? o : this.spread(o)))
        return e.kind === 'cast' || e.kind === 'bitcast' ? this.operation({ ...e, to: vectorOf(e.to) }, spread) : this.operation(e, spread)
      }
    }
  }

  #makeLane(e: Expr, env: Env, lane: number, ctx: ValueContext, memo: Memo): ValueNode {
    switch (e.kind) {
      case 'const': return this.#constant(e)
      case 'local': { const value = this.#local(e.name, env); return isLanes(value) ? value[lane] as ValueNode : this.laneOf(value, lane) }
      case 'index': return this.#index(this.dim(inLane(this.dim(e.index, env, ctx), lane), env, ctx))
      case 'load': return this.#load(e, e.index.map((d) => simplifyDim(inLane(this.dim(d, env, ctx), lane), ctx.rangeOf)), ctx)
      default: return this.operation(e, operandsOf(e).map((x) => this.buildLane(x, env, lane, ctx, memo)))
    }
  }

  #constant(e: Extract<Expr, { kind: 'const' }>): ValueNode {
    return this.intern(`c:${e.type}:${Object.is(e.value, -0) ? '-0' : e.value}`, { ...PLAIN, shell: e, type: e.type })
  }

  #index(index: Dim): ValueNode {
    return this.intern(`i:${dimKey(index)}`, { ...PLAIN, shell: { kind: 'index', index }, type: 'i32', dims: [index] })
  }

  #local(name: string, env: Env): LocalValue {
    const value = env.locals.get(name)
    invariant(value !== undefined, `an expression reads ${name}, which nothing before it defines`)
    return value
  }

  #binary(op: BinaryOp, a: ValueNode, b: ValueNode): ValueNode { return this.operation({ kind: 'binary', op, a: a.shell, b: b.shell }, [a, b]) }

  /** The operation `e` on other operands than those in it. */
  operation(e: Expr, operands: readonly ValueNode[]): ValueNode {
    const detail = e.kind === 'unary' || e.kind === 'binary' ? e.op : e.kind === 'cast' || e.kind === 'bitcast' ? e.to : e.kind === 'narrow' ? e.dtype : e.kind === 'lane' ? e.lane : ''
    const type = typeOfNode(e, operands)
    const faults = e.kind === 'binary' && (e.op === 'div' || e.op === 'rem' || e.op === 'mod') && type !== 'f32' && type !== 'f64'
    return this.intern(`${e.kind}:${detail}:${operands.map((o) => o.id).join(',')}`, { shell: e, operands, type, dims: [], safe: !faults, pinned: Math.max(UNPINNED, ...operands.map((o) => o.pinned)) })
  }

  #isInside(e: Load, index: readonly Dim[], ctx: ValueContext): boolean {
    const { shape } = this.getBuffer(e.buffer)
    return index.every((d, i) => isInside(d, shape[i] as Dim, ctx.rangeOf))
  }

  #load(e: Load, index: readonly Dim[], ctx: ValueContext): ValueNode {
    return this.#loadAt(e, this.flatIndex(this.getBuffer(e.buffer), index), this.#isInside(e, index, ctx), ctx)
  }

  #loadAt(e: Load, flat: Dim, safe: boolean, ctx: ValueContext): ValueNode {
    const version = this.#written.get(e.buffer)
    return this.intern(`l${e.lanes ?? ''}:${e.buffer}:${version === undefined ? '' : `${version}@${ctx.depth}`}:${dimKey(flat)}:${safe ? 1 : 0}`, {
      shell: { ...e, index: [flat] }, operands: [], type: typeOfExpr(e, this.dtypeOf), dims: [flat], safe, pinned: version === undefined ? UNPINNED : ctx.depth,
    })
  }

  /** A register that `set` changes, as it is now: every call is another value, for its contents may have changed since. */
  register(name: string, type: RegisterType, depth: number): ValueNode {
    return this.intern(`r:${this.#nodes.size}`, { shell: { kind: 'local', name, type }, operands: [], type, dims: [], safe: true, pinned: depth })
  }

  /** The integer read from data by `value`; equal ones share one name. */
  dataIndex(wish: string, value: ValueNode, extent: Dim, ctx: ValueContext): ValueNode {
    const key = `x:${value.id}:${dimKey(extent)}`
    return this.#nodes.get(key) ?? this.intern(key, { shell: value.shell, operands: [value], type: 'i32', dims: [extent], safe: false, pinned: value.pinned, symbol: ctx.freshSymbol(wish, extent) })
  }

  intern(key: string, node: Omit<ValueNode, 'id'>): ValueNode {
    let known = this.#nodes.get(key)
    if (known === undefined) this.#nodes.set(key, (known = { ...node, id: this.#nodes.size }))
    return known
  }
}

/** The type of an operation from its operands' types. */
function typeOfNode(e: Expr, operands: readonly ValueNode[]): RegisterType {
  const leaf = (n: ValueNode | undefined): Expr => ({ kind: 'local', name: '', type: n?.type ?? 'i32' })
  const unreachable = (): DType => 'int32'
  switch (e.kind) {
    case 'unary': return typeOfExpr({ ...e, x: leaf(operands[0]) }, unreachable)
    case 'binary': return typeOfExpr({ ...e, a: leaf(operands[0]), b: leaf(operands[1]) }, unreachable)
    case 'select': return operands[1]?.type ?? 'i32'
    case 'madd': return operands[0]?.type ?? 'f32'
    case 'splat': return vectorOf(operands[0]?.type ?? 'i32')
    case 'vector': return vectorOf(operands[0]?.type ?? 'i32')
    case 'lane': return laneType(operands[0]?.type ?? 'i32')
    default: return typeOfExpr(e, unreachable)
  }
}
