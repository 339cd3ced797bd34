/**
 * One compute for a fused body. Producers that give one element per point are put in place of the loads of their results;
 * elementwise consumers of the anchor (the reduction or contraction) wrap the value that it stores.
 *
 *   mul(x, s) → softmax → …   ⇒ softmax's stages with `x[i]*s[i]` for each load
 *   matmul → add(bias) → relu ⇒ matmul's stages with `store max(acc + bias[j], 0)`
 *   matmul → reshape → transpose ⇒ matmul's stages, which store where the transpose would
 */
import { IngotError, invariant } from '../base/error.js'
import { dimsEqual, type Dim } from '../ir/dims.js'
import { shapeOf, tensorOf, type Graph, type Node, type Value } from '../ir/graph.js'
import type { Buffer, Compute, Let, Stage, StoreStage } from '../ir/kernel/compute.js'
import { load, narrow, type Expr } from '../ir/kernel/expr.js'
import { movedIndex } from '../ir/kernel/permutation.js'
import { getOp } from '../ir/ops/index.js'
import { computeOf, refuseNode, scalarConstant, type BufferNames } from './node-compute.js'
import { reindex } from './reindex.js'
import { expressionRewriter, expressionsOf, visitLoads, type Index } from './rewrite-compute.js'

/** A value that exists only inside the kernel: its element at an index, with what must be bound before it. */
interface Inlined { at(index: Index): { readonly lets: readonly Let[]; readonly value: Expr } }

const NARROW = new Set(['float16', 'bfloat16', 'int8', 'int16', 'uint8', 'uint16'])

/** The compute of a fused body whose tensors live in the buffers that `names` gives. Throws `unsupported-op` for a node without one. */
export function composeBody(body: Graph, names: BufferNames, target: string): Compute {
  const inlined = new Map<Value, Inlined>()
  const output = body.outputs[0]?.value
  invariant(output !== undefined && body.outputs.length === 1, 'a fused body has one output')
  let anchor: { readonly compute: Compute; readonly value: Value } | undefined
  // The anchor's result under other shapes.
  let views = new Set<Value>()
  body.nodes.forEach((node, n) => {
    const value = node.outputs[0] as Value, from = node.inputs[0] as Value
    if (getOp(node.op).pattern === 'alias') {
      if (from === anchor?.value || views.has(from)) views.add(value)
      return void inlined.set(value, aliasOf(node, inlined, names))
    }
    const raw = computeOf(node, names, `n${n}_`) ?? refuseNode(node, target)
    const moved = anchor !== undefined && (from === anchor.value || views.has(from)) ? moveAnchor(anchor.compute, names.of(anchor.value), raw, from, value, names) : undefined
    if (moved !== undefined) {
      anchor = { compute: { ...moved, name: `${anchor?.compute.name}_${node.op}` }, value }
      views = new Set()
      return
    }
    const compute = substituteProducers(raw, inlined, names, `n${n}_`)
    const wrapped: Compute | undefined = anchor === undefined ? undefined : wrapAnchor(anchor.compute, names.of(anchor.value), compute, value, names)
    if (wrapped !== undefined) anchor = { compute: { ...wrapped, name: `${anchor?.compute.name}_${node.op}` }, value }
    else if (value === output || !isMap(compute)) {
      if (anchor !== undefined) throw new IngotError('internal', `'${node.op}' cannot follow '${anchor.compute.name}' in one kernel`, { where: { origin: node.origin } })
      anchor = { compute, value }
    } else inlined.set(value, inlineMap(compute, value))
  })
  invariant(anchor !== undefined && anchor.value === output, 'a fused body ends in its output')
  const name = body.nodes.map((n) => n.op).join('_')
  return dropUnusedBuffers({ ...anchor.compute, name })
}

/** True for a compute that is one store stage over its outer axes only, at the identity index: one element per point. */
export function isMap(compute: Compute): boolean {
  const [only] = compute.stages
  return compute.stages.length === 1 && only?.kind === 'store' && only.axes.length === 0
    && only.index.length === compute.axes.length && only.index.every((d, i) => d === compute.axes[i]?.name && compute.axes[i]?.lo === undefined)
}

