/**
 * Values of a kernel under construction: expressions with equal structure are one value (hash consing), whichever point of a
 * register tile they come from. That makes an i×j tile load i+j elements for each step of its reduction.
 */
import { invariant } from '../../base/error.js'
import type { DType } from '../../base/dtype.js'
import { add, dimKey, mul, product, substituteDim, type Dim } from '../../ir/dims.js'
import type { Buffer } from '../../ir/kernel/compute.js'
import { typeOfExpr, type Expr, type RegisterType } from '../../ir/kernel/expr.js'
import { isInside, type RangeOf } from '../../ir/kernel/ranges.js'
import { simplifyDim } from '../../ir/kernel/simplify.js'
import { operandsOf } from '../../ir/kernel/walk.js'

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

/** What names stand for at one point of an iteration space. */
export interface Env {
  readonly dims: ReadonlyMap<string, Dim>
  readonly locals: ReadonlyMap<string, ValueNode>
}

/** What building values needs to know of the kernel around them. */
export interface ValueContext {
  readonly rangeOf: RangeOf
  readonly depth: number
  freshSymbol(wish: string, extent: Dim): string
}

const UNPINNED = -1

export class ValueTable {
  readonly #buffers: ReadonlyMap<string, Buffer>
  /** Buffers that the kernel writes, with the number of times it may have done so far. */
  readonly #written: Map<string, number>
  readonly #nodes = new Map<string, ValueNode>()

  constructor(buffers: readonly Buffer[], written: readonly string[]) {
    this.#buffers = new Map(buffers.map((b) => [b.name, b]))
    this.#written = new Map(written.map((name) => [name, 0]))
  }

  readonly dtypeOf = (name: string): DType => this.getBuffer(name).dtype

  getBuffer(name: string): Buffer {
    const buffer = this.#buffers.get(name)
    invariant(buffer !== undefined, `a compute names ${name}, which is no buffer of it`)
    return buffer
  }

  /** Says that `buffer` (or with none, any written buffer) may have other contents from here on. */
  touch(buffer?: string): void {
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

  /** The value of `e` at the point `env`; `memo` holds what is known of shared sub-expressions at that point. */
  build(e: Expr, env: Env, ctx: ValueContext, memo: Map<Expr, ValueNode>): ValueNode {
    const known = memo.get(e)
    if (known !== undefined) return known
    const node = this.#make(e, env, ctx, memo)
    memo.set(e, node)
    return node
  }

  #make(e: Expr, env: Env, ctx: ValueContext, memo: Map<Expr, ValueNode>): ValueNode {
    const plain = { operands: [], dims: [], safe: true, pinned: UNPINNED } as const
    switch (e.kind) {
      case 'const': return this.intern(`c:${e.type}:${Object.is(e.value, -0) ? '-0' : e.value}`, { ...plain, shell: e, type: e.type })
      case 'local': {
        const value = env.locals.get(e.name)
        invariant(value !== undefined, `an expression reads ${e.name}, which nothing before it defines`)
        return value
      }
      case 'index': {
        const index = this.dim(e.index, env, ctx)
        return this.intern(`i:${dimKey(index)}`, { ...plain, shell: { kind: 'index', index }, type: 'i32', dims: [index] })
      }
      case 'load': return this.#load(e, env, ctx)
      default: {
        const operands = operandsOf(e).map((x) => this.build(x, env, ctx, memo))
        const detail = e.kind === 'unary' || e.kind === 'binary' ? e.op : e.kind === 'cast' ? e.to : e.kind === 'narrow' ? e.dtype : ''
        const type = typeOfNode(e, operands)
        const faults = e.kind === 'binary' && (e.op === 'div' || e.op === 'rem' || e.op === 'mod') && type !== 'f32' && type !== 'f64'
        return this.intern(`${e.kind}:${detail}:${operands.map((o) => o.id).join(',')}`, { shell: e, operands, type, dims: [], safe: !faults, pinned: Math.max(UNPINNED, ...operands.map((o) => o.pinned)) })
      }
    }
  }

  #load(e: Extract<Expr, { kind: 'load' }>, env: Env, ctx: ValueContext): ValueNode {
    const buffer = this.getBuffer(e.buffer)
    const index = e.index.map((d) => this.dim(d, env, ctx))
    const flat = this.flatIndex(buffer, index)
    const version = this.#written.get(e.buffer)
    const safe = index.every((d, i) => isInside(d, buffer.shape[i] as Dim, ctx.rangeOf))
    return this.intern(`l:${e.buffer}:${version === undefined ? '' : `${version}@${ctx.depth}`}:${dimKey(flat)}:${safe ? 1 : 0}`, {
      shell: { kind: 'load', buffer: e.buffer, index: [flat] }, operands: [], type: typeOfExpr(e, this.dtypeOf), dims: [flat], safe, pinned: version === undefined ? UNPINNED : ctx.depth,
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
    default: return typeOfExpr(e, unreachable)
  }
}
