/** A whole process that loads a compiled model with the runtime alone and runs it: what the parts `start` and `memory` measure. */
import { readFileSync } from 'node:fs'
import { load } from '../../dist/node/runtime.js'

const { program, feeds, runs } = JSON.parse(process.argv[2])
const session = await load(program)
const fed = JSON.parse(readFileSync(feeds, 'utf8'))
const ARRAYS = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array, bool: Uint8Array }
const inputs = Object.fromEntries(Object.entries(fed).map(([name, { dtype, shape, base64 }]) => [name, { dtype, shape, data: new ARRAYS[dtype](Uint8Array.from(Buffer.from(base64, 'base64')).buffer) }]))
session.runSync(inputs)
process.stdout.write('first\n')
for (let i = 1; i < runs; i++) session.runSync(inputs)
process.stdout.write(`${process.resourceUsage().maxRSS}\n`)
