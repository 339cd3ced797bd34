/** What the commands take: a model to compile or an artefact to load, told apart by their first bytes. */
import { readFile } from 'node:fs/promises'
import { compile, decodeProgram, IngotError, importOnnx, type CompileOptions, type Graph, type ImportOnnxOptions, type ProgramData } from '../src/index.js'
import { progressLine } from './progress.js'

/** The bytes of a file; `file-not-found` or `file-unreadable` with the reason. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw new IngotError('file-not-found', `there is no file '${path}'`, { hint: 'check the path', cause })
    throw new IngotError('file-unreadable', `cannot read '${path}': ${code === 'EISDIR' ? 'it is a folder' : (cause as Error).message}`, { hint: 'give the path of a file', cause })
  }
}

/** True for the bytes of an artefact. */
export function isArtefact(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && String.fromCharCode(...bytes.subarray(0, 4)) === 'INGT'
}

/** The program of an artefact, or of a model compiled with `options`. Throws `bad-option` where an artefact has another target. */
export async function programOf(path: string, options: CompileOptions = {}): Promise<{ readonly data: ProgramData; readonly compiled: boolean }> {
  const bytes = await readBytes(path)
  if (isArtefact(bytes)) {
    const data = decodeProgram(bytes)
    const { target } = data.header
    if (options.target !== undefined && options.target !== 'auto' && options.target !== target) throw new IngotError('bad-option', `'${path}' was compiled for ${target}, not ${options.target}`, { hint: 'leave --target out, or compile the model again' })
    return { data, compiled: false }
  }
  const line = progressLine(`compiling ${path}`)
  try {
    const program = await compile(path, { ...options, onProgress: (p) => { line.step(p.name); options.onProgress?.(p) } })
    const { picked } = program.report
    if (picked !== undefined) console.error(`target ${picked.target}: ${picked.why}`)
    return { data: program.data, compiled: true }
  } finally {
    line.done()
  }
}

/** The bytes of an ONNX model; refuses an artefact, which holds no graph that could be interpreted. */
export async function modelBytes(path: string): Promise<Uint8Array> {
  const bytes = await readBytes(path)
  if (isArtefact(bytes)) throw new IngotError('bad-option', `'${path}' is a compiled artefact; this needs the model it was made from`, { hint: 'give the .onnx file' })
  return bytes
}

/** The graph of an ONNX model, not of an artefact. */
export async function graphOf(path: string, options: ImportOnnxOptions = {}): Promise<Graph> {
  await modelBytes(path)
  return importOnnx(path, options)
}
