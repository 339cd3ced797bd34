/** Compiles a model for the other parts and says how large the artefact is. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { compile } from '../../dist/src/index.js'
import { finishJob, readJob } from '../job.js'
import { readModel } from '../model-folder.js'

const { model, program: path } = readJob()
const start = performance.now()
const program = await compile(readModel(model), { target: 'wasm' })
const compileMs = performance.now() - start
const bytes = program.encode()
mkdirSync(dirname(path), { recursive: true })
writeFileSync(path, bytes)

const { header, sections } = program.data
// Weights: what runs read, and what is read at load alone. Everything else is the header and the code.
const isWeights = (name) => name === 'constants' || /^raw\d+$/.test(name)
const entries = Object.entries(sections), weightBytes = entries.reduce((sum, [name, section]) => sum + (isWeights(name) ? section.length : 0), 0)
const rest = Buffer.concat([Buffer.from(JSON.stringify(header)), ...entries.flatMap(([name, section]) => (isWeights(name) ? [] : [section]))])
finishJob({
  compileMs, bytes: bytes.length, weightBytes, codeBytes: rest.length,
  gzipBytes: gzipSync(rest, { level: 9 }).length,
  kernels: header.kernels.length, steps: header.steps.length,
})
