/**
 * Trains a small network on Fisher's irises, traces it in inference mode, compiles it to an artefact of a few kilobytes, and lets another process, which has the
 * runtime alone, say the same species.
 *
 *   npm run example:train
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { compile, functional, inferenceMode, InferenceMode, manualSeed, nn, optim, tensor, trace, type Tensor, type TracedGraph } from '../../src/index.js'
import { readIrises, type Irises } from './irises.js'

/** Of the flowers kept from training, the part that must be named rightly. */
const WANTED = 0.9

/** Measures less their means over their spreads, then two hidden layers. */
class Classifier extends nn.Module {
  readonly mean = nn.buffer(tensor([5.84, 3.06, 3.76, 1.2]))
  readonly spread = nn.buffer(tensor([0.83, 0.44, 1.77, 0.76]))
  readonly layers = new nn.Sequential(new nn.Linear(4, 16), new nn.Tanh(), new nn.Linear(16, 16), new nn.Tanh(), new nn.Linear(16, 3))

  forward(measures: Tensor): Tensor { return this.layers.forward(measures.sub(this.mean).div(this.spread)) }
}

function train(model: Classifier, data: Irises, epochs: number): number {
  const x = tensor(data.measures), y = tensor(data.species, { dtype: 'int64' })
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 })
  let loss = Infinity
  for (let epoch = 0; epoch < epochs; epoch++) {
    optimizer.zeroGrad()
    const error = functional.crossEntropy(model.forward(x), y)
    error.backward()
    optimizer.step()
    loss = Number(error.item())
  }
  return loss
}

/** What the artefact says in a process that imports the runtime only. */
async function predictElsewhere(artefact: string, measures: Irises['measures']): Promise<number[]> {
  const script = fileURLToPath(new URL('./predict.js', import.meta.url))
  const child = spawn(process.execPath, [script, artefact], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(measures))
  return JSON.parse(await text(child.stdout)) as number[]
}

/** The model as a graph, for any number of flowers. */
function traced(model: Classifier): TracedGraph {
  using _mode = new InferenceMode()
  return trace(model, [{ shape: ['flowers', 4] }], { names: ['measures'], outputs: ['logits'] })
}

async function main(): Promise<number> {
  const data = await readIrises()
  manualSeed(7)
  const model = new Classifier()
  const start = performance.now()
  const loss = train(model, data.train, 100)
  console.log(`  trained on ${data.train.species.length} flowers in ${((performance.now() - start) / 1000).toFixed(1)} s, loss ${loss.toFixed(4)}`)

  model.eval()
  const here = inferenceMode(() => Array.from(model.forward(tensor(data.test.measures)).argmax(1).data as BigInt64Array, Number))
  const right = here.filter((species, i) => species === data.test.species[i]).length
  console.log(`  ${right} of ${here.length} flowers that it has not seen are named rightly`)

  const folder = await mkdtemp(join(tmpdir(), 'ingot-irises-'))
  try {
    return await deploy(traced(model), join(folder, 'iris.ingot'), data.test, here, right)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function deploy(graph: TracedGraph, artefact: string, test: Irises, here: readonly number[], right: number): Promise<number> {
  const program = await compile(graph, { target: 'wasm' })
  await program.save(artefact)
  const there = await predictElsewhere(artefact, test.measures)
  const same = there.length === here.length && there.every((species, i) => species === here[i])
  console.log(`  the artefact has ${((await stat(artefact)).size / 1000).toFixed(1)} kB; in a process with the runtime alone it says ${same ? 'the same' : 'something else'}`)
  return same && right / here.length >= WANTED ? 0 : 1
}

process.exitCode = await main()
