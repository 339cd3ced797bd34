/**
 * The package in a few files instead of hundreds: for pages without a bundler, which need no import map then, and for Node, which
 * starts several times faster. Modules of a folder import each other as `./name.js`, so what several entries share is there once.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'

/** Entries by name: the whole package, the runtime alone, and the worker that the runtime starts for threads. */
const ENTRIES = { ingot: 'src/index.ts', runtime: 'src/runtime/index.ts', worker: 'src/runtime/wasm/worker.ts' } as const

/** The files that pages import, by name, made from the sources under the project's folder `root`. */
export const browserFiles = (root: string): Promise<Map<string, Uint8Array>> => bundle(root, { entryPoints: ENTRIES, platform: 'browser', minify: true })

/** The files that Node imports, and the command; not minified, for stacks that can be read. */
export function nodeFiles(root: string): Promise<Map<string, Uint8Array>> {
  return bundle(root, { entryPoints: { ...ENTRIES, onnx: 'src/tracer/onnx/index.ts', cli: 'cli/main.ts' }, platform: 'node', external: ['commander', 'picocolors'] })
}

/** Writes both, anew, into the folders `browser` and `node` of `folder`. */
export async function writeBundles(root: string, folder: string): Promise<void> {
  for (const [name, files] of [['browser', await browserFiles(root)], ['node', await nodeFiles(root)]] as const) {
    const into = join(folder, name)
    rmSync(into, { recursive: true, force: true })
    mkdirSync(into, { recursive: true })
    for (const [file, bytes] of files) writeFileSync(join(into, file), bytes)
  }
}

async function bundle(root: string, options: BuildOptions): Promise<Map<string, Uint8Array>> {
  const { outputFiles = [], metafile } = await build({
    ...options, absWorkingDir: root, outdir: 'out', bundle: true, splitting: true, format: 'esm', target: 'es2022', legalComments: 'none', write: false, metafile: true, logLevel: 'silent',
  })
  const files = new Map<string, Uint8Array>(outputFiles.map(({ path, contents }) => [path.replace(/^.*[/\\]/, ''), contents]))
  return files.set('licenses.txt', new TextEncoder().encode(licenses(root, Object.keys(metafile?.inputs ?? {}))))
}

/** The licences of the packages whose code is among `inputs`. */
function licenses(root: string, inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path.replaceAll('\\', '/'))?.[0] ?? []))
  return [...folders].sort().map((folder) => {
    const name = folder.replace(/^.*node_modules\//, ''), file = readdirSync(join(root, folder)).find((f) => /^licen[cs]e/i.test(f))
    if (file === undefined) throw new Error(`the package ${name} has no licence file`)
    return `${name}\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`
  }).join('\n')
}
