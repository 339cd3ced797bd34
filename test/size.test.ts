import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT, sourceFiles } from './source-files.js'

const MEDIAN_LINES = 150
const MAX_LINES = 400

interface FileSize { readonly file: string; readonly lines: number; readonly reason: boolean }

/** What is wrong with the sizes of files: the median, and every long file whose first comment gives no `size:` reason. */
function sizeViolations(files: readonly FileSize[]): string[] {
  const sorted = files.map((f) => f.lines).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return [
    ...(median > MEDIAN_LINES ? [`the median file has ${median} lines`] : []),
    ...files.filter((f) => f.lines > MAX_LINES && !f.reason).map((f) => `${f.file} has ${f.lines} lines and gives no reason`),
  ]
}

/** The size of a file; a reason is a line `// size: …` or ` * size: …` among its first twenty. */
function sizeOf({ file, text }: { readonly file: string; readonly text: string }): FileSize {
  const lines = text.trimEnd().split('\n')
  return { file, lines: lines.length, reason: lines.slice(0, 20).some((l) => /^\s*(\/\/|\*) size: \S/.test(l)) }
}

/** `file:line` of each function of more than 80 lines in the given paths, as oxlint counts. */
function longFunctions(...paths: readonly string[]): string[] {
  const args = ['-c', join(ROOT, '.oxlintrc.json'), '--format', 'json', ...paths]
  let out: string
  try {
    out = execFileSync(join(ROOT, 'node_modules/.bin/oxlint'), args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    out = (error as { readonly stdout: string }).stdout
  }
  const { diagnostics } = JSON.parse(out) as { diagnostics: { code: string; filename: string; message: string; labels: { span: { line: number } }[] }[] }
  return diagnostics.filter((d) => d.code.includes('max-lines-per-function')).map((d) => `${d.filename}:${d.labels[0]?.span.line} ${d.message}`)
}

describe('size', () => {
  it('half of the files have at most 150 lines, and none over 400 is without a reason', () => {
    expect(sizeViolations(sourceFiles('src', 'cli').map(sizeOf))).toEqual([])
  })

  it('no function has more than 80 lines', () => {
    expect(longFunctions('src', 'cli')).toEqual([])
  })

  it('a long file is refused unless its header says why', () => {
    const long = 'const x = 1\n'.repeat(401)
    expect(sizeViolations([sizeOf({ file: 'src/a.ts', text: long }), ...[1, 2].map((i) => sizeOf({ file: `src/b${i}.ts`, text: 'b' }))])).toEqual(['src/a.ts has 401 lines and gives no reason'])
    expect(sizeOf({ file: 'src/a.ts', text: `// size: one table of opcodes\n${long}` }).reason).toBe(true)
    expect(sizeOf({ file: 'src/a.ts', text: `${long}// size: too late` }).reason).toBe(false)
  })

  it('a high median is refused', () => {
    const files = [10, 151, 152].map((lines, i) => ({ file: `src/${i}.ts`, lines, reason: false }))
    expect(sizeViolations(files)).toEqual(['the median file has 151 lines'])
  })

  it('a function of 81 lines is refused and one of 80 is not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ingot-size-'))
    const body = (lines: number): string => `export function f(): void {\n${'  void 0\n'.repeat(lines - 2)}}\n`
    writeFileSync(join(folder, 'long.ts'), body(81))
    writeFileSync(join(folder, 'short.ts'), body(80))
    const found = longFunctions(folder)
    rmSync(folder, { recursive: true })
    expect(found).toHaveLength(1)
    expect(found[0]).toContain('long.ts')
  })
})
