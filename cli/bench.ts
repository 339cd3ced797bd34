/** `ingot bench`: how long a run takes here, step by step. */
import { Command } from 'commander'
import pc from 'picocolors'
import { inspectProgram, load, type Target } from '../src/index.js'
import { inputOption, makeFeeds } from './feeds.js'
import { fixedInputs, type FixedInputs } from './fixed-inputs.js'
import { programOf } from './model.js'
import { countOption, deviceOptionsOf, lengthOption, shapeOption, sizeText, targetOrAuto, threadsOf, threadsOption, timeText, valueOption, withDeviceOptions, type DeviceOptions } from './options.js'
import { table } from './progress.js'

interface Options extends FixedInputs, DeviceOptions { readonly input?: Readonly<Record<string, string>>; readonly runs: number; readonly target?: Target | 'auto'; readonly threads?: number; readonly json?: boolean }

/** The subcommand. */
export function benchCommand(): Command {
  return withDeviceOptions(new Command('bench')
    .description('Time a model or artefact: median of several runs after a warm-up, and the slowest steps.')
    .argument('<file>', 'an .onnx model or .ingot artefact')
    .option('--runs <n>', 'counted runs', countOption, 20)
    .option('--input <name=source>', 'as for run', inputOption)
    .option('--shape <name=extents>', 'extents of an input (repeatable)', shapeOption)
    .option('--value <name=value>', 'fix an input of a model to a number, a list or a file, as for compile (repeatable)', valueOption)
    .option('--length <name=n>', 'how many tensors a sequence input of a model holds, 1 or none for an optional, as for compile (repeatable)', lengthOption)
    .option('--result <name...>', 'keep only these results of a model')
    .option('--target <target>', 'wasm, js, wgsl or auto, for a model', targetOrAuto)
    .option('--threads <n>', 'threads that share the work (wasm)', threadsOption)
    .option('--json', 'print all figures as JSON')
    .addHelpText('after', '\nExample:\n  $ ingot bench model.onnx --runs 50 --shape x=8,16')
    .action(benchFile))
}

async function benchFile(file: string, options: Options): Promise<void> {
  const startCompile = performance.now()
  const { data, compiled } = await programOf(file, { ...await fixedInputs(options), ...deviceOptionsOf(options), ...(options.target !== undefined && { target: options.target }) })
  const compileMs = performance.now() - startCompile
  const feeds = await makeFeeds(data.header.inputs, { inputs: options.input ?? {}, shapes: options.shape ?? {}, seed: 1, say: (line) => console.error(pc.dim(line)) })
  const startLoad = performance.now()
  const session = await load(data, threadsOf(options))
  const loadMs = performance.now() - startLoad
  const timeRun = async (): Promise<number> => { const t = performance.now(); await session.run(feeds); return performance.now() - t }
  const firstMs = await timeRun()
  for (let i = 0; i < 2; i++) await timeRun()
  const times: number[] = []
  for (let i = 0; i < options.runs; i++) times.push(await timeRun())
  times.sort((a, b) => a - b)
  const steps = await profileOnce(session, feeds)
  session.dispose()
  const medianMs = times[Math.floor(times.length / 2)] ?? 0
  const figures = { target: data.header.target, threads: options.threads ?? data.header.threads ?? 1, ...(compiled && { compileMs }), loadMs, firstMs, medianMs, minMs: times[0] ?? 0, maxMs: times.at(-1) ?? 0, runs: times.length }
  if (options.json === true) { console.log(JSON.stringify({ ...figures, steps }, null, 2)); return }
  if (compiled) console.log(`compile    ${timeText(compileMs)}`)
  const made = inspectProgram(data).memory.madeBytes
  console.log(`load       ${timeText(loadMs)}${made > 0 ? `, in which ${sizeText(made)} of weights were made` : ''}\nfirst run  ${timeText(firstMs)}\nmedian     ${pc.bold(timeText(medianMs))}  (${timeText(figures.minMs)} to ${timeText(figures.maxMs)}, ${times.length} runs, target ${figures.target})`)
  const slowest = [...steps].sort((a, b) => b.ms - a.ms).slice(0, 10)
  const total = steps.reduce((s, x) => s + x.ms, 0)
  console.log(`\n${pc.bold('slowest steps')} of ${steps.length}`)
  console.log(table(slowest.map((s) => [`  ${s.kernel}`, timeText(s.ms), `${((100 * s.ms) / total).toFixed(1)} %`, s.flops > 0 ? `${(s.flops / s.ms / 1e6).toFixed(2)} GFLOP/s` : '', s.origin.length > 60 ? `${s.origin.slice(0, 59)}…` : s.origin])))
}

interface StepTime { readonly kernel: string; readonly origin: string; readonly ms: number; readonly flops: number }

async function profileOnce(session: Awaited<ReturnType<typeof load>>, feeds: Parameters<Awaited<ReturnType<typeof load>>['run']>[0]): Promise<readonly StepTime[]> {
  session.startProfile()
  await session.run(feeds)
  return session.profile().steps.map((s) => ({ kernel: s.kernel, origin: s.origin, ms: s.ms / Math.max(1, s.calls), flops: s.flops ?? 0 }))
}
