/** What one node computes: the compute or hand-written kernel of its op, with each tensor's buffer named for the value it holds. */
import type { HostTensor } from '../base/dtype.js'
import { IngotError, invariant } from '../base/error.js'
import { dimKey, mul, type Dim } from '../ir/dims.js'
import { tensorOf, type Node, type Value } from '../ir/graph.js'
import { toNumbers } from '../ir/host-tensor.js'
import { elementwiseCompute } from '../ir/kernel/elementwise-compute.js'
import type { Buffer, Compute, ComputeContext } from '../ir/kernel/compute.js'
import { constant, REGISTER, type Expr } from '../ir/kernel/expr.js'
import type { ChainedKernel, Kernel } from '../ir/kernel/kernel.js'
import type { Attrs } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'
import { rewriteCompute } from './rewrite-compute.js'

/** Stable buffer names for values: `v0`, `v1`… in order of first use. A value that is read under another shape has a name for that too. */
export class BufferNames {
  readonly #names = new Map<Value, Map<string, string>>()
  readonly #values = new Map<string, Value>()

  /** The buffer name of a value, read as if it had `shape`. */
  of(value: Value, shape: readonly Dim[] = tensorOf(value).shape): string {
    const views = this.#names.get(value) ?? new Map<string, string>()
    this.#names.set(value, views)
    const key = shape.map(dimKey).join(' ')
    let name = views.get(key)
    if (name === undefined) {
      name = `v${this.#values.size}`
      views.set(key, name)
      this.#values.set(name, value)
    }
    return name
  }

