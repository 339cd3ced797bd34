/** `ingot compile`: a model in, an artefact (or an ES module) out. */
import { rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Command, Option } from 'commander'
import pc from 'picocolors'
import { compile, IngotError, inspectProgram, partialPath, printGraph, PASSES, type CompileOptions, type PortDescription, type Program, type Target } from '../src/index.js'
import { fixedInputs, type FixedInputs } from './fixed-inputs.js'
import { bytesOption, deviceOptionsOf, lengthOption, shapeOption, sizeText, targetOrAuto, threadsOf, threadsOption, timeText, valueOption, withDeviceOptions, type DeviceOptions } from './options.js'
import { progressLine } from './progress.js'

interface Options extends FixedInputs, DeviceOptions { readonly output?: string; readonly target?: Target | 'auto'; readonly threads?: number; readonly emit: 'ingot' | 'module'; readonly dumpIr?: string | boolean; readonly maxMemory?: number; readonly keepGraph?: boolean; readonly exact?: boolean; readonly json?: boolean }

/** Ports named in the report of a model with many. */
const MOST_NAMES = 8

/** The subcommand. */
export function compileCommand(): Command {
  return withDeviceOptions(new Command('compile')
    .description('Compile an ONNX model to an artefact.')
    .argument('<model>', 'an .onnx file')
    .option('-o, --output <file>', 'where to write; the model\'s name with .ingot (or .mjs) when absent')
    .option('--target <target>', 'wasm, js, wgsl (WebGPU), or auto: what there is here; wasm when absent, js for a module', targetOrAuto)
    .option('--threads <n>', 'threads that sessions use unless they are told otherwise (wasm)', threadsOption)
    .option('--shape <name=extents>', 'fix an input\'s extents, _ for one to leave open (repeatable); others stay symbolic', shapeOption)
    .option('--value <name=value>', 'fix an input to a number, a list (1,2,3) or a .npy or .pb file, and so decide what depends on it (repeatable)', valueOption)
    .option('--length <name=n>', 'say how many tensors a sequence input holds, which become the inputs NAME.0, NAME.1, …; 1 or none for an optional (repeatable)', lengthOption)
    .option('--result <name...>', 'keep only these results of a model')
    .addOption(new Option('--emit <form>', 'an artefact, or an ES module that needs no evaluation').choices(['ingot', 'module']).default('ingot'))
    .option('--dump-ir [after:pass]', 'print the graph at the end, or after a pass, instead of writing anything')
    .option('--max-memory <size>', 'refuse a program that needs more memory than this (symbolic extents counted as 1)', bytesOption)
    .option('--exact', 'add up every convolution term by term; by default 3x3 ones may take a faster way (Winograd), whose results differ by some 1e-6 of the peak')
    .option('--keep-graph', 'keep the graph\'s text in the artefact')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', '\nExample:\n  $ ingot compile mobilenet.onnx -o mobilenet.ingot --shape input=1,3,224,224')
    .action(compileModel))
}

