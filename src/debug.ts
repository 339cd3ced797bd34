/**
 * What `INGOT_DEBUG` and `INGOT_DUMP` ask for. `INGOT_DEBUG` is a list of words: `passes` (time and size after each pass),
 * `schedule` (each compute with its schedule), `kernels` (kernel text), `plan` (buffers), `steps` (calls), `verify` (verify after
 * each pass), `stack` (stacks of errors at the command line). `INGOT_DUMP` is a folder for numbered files of each stage.
 */
import { IngotError } from './base/error.js'
import { nodeModule } from './base/node-modules.js'
import type { OnKernel } from './codegen/lower.js'
import { printDim } from './ir/dims-text.js'
import type { Graph } from './ir/graph.js'
import { printKernel } from './ir/kernel/print.js'
import { printCompute } from './ir/kernel/print-compute.js'
import { printGraph } from './ir/print.js'
import type { ProgramHeader } from './runtime/format.js'
import { writeError } from './write-file.js'

export const DEBUG_WORDS = ['passes', 'schedule', 'kernels', 'plan', 'steps', 'verify', 'stack'] as const
export type DebugWord = (typeof DEBUG_WORDS)[number]

/** What a compilation tells while it runs; does nothing for words that were not asked for. */
export interface Debug {
  readonly has: (word: DebugWord) => boolean
  readonly graph: (name: string, ms: number, graph: Graph) => void
  readonly kernel: OnKernel
  readonly program: (header: ProgramHeader) => void
  /** Writes what was collected for `INGOT_DUMP`. */
  readonly flush: () => Promise<void>
}

/** Reads the environment; where there is none (browsers) nothing is asked for. Throws `bad-option` for an unknown word, listing them. */
export function debugFromEnvironment(): Debug {
  const env = (globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> } }).process?.env ?? {}
  const words = parseDebugWords(env['INGOT_DEBUG'])
  const folder = env['INGOT_DUMP']
  const files: { readonly name: string; readonly text: string }[] = []
  const kernels: string[] = []
  const say = (word: DebugWord, text: () => string): void => { if (words.has(word)) console.error(text()) }
  const dumping = folder !== undefined && folder !== ''
  return {
    has: (word) => words.has(word),
    graph(name, ms, graph) {
      say('passes', () => `[passes] ${name.padEnd(24)} ${ms.toFixed(1).padStart(8)} ms  ${graph.nodes.length} nodes`)
      if (dumping) files.push({ name: `${numbered(files.length)}-${name}.ing`, text: printGraph(graph, { weights: 'short' }) })
    },
    kernel({ compute, schedule, kernel, origin }) {
      const scheduleText = schedule === undefined ? '' : `schedule ${schedule.map((d) => JSON.stringify(d)).join(' ')}\n`
      say('schedule', () => `[schedule] ${kernel.name}  (${origin})\n${compute === undefined ? 'hand-written kernel\n' : printCompute(compute)}${scheduleText}`)
      say('kernels', () => `[kernels] ${origin}\n${printKernel(kernel)}`)
      if (dumping) kernels.push(`// ${origin}\n${compute === undefined ? '' : printCompute(compute)}${scheduleText}${printKernel(kernel)}`)
    },
    program(header) {
      const buffers = (): string => header.buffers.map((b, i) => `  ${i}: ${b.dtype} × ${printDim(b.length)} ${b.place}${b.offset === undefined ? '' : ` @${b.offset}`}${b.alias === undefined ? '' : ` = ${b.alias}`} steps ${b.first}…${b.last}`).join('\n')
      const steps = (): string => header.steps.map((s, i) => `  ${i}: ${header.kernels[s.kernel]?.name}(${s.buffers.join(', ')}${s.params.map((p) => `; ${printDim(p)}`).join('')})  ${s.origin}`).join('\n')
      say('plan', () => `[plan]\n${buffers()}`)
      say('steps', () => `[steps]\n${steps()}`)
      if (dumping) for (const [name, text] of [['kernels', kernels.join('\n')], ['plan', `${buffers()}\n`], ['steps', `${steps()}\n`]] as const) files.push({ name: `${numbered(files.length)}-${name}.txt`, text })
    },
    async flush() {
      if (!dumping) return
      const [{ mkdir, writeFile }, { join }] = await Promise.all([nodeModule('node:fs/promises'), nodeModule('node:path')])
      try {
        await mkdir(folder, { recursive: true })
        for (const f of files) await writeFile(join(folder, f.name), f.text)
      } catch (cause) {
        throw writeError(folder, cause)
      }
    },
  }
}

const numbered = (n: number): string => String(n).padStart(2, '0')

/** The words of `INGOT_DEBUG`. Throws `bad-option` for an unknown one. */
export function parseDebugWords(text: string | undefined): ReadonlySet<DebugWord> {
  const words = (text ?? '').split(',').map((w) => w.trim()).filter((w) => w !== '')
  const isWord = (w: string): w is DebugWord => (DEBUG_WORDS as readonly string[]).includes(w)
  const unknown = words.filter((w) => !isWord(w))
  if (unknown.length > 0) throw new IngotError('bad-option', `INGOT_DEBUG has no word '${unknown.join("', '")}'`, { hint: `the words are ${DEBUG_WORDS.join(', ')}` })
  return new Set(words.filter(isWord))
}
