/** Whole models: exported after all passes but the last and imported again, they give the same outputs. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import type { Graph } from '../../../src/ir/graph.js'
import { interpret } from '../../../src/ir/interpret.js'
import { verifyGraph } from '../../../src/ir/verify.js'
import { DEFAULT_PIPELINE, runPasses } from '../../../src/passes/index.js'
import { decodeTensorProto, importOnnxSync, toOnnx } from '../../../src/tracer/onnx/index.js'
import { haveShared, SHARED } from '../../conformance/shared-data.js'
import { distance } from '../../passes/same-results.js'
import { expectSane } from './round-trip.js'

const SMALL = ['mlp_tiny', 'gpt_mini_kv', 'bilstm_tagger', 'unet_small']
const LARGE = ['mobilenet_v2', 'mobilenet_v3_small', 'efficientnet_b0', 'mnasnet0_5', 'shufflenet_v2_x0_5', 'squeezenet1_1', 'resnet18', 'vit_tiny6', 'minilm_l6']

const folder = (name: string): string => join(SHARED, 'models', name)
const beforeFusion = DEFAULT_PIPELINE.slice(0, DEFAULT_PIPELINE.indexOf('fuse'))

function canonical(name: string): Graph {
  return runPasses(importOnnxSync(gunzipSync(readFileSync(join(folder(name), 'model.onnx.gz')))), beforeFusion)
}

function feedsOf(name: string, graph: Graph): Record<string, HostTensor> {
  const data = join(folder(name), 'test_data_set_0'), files = readdirSync(data).filter((f) => f.startsWith('input_'))
  return Object.fromEntries(files.map((_, i) => [graph.inputs[i]?.name ?? '', decodeTensorProto(readFileSync(join(data, `input_${i}.pb`)))]))
}

describe.skipIf(!haveShared('models'))('whole models, exported in canonical form', () => {
  it.each([...SMALL, ...LARGE])('%s can be imported again, as a graph that the verifier takes and that keeps its ports', (name) => {
    const graph = canonical(name), bytes = toOnnx(graph), again = importOnnxSync(bytes)
    expectSane(bytes, graph)
    verifyGraph(again)
    expect(again.inputs.map((v) => [v.name, v.type])).toEqual(graph.inputs.map((v) => [v.name, v.type]))
    expect(again.outputs.map((o) => o.name)).toEqual(graph.outputs.map((o) => o.name))
  })

  it.each(SMALL)('%s gives the same outputs', (name) => {
    const graph = canonical(name), feeds = feedsOf(name, graph)
    const wanted = interpret(graph, feeds), got = interpret(importOnnxSync(toOnnx(graph)), feeds)
    for (const { name: port } of graph.outputs) expect(distance(got[port] as HostTensor, wanted[port] as HostTensor), port).toBeLessThan(1e-6)
  })

  it.each([...SMALL, ...LARGE])('%s comes back as the graph it was after the same passes', (name) => {
    const graph = canonical(name), again = runPasses(importOnnxSync(toOnnx(graph)), beforeFusion)
    const count = (g: Graph): Record<string, number> => {
      const counts: Record<string, number> = {}
      for (const node of g.nodes) counts[node.op] = (counts[node.op] ?? 0) + 1
      return counts
    }
    expect(count(again)).toEqual(count(graph))
  })
})
