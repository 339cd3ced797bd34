/** `ingot verify`: every target against recorded outputs or the reference interpreter. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import pc from 'picocolors'
import { decodeTensorProto, IngotError, TARGETS, verifyTarget, type HostTensor, type Target, type VerifyReport } from '../src/index.js'
import { inputOption, makeFeeds } from './feeds.js'
import { fixedInputs, type FixedInputs } from './fixed-inputs.js'
import { graphOf, readBytes } from './model.js'
import { shapeOption, targetOption, threadsOf, threadsOption, toleranceOption, valueOption } from './options.js'

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
    .option('--json', 'print the reports as JSON')
    .addHelpText('after', '\nExample:\n  $ ingot verify model.onnx --data test_data_set_0')
    .action(verifyModel)
}

async function verifyModel(model: string, options: Options): Promise<void> {
  const graph = await graphOf(model, await fixedInputs(options))
  const ports = graph.inputs.map((v) => {
    if (v.type.kind !== 'tensor') throw new IngotError('unsupported-type', `the input '${v.name}' is a ${v.type.kind}; verify takes tensors`)
    return { name: v.name, dtype: v.type.dtype, shape: v.type.shape }
  })
  const recorded = options.data === undefined ? undefined : await recordedData(options.data, ports.map((p) => p.name), graph.outputs.map((o) => o.name))
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

async function recordedData(folder: string, inputs: readonly string[], outputs: readonly string[]): Promise<{ readonly feeds: Record<string, HostTensor>; readonly outputs: Record<string, HostTensor> }> {
  const files = await readdir(folder).catch(() => { throw new IngotError('file-not-found', `there is no folder '${folder}'`, { hint: 'give a test_data_set folder with input_K.pb and output_K.pb' }) })
  const read = async (kind: string, names: readonly string[]): Promise<Record<string, HostTensor>> => {
    const out: Record<string, HostTensor> = {}
    for (const [i, name] of names.entries()) {
      const file = `${kind}_${i}.pb`
      if (files.includes(file)) out[name] = decodeTensorProto(await readBytes(join(folder, file)))
    }
    if (Object.keys(out).length === 0 && names.length > 0) throw new IngotError('file-not-found', `'${folder}' holds no ${kind}_0.pb`, { hint: 'give a test_data_set folder with input_K.pb and output_K.pb' })
    return out
  }
  return { feeds: await read('input', inputs), outputs: await read('output', outputs) }
}
