/** The worker of the page: compiles and runs there, so that the page stays responsive. Of an isolated page, it is one of the threads itself. */
import { compareTensors, IngotError } from '../../src/index.js'
import { lookAround } from './environment.js'
import { failureOf } from './failure.js'
import type { Comparison, Environment, ModelFile, Reply, Request, RunOptions } from './messages.js'
import { openModel, type OpenedModel } from './opened-model.js'
import { randomFeeds } from './random-feeds.js'
import { smallModel } from './small-model.js'
import { timedRun, type TargetRun } from './timed-run.js'

const port = globalThis as unknown as { postMessage(reply: Reply): void }
const say = (reply: Reply): void => port.postMessage(reply)

let environment: Promise<Environment> | undefined
let model: OpenedModel | undefined

async function open(files: readonly ModelFile[]): Promise<void> {
  model = undefined
  const { webgpu } = await (environment ??= lookAround())
  model = await openModel(files, 'adapter' in webgpu ? ['wasm', 'wgsl'] : ['wasm'], (target, name, ms) => say({ kind: 'progress', target, name, ms }))
  say({ kind: 'opened', model: model.info })
}

async function run(options: RunOptions): Promise<void> {
  const { data, programs } = opened(), feeds = randomFeeds(data, options), runs: TargetRun[] = []
  for (const [target, bytes] of programs) {
    say({ kind: 'progress', target, name: 'run', ms: null })
    runs.push(await timedRun(target, bytes, feeds, options))
  }
  say({ kind: 'ran', results: runs.map((r) => r.info), comparisons: compare(runs) })
}

function compare([first, second]: readonly TargetRun[]): Comparison[] {
  const expected = first?.outputs, actual = second?.outputs
  if (!expected || !actual) return []
  return Object.entries(expected).flatMap(([name, tensor]) => {
    const other = actual[name]
    return other === undefined ? [] : [compareTensors(name, tensor, other)]
  })
}

function download(target: string): void {
  const { info, programs } = opened(), bytes = programs.get(target)
  if (bytes !== undefined) say({ kind: 'artefact', name: `${info.name.replace(/\.(onnx|ingot)$/i, '')}.${target}.ingot`, bytes })
}

function opened(): OpenedModel {
  if (model === undefined) throw new IngotError('bad-option', 'no model is open', { hint: 'choose a file first' })
  return model
}

async function answer(request: Request): Promise<void> {
  switch (request.kind) {
    case 'look': return say({ kind: 'environment', environment: await (environment ??= lookAround()) })
    case 'open': return open(request.files)
    case 'example': return open([{ name: 'example.onnx', bytes: smallModel() }])
    case 'run': return run(request.options)
    case 'download': return download(request.target)
  }
}

// One request after another: a model that is opened during a run waits for its end.
let last: Promise<void> = Promise.resolve()
globalThis.addEventListener('message', ({ data }: MessageEvent<Request>) => {
  last = last.then(() => answer(data)).catch((error: unknown) => { say({ kind: 'failed', failure: failureOf(error) }) })
})
