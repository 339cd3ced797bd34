import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { IngotError } from '../../../src/base/error.js'
import { GraphBuilder } from '../../../src/ir/build.js'
import type { Dim } from '../../../src/ir/dims.js'
import type { Attrs, Graph, Value } from '../../../src/ir/graph.js'
import { fromNumbers, seededTensor } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { verifyGraph } from '../../../src/ir/verify.js'
import type { Op } from '../../../src/ir/op.js'
import { OPS } from '../../../src/ir/ops/index.js'
import { tensorType } from '../../../src/ir/types.js'
import { EXPORT_RULES } from '../../../src/tracer/onnx-export/rules/index.js'
import { expectClose, sampleCase, type SampleCase } from '../../ir/ops/sample-cases.js'
import { graphOfCase, oneNode, throughFile } from './round-trip.js'

/** What passes for targets alone make: no graph that is exported has them; a view of bytes, which no op of ONNX gives; and rounds that end once they are good enough. */
const FOR_TARGETS = /^(fused|reinterpret|couple_pairs|attention|winograd_\w+|pair_halves|paired_\w+)$/

/** All ops but those that only mark something, and those that only a later stage has. */
const EXPORTABLE = [...OPS.values()].filter((op: Op) => !FOR_TARGETS.test(op.name) && !/^(autograd|version|view)\./.test(op.name) && op.samples.length > 0)

/** The first opsets of ONNX that have what some ops are exported as, where that is newer than those of the others. */
const FIRST: Readonly<Record<string, number>> = { linear_attention: 27 }

/** Samples that ONNX has no op for: MaxPool takes no 64-bit integers. */
const REFUSED: Readonly<Record<string, string>> = { max_pool: 'ONNX has no MaxPool of int64', max_pool_indices: 'ONNX has no MaxPool of int64' }

/** The outputs after a way through a file; undefined where the sample is one of the refused. */
function outputsOf(op: Op, graph: Graph, feeds: Readonly<Record<string, HostTensor>>, opset: number): Record<string, HostTensor> | undefined {
  try {
    return throughFile(graph, feeds, { opset })
  } catch (error) {
    if (error instanceof IngotError && error.code === 'unsupported-dtype' && error.message.startsWith(REFUSED[op.name] ?? '?')) return undefined
    throw error
  }
}

function expectSame(c: SampleCase, outputs: Readonly<Record<string, HostTensor>>, what: string): void {
  const expected = c.op.reference({ inputs: c.tensors, attrs: c.attrs, outputs: c.outputs })
  expected.forEach((tensor, k) => { expectClose(outputs[`y${k}`] as HostTensor, tensor, what) })
}

describe.each([21, 22, 24])('every op exported at opset %i and imported again computes what its reference does', (opset) => {
  for (const op of EXPORTABLE) {
    it(op.name, () => {
      const refused = op.samples.filter((_, i) => {
        const c = sampleCase(op, i), { graph, feeds } = graphOfCase(c)
        const outputs = outputsOf(op, graph, feeds, Math.max(opset, FIRST[op.name] ?? 0))
        if (outputs !== undefined) expectSame(c, outputs, `sample ${i}`)
        return outputs === undefined
      })
      expect(refused.length).toBeLessThanOrEqual(REFUSED[op.name] === undefined ? 0 : 2)
    })
  }
})

/**
 * The sample as a graph whose extents other than 1 are symbols, `n3` for 3; undefined where the op asks for numbers. `images`: only the batch and the
 * spatial extents of the first input, for ops that must know channels, kernels and pads.
 */
function symbolicGraph(c: SampleCase, images: boolean): Graph | undefined {
  const builder = new GraphBuilder({ name: c.op.name, stage: 'canonical' })
  let count = 0
  const values = c.tensors.map((t, i): Value | null => {
    if (t === null) return null
    const shape = t.shape.map((n, axis): Dim => (n === 1 || (images && (i > 0 || axis === 1)) ? n : builder.symbol(`n${n}`, { kind: 'extent', input: count, axis })))
    count++
    return builder.input(`x${i}`, tensorType(t.dtype, shape))
  })
  const symbolOf = (n: Dim): Dim => (!images && typeof n === 'number' && builder.hasSymbol(`n${n}`) ? `n${n}` : n)
  const attrs = Object.fromEntries(Object.entries(c.attrs).map(([name, attr]) => {
    const kind = c.op.attrs[name]
    return [name, kind === 'dims' ? (attr as readonly Dim[]).map(symbolOf) : kind === 'dim' ? symbolOf(attr as Dim) : attr]
  })) as Attrs
  try {
    builder.add(c.op.name, values, attrs, { origin: c.op.name, evaluate: false }).forEach((v, i) => { builder.output(`y${i}`, v) })
  } catch (error) {
    if (error instanceof IngotError) return undefined
    throw error
  }
  const graph = builder.finish()
  verifyGraph(graph)
  return graph
}

/** What ONNX, or our importer of it, must know while compiling. */
const STATIC: ReadonlySet<string> = new Set(['shape-not-static', 'unsupported-op', 'bad-attribute'])

