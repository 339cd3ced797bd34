/** Runs the command line as users do: built JavaScript in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeFiles } from '../../scripts/bundles.js'
import { ROOT } from '../source-files.js'

export interface Finished { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly out: string; readonly err: string; readonly cpuMs: number }

/** Loaded before the command line; tells the processor time that it took, which does not depend on what else the machine does. */
const METER = "import { writeSync } from 'node:fs'; process.on('exit', () => { const { user, system } = process.cpuUsage(); writeSync(3, String((user + system) / 1000)) })"
export interface RunOptions { readonly env?: Readonly<Record<string, string>>; readonly input?: string; readonly cwd?: string }

/** The command as it is published, with a folder for files of the tests. */
export class BuiltCli {
  /** Where the JavaScript is: `cli.js`, `runtime.js`… */
  readonly built: string
  readonly folder: string

  private constructor(files: ReadonlyMap<string, Uint8Array>) {
    // In the repository, so that it finds its packages.
    const cache = join(ROOT, 'node_modules/.cache')
    mkdirSync(cache, { recursive: true })
    this.built = mkdtempSync(join(cache, 'ingot-cli-'))
    this.folder = mkdtempSync(join(tmpdir(), 'ingot-cli-'))
    for (const [name, bytes] of files) writeFileSync(join(this.built, name), bytes)
  }

  static async build(): Promise<BuiltCli> { return new BuiltCli(await nodeFiles(ROOT)) }

  path(name: string): string { return join(this.folder, name) }

  start(args: readonly string[], options: RunOptions = {}): ChildProcess {
    const { INGOT_DEBUG: _, INGOT_DUMP: __, FORCE_COLOR: ___, ...env } = process.env
    return spawn(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(METER)}`, join(this.built, 'cli.js'), ...args], { cwd: options.cwd ?? this.folder, env: { ...env, NO_COLOR: '1', ...options.env }, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const child = this.start(args, options)
    let out = '', err = '', cpu = ''
    child.stdout?.setEncoding('utf8').on('data', (s: string) => { out += s })
    child.stderr?.setEncoding('utf8').on('data', (s: string) => { err += s })
    child.stdio[3]?.on('data', (s: Buffer) => { cpu += s.toString() })
    child.stdin?.end(options.input)
    const { code, signal } = await new Promise<Pick<Finished, 'code' | 'signal'>>((resolve) => child.on('close', (c, s) => resolve({ code: c, signal: s })))
    return { code, signal, out, err, cpuMs: Number(cpu) }
  }

  remove(): void { for (const folder of [this.built, this.folder]) rmSync(folder, { recursive: true, force: true }) }
}