function inlineMap(compute: Compute, value: Value): Inlined {
  const stage = compute.stages[0] as StoreStage
  const dtype = tensorOf(value).dtype
  let uses = 0
  return {
    at(index) {
      const suffix = uses++ === 0 ? '' : `_${uses}`
      const axes = new Map(compute.axes.map((a, i) => [a.name, index[i] as Dim]))
      const renamed = new Set(stage.lets.map((l) => l.name))
      const rewrite = expressionRewriter({
        name: (n) => axes.get(n) ?? (suffix !== '' && renamed.has(n) ? n + suffix : undefined),
      })
      const lets = stage.lets.map((l): Let => ({ ...l, name: l.name + suffix, value: rewrite(l.value) }))
      const result = rewrite(stage.value)
      return { lets, value: NARROW.has(dtype) ? narrow(dtype, result) : result }
    },
  }
}

/** An element of a value that is inlined, a scalar constant, or in memory. */
function elementOf(value: Value, index: Index, inlined: ReadonlyMap<Value, Inlined>, names: BufferNames): { readonly lets: readonly Let[]; readonly value: Expr } {
  const known = inlined.get(value)
  if (known !== undefined) return known.at(index)
  const scalar = scalarConstant(value)
  return { lets: [], value: scalar ?? load(names.of(value), index) }
}

function aliasOf(node: Node, inlined: ReadonlyMap<Value, Inlined>, names: BufferNames): Inlined {
  const [from, to] = [node.inputs[0] as Value, node.outputs[0] as Value]
  return { at: (index) => elementOf(from, reindex(index, shapeOf(to), shapeOf(from)), inlined, names) }
}

function substituteProducers(compute: Compute, inlined: ReadonlyMap<Value, Inlined>, names: BufferNames, prefix: string): Compute {
  const producers = new Map(compute.buffers.flatMap((b) => {
    const value = names.valueOf(b.name)
    const known = value === undefined ? undefined : inlined.get(value)
    return known === undefined || value === undefined ? [] : [[b.name, { known, buffer: b, shape: shapeOf(value) }] as const]
  }))
  if (producers.size === 0) return compute
  const buffers = new Map<string, Buffer>(compute.buffers.map((b) => [b.name, b]))
  const stages = compute.stages.map((s, k): Stage => {
    const memo = new Map<string, Expr>()
    const lets: Let[] = []
    const rewrite = expressionRewriter({
      load: (buffer, index) => {
        const producer = producers.get(buffer)
        if (producer === undefined) return undefined
        const key = `${buffer} ${JSON.stringify(index)}`
        const found = memo.get(key)
        if (found !== undefined) return found
        const made = producer.known.at(reindex(index, producer.buffer.shape, producer.shape))
        lets.push(...made.lets)
        memo.set(key, made.value)
        return made.value
      },
    })
    const own = s.lets.map((l): Let => { const value = rewrite(l.value); lets.push({ ...l, value }); return l })
    invariant(own.length === s.lets.length, `stage ${k} of ${prefix} keeps its lets`)
    switch (s.kind) {
      case 'let': return { ...s, lets }
      case 'store': { const value = rewrite(s.value); return { ...s, value, lets } }
      case 'reduce': {
        const accumulators = s.accumulators.map((a) => ({ ...a, init: rewrite(a.init), value: rewrite(a.value) }))
        return { ...s, accumulators, lets }
      }
    }
  })
  const out = { ...compute, stages }
  return { ...out, buffers: buffersOf(out, names, buffers) }
}

/** The buffers a compute uses now: those it declared, and those of values that came in with inlined producers. */
function buffersOf(compute: Compute, names: BufferNames, declared: ReadonlyMap<string, Buffer>): Buffer[] {
  const out = new Map([...declared].filter(([, b]) => b.role !== 'in'))
  for (const e of expressionsOf(compute)) {
    visitLoads(e, (name) => {
      if (out.has(name)) return
      const known = declared.get(name)
      const value = names.valueOf(name)
      if (known !== undefined) out.set(name, known)
      else if (value !== undefined) out.set(name, { name, dtype: tensorOf(value).dtype, shape: shapeOf(value), role: 'in' })
    })
  }
  return [...out.values()]
}