async function compileModel(model: string, options: Options): Promise<void> {
  const target = options.target ?? (options.emit === 'module' ? 'js' : 'wasm')
  const output = options.output ?? `${basename(model).replace(/\.onnx$/, '')}.${options.emit === 'module' ? 'mjs' : 'ingot'}`
  if (options.emit === 'module' && target !== 'js') throw new IngotError('bad-option', `a program for the target ${target} cannot be emitted as a module`, { hint: 'leave --target out, or give --target js' })
  const dumpAfter = dumpPass(options.dumpIr)
  if (options.dumpIr === undefined) await checkOutput(output)
  const line = progressLine(`compiling ${basename(model)}`)
  let dump: string | undefined
  const settings: CompileOptions = {
    target, ...threadsOf(options),
    ...await fixedInputs(options),
    ...deviceOptionsOf(options),
    keepGraph: options.keepGraph ?? false,
    exact: options.exact ?? false,
    onProgress: (p) => {
      line.step(p.name)
      if (p.graph !== undefined && (dumpAfter === undefined || dumpAfter === p.name)) dump = printGraph(p.graph, { weights: 'short' })
    },
  }
  const start = performance.now()
  const program = await compile(model, settings).finally(() => line.done())
  const ms = performance.now() - start
  if (options.dumpIr !== undefined) {
    process.stdout.write(dump ?? '')
    return
  }
  const { memory, inputs, outputs } = inspectProgram(program.data, options.shape)
  const needed = memory.arenaBytes + memory.constantBytes
  if (options.maxMemory !== undefined && needed > options.maxMemory) {
    throw new IngotError('memory-limit', `the program needs ${sizeText(needed)} of memory, more than the ${sizeText(options.maxMemory)} allowed`, { hint: 'fix smaller extents with --shape' })
  }
  await saveOrRemove(program, output, options.emit)
  const bytes = (await stat(output)).size
  if (options.json === true) {
    console.log(JSON.stringify({ output, bytes, ms, target: program.header.target, inputs, outputs, report: program.report, memory }, null, 2))
    return
  }
  const { report } = program
  const stripped = Object.entries(report.stripped).map(([op, n]) => `${n} ${op}`).join(', ')
  console.log(`${pc.bold(output)}  ${sizeText(bytes)}, target ${program.header.target}, compiled in ${timeText(ms)}`)
  if (report.picked !== undefined) console.log(`  ${report.picked.target} was picked: ${report.picked.why}`)
  console.log(`  takes ${namesText(inputs)}; gives ${namesText(outputs)}`)
  for (const [i, part] of (report.host ?? []).entries()) console.log(`  part ${i + 1} of ${report.host?.length} on the host: ${part.map((n) => `${n.origin} (${n.op}): ${n.why}`).join('; ')}`)
  console.log(`  ${report.nodes.before} nodes became ${report.nodes.after}, ${report.kernels} kernels${stripped === '' ? '' : `; stripped ${stripped}`}`)
  if (report.parts !== undefined) console.log(`  in ${report.parts} parts that run one after the other, since extents are only known while running`)
  if (report.branches.length > 0) console.log(`  both branches are computed, and one picked while running: ${report.branches.join(', ')}`)
  const added = report.winograd.reduce((n, c) => n + c.weightBytes - c.exactWeightBytes, 0)
  if (report.winograd.length > 0) console.log(`  ${report.winograd.length} convolutions by Winograd's transforms, whose weights take ${sizeText(added)} more memory, not file (none with --exact)`)
  const symbols = Object.keys(memory.symbols)
  console.log(`  memory ${sizeText(memory.arenaBytes)} for tensors (lower bound ${sizeText(memory.lowerBoundBytes)}), ${sizeText(memory.constantBytes)} of constants${memory.madeBytes > 0 ? `, ${sizeText(memory.madeBytes)} of them made at load` : ''}${symbols.length > 0 ? `, with ${symbols.map((s) => `${s} = ${memory.symbols[s]}`).join(', ')}` : ''}`)
}

/** Names of ports, the first of many. */
function namesText(ports: readonly PortDescription[]): string {
  const names = ports.slice(0, MOST_NAMES).map((p) => p.name).join(', ')
  return ports.length === 0 ? 'nothing' : ports.length > MOST_NAMES ? `${names} and ${ports.length - MOST_NAMES} more` : names
}

/** Refuses a place that cannot be written to before the work of compiling is done. */
async function checkOutput(output: string): Promise<void> {
  const kind = async (path: string): Promise<'folder' | 'file' | undefined> => stat(path).then((s) => (s.isDirectory() ? 'folder' : 'file'), () => undefined)
  const refuse = (why: string): never => { throw new IngotError('file-unreadable', `cannot write '${output}': ${why}`, { hint: 'choose another place with -o' }) }
  if (await kind(output) === 'folder') refuse('it is a folder')
  if (await kind(dirname(output)) !== 'folder') refuse('its folder does not exist')
}

/** Saves; Ctrl-C meanwhile leaves no partial file. Before that it ends the process at once, as it should. */
async function saveOrRemove(program: Program, output: string, form: 'ingot' | 'module'): Promise<void> {
  const interrupted = (): void => {
    rmSync(partialPath(output), { force: true })
    process.exit(130)
  }
  process.on('SIGINT', interrupted)
  await program.save(output, form).finally(() => process.off('SIGINT', interrupted))
}

function dumpPass(option: string | boolean | undefined): string | undefined {
  if (typeof option !== 'string') return undefined
  const name = option.replace(/^after:/, '')
  if (name !== 'import' && !PASSES.has(name)) throw new IngotError('unknown-pass', `there is no pass '${name}'`, { hint: `choose import or one of ${[...PASSES.keys()].join(', ')}` })
  return name
}
