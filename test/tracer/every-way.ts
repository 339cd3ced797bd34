/** A traced function run in every way there is, held against what eager code gives. */
import { expect } from 'vitest'
import { compile, importOnnx, inferenceMode, interpret, load, runPasses, toNumbers, toOnnx, trace, type HostTensor, type Spec, type Tensor, type TensorTree } from '../../src/index.js'
import { leavesOf } from '../../src/tracer/tensor-tree.js'

export interface Ways { readonly onnx?: boolean; readonly targets?: readonly ('js' | 'wasm')[] }

/** Expects `fn`, traced for `specs`, to give on every target what it gives eagerly for each list of arguments. */
export async function expectEveryWay(fn: (...args: Tensor[]) => unknown, specs: readonly Spec[], cases: readonly (readonly Tensor[])[], ways: Ways = {}): Promise<void> {
  const graph = inferenceMode(() => trace(fn as (...args: never[]) => unknown, specs))
  const wanted = cases.map((args) => inferenceMode(() => leavesOf(fn(...args), 'fn', '?').map(({ value }) => value)))
  const feeds = cases.map((args) => Object.fromEntries(args.map((t, i) => [`x${i}`, t as HostTensor])))
  feeds.forEach((feed, i) => { expectClose(graph.outputs.map((o) => interpret(graph, feed)[o.name]), wanted[i] ?? [], 'interpreted') })
  const sources: [string, typeof graph | Uint8Array][] = [['traced', graph], ...(ways.onnx === false ? [] : [['through ONNX', toOnnx(runPasses(graph, ['functionalize', 'strip-autograd', 'strip-version']))] as [string, Uint8Array]])]
  for (const [how, source] of sources) {
    if (source instanceof Uint8Array) {
      const again = await importOnnx(source)
      feeds.forEach((feed, i) => { const out = interpret(again, feed); expectClose(graph.outputs.map((o) => out[o.name]), wanted[i] ?? [], `${how}, interpreted`) })
    }
    for (const target of ways.targets ?? ['js', 'wasm']) {
      const session = await load(await compile(source, { target, verify: true }))
      for (const [i, feed] of feeds.entries()) {
        const out = session.runSync(feed)
        expectClose(graph.outputs.map((o) => out[o.name]), wanted[i] ?? [], `${how} on ${target}`)
      }
      session.dispose()
    }
  }
}

/** Expects equal shapes and dtypes, and elements within 1e-5 of the peak. */
export function expectClose(got: readonly (HostTensor | undefined)[], wanted: readonly (HostTensor | TensorTree)[], how: string): void {
  expect(got.length, how).toBe(wanted.length)
  got.forEach((t, i) => {
    const w = wanted[i] as HostTensor
    expect([t?.dtype, t?.shape], how).toEqual([w.dtype, [...w.shape]])
    const a = toNumbers(t as HostTensor), b = toNumbers(w)
    const peak = b.reduce((m, x) => Math.max(m, Math.abs(x)), 0)
    const worst = a.reduce((m, x, k) => Math.max(m, Number.isNaN(x) ? Infinity : Math.abs(x - (b[k] as number))), 0)
    expect(worst, `${how}: off by ${worst}, the peak is ${peak}`).toBeLessThanOrEqual(1e-5 * Math.max(peak, 1e-30))
  })
}
