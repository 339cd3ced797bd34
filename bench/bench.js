/**
 * Makes the tables of docs/performance.md: every figure from runs of Ingot and its peers in turns, each part in a process of its own.
 *
 *   npm run build && cd bench && npm ci --ignore-scripts && npm run bench
 *   npm run bench -- --parts models --filter 'mobilenet|vit'      parts: models, ops, cold, webgpu, steps; the other tables keep their last figures
 *   npm run bench -- --nodes 24 --threads 1 --fast                fewer rounds, for a first look
 *   npm run bench -- --resume                                     only what has no result yet
 *   npm run bench -- --report                                     the document from the last results, without measuring
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { missingBrowser } from './browser.js'
import { runPart } from './job.js'
import { listModels } from './model-folder.js'
import { findNodes } from './nodes.js'
import { OPS } from './ops/index.js'
import { writeReport } from './report.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const USAGE = `usage: npm run bench -- [--parts models,ops,cold,webgpu,steps] [--models FOLDER] [--light FOLDER] [--nodes 20,24] [--threads 1,2]
                        [--filter RE] [--fast] [--resume] [--report] [--document FILE]`
const { values: options } = readOptions({
  parts: { type: 'string', default: 'models,ops,cold,webgpu,steps' },
  models: { type: 'string', default: join(here, '../../shared/models') },
  light: { type: 'string', default: join(here, '../../shared/onnx-backend/light') },
  nodes: { type: 'string', default: '' }, threads: { type: 'string', default: '1,2' }, filter: { type: 'string', default: '' },
  fast: { type: 'boolean', default: false }, resume: { type: 'boolean', default: false }, report: { type: 'boolean', default: false },
  document: { type: 'string', default: join(here, '../docs/performance.md') }, help: { type: 'boolean', default: false },
})
/** Light nets whose runs a software adapter ends in seconds. */
const SMALL_LIGHT = /^light_(?:squeezenet|shufflenet)$/
const list = (text) => text.split(',').filter((word) => word !== '')
const parts = list(options.parts), filter = new RegExp(options.filter)
const nodes = findNodes(list(options.nodes)), newest = nodes.at(-1)
const models = listModels([options.models, options.light]).filter(({ name }) => filter.test(name))
const cache = join(here, '.cache')
const programOf = ({ name }) => join(cache, 'programs', `${name}.ingot`)

/** What the command line says; ends with the usage where it asks for it or says something else. */
function readOptions(known) {
  try {
    const read = parseArgs({ options: known })
    if (!read.values.help) return read
    console.log(USAGE)
    process.exit(0)
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`)
    process.exit(2)
  }
}

/** Runs a part unless its result is there and may be kept. */
function measure(node, part, name, job) {
  const out = join(cache, 'results', node.key, part, `${name}.json`)
  if (options.resume && existsSync(out)) return JSON.parse(readFileSync(out, 'utf8'))
  const start = performance.now(), result = runPart(node.path, part, { ...job, name, out })
  console.error(`${node.key} ${part} ${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return result
}

const timing = options.fast ? { rounds: 3, warmMs: 300, leastMs: 20 } : { rounds: 7, warmMs: 800, leastMs: 50 }
const opTiming = options.fast ? { rounds: 3, warmMs: 60, leastMs: 5 } : { rounds: 7, warmMs: 150, leastMs: 15 }

function measureModels() {
  for (const node of nodes) for (const threads of list(options.threads).map(Number)) for (const model of models) {
    // More threads are measured where there is most to say: on the newest Node, with the whole models.
    if (threads > 1 && (node !== newest || model.data === null)) continue
    measure(node, 'models', `${model.name}-${threads}`, { model, program: programOf(model), threads, timing })
  }
}

/** The three whole models that are slowest beside native code; those that are not measured last. */
function slowestModels() {
  const over = ({ name }) => {
    const path = join(cache, 'results', newest.key, 'models', `${name}-1.json`)
    if (!existsSync(path)) return Infinity
    const { native, ingot } = JSON.parse(readFileSync(path, 'utf8')).times
    return native.ms / ingot.ms
  }
  return models.filter(({ data }) => data !== null).toSorted((a, b) => over(a) - over(b)).slice(0, 3)
}

/** WebGPU in a browser, for whole models and the light nets that are small. */
function measureWebgpu() {
  const missing = missingBrowser()
  if (missing !== undefined) console.error(`webgpu left out: ${missing}`)
  else for (const model of models) if (model.data !== null || SMALL_LIGHT.test(model.name)) measure(newest, 'webgpu', model.name, { model, visits: options.fast ? 1 : 3, seconds: options.fast ? 4 : 10 })
}

if (!options.report) {
  if (!options.resume && options.filter === '' && options.threads === '1,2') for (const { key } of nodes) for (const part of parts) rmSync(join(cache, 'results', key, part), { recursive: true, force: true })
  if (parts.some((part) => part !== 'ops' && part !== 'webgpu')) for (const model of models) measure(newest, 'compile', model.name, { model, program: programOf(model) })
  measure(newest, 'sizes', 'sizes', {})
  if (parts.includes('models')) measureModels()
  if (parts.includes('ops')) for (const node of nodes) for (const group of Object.keys(OPS)) measure(node, 'ops', group, { group, timing: opTiming })
  if (parts.includes('cold')) for (const model of models.filter(({ data }) => data !== null)) measure(newest, 'cold', model.name, { model, program: programOf(model), processes: options.fast ? 1 : 3, runs: 3 })
  if (parts.includes('webgpu')) measureWebgpu()
  if (parts.includes('steps')) for (const model of slowestModels()) measure(newest, 'steps', model.name, { model, program: programOf(model) })
}
writeReport({ cache: join(cache, 'results'), nodes: findNodes([]), document: options.document })
