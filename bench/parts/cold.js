/**
 * Whole processes, one model: milliseconds from the start of the process to its first result, and the most memory that it held,
 * above a process that does nothing. Ingot loads the compiled artefact, the others the ONNX file; in turns.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from '../../dist/src/index.js'
import { finishJob, readJob } from '../job.js'
import { median } from '../measure.js'
import { readFeeds, readModel } from '../model-folder.js'

const { model, program, processes, runs } = readJob()
const scratch = mkdtempSync(join(tmpdir(), 'ingot-cold-'))
const onnx = join(scratch, 'model.onnx'), feeds = join(scratch, 'feeds.json')
writeFileSync(onnx, readModel(model))
const session = await load(program)
const fed = readFeeds(model, session.inputs)
writeFileSync(feeds, JSON.stringify(Object.fromEntries(Object.entries(fed).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, base64: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') }]))))
session.dispose()

const script = (name) => fileURLToPath(new URL(`../cold/${name}.js`, import.meta.url))
const contestants = {
  idle: ['-e', 'process.stdout.write(`first\\n${process.resourceUsage().maxRSS}\\n`)'],
  ingot: [script('ingot'), JSON.stringify({ program, feeds, runs })],
  web: [script('onnxruntime'), JSON.stringify({ which: 'web', model: onnx, feeds, runs })],
  native: [script('onnxruntime'), JSON.stringify({ which: 'node', model: onnx, feeds, runs })],
}

/** Milliseconds to the first result, and kibibytes at the most. */
const once = (args) => new Promise((resolve, reject) => {
  const start = performance.now(), child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let firstMs, said = ''
  child.stdout.on('data', (data) => {
    firstMs ??= performance.now() - start
    said += data
  })
  child.on('close', (code) => (code === 0 ? resolve({ firstMs, peakKib: Number(said.trim().split('\n').at(-1)) }) : reject(new Error(`${args[0]} ended with ${code}`))))
})

const all = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
for (let i = 0; i < processes; i++) for (const [name, args] of Object.entries(contestants)) all[name].push(await once(args))
rmSync(scratch, { recursive: true, force: true })
const figures = Object.fromEntries(Object.entries(all).map(([name, found]) => [name, {
  firstMs: median(found.map((f) => f.firstMs)), bestMs: Math.min(...found.map((f) => f.firstMs)), peakKib: median(found.map((f) => f.peakKib)),
}]))
finishJob({ name: model.name, figures })