  /** The value whose buffer has that name; undefined for scratch memory. */
  valueOf(name: string): Value | undefined { return this.#values.get(name) }
}

function contextOf(node: Node): ComputeContext<Attrs> {
  const inputs = node.inputs.map((v) => (v === null ? null : tensorOf(v)))
  const outputs = node.outputs.map(tensorOf)
  const buffers: Buffer[] = []
  inputs.forEach((t, i) => { if (t !== null) buffers.push({ name: `x${i}`, dtype: t.dtype, shape: t.shape, role: 'in' }) })
  outputs.forEach((t, i) => buffers.push({ name: `y${i}`, dtype: t.dtype, shape: t.shape, role: 'out' }))
  return { inputs, outputs, attrs: node.attrs, values: node.inputs.map((v) => (v === null ? null : visible(v))), buffers }
}

/** Constants of more elements are not shown to ops: their kernels serve every constant of the same type. */
export const VISIBLE_ELEMENTS = 4

function visible(value: Value): Value {
  if (value.data === undefined || value.data.data.length <= VISIBLE_ELEMENTS) return value
  const { data: _, ...rest } = value
  return rest
}

function valueOfBuffer(node: Node, name: string): Value | undefined {
  const list = name[0] === 'x' ? node.inputs : name[0] === 'y' ? node.outputs : undefined
  return list?.[Number(name.slice(1))] ?? undefined
}

/** The compute of a node with buffers named by `names`; undefined for ops with a hand-written kernel or none. Scalar constants stand in it as constants. */
export function computeOf(node: Node, names: BufferNames, prefix = ''): Compute | undefined {
  const op = getOp(node.op)
  if (op.compute === undefined && op.scalar === undefined) return undefined
  const ctx = contextOf(node)
  const compute = op.compute !== undefined ? op.compute(ctx) : elementwiseCompute(op, ctx)
  return uniqueAxes(renameBuffers(compute, node, names, prefix), prefix)
}

function renameBuffers(compute: Compute, node: Node, names: BufferNames, prefix: string): Compute {
  const renamed = new Map<string, string>()
  const inline = new Map<string, Expr>()
  for (const b of compute.buffers) {
    const value = b.role === 'temp' ? undefined : valueOfBuffer(node, b.name)
    if (b.role !== 'temp') invariant(value !== undefined, `${node.op} has a buffer ${b.name} that is none of its tensors`)
    const scalar = value !== undefined && b.role === 'in' ? scalarConstant(value) : undefined
    if (scalar !== undefined) inline.set(b.name, scalar)
    else renamed.set(b.name, value === undefined ? `${prefix}${b.name}` : b.role === 'in' ? names.of(value, b.shape) : names.of(value))
  }
  const rewritten = rewriteCompute(compute, {
    load: (buffer, index) => inline.get(buffer) ?? { kind: 'load', buffer: renamed.get(buffer) ?? buffer, index },
  })
  // A value that is an input twice has one buffer.
  const buffers = new Map(rewritten.buffers.filter((b) => !inline.has(b.name)).map((b) => [renamed.get(b.name) ?? b.name, b]))
  return {
    ...rewritten,
    buffers: [...buffers].map(([name, b]) => ({ ...b, name })),
    stages: rewritten.stages.map((s) => (s.kind === 'store' ? { ...s, buffer: renamed.get(s.buffer) ?? s.buffer } : s)),
  }
}

/** Prefixes axes, lets and accumulators so that computes can be put into one another. */
function uniqueAxes(compute: Compute, prefix: string): Compute {
  if (prefix === '') return compute
  const own = new Set<string>([
    ...compute.axes.map((a) => a.name),
    ...compute.stages.flatMap((s) => [...(s.kind === 'let' ? [] : s.axes.map((a) => a.name)), ...s.lets.map((l) => l.name), ...(s.kind === 'reduce' ? s.accumulators.map((a) => a.name) : [])]),
  ])
  const rename = (name: string): string => (own.has(name) ? prefix + name : name)
  const out = rewriteCompute(compute, {
    name: (n) => (own.has(n) ? prefix + n : undefined),
    local: () => undefined,
  })
  const locals = rewriteLocals(out, rename)
  return {
    ...locals,
    axes: locals.axes.map((a) => ({ ...a, name: rename(a.name) })),
    stages: locals.stages.map((s) => {
      const lets = s.lets.map((l) => ({ ...l, name: rename(l.name) }))
      if (s.kind === 'let') return { ...s, lets }
      const axes = s.axes.map((a) => ({ ...a, name: rename(a.name) }))
      return s.kind === 'store' ? { ...s, axes, lets } : { ...s, axes, lets, accumulators: s.accumulators.map((a) => ({ ...a, name: rename(a.name) })) }
    }),
  }
}

function rewriteLocals(compute: Compute, rename: (name: string) => string): Compute {
  const types = new Map<string, Expr>()
  for (const s of compute.stages) {
    for (const l of s.lets) if (l.kind === 'value') types.set(l.name, { kind: 'local', name: rename(l.name), type: l.type })
    if (s.kind === 'reduce') for (const a of s.accumulators) types.set(a.name, { kind: 'local', name: rename(a.name), type: a.type })
  }
  return rewriteCompute(compute, { local: (name) => types.get(name) })
}

/** The hand-written kernel of a node, its buffers in `x…`/`y…` names, with the values they hold (undefined for temps). `target`: see `ComputeContext`. */
export function handWrittenKernel(node: Node, target: Pick<ComputeContext<unknown>, 'tileRows' | 'gpu'> = {}): { readonly kernel: Kernel; readonly values: readonly (Value | undefined)[] } | undefined {
  const op = getOp(node.op)
  if (op.kernel === undefined) return undefined
  const kernel = op.kernel({ ...contextOf(node), ...target })
  return { kernel, values: valuesOf(node, kernel) }
}

/** The kernels of a node that does its work in several, as `handWrittenKernel` gives the one of others; undefined where it does not. */
export function handWrittenChain(node: Node, gpu: 'groups' | 'points'): readonly (ChainedKernel & { readonly values: readonly (Value | undefined)[] })[] | undefined {
  return getOp(node.op).chain?.({ ...contextOf(node), gpu })?.map((one) => ({ ...one, values: valuesOf(node, one.kernel) }))
}

const valuesOf = (node: Node, kernel: Kernel): readonly (Value | undefined)[] => kernel.buffers.map((b) => (b.role === 'temp' ? undefined : valueOfBuffer(node, b.name)))

/** The only element of a constant with one element, as an expression of its register type; undefined for other values. */
export function scalarConstant(value: Value): Expr | undefined {
  const tensor = value.data
  if (tensor === undefined || tensor.data.length !== 1 || tensor.dtype === 'string') return undefined
  return elementExpr(tensor)
}

function elementExpr(tensor: HostTensor): Expr {
  const type = REGISTER[tensor.dtype]
  const raw = tensor.data[0]
  if (typeof raw === 'bigint') return constant(type, raw >= -(2n ** 53n) && raw <= 2n ** 53n ? Number(raw) : String(raw))
  const x = toNumbers(tensor)[0] as number
  return constant(type, Number.isNaN(x) ? 'nan' : x === Infinity ? 'inf' : x === -Infinity ? '-inf' : Object.is(x, -0) ? '-0' : x)
}

/** Refuses a node that no kernel can be made for, naming it. */
export function refuseNode(node: Node, target: string): never {
  throw new IngotError('unsupported-op', `'${node.op}' has no kernel for the target ${target} yet`, {
    where: { origin: node.origin, op: node.op },
    hint: 'the interpreter (`ingot verify`) can run it; the list of ops with kernels is in docs/ops.md',
  })
}

/** Number of elements of a value. */
export function lengthOf(value: Value): Dim {
  return mul(1, ...tensorOf(value).shape)
}
