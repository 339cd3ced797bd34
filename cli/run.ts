/** `ingot run`: one run of a model or artefact, its outputs' statistics, and their values as .npy files where wanted. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import pc from 'picocolors'
import { compareTensors, IngotError, interpret, load, toNumbers, writeError, type HostTensor, type Target } from '../src/index.js'
import { inputOption, makeFeeds } from './feeds.js'
import { fixedInputs, type FixedInputs } from './fixed-inputs.js'
import { graphOf, programOf } from './model.js'
import { writeNpy } from './npy.js'
import { deviceOptionsOf, lengthOption, seedOption, shapeOption, targetOrAuto, threadsOf, threadsOption, timeText, valueOption, withDeviceOptions, type DeviceOptions } from './options.js'

interface Options extends FixedInputs, DeviceOptions { readonly input?: Readonly<Record<string, string>>; readonly seed: number; readonly output?: string; readonly target?: Target | 'auto'; readonly threads?: number; readonly check?: boolean; readonly json?: boolean }

/** The subcommand. */
export function runCommand(): Command {
  return withDeviceOptions(new Command('run')
    .description('Run a model or artefact once and print what comes out.')
    .argument('<file>', 'an .onnx model or .ingot artefact')
    .option('--input <name=source>', 'a .npy, .pb or .bin file, random or zeros (repeatable); random when absent', inputOption)
    .option('--shape <name=extents>', 'extents of an input that has no file (repeatable)', shapeOption)
    .option('--value <name=value>', 'fix an input of a model to a number, a list or a file, as for compile (repeatable)', valueOption)
    .option('--length <name=n>', 'how many tensors a sequence input of a model holds, 1 or none for an optional, as for compile (repeatable)', lengthOption)
    .option('--result <name...>', 'keep only these results of a model')
    .option('--seed <n>', 'seed of random inputs', seedOption, 1)
    .option('--output <folder>', 'write every output there as .npy')
    .option('--target <target>', 'wasm, js, wgsl or auto, for a model (an artefact has its own)', targetOrAuto)
    .option('--threads <n>', 'threads that share the work (wasm)', threadsOption)
    .option('--check', 'compare with the reference interpreter (a model only; slow)')
    .option('--json', 'print statistics as JSON')
    .addHelpText('after', '\nExample:\n  $ ingot run model.onnx --input x=photo.npy --output out/ --check')
    .action(runFile))
}

async function runFile(file: string, options: Options): Promise<void> {
  const model = options.check === true ? await graphOf(file, await fixedInputs(options)) : undefined
  const { data } = await programOf(file, { ...await fixedInputs(options), ...deviceOptionsOf(options), ...(options.target !== undefined && { target: options.target }) })
  const say = (line: string): void => console.error(pc.dim(line))
  const feeds = await makeFeeds(data.header.inputs, { inputs: options.input ?? {}, shapes: options.shape ?? {}, seed: options.seed, say })
  const session = await load(data, threadsOf(options))
  const start = performance.now()
  const outputs: Record<string, HostTensor> = await session.run(feeds)
  const ms = performance.now() - start
  session.dispose()
  const differences = model === undefined ? {} : check(interpret(model, feeds), outputs)
  if (options.output !== undefined) await save(outputs, options.output)
  const rows = Object.entries(outputs).map(([name, t]) => ({ name, dtype: t.dtype, shape: t.shape, ...statistics(t), ...(differences[name] !== undefined && { ofPeak: differences[name] }) }))
  if (options.json === true) console.log(JSON.stringify({ ms, target: data.header.target, outputs: rows }, null, 2))
  else {
    for (const r of rows) {
      console.log(`${pc.bold(r.name)}  ${r.dtype}[${r.shape.join(', ')}]  ${statisticsText(r)}${'ofPeak' in r ? `  differs from the interpreter by ${(r.ofPeak as number).toExponential(1)} of the peak` : ''}`)
    }
    console.error(pc.dim(`ran in ${timeText(ms)} on ${data.header.target}`))
  }
  const worst = Object.entries(differences).find(([, d]) => d > 1e-4)
  if (worst !== undefined) throw new IngotError('verify-mismatch', `output '${worst[0]}' differs from the reference interpreter by ${worst[1].toExponential(1)} of its peak`, { hint: '`ingot verify` names the first node that differs' })
}

function check(expected: Readonly<Record<string, HostTensor>>, actual: Readonly<Record<string, HostTensor>>): Record<string, number> {
  return Object.fromEntries(Object.entries(expected).map(([name, e]) => {
    const a = actual[name]
    return [name, a === undefined ? Infinity : compareTensors(name, e, a).ofPeak]
  }))
}

interface Statistics { readonly min?: number; readonly max?: number; readonly mean?: number; readonly nan?: number; readonly first: readonly (number | string)[] }

function statistics(t: HostTensor): Statistics {
  if (t.dtype === 'string') return { first: (t.data as readonly string[]).slice(0, 4) }
  const xs = toNumbers(t)
  let min = Infinity, max = -Infinity, sum = 0, nan = 0
  for (const x of xs) {
    if (Number.isNaN(x)) { nan++; continue }
    min = Math.min(min, x)
    max = Math.max(max, x)
    sum += x
  }
  return { ...(xs.length > nan && { min, max, mean: sum / (xs.length - nan) }), ...(nan > 0 && { nan }), first: Array.from(xs.slice(0, 4)) }
}

function statisticsText(s: Statistics): string {
  const n = (x: number | string): string => (typeof x === 'string' ? JSON.stringify(x) : String(Number(x.toPrecision(6))))
  const range = s.min !== undefined && s.max !== undefined && s.mean !== undefined ? `min ${n(s.min)}  max ${n(s.max)}  mean ${n(s.mean)}  ` : ''
  return `${range}${s.nan !== undefined ? `${s.nan} NaN  ` : ''}[${s.first.map(n).join(', ')}${s.first.length === 4 ? ', …' : ''}]`
}

async function save(outputs: Readonly<Record<string, HostTensor>>, folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    const taken = new Set<string>()
    for (const [name, t] of Object.entries(outputs)) {
      const stem = name.replace(/[^\w.-]+/g, '_')
      let file = stem
      for (let k = 1; taken.has(file.toLowerCase()); k++) file = `${stem}_${k}`
      taken.add(file.toLowerCase())
      await writeFile(join(folder, `${file}.npy`), writeNpy(t, name))
    }
  } catch (cause) {
    if (cause instanceof IngotError) throw cause
    throw writeError(folder, cause)
  }
}
