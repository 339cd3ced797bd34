/** Where the time of a model goes: its steps by kind of kernel. */
import { readFileSync } from 'node:fs'
import { load } from '../../dist/src/index.js'
import { finishJob, readJob } from '../job.js'
import { readFeeds } from '../model-folder.js'

const { model, program } = readJob()
const session = await load(new Uint8Array(readFileSync(program)))
const feeds = readFeeds(model, session.inputs)
for (const end = performance.now() + 1500; performance.now() < end;) session.runSync(feeds)
session.startProfile()
for (const end = performance.now() + 1500; performance.now() < end;) session.runSync(feeds)
const { ms, runs, steps } = session.profile()

/** A kernel's name up to its sizes, and its window: `conv_relu_64x56x56x3x3` is `conv_relu 3×3`. */
function kindOf(kernel) {
  const window = /x(\d)x(\d)$/.exec(kernel)
  return kernel.split('_').filter((word) => !/\d/.test(word) && !word.includes('batch')).join('_') + (window ? ` ${window[1]}×${window[2]}` : '')
}
const kinds = new Map()
for (const step of steps) {
  const kind = kinds.get(kindOf(step.kernel)) ?? { kind: kindOf(step.kernel), steps: 0, ms: 0, flops: 0, bytes: 0 }
  kinds.set(kind.kind, kind)
  kind.steps++
  kind.ms += step.ms / runs
  kind.flops += step.flops ?? 0
  kind.bytes += step.bytes
}
finishJob({ name: model.name, ms: ms / runs, kinds: [...kinds.values()].sort((a, b) => b.ms - a.ms) })
