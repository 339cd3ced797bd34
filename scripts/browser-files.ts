/** The files that pages import without a bundler: the package as plain modules that need no import map. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/** Entries by name: the whole package, the runtime alone, and the worker that the runtime starts for threads. */
const ENTRIES = { ingot: 'src/index.ts', runtime: 'src/runtime/index.ts', worker: 'src/runtime/wasm/worker.ts' } as const

/** Files by name, made from the sources under the project's folder `root`. Modules import each other as `./name.js`; one folder holds them all. */
export async function browserFiles(root: string): Promise<Map<string, Uint8Array>> {
  const { outputFiles, metafile } = await build({
    entryPoints: ENTRIES, absWorkingDir: root, outdir: 'out', bundle: true, splitting: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022', legalComments: 'none', write: false, metafile: true, logLevel: 'silent',
  })
  const files = new Map<string, Uint8Array>(outputFiles.map(({ path, contents }) => [path.replace(/^.*[/\\]/, ''), contents]))
  return files.set('licenses.txt', new TextEncoder().encode(licenses(root, Object.keys(metafile.inputs))))
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
