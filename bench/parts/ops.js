/** Single operations of one group: every contestant and the bare micro-kernel in turns in this process. */
import { compile, load, toOnnx } from '../../dist/src/index.js'
import { finishJob, readJob } from '../job.js'
import { inTurns, median } from '../measure.js'
import { microKernel } from '../micro-kernel.js'
import { OPS } from '../ops/index.js'
import { jaxRun } from '../peers/jax.js'
import { nativeContestant, webContestant } from '../peers/onnxruntime.js'
import { tfjsRun } from '../peers/tfjs.js'

const { group, timing, filter = '' } = readJob()

/** Milliseconds that a run spends in its steps, those aside that only bring channels first or last: what is left is the operation. */
function stepMs(session, feeds, runs) {
  const each = Array.from({ length: runs }, () => {
    session.startProfile()
    session.runSync(feeds)
    return session.profile().steps.filter(({ kernel }) => !kernel.startsWith('transpose')).reduce((sum, { ms }) => sum + ms, 0)
  })
  return median(each)
}

const results = [], peak = microKernel()
for (const { name, flops, bytes, graph, feeds, tfjs, jax } of OPS[group].filter((c) => c.name.includes(filter))) {
  const traced = graph()
  const onnx = toOnnx(traced)
  const session = await load((await compile(traced, { target: 'wasm' })).data)
  const web = await webContestant(onnx, feeds, 1), native = await nativeContestant(onnx, feeds, 1)
  const others = { ...(tfjs && { tfjs: await tfjsRun(tfjs) }), ...(jax && { jax: await jaxRun(jax) }) }
  const runs = { ingot: () => session.runSync(feeds), web: web.run, native: native.run, peak: peak.run, ...others }
  const times = await inTurns(runs, timing)
  const steps = stepMs(session, feeds, Math.min(200, Math.max(5, Math.ceil(100 / times.ingot.ms))))
  results.push({ name, flops, bytes, times, stepMs: steps, peakGflops: peak.flops / times.peak.best / 1e6 })
  session.dispose()
  await web.end()
  await native.end()
}
finishJob({ group, peak: peak.name, results })
