/** `ingot verify`: every target against recorded outputs or the reference interpreter. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import pc from 'picocolors'
import { decodeRecorded, IngotError, TARGETS, verifyTarget, type HostTensor, type Recorded, type Target, type VerifyReport } from '../src/index.js'
import { inputOption, makeFeeds } from './feeds.js'
import { fixedInputs, type FixedInputs } from './fixed-inputs.js'
import { graphOf, modelBytes, readBytes } from './model.js'
import { lengthOption, shapeOption, targetOption, threadsOf, threadsOption, toleranceOption, valueOption } from './options.js'

interface Options extends FixedInputs { readonly data?: string; readonly target?: Target; readonly threads?: number; readonly tolerance: number; readonly input?: Readonly<Record<string, string>>; readonly json?: boolean }

/** The subcommand. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('Check that each target computes what the reference interpreter (or recorded outputs) say; name the first node that differs.')
    .argument('<model>', 'an .onnx model')
    .option('--data <folder>', 'a test_data_set folder with input_K.pb and output_K.pb')
    .option('--target <target>', 'only this target', targetOption)
    .option('--threads <n>', 'threads that share the work on wasm', threadsOption)
    .option('--tolerance <x>', 'allowed difference as a fraction of the tensor\'s peak', toleranceOption, 1e-4)
    .option('--input <name=source>', 'as for run', inputOption)
    .option('--shape <name=extents>', 'extents of an input (repeatable)', shapeOption)
    .option('--value <name=value>', 'fix an input of a model to a number, a list or a file, as for compile (repeatable)', valueOption)
    .option('--length <name=n>', 'how many tensors a sequence input of a model holds, 1 or none for an optional, as for compile (repeatable)', lengthOption)
    .option('--result <name...>', 'keep only these results of a model')
    .option('--json', 'print the reports as JSON')
    .addHelpText('after', '\nExample:\n  $ ingot verify model.onnx --data test_data_set_0')
    .action(verifyModel)
}

async function verifyModel(model: string, options: Options): Promise<void> {
  const data = options.data === undefined ? undefined : await recordedData(options.data, await modelBytes(model)), fixed = await fixedInputs(options)
  const graph = await graphOf(model, { ...fixed, shapes: { ...data?.inputs.shapes, ...fixed.shapes }, lengths: { ...data?.inputs.lengths, ...fixed.lengths } })
  const ports = graph.inputs.map((v) => {
    if (v.type.kind !== 'tensor') throw new IngotError('unsupported-type', `the input '${v.name}' is a ${v.type.kind}; verify takes tensors`)
    return { name: v.name, dtype: v.type.dtype, shape: v.type.shape }
  })
  const recorded = data === undefined ? undefined : { feeds: tensorsOf(data.inputs, ports, join(data.folder, 'input_0.pb')), outputs: tensorsOf(data.outputs, graph.outputs, join(data.folder, 'output_0.pb')) }
  const feeds = recorded?.feeds ?? await makeFeeds(ports, { inputs: options.input ?? {}, shapes: options.shape ?? {}, seed: 1, say: (line) => console.error(pc.dim(line)) })
  const reports: VerifyReport[] = []
  for (const target of options.target === undefined ? TARGETS : [options.target]) {
    const report = await verifyTarget(graph, feeds, { target, ...(target === 'wasm' && threadsOf(options)), tolerance: options.tolerance, ...(recorded !== undefined && { expected: recorded.outputs }) }).catch((error: unknown) => {
      // One that was not asked for by name may be missing.
      if (options.target === undefined && error instanceof IngotError && error.code === 'target-unavailable') return error
      throw error
    })
    if (report instanceof IngotError) { console.error(pc.dim(`${target} left out: ${report.message}`)); continue }
    reports.push(report)
    if (options.json !== true) print(report, recorded === undefined ? 'the interpreter' : 'the recorded outputs')
  }
  if (options.json === true) console.log(JSON.stringify(reports, null, 2))
  const failed = reports.find((r) => !r.ok)
  if (failed === undefined) return
  const first = failed.firstDiverging
  throw new IngotError('verify-mismatch', `target ${failed.target} differs by more than ${options.tolerance} of the peak`, {
    hint: first === undefined ? 'node by node the target agrees with the interpreter: it is the import or a pass that differs' : `the first node that differs is ${first.origin} (${first.op}): ${first.difference.what}`,
  })
}

function print(report: VerifyReport, against: string): void {
  for (const d of report.differences) {
    console.log(`${report.ok ? pc.green('ok  ') : pc.red('FAIL')} ${report.target}  ${d.name}  ${d.ofPeak === 0 ? 'equal to' : `${d.ofPeak.toExponential(1)} of the peak from`} ${against}${report.ok ? '' : `  (${d.what})`}`)
  }
}

/** Those of the recorded tensors that are ports of the graph; throws `file-not-found` where none is. */
function tensorsOf({ tensors }: Recorded, ports: readonly { readonly name: string }[], file: string): Record<string, HostTensor> {
  const found = Object.entries(tensors).filter(([name]) => ports.some((p) => p.name === name))
  if (found.length === 0 && ports.length > 0) throw new IngotError('file-not-found', `there is no ${file}`, { hint: 'give a test_data_set folder with input_K.pb and output_K.pb' })
  return Object.fromEntries(found)
}

/** What a folder of test data holds for the model of these bytes. */
async function recordedData(folder: string, model: Uint8Array): Promise<{ readonly folder: string; readonly inputs: Recorded; readonly outputs: Recorded }> {
  const files = await readdir(folder).catch(() => { throw new IngotError('file-not-found', `there is no folder '${folder}'`, { hint: 'give a test_data_set folder with input_K.pb and output_K.pb' }) })
  const read = async (kind: 'input' | 'output'): Promise<Recorded> => {
    const last = files.reduce((most, file) => Math.max(most, Number(new RegExp(`^${kind}_(\\d+)\\.pb$`).exec(file)?.[1] ?? -1)), -1)
    const names = Array.from({ length: last + 1 }, (_, k) => `${kind}_${k}.pb`)
    return decodeRecorded(model, kind, await Promise.all(names.map((file) => (files.includes(file) ? readBytes(join(folder, file)) : undefined))))
  }
  return { folder, inputs: await read('input'), outputs: await read('output') }
}
