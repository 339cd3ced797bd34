/** A model that the page has open: compiled for every target that runs here, or read from an artefact. */
import { compile, decodeProgram, DTYPES, IngotError, inspectProgram, printShape, Program, type CompileReport, type ProgramData } from '../../src/index.js'
import { failureOf } from './failure.js'
import type { ModelFile, ModelInfo, OpenSymbol, PageTarget, PortText, TargetInfo } from './messages.js'

export interface OpenedModel {
  readonly info: ModelInfo
  /** By target, those that could be compiled. */
  readonly programs: ReadonlyMap<string, Uint8Array<ArrayBuffer>>
  /** Any of the programs: all have the same ports and symbols. */
  readonly data: ProgramData
}

/** Hears of every step before it starts (`ms` is null) and after it. */
export type OnStep = (target: string, name: string, ms: number | null) => void

/** Opens what the user chose: an artefact, or a model with the files of its weights. Throws the errors of `compile` and of artefacts. */
export async function openModel(files: readonly ModelFile[], targets: readonly PageTarget[], onStep: OnStep): Promise<OpenedModel> {
  const main = files.find((f) => /\.(onnx|ingot)$/i.test(f.name)) ?? files[0]
  if (main === undefined) throw new IngotError('bad-option', 'no file was chosen')
  const read = main.name.toLowerCase().endsWith('.ingot') ? [readArtefact(main)] : await compileAll(main, files.filter((f) => f !== main), targets, onStep)
  const programs = new Map<string, Uint8Array<ArrayBuffer>>()
  for (const { info, bytes } of read) if (bytes !== null) programs.set(info.target, bytes)
  const data = read.find((r) => r.data !== null)?.data ?? null
  if (data === null) throw read.map((r) => r.error).find((e) => e !== null) ?? new Error('there is no target')
  return { info: describe(main, data, read.map((r) => r.info)), programs, data }
}

interface ReadTarget { readonly info: TargetInfo; readonly bytes: Uint8Array<ArrayBuffer> | null; readonly data: ProgramData | null; readonly error: unknown }

async function compileAll(main: ModelFile, others: readonly ModelFile[], targets: readonly PageTarget[], onStep: OnStep): Promise<ReadTarget[]> {
  const externalData = Object.fromEntries(others.map((f) => [f.name, f.bytes])), read: ReadTarget[] = []
  for (const target of targets) {
    const start = performance.now()
    onStep(target, 'import', null)
    try {
      const { data, report } = await compile(main.bytes, { target, externalData, onProgress: ({ name, ms }) => onStep(target, name, ms) })
      read.push(compiled(data, report, performance.now() - start))
    } catch (error) {
      read.push({ info: { kind: 'failed', target, failure: failureOf(error) }, bytes: null, data: null, error })
    }
  }
  return read
}

function readArtefact({ bytes }: ModelFile): ReadTarget {
  const start = performance.now(), data = decodeProgram(bytes)
  return compiled(data, null, performance.now() - start)
}

function compiled(data: ProgramData, report: CompileReport | null, ms: number): ReadTarget {
  const bytes = new Uint8Array(new Program(data, report ?? { steps: [], nodes: { before: 0, after: 0 }, kernels: 0, stripped: {}, branches: [], winograd: [] }).encode()), { header } = data
  return { data, bytes, error: null, info: { kind: 'compiled', target: header.target, ms, bytes: bytes.length, constantBytes: inspectProgram(data).constants.reduce((n, c) => n + c.bytes, 0), steps: header.steps.length, kernels: header.kernels.length, report } }
}

function describe(main: ModelFile, { header }: ProgramData, targets: readonly TargetInfo[]): ModelInfo {
  const port = ({ name, dtype, shape }: ProgramData['header']['inputs'][number]): PortText => ({ name, dtype, shape: printShape(shape) })
  return {
    name: main.name, fileBytes: main.bytes.length, inputs: header.inputs.map(port), outputs: header.outputs.map(port),
    integers: header.inputs.filter((p) => ['int', 'uint'].includes(DTYPES[p.dtype].kind)).map((p) => p.name),
    symbols: header.symbols.flatMap((s): OpenSymbol[] => {
      if (s.kind !== 'extent') return []
      // The first axis is a batch more often than not; one is enough there.
      return [{ name: s.name, input: `extent ${s.axis} of ${header.inputs[s.input]?.name ?? '?'}`, value: s.axis === 0 ? 1 : 16 }]
    }),
    targets,
  }
}
