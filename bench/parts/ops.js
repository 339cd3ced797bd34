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

/** Milliseconds that one run spends in its steps, those aside that only bring channels first or last: what is left is the operation. */
function stepMs(session, feeds) {
  session.startProfile()
  for (const end = performance.now() + timing.leastMs; performance.now() < end;) session.runSync(feeds)
  const { steps, runs } = session.profile()
  return steps.filter(({ kernel }) => !kernel.startsWith('transpose')).reduce((sum, { ms }) => sum + ms, 0) / runs
}

/** The same of the graph compiled without Winograd's transforms. */
async function exactStepMs(graph, feeds, peak) {
  const session = await load((await compile(graph, { target: 'wasm', exact: true })).data)
  for (const end = performance.now() + 2 * timing.warmMs; performance.now() < end;) session.runSync(feeds)
  const found = stepsBesidePeak(session, feeds, peak)
  session.dispose()
  return { exactMs: found.stepMs }
}

/** Medians of a run's steps and of the micro-kernel, in turns. */
function stepsBesidePeak(session, feeds, peak) {
  const rounds = Array.from({ length: timing.rounds }, () => {
    const steps = stepMs(session, feeds), start = performance.now()
    for (let i = 0; i < 3; i++) peak.run()
    return { steps, gflops: (3 * peak.flops) / (performance.now() - start) / 1e6 }
  })
  return { stepMs: median(rounds.map((r) => r.steps)), peakGflops: median(rounds.map((r) => r.gflops)) }
}

const results = [], peak = microKernel()
await inTurns({ peak: peak.run }, timing)
for (const { name, flops, bytes, graph, feeds, tfjs, jax, exact } of OPS[group].filter((c) => c.name.includes(filter))) {
  const traced = graph()
  const onnx = toOnnx(traced)
  const session = await load((await compile(traced, { target: 'wasm' })).data)
  const web = await webContestant(onnx, feeds, 1), native = await nativeContestant(onnx, feeds, 1)
  const others = { ...(tfjs && { tfjs: await tfjsRun(tfjs) }), ...(jax && { jax: await jaxRun(jax) }) }
  const times = await inTurns({ ingot: () => session.runSync(feeds), web: web.run, native: native.run, ...others }, timing)
  results.push({ name, flops, bytes, times, ...stepsBesidePeak(session, feeds, peak), ...(exact && await exactStepMs(traced, feeds, peak)) })
  session.dispose()
  await web.end()
  await native.end()
}
finishJob({ group, peak: peak.name, results })
