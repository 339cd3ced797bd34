/** Single operations of one group: every contestant in turns in this process, then Ingot's steps in turns with the bare micro-kernel. */
import { compile, load, toOnnx } from '../../dist/src/index.js'
import { finishJob, readJob } from '../job.js'
import { inTurns, median } from '../measure.js'
import { microKernel } from '../micro-kernel.js'
import { OPS } from '../ops/index.js'
import { jaxRun } from '../peers/jax.js'
import { nativeContestant, webContestant } from '../peers/onnxruntime.js'
import { tfjsRun } from '../peers/tfjs.js'

const { group, timing, filter = '' } = readJob()

/** Milliseconds that one run spends in the operation's own steps. */
function stepMs(session, feeds, own) {
  session.startProfile()
  for (const end = performance.now() + timing.leastMs; performance.now() < end;) session.runSync(feeds)
  const { steps, runs } = session.profile()
  return steps.filter(({ kernel }) => own.test(kernel)).reduce((sum, { ms }) => sum + ms, 0) / runs
}

/** Medians of the steps of an operation between others, where it can stand there, and of the micro-kernel, in turns. */
async function stepsBesidePeak({ graph, feeds, inNet }, peak, options = {}) {
  const { graph: made, feeds: given, steps: own } = inNet ?? { graph, feeds, steps: /^/ }
  const session = await load((await compile(made(), { target: 'wasm', ...options })).data)
  for (const end = performance.now() + 2 * timing.warmMs; performance.now() < end;) session.runSync(given)
  const rounds = Array.from({ length: timing.rounds }, () => {
    const steps = stepMs(session, given, own), start = performance.now()
    for (let i = 0; i < 3; i++) peak.run()
    return { steps, gflops: (3 * peak.flops) / (performance.now() - start) / 1e6 }
  })
  session.dispose()
  return { stepMs: median(rounds.map((r) => r.steps)), peakGflops: median(rounds.map((r) => r.gflops)) }
}

const results = [], peak = microKernel()
await inTurns({ peak: peak.run }, timing)
for (const operation of OPS[group].filter((c) => c.name.includes(filter))) {
  const { name, flops, bytes, graph, feeds, tfjs, jax, exact } = operation
  // What no traced function says comes as ONNX.
  const traced = graph(), onnx = traced instanceof Uint8Array ? traced : toOnnx(traced)
  const session = await load((await compile(traced, { target: 'wasm' })).data)
  const web = await webContestant(onnx, feeds, 1), native = await nativeContestant(onnx, feeds, 1)
  const others = { ...(tfjs && { tfjs: await tfjsRun(tfjs) }), ...(jax && { jax: await jaxRun(jax) }) }
  const times = await inTurns({ ingot: () => session.runSync(feeds), web: web.run, native: native.run, ...others }, timing)
  session.dispose()
  await web.end()
  await native.end()
  const exactly = exact && { exactMs: (await stepsBesidePeak(operation, peak, { exact: true })).stepMs }
  results.push({ name, flops, bytes, times, ...await stepsBesidePeak(operation, peak), ...exactly })
}
finishJob({ group, peak: peak.name, results })
