/** One model: Ingot, onnxruntime-web and onnxruntime-node in turns in this process, and whether they agree. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { compareTensors } from '../../dist/src/index.js'
import { finishJob, readJob } from '../job.js'
import { inTurns } from '../measure.js'
import { readFeeds, readModel } from '../model-folder.js'
import { ingotContestant } from '../peers/ingot.js'
import { nativeContestant, webContestant } from '../peers/onnxruntime.js'

const { model, program, threads, timing } = readJob()
const ingot = await ingotContestant(new Uint8Array(readFileSync(program)), threads)
const feeds = readFeeds(model, ingot.session.inputs), bytes = readModel(model)
await ingot.start(feeds)
const own = { ingot: () => ingot.run(feeds) }
if (threads > 1) {
  const single = await ingotContestant(new Uint8Array(readFileSync(program)), 1)
  await single.start(feeds)
  own.single = () => single.run(feeds)
}
// The peers' threads spin between their runs and would take the other core from Ingot's; its own sleep.
const before = threads > 1 ? await inTurns(own, timing) : {}
const web = await webContestant(bytes, feeds, threads)
const native = await nativeContestant(bytes, feeds, threads)

const expected = await native.outputs(), actual = ingot.outputs(feeds)
const digest = createHash('sha256')
for (const { data } of Object.values(actual)) digest.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
const worst = Math.max(...Object.keys(expected).map((name) => compareTensors(name, expected[name], actual[name]).ofPeak))

const peers = { web: web.run, native: native.run }
const times = { ...before, ...(await inTurns(threads > 1 ? peers : { ...own, ...peers }, timing)) }
finishJob({ name: model.name, threads, times, worst, digest: digest.digest('hex') })