/** `anchor` storing what `consumer` makes of its result; undefined where `consumer` does not read that result element by element. */
function wrapAnchor(anchor: Compute, anchorName: string, consumer: Compute, value: Value, names: BufferNames): Compute | undefined {
  if (!consumer.buffers.some((b) => b.name === anchorName && b.role === 'in') || !isMap(consumer)) return undefined
  const map = consumer.stages[0] as StoreStage
  const stores = anchor.stages.filter((s): s is StoreStage => s.kind === 'store' && s.buffer === anchorName)
  const read = consumer.buffers.find((b) => b.name === anchorName) as Buffer
  const made = anchor.buffers.find((b) => b.name === anchorName) as Buffer
  const dtype = made.dtype
  const axisNames = consumer.axes.map((a) => a.name)
  const outName = names.of(value)
  const wrap = (store: StoreStage): StoreStage => {
    const point = reindex(store.index, made.shape, read.shape)
    const at = new Map(axisNames.map((n, i) => [n, point[i] as Dim]))
    const result = NARROW.has(dtype) ? narrow(dtype, store.value) : store.value
    const rewrite = expressionRewriter({
      name: (n) => at.get(n),
      load: (buffer, index) => (buffer === anchorName && index.every((d, i) => read.shape[i] === 1 || dimsEqual(d, point[i] as Dim)) ? result : undefined),
    })
    return { ...store, buffer: outName, lets: [...store.lets, ...map.lets.map((l): Let => ({ ...l, value: rewrite(l.value) }))], value: rewrite(map.value) }
  }
  const stages = anchor.stages.map((s): Stage => (stores.includes(s as StoreStage) ? wrap(s as StoreStage) : s))
  const out: Buffer = { name: outName, dtype: tensorOf(value).dtype, shape: made.shape, role: 'out' }
  const declared = new Map<string, Buffer>([...anchor.buffers, ...consumer.buffers].filter((b) => b.name !== anchorName && b.name !== outName).map((b) => [b.name, b]))
  const compute: Compute = { ...anchor, stages, buffers: [] }
  const leftOver = expressionsOf(compute).some((e) => { let yes = false; visitLoads(e, (b) => { yes ||= b === anchorName }); return yes })
  if (leftOver) return undefined
  return { ...compute, buffers: [...buffersOf(compute, names, declared), out] }
}

/** `anchor` storing each element where `mover` would put it; undefined where `mover` does more than that. `from` is the anchor's result under any shape. */
function moveAnchor(anchor: Compute, anchorName: string, mover: Compute, from: Value, value: Value, names: BufferNames): Compute | undefined {
  const made = anchor.buffers.find((b) => b.name === anchorName) as Buffer, buffer = names.of(value)
  const stages: Stage[] = []
  for (const e of expressionsOf(anchor)) { let reads = false; visitLoads(e, (b) => { reads ||= b === anchorName }); if (reads) return undefined }
  for (const s of anchor.stages) {
    if (s.kind !== 'store' || s.buffer !== anchorName) { stages.push(s); continue }
    const index = movedIndex(mover, names.of(from), reindex(s.index, made.shape, shapeOf(from)))
    if (index === undefined) return undefined
    stages.push({ ...s, buffer, index })
  }
  return { ...anchor, stages, buffers: anchor.buffers.map((b) => (b === made ? { ...b, name: buffer, shape: shapeOf(value) } : b)) }
}

function dropUnusedBuffers(compute: Compute): Compute {
  const used = new Set<string>()
  for (const e of expressionsOf(compute)) visitLoads(e, (b) => used.add(b))
  for (const s of compute.stages) if (s.kind === 'store') used.add(s.buffer)
  return { ...compute, buffers: compute.buffers.filter((b) => used.has(b.name)) }
}