function symbolicOutputs(c: SampleCase, graph: Graph | undefined): Record<string, HostTensor> | 'refused' {
  if (graph === undefined) return 'refused'
  const feeds = Object.fromEntries(c.tensors.flatMap((t, k): [string, HostTensor][] => (t === null ? [] : [[`x${k}`, t]])))
  try {
    return throughFile(graph, feeds, { opset: FIRST[c.op.name] ?? 21 })
  } catch (error) {
    if (error instanceof IngotError && (STATIC.has(error.code) || error.message.startsWith(REFUSED[c.op.name] ?? '?'))) return 'refused'
    throw error
  }
}

/** Samples that cannot be exported, with symbols or without: MaxPool takes no 64-bit integers. */
const NEEDS_NUMBERS: Readonly<Record<string, number>> = { max_pool: 1, max_pool_indices: 2 }

describe('every op with symbols for extents, exported and imported again, computes what its reference does', () => {
  for (const op of EXPORTABLE) {
    it(op.name, () => {
      const refused = op.samples.filter((_, i) => {
        const c = sampleCase(op, i)
        let outputs = symbolicOutputs(c, symbolicGraph(c, false))
        if (outputs === 'refused') outputs = symbolicOutputs(c, symbolicGraph(c, true))
        if (outputs !== 'refused') expectSame(c, outputs, `sample ${i}`)
        return outputs === 'refused'
      })
      expect(refused.length).toBe(NEEDS_NUMBERS[op.name] ?? 0)
    })
  }
})

describe('types that ONNX ops do not take', () => {
  const run = (op: string, inputs: readonly HostTensor[], attrs: Attrs = {}): void => {
    const values = inputs.map((t, i): Value => ({ name: `x${i}`, type: tensorType(t.dtype, t.shape) }))
    const graph = oneNode(op, values, attrs), feeds = Object.fromEntries(inputs.map((t, i) => [`x${i}`, t]))
    expectClose(throughFile(graph, feeds)['y0'] as HostTensor, interpret(graph, feeds)['y0'] as HostTensor, op)
  }

  it('go through wider ones and wrap back', () => {
    run('matmul', [fromNumbers('int8', [1, 3], [100, -100, 7]), fromNumbers('int8', [3, 1], [100, 50, 3])], { trans_a: false, trans_b: false })
    run('reduce_prod', [fromNumbers('uint8', [4], [20, 20, 20, 3])], { axes: [0], keepdims: false })
    run('cumsum', [fromNumbers('int16', [4], [30000, 20000, -7, 9])], { axis: 0, exclusive: false, reverse: true })
    run('pow', [fromNumbers('uint64', [3], [3, 10, 2]), fromNumbers('int32', [3], [40, 19, 63])])
    run('sin', [seededTensor('bfloat16', [5], 1)])
    run('celu', [seededTensor('float16', [5], 2)], { alpha: 1.5 })
  })

  it('shift as unsigned integers do', () => {
    const x = fromNumbers('int32', [6], [-8, -1, 7, 1 << 30, -(2 ** 31), 5]), by = fromNumbers('int32', [6], [1, 31, 2, 1, 31, 40])
    run('shift_right', [x, by])
    run('shift_left', [x, by])
  })

  it('negate and clip beyond their values', () => {
    run('neg', [fromNumbers('uint8', [3], [0, 1, 200])])
    run('clip', [fromNumbers('uint8', [4], [0, 9, 100, 255])], { min: -5, max: 99 })
    run('clip', [fromNumbers('int8', [3], [-128, 5, 127])], { min: -1000, max: 1000 })
    run('mod', [fromNumbers('float32', [4], [5.5, -5.5, 5.5, -5.5]), fromNumbers('float32', [4], [2, 2, -2, -2])])
  })

  it.each(['hard_sigmoid', 'leaky_relu', 'elu', 'selu', 'celu', 'thresholded_relu', 'shrink', 'swish'])('%s of float64 does not see its attributes rounded to float32', (op) => {
    const attrs = { hard_sigmoid: { alpha: 0.2, beta: 0.3 }, selu: { alpha: 1.7, gamma: 1.1 }, shrink: { bias: 0.1, lambd: 0.3 } }[op] ?? { alpha: 0.1 }
    run(op, [seededTensor('float64', [40], 3, [-3, 3])], attrs)
  })

  it('norms of float64 do not see epsilon rounded to float32', () => {
    const x = seededTensor('float64', [2, 4, 3], 4, [-0.01, 0.01]), c = (seed: number): HostTensor => seededTensor('float64', [4], seed, [0.5, 1])
    run('batch_norm', [x, c(1), c(2), c(3), c(4)], { epsilon: 0.1 })
    run('group_norm', [x, c(1), c(2)], { groups: 2, epsilon: 0.1 })
  })
})

it('every op has a rule but those that only mark something', () => {
  expect(EXPORTABLE.map((op) => op.name).filter((name) => !Object.hasOwn(EXPORT_RULES, name))).toEqual([])
})
