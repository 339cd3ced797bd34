/**
 * What threads gain: node threads.js FOLDER [1,2,4] [model …] — FOLDER holds models, each with model.onnx and test_data_set_0. The numbers of threads take
 * turns, run by run, so that a machine that slows down slows all of them; best and median milliseconds, gain over one thread, and whether all results are the same bytes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile, decodeTensorProto, load } from '../dist/src/index.js'

const [folder, counts = '1,2', ...wanted] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: node threads.js FOLDER [1,2,4] [model …]')
const threads = counts.split(',').map(Number), SECONDS = 3

for (const name of wanted.length > 0 ? wanted : readdirSync(folder).sort()) {
  const model = join(folder, name, 'model.onnx'), data = join(folder, name, 'test_data_set_0')
  if (!existsSync(model)) continue
  const program = await compile(model)
  const sessions = [], feeds = {}, times = threads.map(() => [])
  for (const n of threads) sessions.push(await load(program.data, { threads: n }))
  const inputs = sessions[0].inputs
  for (let i = 0; existsSync(join(data, `input_${i}.pb`)); i++) feeds[inputs[i].name] = decodeTensorProto(readFileSync(join(data, `input_${i}.pb`)))
  const bytes = []
  for (const session of sessions) bytes.push(Object.values(await session.run(feeds)).map((t) => Buffer.from(t.data.buffer, t.data.byteOffset, t.data.byteLength).toString('base64')).join())
  // In spells, since threads that have had nothing to do for a while sleep.
  const spell = (session, ms, into) => { for (const end = performance.now() + ms; performance.now() < end;) { const start = performance.now(); session.runSync(feeds); into?.push(performance.now() - start) } }
  sessions.forEach((session) => spell(session, 500))
  for (const end = performance.now() + SECONDS * 1000 * threads.length; performance.now() < end;) sessions.forEach((session, k) => spell(session, 100, times[k]))
  const best = times.map((t) => Math.min(...t)), median = times.map((t) => t.sort((a, b) => a - b)[t.length >> 1])
  console.log(name.padEnd(20), threads.map((n, k) => `${n}: best ${best[k].toFixed(3)} (${(best[0] / best[k]).toFixed(2)}×) median ${median[k].toFixed(3)} (${(median[0] / median[k]).toFixed(2)}×)`).join('  '), bytes.every((b) => b === bytes[0]) ? '' : 'RESULTS DIFFER')
  sessions.forEach((session) => session.dispose())
}
