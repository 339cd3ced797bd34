import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../src/base/dtype.js'
import { visitSymbols } from '../../src/base/dim.js'
import type { Graph } from '../../src/ir/graph.js'
import { interpret } from '../../src/ir/interpret.js'
import { walkNodes } from '../../src/ir/rewrite.js'
import { DEFAULT_PIPELINE, runPasses } from '../../src/passes/index.js'
import { decodeTensorProto, importOnnx } from '../../src/tracer/onnx/index.js'
import { distance } from './same-results.js'

const SHARED = process.env['INGOT_SHARED'] ?? join(dirname(fileURLToPath(import.meta.url)), '../../../shared')
const MODELS = join(SHARED, 'models')

/** How many nodes of each op the graph has, inside fused bodies too. */
function countOps(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {}
  walkNodes(graph, (node) => { counts[node.op] = (counts[node.op] ?? 0) + 1 })
  return counts
}

async function importModel(name: string): Promise<Graph> {
  return importOnnx(gunzipSync(readFileSync(join(MODELS, name, 'model.onnx.gz'))))
}

function recorded(name: string, kind: 'input' | 'output'): HostTensor[] {
  const folder = join(MODELS, name, 'test_data_set_0')
  return readdirSync(folder).filter((f) => f.startsWith(`${kind}_`)).map((_, i) => decodeTensorProto(readFileSync(join(folder, `${kind}_${i}.pb`))))
}

/** Ops that a model has after the pipeline, and ops it must not have any more. */
const EXPECTED: Readonly<Record<string, { readonly has: Readonly<Record<string, number>>; readonly lacks: readonly string[] }>> = {
  minilm_l6: { has: { layer_norm: 13, gelu: 6, softmax: 6 }, lacks: ['erf', 'sqrt', 'pow', 'reduce_mean', 'dims_tensor', 'expand'] },
  vit_tiny6: { has: { layer_norm: 13, gelu: 6, softmax: 6 }, lacks: ['erf', 'sqrt', 'pow', 'reduce_mean', 'dims_tensor', 'where'] },
  gpt_mini_kv: { has: { layer_norm: 9, gelu: 4, softmax: 4 }, lacks: ['tanh', 'sqrt', 'pow', 'reduce_mean', 'dims_tensor', 'expand'] },
  unet_small: { has: { group_norm: 5, silu: 5 }, lacks: ['mul', 'sigmoid', 'reshape', 'dims_tensor'] },
  efficientnet_b0: { has: { silu: 49, conv: 81 }, lacks: ['batch_norm', 'dims_tensor'] },
  mobilenet_v3_small: { has: { hard_swish: 19, hard_sigmoid: 9 }, lacks: ['batch_norm', 'clip', 'dims_tensor'] },
  shufflenet_v2_x0_5: { has: { conv: 56, transpose: 16 }, lacks: ['batch_norm', 'gather', 'dims_tensor'] },
}

describe.skipIf(!existsSync(MODELS))('whole models (where the shared data is at hand)', () => {
  it.each(Object.entries(EXPECTED).map(([name, wanted]) => ({ name, ...wanted })))('$name keeps none of what can be recognised or folded', async ({ name, has, lacks }) => {
    const graph = runPasses(await importModel(name), DEFAULT_PIPELINE, { verify: true })
    const counts = countOps(graph)
    expect(counts).toMatchObject(has)
    expect(lacks.filter((op) => counts[op] !== undefined)).toEqual([])
    const declared = new Set(graph.symbols.map((s) => s.name))
    for (const node of graph.nodes) for (const v of node.outputs) if (v.type.kind === 'tensor') for (const d of v.type.shape) visitSymbols(d, (s) => expect(declared).toContain(s))
  })

  it.each(['mlp_tiny', 'gpt_mini_kv', 'minilm_l6', 'unet_small'])('%s still gives its recorded outputs after all passes', async (name) => {
    const graph = await importModel(name)
    const after = runPasses(graph, DEFAULT_PIPELINE)
    const inputs = recorded(name, 'input')
    const outputs = interpret(after, Object.fromEntries(graph.inputs.map((v, i) => [v.name, inputs[i] as HostTensor])))
    recorded(name, 'output').forEach((wanted, i) => {
      const port = graph.outputs[i]?.name ?? ''
      expect(outputs[port]?.shape).toEqual(wanted.shape)
      expect(distance(outputs[port] as HostTensor, wanted), port).toBeLessThan(1e-5)
    })
  }, 60_000)
})
