/** What is deployed: the runtime alone and the artefact. Reads rows of measures as JSON from its input and writes the species' numbers. */
import { text } from 'node:stream/consumers'
import { load } from '../../src/runtime/index.js'

const session = await load(process.argv[2] ?? 'iris.ingot')
const measures = JSON.parse(await text(process.stdin)) as number[][]
const { logits } = await session.run({ measures })
if (logits === undefined) throw new Error('the program has no output named logits')
const classes = logits.shape[1] ?? 1
console.log(JSON.stringify(measures.map((_, i) => {
  const row = Array.from(logits.data.slice(i * classes, (i + 1) * classes) as Float32Array)
  return row.indexOf(Math.max(...row))
})))
session.dispose()
